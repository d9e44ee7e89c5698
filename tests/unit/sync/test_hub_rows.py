"""Rows of the hub's chain that must not come into a box's journal: they would be opened there."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert, update

from core.journal.chain import link_of
from core.journal.seal import open_clear, open_record, seal_body
from core.records.canonical import to_bytes
from core.records.clock import Stamp
from core.records.record import GENESIS, Header, Sealed
from edge.uplink.alarms import Alarms
from edge.uplink.chain import AHEAD_MS, fault_of
from edge.uplink.status import kept_status
from hub.downlink import chain
from hub.registry import duty
from hub.registry.hospitals import add_hospital
from hub.store.tables import CHAIN, DIRECTORY, HOSPITAL
from tests.hub_people import Crew
from tests.sync_site import SyncBox, SyncSite, now_ms, running, until

NOW = 1_800_000_000_000
DAY = 86_400_000


def header(**changed) -> dict:
    return {
        "actor": "node:hub", "clock": str(Stamp(NOW)), "key": "clear", "kind": "hub.notice",
        "prev": GENESIS, "seq": 1, "subject": "", "version": 1, "writer": "hub/h", **changed,
    }  # fmt: skip


def clear(body: bytes = b'{"kind":"x"}') -> bytes:
    return b"\x00" + body


def test_what_the_hub_honestly_writes_may_come():
    assert fault_of(to_bytes(header()), clear(), NOW) == ""
    assert fault_of(to_bytes(header(kind="hub.event", version=2)), clear(), NOW - 600_000) == ""


@pytest.mark.parametrize(
    ("changed", "body", "fault"),
    [
        ({"kind": "findings.proposed"}, clear(), "sealed"),
        ({"kind": "hub.later"}, clear(), "sealed"),
        ({}, seal_body(b"{}", b"", bytes(32), os.urandom), "sealed"),
        ({}, b"", "sealed"),
        ({}, clear(b"[]"), "sealed"),
        ({}, clear(b"{"), "sealed"),
        ({}, clear(b'{"a":' * 50_000), "sealed"),
        ({"key": "node"}, clear(), "header"),
        ({"key": "st_" + "0" * 16}, clear(), "header"),
        ({"subject": "su_" + "0" * 16}, clear(), "header"),
        ({"kind": ["hub.notice"]}, clear(), "header"),
        ({"actor": None}, clear(), "header"),
        ({"version": "1"}, clear(), "header"),
        ({"clock": "zzzz"}, clear(), "clock"),
        ({"clock": ""}, clear(), "clock"),
        ({"clock": "ffffffffffff-000000"}, clear(), "clock"),
        ({"clock": str(Stamp(NOW + DAY + 1))}, clear(), "clock"),
        ({"clock": f"{NOW:x}-0"}, clear(), "clock"),
        ({"clock": f"-{NOW:011x}-000000"}, clear(), "clock"),
    ],
    ids=lambda one: "-".join(one) if isinstance(one, dict) else None,
)  # fmt: skip
def test_what_a_reader_would_fall_over_is_named(changed, body, fault):
    assert fault_of(to_bytes(header(**changed)), body, NOW) == fault


_VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**53) + 1, 2**53 - 1), st.text(max_size=20),
    st.lists(st.integers(0, 9), max_size=2),
    st.sampled_from(["hub.event", "clear", GENESIS, str(Stamp(NOW)), ""]),
)  # fmt: skip


@given(
    st.dictionaries(st.sampled_from(sorted(header())), _VALUES, max_size=4),
    st.one_of(st.binary(max_size=40), st.binary(max_size=40).map(lambda b: b"\x00" + b)),
)
def test_whatever_may_come_can_be_opened(changed, body):
    data = to_bytes(header(**changed))
    if fault_of(data, body, NOW) == "":
        sealed = Sealed(0, Header.from_bytes(data), data, body, "")
        assert open_clear(sealed).kind in ("hub.event", "hub.notice")
        assert Stamp.parse(sealed.header.clock).ms <= NOW + AHEAD_MS


@given(st.binary(max_size=200), st.binary(max_size=50))
def test_any_bytes_are_named_or_may_come(data, body):
    assert fault_of(data, body, NOW) in ("", "header", "sealed", "clock")


# -- over the real link ---------------------------------------------------------------------------


@pytest.fixture
def site(tmp_path):
    made = SyncSite(tmp_path / "site").start()
    yield made
    made.stop()


def forge(site, **changed) -> None:
    """Have the hub sign a row of another make into a hospital's chain."""
    hospital = site.region.hospital
    writer = f"{site.site.identity.id}/{hospital}"
    data = to_bytes(header(writer=writer, clock=str(Stamp(now_ms())), **changed))
    sealed = clear()
    with site.site.database.write() as sql:
        sql.execute(
            insert(CHAIN).values(
                journal="clinical", writer=writer, seq=1, clock=str(Stamp(now_ms())),
                kind=changed.get("kind", "hub.notice"), subject="", key=changed.get("key", "clear"),
                header=data, sealed=sealed, link=link_of(data, sealed),
            )
        )  # fmt: skip
        sql.execute(update(HOSPITAL).where(HOSPITAL.c.id == hospital).values(chain_seq=1))


@pytest.mark.parametrize(
    "changed",
    [{"kind": "findings.proposed", "key": "node"}, {"key": "node"}, {"kind": "subject.restricted"}],
    ids="-".join,
)
def test_a_hub_that_writes_what_only_this_box_may_is_refused_and_the_box_works_on(
    site, tmp_path, changed
):
    forge(site, **changed)
    box = SyncBox(site, tmp_path / "box")
    with running(box):
        box.up()
        until(lambda: (found := kept_status(box.box)) and found.state == "refused")
        [alarm] = [a for a in Alarms(box.box.database, now_ms).shown() if a["code"] == "E7521"]
        assert "1" in alarm["message_zh"]
        assert all("/" not in s.header.writer for s in box.box.journal.read(0, 100))
        for sealed in box.box.journal.read(0, 100):
            open_record(sealed, box.box.vault)


def test_a_hospital_that_joins_late_hears_of_directory_and_rosters(site, tmp_path):
    crew = Crew(site.site, now_ms)
    people = [crew.add("li"), crew.add("wang")]
    duty.set_duty(site.site, crew.hospital, "respiratory", people)
    late = add_hospital(site.site, "后来的县医院")
    box = SyncBox(site, tmp_path / "late", late)
    with running(box):
        box.up()
        writer = f"{site.site.identity.id}/{late}"
        until(lambda: box.box.journal.head(writer).seq == 1)
        [row] = [s for s in box.box.journal.read(0, 100) if s.header.writer == writer]
        assert open_clear(row).body == {
            "kind": "duty", "hospital": crew.hospital, "department": "respiratory",
            "people": sorted(people),
        }  # fmt: skip
        with site.site.database.read() as sql:
            size = len(sql.execute(DIRECTORY.select()).all())

        def held() -> int:
            return len(box.box.database.query("SELECT 1 FROM directory_entry"))

        until(lambda: held() == size)
        crew.people.change(people[1], {"department": "imaging"})
        until(lambda: box.box.journal.head(writer).seq == 2)
        assert open_clear(box.box.journal.read_back(1 << 40, 1)[0]).body["people"] == [people[0]]


def test_the_hub_counts_its_own_rows_once(site):
    """A hospital's chain begins with nothing where nobody is on duty."""
    assert chain.rows_after(site.site, site.region.hospital, 0, 10) == []
