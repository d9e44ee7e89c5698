"""Consultations as the page's JSON: a row of the list, and a case with its thread."""

from __future__ import annotations

import json
from typing import Any

from core.consult.machine import Consult, part_of
from core.consult.tables import EVENT_KINDS, may
from core.dicom.person import display_name
from core.records.clock import Stamp
from core.seals.directory import Directory
from edge.consult.book import Kept, alarms_about, kept
from edge.consult.going import how_far
from edge.consult.house import allowed, colleagues
from edge.consult.people import name_of
from edge.consult.region import Desk, local_person
from edge.uplink.outbox import Outbox

_SIGNED = frozenset({"opinion", "addendum", "summary", "offered"})
#: What this hospital may say by itself; the rest comes of deeds.
_OURS = frozenset({"message", "information.given", "invited", "removed", "cancelled", "completed"})


def row_of(desk: Desk, found: Kept) -> dict[str, Any]:
    """Return one row of the list."""
    state, request = found.state, found.request
    names = _Names(desk, found)
    patient = desk.box.database.query(
        "SELECT patient_name, patient_id, modality FROM study WHERE study = ?", (found.study,)
    )[0]
    return {
        "id": found.consult, "study": found.study, "patient_name": display_name(patient[0] or ""),
        "patient_id": patient[1], "modality": patient[2], "kind": _kind(found),
        "authority": found.authority, "urgency": request.get("urgency", state.urgency),
        "state": state.state, "business_state": state.business_state, "place": state.place,
        "deadline_at": request.get("deadline_at") or None,
        "to_hospital": request.get("to_hospital", ""),
        "to_hospital_name": names.hospital(request.get("to_hospital", "")),
        "to_department": request.get("to_department", ""),
        "to_level": request.get("to_level", ""), "direction": request.get("direction", ""),
        "purpose": request.get("purpose", ""), "owner": state.owner or None,
        "owner_name": names.of(state.owner) if state.owner else None,
        "requested_at": state.requested_at or request.get("at", ""),
        "changed_at": state.changed_at or request.get("at", ""),
        "closed_at": state.closed_at or None, "requester": request.get("requester", {}),
        "source": request.get("source", ""), "opinions": len(state.opinions()),
        "escalated": state.escalated, "upload": _upload(desk, found),
        "alarms": sum(not one["seen_by"] for one in alarms_about(desk.box, found.consult)),
        "ball": "us" if state.place == "awaiting-information" and not found.house else "",
    }  # fmt: skip


def case_of(desk: Desk, found: Kept, user: str) -> dict[str, Any]:
    """Return a consultation with everything that this hospital may read of it."""
    names = _Names(desk, found)
    events = _events(desk, found, names)
    request = {
        name: found.request.get(name)
        for name in ("purpose", "summary", "consent", "include", "seats", "at")
    }
    return {
        "row": row_of(desk, found),
        "request": request,
        "parties": [_party(one, names) for one in _parties(found.state)],
        "events": events,
        "pending": _pending(desk, found),
        "opinions": [one for one in events if one["kind"] in _SIGNED],
        "documents": _documents(desk, found.consult),
        "may": may_now(desk, found, user),
        "me": local_person(desk.box, user),
        "epoch": found.state.epoch,
        "alarms": alarms_about(desk.box, found.consult),
        "sending": how_far(desk.box, desk.post, found) if isinstance(desk.post, Outbox) else None,
    }


def may_now(desk: Desk, found: Kept, user: str) -> list[str]:
    """Return what an account may say now, so that a page offers no more."""
    if found.house:
        return list(allowed(desk.box, found, local_person(desk.box, user)))
    state = found.state
    part = part_of(state, desk.box.identity.id, "requester")
    return [k for k in EVENT_KINDS if k in _OURS and may(state.kind, part, k, state.place)]


def rows_of(desk: Desk, state: str, study: str, seat: str = "") -> list[dict[str, Any]]:
    """Return the list: what waits for us first, then the newest change.

    Restricted patients are not in it.

    With ``seat``, only what that person sits in.
    """
    rows = desk.box.database.query(
        "SELECT c.consult FROM consult c JOIN study s ON s.study = c.study"
        " WHERE s.subject NOT IN (SELECT subject FROM subject WHERE restricted = 1)"
        " AND (? = '' OR c.state = ? OR c.business_state = ?) AND (? = '' OR c.study = ?)"
        " ORDER BY c.business_state = 'awaiting-information' DESC, c.changed_at DESC LIMIT 500",
        (state, state, state, study, study),
    )
    found = (kept(desk.box, row[0]) for row in rows)
    return [row_of(desk, one) for one in found if not seat or one.state.party(seat) is not None]


def drafts_of(desk: Desk, user: str) -> list[dict[str, Any]]:
    """Return a person's own drafts."""
    rows = desk.box.database.query(
        "SELECT d.consult, d.study, d.body, d.changed, s.patient_name, s.patient_id"
        " FROM consult_draft d"
        " JOIN study s ON s.study = d.study WHERE d.author = ? ORDER BY d.changed DESC LIMIT 100",
        (user,),
    )
    return [
        {"id": r[0], "study": r[1], "body": json.loads(r[2]), "changed": Stamp(r[3]).iso(),
         "patient_name": display_name(r[4] or ""), "patient_id": r[5] or ""}
        for r in rows
    ]  # fmt: skip


class _Names:
    """Names of people: the directory's, or this box's own accounts."""

    def __init__(self, desk: Desk, found: Kept) -> None:
        self._directory: Directory | None = (
            desk.region.directory() if desk.region is not None else None
        )
        self._house = colleagues(desk.box) if found.house else {}
        self._node = desk.box.identity.id
        self._own = desk.box.settings.hospital
        self._asked = {one["person"]: one["name"] for one in found.request.get("people", [])
                       if isinstance(one, dict) and "name" in one}  # fmt: skip

    def of(self, actor: str) -> str:
        """Return a name; the id where nobody has one."""
        if actor == self._node:
            return self._own
        if actor in self._house:
            return self._house[actor]["name"]
        return self._asked.get(actor) or name_of(self._directory, actor) or actor

    def hospital(self, hospital: str) -> str:
        """Return a hospital's name."""
        known = self._directory.contents.hospitals if self._directory else {}
        return known[hospital].name if hospital in known else ""

    def title(self, actor: str) -> str:
        """Return a person's title."""
        people = self._directory.contents.people if self._directory else {}
        return people[actor].title if actor in people else ""


def _events(desk: Desk, found: Kept, names: _Names) -> list[dict[str, Any]]:
    rows = desk.box.database.query(
        "SELECT n, seq, event, kind, actor, standing, at, said_at, statement, digest, link,"
        " opened, fault FROM consult_event WHERE consult = ? ORDER BY n",
        (found.consult,),
    )
    papers = {
        (event, label): sop
        for event, label, sop in desk.box.database.query(
            "SELECT event, label, sop_instance FROM consult_object WHERE consult = ?",
            (found.consult,),
        )
    }
    return [_event(found, names, row, papers) for row in rows]


def _event(
    found: Kept, names: _Names, row: tuple[Any, ...], papers: dict[tuple[str, str], str]
) -> dict[str, Any]:
    n, seq, event, kind, actor, standing, at, said_at, statement, digest, link = row[:11]
    opened, fault = (json.loads(text) if text else None for text in row[11:])
    body = _clear(statement)
    state = "fault" if fault else ("session" if found.house else "verified")
    return {
        "n": n, "seq": seq, "id": event, "kind": kind, "actor": actor,
        "actor_name": names.of(actor) if actor else "区域平台 / hub", "title": names.title(actor),
        "standing": standing, "at": at, "said_at": said_at, "digest": digest, "link": link,
        "opened": opened, "signature": {"state": state, "error": fault},
        "facts": {
            name: body[name]
            for name in ("person", "part", "discipline", "reason", "to", "level", "opinions")
            if name in body
        },
        "papers": {
            label: papers[event, label]
            for label in ("opinion_pdf", "opinion_sr")
            if (event, label) in papers
        },
    }  # fmt: skip


def _clear(statement: str) -> dict[str, Any]:
    try:
        body = json.loads(statement)["statement"]["body"]
    except (ValueError, KeyError, TypeError):
        return {}
    return body if isinstance(body, dict) else {}


def _pending(desk: Desk, found: Kept) -> list[dict[str, Any]]:
    """Return what was said here and has not come back yet: on its way, not lost."""
    rows = desk.box.database.query(
        "SELECT s.event, s.kind, s.at, s.author, s.opened, o.state FROM consult_sent s"
        " LEFT JOIN outbox o ON o.id = s.event"
        " WHERE s.consult = ? AND s.returned IS NULL ORDER BY s.rowid",
        (found.consult,),
    )
    return [
        {"id": r[0], "kind": r[1], "at": r[2], "author": r[3], "opened": json.loads(r[4])["words"],
         "state": r[5] or "waiting"}
        for r in rows
    ]  # fmt: skip


def _documents(desk: Desk, consult: str) -> list[dict[str, Any]]:
    rows = desk.box.database.query(
        "SELECT id, title, content_type, bytes, created FROM consult_document WHERE consult = ?"
        " ORDER BY created, id",
        (consult,),
    )
    names = ("id", "title", "content_type", "bytes", "at")
    return [dict(zip(names, row, strict=True)) for row in rows]


def _upload(desk: Desk, found: Kept) -> dict[str, Any] | None:
    if found.house:
        return None
    progress = desk.box.database.query(
        "SELECT text FROM progress WHERE study = ? AND stage = 'consult'", (found.study,)
    )
    sent = {
        "items": 0, "bytes": 0, "done_items": 0, "done_bytes": 0, "dead_items": 0,
        "given_up_items": 0,
    }  # fmt: skip
    if isinstance(desk.post, Outbox):
        told = desk.post.progress(found.consult)
        sent = {
            "items": told.items, "bytes": told.size, "done_items": told.done_items,
            "done_bytes": told.done_size, "dead_items": told.dead_items,
            "given_up_items": told.given_up_items,
        }  # fmt: skip
    return {**sent, "preparing": progress[0][0] if progress else ""}


def _parties(state: Consult) -> list[Any]:
    return list(state.parties)


def _party(one: Any, names: _Names) -> dict[str, Any]:
    return {
        "person": one.person, "name": names.of(one.person), "title": names.title(one.person),
        "part": one.part, "discipline": one.discipline, "invited_at": one.invited_at,
        "removed_at": one.removed_at or None, "declined": one.declined,
    }  # fmt: skip


def _kind(found: Kept) -> str:
    return str(found.request.get("kind") or found.state.kind)
