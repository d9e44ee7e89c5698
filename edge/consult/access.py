"""Who opened what of a consultation here, told to the hub: each side witnesses the other's."""

from __future__ import annotations

from core.seals.statements import sign_node
from edge.consult.book import Kept
from edge.consult.region import Desk, local_person
from edge.store.box import Box

DOMAIN = "xinglin access v1"


def tell_opened(desk: Desk, found: Kept, session: str, user: str, role: str) -> None:
    """Put an access record into the outbox: once per person, consultation and log-in.

    The account appears under an opaque id of this box; the hub learns when, never who by name.
    """
    if found.house or desk.post is None:
        return
    box = desk.box
    id_ = "a_" + box.vault.lookup("consult access", session, found.consult)[:16].hex()
    body = {
        "action": "opened", "at": desk.now, "by": local_person(box, user),
        "consult": found.consult, "id": id_, "role": role,
    }  # fmt: skip
    if not _told(box, id_):
        desk.outgoing.put_access(id_, found.consult, sign_node(body, DOMAIN, box.identity))


def _told(box: Box, id_: str) -> bool:
    return bool(box.database.query("SELECT 1 FROM outbox WHERE id = ?", (id_,)))
