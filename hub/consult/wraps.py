"""The consultation's key, sealed to each recipient: only a box of the asking hospital gives it."""

from __future__ import annotations

import json

from sqlalchemy import Connection, insert, select, update

from core.consult.errors import EpochUnknown
from core.consult.machine import Consult
from core.seals.consult_key import DOMAIN, Wrap, WrapSet, read_wraps
from core.seals.errors import StatementMalformed
from core.seals.keybook import fingerprint
from core.seals.statements import open_statement
from hub.consult.errors import NoSuchConsult, OtherHospitals
from hub.consult.service import Sender, check_sender
from hub.downlink.chain import lock_hospital
from hub.registry.keys import current_in
from hub.site import HubSite
from hub.store.database import locked
from hub.store.tables import CONSULT, WRAP

_MOST = 500
_LONGEST = 80


def take_wraps(site: HubSite, sql: Connection, data: bytes, sender: Sender) -> int:
    """Keep a box's signed set of wraps; the same set again changes nothing. Return the epoch.

    Raises
    ------
    core.seals.errors.SealRefusal
        If the statement does not verify.
    NotTheSigner, OtherHospitals, NoSuchConsult, EpochUnknown
    """
    statement = open_statement(data, site.directory.current_in(sql).book(), DOMAIN)
    check_sender(site, statement.signer, sender)
    given = read_wraps(statement)
    if len(given.wraps) > _MOST or any(len(one.recipient) > _LONGEST for one in given.wraps):
        raise StatementMalformed(fault="wraps")
    lock_hospital(sql, sender.hospital)  # first, as for events: nobody waits crosswise
    row = sql.execute(locked(select(CONSULT).where(CONSULT.c.id == given.consult))).first()
    if row is None:
        raise NoSuchConsult
    if row.hospital != sender.hospital:
        raise OtherHospitals
    consult = Consult.from_json(json.loads(row.folded))
    if given.epoch > consult.epoch:
        raise EpochUnknown(epoch=given.epoch)
    now = max(site.outside.now_ms(), row.changed_at + 1)
    changed = [_keep(sql, consult, given, (one, data), now) for one in given.wraps]
    changed += [_revoke(sql, given.consult, one, now) for one in _gone(consult, given)]
    if any(changed):  # the pages of those who wait for a key look again
        mine = CONSULT.c.id == given.consult
        sql.execute(update(CONSULT).where(mine).values(changed_at=now))
    return given.epoch


def _keep(
    sql: Connection, consult: Consult, given: WrapSet, one: tuple[Wrap, bytes], now_ms: int
) -> bool:
    wrap, data = one
    mine = (
        (WRAP.c.consult == given.consult)
        & (WRAP.c.epoch == given.epoch)
        & (WRAP.c.recipient == wrap.recipient)
    )
    # The box may not have seen a removal yet that stands here.
    away = wrap.recipient.startswith("p_") and consult.party(wrap.recipient) is None
    values = {
        "statement": data, "sealed": wrap.sealed, "revoked_at": now_ms if away else None,
    }  # fmt: skip
    known = sql.execute(select(WRAP).where(mine)).first()
    if known is None:
        place = {"consult": given.consult, "epoch": given.epoch, "recipient": wrap.recipient}
        sql.execute(insert(WRAP).values(**place, **values))
        return True
    same = bytes(known.sealed) == wrap.sealed and (known.revoked_at is None) is not away
    if same or _is_stale(sql, wrap):
        return False
    sql.execute(update(WRAP).where(mine).values(values))
    return True


def _is_stale(sql: Connection, wrap: Wrap) -> bool:
    """Say whether a late set would put a wrap for an old key in the place of a newer one."""
    key = current_in(sql, wrap.recipient)
    return key is not None and fingerprint(bytes(key.agree_public)) != wrap.fingerprint


def _gone(consult: Consult, given: WrapSet) -> list[str]:
    return [person for person in given.removed if consult.party(person) is None]


def _revoke(sql: Connection, consult: str, person: str, now_ms: int) -> bool:
    mine = (WRAP.c.consult == consult) & (WRAP.c.recipient == person) & WRAP.c.revoked_at.is_(None)
    return bool(sql.execute(update(WRAP).where(mine).values(revoked_at=now_ms)).rowcount)
