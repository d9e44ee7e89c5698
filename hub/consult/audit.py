"""The consultations' rows held against the hospital chains that tell of them: offline, by anybody.

The chain is what boxes have seen and witnessed; the tables are what the portal shows. Where they
differ somebody has edited the tables.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select

from core.audit.verifying import Finding
from core.consult.chain import EventRow, check_links
from core.consult.errors import StatementUnlinked
from core.errors import XinglinError
from core.journal.chain import Kept
from core.journal.errors import SealBroken
from core.journal.seal import open_clear
from core.records.clock import iso
from core.records.record import Header, Sealed
from core.seals.statements import parse
from core.seals.text import from_base64url
from hub.site import HubSite
from hub.store.tables import CONSULT, EVENT, HOSPITAL

_JOURNAL = "consultation"
Told = dict[tuple[str, int], tuple[bytes, str]]


def check_consults(site: HubSite) -> list[Finding]:
    """Return where the consultations' rows are not what the chains say."""
    with site.database.read() as sql:
        hospitals = sql.execute(select(HOSPITAL.c.id, HOSPITAL.c.chain_seq)).all()
    found: list[Finding] = []
    for hospital, length in hospitals:
        journal = site.journal(hospital)
        if journal.head(journal.writer).seq != length:
            found.append(Finding("clinical", journal.writer, length, "truncated"))
        found += _of_hospital(site, hospital, dict(_told(journal.kept(journal.writer))))
    return found


def _of_hospital(site: HubSite, hospital: str, told: Told) -> Iterator[Finding]:
    query = (
        select(EVENT)
        .join(CONSULT, CONSULT.c.id == EVENT.c.consult)
        .where(CONSULT.c.hospital == hospital)
        .order_by(EVENT.c.consult, EVENT.c.seq)
    )
    by_consult: dict[str, list[EventRow]] = {}
    with site.database.read() as sql:
        for row in sql.execute(query):
            said = told.pop((row.consult, row.seq), None)
            if said is None:
                yield Finding(_JOURNAL, row.consult, row.seq, "forked")
            elif said != (bytes(row.statement), row.link):
                yield Finding(_JOURNAL, row.consult, row.seq, "changed")
            name = _name(bytes(row.statement))
            by_consult.setdefault(row.consult, []).append(
                EventRow(row.seq, name, iso(row.at), row.actor, row.link)
            )
    for consult, seq in told:
        yield Finding(_JOURNAL, consult, seq, "removed")
    for consult, rows in by_consult.items():
        try:
            check_links(rows)
        except StatementUnlinked as error:
            yield Finding(_JOURNAL, consult, int(error.facts["seq"]), "reordered")


def _told(rows: Iterator[Kept]) -> Iterator[tuple[tuple[str, int], tuple[bytes, str]]]:
    """Yield what a chain says of events; a row that cannot be read is named by the chain itself."""
    for row in rows:
        try:
            header = Header.from_bytes(row.header)
            if header.kind != "hub.event":
                continue
            body = open_clear(Sealed(0, header, row.header, row.sealed, row.link.hex())).body
            yield (body["consult"], body["seq"]), (from_base64url(body["statement"]), body["link"])
        except (SealBroken, ValueError, KeyError, TypeError):
            continue


def _name(statement: bytes) -> str:
    try:
        return parse(statement).statement.sha256
    except XinglinError:
        return ""
