"""An appliance for the auditor."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from core.audit.balp import Act, ActKind
from core.audit.verifying import Chain, Finding, Witness
from core.errors import XinglinError
from core.journal.checkpoint import Checkpoint
from core.journal.salvage import DAMAGE, is_damage
from core.journal.seal import open_record
from core.journal.store import SqliteJournal
from core.records.clock import Stamp
from core.records.record import Sealed
from core.seals.keybook import raw_public
from edge.store.box import Box, open_box, real_outside
from edge.uplink.certificates import Credentials, Region
from edge.uplink.chain import ACCESS_WITNESS
from edge.uplink.directory import BoxDirectory

_PAGE = 500
_KINDS: dict[str, ActKind] = {
    "login": "login", "logout": "login", "login failed": "login", "journal read": "query",
    "dimse find": "query", "dimse move": "disclosed", "dimse get": "disclosed",
}  # fmt: skip


class BoxSource:
    """See :class:`provisioning.audit.source.Source`."""

    side: Literal["box"] = "box"

    def __init__(self, folder: Path) -> None:
        self._box: Box = open_box(folder, real_outside())
        credentials = Credentials(folder / "uplink")
        self._region: Region | None = credentials.region() if credentials.joined else None

    @property
    def node(self) -> str:
        """The box's node id."""
        return self._box.identity.id

    def publics(self) -> dict[str, bytes]:
        """See :class:`provisioning.audit.source.Source`."""
        keys = {self.node: raw_public(self._box.identity.key.public_key())}
        if self._region is not None:
            keys[self._region.hub] = bytes.fromhex(self._region.hub_sign_public)
        return keys

    def witnesses(self) -> list[Witness]:
        """See :class:`provisioning.audit.source.Source`."""
        return [Witness(head, self.node) for head in self._box.vault.heads()]

    def others(self) -> list[Witness]:
        """See :class:`provisioning.audit.source.Source`."""
        rows = self._box.database.query(
            "SELECT value FROM uplink WHERE name = ?", (ACCESS_WITNESS,)
        )
        heads = [*self._box.vault.heads(), *(Checkpoint(**json.loads(row[0])) for row in rows)]
        return [Witness(head, self.node) for head in heads]

    def chains(self) -> Iterator[Chain]:
        """See :class:`provisioning.audit.source.Source`."""
        signed = {(w.head.journal, w.head.writer): w.head.seq for w in self.witnesses()}
        for name, journal in (("clinical", self._box.journal), ("access", self._box.access)):
            known = {writer for which, writer in signed if which == name} | {self.node}
            for writer in sorted(known | _writers(journal)):
                yield Chain(name, writer, journal.survey(writer, signed.get((name, writer), 0)))

    def findings(self) -> list[Finding]:
        """See :class:`provisioning.audit.source.Source`."""
        if self._region is None:
            return []
        try:
            BoxDirectory(self._box, self._region).current()
        except XinglinError as error:
            return [Finding("directory", self._region.hub, 0, f"E{error.code}")]
        return []

    def acts(self) -> Iterator[Act]:
        """See :class:`provisioning.audit.source.Source`."""
        after = 0
        while page := self._box.access.read(after, _PAGE):
            for sealed in page:
                yield from self._acts_of(sealed)
            after = page[-1].position

    def close(self) -> None:
        """See :class:`provisioning.audit.source.Source`."""
        self._box.close()

    def _acts_of(self, sealed: Sealed) -> Iterator[Act]:
        body = dict(open_record(sealed, self._box.vault).body)
        action = str(body.pop("action", "study viewed"))
        kind: ActKind = "read" if sealed.header.kind == "study.viewed" else _kind(action)
        actor = sealed.header.actor.partition(":")[2]
        user, study = str(body.pop("user", "")), str(body.pop("study", ""))
        address = str(body.pop("address", ""))
        studies = [str(one) for one in body.pop("studies", [])] or [study]
        for n, one in enumerate(studies):
            yield Act(
                link=sealed.link if n == 0 else f"{sealed.link} {n}",
                at=Stamp.parse(sealed.header.clock).iso(),
                action=action,
                kind=kind if one or kind in ("login", "query") else "administration",
                actor=user or actor,
                node=self.node,
                side="box",
                subject=one,
                patient=self._patient(one),
                address=address,
                failed=action == "login failed",
                detail=body,
            )

    def _patient(self, study: str) -> str:
        rows: list[Any] = self._box.database.query(
            "SELECT subject FROM study WHERE study = ?", (study,)
        )
        return str(rows[0][0]) if rows else ""


def _kind(action: str) -> ActKind:
    return _KINDS.get(action, "administration")


def _writers(journal: SqliteJournal) -> set[str]:
    try:
        return set(journal.writers())
    except DAMAGE as error:
        if not is_damage(error):
            raise
        return set()
