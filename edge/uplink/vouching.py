"""The hospital's word for its own people's keys: whose are here, which nobody has vouched for.

Somebody who answers for the box compares the fingerprint with the one on the expert's own page; the
box signs, the outbox brings it to the hub, the hub puts it into the directory, where every box and
page checks it. Until then the key stands as "not confirmed by the hospital" everywhere.
"""

from __future__ import annotations

import hashlib
from typing import Any

from core.records.canonical import to_bytes
from core.seals.attestation import sign_attestation
from core.seals.directory import Directory
from core.seals.directory_entries import attestation_body
from core.seals.directory_state import PersonKey
from core.seals.errors import RecipientUnknown
from core.seals.keybook import spoken
from edge.store.box import Box
from edge.uplink.link_errors import KeyMoved
from edge.uplink.outbox import Outbox

_STATES = {"waiting": "sending", "done": "sent", "dead": "refused"}


def own_people(directory: Directory, hospital: str, outbox: Outbox) -> list[dict[str, Any]]:
    """Return the people of a hospital who have a key, those nobody has vouched for first.

    ``state``: ``unconfirmed``; ``sending`` (signed here, on its way); ``sent`` (the hub has it, and
    does not show it yet); ``refused`` (by the hub, see ``error``); ``confirmed`` in the directory.
    """
    rows = []
    for person, key in directory.contents.people.items():
        if key.hospital != hospital or _present(directory, person) is None:
            continue
        state, error = outbox.state_of(_item(key))
        told = _STATES.get(state, "unconfirmed")
        if directory.contents.vouched(key):
            told, error = "confirmed", None
        rows.append(
            {
                "person": person, "name": key.name, "department": key.department,
                "title": key.title, "role": key.role, "key": key.key, "print": spoken(key.key),
                "at": key.at, "before": _before(directory, key), "state": told, "error": error,
            }
        )  # fmt: skip
    return sorted(rows, key=lambda row: (row["state"] == "confirmed", row["name"], row["person"]))


def vouch(box: Box, outbox: Outbox, directory: Directory, of: tuple[str, str, str]) -> None:
    """Sign the hospital's word for a key that somebody here has compared, and send it.

    Parameters
    ----------
    of : tuple of str
        Our hospital, the person, and the key whose fingerprint was compared.

    Raises
    ------
    KeyMoved
        If that is not the present key of a person of this hospital.
    OutboxFull
    """
    hospital, person, key = of
    known = _present(directory, person)
    if known is None or (known.hospital, known.key) != (hospital, key):
        raise KeyMoved
    outbox.put_attestation(_item(known), sign_attestation(box.identity, known))


def _present(directory: Directory, person: str) -> PersonKey | None:
    try:
        return directory.recipient(person)
    except RecipientUnknown:
        return None


def _before(directory: Directory, key: PersonKey) -> str:
    """Return the fingerprint of the key that this one took the place of; "" for a first one."""
    took = [c for c in directory.contents.changes if (c.id, c.new) == (key.person, key.key)]
    return spoken(took[-1].old) if took else ""


def _item(key: PersonKey) -> str:
    """Return the outbox's name of the word for a key: the same word is the same item."""
    body = attestation_body(key.person, key.name, key.hospital, key.key)
    return f"k_{hashlib.sha256(to_bytes(body)).hexdigest()[:32]}"
