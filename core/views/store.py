"""Views on SQLite through sqlite-utils: create, apply inside an append, drop, rebuild.

A group's rows depend only on its records in order: a record that sorts after all others is folded
on the kept state; one that arrives late makes the group fold again from its records.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any

import sqlite_utils

from core.journal.database import Database
from core.journal.seal import Keyring, open_record
from core.journal.store import SqliteJournal
from core.records.record import Record
from core.vault.errors import KeyDestroyed
from core.views.base import Change, Remove, Row, Table, Upsert, View

_STATE = Table(
    "view_state",
    {"view": str, "grp": str, "subject": str, "state": str, "last": str},
    ("view", "grp"),
    (("subject",),),
)
#: Records of the group, any order; the store sorts.
RecordsOf = Callable[[str], list[Record]]


class ViewStore:
    """All views of one database.

    Parameters
    ----------
    database : Database
        The same one the journal uses, so that hot views share the append's transaction.
    """

    def __init__(self, database: Database, views: Sequence[View]) -> None:
        self._database = database
        self._utils = sqlite_utils.Database(database.connection)
        self._views = list(views)
        self._tables = {table.name: table for view in views for table in view.tables}

    def create(self) -> list[str]:
        """Create missing tables; return the views whose version changed and must be rebuilt.

        Tables of such a view are made anew: an older release's lack the columns that came since.
        """
        with self._database.transaction():
            known = self._utils["view_version"].create(
                {"view": str, "version": int}, pk="view", if_not_exists=True
            )
            versions = {row["view"]: row["version"] for row in known.rows}
            stale = [v for v in self._views if versions.get(v.name) not in (None, v.version)]
            for table in (table for view in stale for table in view.tables):
                self._utils[table.name].drop(ignore=True)
            for table in (_STATE, *self._tables.values()):
                self._create(table)
            return [view.name for view in stale]

    def remember_versions(self) -> None:
        """Note the versions that the tables now hold."""
        with self._database.transaction():
            for view in self._views:
                self._utils.execute(
                    "INSERT INTO view_version VALUES (?, ?) ON CONFLICT (view)"
                    " DO UPDATE SET version = excluded.version",
                    (view.name, view.version),
                )

    def apply(self, records: Sequence[Record], records_of: RecordsOf) -> None:
        """Fold fresh records into every view; the caller holds the transaction."""
        for record in records:
            if record.kind == "key.destroyed":
                self.drop_subject(record.header.subject)
                continue
            for view in self._views:
                group = view.group(record)
                if group is not None:
                    self._fold(view, group, record, records_of)

    def drop_subject(self, subject: str) -> None:
        """Drop every row of a subject whose key was destroyed."""
        with self._database.transaction() as sql:
            groups = sql.execute(
                "SELECT DISTINCT grp FROM view_state WHERE subject = ?", (subject,)
            ).fetchall()
            for (group,) in groups:
                for name in self._tables:
                    sql.execute(f"DELETE FROM [{name}] WHERE grp = ?", (group,))
            sql.execute("DELETE FROM view_state WHERE subject = ?", (subject,))

    def rebuild(self, journal: SqliteJournal, keyring: Keyring, batch: int = 1000) -> int:
        """Throw all rows away and fold the whole journal; return the number of records folded."""
        with self._database.transaction() as sql:
            for name in (*self._tables, _STATE.name):
                sql.execute(f"DELETE FROM [{name}]")
            count = 0
            for record in opened(journal, keyring, batch):
                self.apply([record], lambda group: records_of_group(journal, keyring, group))
                count += 1
            self.remember_versions()
        return count

    def dump(self) -> dict[str, list[dict[str, Any]]]:
        """Return every table's rows in key order: what a rebuild must reproduce."""
        return {
            name: list(self._utils[name].rows_where(order_by=", ".join(table.key)))
            for name, table in sorted(self._tables.items())
        }

    def _fold(self, view: View, group: str, record: Record, records_of: RecordsOf) -> None:
        rows = self._database.query(
            "SELECT state, last FROM view_state WHERE view = ? AND grp = ?", (view.name, group)
        )
        order = _order(record)
        if rows and order <= rows[0][1]:
            self._refold(view, group, record, records_of)
            return
        step = view.step(json.loads(rows[0][0]) if rows else {}, record)
        self._apply(step.changes)
        self._keep(view, group, record.header.subject, step.state, order)

    def _refold(self, view: View, group: str, late: Record, records_of: RecordsOf) -> None:
        records = {r.order: r for r in records_of(group) if view.group(r) == group}
        records[late.order] = late
        for table in view.tables:
            self._utils.execute(f"DELETE FROM [{table.name}] WHERE grp = ?", (group,))
        state: dict[str, Any] = {}
        ordered = sorted(records.values(), key=lambda r: r.order)
        for record in ordered:
            step = view.step(state, record)
            state = step.state
            self._apply(step.changes)
        self._keep(view, group, ordered[-1].header.subject, state, _order(ordered[-1]))

    def _keep(self, view: View, group: str, subject: str, state: dict[str, Any], last: str) -> None:
        text = json.dumps(state, ensure_ascii=False, separators=(",", ":"))
        self._upsert(
            _STATE,
            {"view": view.name, "grp": group, "subject": subject, "state": text, "last": last},
        )

    def _apply(self, changes: Sequence[Change]) -> None:
        for table, run in groupby(changes, _table_of):
            if table is None:
                for change in run:
                    if isinstance(change, Remove):
                        self._remove(change)
                continue
            rows = [change.row for change in run if isinstance(change, Upsert)]
            if len(rows) == 1 or not self._insert_all(self._tables[table], rows):
                for row in rows:
                    self._upsert(self._tables[table], row)

    def _insert_all(self, table: Table, rows: Sequence[Row]) -> bool:
        """Insert rows of one shape in one go; False where some of them were there already."""
        columns = tuple(rows[0])
        if any(tuple(row) != columns for row in rows):
            return False
        names = ", ".join(f"[{column}]" for column in columns)
        values = ", ".join("?" * len(columns))
        key = ", ".join(f"[{column}]" for column in table.key)
        cursor = self._database.connection.executemany(
            f"INSERT INTO [{table.name}] ({names}) VALUES ({values})"
            f" ON CONFLICT ({key}) DO NOTHING",
            [tuple(row.values()) for row in rows],
        )
        return bool(cursor.rowcount == len(rows))

    def _remove(self, change: Remove) -> None:
        where = " AND ".join(f"[{column}] = :{column}" for column in change.where)
        self._utils.execute(f"DELETE FROM [{change.table}] WHERE {where}", change.where)

    def _upsert(self, table: Table, row: dict[str, Any]) -> None:
        # Only what changes is written: on the receive path a study's row is folded with every
        # instance, and its indexes are a dozen pages of log each time they are touched.
        columns = tuple(row)
        where = " AND ".join(f"[{column}] = :{column}" for column in table.key)
        names = ", ".join(f"[{column}]" for column in columns)
        kept = self._utils.execute(
            f"SELECT {names} FROM [{table.name}] WHERE {where}", row
        ).fetchone()
        if kept is None:
            values = ", ".join(f":{column}" for column in columns)
            self._utils.execute(f"INSERT INTO [{table.name}] ({names}) VALUES ({values})", row)
            return
        changed = [c for c, old in zip(columns, kept, strict=True) if row[c] != old]
        if changed:
            updates = ", ".join(f"[{column}] = :{column}" for column in changed)
            self._utils.execute(f"UPDATE [{table.name}] SET {updates} WHERE {where}", row)

    def _create(self, table: Table) -> None:
        made = self._utils[table.name].create(
            dict(table.columns),
            pk=table.key if len(table.key) > 1 else table.key[0],
            if_not_exists=True,
        )
        for columns in table.indexes:
            made.create_index(list(columns), if_not_exists=True)
        if "grp" in table.columns and table.key[0] != "grp":
            made.create_index(["grp"], if_not_exists=True)


def _table_of(change: Change) -> str | None:
    """Return the table that an upsert goes to; None for a removal."""
    return change.table if isinstance(change, Upsert) else None


def _order(record: Record) -> str:
    clock, writer, seq = record.order
    return f"{clock} {writer} {seq:012d}"


def opened(journal: SqliteJournal, keyring: Keyring, batch: int = 1000) -> Iterator[Record]:
    """Yield every record that still opens, in order of arrival; destroyed ones are passed over."""
    position = 0
    while True:
        page = journal.read(position, batch)
        if not page:
            return
        for sealed in page:
            position = sealed.position
            try:
                yield open_record(sealed, keyring)
            except KeyDestroyed:
                continue


def records_of_group(journal: SqliteJournal, keyring: Keyring, group: str) -> list[Record]:
    """Return the records sealed under one study's or about one subject's key."""
    sealed = journal.of_key(group) or journal.of_subject(group)
    return [open_record(one, keyring) for one in sealed]
