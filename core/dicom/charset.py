"""Specific Character Set (0008,0005): what it declares and how its bytes are read.

Source: PS3.3 C.12.1.1.2 (defined terms), PS3.5 6.1 (character repertoires) and Annexes H, I, J, K.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from core.dicom.errors import CharacterSetUnknownError

UTF8_TERM = "ISO_IR 192"

# Defined term without code extensions -> Python codec. GBK is read as its superset GB18030, so
# that one character outside GBK does not spoil the value.
SINGLE: dict[str, str] = {
    "": "ascii",
    "ISO_IR 6": "ascii",
    "ISO_IR 100": "latin_1",
    "ISO_IR 101": "iso8859_2",
    "ISO_IR 109": "iso8859_3",
    "ISO_IR 110": "iso8859_4",
    "ISO_IR 144": "iso8859_5",
    "ISO_IR 127": "iso8859_6",
    "ISO_IR 126": "iso8859_7",
    "ISO_IR 138": "iso8859_8",
    "ISO_IR 148": "iso8859_9",
    "ISO_IR 203": "iso8859_15",
    "ISO_IR 13": "shift_jis",
    "ISO_IR 166": "iso8859_11",
    UTF8_TERM: "utf_8",
    "GB18030": "gb18030",
    "GBK": "gb18030",
}
STANDALONE = frozenset({UTF8_TERM, "GB18030", "GBK"})

# Code element by escape sequence: (register, codec). Register 0 is G0 (bytes 21-7E), 1 is G1.
# The last three are not in DICOM; they are ISO-2022-CN/KR and old JIS, seen in the field.
ESCAPES: dict[bytes, tuple[int, str]] = {
    b"\x1b(B": (0, "ascii"),
    b"\x1b(J": (0, "romaji"),
    b"\x1b$B": (0, "jisx0208"),
    b"\x1b$(D": (0, "jisx0212"),
    b"\x1b-A": (1, "latin_1"),
    b"\x1b-B": (1, "iso8859_2"),
    b"\x1b-C": (1, "iso8859_3"),
    b"\x1b-D": (1, "iso8859_4"),
    b"\x1b-L": (1, "iso8859_5"),
    b"\x1b-G": (1, "iso8859_6"),
    b"\x1b-F": (1, "iso8859_7"),
    b"\x1b-H": (1, "iso8859_8"),
    b"\x1b-M": (1, "iso8859_9"),
    b"\x1b-b": (1, "iso8859_15"),
    b"\x1b-T": (1, "iso8859_11"),
    b"\x1b)I": (1, "katakana"),
    b"\x1b$)C": (1, "ksx1001"),
    b"\x1b$)A": (1, "gb2312"),
    b"\x1b$@": (0, "jisx0208"),
    b"\x1b$A": (0, "gb2312"),
    b"\x1b$(C": (0, "ksx1001"),
}
# Defined term with code extensions -> what is in G0 and G1 when it is value 1.
INITIAL: dict[str, tuple[str, str | None]] = {
    "": ("ascii", None),
    "ISO 2022 IR 6": ("ascii", None),
    "ISO 2022 IR 100": ("ascii", "latin_1"),
    "ISO 2022 IR 101": ("ascii", "iso8859_2"),
    "ISO 2022 IR 109": ("ascii", "iso8859_3"),
    "ISO 2022 IR 110": ("ascii", "iso8859_4"),
    "ISO 2022 IR 144": ("ascii", "iso8859_5"),
    "ISO 2022 IR 127": ("ascii", "iso8859_6"),
    "ISO 2022 IR 126": ("ascii", "iso8859_7"),
    "ISO 2022 IR 138": ("ascii", "iso8859_8"),
    "ISO 2022 IR 148": ("ascii", "iso8859_9"),
    "ISO 2022 IR 203": ("ascii", "iso8859_15"),
    "ISO 2022 IR 13": ("romaji", "katakana"),
    "ISO 2022 IR 166": ("ascii", "iso8859_11"),
    "ISO 2022 IR 87": ("ascii", None),
    "ISO 2022 IR 159": ("ascii", None),
    "ISO 2022 IR 149": ("ascii", "ksx1001"),
    "ISO 2022 IR 58": ("ascii", "gb2312"),
}

_ALIASES = {
    "UTF8": UTF8_TERM,
    "ISOIR192": UTF8_TERM,
    "ISO2022IR192": UTF8_TERM,
    "GB18030": "GB18030",
    "GBK": "GBK",
    "CP936": "GBK",
    "GB2312": "GBK",
    "EUCCN": "GBK",
    "ISOIR58": "ISO 2022 IR 58",
    "ASCII": "ISO_IR 6",
    "LATIN1": "ISO_IR 100",
    "ISO88591": "ISO_IR 100",
}
_NOISE = re.compile(r"[^A-Z0-9]")


@dataclass(frozen=True, slots=True)
class CharacterSet:
    """How the text of one data set is to be read.

    Parameters
    ----------
    declared : str
        The attribute as written, values joined by a backslash.
    codec : str
        Python codec where one suffices; empty where code extensions are in use.
    g0, g1 : str
        Initial code elements under code extensions; `g1` may be None.
    later_g1 : str or None
        The first multi-byte set named in values 2…n, for text whose escapes were lost.
    trusted : bool
        False for none, ISO_IR 6 and Latin-1: labels that are often simply the default of a device.
    flaw : {"label", "unknown", "combination"} or None
        What was wrong with the label itself.
    overridden : bool
        The peer's setting replaced the label.
    """

    declared: str
    codec: str
    g0: str = "ascii"
    g1: str | None = None
    later_g1: str | None = None
    trusted: bool = True
    flaw: Literal["label", "unknown", "combination"] | None = None
    overridden: bool = False


def parse_character_set(declared: str, override: str | None = None) -> CharacterSet:
    r"""Return how to read a data set that declares `declared` (values joined by ``\``).

    `override` is a peer's setting (a defined term or a usual name such as ``UTF-8``); it wins over
    the label. Raises CharacterSetUnknownError if the override is not known. A label is never
    refused: an unknown one is read as if it were not there, and says so in `flaw`.
    """
    if override is not None:
        terms = [_term(part) for part in override.split("\\")]
        if any(t is None for t in terms):
            raise CharacterSetUnknownError(charset=override[:64])
        return _plan(declared, [t or "" for t in terms], flaw=None, overridden=True)
    flaw: Literal["label", "unknown", "combination"] | None = None
    known: list[str] = []
    for part in declared.split("\\"):
        term = _term(part)
        if term is None:
            flaw = "unknown"
        else:
            known.append(term)
            if term != part.strip(" \0") and flaw is None:
                flaw = "label"
    return _plan(declared, known or [""], flaw, overridden=False)


def _term(written: str) -> str | None:
    """Return the defined term that is meant, or None."""
    text = written.strip(" \0")
    if text in SINGLE or text in INITIAL:
        return text
    bare = _NOISE.sub("", text.upper())
    if bare in _ALIASES:
        return _ALIASES[bare]
    for table in (SINGLE, INITIAL):
        for term in table:
            if term and _NOISE.sub("", term) == bare:
                return term
    return None


def _plan(
    declared: str,
    terms: list[str],
    flaw: Literal["label", "unknown", "combination"] | None,
    *,
    overridden: bool,
) -> CharacterSet:
    alone = [t for t in terms if t in STANDALONE]
    if alone:
        # PS3.3 C.12.1.1.2: these three stand alone; beside others, they are what the text is in.
        wrong = "combination" if len(terms) > 1 else flaw
        return CharacterSet(declared, SINGLE[alone[0]], flaw=wrong, overridden=overridden)
    if len(terms) == 1 and terms[0] in SINGLE:
        codec = SINGLE[terms[0]]
        trusted = overridden or codec not in ("ascii", "latin_1")
        return CharacterSet(declared, codec, trusted=trusted, flaw=flaw, overridden=overridden)
    extended = [t if t in INITIAL else t.replace("ISO_IR", "ISO 2022 IR") for t in terms]
    g0, g1 = INITIAL.get(extended[0], ("ascii", None))
    multi = [INITIAL[t][1] for t in extended if t in ("ISO 2022 IR 58", "ISO 2022 IR 149")]
    if flaw is None and extended != terms:
        flaw = "label"
    return CharacterSet(declared, "", g0, g1, multi[0] if multi else None, True, flaw, overridden)
