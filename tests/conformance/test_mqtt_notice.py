"""Notices over a real broker: who may hear what, what a box believes, what happens without it."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from types import SimpleNamespace

import pytest

from core.seals.notice import Notice, sign_notice, topic_of
from core.vault.identity import node_identity
from edge.uplink.notices import awaited
from edge.uplink.process import run_uplink, uplink_of
from edge.uplink.status import kept_status, notice_status
from hub.downlink.mqtt import notifier_of
from hub.registry.devices import revoke
from tests.broker_site import (
    WHY_NOT,
    Broker,
    Listening,
    box_peer,
    broker_toml,
    consult_row,
    free_port,
    hub_peer,
    mosquitto,
)
from tests.hub_processes import running
from tests.sync_site import SyncBox, SyncSite, until

pytestmark = pytest.mark.skipif(mosquitto() is None, reason=WHY_NOT)
C1, C2 = "c_" + "1" * 32, "c_" + "2" * 32


@pytest.fixture
def place(tmp_path):
    """A hub with a broker, and a box that has joined; the sync port is closed, no link is up."""
    port = free_port()
    site = SyncSite(tmp_path / "region", more=broker_toml(port)).start()
    broker = Broker(site.site, port, tmp_path).start()
    box = SyncBox(site, tmp_path / "box")
    site.stop_sync()
    made = SimpleNamespace(site=site, broker=broker, box=box, port=port, folder=tmp_path, also=[])
    made.hospital = box.credentials.region().hospital
    yield made
    for one in reversed(made.also):
        one.close() if hasattr(one, "close") else one.stop()
    broker.stop()
    box.close()
    site.stop()


def keep(place, one):
    place.also.append(one)
    return one


def notifying(place):
    made = notifier_of(place.site.site)
    made.start()
    return keep(place, made)


def listening(place, box=None, wake=None):
    return keep(place, Listening(box or place.box, wake)).until_open()


def second_box(place):
    place.site.start()
    other = keep(place, SyncBox(place.site, place.folder / "other"))
    place.site.stop_sync()
    return other


def test_a_notice_reaches_a_box_whose_link_is_down(place):
    ears = listening(place)
    voice = hub_peer(place.site, place.port)  # the broker takes the hub's certificate too
    assert voice.open.wait(20)
    voice.close()
    notifying(place)
    until(lambda: "hub.xinglin.internal" in place.broker.log(), what=place.broker.log())
    seq = consult_row(place.site, place.hospital, C1)
    began = time.monotonic()
    (found,) = until(ears.awaited)
    took = time.monotonic() - began
    assert (found["seq"], found["consult"], found["kind"], found["urgency"]) == (
        seq, C1, "opinion", "emergency",
    )  # fmt: skip
    assert took < 10  # some 0.1 to 0.6 s; the limit leaves room for a loaded machine


def test_a_notice_wakes_a_link_that_waits(place):
    class Patient:
        """Would wait five minutes."""

        def after_cut(self, _):
            return 300.0

        after_failure = after_refusal = after_cut

    uplink = uplink_of(place.box.box)
    uplink._backoff = Patient()
    thread = threading.Thread(target=uplink.run)
    thread.start()
    try:
        ears = listening(place, wake=uplink.wake)
        notifying(place)
        until(lambda: ears.woken)  # that the broker is there wakes it too
        until(lambda: kept_status(place.box.box).state == "waiting" and not uplink._awake.is_set())
        place.site.start()
        consult_row(place.site, place.hospital, C1)
        until(lambda: kept_status(place.box.box).state == "open")
        writer = f"{place.site.site.identity.id}/{place.hospital}"
        until(lambda: place.box.box.journal.head(writer).seq > 0)
        assert not ears.awaited()  # the link has brought it: nothing is announced any more
    finally:
        uplink.stop()
        thread.join(30)


def test_two_hub_processes_say_it_and_the_box_takes_it_once(place):
    ears = listening(place)
    notifying(place)
    notifying(place)
    until(lambda: place.broker.log().count("hub.xinglin.internal") >= 2)
    consult_row(place.site, place.hospital, C1)
    until(ears.awaited)
    until(lambda: ears.ignored().get("E7561"))
    assert len(ears.awaited()) == 1
    assert ears.listener._heard == 1


def test_another_boxs_notices_are_not_heard_and_not_said(place):
    other = second_box(place)
    hub = place.site.site.identity.id
    mine, theirs = topic_of(hub, place.box.node), topic_of(hub, other.node)
    voice = keep(place, hub_peer(place.site, place.port))
    spy = keep(place, box_peer(place.box, place.port, f"{mine.rpartition('/box/')[0]}/box/#"))
    victim = keep(place, box_peer(other, place.port, theirs))
    assert voice.open.wait(20)
    assert spy.open.wait(20)
    assert victim.open.wait(20)
    voice.say(theirs, b"for the other box")
    spy.say(theirs, b"from a box to a box")
    spy.say(mine, b"from a box to itself")
    voice.say(mine, b"the end")
    voice.say(theirs, b"the end")
    until(lambda: spy.heard and victim.heard[1:])
    assert spy.heard == [(mine, b"the end")]
    assert victim.heard == [(theirs, b"for the other box"), (theirs, b"the end")]


def test_a_box_writes_its_own_telemetry_only(place):
    other = second_box(place)
    root = topic_of(place.site.site.identity.id, "").split("/box/")[0]
    hub = keep(place, hub_peer(place.site, place.port, f"{root}/box/+/telemetry"))
    box = keep(place, box_peer(place.box, place.port, ""))
    assert hub.open.wait(20)
    assert box.open.wait(20)
    box.say(f"{root}/box/{other.node}/telemetry", b"false")
    box.say(f"{root}/box/{place.box.node}/telemetry", b"true")
    until(lambda: hub.heard)
    assert hub.heard == [(f"{root}/box/{place.box.node}/telemetry", b"true")]


def test_a_revoked_box_is_refused_once_the_broker_has_read_the_list(place):
    other = second_box(place)
    revoke(place.site.site, place.box.node, "tester")
    notifying(place)
    crl = place.site.site.folder / "mqtt" / "revoked.crl"
    before = crl.read_bytes()
    until(lambda: crl.read_bytes() != before, what="the list says it")
    place.broker.reload()
    gone = box_peer(place.box, place.port, "")
    until(lambda: gone.ended is not None)
    gone.close()
    assert not gone.ended.worked
    assert keep(place, box_peer(other, place.port, "")).open.wait(20)  # the others go on


def test_nothing_is_said_to_a_box_that_was_revoked_though_it_still_listens(place):
    other = second_box(place)
    ears = listening(place)
    theirs = listening(place, other)
    revoke(place.site.site, place.box.node, "tester")
    notifying(place)
    until(lambda: "hub.xinglin.internal" in place.broker.log())
    consult_row(place.site, place.hospital, C1)
    until(theirs.awaited)
    assert not ears.awaited()
    assert not ears.listener._ignored


def test_broker_down_and_back_loses_nothing(place):
    ears = listening(place)
    notifying(place)
    until(lambda: "hub.xinglin.internal" in place.broker.log())
    place.broker.stop()
    until(lambda: ears.state() in ("waiting", "connecting"))
    consult_row(place.site, place.hospital, C1)
    place.broker.start()
    until(lambda: [one["consult"] for one in ears.awaited()] == [C1], seconds=90)


def test_garbage_forgery_and_replay_are_counted_and_change_nothing(place):
    ears = listening(place)
    voice = keep(place, hub_peer(place.site, place.port))
    assert voice.open.wait(20)
    hub, node = place.site.site.identity, place.box.node
    topic, stranger = topic_of(hub.id, node), node_identity(place.folder / "stranger.key")
    good = Notice("opinion", C2, "urgent", 7, "2026-11-23T03:00:00.000Z")
    data = sign_notice(good, node, hub)
    voice.say(topic, b"")
    voice.say(topic, b"\xff" * 100)
    voice.say(topic, b"x" * 9000)
    voice.say(topic, sign_notice(good, node, stranger))
    voice.say(topic, sign_notice(good, "ab" * 32, hub))
    voice.say(topic, data.replace(b'"seq":7', b'"seq":8'))
    voice.say(topic, data)
    voice.say(topic, data)
    until(lambda: sum(ears.ignored().values()) == 7)
    assert ears.ignored() == {
        "E7021": 2, "E7022": 1, "E7023": 1, "E7060": 1, "E7061": 1, "E7561": 1,
    }  # fmt: skip
    assert [one["seq"] for one in ears.awaited()] == [7]
    assert ears.state() == "open"


def test_without_a_certificate_nobody_connects(place):
    context = ssl.create_default_context(cadata=place.box.credentials.region().root)
    context.check_hostname = False
    # With TLS 1.3 the refusal comes after the handshake: an alert, or the end of the line.
    with (
        socket.create_connection(("127.0.0.1", place.port), 10) as plain,
        pytest.raises((ssl.SSLError, ConnectionError)),
    ):
        _answer(context, plain)
    until(lambda: "peer did not return a certificate" in place.broker.log())


def _answer(context, plain):
    with context.wrap_socket(plain) as tls:
        tls.send(bytes.fromhex("100c00044d5154540502003c0000"))
        return tls.recv(1)


def test_another_regions_broker_is_not_believed(place, tmp_path):
    port = free_port()
    foreign = SyncSite(tmp_path / "elsewhere", more=broker_toml(port))
    broker = Broker(foreign.site, port, tmp_path / "elsewhere").start()
    try:
        peer = box_peer(place.box, port, "")
        until(lambda: peer.ended is not None)
        peer.close()
        assert not peer.ended.worked
        assert "CERTIFICATE_VERIFY_FAILED" in peer.ended.fault
    finally:
        broker.stop()
        foreign.stop()


def test_the_hubs_and_the_boxs_own_processes_do_it(place):
    """As the services start them; the link goes nowhere, the broker is all that is left."""
    place.box.connect_to(free_port())
    stop = threading.Event()
    box = threading.Thread(target=run_uplink, args=(place.box.box.folder, stop))
    box.start()
    try:
        with running(place.site.site.folder, 1):
            until(lambda: notice_status(place.box.box)["state"] == "open", 60)
            seq = consult_row(place.site, place.hospital, C1)
            (found,) = until(lambda: awaited(place.box.box), 60)
            assert (found["seq"], found["consult"]) == (seq, C1)
    finally:
        stop.set()
        box.join(60)
    assert not box.is_alive()
