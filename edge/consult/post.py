"""What this hospital says in a consultation that the hub keeps: signed by the box, sealed, queued.

An event counts once it comes back in the hub's chain; until then the page shows it as on its way.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from core.consult.events import DOMAIN, Event, parse_event, sealed_kind
from core.consult.machine import apply
from core.consult.tables import EventKind
from core.records.canonical import to_bytes
from core.seals.objects import ObjectContext, seal_inline
from core.seals.statements import Statement, parse, sign_node
from edge.consult.book import Kept, grants_of
from edge.consult.errors import StillPreparing
from edge.consult.region import PRIORITY, Desk


@dataclass(frozen=True, slots=True)
class Saying:
    """What somebody says.

    Attributes
    ----------
    words : mapping or None
        Sealed; None for an event without words.
    facts : mapping
        The kind's clear routing fields.
    by : str
        Account in whose session it is said.
    case : mapping or None
        The case index that goes with it, kept here for the next one to build on.
    """

    kind: EventKind
    user: str
    by: str
    words: Mapping[str, Any] | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    objects: Sequence[Mapping[str, Any]] = ()
    needs: Sequence[str] = ()
    event: str = ""
    at: str = ""
    case: Mapping[str, Any] | None = None


def body_of(desk: Desk, found: Kept, saying: Saying) -> dict[str, Any]:
    """Return the body of an event; words are sealed under the newest key."""
    body: dict[str, Any] = {
        "after": found.last_link, "at": saying.at or desk.now, "consult": found.consult,
        "event": saying.event or desk.fresh("e_"), "kind": saying.kind, "by": saying.by,
        **saying.facts,
    }  # fmt: skip
    if saying.objects:
        body["objects"] = [dict(one) for one in saying.objects]
    if saying.words is not None:
        grants = grants_of(desk.box, found.study, found.consult)
        epoch = min(grants.newest, found.state.epoch)
        object_id = desk.fresh("o_")
        context = ObjectContext(found.consult, epoch, object_id, sealed_kind(saying.kind))
        salt = desk.box.outside.randomness(32)
        body |= {
            "epoch": epoch,
            "object": object_id,
            "sealed": seal_inline(to_bytes(saying.words), grants.keys[epoch], salt, context),
        }
    return body


def said(desk: Desk, body: dict[str, Any]) -> tuple[bytes, Statement]:
    """Return a box's signed statement of an event, and the statement."""
    wire = sign_node(body, DOMAIN, desk.box.identity)
    return wire, parse(wire).statement


def send(desk: Desk, found: Kept, saying: Saying) -> Event:
    """Sign an event and put it into the outbox; refused here where the rules forbid it.

    Raises
    ------
    core.consult.errors.ConsultRefusal
        What the authority would refuse too, as far as this box knows.
    """
    desk.joined  # noqa: B018 raises NotJoined before anything is written
    needs = _after_request(desk, found) if _is_early(found, saying) else saying.needs
    body = body_of(desk, found, saying)
    wire, statement = said(desk, body)
    event = parse_event(body, desk.box.identity.id, "requester", statement.sha256)
    if saying.kind != "requested":  # that one is checked against the draft it starts from
        apply(found.state, event)
    with desk.box.database.transaction() as sql:
        note_sent(desk, found, saying, event)
        desk.outgoing.put_event(
            event.id, found.consult, wire, PRIORITY[found.request["urgency"]], needs
        )
        del sql
    return event


def _is_early(found: Kept, saying: Saying) -> bool:
    """Say whether something is said before the request itself has come back."""
    return saying.kind != "requested" and not found.state.requested_at


def _after_request(desk: Desk, found: Kept) -> list[str]:
    """Return what the request waits for, so that a withdrawal does not overtake it.

    Raises
    ------
    StillPreparing
        If the request is not in the outbox yet.
    """
    rows = desk.box.database.query(
        "SELECT opened FROM consult_sent WHERE consult = ? AND kind = 'requested'",
        (found.consult,),
    )
    if not rows:
        raise StillPreparing
    case = json.loads(rows[0][0])["case"]
    small = [one["address"] for one in case["objects"] if one["kind"] != "frames"]
    return [*small, case["address"]]


def note_sent(desk: Desk, found: Kept, saying: Saying, event: Event) -> None:
    """Remember what went out under our name, so that nothing else can come back under it."""
    own = {"words": saying.words and dict(saying.words), "case": saying.case and dict(saying.case)}
    with desk.box.database.transaction() as sql:
        sql.execute(
            "INSERT INTO consult_sent VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL)"
            " ON CONFLICT (event) DO NOTHING",
            (
                event.id, found.consult, found.study, event.kind, event.digest,
                desk.box.outside.now_ms(), saying.user, json.dumps(own, ensure_ascii=False),
            ),
        )  # fmt: skip
