"""Who released a page: the publisher's Ed25519 signature over the list of its files.

The list (``asset-manifest.json``) names every file's SHA-384, so its signature covers the page. The
private key stays with the publisher; an appliance is told the public key on another way than the
page comes (settings, paper). RFC 8032; the domain keeps the signature from meaning anything else.
"""

from __future__ import annotations

import base64
import binascii

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from core.web.release_errors import ReleaseForged, ReleaseKeyWrong, ReleaseUnsigned

SIGNATURE = "asset-manifest.sig"
_DOMAIN = b"xinglin page release v1\0"
_LONGEST = 200


def publisher_key(text: str) -> Ed25519PublicKey:
    """Return the publisher's public key from its base64 text.

    Raises
    ------
    ReleaseKeyWrong
        If the text is no such key.
    """
    try:
        return Ed25519PublicKey.from_public_bytes(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        raise ReleaseKeyWrong from None


def key_text(key: Ed25519PublicKey) -> str:
    """Return a public key as settings name it."""
    return base64.b64encode(key.public_bytes_raw()).decode()


def signature_of(manifest: bytes, key: Ed25519PrivateKey) -> bytes:
    """Return the signature file of a list; pure."""
    return base64.b64encode(key.sign(_DOMAIN + manifest)) + b"\n"


def check_signature(manifest: bytes, signature: bytes | None, publisher: Ed25519PublicKey) -> None:
    """Refuse a list that the publisher did not sign.

    Parameters
    ----------
    signature : bytes or None
        The signature file; None where there is none.

    Raises
    ------
    ReleaseUnsigned
        There is no signature.
    ReleaseForged
        It is not the publisher's, or of another list.
    """
    if signature is None:
        raise ReleaseUnsigned
    try:
        raw = base64.b64decode(signature[:_LONGEST].strip(), validate=True)
        publisher.verify(raw, _DOMAIN + manifest)
    except (binascii.Error, ValueError, InvalidSignature):
        raise ReleaseForged from None
