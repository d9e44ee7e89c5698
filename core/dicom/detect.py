"""Which character set mislabelled bytes are really in.

Devices send GBK under no label or under Latin-1, UTF-8 under no label, UTF-8 under GB18030. The
tests here are strict decodings followed by a judgement of the characters that come out; Latin
names with accents must survive them, because they are legal under the same labels.
"""

from __future__ import annotations

import unicodedata
from typing import Literal

# GB18030-2022 gives these code points where Python's codec (the 2000 edition) gives private use.
_PRIVATE_USE = {
    **dict(zip(range(0xE78D, 0xE797), (0xFE10, 0xFE12, 0xFE11, *range(0xFE13, 0xFE1A)),
               strict=True)),
    0xE7C7: 0x1E3F, 0xE816: 0x20087, 0xE817: 0x20089, 0xE818: 0x200CC, 0xE81E: 0x9FB4,
    0xE826: 0x9FB5, 0xE82B: 0x9FB6, 0xE82C: 0x9FB7, 0xE831: 0x215D7, 0xE832: 0x9FB8,
    0xE83B: 0x2298F, 0xE843: 0x9FB9, 0xE854: 0x9FBA, 0xE855: 0x241FE, 0xE864: 0x9FBB,
}  # fmt: skip

Evidence = Literal["none", "weak", "strong"]


def is_han(character: str) -> bool:
    """Say whether a character is a Han ideograph (any block, 〇 and 々 included)."""
    code = ord(character)
    return (
        0x4E00 <= code <= 0x9FFF
        or 0x3400 <= code <= 0x4DBF
        or 0x20000 <= code <= 0x33479
        or 0xF900 <= code <= 0xFAD9
        or code in (0x3007, 0x3005)
    )


def has_han(text: str) -> bool:
    """Say whether a text contains a Han ideograph."""
    return not text.isascii() and any(is_han(c) for c in text)


def from_gb18030(raw: bytes) -> str:
    """Decode GB18030 (GBK and GB2312 included) as its 2022 edition; raises UnicodeDecodeError."""
    text = raw.decode("gb18030")
    if text.isascii():
        return text
    return text.translate(_PRIVATE_USE)


def gb18030_evidence(raw: bytes) -> tuple[str, Evidence]:
    """Judge whether bytes that claim to be Latin-1 are GB18030.

    Returns the text and ``none`` (not strict, or not Han and common characters only, or a Han
    character that eats into a Latin word as `é` + `r` would), ``strong``, or ``weak``: every Han
    character might as well be an accent (an ASCII trail byte, or one alone beside a Latin letter),
    so that it takes other text of the same data set to believe it.
    """
    try:
        text = from_gb18030(raw)
    except UnicodeDecodeError:
        return "", "none"
    if not has_han(text):
        return text, "none"
    evidence: Evidence = "weak"
    for i, character in enumerate(text):
        if character.isascii():
            continue
        if not is_han(character):
            if not _is_common(character):
                return text, "none"
            continue
        code = character.encode("gb18030")
        around = (text[i - 1 : i], text[i + 1 : i + 2])
        letters = sum(_is_latin(c) for c in around)
        plain = _in_gb2312(code)
        if (letters and not plain) or letters == 2:
            return text, "none"
        alone = letters == 1 and not any(c and is_han(c) for c in around)
        if (plain or len(code) == 4) and not alone:
            evidence = "strong"
    return text, evidence


def is_common_gb(raw: bytes) -> bool:
    """Say whether every non-ASCII pair is a level-1 or -2 character or symbol of GB2312."""
    try:
        text = raw.decode("gb2312")
    except UnicodeDecodeError:
        return False
    return all(c.isascii() or is_han(c) or _is_common(c) for c in text)


def utf8_evidence(raw: bytes) -> tuple[str, Evidence]:
    """Judge whether bytes are UTF-8: ``strong`` with any three- or four-byte character."""
    try:
        text = raw.decode("utf_8")
    except UnicodeDecodeError:
        return "", "none"
    if text.isascii() or any(unicodedata.category(c) in ("Cc", "Cn", "Co") for c in text
                             if not c.isascii()):  # fmt: skip
        return text, "none"
    return text, "strong" if any(ord(c) > 0x7FF for c in text) else "weak"


def mixes_scripts(text: str) -> bool:
    """Say whether a text that was read as UTF-8 has letters or signs of two bytes.

    Chinese text read in the wrong set shows them (Cyrillic, combining marks) between Han; kana and
    hangul take three bytes and are no such sign.
    """
    return any(0x80 <= ord(c) < 0x800 and unicodedata.category(c)[0] not in "PNZ" for c in text)


def _is_latin(character: str) -> bool:
    return character.isascii() and character.isalpha()


def _is_common(character: str) -> bool:
    """Punctuation, digits, signs and full-width forms: what Unicode's script calls Common."""
    if 0xFF01 <= ord(character) <= 0xFF5E:
        return True
    return unicodedata.category(character)[0] in "PNSZ"


def _in_gb2312(code: bytes) -> bool:
    return len(code) == 2 and 0xB0 <= code[0] <= 0xF7 and code[1] >= 0xA1
