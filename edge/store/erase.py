"""Erasure: the key goes first, then the record that says so, then rows and ciphertext."""

from __future__ import annotations

import json

from core.records.record import Draft
from core.vault.errors import KeyDestroyed
from edge.store.box import Box

_NAMING = ("alternate", "manifest", "result_object", "consult_object", "consult_document",
           "report_object", "measurement_object", "thumbnail")  # fmt: skip
#: Tables whose rows hold their blobs' addresses as JSON, by name.
_ADDRESSES = ("result", "comparison", "review")
_OF_STUDY = (
    "report_draft",
    "job", "progress", "arrival", "manifest", "consult_draft", "consult_document", "consult_sent",
    "shadow_result", "review_draft", "thumbnail", "screening_item",
)  # fmt: skip


def blobs_of(box: Box, subject: str) -> set[str]:
    """Return the addresses of every blob of a subject's studies, from rows and results."""
    found: set[str] = set()
    inner = "SELECT study FROM study WHERE subject = ?"
    for table, column, where in (
        ("instance", "blob", "study"), ("alternate", "blob", "grp"), ("manifest", "blob", "study"),
        ("result_object", "blob", "study"), ("consult_object", "blob", "study"),
        ("consult_document", "blob", "study"), ("report_object", "blob", "study"),
        ("measurement_object", "blob", "study"),
        ("thumbnail", "blob", "study"),
    ):  # fmt: skip
        sql = f"SELECT {column} FROM {table} WHERE {where} IN ({inner})"
        found |= {row[0] for row in box.database.query(sql, (subject,))}
    for table in _ADDRESSES:
        sql = f"SELECT blobs FROM {table} WHERE study IN ({inner})"
        for (blobs,) in box.database.query(sql, (subject,)):
            found |= {address for address in json.loads(blobs).values() if address}
    found |= {
        row[0]
        for row in box.database.query(
            f"SELECT blob FROM quarantine WHERE key IN ({inner})", (subject,)
        )
    }
    return found - {""}  # a thumbnail that could not be made names none


def erase_subject(box: Box, subject: str, reason: str) -> int:
    """Destroy a subject's key and remove what it sealed; return how many blobs went.

    The order matters: once the key is gone nothing can be read, whatever happens next.

    Raises
    ------
    core.vault.errors.KeyUnknown
    """
    addresses = blobs_of(box, subject)
    studies = [
        row[0]
        for row in box.database.query("SELECT study FROM study WHERE subject = ?", (subject,))
    ]
    box.vault.destroy(subject)
    box.append([Draft("key.destroyed", {"reason": reason}, subject=subject)])
    with box.database.transaction() as sql:
        for study in studies:
            for table in _OF_STUDY:
                sql.execute(f"DELETE FROM {table} WHERE study = ?", (study,))
    for address in addresses:
        box.blobs.delete(address)
    return len(addresses)


def named_blobs(box: Box) -> set[str]:
    """Return the addresses of every blob that a row names and whose key is not destroyed."""
    named = {row[0] for row in box.database.query("SELECT blob FROM instance")}
    for table in _NAMING:
        named |= {row[0] for row in box.database.query(f"SELECT blob FROM {table}")}
    for blob, key in box.database.query("SELECT blob, key FROM quarantine"):
        try:
            box.vault.key(key)
        except KeyDestroyed:
            continue
        named.add(blob)
    for table in _ADDRESSES:
        for (blobs,) in box.database.query(f"SELECT blobs FROM {table}"):
            named |= {address for address in json.loads(blobs).values() if address}
    return named


def prune_orphans(box: Box, known_before: set[str]) -> int:
    """Delete blobs that no record names: a crash fell between placing one and its record.

    Parameters
    ----------
    known_before : set of str
        Addresses listed before the records were read: a blob placed meanwhile is not judged.
    """
    orphans = known_before - named_blobs(box)
    for address in orphans:
        box.blobs.delete(address)
    return len(orphans)
