"""The box's ordinary tables about the region: link state, alarms, the directory's entries."""

from __future__ import annotations

from core.journal.database import Database
from edge.uplink.outbox import create_outbox_tables

_TABLES = (
    "CREATE TABLE IF NOT EXISTS uplink (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    """CREATE TABLE IF NOT EXISTS region_alarm (
        code INTEGER NOT NULL, about TEXT NOT NULL, zh TEXT NOT NULL, en TEXT NOT NULL,
        at INTEGER NOT NULL, last INTEGER NOT NULL, seen_by TEXT NOT NULL DEFAULT '',
        PRIMARY KEY (code, about))""",
    "CREATE TABLE IF NOT EXISTS directory_entry (seq INTEGER PRIMARY KEY, entry BLOB NOT NULL)",
    """CREATE TABLE IF NOT EXISTS directory_witness (
        node TEXT PRIMARY KEY, statement BLOB NOT NULL, size INTEGER NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS region_notice (
        writer TEXT NOT NULL, seq INTEGER NOT NULL, kind TEXT NOT NULL, consult TEXT NOT NULL,
        urgency TEXT NOT NULL, at TEXT NOT NULL, heard INTEGER NOT NULL,
        PRIMARY KEY (writer, seq))""",
)


def create_uplink_tables(database: Database) -> None:
    """Create what is missing."""
    create_outbox_tables(database)
    with database.transaction() as sql:
        for statement in _TABLES:
            sql.execute(statement)
