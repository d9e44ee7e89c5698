"""Hostile bytes at the sync port, from a box that was let in: numbered refusals, nobody else hurt.

A link is opened as a box opens it; then comes whatever comes, and a heartbeat at last. Either the
link lives and echoes it, or it ended with a refusal that has a number. A bystander's link stays.
"""

from __future__ import annotations

import hashlib
import itertools
import threading

import grpc
import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select

from core.blobs.chunks import LARGEST, SMALLEST
from core.seals.statements import sign_node
from edge.uplink.alarms import Alarms
from hub.consult.sink import ConsultSink
from hub.downlink.link import CREDIT, LARGEST_MESSAGE
from hub.registry.devices import revoke
from hub.registry.hospitals import add_hospital
from hub.store.tables import ATTACHED, CONSULT, EVENT, NODE, OBJECT, UPLOAD
from protos.gen import sync_pb2 as pb
from protos.pieces import LINK, up_bytes
from provisioning.errors_doc import import_everything, refusals
from tests.hub_cases import migrated
from tests.sync_site import SyncBox, SyncSite, now_ms, sealed, until

SETTINGS = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
THEIRS = "c_" + "7" * 32
_PATIENCE_S = 60
_BEATS = itertools.count(1)
#: HTTP/2 itself: streams came faster than the ended ones were put away; any client asks again.
_REFUSED_STREAM = "RST_STREAM with error code 7"


@pytest.fixture(scope="module")
def numbers():
    """Every number that a refusal of ours may have."""
    import_everything()
    return {one.code for one in refusals()}


@pytest.fixture(
    scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)]
)
def site(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("fuzz")
    postgres, url = None, ""
    if request.param == "postgresql":
        postgres = request.getfixturevalue("postgres")
        url = postgres.fresh(migrated)
    made = SyncSite(folder / "site", url, sink=ConsultSink).start()
    yield made
    made.stop()
    if postgres is not None:
        postgres.drop(url)


@pytest.fixture(scope="module")
def box(site, tmp_path_factory):
    made = SyncBox(site, tmp_path_factory.mktemp("box") / "box")
    yield made
    made.close()


@pytest.fixture(scope="module")
def other(site, tmp_path_factory):
    """Another hospital's box with an object and a consultation of its own; it stays connected."""
    hospital = add_hospital(site.site, "乙县医院")
    made = SyncBox(site, tmp_path_factory.mktemp("other") / "box", hospital)
    made.hospital = hospital
    made.data = sealed(100_000)
    made.address = made.outbox.put_object(made.data, THEIRS)
    made.up()
    until(made.empty)
    with site.site.database.write() as sql:
        sql.execute(insert(CONSULT).values(
            id=THEIRS, kind="consultation", hospital=hospital, urgency="urgent",
            state="requested", changed_at=0, folded="{}",
        ))  # fmt: skip
        sql.execute(insert(ATTACHED).values(consult=THEIRS, address=made.address, event="e_1"))
    yield made
    made.close()


def channel_of(site, box):
    made = box.credentials
    options = [*made.channel_options(), ("grpc.max_send_message_length", -1)]
    return grpc.secure_channel(f"127.0.0.1:{site.port}", made.channel_credentials(), options)


@pytest.fixture(scope="module")
def channel(site, box):
    with channel_of(site, box) as found:
        yield found


def hello_of(box, **changed):
    der = box.credentials.device().certificate.public_bytes(Encoding.DER)
    body = {
        "at_ms": now_ms(), "certificate": hashlib.sha256(der).hexdigest(),
        "hub": box.credentials.region().hub,
    }  # fmt: skip
    said = sign_node(body, "xinglin hello v1", box.box.identity)
    return pb.Up(hello=pb.Hello(**{"protocol": 1, "statement": said, **changed}))


class Stream:
    """One link: what is given, then a heartbeat; it ends in peace when all is answered."""

    def __init__(self, channel, messages, answers):
        self.done, self.at = threading.Event(), 10**15 + next(_BEATS)
        self.messages, self.answers = messages, answers
        self.refused, self.end = [], ""
        link = channel.stream_stream(LINK, up_bytes, pb.Down.FromString)
        self.call = link(self.speak(), timeout=_PATIENCE_S)

    def speak(self):
        yield from self.messages
        yield pb.Up(heartbeat=pb.Heartbeat(at_ms=self.at))
        self.done.wait(_PATIENCE_S)

    def hear(self, down):
        if down.HasField("refused"):
            self.refused.append(down.refused)
        if down.HasField("heartbeat") and down.heartbeat.at_ms == self.at:
            self.end = "alive"
        if self.end and len(self.refused) >= self.answers:
            self.done.set()

    def run(self):
        try:
            for down in self.call:
                self.hear(down)
        except grpc.RpcError as error:
            self.end = error.details() or error.code().name
        finally:
            self.done.set()
        assert self.call.code() is not grpc.StatusCode.DEADLINE_EXCEEDED, self.refused
        return self.end, self.refused


@pytest.fixture
def talk(box, other, channel, numbers, site):
    """Say hello, then what is given, then a heartbeat; return ("alive" or the end, refusals).

    ``answers`` refusals are waited for: they come when they are true, not in order.
    """

    def talk(*messages, hello=True, answers=0):
        end = _REFUSED_STREAM
        while _REFUSED_STREAM in end:
            first = [hello_of(box)] if hello else []
            end, refused = Stream(channel, [*first, *messages], answers).run()
        assert end, "the link ended without a word"
        assert {one.code for one in refused} <= numbers
        assert all(one.zh and one.en for one in refused)
        return end, refused

    return talk


def other_rows(site, other):
    """Return what the hub keeps for the other hospital."""
    with site.site.database.read() as sql:
        return [
            sql.execute(select(OBJECT).where(OBJECT.c.hospital == other.hospital)).all(),
            sql.execute(select(CONSULT).where(CONSULT.c.id == THEIRS)).all(),
            sql.execute(select(EVENT).where(EVENT.c.consult == THEIRS)).all(),
        ]


# -- any bytes ------------------------------------------------------------------------------------


@SETTINGS
@given(data=st.binary(min_size=1, max_size=300))
@example(data=b"\x1a\xff\xff\xff\xff\xff\xff\xff\xff\xff")
@example(data=b"\x1a" + b"\x80" * 90)
@example(data=b"\x00")
@example(data=b"\x2a\x03\x0a\x01\xff")  # a text that is no UTF-8
def test_any_bytes_are_refused_by_number(talk, data):
    try:
        pb.Up.FromString(data)
    except Exception:  # noqa: BLE001 the library's own
        assert talk(data)[0] == "E7405"
    else:
        talk(data)


@SETTINGS
@given(data=st.binary(max_size=200))
def test_nothing_is_said_before_hello(talk, data):
    end, refused = talk(data, hello=False)
    assert end.startswith("E740")
    assert len(refused) == 1


def test_who_says_nothing_does_not_keep_a_place(other, channel, site, monkeypatch):
    monkeypatch.setattr("hub.downlink.session._HELLO_S", 0.1)
    silent = threading.Event()
    call = channel.stream_stream(LINK, up_bytes, pb.Down.FromString)(
        iter(lambda: silent.wait(_PATIENCE_S) and None, None), timeout=_PATIENCE_S
    )
    try:
        [down] = list(itertools.islice(call, 1))
    finally:
        silent.set()
    assert down.refused.code == 7405
    until(lambda: site.server.connected() == [other.node], 60)


_ANY = st.binary(max_size=60)
_ADDRESS = st.one_of(st.binary(min_size=32, max_size=32), _ANY)
_U64 = st.one_of(st.integers(0, 2**64 - 1), st.sampled_from([0, 1, 2**63, 2**64 - 1]))
_U32 = st.one_of(
    st.integers(0, 2**32 - 1), st.sampled_from([0, 1, SMALLEST, LARGEST, 2**31, 2**32 - 1])
)
_S64 = st.one_of(st.integers(-(2**63), 2**63 - 1), st.sampled_from([-(2**63), -1, 0, 2**63 - 1]))
_TEXT = st.one_of(st.text(max_size=40), st.sampled_from(["\0", "../x", "e_1", THEIRS, "\u202e"]))
_STATEMENT = st.one_of(
    _ANY, st.sampled_from([b"{}", b'{"statement":{},"signature":""}', b"[" * 3000])
)
_BACKLOG = st.builds(pb.Backlog, items=_U64, bytes=_U64, oldest_ms=_S64)
_CHECKPOINT = st.builds(
    pb.Checkpoint, journal=_TEXT, writer=_TEXT, seq=_S64, link=_TEXT, at=_TEXT, signature=_TEXT
)


def _up(name, kind, **fields):
    return st.builds(kind, **fields).map(lambda made: pb.Up(**{name: made}))


_UPS = st.one_of(
    _up("hello", pb.Hello, protocol=_U32, software=_TEXT, at_ms=_S64, chain_seq=_S64,
        chain_link=_ANY, directory_size=_S64, directory_head=_ANY, backlog=_BACKLOG,
        statement=_STATEMENT, heads=st.lists(_CHECKPOINT, max_size=2)),
    _up("begin", pb.Begin, address=_ADDRESS, size=_U64, chunk=_U32, consult=_TEXT, priority=_U32),
    _up("put", pb.Put, address=_ADDRESS, index=_U32, data=_ANY),
    _up("commit", pb.Commit, address=_ADDRESS),
    _up("event", pb.Event, id=_TEXT, consult=_TEXT, statement=_STATEMENT,
        objects=st.lists(_ADDRESS, max_size=3), priority=_U32),
    _up("wraps", pb.Wraps, id=_TEXT, consult=_TEXT, statement=_STATEMENT),
    _up("statistics", pb.Statistics, id=_TEXT, statement=_STATEMENT),
    _up("access", pb.AccessBatch, id=_TEXT, consult=_TEXT, statement=_STATEMENT),
    _up("ack", pb.Ack, chain_seq=_S64),
    _up("heartbeat", pb.Heartbeat, at_ms=_S64, backlog=_BACKLOG),
    _up("witness", pb.Witness, statement=_STATEMENT),
    _up("checkpoint", pb.Checkpoint, journal=_TEXT, writer=_TEXT, seq=_S64, link=_TEXT, at=_TEXT,
        signature=_TEXT),
)  # fmt: skip


@SETTINGS
@given(messages=st.lists(_UPS, min_size=1, max_size=6))
@example(messages=[pb.Up(heartbeat=pb.Heartbeat(at_ms=-(2**63)))])
@example(messages=[pb.Up(begin=pb.Begin(address=bytes(32), size=2**64 - 1, chunk=SMALLEST))])
@example(messages=[pb.Up(begin=pb.Begin(address=bytes(32), size=5, chunk=0))])
@example(messages=[pb.Up(put=pb.Put(address=bytes(32), index=2**32 - 1, data=b"x"))])
def test_any_messages_are_answered(talk, messages):
    talk(*messages)


@SETTINGS
@given(hello=_up("hello", pb.Hello, protocol=st.just(1), software=_TEXT, at_ms=_S64,
                 chain_seq=_S64, directory_size=_S64, backlog=_BACKLOG,
                 heads=st.lists(_CHECKPOINT, max_size=20)))  # fmt: skip
@example(hello=pb.Up(hello=pb.Hello(protocol=1, at_ms=-(2**63), software="\0")))
@example(hello=pb.Up(hello=pb.Hello(protocol=1, at_ms=2**63 - 1, chain_seq=2**63 - 1)))
def test_any_hello_is_answered(box, talk, hello):
    """Rightly signed, but everything else is hostile."""
    hello.hello.statement = hello_of(box).hello.statement
    talk(hello, hello=False)


def test_a_heartbeat_from_no_time_does_not_stop_those_of_others(site, box, other, talk):
    def seen():
        with site.site.database.read() as sql:
            return sql.execute(select(NODE.c.seen_at).where(NODE.c.id == box.node)).scalar()

    before = seen() or 0
    assert talk(pb.Up(heartbeat=pb.Heartbeat(at_ms=-(2**63))))[0] == "alive"
    until(lambda: (seen() or 0) > before)


# -- sizes ----------------------------------------------------------------------------------------


def test_an_oversize_message_ends_its_own_stream_unread(talk):
    huge = pb.Up(event=pb.Event(id="e_1", statement=bytes(LARGEST_MESSAGE + 1)))
    for _ in range(5):
        end, _ = talk(huge)
        assert "larger" in end.lower() or end == "RESOURCE_EXHAUSTED"
    assert talk()[0] == "alive"


def test_more_than_the_credit_is_refused(talk):
    piece = pb.Up(put=pb.Put(address=bytes(32), index=0, data=bytes(LARGEST)))
    end, refused = talk(*[piece] * (2 * CREDIT // LARGEST + 2))
    # What was taken gave its credit back; a box that does not wait for it is put out.
    assert end in ("E7405", "alive")
    assert {one.code for one in refused} <= {7405, 7408}


def test_more_uploads_than_a_box_may_have_are_refused_one_by_one(site, talk):
    most = site.limits.uploads_per_box
    begins = [
        pb.Up(begin=pb.Begin(address=n.to_bytes(32, "big"), size=5_000_000, chunk=SMALLEST))
        for n in range(1, most + 6)
    ]
    end, refused = talk(*begins, answers=5)
    assert end == "alive"
    assert [one.code for one in refused] == [7417] * 5


def test_an_event_that_needs_thousands_of_objects_is_refused(talk):
    event = pb.Event(id="e_1", statement=b"{}", objects=[bytes(32)] * 5000)
    assert talk(pb.Up(event=event))[0] == "E7405"
    fewer = pb.Event(id="e_1", statement=b"{}", objects=[bytes(32)] * 4000)
    end, refused = talk(pb.Up(event=fewer), answers=1)
    assert (end, [one.code for one in refused]) == ("alive", [7419])


# -- what is another's ----------------------------------------------------------------------------


def signed(box, domain, body):
    return sign_node(body, domain, box.box.identity)


def test_another_hospitals_consultation_is_not_touched(site, box, other, talk):
    before = other_rows(site, other)
    event = {"after": "", "at": "2026-11-22T00:00:00.000Z", "consult": THEIRS,
             "event": "e_" + "1" * 32, "kind": "cancelled", "reason": "other"}  # fmt: skip
    wraps = {"consult": THEIRS, "epoch": 1, "wraps": [], "removed": []}
    statements = {
        "event": signed(box, "xinglin consult event v1", event),
        "wraps": signed(box, "xinglin wraps v1", wraps),
        "access": signed(box, "xinglin access v1", {"consult": THEIRS}),
    }
    until_directory(site, box)
    end, refused = talk(
        pb.Up(event=pb.Event(id="e_1", consult=THEIRS, statement=statements["event"])),
        pb.Up(wraps=pb.Wraps(id="w_1", consult=THEIRS, statement=statements["wraps"])),
        pb.Up(access=pb.AccessBatch(id="a_1", consult=THEIRS, statement=statements["access"])),
        answers=3,
    )
    answered = {one.id: one.code for one in refused}
    assert (end, set(answered)) == ("alive", {"e_1", "w_1", "a_1"})
    assert all(7700 <= code < 7800 for code in answered.values()), answered
    assert other_rows(site, other) == before


def until_directory(site, box):
    """The box's own key is in the directory that this process reads."""
    until(lambda: box.node in site.site.directory.current().contents.nodes)


def test_another_boxs_signature_is_refused(site, box, other, talk):
    until_directory(site, other)
    said = hello_of(other)
    end, refused = talk(said, hello=False)
    assert (end, [one.code for one in refused]) == ("E7404", [7404])


def test_another_hospitals_object_is_neither_committed_nor_begun_nor_written(
    site, box, other, talk
):
    before = other_rows(site, other)
    address = bytes.fromhex(other.address)
    end, refused = talk(
        pb.Up(begin=pb.Begin(address=address, size=len(other.data), chunk=SMALLEST)),
        pb.Up(put=pb.Put(address=address, index=0, data=bytes(SMALLEST))),
        answers=2,
    )
    assert end == "alive"
    assert [one.code for one in refused] == [7407, 7408]
    assert other_rows(site, other) == before
    assert site.site.objects.read(other.address, 0, 1 << 20) == other.data


def fetch(channel, request):
    """Fetch; return the bytes, or what the refusal says."""
    call = channel.unary_stream(
        "/xinglin.v1.Sync/Fetch",
        lambda made: made if isinstance(made, bytes) else made.SerializeToString(),
        pb.FetchPart.FromString,
    )
    while True:
        try:
            return b"".join(part.data for part in call(request, timeout=_PATIENCE_S))
        except grpc.RpcError as error:
            if _REFUSED_STREAM not in error.details():
                return error.details()


def test_whoever_names_anothers_object_does_not_fetch_it(site, box, other, channel):
    """A request may name frames that have not come yet: naming them makes nobody their owner."""
    mine = "c_" + "8" * 32
    with site.site.database.write() as sql:
        sql.execute(insert(CONSULT).values(
            id=mine, kind="consultation", hospital=site.region.hospital, urgency="urgent",
            state="requested", changed_at=0, folded="{}",
        ))  # fmt: skip
        sql.execute(insert(ATTACHED).values(consult=mine, address=other.address, event="e_2"))
    assert fetch(channel, pb.FetchRequest(address=bytes.fromhex(other.address))) == "E7415"


@SETTINGS
@given(data=st.one_of(st.binary(max_size=100),
                      st.builds(pb.FetchRequest, address=_ADDRESS, offset=_U64)))  # fmt: skip
def test_any_fetch_is_refused_by_number(other, channel, data):
    assert fetch(channel, data) == "E7415"


@SETTINGS
@given(offset=_U64)
def test_any_offset_of_an_own_object_is_answered(site, other, offset):
    asked = pb.FetchRequest(address=bytes.fromhex(other.address), offset=offset)
    with channel_of(site, other) as channel:
        assert fetch(channel, asked) == other.data[offset:]


# -- and at the end -------------------------------------------------------------------------------


def test_the_service_serves_on(site, box, other, talk):
    """Nothing is left open of all that, the bystander was refused nothing, honest things go."""
    until(lambda: site.server.connected() == [other.node], 60)
    with site.site.database.read() as sql:
        assert sql.execute(select(OBJECT.c.address)).scalars().all() == [other.address]
        assert len(sql.execute(select(UPLOAD)).all()) == 0
    assert Alarms(other.box.database, now_ms).shown() == []
    more = sealed(50_000)
    other.outbox.put_object(more, THEIRS)
    until(other.empty, 60)
    assert other.outbox.dead() == []


def test_a_revoked_box_loses_everything_at_once(site, box, other, channel, talk):
    assert talk()[0] == "alive"
    revoke(site.site, box.node, "tester")
    assert fetch(channel, pb.FetchRequest(address=bytes(32))) == "E7309"
    assert talk()[0] == "E7309"
    until(lambda: site.server.connected() == [other.node], 60)
