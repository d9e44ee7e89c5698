"""A hub that lies to a box over the real link: it is found out, and the box's page says so.

The hub is the real one, with the one line changed that a dishonest operator would change; what is
looked at is what the page shows: ``GET /api/region``.
"""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from sqlalchemy import update

from core.consult.chain import next_link
from core.seals.consult_key import unwrap
from core.seals.errors import WrapBroken
from core.seals.statements import parse
from core.seals.text import from_base64url
from edge.consult.errors import KeyNotConfirmed
from edge.consult.inbox import confirm
from edge.consult.requests import Asker, request
from hub.consult import service
from hub.consult.service import ConsultService
from hub.consult.sink import ConsultSink
from hub.downlink.chain import append_event, rows_after
from hub.registry.keys import PersonKeys, read_key
from hub.store.tables import CHAIN, HOSPITAL, WRAP
from tests.api_site import chest
from tests.consult_site import REQUEST
from tests.hub_consults import Table
from tests.hub_people import BrowserKey, Crew
from tests.region_site import County
from tests.sync_site import SyncSite, now_ms, running

DOCTOR = Asker("physician", "王医生", "physician")


class Case:
    """A consultation that an expert has accepted, on a hub that may begin to lie now."""

    def __init__(self, site, county):
        self.site, self.county = site, county
        self.hub = site.site
        self.crew = Crew(self.hub, SimpleNamespace(at=now_ms()))
        self.expert = self.crew.add("expert")
        self.table = Table(self.hub, self.crew, ConsultService(self.hub))
        self.table.give_key("expert")
        county.trust({self.expert: self.table.keys["expert"].id})
        self.consult = self.ask()
        self.until_state("requested")
        self.table.from_person("accepted", self.consult, "expert")
        self.until_state("accepted")
        assert county.region()["alarms"] == []

    def ask(self):
        asked = {
            **REQUEST, "to_hospital": self.crew.hospital,
            "people": [{"person": self.expert, "part": "expert", "discipline": "respiratory"}],
        }  # fmt: skip
        county = self.county
        return request(county.desk, county.api.site.queue, county.api.study(), asked, DOCTOR)

    def until_state(self, place):
        def there():
            sql = "SELECT state FROM consult WHERE consult = ?"
            rows = self.county.box.database.query(sql, (self.consult,))
            return rows and rows[0][0] == place and self.rows()

        self.county.until(there, place)

    def rows(self):
        return rows_after(self.hub, self.site.region.hospital, 0, 100)

    def shown(self, code):
        """Wait until the page shows an alarm; return it."""

        def there():
            return [one for one in self.county.region()["alarms"] if one["code"] == code]

        [alarm] = self.county.until(there, code)
        assert alarm["message_zh"]
        assert alarm["message_en"]
        assert alarm["seen_by"] == ""
        return alarm

    def say(self, kind, **facts):
        return self.table.from_person(kind, self.consult, "expert", **facts)


@pytest.fixture
def case(tmp_path):
    site = SyncSite(tmp_path / "region", sink=ConsultSink).start()
    with running(site):
        code = site.region.invite().text()
        county = County(tmp_path / "box", site.region.address, code, [chest(1), chest(2)])
        with running(county):
            county.connect_to(site.port)
            county.up()
            yield Case(site, county)


def test_a_swapped_public_key_is_shown_and_not_sealed_to(case):
    thief, mine = BrowserKey(), case.table.keys["expert"]
    PersonKeys(case.hub).register(case.expert, read_key(thief.form))  # without the expert

    def changed():
        return case.county.region()["directory"]["changed_keys"]

    [change] = case.county.until(changed, "the changed key")
    assert (change["id"], change["new"]) == (case.expert, thief.id)
    assert case.shown("E7919")["about"] == case.expert
    with pytest.raises(KeyNotConfirmed):
        case.ask()
    case.county.turn()
    wraps = case.table.rows(WRAP, recipient=case.expert)
    assert wraps
    for row in wraps:
        bound = {"consult": row.consult, "epoch": row.epoch, "recipient": case.expert}
        assert unwrap(bytes(row.sealed), mine.agree, **bound)
        with pytest.raises(WrapBroken):
            unwrap(bytes(row.sealed), thief.agree, **bound)
    # A person here who has asked the expert may confirm it; then the alarm is over.
    confirm(case.county.desk, case.expert, thief.id, DOCTOR.user)
    assert case.county.region()["alarms"] == []


def test_a_dropped_opinion_is_shown_when_anything_follows(case, monkeypatch):
    def drop(site, sql, hospital, body, actor=""):
        said = json.loads(from_base64url(body["statement"]))["statement"]["body"]
        if said["kind"] == "opinion":
            return 0
        return append_event(site, sql, hospital, body, actor)

    monkeypatch.setattr(service, "append_event", drop)
    case.say("opinion", discipline="respiratory")
    case.say("message")
    alarm = case.shown("E7218")
    assert alarm["about"] == case.consult


def test_an_old_opinion_that_is_sent_again_is_shown(case):
    case.say("opinion", discipline="respiratory")
    case.county.until(lambda: len(case.rows()) == 3, "the opinion")
    body = json.loads(case.rows()[-1].sealed[1:])
    hospital = case.site.region.hospital
    with case.hub.database.write() as sql:  # as the next event, rightly numbered
        append_event(case.hub, sql, hospital, {**body, "seq": body["seq"] + 1})
    case.shown("E7218")
    assert [e.kind for e in case.county.events(case.consult)].count("opinion") == 1


def test_an_old_opinion_with_a_right_link_is_shown(case):
    """The hub makes the link itself: what gives it away is the event's id."""
    case.say("opinion", discipline="respiratory")
    body = json.loads(case.rows()[-1].sealed[1:])
    digest = parse(from_base64url(body["statement"])).statement.sha256
    again = {**body, "seq": body["seq"] + 1}
    again["link"] = next_link(body["link"], again["seq"], digest, body["at"], case.expert)
    with case.hub.database.write() as sql:
        append_event(case.hub, sql, case.site.region.hospital, again)
    case.shown("E7909")


def test_a_log_that_was_cut_is_shown_and_the_box_works_on(case):
    case.say("opinion", discipline="respiratory")
    county, hospital = case.county, case.site.region.hospital
    writer = f"{case.hub.identity.id}/{hospital}"
    county.until(lambda: county.box.journal.head(writer).seq == 3, "the opinion")
    county.down()
    with case.hub.database.write() as sql:
        sql.execute(CHAIN.delete().where(CHAIN.c.writer == writer, CHAIN.c.seq == 3))
        sql.execute(update(HOSPITAL).where(HOSPITAL.c.id == hospital).values(chain_seq=2))
    county.up()
    assert "rewound" in case.shown("E7521")["message_en"]
    assert county.region()["link"]["state"] == "refused"
    # What had come stays, and what the box does for itself goes on.
    assert [e.kind for e in county.events(case.consult)][-1] == "opinion"
    county.api.send(chest(3))
    assert county.box.journal.head(writer).seq == 3
