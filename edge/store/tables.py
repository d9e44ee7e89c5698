"""Ordinary tables of the appliance: jobs, cursors, arrivals, users, sessions.

A record is something a hospital might have to show a court; these are not. They are not folded from
the journal and are backed up as they are where it matters (users, settings).
"""

from __future__ import annotations

from core.journal.database import Database
from edge.uplink.tables import create_uplink_tables

_TABLES = (
    """CREATE TABLE IF NOT EXISTS job (
        id INTEGER PRIMARY KEY AUTOINCREMENT, stage TEXT NOT NULL, key TEXT NOT NULL,
        study TEXT NOT NULL, priority INTEGER NOT NULL, state TEXT NOT NULL,
        not_before INTEGER NOT NULL, deadline INTEGER NOT NULL, created INTEGER NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0, owner TEXT NOT NULL DEFAULT '',
        lease_until INTEGER NOT NULL DEFAULT 0, payload TEXT NOT NULL, error TEXT,
        finished INTEGER, again INTEGER NOT NULL DEFAULT 0,
        UNIQUE (stage, key))""",
    "CREATE INDEX IF NOT EXISTS job_next ON job (state, stage, priority, not_before)",
    "CREATE INDEX IF NOT EXISTS job_study ON job (study, state)",
    "CREATE TABLE IF NOT EXISTS cursor (reader TEXT PRIMARY KEY, position INTEGER NOT NULL)",
    """CREATE TABLE IF NOT EXISTS arrival (
        study TEXT PRIMARY KEY, last_at INTEGER NOT NULL, sender TEXT NOT NULL,
        released INTEGER NOT NULL DEFAULT 0, queried INTEGER,
        answers TEXT NOT NULL DEFAULT '[]')""",
    """CREATE TABLE IF NOT EXISTS person (
        user TEXT PRIMARY KEY, name TEXT NOT NULL, role TEXT NOT NULL, password TEXT NOT NULL,
        totp TEXT NOT NULL DEFAULT '', language TEXT NOT NULL DEFAULT 'zh',
        active INTEGER NOT NULL DEFAULT 1, must_change INTEGER NOT NULL DEFAULT 0,
        failures INTEGER NOT NULL DEFAULT 0, locked_until INTEGER NOT NULL DEFAULT 0,
        created INTEGER NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS session (
        token BLOB PRIMARY KEY, user TEXT NOT NULL REFERENCES person (user), csrf TEXT NOT NULL,
        created INTEGER NOT NULL, seen INTEGER NOT NULL, viewed TEXT NOT NULL DEFAULT '[]')""",
    """CREATE TABLE IF NOT EXISTS commitment (
        transaction_uid TEXT PRIMARY KEY, peer TEXT NOT NULL, direction TEXT NOT NULL,
        state TEXT NOT NULL, body TEXT NOT NULL, created INTEGER NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS mpps (
        uid TEXT PRIMARY KEY, status TEXT NOT NULL, studies TEXT NOT NULL,
        expected INTEGER NOT NULL, at INTEGER NOT NULL)""",
    "CREATE TABLE IF NOT EXISTS house (task TEXT PRIMARY KEY, value TEXT NOT NULL)",
    """CREATE TABLE IF NOT EXISTS manifest (
        study TEXT PRIMARY KEY, input TEXT NOT NULL, blob TEXT NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS thumbnail (
        study TEXT PRIMARY KEY, digest TEXT NOT NULL, blob TEXT NOT NULL, about TEXT NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS worklist_presets (
        user TEXT PRIMARY KEY, version INTEGER NOT NULL, body TEXT NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS habits (
        user TEXT PRIMARY KEY, version INTEGER NOT NULL, body TEXT NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS screening_batch (
        batch TEXT PRIMARY KEY, user TEXT NOT NULL, query TEXT NOT NULL, created INTEGER NOT NULL,
        closed INTEGER)""",
    "CREATE INDEX IF NOT EXISTS screening_batch_user ON screening_batch (user, created)",
    """CREATE TABLE IF NOT EXISTS screening_item (
        batch TEXT NOT NULL, position INTEGER NOT NULL, study TEXT NOT NULL,
        PRIMARY KEY (batch, position), UNIQUE (batch, study))""",
    "CREATE INDEX IF NOT EXISTS screening_item_study ON screening_item (study)",
    """CREATE TABLE IF NOT EXISTS progress (
        study TEXT PRIMARY KEY, stage TEXT, text TEXT, at INTEGER)""",
    "CREATE TABLE IF NOT EXISTS disk_sample (at INTEGER PRIMARY KEY, used INTEGER NOT NULL)",
    """CREATE TABLE IF NOT EXISTS consult_draft (
        consult TEXT PRIMARY KEY, study TEXT NOT NULL, author TEXT NOT NULL, body TEXT NOT NULL,
        created INTEGER NOT NULL, changed INTEGER NOT NULL)""",
    "CREATE INDEX IF NOT EXISTS consult_draft_study ON consult_draft (study)",
    """CREATE TABLE IF NOT EXISTS consult_document (
        id TEXT PRIMARY KEY, consult TEXT NOT NULL, study TEXT NOT NULL, title TEXT NOT NULL,
        content_type TEXT NOT NULL, bytes INTEGER NOT NULL, blob TEXT NOT NULL,
        author TEXT NOT NULL, created INTEGER NOT NULL)""",
    "CREATE INDEX IF NOT EXISTS consult_document_consult ON consult_document (consult)",
    "CREATE INDEX IF NOT EXISTS consult_document_study ON consult_document (study)",
    """CREATE TABLE IF NOT EXISTS consult_pin (
        person TEXT PRIMARY KEY, key TEXT NOT NULL, confirmed_by TEXT NOT NULL,
        at INTEGER NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS consult_sent (
        event TEXT PRIMARY KEY, consult TEXT NOT NULL, study TEXT NOT NULL, kind TEXT NOT NULL,
        digest TEXT NOT NULL, at INTEGER NOT NULL, author TEXT NOT NULL, opened TEXT NOT NULL,
        returned INTEGER)""",
    "CREATE INDEX IF NOT EXISTS consult_sent_consult ON consult_sent (consult)",
    """CREATE TABLE IF NOT EXISTS review_draft (
        study TEXT NOT NULL, user TEXT NOT NULL, name TEXT NOT NULL, parent TEXT NOT NULL,
        version INTEGER NOT NULL, changed INTEGER NOT NULL, body TEXT NOT NULL,
        PRIMARY KEY (study, user))""",
    """CREATE TABLE IF NOT EXISTS report_draft (
        study TEXT NOT NULL, user TEXT NOT NULL, version INTEGER NOT NULL, base INTEGER NOT NULL,
        body TEXT NOT NULL, changed INTEGER NOT NULL, PRIMARY KEY (study, user))""",
    """CREATE TABLE IF NOT EXISTS report_phrase (
        id TEXT NOT NULL, version INTEGER NOT NULL, department TEXT NOT NULL, body TEXT NOT NULL,
        author TEXT NOT NULL, at INTEGER NOT NULL, retired INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (id, version))""",
    "CREATE TABLE IF NOT EXISTS signing_step (user TEXT PRIMARY KEY, step INTEGER NOT NULL)",
    """CREATE TABLE IF NOT EXISTS shadow_run (
        id INTEGER PRIMARY KEY AUTOINCREMENT, slot TEXT NOT NULL, digest TEXT NOT NULL,
        name TEXT NOT NULL, version TEXT NOT NULL, state TEXT NOT NULL, wanted INTEGER NOT NULL,
        started INTEGER NOT NULL, by TEXT NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS shadow_result (
        run INTEGER NOT NULL REFERENCES shadow_run (id), study TEXT NOT NULL,
        input TEXT NOT NULL, at INTEGER NOT NULL, code TEXT NOT NULL, active TEXT NOT NULL,
        shadow TEXT, PRIMARY KEY (run, study, input))""",
)


def create_tables(database: Database) -> None:
    """Create what is missing."""
    with database.transaction() as sql:
        for statement in _TABLES:
            sql.execute(statement)
    create_uplink_tables(database)
