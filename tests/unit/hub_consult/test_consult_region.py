"""A real box over the real link into the real service, and an expert's answer back to its page."""

from __future__ import annotations

import json
import os
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from core.records.canonical import to_bytes
from core.records.record import Draft
from core.seals.consult_key import unwrap
from core.seals.keybook import raw_public
from core.seals.objects import ObjectContext, open_whole, seal_inline
from core.seals.text import from_base64url
from edge.consult.inbox import confirm
from edge.consult.requests import Asker, request
from edge.uplink.certificates import Credentials
from edge.uplink.chain import ACCESS_WITNESS
from edge.uplink.join import join
from hub.consult.case import case_of
from hub.consult.objects import fetchable
from hub.consult.service import ConsultService, Sender
from hub.consult.sink import ConsultSink
from hub.consult.viewers import Viewer
from hub.heads import keep_own_heads
from hub.registry.duty import set_duty
from hub.store.tables import CHECKPOINT
from provisioning.audit.cli import app as audit
from tests.api_site import ApiSite, chest
from tests.consult_site import REQUEST
from tests.hub_consults import Table
from tests.hub_people import Crew
from tests.sync_site import SyncSite, now_ms, running, until
from tests.turning import TurningBox

DOCTOR = Asker("physician", "王医生", "physician")
SECRETS = ("张^三", "ZHANG", "P001", "空洞", "同意书", "王医生", "活动期")


class County(TurningBox):
    """An appliance with a study, joined to the hub; its workers are turned by the test."""

    def __init__(self, site: SyncSite, folder):
        self.api = ApiSite(folder)
        self.api.clock.at = now_ms()  # certificates are of today
        self.box = self.api.box
        self.api.send(chest(1), chest(2))
        join(self.box, site.region.address, site.region.invite().text())
        self.credentials = Credentials(folder / "uplink")
        self.connect_to(site.port)
        self.uplink = None
        self.up()
        until(lambda: self.uplink.state()["state"] == "connected" if hasattr(self.uplink, "state")
              else True, what="link")  # fmt: skip
        self.equip()

    def events(self, consult):
        rows = self.box.database.query(
            "SELECT kind, opened, fault FROM consult_event WHERE consult = ? ORDER BY n", (consult,)
        )
        return [SimpleNamespace(kind=k, opened=json.loads(o) if o else None, fault=f)
                for k, o, f in rows]  # fmt: skip


@pytest.fixture
def region(hub_url, tmp_path):
    site = SyncSite(tmp_path / "region", hub_url, sink=ConsultSink).start()
    with running(site):
        yield site


def test_asked_answered_and_filed(region, tmp_path):
    hub = region.site
    clock = SimpleNamespace(at=now_ms())
    crew = Crew(hub, clock)
    crew.add("expert")
    table = Table(hub, crew, ConsultService(hub))
    table.give_key("expert")
    set_duty(hub, crew.hospital, "respiratory", [crew.ids["expert"]])
    county = County(region, tmp_path / "box")
    with running(county):
        county.until(lambda: crew.ids["expert"] in county.desk.region.directory().contents.people,
                     "the directory")  # fmt: skip
        asked = {
            **REQUEST,
            "to_hospital": crew.hospital,
            "people": [
                {"person": crew.ids["expert"], "part": "expert", "discipline": "respiratory"}
            ],
        }
        confirm(county.desk, crew.ids["expert"], table.keys["expert"].id, DOCTOR.user)
        consult = request(county.desk, county.api.site.queue, county.api.study(), asked, DOCTOR)
        viewer, me = Viewer(crew.ids["expert"], "expert"), Sender(person=crew.ids["expert"])

        def case():
            with hub.database.read() as sql:
                return case_of(sql, viewer, consult, now_ms())

        county.until(lambda: table.rows(_consult(), id=consult) and case()["wraps"], "the key")
        seen = case()
        private = table.keys["expert"].agree
        key = unwrap(from_base64url(seen["wraps"][0]["sealed"]), private, consult=consult, epoch=1,
                     recipient=me.person)  # fmt: skip
        body = json.loads(seen["events"][0]["statement"])["statement"]["body"]
        ref = next(one for one in body["objects"] if one["address"] == body["case"])
        with hub.database.read() as sql:
            size = fetchable(sql, consult, ref["address"], me.person)
        sealed = hub.objects.read(ref["address"], 0, size)
        index = json.loads(
            open_whole(sealed, key, ObjectContext(consult, 1, ref["object"], "case"), body["case"])
        )
        assert index["patient"]["id"] == "P001"
        county.until(lambda: len(case()["objects"]) == len(body["objects"]), "every object")

        table.from_person("accepted", consult, "expert")
        words = {"impression": "考虑活动期肺结核", "findings": {}, "advice": "", "text": "",
                 "discipline": "respiratory", "dissent": False, "basis": [],
                 "case": body["case"]}  # fmt: skip
        object_id = "o_" + os.urandom(16).hex()
        context = ObjectContext(consult, 1, object_id, "opinion")
        sealed = seal_inline(to_bytes(words), key, os.urandom(32), context)
        table.from_person("opinion", consult, "expert", discipline="respiratory",
                          object=object_id, sealed=sealed)  # fmt: skip
        county.until(lambda: any(e.kind == "opinion" for e in county.events(consult)), "opinion")
        (opinion,) = [e for e in county.events(consult) if e.kind == "opinion"]
        assert not opinion.fault
        assert opinion.opened["impression"] == words["impression"]
        county.until(lambda: all(e["delivered_at"] for e in case()["events"]), "delivery")
        assert not county.box.database.query("SELECT code FROM region_alarm")
        county.box.keep_heads()
        hub.access.append([Draft("audit.logged", {"action": "consult opened"})])
        county.down()
        county.up()  # a greeting carries both sides' signed heads
        county.until(lambda: _witnessed(county, hub), "heads")
        keep_own_heads(hub)
        _audit_agrees(hub.folder, county.box.folder, tmp_path)
    _nothing_readable(hub, tmp_path / "region")
    assert raw_public(private.public_key())


def _nothing_readable(hub, folder):
    files = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    for secret in SECRETS:
        assert not any(secret.encode() in data for data in files), secret


def _consult():
    from hub.store.tables import CONSULT

    return CONSULT


def _witnessed(county, hub):
    """Say whether each side holds the other's newest heads."""
    rows = county.box.database.query("SELECT value FROM uplink WHERE name = ?", (ACCESS_WITNESS,))
    mine = rows and json.loads(rows[0][0])["seq"] >= hub.access.head(hub.access.writer).seq
    with hub.database.read() as sql:
        theirs = {r.journal for r in sql.execute(CHECKPOINT.select()) if r.writer == county.node}
    return mine and theirs == {"clinical", "access"}


def _audit_agrees(hub, box, out):
    """Verify each side against what the other has witnessed of it."""
    run = CliRunner()
    for side, other in ((hub, box), (box, hub)):
        path = out / "heads.jsonl"
        assert run.invoke(audit, ["heads", str(other), "--out", str(path)]).exit_code == 0
        alone = run.invoke(audit, ["verify", "--json", str(side)])
        both = run.invoke(audit, ["verify", "--json", str(side), "--witness", str(path)])
        assert (alone.exit_code, both.exit_code) == (0, 0), both.stdout
        assert json.loads(both.stdout)["witnessed"] > json.loads(alone.stdout)["witnessed"]
