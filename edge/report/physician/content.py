"""A physician's report as coded content. Pure.

A report is an ordered list of statements in five sections and a few coded fields. A statement is

``bound``   a sentence template and its arguments, which come from measurements or records
            (``sources`` names them); its words follow from code and arguments, in both languages
``phrase``  a template of the department with filled fields
``free``    words that a person typed; they stay in their language and are marked as such

Invariants: a bound statement of the AI is *unconfirmed* until a person has touched it; what a
person changed in its words is a free statement that says which one it replaces; a statement that a
person took out stays out (``dismissed``) when the measurements are read again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final, Literal, get_args

from core.records.canonical import to_bytes
from edge.report.physician.classes import Classification, Severity, classification_of, severity_of
from edge.report.physician.errors import ContentWrong
from edge.report.physician.exhibits import FollowUpTable, follow_up_table, pictures_of

Section = Literal["technique", "comparison", "findings", "impression", "advice"]
Way = Literal["bound", "phrase", "free"]
Origin = Literal["ai", "record", "person"]
Language = Literal["zh", "en"]

SECTIONS: Final[tuple[Section, ...]] = get_args(Section)
TITLES: Final[dict[Section, tuple[str, str]]] = {
    "technique": ("检查技术", "Technique"),
    "comparison": ("对照", "Comparison"),
    "findings": ("影像所见", "Findings"),
    "impression": ("影像诊断", "Impression"),
    "advice": ("建议", "Recommendation"),
}
MOST_STATEMENTS: Final = 200
LONGEST: Final = 4000
_PARTS: Final = frozenset(
    {
        "statements", "classification", "severity", "dismissed", "acknowledged", "follow_up",
        "pictures",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement.

    Attributes
    ----------
    key : str
        Name within the report; of a bound one it follows from what it states, so that it is found
        again after a new measurement.
    template : str
        Bound: code of :mod:`edge.report.physician.wording`. Phrase: ``id@version``.
    arguments : dict
        JSON types only; of a phrase the filled fields by name.
    sources : tuple of str
        Measurements and records that the arguments come from: ``"L3.long_axis_mm"``.
    origin : {"ai", "record", "person"}
    confirmed : bool
        A person has touched it; true of whatever a person wrote.
    text, language : str
        Free words and their language.
    replaces : str
        Key of the bound statement whose words a person changed.
    """

    key: str
    section: Section
    way: Way
    template: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    sources: tuple[str, ...] = ()
    origin: Origin = "person"
    confirmed: bool = False
    text: str = ""
    language: Language = "zh"
    replaces: str = ""

    @property
    def unconfirmed(self) -> bool:
        """Whether this is the AI's word alone."""
        return self.origin == "ai" and not self.confirmed


@dataclass(frozen=True, slots=True)
class Content:
    """A report's content.

    Attributes
    ----------
    dismissed : tuple of str
        Keys of offered statements that a person took out.
    acknowledged : tuple of str
        Names of prompts that a person read and let stand.
    follow_up : FollowUpTable or None
        The comparison's table, where a person put it into the report.
    pictures : tuple of str
        Frames (``<SOP Instance UID>/<frame>``) that are printed with it.
    """

    statements: tuple[Statement, ...] = ()
    classification: Classification = field(default_factory=Classification)
    severity: tuple[Severity, ...] = ()
    dismissed: tuple[str, ...] = ()
    acknowledged: tuple[str, ...] = ()
    follow_up: FollowUpTable | None = None
    pictures: tuple[str, ...] = ()

    def section(self, section: Section) -> tuple[Statement, ...]:
        """Return the statements of one section, in order."""
        return tuple(one for one in self.statements if one.section == section)

    @property
    def unconfirmed(self) -> tuple[Statement, ...]:
        """Return what only the AI says."""
        return tuple(one for one in self.statements if one.unconfirmed)

    def as_json(self) -> dict[str, Any]:
        """Return the content in JSON types.

        What an older release did not know is written only where it is there: the digest of what
        was signed then stays.
        """
        more: dict[str, Any] = {}
        if self.follow_up is not None:
            more["follow_up"] = self.follow_up.as_json()
        if self.pictures:
            more["pictures"] = list(self.pictures)
        return more | {
            "statements": [statement_json(one) for one in self.statements],
            "classification": asdict(self.classification)
            | {"basis": [asdict(one) for one in self.classification.basis]},
            "severity": [asdict(one) for one in self.severity],
            "dismissed": list(self.dismissed),
            "acknowledged": list(self.acknowledged),
        }

    @property
    def digest(self) -> str:
        """Return the SHA-256 of the canonical content: what a signature names."""
        return hashlib.sha256(to_bytes(self.as_json())).hexdigest()


def statement_json(one: Statement) -> dict[str, Any]:
    """Return a statement in JSON types."""
    return {
        "key": one.key, "section": one.section, "way": one.way, "template": one.template,
        "arguments": dict(one.arguments), "sources": list(one.sources), "origin": one.origin,
        "confirmed": one.confirmed, "text": one.text, "language": one.language,
        "replaces": one.replaces,
    }  # fmt: skip


def content_of(data: Mapping[str, Any]) -> Content:
    """Return the content of a JSON object.

    Raises
    ------
    ContentWrong
        Naming the first field that is wrong: nothing is dropped silently.
    """
    for name in data:
        if name not in _PARTS:
            raise ContentWrong(field=str(name)[:40])
    rows = _list(data, "statements")
    if len(rows) > MOST_STATEMENTS:
        raise ContentWrong(field="statements")
    statements = tuple(_statement(row, f"statements[{n}]") for n, row in enumerate(rows))
    if len({one.key for one in statements}) != len(statements):
        raise ContentWrong(field="statements.key")
    return Content(
        statements=statements,
        classification=classification_of(data.get("classification") or {}),
        severity=tuple(severity_of(row) for row in _list(data, "severity")),
        dismissed=_names(data, "dismissed"),
        acknowledged=_names(data, "acknowledged"),
        follow_up=follow_up_table(data.get("follow_up")),
        pictures=pictures_of(data.get("pictures")),
    )


def kept_to_offer(content: Content, offered: Iterable[Statement]) -> Content:
    """Return the content whose bound statements say only what the box offers.

    A page sends back what it was given; what it may decide of a bound statement is where it stands
    and that it was confirmed. One that is not offered any more keeps its words: the refresh says
    so.
    """
    by_key = {one.key: one for one in offered}

    def held(one: Statement) -> Statement:
        known = by_key.get(one.key)
        if one.way != "bound":
            return replace(one, origin="person", confirmed=True)
        if known is None or dict(known.arguments) != dict(one.arguments):
            return one
        return replace(known, confirmed=one.confirmed, section=one.section)

    return replace(content, statements=tuple(held(one) for one in content.statements))


def _statement(row: Any, where: str) -> Statement:
    if not isinstance(row, Mapping):
        raise ContentWrong(field=where)
    section: Any = row.get("section")
    way: Any = row.get("way")
    if section not in SECTIONS or way not in get_args(Way):
        raise ContentWrong(field=f"{where}.section")
    origin: Any = row.get("origin", "person")
    language: Any = row.get("language", "zh")
    if origin not in get_args(Origin) or language not in ("zh", "en"):
        raise ContentWrong(field=f"{where}.origin")
    arguments = row.get("arguments") or {}
    if not isinstance(arguments, Mapping):
        raise ContentWrong(field=f"{where}.arguments")
    key = _text(row, "key", where, 120)
    if not key:
        raise ContentWrong(field=f"{where}.key")
    return Statement(
        key=key,
        section=section,
        way=way,
        template=_text(row, "template", where, 120),
        arguments=dict(arguments),
        sources=_names(row, "sources"),
        origin=origin,
        confirmed=bool(row.get("confirmed")),
        text=_text(row, "text", where, LONGEST),
        language=language,
        replaces=_text(row, "replaces", where, 120),
    )


def _text(row: Mapping[str, Any], name: str, where: str, longest: int) -> str:
    value = row.get(name, "")
    if not isinstance(value, str) or len(value) > longest:
        raise ContentWrong(field=f"{where}.{name}")
    if any("\ud800" <= c <= "\udfff" or c == "\0" for c in value):
        raise ContentWrong(field=f"{where}.{name}")
    return value


def _list(data: Mapping[str, Any], name: str) -> list[Any]:
    value = data.get(name) or []
    if not isinstance(value, list):
        raise ContentWrong(field=name)
    return value


def _names(data: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = _list(data, name)
    if len(value) > MOST_STATEMENTS or not all(isinstance(x, str) and len(x) < 200 for x in value):
        raise ContentWrong(field=name)
    return tuple(value)
