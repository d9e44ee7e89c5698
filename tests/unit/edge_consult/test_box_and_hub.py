"""The box's half against the hub's own service: the same bytes, the same rules, the same hash."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import insert, select

from core.consult.events import sealed_kind
from core.consult.machine import Consult
from core.records.canonical import to_bytes
from core.seals.consult_key import unwrap
from core.seals.directory_entries import node_body
from core.seals.keybook import raw_public
from core.seals.objects import ObjectContext, open_whole, seal_inline
from edge.consult.book import kept
from edge.consult.errors import KeyNotConfirmed
from edge.consult.inbox import confirm
from edge.consult.post import Saying, send
from edge.consult.region import Desk
from edge.consult.requests import request
from hub.consult.sink import ConsultSink
from hub.downlink.chain import rows_after
from hub.downlink.link import Arrived
from hub.downlink.sink import From
from hub.registry.hospitals import add_hospital
from hub.store.tables import CONSULT, NODE, OBJECT, WRAP
from tests.api_site import chest
from tests.consult_site import DOCTOR, REQUEST, Box, Hub
from tests.hub_cases import HubClock, make_hub
from tests.hub_consults import Table
from tests.hub_people import Crew
from tests.seal_site import x25519_key


class Region:
    """A real hub (tables, service, chain, directory) and one county's box beside it."""

    def __init__(self, folder: Path) -> None:
        clock = HubClock(1_790_000_000_000)
        self.site = make_hub(folder / "hub", f"sqlite:///{folder / 'hub.db'}", clock)
        self.crew = Crew(self.site, clock)
        self.table = Table(self.site, self.crew)
        self.hospital = add_hospital(self.site, "丙县医院")
        self.sink = ConsultSink(self.site)
        self.box = Box(folder / "box", Hub(), "h_" + "0" * 16)
        self.box.api.send(chest(1), chest(2))
        self._join()

    def _join(self) -> None:
        identity = self.box.box.identity
        public = raw_public(identity.key.public_key())
        seal = raw_public(x25519_key("seal").public_key())
        with self.site.database.write() as sql:
            sql.execute(
                insert(NODE).values(
                    id=identity.id, hospital=self.hospital, name="", sign_public=public,
                    seal_public=seal, software="", joined_at=1,
                )
            )  # fmt: skip
            self.site.directory.append_in(
                sql, "node", identity.id, node_body(self.hospital, public, seal)
            )
        region = SimpleNamespace(
            hospital=self.hospital, hub=self.site.identity.id,
            directory=self.site.directory.current,
        )  # fmt: skip
        desk = Desk(self.box.box, region, self.box.post)
        self.box.desk = desk
        for stage in self.box.stages.values():
            owner = getattr(stage, "__self__", None)
            if owner is not None:
                owner.desk = desk

    def exchange(self) -> None:
        for _ in range(4):
            self.box.run()
            self._up()
            self._down()

    def _up(self) -> None:
        post, sender = self.box.post, From(self.box.box.identity.id, self.hospital)
        for address, data in post.objects.items():
            self._keep(address, data)
        for kind, items in (("event", [(i, s) for i, (_, s, _) in post.events.items()]),
                            ("wraps", list(post.wraps.items()))):  # fmt: skip
            for id_, wire in items:
                with self.site.database.write() as sql:
                    self.sink.accept(sql, sender, Arrived(kind, id_, "", wire))

    def _keep(self, address: str, data: bytes) -> None:
        with self.site.database.write() as sql:
            if sql.execute(select(OBJECT).where(OBJECT.c.address == address)).first():
                return
            path = self.site.folder / "incoming" / address
            path.write_bytes(data)
            self.site.objects.put(address, path)
            sql.execute(
                insert(OBJECT).values(
                    address=address, hospital=self.hospital, size=len(data), created_at=1,
                    committed_at=1,
                )
            )  # fmt: skip

    def _down(self) -> None:
        writer = f"{self.site.identity.id}/{self.hospital}"
        known = self.box.box.journal.head(writer).seq
        self.box.box.journal.adopt(rows_after(self.site, self.hospital, known, 100))
        self.box.run()

    def key(self, user: str, consult: str) -> bytes:
        [wrap] = self.table.rows(WRAP, consult=consult, recipient=self.crew.ids[user], epoch=1)
        return unwrap(
            bytes(wrap.sealed), self.table.keys[user].agree, consult=consult, epoch=1,
            recipient=self.crew.ids[user],
        )  # fmt: skip

    def state(self, consult: str) -> Consult:
        [row] = self.table.rows(CONSULT, id=consult)
        return Consult.from_json(json.loads(row.folded))

    def says(self, user: str, consult: str, kind: str, words: dict, **facts) -> None:
        object_id = self.table.fresh("o_")
        context = ObjectContext(consult, 1, object_id, sealed_kind(kind))
        sealed = seal_inline(to_bytes(words), self.key(user, consult), bytes(32), context)
        self.table.from_person(
            kind, consult, user, sealed=sealed, object=object_id, epoch=1, **facts
        )


@pytest.fixture
def region(tmp_path):
    made = Region(tmp_path)
    made.crew.add("expert")
    made.table.give_key("expert")
    yield made
    made.site.close()


def test_a_round_trip_through_the_hub_s_own_service(region):
    box, crew = region.box, region.crew
    asked = {**REQUEST, "to_hospital": crew.hospital}
    with pytest.raises(KeyNotConfirmed):  # the expert's hospital has no box that vouches for it
        request(box.desk, box.queue, box.api.study(), asked, DOCTOR)
    confirm(box.desk, crew.ids["expert"], region.table.keys["expert"].id, DOCTOR.user)
    consult = request(box.desk, box.queue, box.api.study(), asked, DOCTOR)
    region.exchange()
    state = region.state(consult)
    assert state.place == "requested"
    address = state.case
    ref = json.loads(next(iter(box.post.events.values()))[1])["statement"]["body"]["objects"][-1]
    assert ref["address"] == address
    context = ObjectContext(consult, 1, ref["object"], "case")
    case = json.loads(
        open_whole(box.post.objects[address], region.key("expert", consult), context, address)
    )
    assert case["patient"]["id"] == "P001"
    region.table.from_person("accepted", consult, "expert")
    words = {"impression": "考虑结核", "advice": "", "text": "", "findings": {}, "dissent": False,
             "discipline": "respiratory", "basis": [], "case": address}  # fmt: skip
    region.says("expert", consult, "opinion", words, discipline="respiratory")
    send(box.desk, kept(box.box, consult),
         Saying("message", "physician", "u_" + "0" * 16, {"text": "收到"}))  # fmt: skip
    region.exchange()
    region.table.from_person("completed", consult, "expert")
    region.exchange()
    mine, theirs = kept(box.box, consult), region.state(consult)
    assert mine.state.place == theirs.place == "completed"
    assert mine.state.signed[0].digest == theirs.signed[0].digest  # as both sides show it
    assert mine.state == theirs
    assert box.alarms() == set()
    assert [e.kind for e in box.events(consult)] == [
        "requested", "accepted", "opinion", "message", "completed"
    ]  # fmt: skip
