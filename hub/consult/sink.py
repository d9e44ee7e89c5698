"""What the sync port hands to the consultation service: the whole of a link's small things."""

from __future__ import annotations

from sqlalchemy import Connection, select

from hub.consult.errors import OtherHospitals
from hub.consult.service import ConsultService, Mark, Sender
from hub.consult.wraps import take_wraps
from hub.datacentre.statistics import take_statistic
from hub.downlink.link import Arrived
from hub.downlink.sink import From, PlainSink
from hub.site import HubSite
from hub.store.tables import CONSULT


class ConsultSink(PlainSink):
    """An :class:`hub.downlink.sink.EventSink` that takes events and key wraps too."""

    def __init__(self, site: HubSite, mark: Mark = lambda _: None) -> None:
        super().__init__(site)
        self._here = site
        self._service = ConsultService(site, mark)

    def accept(self, sql: Connection, sender: From, item: Arrived) -> int:
        """See :class:`hub.downlink.sink.EventSink`."""
        box = Sender(node=sender.node, hospital=sender.hospital)
        if item.kind == "event":
            return self._service.take(sql, item.statement, box).seq
        if item.kind == "wraps":
            return take_wraps(self._here, sql, item.statement, box)
        if item.kind == "statistics":
            return take_statistic(self._here, sql, sender, item)
        if item.kind == "access":
            check_own(sql, sender, item.consult)
        return super().accept(sql, sender, item)

    def committed(self, sender: From, item: Arrived, seq: int) -> None:
        """Read what is new in the directory now, not inside the next transaction."""
        del sender, item, seq
        self._here.directory.current()


def check_own(sql: Connection, sender: From, consult: str) -> None:
    """Refuse what a box says of another hospital's consultation: OtherHospitals."""
    hospital = sql.execute(select(CONSULT.c.hospital).where(CONSULT.c.id == consult)).scalar()
    if hospital not in (None, sender.hospital):
        raise OtherHospitals
