"""Typed, numbered refusals with a public sentence in Chinese and English.

Every refusal of the product is a subclass of :class:`XinglinError` and says three things as class
attributes: ``code`` (a number that is never reused), ``zh`` and ``en`` (public sentences, formatted
with the facts given to the constructor). A test walks all subclasses: codes are unique and in the
range of their package, both sentences exist and name the same facts.

Facts must never carry a patient's identity: they reach logs, screens and peers.

Ranges: 1xxx journal, blobs, vault, views · 2xxx intake and DICOM · 3xxx imaging · 4xxx models and
engines · 5xxx results and delivery · 6xxx web, users · 7xxx backup · 8xxx phantom and demo.
"""

from __future__ import annotations

from typing import ClassVar, Literal

Language = Literal["zh", "en"]
Fact = str | int | float


class XinglinError(Exception):
    """Base of every refusal.

    Parameters
    ----------
    **facts : str, int or float
        What the sentences' placeholders need. No patient identifiers.
    """

    code: ClassVar[int] = 0
    zh: ClassVar[str] = "未知错误"
    en: ClassVar[str] = "Unknown error"

    def __init__(self, **facts: Fact) -> None:
        self.facts: dict[str, Fact] = facts
        super().__init__(f"E{self.code}: {self.sentence('en')}")

    def sentence(self, language: Language) -> str:
        """Return the public sentence in one language."""
        template = self.zh if language == "zh" else self.en
        return template.format(**self.facts)

    def as_json(self) -> dict[str, object]:
        """Return the form that goes to a page, a log or a record."""
        return {
            "code": f"E{self.code}",
            "message_zh": self.sentence("zh"),
            "message_en": self.sentence("en"),
        }
