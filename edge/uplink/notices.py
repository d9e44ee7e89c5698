"""What the hub says is on its way: kept until the link has brought it.

A notice names its row in the hub's chain. One whose row is here already is old, and one that is in
the table was heard before: replays need no clock to be told, and the table cannot grow by them.
"""

from __future__ import annotations

from typing import Any

from core.records.clock import iso
from core.seals.keybook import ed25519_public
from core.seals.notice import Notice, open_notice, topic_of
from edge.store.box import Box
from edge.uplink.certificates import Region
from edge.uplink.notice_errors import NoticeElsewhere, NoticeKnown

_MOST_KEPT = 200


class Notices:
    """Takes what comes from the broker: believed if the hub signed it for this box, once.

    Parameters
    ----------
    region : Region
        Whose notices these are.
    """

    def __init__(self, box: Box, region: Region) -> None:
        self._box = box
        self._region = region
        self._public = ed25519_public(bytes.fromhex(region.hub_sign_public))
        self._writer = f"{region.hub}/{region.hospital}"
        self.topic = topic_of(region.hub, box.identity.id)

    def forget_others(self) -> None:
        """Forget what another region announced: the box has left it."""
        with self._box.database.transaction() as sql:
            sql.execute("DELETE FROM region_notice WHERE writer <> ?", (self._writer,))

    def take(self, topic: str, payload: bytes) -> Notice:
        """Keep a notice that is new, and return it.

        Raises
        ------
        NoticeElsewhere, NoticeKnown
        core.errors.XinglinError
            Whatever :func:`core.seals.notice.open_notice` finds.
        """
        if topic != self.topic:
            raise NoticeElsewhere
        notice = open_notice(payload, self._box.identity.id, self._region.hub, self._public)
        here = self._box.journal.head(self._writer).seq
        if notice.seq <= here or not self._keep(notice, here):
            raise NoticeKnown
        return notice

    def _keep(self, notice: Notice, here: int) -> bool:
        with self._box.database.transaction() as sql:
            sql.execute(
                "DELETE FROM region_notice WHERE writer = ? AND seq <= ?", (self._writer, here)
            )
            added = sql.execute(
                "INSERT OR IGNORE INTO region_notice VALUES (?, ?, ?, ?, ?, ?, ?)",
                (self._writer, notice.seq, notice.kind, notice.consult, notice.urgency, notice.at,
                 self._box.outside.now_ms()),
            ).rowcount  # fmt: skip
            sql.execute(
                "DELETE FROM region_notice WHERE rowid NOT IN"
                " (SELECT rowid FROM region_notice ORDER BY seq DESC LIMIT ?)",
                (_MOST_KEPT,),
            )
        return bool(added)


def awaited(box: Box) -> list[dict[str, Any]]:
    """Return what the hub announced about consultations and the link has not brought yet."""
    rows = box.database.query(
        "SELECT writer, seq, kind, consult, urgency, at, heard FROM region_notice"
        " WHERE consult <> '' ORDER BY seq"
    )
    here = {writer: box.journal.head(writer).seq for writer in {row[0] for row in rows}}
    return [
        {"seq": r[1], "kind": r[2], "consult": r[3], "urgency": r[4], "at": r[5],
         "heard_at": iso(r[6])}
        for r in rows
        if r[1] > here[r[0]]
    ]  # fmt: skip
