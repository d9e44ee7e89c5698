"""Typed, numbered refusals with a public sentence in Chinese and English.

Every refusal of the product is a subclass of :class:`XinglinError` and says three things as class
attributes: ``code`` (a number that is never reused), ``zh`` and ``en`` (public sentences, formatted
with the facts given to the constructor). A test walks all subclasses: codes are unique and in the
range of their package, both sentences exist and name the same facts.

Facts must never carry a patient's identity: they reach logs, screens and peers.

Ranges (``provisioning.errors_doc`` holds them as data; ``docs/errors.md`` lists every number):
1000-1099 journal · 1100-1199 vault · 1200-1299 blobs · 1300-1399 data folder and settings ·
2000-2499 DICOM receiver · 2500-2699 text and heads · 2700-2899 query, retrieve, commitment ·
2900-2949 quarantine · 2950-3049 files, archives, pixels · 3050-3999 imaging · 4000-4199 bundles and
engines · 4200-4499 GPU · 4500-4999 training · 5000-5299 result objects and delivery ·
5300-5399 stages · 5400-5419 joining a patient's studies · 5420-5449 review ·
5450-5459 a person's measurements ·
6000-6999 web and accounts ·
7000-7019 backup and restore ·
7020-7199 seals and the key directory · 7200-7299 rules of a consultation · 7300-7349 joining and
certificates · 7350-7399 the region's certificates · 7400-7499 sync, at the hub · 7500-7579 sync, at
the box · 7580-7599 the portal as a box serves it · 7600-7699 hub: folder, accounts, portal ·
7700-7799 consultations at the hub · 7800-7849 regional statistics · 7850-7899 audit · 7900-7999
consultations at the box · 8000-8999 phantom.
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
