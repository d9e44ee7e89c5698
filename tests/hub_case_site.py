"""Consultations behind the real portal: one case, and everybody who might ask for it."""

from __future__ import annotations

from dataclasses import dataclass

from hub.registry.duty import set_duty
from tests.hub_consults import Table
from tests.hub_portal import PortalSite

EXPERTS = ("other", "removed", "unwrapped", "duty")


@dataclass(frozen=True)
class Case:
    """A consultation with an object of its own, and another one with its object."""

    consult: str
    address: str
    other: str
    others_address: str
    waiting: str


class CaseSite(PortalSite):
    """A portal with a case that is under way.

    ``expert`` takes part and holds the key, ``unwrapped`` was invited and waits for it, ``removed``
    was taken out again, ``other`` takes part in another case, ``duty`` stands in for a department
    that a request waits in.
    """

    def __init__(self, site, clock):
        super().__init__(site, clock)
        self.table = Table(site, self.crew)
        for user in EXPERTS:
            department = "imaging" if user == "duty" else "respiratory"
            self.tokens[user], session = self.crew.ready(user, department=department)
            self.csrf[user] = session.csrf
        for user in ("expert", "coordinator", *EXPERTS):
            self.table.give_key(user)
        set_duty(site, self.crew.hospital, "imaging", [self.crew.ids["duty"]])
        self.case = self._make()

    def _make(self) -> Case:
        table = self.table
        consult, address = self._begin("expert")
        for user in ("removed", "unwrapped"):
            table.from_person("invited", consult, "expert", person=self.crew.ids[user],
                              part="member", discipline="respiratory")  # fmt: skip
        table.wraps(consult, "removed")
        table.from_person("message", consult, "expert")
        table.from_person("removed", consult, "expert", person=self.crew.ids["removed"])
        table.wraps(consult, "expert", epoch=2, removed=["removed"])
        other, others_address = self._begin("other")
        waiting = table.request(
            "expert", to_hospital=self.crew.hospital, to_department="imaging", urgency="urgent"
        )
        return Case(consult, address, other, others_address, waiting)

    def _begin(self, user):
        address = self.table.put_object()
        body = self.table.request_body([self.table.seat(user)], case=address)
        consult = self.table.from_box(body).consult
        self.table.wraps(consult, user)
        self.table.from_person("accepted", consult, user)
        return consult, address

    def signed(self, user, kind="message", consult="", **facts):
        """Return the request body of an event that somebody signs."""
        body = self.table.body(kind, consult or self.case.consult, **facts)
        return {"statement": self.table.by_person(body, user).decode()}
