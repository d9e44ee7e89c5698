"""Who may read a consultation: epochs of its key, pinned keys of people, wraps. Only the box wraps.

A person's key is pinned at first use by somebody of this hospital (they chose the name) where the
person's own hospital has attested it; a key that no hospital vouches for is shown first, and pinned
when somebody here has confirmed it. Whom somebody invites who holds the case's key is pinned too.
From then on another key is not wrapped to until a person here has confirmed it; so a hub that swaps
a key, or seats somebody through a coordinator, gains nothing silently.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from core.consult.machine import Consult
from core.records.record import Draft
from core.seals.consult_key import RECOVERY, WrapSet, new_key, sign_wraps, wrap_for
from core.seals.directory import Directory
from core.seals.directory_state import PersonKey
from core.seals.errors import RecipientUnknown
from core.seals.keybook import fingerprint
from edge.consult.book import Grants, Kept, grants_of, kept, raise_alarm, subject_of
from edge.consult.errors import InvitedByHub, KeyNotConfirmed, KeyReplaced
from edge.consult.region import PRIORITY, Desk
from edge.store.box import Box
from edge.uplink.alarms import Alarms


def pinned(box: Box, person: str) -> str:
    """Return the key id under which a person was confirmed; "" for nobody."""
    rows = box.database.query("SELECT key FROM consult_pin WHERE person = ?", (person,))
    return str(rows[0][0]) if rows else ""


def pin(box: Box, person: str, key: str, by: str) -> None:
    """Confirm a person's key."""
    with box.database.transaction() as sql:
        sql.execute(
            "INSERT INTO consult_pin VALUES (?, ?, ?, ?) ON CONFLICT (person) DO UPDATE SET"
            " key = excluded.key, confirmed_by = excluded.confirmed_by, at = excluded.at",
            (person, key, by, box.outside.now_ms()),
        )


def key_state(box: Box, directory: Directory, key: PersonKey) -> str:
    """Return how a key stands with this box.

    ``confirmed``; ``new``: never used here, attested by the person's hospital; ``unattested``:
    never used here, and no hospital vouches for it; ``changed``. The last two are confirmed first.
    """
    known = pinned(box, key.person)
    if not known:
        return "new" if directory.contents.vouched(key) else "unattested"
    return "confirmed" if known == key.key else "changed"


def trust_chosen(box: Box, directory: Directory, people: Iterable[str], by: str) -> None:
    """Pin the keys of people whom somebody here chose.

    Raises
    ------
    RecipientUnknown
        If one is not in the directory, or has no key.
    KeyNotConfirmed
        If one has another key than the one that was confirmed, or one that nobody vouches for.
    """
    for person in people:
        key = directory.recipient(person)
        state = key_state(box, directory, key)
        if state in ("changed", "unattested"):
            raise KeyNotConfirmed(name=key.name)
        if state == "new":
            pin(box, person, key.key, by)


def watch_pins(box: Box, directory: Directory) -> None:
    """Show whose key is another one than this hospital has confirmed, as soon as the hub says so.

    A swapped key must not wait for the next case to be noticed.
    """
    alarms = Alarms(box.database, box.outside.now_ms)
    for person, key in box.database.query("SELECT person, key FROM consult_pin"):
        try:
            present = directory.recipient(person)
        except RecipientUnknown:
            continue
        if present.key != key:
            alarms.sound(KeyReplaced(name=present.name), person)


def first_grant(desk: Desk, study: str, consult: str, by: str) -> Draft:
    """Return the record of a consultation's first key; nobody holds it yet."""
    key = new_key(desk.box.outside.randomness)
    return _granted(desk.box, study, consult, (1, key, ()), by)


def settle(desk: Desk, consult: str, by: str) -> int:
    """Bring the wraps in line with who takes part; return how many wrap sets went out.

    A removal has made the state's epoch larger than the newest key: a new key is made, which only
    who is left gets. Somebody new gets every epoch. Idempotent; joins the caller's transaction.
    """
    box = desk.box
    with box.database.transaction():
        found = kept(box, consult)
        if found.house or not found.state.requested_at:
            return 0
        grants = grants_of(box, found.study, consult)
        grants = _new_epochs(desk, found, grants, by)
        return sum(_wrap_epoch(desk, found, epoch, grants, by) for epoch in sorted(grants.keys))


def _new_epochs(desk: Desk, found: Kept, grants: Grants, by: str) -> Grants:
    box, keys = desk.box, dict(grants.keys)
    subject = subject_of(box, found.study)
    for epoch in range(grants.newest + 1, found.state.epoch + 1):
        keys[epoch] = new_key(box.outside.randomness)
        removed = {p.person for p in found.state.parties} - {
            p.person for p in found.state.present()
        }
        body = {"consult": found.consult, "epoch": epoch, "removed": sorted(removed), "by": by}
        revoked = Draft("access.revoked", body, subject=subject, key=found.study)
        granted = _granted(box, found.study, found.consult, (epoch, keys[epoch], ()), by)
        box.append([revoked, granted])
    return Grants(keys, grants.held)


def _wrap_epoch(desk: Desk, found: Kept, epoch: int, grants: Grants, by: str) -> int:
    box = desk.box
    recipients = [
        (person, public)
        for person, public in _recipients(desk, found.state)
        if (epoch, person, fingerprint(public)) not in grants.held
    ]
    if not recipients:
        return 0
    wraps = wrap_for(grants.keys[epoch], recipients, consult=found.consult, epoch=epoch)
    removed = tuple(sorted(p.person for p in found.state.parties if p.removed_at))
    statement = sign_wraps(WrapSet(found.consult, epoch, wraps, removed), box.identity)
    granted = tuple((one.recipient, one.fingerprint) for one in wraps)
    box.append([_granted(box, found.study, found.consult, (epoch, None, granted), by)])
    desk.outgoing.put_wraps(
        desk.fresh("w_"), found.consult, statement, min(PRIORITY[found.state.urgency], 1)
    )
    return 1


def _recipients(desk: Desk, state: Consult) -> list[tuple[str, bytes]]:
    """Return who may read, with the key to seal to; who may not yet is an alarm, not a silence."""
    box, directory = desk.box, desk.joined.directory()
    found: list[tuple[str, bytes]] = []
    for party in state.present():
        try:
            key = directory.recipient(party.person)
        except RecipientUnknown as error:
            raise_alarm(box, error, state.id)
            continue
        known = key_state(box, directory, key)
        if known == "confirmed":
            found.append((party.person, key.agree_public))
        elif known == "changed":
            raise_alarm(box, KeyNotConfirmed(name=key.name), state.id)
        else:
            raise_alarm(box, InvitedByHub(name=key.name), state.id)
    recovery = recovery_public(box)
    if recovery:
        found.append((RECOVERY, recovery))
    return found


def recovery_public(box: Box) -> bytes:
    """Return the public half of the hospital's recovery key as this box made it; b"" for none.

    Never the directory's: only the box itself knows which one is really the hospital's.
    """
    path = box.folder / "keys" / "recovery.pub"
    return path.read_bytes() if path.exists() else b""


def _granted(
    box: Box,
    study: str,
    consult: str,
    grant: tuple[int, bytes | None, tuple[tuple[str, str], ...]],
    by: str,
) -> Draft:
    epoch, key, recipients = grant
    body: dict[str, Any] = {
        "consult": consult,
        "epoch": epoch,
        "by": by,
        "granted": [{"recipient": who, "fingerprint": mark} for who, mark in recipients],
    }
    if key is not None:
        body["key"] = key.hex()
    return Draft("access.granted", body, subject=subject_of(box, study), key=study)
