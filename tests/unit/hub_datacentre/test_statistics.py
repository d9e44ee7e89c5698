"""Statistics: only what the policy lists, only closed sets, small cells hidden."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.records.canonical import to_bytes
from core.seals.errors import SignerUnknown
from core.seals.statements import sign_node
from core.web.errors import InputWrong
from edge.consult.statistics import FIELDS as BOX_FIELDS
from edge.consult.statistics import Source, body_of, statistic
from hub.consult.sink import ConsultSink
from hub.datacentre.errors import FieldNotListed, StatisticRefused
from hub.datacentre.fields import FIELDS, check_statistic
from hub.datacentre.statistics import (
    SMALLEST,
    STATISTICS_DOMAIN,
    check_policy,
    overview,
    suppressed,
)
from hub.downlink.link import Arrived
from hub.downlink.sink import From
from hub.registry.hospitals import set_policy
from hub.store.tables import STATISTIC
from tests.hub_consults import Table
from tests.hub_people import Crew

ALL = frozenset(FIELDS)
WHOLE = {
    "status": "ok", "qc": {"verdict": "warn", "reasons": [{"code": "DR_EXPOSURE"}]},
    "tb": {"score": 0.91, "positive": True}, "lesions": [{"kind": "cavity"}],
    "method": {"model": "tb-dr", "version": "1.2.0"},
}  # fmt: skip
GOOD = {"month": "2026-11", "modality": "DX", "sex": "M", "tb_positive": True, "status": "ok"}


def body(fields, hospital="h_" + "1" * 16, n=1):
    return body_of(hospital, (f"{n:032x}", f"{n + 1000:032x}"), fields)


def test_what_a_box_makes_is_what_the_hub_takes():
    assert frozenset(BOX_FIELDS) == ALL
    made = statistic(Source("DX", "F", "19561103", "20261122", WHOLE, "accepted"), ALL)
    assert set(made) == ALL
    check_statistic(body(made), "h_" + "1" * 16, ALL)
    old = statistic(Source("CT", "M", "19200101", "20261122", {"status": "ok"}), ALL)
    assert old["age_band"] == "80+"
    check_statistic(body(old), "h_" + "1" * 16, ALL)


@pytest.mark.parametrize(
    "wrong",
    [{"sex": "张三"}, {"month": "2026-13"}, {"age_band": "67"}, {"tb_positive": "yes"},
     {"lesion_kinds": {"P001": 1}}, {"qc_codes": ["张三 1956"]}, {"lesion_count": -1},
     {"model": "a b"}, {"name": "x"}, {"review": ["accepted"]}, {"modality": 3}],
)  # fmt: skip
def test_anything_else_is_refused(wrong):
    with pytest.raises(StatisticRefused) as refused:
        check_statistic(body(GOOD | wrong), "h_" + "1" * 16, ALL | {"name"})
    assert "张三" not in str(refused.value)


@given(st.recursive(st.none() | st.text() | st.integers() | st.booleans() | st.floats(),
                    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))  # fmt: skip
def test_no_value_is_too_strange(value):
    for name in FIELDS:
        try:
            check_statistic(body({name: value}), "h_" + "1" * 16, ALL)
        except StatisticRefused:
            continue
        assert len(str(value)) < 400


@pytest.mark.parametrize("name", ["patient", "study", "fields", "hospital"])
def test_the_frame_is_checked(name):
    with pytest.raises(StatisticRefused):
        check_statistic(body(GOOD) | {name: "张三"}, "h_" + "1" * 16, ALL)
    with pytest.raises(StatisticRefused):
        check_statistic(body(GOOD) | {"note": ""}, "h_" + "1" * 16, ALL)


@pytest.fixture
def table(hub, hub_clock):
    return Table(hub, Crew(hub, hub_clock))


class Sender:
    def __init__(self, table, box="a"):
        self.table, self.box = table, box
        self.sink = ConsultSink(table.site)

    def send(self, fields, n=1, id_="", signer="", hospital=""):
        node = self.table.boxes[signer or self.box]
        mine = self.table.hospitals[self.box]
        data = sign_node(body(fields, hospital or mine, n), STATISTICS_DOMAIN, node)
        item = Arrived("statistics", id_ or f"s_{n}", "", data)
        with self.table.site.database.write() as sql:
            return self.sink.accept(sql, From(self.table.boxes[self.box].id, mine), item)


def test_only_what_the_policy_lists_is_kept(table):
    sender = Sender(table)
    with pytest.raises(FieldNotListed) as refused:
        sender.send(GOOD)
    assert refused.value.for_good
    set_policy(table.site, table.hospitals["a"], {"fields": sorted(set(GOOD) - {"sex"})})
    with pytest.raises(FieldNotListed):
        sender.send(GOOD)
    sender.send({k: v for k, v in GOOD.items() if k != "sex"})
    with pytest.raises(FieldNotListed):  # another hospital's policy is not this one's
        Sender(table, "b").send({"month": "2026-11"}, 2)
    assert [row.hospital for row in table.rows(STATISTIC)] == [table.hospitals["a"]]


def test_who_signs_is_the_box_and_speaks_for_its_hospital(table):
    sender = Sender(table)
    set_policy(table.site, table.hospitals["a"], {"fields": sorted(GOOD)})
    with pytest.raises(SignerUnknown):
        sender.send(GOOD, signer="b")
    with pytest.raises(StatisticRefused):
        sender.send(GOOD, hospital=table.hospitals["b"])
    assert table.rows(STATISTIC) == []


def test_a_study_counts_once_by_its_newest_result(table):
    sender = Sender(table)
    set_policy(table.site, table.hospitals["a"], {"fields": sorted(FIELDS)})
    for n in range(12):
        sender.send(GOOD | {"tb_positive": n < 6}, n)
    sender.send(GOOD | {"tb_positive": n < 6}, n)  # the same once more
    sender.send(GOOD | {"tb_positive": True, "review": "accepted"}, 11, "s_again")
    assert len(table.rows(STATISTIC)) == 13
    with table.site.database.read() as sql:
        found = overview(sql)
    (month,) = found["months"]
    assert (found["hospitals"], month["month"], month["count"]) == (1, "2026-11", 12)
    assert month["tb_positive"] == {"no": 5, "yes": 7}
    assert month["modality"] == {"DX": 12}
    assert month["review"] == {"accepted": None}
    assert month["age_band"] == {}


@pytest.mark.parametrize(
    ("counts", "total", "expected"),
    [
        ({"a": 10, "b": 5}, 15, {"a": 10, "b": 5}),
        ({"a": 10, "b": 4}, 14, {"a": None, "b": None}),  # b would be 14 - 10
        ({"a": 10, "b": 4, "c": 7}, 21, {"a": 10, "b": None, "c": None}),
        ({"a": 10, "b": 4, "c": 1}, 15, {"a": 10, "b": None, "c": None}),
        ({"a": 10}, 12, {"a": None}),  # two that say nothing would be told
        ({"a": 10, "b": 3}, 20, {"a": 10, "b": None}),
        ({"a": 2}, 2, {"a": None}),
        ({}, 30, {}),
    ],
)
def test_small_cells(counts, total, expected):
    assert suppressed(counts, total) == expected


@given(st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 20)), st.integers(0, 10))
def test_no_small_cell_can_be_worked_out(counts, rest):
    total = sum(counts.values()) + rest
    shown = suppressed(counts, total)
    assert all(value is None or value >= SMALLEST for value in shown.values())
    hidden = [counts[name] for name, value in shown.items() if value is None]
    hidden += [rest] if rest else []
    if len(hidden) == 1 and total >= SMALLEST and counts:
        assert hidden[0] >= SMALLEST


def test_a_policy_lists_what_there_is():
    check_policy(["month", "tb_positive"])
    with pytest.raises(InputWrong):
        check_policy(["patient_name"])
    assert to_bytes(GOOD)
