"""What a backup takes from a box: heads and tables at one moment, records by page, the key set."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.journal.chain import Head, Kept
from core.journal.store import SqliteJournal
from edge.backup.segment import Placed
from edge.store.box import Box

#: Ordinary tables that matter: people; and what tells readers and lanes where they were, so that
#: a restored box neither repeats all its work nor forgets what was pending.
TABLES = {
    "person": "SELECT * FROM person",
    "cursor": "SELECT * FROM cursor",
    "job": "SELECT * FROM job WHERE state <> 'done'",
    "arrival": "SELECT * FROM arrival",
    "commitment": "SELECT * FROM commitment",
    "mpps": "SELECT * FROM mpps",
    "manifest": "SELECT * FROM manifest",
    # A preset and a batch hold no search for a person (edge.api.presets).
    "worklist_presets": "SELECT * FROM worklist_presets",
    "habits": "SELECT * FROM habits",
    "screening_batch": "SELECT * FROM screening_batch",
    "screening_item": "SELECT * FROM screening_item",
    "consult_pin": "SELECT * FROM consult_pin",
    # What was sent and which papers there are, without a word of it: words stay under the
    # patient's key, so that an erasure reaches them in old backups too.
    "consult_document": (
        "SELECT id, consult, study, '' AS title, content_type, bytes, blob, author, created"
        " FROM consult_document"
    ),
    "consult_sent": (
        "SELECT event, consult, study, kind, digest, at, author, returned,"
        " json_object('words', NULL, 'case', CASE WHEN json_extract(opened, '$.case') IS NULL"
        " THEN NULL ELSE json_object('address', json_extract(opened, '$.case.address'),"
        " 'objects', (SELECT json_group_array(json_set(value, '$.title', ''))"
        " FROM json_each(opened, '$.case.objects')),"
        " 'studies', (SELECT json_group_array(json_set(value, '$.description', '',"
        " '$.study_date', '')) FROM json_each(opened, '$.case.studies'))) END) AS opened"
        " FROM consult_sent ORDER BY rowid"
    ),
    # What the box remembers of the region's directory: a hub that rewinds it is caught with this.
    "directory_entry": "SELECT seq, hex(entry) AS entry FROM directory_entry ORDER BY seq",
    "directory_witness": "SELECT node, hex(statement) AS statement, size FROM directory_witness",
    "uplink": "SELECT name, value FROM uplink",
    "region_alarm": "SELECT * FROM region_alarm",
}
#: Columns of TABLES that travel as hex.
HEX = frozenset({("directory_entry", "entry"), ("directory_witness", "statement")})
#: Files of the folder ``uplink`` by which a box is known in its region.
REGION_FILES = ("region.json", "device.pem")
_PAGE = 2000
_KEY_FILE_LIMIT = 1 << 20
_RECORDS = {"clinical": "record_clinical", "access": "record_access"}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One moment of a box: how far every chain goes, and the ordinary tables then."""

    heads: dict[tuple[str, str], Head]
    tables: dict[str, list[dict[str, Any]]]


def journals_of(box: Box) -> dict[str, SqliteJournal]:
    """Return both journals by name."""
    return {"clinical": box.journal, "access": box.access}


def take(box: Box) -> Snapshot:
    """Read heads and tables in one transaction, so that no job outruns its record."""
    writers = {name: journal.writers() for name, journal in journals_of(box).items()}
    with box.database.transaction() as sql:
        heads = {
            (name, writer): journal.head(writer)
            for name, journal in journals_of(box).items()
            for writer in writers[name]
        }
        tables = {name: _dicts(sql.execute(query)) for name, query in TABLES.items()}
    return Snapshot(heads, tables)


def records(box: Box, journal: str, writer: str, after: int, last: int) -> Iterator[Placed]:
    """Yield one writer's records ``after`` < seq ≤ ``last``, in order, as kept."""
    columns = "position, seq, CAST(header AS BLOB), CAST(sealed AS BLOB), CAST(link AS BLOB)"
    sql = (
        f"SELECT {columns} FROM {_RECORDS[journal]}"
        " WHERE writer = ? AND seq > ? AND seq <= ? ORDER BY seq LIMIT ?"
    )
    while after < last:
        page = box.database.query(sql, (writer, after, last, _PAGE))
        if not page:
            return
        for position, *row in page:
            yield Placed(position, Kept(writer, *row))
        after = page[-1][1]


def link_at(box: Box, journal: str, writer: str, seq: int) -> bytes | None:
    """Return the link of one record, None where it is not here."""
    found = [one.row.link for one in records(box, journal, writer, seq - 1, seq)]
    return found[0] if found else None


def key_set(box: Box, snapshot: Snapshot) -> tuple[bytes, int]:
    """Return the key set's plaintext and how many of its subjects are destroyed.

    Signed heads go along only as far as the snapshot's records do: a head signed meanwhile would
    make the restored journal look cut off.
    """
    files = {
        path.name: path.read_bytes().hex()
        for path in sorted((box.folder / "keys").iterdir())
        if _is_key_file(path)
    }
    region = {
        name: (box.folder / "uplink" / name).read_bytes().hex()
        for name in REGION_FILES
        if (box.folder / "uplink" / name).is_file()
    }
    vault = box.vault.export()
    vault["head"] = [row for row in vault["head"] if _within(row, snapshot)]
    destroyed = sum(1 for row in vault["subject"] if row[3] == "destroyed")
    whole = {"version": 1, "files": files, "region": region, "vault": vault}
    return json.dumps(whole).encode(), destroyed


def _within(row: Sequence[Any], snapshot: Snapshot) -> bool:
    journal, writer, seq = row[0], row[1], row[2]
    head = snapshot.heads.get((journal, writer))
    return head is not None and seq <= head.seq


def settings_of(box: Box, snapshot: Snapshot) -> bytes:
    """Return the plaintext of settings and tables."""
    text = (box.folder / "appliance.toml").read_text(encoding="utf-8")
    whole = {"version": 1, "appliance_toml": text, "tables": snapshot.tables}
    return json.dumps(whole, ensure_ascii=False).encode()


def _is_key_file(path: Path) -> bool:
    return (
        path.is_file()
        and not path.is_symlink()
        and not path.name.startswith(".")
        and path.stat().st_size <= _KEY_FILE_LIMIT
    )


def _dicts(cursor: Any) -> list[dict[str, Any]]:
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]
