"""The hub's chain for this hospital, as the box keeps and doubts it.

The box holds every row, verified against the row before, in its own clinical journal; the hub's
signed heads go into the vault, outside the journal. A hub that rewinds, forks, leaves a hole or
signs a head whose rows it does not give is refused, and the page says so.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from core.journal.chain import Kept
from core.journal.checkpoint import Checkpoint, is_signed_by
from core.journal.errors import JournalDamaged, SealBroken
from core.journal.seal import CLEAR_KEY, open_clear
from core.records.clock import Stamp
from core.records.record import Header, Sealed
from core.seals.keybook import ed25519_public
from edge.store.box import Box
from edge.uplink.certificates import Region
from edge.uplink.link_errors import HubChainBroken, HubHeadUnsigned, OwnChainLost
from protos.gen import sync_pb2 as pb

#: Seconds for which the hub may have signed a head whose rows have not come.
WITHHELD_S = 120.0
#: How far a row's clock may be ahead of ours: our own records follow the latest clock they see.
AHEAD_MS = 86_400_000
_ACCESS = "hub access head"
#: The same as the hub signed it, for who verifies offline.
ACCESS_WITNESS = "hub access checkpoint"


class HubChain:
    """One hospital's chain of the hub, in the box."""

    def __init__(self, box: Box, region: Region) -> None:
        self._box = box
        self._hub = region.hub
        self._public = ed25519_public(bytes.fromhex(region.hub_sign_public))
        self.writer = f"{region.hub}/{region.hospital}"
        self._signed: Checkpoint | None = None
        self._signed_at_s = 0.0

    def head(self) -> tuple[int, bytes]:
        """Return (seq, link) of the last row that the box has."""
        head = self._box.journal.head(self.writer)
        return head.seq, head.link

    def check_end(self, hub_seq: int) -> None:
        """Look at how far the hub says its chain goes.

        Raises
        ------
        HubChainBroken
            If the hub has fewer rows than the box: it was rewound.
        """
        kept = [c for c in self._box.vault.heads() if c.writer == self.writer]
        known = max([self.head()[0], *(one.seq for one in kept)])
        if hub_seq < known:
            raise HubChainBroken(fault="rewound", seq=hub_seq)

    def adopt(self, rows: Sequence[pb.ChainRow]) -> int:
        """Add rows, verified; return the seq of the last row that is here now, durably.

        Raises
        ------
        HubChainBroken
            If they do not continue the chain, are another writer's, or are no notices of the hub
            in clear: what is in the journal is opened by every reader of this box.
        """
        kept = []
        now = self._box.outside.now_ms()
        for row in rows:
            if row.writer != self.writer:
                raise HubChainBroken(fault="writer", seq=row.seq)
            fault = fault_of(row.header, row.sealed, now)
            if fault:
                raise HubChainBroken(fault=fault, seq=row.seq)
            known = self._box.journal.link_at(self.writer, row.seq)
            if known is not None and known != row.link:
                raise HubChainBroken(fault="forked", seq=row.seq)
            kept.append(Kept(row.writer, row.seq, row.header, row.sealed, row.link))
        try:
            self._box.journal.adopt(kept)
        except JournalDamaged as error:
            fault, seq = str(error.facts["fault"]), int(error.facts["seq"])
            raise HubChainBroken(fault=fault, seq=seq) from None
        self._compare()
        return self.head()[0]

    def signed(self, message: pb.Checkpoint, now_s: float) -> None:
        """Take a signed head of this chain; it is kept once the rows that it names are here.

        Raises
        ------
        HubHeadUnsigned, HubChainBroken
        """
        checkpoint = self._verified(message)
        if (checkpoint.journal, checkpoint.writer) != ("clinical", self.writer):
            raise HubHeadUnsigned
        self._signed, self._signed_at_s = checkpoint, now_s
        self._compare()

    def check_withheld(self, now_s: float) -> None:
        """Look whether the hub signed rows that it does not give.

        Raises
        ------
        HubChainBroken
        """
        if self._signed is not None and now_s - self._signed_at_s > WITHHELD_S:
            raise HubChainBroken(fault="withheld", seq=self._signed.seq)

    def access_head(self, message: pb.Checkpoint) -> None:
        """Witness the head of the hub's access journal; only heads that go on are believed.

        Raises
        ------
        HubHeadUnsigned, HubChainBroken
        """
        fresh = self._verified(message)
        if (fresh.journal, fresh.writer) != ("access", self._hub):
            raise HubHeadUnsigned
        rows = self._box.database.query("SELECT value FROM uplink WHERE name = ?", (_ACCESS,))
        seq, _, link = rows[0][0].partition(" ") if rows else ("0", "", "")
        forked = fresh.seq == int(seq) and fresh.link != link
        if fresh.seq < int(seq) or forked:
            fault = "access forked" if forked else "access rewound"
            raise HubChainBroken(fault=fault, seq=fresh.seq)
        with self._box.database.transaction() as sql:
            sql.execute(
                "INSERT OR REPLACE INTO uplink VALUES (?, ?)",
                (_ACCESS, f"{fresh.seq} {fresh.link}"),
            )
            sql.execute(
                "INSERT OR REPLACE INTO uplink VALUES (?, ?)",
                (ACCESS_WITNESS, json.dumps(asdict(fresh))),
            )

    def _verified(self, message: pb.Checkpoint) -> Checkpoint:
        checkpoint = Checkpoint(
            message.journal, message.writer, message.seq, message.link, message.at,
            message.signature,
        )  # fmt: skip
        if not is_signed_by(checkpoint, self._public):
            raise HubHeadUnsigned
        return checkpoint

    def _compare(self) -> None:
        """Hold the hub's signed head against the rows that are here."""
        signed = self._signed
        if signed is None or self.head()[0] < signed.seq:
            return
        link = self._box.journal.link_at(self.writer, signed.seq)
        if link is None or link.hex() != signed.link:
            raise HubChainBroken(fault="forked", seq=signed.seq)
        self._box.vault.keep_head(signed)
        self._signed = None


def fault_of(header: bytes, sealed: bytes, now_ms: int) -> str:
    """Return why a row of the hub may not come into this box's journal; "" where it may. Pure.

    ``header``: malformed, or it claims a subject or a key of ours; ``sealed``: its kind is not the
    hub's or its body is not the clear one; ``clock``: no time, or further ahead than a clock that
    is wrong by mistake.
    """
    try:
        said = Header.from_bytes(header)
        texts = (said.prev, said.clock, said.kind, said.actor)
        sound = all(isinstance(one, str) for one in texts) and type(said.version) is int
        if not sound or (said.subject, said.key) != ("", CLEAR_KEY):
            return "header"
        open_clear(Sealed(0, said, header, sealed, ""))
    except SealBroken:
        return "sealed"
    except (ValueError, KeyError, TypeError):
        return "header"
    try:
        stamp = Stamp.parse(said.clock)
    except ValueError:
        return "clock"
    sane = str(stamp) == said.clock and 0 <= stamp.ms <= now_ms + AHEAD_MS
    return "" if sane else "clock"


def own_heads(box: Box) -> list[pb.Checkpoint]:
    """Return the signed heads of the box's own chains, for the hub to witness."""
    return [
        pb.Checkpoint(
            journal=c.journal, writer=c.writer, seq=c.seq, link=c.link, at=c.at,
            signature=c.signature,
        )
        for c in box.vault.heads()
        if c.writer == box.identity.id
    ]  # fmt: skip


def check_witnessed(box: Box, witnessed: Sequence[pb.Checkpoint]) -> None:
    """Hold what the hub has witnessed of our chains against our journals.

    Raises
    ------
    OwnChainLost
        If a head that we once signed is not in the journal as it was.
    """
    for one in witnessed:
        head = Checkpoint(one.journal, one.writer, one.seq, one.link, one.at, one.signature)
        ours = head.writer == box.identity.id and head.journal in ("clinical", "access")
        if not ours or not is_signed_by(head, box.identity.key.public_key()):
            continue  # not our word: it says nothing about us
        journal = box.journal if head.journal == "clinical" else box.access
        link = journal.link_at(head.writer, head.seq)
        if link is None or link.hex() != head.link:
            raise OwnChainLost(journal=head.journal, seq=head.seq)
