"""Phrase templates on a box: the ones it comes with, and the department's own versions."""

from __future__ import annotations

import json
import re
from typing import Any

from core.records.clock import Stamp
from core.web.errors import NotFound
from edge.report.physician.errors import PhraseWrong, ReportMoved
from edge.report.physician.phrases import FIRST, Phrase, phrase_of
from edge.store.box import Box

_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


def phrasebook(box: Box) -> dict[str, Phrase]:
    """Return every version of every template by ``id@version``: old statements are read by it."""
    book = {one.name: one for one in FIRST}
    rows = box.database.query("SELECT id, version, body FROM report_phrase")
    for id_, version, body in rows:
        one = phrase_of(json.loads(body), id_, version)
        book[one.name] = one
    return book


def offered_phrases(box: Box) -> list[Phrase]:
    """Return the newest version of each template in use, by abbreviation."""
    newest: dict[str, Phrase] = {}
    for one in sorted(phrasebook(box).values(), key=lambda p: p.version):
        newest[one.id] = one
    retired = {
        row[0]
        for row in box.database.query(
            "SELECT id FROM report_phrase AS p WHERE retired = 1 AND version ="
            " (SELECT max(version) FROM report_phrase WHERE id = p.id)"
        )
    }
    return sorted(
        (one for one in newest.values() if one.id not in retired), key=lambda p: p.abbreviation
    )


def phrase_history(box: Box) -> list[dict[str, Any]]:
    """Return every template, its newest version first: who wrote it, when, whether it is in use.

    What the box came with has no author.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    for one in FIRST:
        found[one.id] = [one.as_json() | {"by": "", "at": "", "department": "", "retired": False}]
    rows = box.database.query(
        "SELECT p.id, p.version, p.body, p.department, coalesce(w.name, p.author), p.at, p.retired"
        " FROM report_phrase p LEFT JOIN person w ON w.user = p.author ORDER BY p.id, p.version"
    )
    for id_, version, body, department, by, at, retired in rows:
        found.setdefault(id_, []).insert(
            0,
            phrase_of(json.loads(body), id_, version).as_json()
            | {"by": by, "at": Stamp(at).iso(), "department": department, "retired": bool(retired)},
        )
    return [
        {"id": id_, "retired": versions[0]["retired"], "versions": versions}
        for id_, versions in sorted(found.items(), key=lambda x: x[1][0]["abbreviation"])
    ]


def save_phrase(
    box: Box, id_: str, form: dict[str, Any], author: str, *, retired: bool = False
) -> Phrase:
    """Keep a new version of a template; ``form["version"]`` is the one it was made from.

    Raises
    ------
    PhraseWrong, ReportMoved, NotFound
    """
    if not _ID.fullmatch(id_):
        raise PhraseWrong(field="id")
    with box.database.transaction() as sql:
        known = [one for one in phrasebook(box).values() if one.id == id_]
        last = max((one.version for one in known), default=0)
        if retired and not known:
            raise NotFound
        if int(form.get("version") or 0) != last:
            raise ReportMoved(version=last)
        if retired:
            form = max(known, key=lambda p: p.version).as_json()
        made = phrase_of(form, id_, last + 1)
        sql.execute(
            "INSERT INTO report_phrase VALUES (?, ?, ?, ?, ?, ?, ?)",
            (id_, made.version, str(form.get("department") or "")[:60],
             json.dumps(made.as_json(), ensure_ascii=False), author, box.outside.now_ms(),
             int(retired)),
        )  # fmt: skip
    return made
