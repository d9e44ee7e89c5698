"""A hub for the auditor."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import select

from core.audit.balp import Act, ActKind
from core.audit.verifying import Chain, Finding, Witness
from core.errors import XinglinError
from core.journal.checkpoint import Checkpoint
from core.journal.errors import SealBroken
from core.journal.seal import open_record
from core.records.clock import Stamp, iso
from core.records.record import Sealed
from core.seals.keybook import raw_public
from core.seals.statements import parse
from hub.consult.audit import check_consults
from hub.heads import own_heads
from hub.outside import real_outside
from hub.registry.directory import HubDirectory
from hub.site import HubSite, open_hub
from hub.store.tables import BOX_ACCESS, CHECKPOINT, NODE, WITNESS

_PAGE = 500
_KINDS: dict[str, ActKind] = {
    "consult opened": "read", "objects downloaded": "disclosed", "consult denied": "denied",
    "journal read": "query", "login": "login", "logout": "login", "login failed": "login",
}  # fmt: skip


class HubSource:
    """See :class:`provisioning.audit.source.Source`."""

    side: Literal["hub"] = "hub"

    def __init__(self, folder: Path) -> None:
        self._site: HubSite = open_hub(folder, real_outside())

    @property
    def node(self) -> str:
        """The hub's node id."""
        return self._site.identity.id

    def publics(self) -> dict[str, bytes]:
        """See :class:`provisioning.audit.source.Source`."""
        with self._site.database.read() as sql:
            rows = sql.execute(select(NODE.c.id, NODE.c.sign_public)).all()
        keys = {row.id: bytes(row.sign_public) for row in rows}
        return keys | {self.node: raw_public(self._site.identity.key.public_key())}

    def witnesses(self) -> list[Witness]:
        """See :class:`provisioning.audit.source.Source`."""
        return [one for one in self._kept() if self._is_own(one.head.writer)]

    def others(self) -> list[Witness]:
        """See :class:`provisioning.audit.source.Source`."""
        theirs = [one for one in self._kept() if not self._is_own(one.head.writer)]
        return [*theirs, *(Witness(head, self.node) for head in own_heads(self._site))]

    def chains(self) -> Iterator[Chain]:
        """See :class:`provisioning.audit.source.Source`."""
        for name, journal in (("clinical", self._site.journal("")), ("access", self._site.access)):
            kept = {w.head.writer for w in self.witnesses() if w.head.journal == name}
            for writer in sorted(kept | set(journal.writers())):
                yield Chain(name, writer, journal.kept(writer))

    def findings(self) -> list[Finding]:
        """See :class:`provisioning.audit.source.Source`."""
        return [*self._directory(), *check_consults(self._site)]

    def acts(self) -> Iterator[Act]:
        """See :class:`provisioning.audit.source.Source`."""
        after = 0
        while page := self._site.access.read(after, _PAGE):
            for sealed in page:
                yield self._act(sealed)
            after = page[-1].position
        with self._site.database.read() as sql:
            for row in sql.execute(select(BOX_ACCESS).order_by(BOX_ACCESS.c.at)):
                yield _told_by_box(row)

    def close(self) -> None:
        """See :class:`provisioning.audit.source.Source`."""
        self._site.close()

    def _is_own(self, writer: str) -> bool:
        return writer.partition("/")[0] == self.node

    def _kept(self) -> list[Witness]:
        with self._site.database.read() as sql:
            rows = sql.execute(select(CHECKPOINT)).all()
        return [
            Witness(Checkpoint(r.journal, r.writer, r.seq, r.link, r.at, r.signature), self.node)
            for r in rows
        ]

    def _directory(self) -> list[Finding]:
        site = self._site
        try:
            known = HubDirectory(site.database, site.identity, site.outside.now_ms).current()
        except XinglinError as error:
            return [Finding("directory", self.node, 0, f"E{error.code}")]
        with site.database.read() as sql:
            seen = sql.execute(select(WITNESS)).all()
        found = []
        for row in seen:
            if row.size > known.size:
                found.append(Finding("directory", self.node, known.size + 1, "truncated", row.node))
            elif known.link(row.size) != bytes(row.head).hex():
                found.append(Finding("directory", self.node, row.size, "forked", row.node))
        return found

    def _act(self, sealed: Sealed) -> Act:
        try:
            body = dict(open_record(sealed, self._site.secrets).body)
        except SealBroken:
            body = {"action": "unreadable"}
        action = str(body.pop("action", sealed.header.kind))
        return Act(
            link=sealed.link,
            at=Stamp.parse(sealed.header.clock).iso(),
            action=action,
            kind=_KINDS.get(action, "administration"),
            actor=str(body.pop("user", "")) or sealed.header.actor.partition(":")[2],
            node=self.node,
            side="hub",
            subject=str(body.pop("consult", "")),
            why=str(body.pop("why", "")),
            address=str(body.pop("address", "")),
            failed=action in ("consult denied", "login failed"),
            detail=body,
        )


def _told_by_box(row: Any) -> Act:
    """Return what a box said of its own people; its signature was checked when it came."""
    body = parse(bytes(row.statement)).statement.body
    return Act(
        link=row.id,
        at=iso(row.at),
        action=f"consult {body.get('action', '')}",
        kind="read",
        actor=str(body.get("by", "")),
        node=row.node,
        side="box",
        subject=row.consult,
        why=str(body.get("role", "")),
    )
