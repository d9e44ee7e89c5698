"""A box and the notices that come to it: what it believes, keeps, shows and forgets."""

from __future__ import annotations

import os
import threading
from types import SimpleNamespace

import pytest

from core.errors import XinglinError
from core.journal.store import MemoryJournal, Writer
from core.records.record import Draft
from core.seals.errors import DomainWrong, SignatureWrong, SignerUnknown, StatementMalformed
from core.seals.keybook import raw_public
from core.seals.notice import DOMAIN, Notice, open_notice, root_of, sign_notice, topic_of
from core.seals.notice_errors import NoticeMalformed, NoticeNotOurs
from core.seals.statements import parse, sign_node
from core.vault.identity import node_identity
from core.web.broker import Ended
from edge.store.box import Outside, create_box
from edge.uplink.certificates import Credentials, Region
from edge.uplink.client import Ended as LinkEnded
from edge.uplink.mqtt import NoticeListener
from edge.uplink.notice_errors import NoticeElsewhere, NoticeKnown
from edge.uplink.notices import Notices, awaited
from edge.uplink.process import uplink_of
from edge.uplink.status import notice_status
from tests.sync_site import until

C = "c_" + "1" * 32
NODE = "ab" * 32
GOOD = Notice("opinion", C, "emergency", 3, "2026-11-23T03:00:00.000Z")


@pytest.fixture
def hub(tmp_path):
    return node_identity(tmp_path / "hub.key")


def region_of(hub, **more) -> Region:
    public = raw_public(hub.key.public_key()).hex()
    return Region(
        hub.id, public, "h_" + "1" * 16, "甲", "127.0.0.1:1", "127.0.0.1:2", "00", "root", 0, "",
        1, **more,
    )  # fmt: skip


@pytest.fixture
def box(tmp_path):
    made = create_box(tmp_path / "box", "", Outside(lambda: 1_790_000_000_000, os.urandom))
    yield made
    made.close()


@pytest.fixture
def notices(box, hub):
    return Notices(box, region_of(hub))


def said(box, hub, notice=GOOD) -> bytes:
    return sign_notice(notice, box.identity.id, hub)


def hear(notices, box, hub, seq=3, **more):
    fields = {"kind": "opinion", "consult": C, "urgency": "urgent", "at": GOOD.at, **more}
    return notices.take(notices.topic, said(box, hub, Notice(seq=seq, **fields)))


def rows_come(box, hub, count):
    """Have the link bring rows of the hub's chain."""
    writer = f"{hub.id}/{region_of(hub).hospital}"
    keys = SimpleNamespace(key=lambda _: bytes(32))
    chain = MemoryJournal(Writer(writer, keys, lambda: 1_790_000_000_000, os.urandom))
    for n in range(count):
        chain.append([Draft("hub.notice", {"kind": "duty", "n": n}, key="clear")])
    box.journal.adopt(list(chain.kept(writer)))


# -- the statement -----------------------------------------------------------------------------


def test_a_notice_comes_back_as_it_was_said(hub):
    data = sign_notice(GOOD, NODE, hub)
    assert open_notice(data, NODE, hub.id, hub.key.public_key()) == GOOD
    assert set(parse(data).statement.body) == {"at", "box", "consult", "kind", "seq", "urgency"}


def test_topics_are_the_regions_and_the_boxs(hub):
    assert topic_of(hub.id, NODE) == f"xinglin/{hub.id[:16]}/box/{NODE}/notice"
    assert topic_of(hub.id, NODE).startswith(root_of(hub.id) + "/")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("seq", 0), ("seq", -1), ("seq", True), ("seq", "3"), ("seq", 1.5),
        ("kind", ""), ("kind", "<script>"), ("kind", "a" * 33), ("kind", None),
        ("consult", "c_1"), ("consult", "../" + "1" * 31), ("consult", 5),
        ("urgency", "now"), ("urgency", None), ("urgency", []),
        ("at", ""), ("at", "yesterday"), ("at", "2026-11-23T03:00:00.000Z<b>"),
    ],
)  # fmt: skip
def test_fields_that_cannot_be_are_refused(hub, field, value):
    body = dict(parse(sign_notice(GOOD, NODE, hub)).statement.body)
    body[field] = value
    with pytest.raises((NoticeMalformed, StatementMalformed)):
        open_notice(sign_node(body, DOMAIN, hub), NODE, hub.id, hub.key.public_key())


def test_more_or_fewer_fields_are_refused(hub):
    body = dict(parse(sign_notice(GOOD, NODE, hub)).statement.body)
    for wrong in (body | {"text": "call me"}, {k: v for k, v in body.items() if k != "urgency"}):
        with pytest.raises(NoticeMalformed):
            open_notice(sign_node(wrong, DOMAIN, hub), NODE, hub.id, hub.key.public_key())


def test_only_the_hubs_word_in_this_domain_for_this_box_counts(hub, tmp_path):
    other, public = node_identity(tmp_path / "other.key"), hub.key.public_key()
    body = dict(parse(sign_notice(GOOD, NODE, hub)).statement.body)
    with pytest.raises(SignerUnknown):
        open_notice(sign_notice(GOOD, NODE, other), NODE, hub.id, public)
    with pytest.raises(DomainWrong):
        open_notice(sign_node(body, "xinglin hello v1", hub), NODE, hub.id, public)
    with pytest.raises(NoticeNotOurs):
        open_notice(sign_notice(GOOD, "cd" * 32, hub), NODE, hub.id, public)
    changed = sign_notice(GOOD, NODE, hub).replace(b"emergency", b"routine")
    with pytest.raises(SignatureWrong):
        open_notice(changed, NODE, hub.id, public)
    with pytest.raises(NoticeMalformed):
        open_notice(b"x" * 2049, NODE, hub.id, public)


# -- the box -----------------------------------------------------------------------------------


def test_what_was_announced_stands_there_until_the_link_has_brought_it(notices, box, hub):
    assert hear(notices, box, hub, 3) == Notice("opinion", C, "urgent", 3, GOOD.at)
    assert [(one["seq"], one["consult"]) for one in awaited(box)] == [(3, C)]
    rows_come(box, hub, 2)
    assert len(awaited(box)) == 1
    rows_come(box, hub, 3)
    assert not awaited(box)


def test_the_same_notice_again_and_an_old_one_change_nothing(notices, box, hub):
    hear(notices, box, hub, 3)
    with pytest.raises(NoticeKnown):
        hear(notices, box, hub, 3)
    rows_come(box, hub, 3)
    for seq in (1, 2, 3):
        with pytest.raises(NoticeKnown):
            hear(notices, box, hub, seq)
    assert not awaited(box)


def test_notices_may_come_in_any_order(notices, box, hub):
    for seq in (5, 3, 4):
        hear(notices, box, hub, seq)
    assert [one["seq"] for one in awaited(box)] == [3, 4, 5]


def test_another_topic_is_not_listened_to(notices, box, hub):
    with pytest.raises(NoticeElsewhere):
        notices.take("xinglin/0123456789abcdef/box/x/notice", said(box, hub))


def test_rows_about_no_consultation_are_not_shown(notices, box, hub):
    hear(notices, box, hub, 3, consult="", urgency="", kind="duty")
    assert not awaited(box)


def test_the_table_is_bounded(notices, box, hub):
    for seq in range(1, 260):
        hear(notices, box, hub, seq)
    found = awaited(box)
    assert len(found) == 200
    assert found[-1]["seq"] == 259


def test_another_region_takes_its_announcements_along(notices, box, hub, tmp_path):
    hear(notices, box, hub, 3)
    notices.forget_others()
    assert awaited(box)
    Notices(box, region_of(node_identity(tmp_path / "new.key"))).forget_others()
    assert not awaited(box)


# -- the listener ------------------------------------------------------------------------------


def listener_of(box, hub, **more) -> tuple[NoticeListener, list[str]]:
    credentials = Credentials(box.folder / "uplink")
    credentials.keep_region(region_of(hub, **more))
    woken: list[str] = []
    made = NoticeListener(box, credentials, lambda: woken.append("!"))
    made._notices = Notices(box, credentials.region())
    return made, woken


def test_a_new_notice_wakes_the_link_and_a_known_one_does_not(box, hub):
    listener, woken = listener_of(box, hub)
    topic = listener._notices.topic
    for _ in range(3):
        listener._hear(topic, said(box, hub))
    listener._hear(topic, b"garbage")
    assert len(woken) == 1
    assert dict(listener._ignored) == {"E7561": 2, "E7021": 1}
    assert notice_status(box)["heard"] == 1


def test_a_flood_is_dropped_without_looking_and_ends_with_the_turn(box, hub):
    listener, woken = listener_of(box, hub)
    topic = listener._notices.topic
    for _ in range(150):
        listener._hear(topic, b"garbage")
    listener._hear(topic, said(box, hub))
    assert dict(listener._ignored) == {"E7021": 100, "E7562": 51}
    assert not woken
    listener._turned(None)
    listener._hear(topic, said(box, hub))
    assert len(woken) == 1


@pytest.mark.parametrize(
    "address",
    ["nowhere", ":8883", "hub:", "hub:0", "hub:65536", "hub:８８８３", "hub:-1", "hub:1e3"],
)
def test_an_address_that_is_none_is_said(box, hub, address):
    listener, _ = listener_of(box, hub, notice_address=address)
    ended = listener._once(listener.credentials.region())
    assert ended == Ended(worked=False, fault="address")
    assert listener._error.code == 7565


def test_without_a_broker_the_listener_is_idle_and_ends(box, hub):
    listener, _ = listener_of(box, hub)
    thread = threading.Thread(target=listener.run)
    thread.start()
    until(lambda: notice_status(box)["state"] == "idle")
    listener.stop()
    thread.join(30)
    assert not thread.is_alive()


def test_a_region_file_of_before_has_no_broker(box, hub):
    credentials = Credentials(box.folder / "uplink")
    credentials.keep_region(region_of(hub))
    path = box.folder / "uplink" / "region.json"
    path.write_text(path.read_text().replace(', "notice_address": ""', ""))
    assert credentials.region().notice_address == ""


# -- the link ----------------------------------------------------------------------------------


class Never:
    """Would wait for an hour."""

    def after_cut(self, _):
        return 3600.0

    after_failure = after_refusal = after_cut


@pytest.mark.parametrize("refused", [True, False], ids=["refused", "failed"])
def test_a_wake_ends_the_wait(box, refused):
    uplink = uplink_of(box)
    uplink._backoff = Never()
    thread = threading.Thread(target=uplink._pause, args=(LinkEnded(False, refused, None),))
    thread.start()
    uplink.wake()
    thread.join(30)
    assert not thread.is_alive()


def test_a_wake_for_an_open_link_is_not_kept_for_its_end(box):
    """All boxes hear the broker; when the hub restarts they must not all come back at once."""
    uplink = uplink_of(box)
    uplink._backoff = Never()
    uplink.wake()
    thread = threading.Thread(target=uplink._pause, args=(LinkEnded(True, False, None),))
    thread.start()
    until(lambda: uplink._state == "waiting")
    until(lambda: not uplink._awake.is_set())
    assert thread.is_alive()
    uplink.stop()
    thread.join(30)
    assert not thread.is_alive()


def test_every_refusal_has_a_number_of_its_own():
    from core.seals import notice_errors as seals
    from edge.uplink import notice_errors as edge

    found = [
        one.code
        for module in (seals, edge)
        for one in vars(module).values()
        if isinstance(one, type) and issubclass(one, XinglinError) and one is not XinglinError
    ]
    assert len(found) == len(set(found)) == 8
