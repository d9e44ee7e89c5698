"""The one-time code of an enrolment, on paper and as a QR picture's text.

A code is 40 bytes::

    invite's id (5) ‖ secret (16) ‖ pin (16) ‖ checksum (3)

written as 16 groups of four letters in Crockford's base 32 (no I, L, O, U). The pin is the first
half of the SHA-256 of the enrolment server's public key (SubjectPublicKeyInfo), so that a box
trusts exactly the server that its hospital was invited by. The checksum is no secret and no proof:
it tells a person who copied a letter wrong, before anything is sent. Its domain is the form's
version.

The text of a picture is ``xinglin:join?hub=HOST:PORT&code=CODE``. Pure.
"""

from __future__ import annotations

import hashlib
import unicodedata
from dataclasses import dataclass
from urllib.parse import parse_qs, urlencode

from core.vault.enrol_errors import AddressWrong, CodeMistyped

ID_BYTES, SECRET_BYTES, PIN_BYTES = 5, 16, 16
_CHECK_BYTES = 3
_BYTES = ID_BYTES + SECRET_BYTES + PIN_BYTES + _CHECK_BYTES
_LETTERS = _BYTES * 8 // 5
_GROUP = 4
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LIKE = str.maketrans({"O": "0", "I": "1", "L": "1"})
_SCHEME = "xinglin:join?"
_DEFAULT_PORT = 8092


@dataclass(frozen=True, slots=True)
class JoinCode:
    """What a code says.

    Attributes
    ----------
    invite : str
        Public id of the invitation, 10 hex digits.
    secret : bytes
        16 bytes; never sent, only proved.
    pin : bytes
        16 bytes of the SHA-256 of the server's public key.
    """

    invite: str
    secret: bytes
    pin: bytes

    def text(self) -> str:
        """Return the printed form: 16 groups of four letters with hyphens."""
        plain = bytes.fromhex(self.invite) + self.secret + self.pin
        number = int.from_bytes(plain + _checksum(plain), "big")
        letters = "".join(_ALPHABET[number >> 5 * n & 31] for n in reversed(range(_LETTERS)))
        return "-".join(letters[at : at + _GROUP] for at in range(0, _LETTERS, _GROUP))

    def picture_text(self, hub: str) -> str:
        """Return what a QR picture says: the hub's address and the code."""
        return _SCHEME + urlencode({"hub": hub, "code": self.text()}, safe=":[]")


def parse_code(text: str) -> JoinCode:
    """Return a typed or pasted code.

    Case, hyphens, blanks, full-width letters, and O for 0 or I and L for 1 do not matter.

    Raises
    ------
    CodeMistyped
        If a letter is impossible, letters are missing, or the checksum says no.
    """
    if len(text) > 1000:
        raise CodeMistyped
    plain = unicodedata.normalize("NFKC", text).upper().translate(_LIKE)
    letters = [c for c in plain if not c.isspace() and unicodedata.category(c) != "Pd"]
    if len(letters) != _LETTERS or not set(letters) <= set(_ALPHABET):
        raise CodeMistyped
    number = 0
    for letter in letters:
        number = number << 5 | _ALPHABET.index(letter)
    data = number.to_bytes(_BYTES, "big")
    body, check = data[:-_CHECK_BYTES], data[-_CHECK_BYTES:]
    if check != _checksum(body):
        raise CodeMistyped
    secret_ends = ID_BYTES + SECRET_BYTES
    return JoinCode(body[:ID_BYTES].hex(), body[ID_BYTES:secret_ends], body[secret_ends:])


def parse_invitation(address: str, text: str) -> tuple[str, JoinCode]:
    """Return (hub's address, code); a scanned picture's text names the address itself.

    Raises
    ------
    CodeMistyped, AddressWrong
    """
    scanned = text.strip()
    if not scanned.startswith(_SCHEME):
        return address, parse_code(text)
    said = parse_qs(scanned.removeprefix(_SCHEME)[:1000])
    code = parse_code(said.get("code", [""])[0])
    named = address or said.get("hub", [""])[0]
    if not named:
        raise AddressWrong(address="")
    return named, code


def host_and_port(address: str) -> tuple[str, int]:
    """Return host and port of ``host``, ``host:port`` or ``[v6]:port``.

    Raises
    ------
    AddressWrong
    """
    text = address.strip()
    host, _, port = text.rpartition(":")
    if text.endswith("]") or ":" not in text:
        host, port = text, str(_DEFAULT_PORT)
    host = host.removeprefix("[").removesuffix("]")
    known = port.isascii() and port.isdigit() and len(port) <= 5 and 0 < int(port) < 65536
    bare = bool(host) and len(host) <= 253 and host.isascii() and host.isprintable()
    if not known or not bare or set(host) & set(" /@?#[]\\,"):
        raise AddressWrong(address=text[:80])
    return host, int(port)


def _checksum(plain: bytes) -> bytes:
    return hashlib.sha256(b"xinglin join code v1" + plain).digest()[:_CHECK_BYTES]
