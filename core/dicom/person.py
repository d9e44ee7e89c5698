r"""Person names: three groups, five components, and how a name is shown.

The split between family and given name is never guessed (compound surnames 欧阳, 司马; minority
names with `·`): a name is shown as one string. Source: PS3.5 6.2.1.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from core.dicom.detect import has_han

_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_INVISIBLE = frozenset("\u200b\u2060\ufeff\u00ad\u180e")
_MAX_MARKS = 4
REPLACEMENT = "\ufffd"


@dataclass(frozen=True, slots=True)
class PersonName:
    """The groups of one PN value exactly as written, ``^`` included."""

    alphabetic: str
    ideographic: str
    phonetic: str

    @property
    def display_group(self) -> str:
        """The group to show and sort by: ideographic, or the alphabetic one (which may be Han)."""
        return self.ideographic if self.ideographic.strip("^ ") else self.alphabetic

    @property
    def is_han(self) -> bool:
        """Whether the group that is shown contains Han characters."""
        return has_han(self.display_group)

    @property
    def display(self) -> str:
        """The name as one string, safe to show."""
        return display_name(self)


def parse_person_name(text: str) -> PersonName:
    """Split decoded PN text into its groups; a fourth group and beyond stay in the third."""
    groups = [*text.split("=", 2), "", ""]
    return PersonName(groups[0].strip(" "), groups[1].strip(" "), groups[2].strip(" "))


def display_name(name: PersonName | str) -> str:
    """Return a name as one string: Han components joined closely, others with a space."""
    parsed = parse_person_name(name) if isinstance(name, str) else name
    parts = [p.strip(" ") for p in parsed.display_group.split("^")]
    parts = [p for p in parts if p]
    separator = "" if parts and all(has_han(p) for p in parts) else " "
    return display_text(separator.join(parts))


def display_text(text: str, *, multiline: bool = False, max_characters: int = 1024) -> str:
    """Return text that cannot disturb the line, page or log it is shown in.

    Control characters, direction overrides and unpaired surrogates become U+FFFD, invisible
    characters go, more than four combining marks in a row are cut, and so is what is longer than
    `max_characters` (with an ellipsis). Markup is left alone: escaping is the page's business. The
    stored text keeps everything.
    """
    out: list[str] = []
    marks = 0
    for character in text[: max_characters + 1]:
        kept = _visible(character, multiline)
        is_mark = unicodedata.category(character) in ("Mn", "Me")
        marks = marks + 1 if is_mark else 0
        if kept and marks <= _MAX_MARKS:
            out.append(kept)
    shown = "".join(out)
    return shown[:max_characters] + "…" if len(text) > max_characters else shown


def _visible(character: str, multiline: bool) -> str:
    if character.isascii() and character.isprintable():
        return character
    if multiline and character in "\n\t\r":
        return character
    if character in _INVISIBLE:
        return ""
    if character in _BIDI or unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp"):
        return REPLACEMENT
    return character
