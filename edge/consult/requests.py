"""A request: drafts that save themselves, what the telemedicine rules ask for, who gets it.

Sources: 远程医疗服务管理规范(试行) of 2018: written consent before the consultation; an application
with purpose, summary of the record, and the wished level of the expert; the decision stays with the
hospital that treats.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.consult.events import DISCIPLINES, LEVELS, URGENCIES
from core.consult.tables import KINDS
from core.consult.timers import ms_of
from core.records.record import Draft
from core.seals.directory import Directory
from edge.consult.book import subject_of
from edge.consult.errors import (
    AlreadyRequested,
    ConsentMissing,
    ConsultUnknown,
    NobodyToSealTo,
    RequestIncomplete,
)
from edge.consult.facts import CATEGORIES, entered_facts
from edge.consult.keys import first_grant, trust_chosen
from edge.consult.people import on_duty
from edge.consult.region import PRIORITY, Desk, local_person
from edge.stages.queue import JobSpec, Queue
from edge.store.box import Box

LONGEST = 20_000
_MOST_SEATS = 32
_CONSULT = re.compile(r"c_[0-9a-f]{32}\Z")
_ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\Z")


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, by their session; ``source`` names a township hospital that has no box."""

    user: str
    name: str
    role: str
    source: str = ""


def save_draft(desk: Desk, study: str, body: Mapping[str, Any], asker: Asker, id_: str = "") -> str:
    """Keep what a person has typed so far; return the consultation's id.

    Raises
    ------
    RequestIncomplete
        If the id is none, or the draft is absurdly long.
    ConsultUnknown
        If the draft is of another study or another person.
    AlreadyRequested
    """
    box, now = desk.box, desk.box.outside.now_ms()
    consult = id_ or desk.fresh("c_")
    if not _CONSULT.match(consult):
        raise RequestIncomplete(field="consult")
    text = json.dumps(dict(body), ensure_ascii=False)
    with box.database.transaction() as sql:
        if sql.execute("SELECT 1 FROM consult WHERE consult = ?", (consult,)).fetchone():
            raise AlreadyRequested
        row = sql.execute(
            "SELECT study, author FROM consult_draft WHERE consult = ?", (consult,)
        ).fetchone()
        if row is not None and tuple(row) != (study, asker.user):
            raise ConsultUnknown
        sql.execute(
            "INSERT INTO consult_draft VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (consult)"
            " DO UPDATE SET body = excluded.body, changed = excluded.changed",
            (consult, study, asker.user, text, now, now),
        )
    return consult


def draft_of(box: Box, consult: str) -> dict[str, Any]:
    """Return a draft as it was kept, with its study and author.

    Raises
    ------
    ConsultUnknown
    """
    rows = box.database.query(
        "SELECT study, author, body, created, changed FROM consult_draft WHERE consult = ?",
        (consult,),
    )
    if not rows:
        raise ConsultUnknown
    study, author, body, created, changed = rows[0]
    return {
        "study": study, "author": author, "body": json.loads(body), "created": created,
        "changed": changed,
    }  # fmt: skip


def discard_draft(desk: Desk, consult: str, asker: Asker) -> None:
    """Throw a draft away on purpose, with the documents that were added to it.

    Raises
    ------
    ConsultUnknown
        If there is none, or it is another person's.
    """
    if draft_of(desk.box, consult)["author"] != asker.user:
        raise ConsultUnknown
    with desk.box.database.transaction() as sql:
        blobs = sql.execute(
            "DELETE FROM consult_document WHERE consult = ? RETURNING blob", (consult,)
        ).fetchall()
        sql.execute("DELETE FROM consult_draft WHERE consult = ?", (consult,))
    for (blob,) in blobs:
        desk.box.blobs.delete(blob)


def keep_words(desk: Desk, study: str, event: str, words: str) -> None:
    """Keep what is to be said with documents until they are sealed; no job carries words."""
    now = desk.box.outside.now_ms()
    with desk.box.database.transaction() as sql:
        sql.execute(
            "INSERT OR REPLACE INTO consult_draft VALUES (?, ?, '', ?, ?, ?)",
            (event, study, json.dumps({"text": words}, ensure_ascii=False), now, now),
        )


def kept_words(desk: Desk, event: str) -> str | None:
    """Return kept words; None where they are gone (a restored box)."""
    rows = desk.box.database.query("SELECT body FROM consult_draft WHERE consult = ?", (event,))
    return str(json.loads(rows[0][0])["text"]) if rows else None


def request(desk: Desk, queue: Queue, study: str, asked: Mapping[str, Any], asker: Asker) -> str:
    """Record a request and have its case built and sent; return the consultation's id.

    ``asked`` names a draft by ``consult`` where there is one. One transaction: request, first key,
    job. An in-house MDT is asked for in :mod:`edge.consult.house`.

    Raises
    ------
    ConsentMissing, RequestIncomplete, NobodyToSealTo, NotJoined
    core.seals.errors.RecipientUnknown, KeyNotConfirmed
    """
    box, directory = desk.box, desk.joined.directory()
    body = checked(box, study, asked)
    seats = _seats(box, directory, body)
    if not seats:
        raise NobodyToSealTo
    with box.database.transaction():
        consult = _claimed(desk, study, asked, asker)
        trust_chosen(box, directory, (seat["person"] for seat in seats), asker.user)
        append_request(desk, study, consult, {**body, "authority": "hub", "seats": seats}, asker)
        queue.put(
            [JobSpec("consult", consult, study, PRIORITY[body["urgency"]], payload={
                "consult": consult})]
        )  # fmt: skip
    return consult


def append_request(
    desk: Desk, study: str, consult: str, body: dict[str, Any], asker: Asker
) -> None:
    """Append the request and its first key; the draft ends."""
    box = desk.box
    full = {
        **body, "consult": consult, "event": desk.fresh("e_"), "at": desk.now,
        "requester": {
            "user": asker.user, "name": asker.name, "role": asker.role,
            "hospital": asker.source or box.settings.hospital, "department": "",
        },
        "by": local_person(box, asker.user), "source": asker.source,
    }  # fmt: skip
    actor = f"person:{asker.user}"
    draft = Draft("consult.requested", full, subject_of(box, study), study, actor)
    box.append([draft, first_grant(desk, study, consult, asker.user)])
    with box.database.transaction() as sql:
        sql.execute("DELETE FROM consult_draft WHERE consult = ?", (consult,))


def checked(box: Box, study: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return a request's fields, each looked at.

    Raises
    ------
    ConsentMissing, RequestIncomplete
    """
    consent = asked.get("consent")
    reference = consent.get("reference") if isinstance(consent, dict) else None
    if not isinstance(reference, str) or not reference.strip():
        raise ConsentMissing
    at = consent.get("at", "") if isinstance(consent, dict) else ""
    for field in ("purpose", "summary"):
        text = asked.get(field, "")
        if not isinstance(text, str) or len(text) > LONGEST or (
            field == "purpose" and not text.strip()
        ):  # fmt: skip
            raise RequestIncomplete(field=field)
    for field, words in (("kind", KINDS), ("urgency", URGENCIES), ("to_level", LEVELS)):
        if asked.get(field, "") not in words:
            raise RequestIncomplete(field=field)
    deadline = asked.get("deadline_at") or ""
    if deadline and not (isinstance(deadline, str) and _is_instant(deadline)):
        raise RequestIncomplete(field="deadline_at")
    # A referral goes up or down (双向转诊); nothing else has a direction.
    ways = ("up", "down") if asked["kind"] == "referral" else ("",)
    if asked.get("direction", "") not in ways:
        raise RequestIncomplete(field="direction")
    return {
        "kind": asked["kind"],
        "urgency": asked["urgency"],
        "to_level": asked.get("to_level", ""),
        "to_hospital": _text(asked, "to_hospital", 80),
        "to_department": _text(asked, "to_department", 40),
        "direction": asked.get("direction", ""),
        "deadline_at": deadline,
        "purpose": asked["purpose"].strip(),
        "summary": asked.get("summary", "").strip(),
        "consent": {"reference": reference.strip()[:200], "at": str(at)[:40]},
        "include": include_of(box, study, asked.get("include") or {}),
        "people": list(asked.get("people") or []),
    }


def include_of(box: Box, study: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return what goes along with a study, each field looked at.

    Raises
    ------
    RequestIncomplete
    """
    priors = wanted.get("priors") or []
    documents = wanted.get("documents") or []
    if not isinstance(priors, list) or not isinstance(documents, list) or len(priors) > 20:
        raise RequestIncomplete(field="include")
    subject = subject_of(box, study)
    for prior in priors:  # another patient's study is never a prior
        if prior == study or subject_of(box, str(prior)) != subject:
            raise RequestIncomplete(field="include.priors")
    return {
        **{name: bool(wanted.get(name)) for name in CATEGORIES},
        "entered": entered_facts(wanted.get("entered") or []),
        "priors": [str(one) for one in priors],
        "documents": [str(one) for one in documents],
    }


def _seats(box: Box, directory: Directory, body: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return who is asked: the people named, else everybody on duty in the department."""
    people = body["people"]
    if not isinstance(people, list) or len(people) > _MOST_SEATS:
        raise RequestIncomplete(field="people")
    named = [one if isinstance(one, dict) else {"person": one} for one in people]
    if not named:
        duty = on_duty(box, directory, body["to_hospital"], body["to_department"])
        named = [{"person": person} for person in duty]
    mdt = body["kind"] == "mdt"
    seats = []
    for number, one in enumerate(named):
        usual = ("chair" if number == 0 else "member") if mdt else "expert"
        seats.append(seat_of(one, usual, directory))
    parts = [seat["part"] for seat in seats]
    fits = parts.count("chair") == 1 and "expert" not in parts if mdt else "chair" not in parts
    if seats and (not fits or len({s["person"] for s in seats}) != len(seats)):
        raise RequestIncomplete(field="people")
    return seats


def seat_of(one: Mapping[str, Any], usual: str, directory: Directory | None) -> dict[str, str]:
    """Return a seat as an event states it; the discipline is the person's department's."""
    person, part = one.get("person"), one.get("part") or usual
    if not isinstance(person, str) or part not in ("expert", "chair", "member"):
        raise RequestIncomplete(field="people")
    discipline = one.get("discipline") or ""
    if not discipline and directory is not None and person in directory.contents.people:
        discipline = directory.contents.people[person].department
    if discipline not in DISCIPLINES:
        discipline = "other" if discipline else ""
    return {"person": person, "part": part, "discipline": discipline}


def _claimed(desk: Desk, study: str, asked: Mapping[str, Any], asker: Asker) -> str:
    consult = asked.get("consult") or ""
    if not consult:
        return desk.fresh("c_")
    if desk.box.database.query("SELECT 1 FROM consult WHERE consult = ?", (consult,)):
        raise AlreadyRequested
    draft = draft_of(desk.box, str(consult))
    if (draft["study"], draft["author"]) != (study, asker.user):
        raise ConsultUnknown
    return str(consult)


def _text(asked: Mapping[str, Any], field: str, most: int) -> str:
    value = asked.get(field) or ""
    if not isinstance(value, str) or len(value) > most:
        raise RequestIncomplete(field=field)
    return value


def _is_instant(text: str) -> bool:
    try:
        return bool(_ISO.match(text)) and ms_of(text) > 0
    except ValueError:
        return False


def request_facts(
    hospital: str, found: Mapping[str, Any], parties: Sequence[Any]
) -> dict[str, Any]:
    """Return the clear routing facts of a ``requested`` event, but for case and bytes."""
    return {
        "consult_kind": found["kind"], "hospital": hospital,
        "to_hospital": found["to_hospital"], "to_department": found["to_department"],
        "to_level": found["to_level"], "direction": found["direction"],
        "urgency": found["urgency"], "deadline_at": found["deadline_at"],
        "parties": list(parties),
    }  # fmt: skip
