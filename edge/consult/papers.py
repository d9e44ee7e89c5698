"""Scanned documents of a consultation: PDF and photographs, sealed under the study's key."""

from __future__ import annotations

from typing import Any

from core.blobs.disk import put
from edge.consult.book import kept
from edge.consult.errors import ConsultUnknown, DocumentRefused
from edge.consult.region import Desk
from edge.consult.requests import draft_of

LARGEST = 20_000_000
_MAGIC = (
    (b"%PDF-", "application/pdf"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
)


def content_type_of(data: bytes) -> str:
    """Return what a document is by its first bytes; what a sender says is not believed.

    Raises
    ------
    DocumentRefused
    """
    if 0 < len(data) <= LARGEST:
        for magic, kind in _MAGIC:
            if data.startswith(magic):
                return kind
    raise DocumentRefused(limit_mb=LARGEST // 1_000_000)


def keep_document(desk: Desk, consult: str, title: str, data: bytes, user: str) -> str:
    """Keep a document for a draft or a running consultation; return its id.

    Raises
    ------
    DocumentRefused, ConsultUnknown
    """
    kind, box = content_type_of(data), desk.box
    study = study_of(desk, consult)
    address = put(box.blobs, data, box.vault.key(study), box.outside.randomness(32))
    id_ = box.outside.randomness(8).hex()
    shown = "".join(c for c in title if c.isprintable()).strip()[:120] or kind
    with box.database.transaction() as sql:
        sql.execute(
            "INSERT INTO consult_document VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (id_, consult, study, shown, kind, len(data), address, user, box.outside.now_ms()),
        )
    return id_


def read_document(desk: Desk, consult: str, id_: str) -> tuple[bytes, str, str]:
    """Return a document's bytes, content type and title.

    Raises
    ------
    ConsultUnknown
    """
    rows = desk.box.database.query(
        "SELECT study, blob, content_type, title FROM consult_document"
        " WHERE consult = ? AND id = ?",
        (consult, id_),
    )
    if not rows:
        raise ConsultUnknown
    study, blob, kind, title = rows[0]
    with desk.box.blobs.open(blob, desk.box.vault.key(study)) as sealed:
        return sealed.read(), kind, title


def drafted(desk: Desk, consult: str, user: str) -> dict[str, Any]:
    """Return a person's own draft with the documents that were added to it.

    Raises
    ------
    ConsultUnknown
        If there is none, or it is another person's.
    """
    found = draft_of(desk.box, consult)
    if found.pop("author") != user:
        raise ConsultUnknown
    rows = desk.box.database.query(
        "SELECT id, title, content_type, bytes FROM consult_document WHERE consult = ?"
        " ORDER BY created, id",
        (consult,),
    )
    names = ("id", "title", "content_type", "bytes")
    documents = [dict(zip(names, row, strict=True)) for row in rows]
    return {"id": consult, **found, "documents": documents}


def study_of(desk: Desk, consult: str) -> str:
    """Return the study of a draft or of a consultation.

    Raises
    ------
    ConsultUnknown
    """
    try:
        return kept(desk.box, consult).study
    except ConsultUnknown:
        return str(draft_of(desk.box, consult)["study"])
