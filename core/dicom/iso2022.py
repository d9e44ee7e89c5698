"""Text with code extensions (ISO 2022 escapes): a small state machine.

pydicom leaves the escapes of ISO 2022 IR 58 in the text; here every escape is taken out, and a
multi-byte pair is taken whole before a byte is looked at as a delimiter, so that `\\`, `^` and `=`
inside a character never split a value. Source: PS3.5 6.1.2.5, Annexes H, I and K.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.dicom.charset import ESCAPES, CharacterSet

_ESC = 0x1B
_MULTI_G0 = frozenset({"jisx0208", "jisx0212", "gb2312", "ksx1001"})
_MULTI_G1 = {"gb2312": "gb18030", "ksx1001": "cp949"}


@dataclass(frozen=True, slots=True)
class Extended:
    """Text of one element: `flaws` names what had to be repaired on the way."""

    text: str
    flaws: frozenset[str]


def decode_extended(raw: bytes, charset: CharacterSet, delimiters: bytes) -> Extended:
    r"""Return the text of `raw` without its escapes.

    `delimiters` (ASCII) are the bytes before which the initial state is active again: ``\`` for
    multi-valued text, ``\^=`` for names, none for long text; control characters always are.
    Raises UnicodeDecodeError where bytes belong to no code element that is active or declared.
    """
    out: list[str] = []
    flaws: set[str] = set()
    g0, g1 = charset.g0, charset.g1
    last_g1 = charset.later_g1 or g1
    i, end = 0, len(raw)
    while i < end:
        byte = raw[i]
        if byte == _ESC:
            found = next((k for k in (raw[i : i + 4], raw[i : i + 3]) if k in ESCAPES), None)
            if found is None:
                flaws.add("escape_unknown")
                out.append("\x1b")
                i += 1
                continue
            register, element = ESCAPES[found]
            if register == 0:
                g0 = element
            else:
                g1 = last_g1 = element
            i += len(found)
        elif byte < 0x20 or (byte in delimiters and g0 not in _MULTI_G0):
            g0, g1 = charset.g0, charset.g1
            out.append(chr(byte))
            i += 1
        elif byte < 0x80:
            width = 2 if g0 in _MULTI_G0 and byte > 0x20 else 1
            out.append(_from_g0(raw[i : i + width], g0))
            i += width
        else:
            element = g1 or last_g1 or ""
            if g1 is None:
                flaws.add("escape_missing")
            width = _width(raw, i, element)
            out.append(_from_g1(raw[i : i + width], element))
            i += width
    return Extended("".join(out), frozenset(flaws))


def _width(raw: bytes, i: int, element: str) -> int:
    if element not in _MULTI_G1:
        return 1
    # Four bytes are GB18030's; no conformant IR 58 text has a digit after a high byte.
    four = element == "gb2312" and len(raw) > i + 3 and 0x30 <= raw[i + 1] <= 0x39
    return 4 if four else 2


def _from_g0(piece: bytes, element: str) -> str:
    if len(piece) == 1:
        return piece.decode("ascii" if element != "romaji" else "shift_jis")
    high = bytes(b | 0x80 for b in piece)
    if element == "jisx0208":
        return high.decode("euc_jp")
    if element == "jisx0212":
        return (b"\x8f" + high).decode("euc_jp")
    return high.decode(_MULTI_G1[element])


def _from_g1(piece: bytes, element: str) -> str:
    if element in ("katakana", "shift_jis"):
        return piece.decode("shift_jis")
    if not element:
        return piece.decode("ascii")  # raises: there is no G1
    return piece.decode(_MULTI_G1.get(element, element))
