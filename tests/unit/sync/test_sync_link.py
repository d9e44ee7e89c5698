"""A box and a hub over loopback: what goes up, what comes down, who is let in, what is doubted."""

from __future__ import annotations

import hashlib
import os
import threading
from contextlib import suppress

import grpc
import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import insert, select, update

from core.journal.seal import open_record
from core.records.canonical import to_bytes
from core.records.record import Draft
from core.seals.statements import sign_node
from edge.store.box import Outside, create_box, open_box, real_outside
from edge.store.errors import SettingsWrong
from edge.uplink.alarms import Alarms
from edge.uplink.certificates import Credentials
from edge.uplink.outbox import EMERGENCY, IMAGES, URGENT
from edge.uplink.process import outbox_of, uplink_of
from edge.uplink.status import kept_status, link_status
from hub.downlink import chain
from hub.downlink.uploads import Limits
from hub.registry.devices import revoke
from hub.registry.hospitals import add_hospital
from hub.store.tables import (
    ATTACHED,
    BOX_ACCESS,
    CHAIN,
    CHECKPOINT,
    CONSULT,
    DIRECTORY,
    EVENT,
    HOSPITAL,
    NODE,
    STATISTIC,
    WITNESS,
)
from protos.gen import sync_pb2 as pb
from protos.gen import sync_pb2_grpc as rpc
from protos.pieces import LINK, up_bytes
from tests.sync_site import SyncBox, SyncSite, now_ms, running, sealed, until


@pytest.fixture
def site(tmp_path):
    made = SyncSite(tmp_path / "site").start()
    yield made
    made.stop()


@pytest.fixture
def box(site, tmp_path):
    made = SyncBox(site, tmp_path / "box")
    yield made
    made.close()


def is_open(box) -> bool:
    status = kept_status(box.box)
    return status is not None and status.state == "open"


def codes(box) -> set[str]:
    return {alarm["code"] for alarm in Alarms(box.box.database, now_ms).shown()}


def tell(site, hospital, **body) -> int:
    with site.site.database.write() as sql:
        return chain.append_event(site.site, sql, hospital, body)


def hub_chain(box) -> list[dict]:
    writer = f"{box.credentials.region().hub}/{box.credentials.region().hospital}"
    found = [s for s in box.box.journal.read(0, 10_000) if s.header.writer == writer]
    return [open_record(s, box.box.vault).body for s in found]


def rows(site, table):
    with site.site.database.read() as sql:
        return sql.execute(select(table)).all()


# -- up --------------------------------------------------------------------------------------------


def test_objects_and_events_arrive_once_in_order(site, box):
    addresses = [box.outbox.put_object(sealed(150_000 + n), "c_1", IMAGES) for n in range(6)]
    case = box.outbox.put_object(sealed(9000), "c_1", IMAGES)
    box.outbox.put_event("e_request", "c_1", b"{}", EMERGENCY, [case])
    box.outbox.put_event("e_later", "c_1", b"{}", URGENT, addresses)
    box.up()
    until(box.empty)
    assert site.objects() == {*addresses, case}
    assert site.sink.order == ["e_request", "e_later"]
    assert until(lambda: site.sink.after == site.sink.order)
    until(lambda: not list(box.box.folder.glob("outgoing/??/*")))
    for address in addresses:
        data = site.site.objects.read(address, 0, 1 << 20)
        assert hashlib.sha256(data).hexdigest() == address


def test_statistics_and_access_are_kept_as_signed(site, box):
    said = sign_node({"fields": {"ai": "ok"}}, "xinglin statistics v1", box.box.identity)
    who = sign_node({"who": "p"}, "xinglin access v1", box.box.identity)
    box.outbox.put_statistics("s_1", said)
    box.outbox.put_access("a_1", "c_1", who)
    box.outbox.put_statistics("s_2", said.replace(b'"ok"', b'"no"'))
    box.up()
    until(lambda: box.outbox.backlog().items == 1)
    until(lambda: len(box.outbox.dead()) == 1)
    until(lambda: codes(box) == {"E7525"})
    assert [row.id for row in rows(site, STATISTIC)] == ["s_1"]
    assert bytes(rows(site, BOX_ACCESS)[0].statement) == who
    assert box.outbox.dead()[0]["error"]["code"] == "E7022"


def test_an_event_waits_at_the_hub_for_objects_it_does_not_have(site, box):
    missing = "ab" * 32
    box.outbox.put_event("e_1", "c_1", b"{}", URGENT, [missing])
    box.up()
    until(lambda: box.box.database.query("SELECT error FROM outbox WHERE error IS NOT NULL"))
    assert site.sink.order == []
    assert box.outbox.dead() == []


def test_the_box_and_its_backlog_are_known_to_the_hub(site, box):
    box.up()
    until(lambda: is_open(box))

    def known():
        return next(row for row in rows(site, NODE) if row.id == box.node).seen_at

    until(known)
    row = next(row for row in rows(site, NODE) if row.id == box.node)
    assert row.software.startswith("xinglin")
    assert abs(row.clock_skew_ms) < 5000
    shown = link_status(box.box, box.outbox)
    assert shown["state"] == "open"
    assert shown["backlog"]["items"] == 0


# -- down ------------------------------------------------------------------------------------------


def test_rows_of_the_hubs_chain_become_records_of_the_box(site, box):
    hospital = site.region.hospital
    for n in range(3):
        tell(site, hospital, consult="c_1", seq=n, statement="", link="")
    other = add_hospital(site.site, "乙县医院")
    tell(site, other, consult="c_2", seq=1, statement="", link="")
    box.up()
    until(lambda: len(hub_chain(box)) == 3)
    tell(site, hospital, consult="c_1", seq=3, statement="", link="")
    until(lambda: len(hub_chain(box)) == 4, 5)
    assert [body["seq"] for body in hub_chain(box)] == [0, 1, 2, 3]
    writer = f"{site.site.identity.id}/{hospital}"
    until(lambda: any(c.writer == writer and c.seq == 4 for c in box.box.vault.heads()))


def test_an_event_is_marked_as_delivered_when_the_box_has_it(site, box):
    hospital = site.region.hospital
    with site.site.database.write() as sql:
        sql.execute(insert(CONSULT).values(
            id="c_1", kind="consultation", hospital=hospital, urgency="urgent", state="requested",
            changed_at=0, folded="{}",
        ))  # fmt: skip
        sql.execute(insert(EVENT).values(
            consult="c_1", seq=7, id="e_7", kind="opinion", actor="p_1", at=0, statement=b"{}",
            link="00",
        ))  # fmt: skip
        chain.append_event(site.site, sql, hospital, {"consult": "c_1", "seq": 7})
    box.up()
    until(lambda: rows(site, EVENT)[0].delivered_at)


def test_many_rows_catch_up_after_a_month(site, box):
    with site.site.database.write() as sql:
        for n in range(1200):
            chain.append_notice(site.site, sql, site.region.hospital, {"kind": "policy", "n": n})
    box.up()
    until(lambda: len(hub_chain(box)) == 1200, 30)


def test_the_directory_arrives_and_is_witnessed(site, box, tmp_path):
    other = SyncBox(site, tmp_path / "other", add_hospital(site.site, "乙县医院"))
    with running(other):
        box.up()
        other.up()
        until(lambda: len(rows(site, WITNESS)) == 2)
        size = len(box.box.database.query("SELECT 1 FROM directory_entry"))
        assert size >= 4
        other.down()
        box.down()
        box.up()
        until(lambda: box.box.database.query("SELECT 1 FROM directory_witness"))
        assert codes(box) == set()


def test_what_is_added_around_a_hello_is_neither_sent_twice_nor_left_out(site, box):
    """The clock knows of new entries when a box says hello that lacks them; then more come."""
    box.up()
    until(lambda: is_open(box))

    def held() -> int:
        return len(box.box.database.query("SELECT 1 FROM directory_entry"))

    for n in range(4):
        box.down()
        for more in range(3):
            add_hospital(site.site, f"{n}.{more} 县医院")
        box.up()
        until(lambda: is_open(box))
        add_hospital(site.site, f"{n}.9 县医院")
        size = len(rows(site, DIRECTORY))
        until(lambda size=size: held() == size, 20, f"{held()} of {size}")


def test_fetch_gives_own_objects_and_nobody_elses(site, box, tmp_path):
    other = SyncBox(site, tmp_path / "other", add_hospital(site.site, "乙县医院"))
    data = sealed(700_000)
    address = box.outbox.put_object(data, "c_1")
    box.up()
    until(box.empty)
    with site.site.database.write() as sql:
        sql.execute(insert(CONSULT).values(
            id="c_1", kind="consultation", hospital=site.region.hospital, urgency="urgent",
            state="requested", changed_at=0, folded="{}",
        ))  # fmt: skip
        sql.execute(insert(ATTACHED).values(consult="c_1", address=address, event="e_1"))

    def fetch(who, offset=0):
        made = who.credentials
        with grpc.secure_channel(
            f"127.0.0.1:{site.port}", made.channel_credentials(), made.channel_options()
        ) as channel:
            asked = pb.FetchRequest(address=bytes.fromhex(address), offset=offset)
            return b"".join(part.data for part in rpc.SyncStub(channel).Fetch(asked))

    with running(other):
        assert fetch(box) == data
        assert fetch(box, 500_000) == data[500_000:]
        with pytest.raises(grpc.RpcError) as refusal:
            fetch(other)
        assert refusal.value.details() == "E7415"


# -- heads -----------------------------------------------------------------------------------------


def test_the_hub_witnesses_the_boxs_heads_and_names_a_rewound_one(site, box, tmp_path):
    box.box.access.append([Draft("audit.logged", {"action": "x"})] * 3)
    box.box.keep_heads()
    box.up()
    until(lambda: [row for row in rows(site, CHECKPOINT) if row.journal == "access"])
    box.down()
    # Somebody cuts the journal's end and signs the shorter head.
    with box.box.database.transaction() as sql:
        sql.execute("DELETE FROM record_access WHERE seq > 1")
    box.box.vault._database.query("DELETE FROM head")
    box.box.keep_heads()
    box.up()
    until(lambda: "E7522" in codes(box))  # the box finds out by what the hub kept
    until(lambda: [row for row in rows(site, CHAIN) if row.kind == "hub.notice"])
    until(lambda: any(body.get("kind") == "journal_rewound" for body in hub_chain(box)))
    assert is_open(box)  # it is no reason not to help a patient


def refused(box, fault: str) -> bool:
    status = kept_status(box.box)
    error = status.last_error if status else None
    return bool(error) and status.state == "refused" and fault in error["message_en"]


def test_a_hub_that_truncates_its_chain_is_refused(site, box):
    for n in range(4):
        tell(site, site.region.hospital, consult="c_1", seq=n)
    box.up()
    until(lambda: len(hub_chain(box)) == 4)
    box.down()
    with site.site.database.write() as sql:
        sql.execute(CHAIN.delete().where(CHAIN.c.seq > 2, CHAIN.c.journal == "clinical"))
        sql.execute(update(HOSPITAL).values(chain_seq=2))
    box.up()
    until(lambda: refused(box, "rewound"))
    assert "E7521" in codes(box)


def test_a_hub_that_tells_another_story_is_refused(site, box):
    for n in range(4):
        tell(site, site.region.hospital, consult="c_1", seq=n)
    box.up()
    until(lambda: len(hub_chain(box)) == 4)
    box.down()
    with site.site.database.write() as sql:
        sql.execute(CHAIN.delete().where(CHAIN.c.seq > 2, CHAIN.c.journal == "clinical"))
    for n in range(5):
        tell(site, site.region.hospital, consult="c_1", seq=90 + n)
    box.up()
    until(lambda: refused(box, "forked") or refused(box, "reordered"))
    assert [body["seq"] for body in hub_chain(box)] == [0, 1, 2, 3]


def test_a_hub_that_changes_a_row_is_refused(site, box):
    for n in range(3):
        tell(site, site.region.hospital, consult="c_1", seq=n)
    with site.site.database.write() as sql:
        body = b"\x00" + to_bytes({"consult": "c_1", "seq": 99})
        sql.execute(
            update(CHAIN).where(CHAIN.c.seq == 2, CHAIN.c.journal == "clinical").values(sealed=body)
        )
    box.up()
    until(lambda: refused(box, "changed"))


def test_a_directory_that_was_rewound_is_not_believed_and_the_link_serves_on(site, box):
    box.up()
    until(lambda: len(box.box.database.query("SELECT 1 FROM directory_entry")) == 2)
    box.down()
    add_hospital(site.site, "乙县医院")
    box.up()
    until(lambda: is_open(box))
    assert "E7524" not in codes(box)
    box.down()
    # The hub loses its newest entries: it shows less than this box has signed that it saw.
    known = len(box.box.database.query("SELECT 1 FROM directory_entry"))
    with site.site.database.write() as sql:
        sql.execute(DIRECTORY.delete().where(DIRECTORY.c.seq == known))
    site.stop_sync()
    site.start()
    box.outbox.put_event("e_1", "c_1", b"{}", URGENT)
    box.up()
    until(lambda: codes(box) & {"E7524", "E7511"})
    assert len(box.box.database.query("SELECT 1 FROM directory_entry")) == known


# -- who is let in ---------------------------------------------------------------------------------


def test_a_revoked_box_is_turned_away(site, box):
    revoke(site.site, box.node, "tester")
    box.outbox.put_event("e_1", "c_1", b"{}", URGENT)
    box.up()
    until(lambda: refused(box, "E7309") or refused(box, "E73"))
    assert site.sink.order == []
    assert box.outbox.backlog().items == 1


def test_a_box_revoked_in_mid_link_is_put_out(site, box, monkeypatch):
    monkeypatch.setattr("hub.registry.devices.CACHE_MS", 200)
    monkeypatch.setattr("hub.downlink.server._ADMIT_S", 0.3)
    box.up()
    until(lambda: is_open(box))
    revoke(site.site, box.node, "tester")
    until(lambda: refused(box, "E73"), 10)
    box.outbox.put_event("e_1", "c_1", b"{}", URGENT)
    assert site.sink.order == []


def test_a_box_with_another_boxs_certificate_is_turned_away(site, box, tmp_path):
    other = SyncBox(site, tmp_path / "other", add_hospital(site.site, "乙县医院"))
    with running(other):
        for name in ("device.pem", "region.json"):
            stolen = (box.box.folder / "uplink" / name).read_bytes()
            (other.box.folder / "uplink" / name).write_bytes(stolen)
        other.outbox.put_event("e_1", "c_1", b"{}", URGENT)
        other.up()
        until(lambda: refused(other, "E7404"))
        assert site.sink.order == []


def test_without_a_certificate_nothing_is_said(site, box):
    region = box.credentials.region()
    trust = grpc.ssl_channel_credentials(region.root.encode())
    with grpc.secure_channel(
        f"127.0.0.1:{site.port}", trust, box.credentials.channel_options()
    ) as channel:
        link = rpc.SyncStub(channel).Link(iter([pb.Up(hello=pb.Hello(protocol=1))]))
        with pytest.raises(grpc.RpcError):
            list(link)


@pytest.mark.parametrize("minutes", [-10, 10])
def test_a_clock_ten_minutes_wrong_is_said_and_does_no_harm(site, tmp_path, minutes):
    late = SyncBox(site, tmp_path / "late")
    late.close()
    late.box = open_box(tmp_path / "late", Outside(lambda: now_ms() + minutes * 60_000, os.urandom))
    late.credentials = Credentials(tmp_path / "late" / "uplink")
    late.outbox = outbox_of(late.box)
    with running(late):
        address = late.outbox.put_object(sealed(50_000), "c_1")
        late.up()
        until(late.empty)
        assert site.objects() == {address}
        until(lambda: "E7520" in codes(late))

        def skew():
            return next(row for row in rows(site, NODE) if row.id == late.node).clock_skew_ms

        assert abs(skew() - minutes * 60_000) < 60_000
        # Rows of the hub come all the same.
        tell(site, site.region.hospital, consult="c_1", seq=1)
        until(lambda: len(hub_chain(late)) == 1)


def test_a_second_link_of_the_same_box_ends_the_first(site, box):
    box.up()
    until(lambda: is_open(box))
    made = box.credentials
    until(lambda: site.server.connected() == [box.node])  # the box may know a moment earlier
    first = site.server._sessions[box.node]
    with grpc.secure_channel(
        f"127.0.0.1:{site.port}", made.channel_credentials(), made.channel_options()
    ) as channel:
        der = made.device().certificate.public_bytes(Encoding.DER)
        body = {
            "at_ms": now_ms(), "certificate": hashlib.sha256(der).hexdigest(),
            "hub": made.region().hub,
        }  # fmt: skip
        said = sign_node(body, "xinglin hello v1", box.box.identity)
        hello = pb.Up(hello=pb.Hello(protocol=1, statement=said))
        link = rpc.SyncStub(channel).Link(iter([hello]))
        assert next(iter(link)).HasField("welcome")
        until(lambda: first._ended)


# -- limits ----------------------------------------------------------------------------------------


def test_a_full_hub_slows_the_box_down_and_nothing_is_lost(site, box, monkeypatch):
    monkeypatch.setattr("hub.downlink.session._SLOW_MS", 300)
    monkeypatch.setattr("edge.uplink.link._RETRY_S", 0.2)
    monkeypatch.setattr("edge.uplink.client._RETRY_MS", 200)
    site.free = 10
    site.limits = Limits(reserve=1000)
    site.stop_sync()
    site.start()
    address = box.outbox.put_object(sealed(200_000), "c_1")
    box.outbox.put_event("e_1", "c_1", b"{}", EMERGENCY)
    box.up()
    until(lambda: site.sink.order == ["e_1"])  # what is small still goes
    until(lambda: box.box.database.query("SELECT 1 FROM outbox WHERE error LIKE '%E7412%'"))
    assert box.outbox.dead() == []
    site.free = 1 << 40
    until(box.empty)
    assert site.objects() == {address}


def test_a_waiting_object_that_rotted_away_is_a_dead_letter_and_the_rest_goes(site, box):
    gone = box.outbox.put_object(sealed(100_000), "c_1")
    good = box.outbox.put_object(sealed(100_001), "c_1")
    box.outbox.path(gone).unlink()
    box.up()
    until(lambda: site.objects() == {good})
    assert [one["id"] for one in box.outbox.dead()] == [gone]
    assert "E7526" in codes(box)


def test_settings_of_the_budget_are_checked(tmp_path):
    box = create_box(tmp_path / "b", '[uplink]\nhours = { "8-30" = 5 }\n', real_outside())
    with pytest.raises(SettingsWrong):
        uplink_of(box)
    box.close()


# -- hostile bytes ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "hostile",
    [
        b"\x1a\xff\xff\xff\xff\xff\xff\xff\xff\xff", b"\x00" * 100, os.urandom(5000),
        b"\x1a" + b"\x80" * 90, pb.Up(put=pb.Put(address=bytes(32), data=bytes(2 << 20))),
        pb.Up(event=pb.Event(id="e_1", statement=bytes(3 << 20))), pb.Up(),
        pb.Up(begin=pb.Begin(address=bytes(32), size=1 << 62, chunk=1 << 30)),
        pb.Up(checkpoint=pb.Checkpoint(journal="clinical", writer="x", seq=-5, signature="zz")),
        pb.Up(witness=pb.Witness(statement=b"{}")), pb.Up(ack=pb.Ack(chain_seq=-1)),
    ],
)  # fmt: skip
def test_hostile_messages_harm_nobody_else(site, box, hostile):
    made = box.credentials
    der = made.device().certificate.public_bytes(Encoding.DER)
    body = {
        "at_ms": now_ms(), "certificate": hashlib.sha256(der).hexdigest(),
        "hub": made.region().hub,
    }  # fmt: skip
    said = sign_node(body, "xinglin hello v1", box.box.identity)
    hello = pb.Up(hello=pb.Hello(protocol=1, statement=said))
    done = threading.Event()

    def speak():
        yield hello
        yield hostile
        done.wait(5)

    with grpc.secure_channel(
        f"127.0.0.1:{site.port}", made.channel_credentials(), made.channel_options()
    ) as channel:
        link = channel.stream_stream(LINK, up_bytes, pb.Down.FromString)(speak(), timeout=1.5)
        with suppress(grpc.RpcError):
            for _ in link:
                pass
        done.set()
    box.outbox.put_event("e_1", "c_1", b"{}", URGENT)
    box.up()
    until(box.empty)
    assert site.sink.order == ["e_1"]


def test_a_certificate_is_handed_to_grpc_once(site, box):
    """The same one at each handshake ended the process when many boxes connected at once."""
    box.up()
    until(lambda: is_open(box))
    assert site.server._fetch_tls() is None
    (site.region.authority.folder / "server.pem").unlink()
    assert site.server._fetch_tls() is not None
    assert site.server._fetch_tls() is None
    box.down()
    box.up()
    until(lambda: is_open(box))
