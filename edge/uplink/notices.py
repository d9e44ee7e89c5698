"""What the hub says is on its way: kept until the link has brought it.

A notice names its row in the hub's chain. One whose row is here already is old, and one that is in
the table was heard before: replays need no clock to be told, and the table cannot grow by them.
"""

from __future__ import annotations

from typing import Any

from core.journal.database import Database
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
        self.topic = topic_of(region.hub, box.identity.id)

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
        here = self._box.journal.head(writer_of(self._region)).seq
        if notice.seq <= here or not self._keep(notice, here):
            raise NoticeKnown
        return notice

    def _keep(self, notice: Notice, here: int) -> bool:
        with self._box.database.transaction() as sql:
            sql.execute("DELETE FROM region_notice WHERE seq <= ?", (here,))
            added = sql.execute(
                "INSERT OR IGNORE INTO region_notice VALUES (?, ?, ?, ?, ?, ?)",
                (notice.seq, notice.kind, notice.consult, notice.urgency, notice.at,
                 self._box.outside.now_ms()),
            ).rowcount  # fmt: skip
            sql.execute(
                "DELETE FROM region_notice WHERE seq NOT IN"
                " (SELECT seq FROM region_notice ORDER BY seq DESC LIMIT ?)",
                (_MOST_KEPT,),
            )
        return bool(added)


def writer_of(region: Region) -> str:
    """Return the writer of the hub's chain for this hospital."""
    return f"{region.hub}/{region.hospital}"


def awaited(box: Box, region: Region) -> list[dict[str, Any]]:
    """Return what the hub announced about consultations and the link has not brought yet."""
    rows = box.database.query(
        "SELECT seq, kind, consult, urgency, at, heard FROM region_notice"
        " WHERE seq > ? AND consult <> '' ORDER BY seq",
        (box.journal.head(writer_of(region)).seq,),
    )
    return [
        {"seq": r[0], "kind": r[1], "consult": r[2], "urgency": r[3], "at": r[4],
         "heard_at": iso(r[5])}
        for r in rows
    ]  # fmt: skip


def forget_notices(database: Database) -> None:
    """Forget everything that was announced: the box has joined another region."""
    with database.transaction() as sql:
        sql.execute("DELETE FROM region_notice")
