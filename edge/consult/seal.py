"""Sealing what is sent: deterministic, so that a job that was killed and runs again sends the same.

An object's id follows from the consultation's key and its place; its salt also from its plaintext
(as a synthetic IV does), so that a salt never meets two plaintexts.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from core.consult.case import CaseObject
from core.records.canonical import to_bytes
from core.seals.objects import ObjectContext, seal
from core.vault.identity import derive
from edge.consult.region import Post


@dataclass(frozen=True, slots=True)
class Piece:
    """Something to be sealed as an object."""

    kind: str
    data: bytes
    content_type: str
    position: Mapping[str, Any] = field(default_factory=dict)
    title: str = ""


@dataclass(frozen=True)
class Packer:
    """Seals pieces of one consultation and hands them to the outbox.

    Attributes
    ----------
    objects : list of CaseObject
        What was packed, in order.
    """

    post: Post
    consult: str
    epoch: int
    key: bytes
    objects: list[CaseObject] = field(default_factory=list)
    sizes: dict[str, int] = field(default_factory=dict)

    def object_id(self, kind: str, position: Mapping[str, Any], title: str = "") -> str:
        """Return an object's id: opaque to who lacks the key, the same at every run."""
        name = to_bytes({"epoch": self.epoch, "kind": kind, "position": dict(position),
                         "title": title})  # fmt: skip
        return "o_" + hmac.new(derive(self.key, "object ids v1"), name, "sha256").hexdigest()[:32]

    def put(self, piece: Piece, priority: int) -> CaseObject:
        """Seal a piece and put it into the outbox; the same piece again is the same object."""
        object_id = self.object_id(piece.kind, piece.position, piece.title)
        context = ObjectContext(
            self.consult, self.epoch, object_id, piece.kind, dict(piece.position)
        )
        sealed = seal(piece.data, self.key, self._salt(context, piece.data), context)
        address = self.post.put_object(sealed, self.consult, priority)
        made = CaseObject(
            object=object_id,
            kind=piece.kind,
            address=address,
            length=len(piece.data),
            content_type=piece.content_type,
            position=dict(piece.position),
            title=piece.title,
            epoch=self.epoch,
        )
        self.objects.append(made)
        self.sizes[address] = len(sealed)
        return made

    def _salt(self, context: ObjectContext, plain: bytes) -> bytes:
        message = context.to_bytes() + hashlib.sha256(plain).digest()
        return hmac.new(derive(self.key, "object salts v1"), message, "sha256").digest()


def reference(one: CaseObject, size: int) -> dict[str, Any]:
    """Return what everybody may know of an object; its length there is that of the ciphertext."""
    return {"address": one.address, "kind": one.kind, "length": size, "object": one.object}
