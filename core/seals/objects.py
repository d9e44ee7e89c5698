"""Sealed objects: the chunked envelope under a consultation's key, bound to what and where it is.

The context (consultation, epoch, object id, kind, position) goes into the file key's derivation and
into every chunk's associated data, so that an object cannot be moved, and every object has a file
key of its own. Its address is the SHA-256 of its sealed bytes.

Two strengths, which callers choose knowingly. *Ranges* open without the whole object: a change by
anybody without the consultation key is refused, but another holder of that key (a removed member
who works with the hub) could have made other chunks under it. *Whole* objects are compared with the
address that stands in the case index, which the requesting side signed: nobody can exchange those.
Frame groups are about 1 MiB for that reason.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from core.blobs import envelope
from core.blobs.errors import BlobDamaged
from core.records.canonical import to_bytes
from core.seals.errors import AddressMismatch, InlineTooLong, ObjectDamaged, SuiteUnknown
from core.seals.text import from_base64url, to_base64url

KINDS = frozenset(
    ["frames", "manifest", "qc", "findings", "outlines", "heatmap", "report", "document", "facts",
     "case", "message", "opinion", "answer"]
)  # fmt: skip
INLINE_LIMIT = 192 * 1024  # characters of base64url in an event
_MAGIC, _SUITE = b"XLB", 0x01
SALT = envelope.SALT
ReadAt = envelope.ReadAt


@dataclass(frozen=True, slots=True)
class ObjectContext:
    """What a sealed object is and where it belongs.

    Attributes
    ----------
    consult, object : str
        Ids (``c_``…, ``o_``…).
    epoch : int
        Epoch of the key it is sealed under, from 1.
    kind : str
        One of :data:`KINDS`.
    position : mapping
        Empty, or opaque ordinals ``study``, ``series``, ``instance`` and ``frames`` [first, count];
        no UID ever.
    """

    consult: str
    epoch: int
    object: str
    kind: str
    position: Mapping[str, int | list[int]] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """Return the canonical bytes that bind the object."""
        return to_bytes(
            {
                "consult": self.consult,
                "epoch": self.epoch,
                "kind": self.kind,
                "object": self.object,
                "position": dict(self.position),
            }
        )


class Sealer(envelope.Sealer):
    """Seals a stream: ``header``, then what ``update`` yields, then ``final()``.

    Parameters
    ----------
    key : bytes
        Consultation key of the context's epoch.
    salt : bytes
        32 fresh random bytes.
    """

    def __init__(
        self,
        key: bytes,
        salt: bytes,
        context: ObjectContext,
        chunk_log2: int = envelope.CHUNK_LOG2,
    ) -> None:
        super().__init__(key, salt, chunk_log2, context.to_bytes())


class Opener:
    """Reads any range of a sealed object.

    Parameters
    ----------
    key : bytes
        Consultation key of the context's epoch.
    read_at : callable
        ``read_at(offset, length)`` of the sealed bytes.
    size : int
        Length of the sealed bytes.
    context : ObjectContext
        What the signed index says that it is.

    Raises
    ------
    SuiteUnknown
        If the header names another suite.
    ObjectDamaged
        If the header is not ours, the length cannot be, or key or context is another one.
    """

    def __init__(self, key: bytes, read_at: ReadAt, size: int, context: ObjectContext) -> None:
        start = read_at(0, len(_MAGIC) + 1)
        if start[:-1] == _MAGIC and start[-1] != _SUITE:
            raise SuiteUnknown(suite=start[-1], what="object")
        try:
            self._inner = envelope.Opener(key, read_at, size, context.to_bytes())
        except BlobDamaged as damage:
            raise ObjectDamaged(fault=str(damage.facts["fault"])) from None
        self.length = self._inner.length

    def read(self, offset: int, length: int) -> bytes:
        """Return plaintext ``offset … offset + length``, cut at the end, or raise ObjectDamaged."""
        try:
            return self._inner.read(offset, length)
        except BlobDamaged as damage:
            raise ObjectDamaged(fault=str(damage.facts["fault"])) from None

    def whole(self) -> bytes:
        """Return all plaintext; the last chunk is always looked at, also of an empty object."""
        try:
            if not self.length:
                self._inner.verify()
            return self._inner.read(0, self.length)
        except BlobDamaged as damage:
            raise ObjectDamaged(fault=str(damage.facts["fault"])) from None


def address_of(sealed: bytes) -> str:
    """Return an object's address: SHA-256 of its sealed bytes, hex."""
    return hashlib.sha256(sealed).hexdigest()


def sealed_length(plain: int, chunk_log2: int = envelope.CHUNK_LOG2) -> int:
    """Return how long a sealed object of so many plain bytes is."""
    chunks = max(1, -(-plain // (1 << chunk_log2)))
    return envelope.HEADER + plain + chunks * envelope.TAG


def seal(plain: bytes, key: bytes, salt: bytes, context: ObjectContext) -> bytes:
    """Return a whole sealed object; ``salt`` is 32 fresh random bytes."""
    return envelope.seal(plain, key, salt, context.to_bytes())


def open_whole(
    sealed: bytes, key: bytes, context: ObjectContext, address: str | None = None
) -> bytes:
    """Return the plaintext of a whole object.

    Parameters
    ----------
    address : str, optional
        What the signed index says; give it whenever there is one.

    Raises
    ------
    AddressMismatch, SuiteUnknown, ObjectDamaged
        If the bytes are not those, or do not open under this key and context.
    """
    if address is not None and address_of(sealed) != address:
        raise AddressMismatch
    return Opener(key, lambda at, n: sealed[at : at + n], len(sealed), context).whole()


def seal_inline(plain: bytes, key: bytes, salt: bytes, context: ObjectContext) -> str:
    """Seal a short text for an event's ``sealed`` field (base64url).

    Raises
    ------
    InlineTooLong
        If the result has more than 192 KiB; then it must be an object.
    """
    text = to_base64url(seal(plain, key, salt, context))
    if len(text) > INLINE_LIMIT:
        raise InlineTooLong(length=len(text), limit=INLINE_LIMIT)
    return text


def open_inline(text: str, key: bytes, context: ObjectContext) -> bytes:
    """Open an event's ``sealed`` field.

    Raises
    ------
    SuiteUnknown, ObjectDamaged
        If it does not open under this key and context.
    """
    try:
        sealed = from_base64url(text)
    except ValueError:
        raise ObjectDamaged(fault="base64url") from None
    return open_whole(sealed, key, context)
