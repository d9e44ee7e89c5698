"""Events' shapes, the chain, ranking, timers, the suggested MDT, opinions and case indexes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.consult.case import parse_case
from core.consult.chain import EventRow, check_links, next_link
from core.consult.errors import (
    CaseMalformed,
    EventMalformed,
    OpinionMalformed,
    StatementUnlinked,
)
from core.consult.events import LONGEST_SEALED, parse_event
from core.consult.opinion import parse_opinion
from core.consult.ranking import Waiting, rank, score_of
from core.consult.roster import MDT, Candidate, suggest
from core.consult.timers import Escalation, due, escalations, iso_of, ms_of
from tests.consult_cases import (
    ADDRESS,
    EXPERT,
    START,
    at_place,
    body_of,
    request_facts,
    seat,
)

HOUR = 3_600_000


def read(body):
    return parse_event(body, EXPERT, "person", "0" * 64)


def test_an_event_is_read():
    one = read(body_of("requested", 1, **request_facts()))
    assert (one.kind, one.actor, one.facts["urgency"]) == ("requested", EXPERT, "urgent")
    spoken = read(body_of("message", 2, objects=[
        {"object": "o_" + "1" * 32, "address": ADDRESS, "kind": "message", "length": 5}
    ]))  # fmt: skip
    assert (spoken.sealed, spoken.epoch, spoken.objects[0].address) == ("QUJD", 1, ADDRESS)


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("kind", {"kind": "seen"}),
        ("kind", {"kind": ["message"]}),
        ("at", {"at": "2026-01-01 00:00"}),
        ("at", {"at": "2026-01-01T00:00:00.000Z\n"}),
        ("consult", {"consult": "c_1"}),
        ("event", {"event": 5}),
        ("after", {"after": "zz"}),
        ("epoch", {"epoch": True}),
        ("epoch", {"epoch": -1}),
        ("sealed", {"sealed": "a b"}),
        ("sealed", {"sealed": ""}),
        ("sealed", {"sealed": "A" * (LONGEST_SEALED + 1)}),
        ("object", {"object": "x"}),
        ("objects", {"objects": [{}]}),
        ("objects", {"objects": {}}),
        ("objects", {"objects": [
            {"object": "o_" + "1" * 32, "address": ADDRESS, "kind": "message", "length": -5}]}),
        ("text", {"text": "张三 咳嗽两周"}),
        ("?", {"张三": 1}),
    ],
)  # fmt: skip
def test_what_is_not_listed_or_wrong_is_refused(field, change):
    with pytest.raises(EventMalformed) as refused:
        read({**body_of("message", 2), **change})
    assert refused.value.facts["field"] == field


def test_what_is_said_must_be_sealed_and_sealed_names_its_object():
    for missing in ("sealed", "object", "epoch"):
        body = body_of("message", 2)
        del body[missing]
        with pytest.raises(EventMalformed):
            read(body)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("urgency", "now"),
        ("hospital", "h_1"),
        ("to_department", "呼吸科"),
        ("to_level", "god"),
        ("deadline_at", "tomorrow"),
        ("case", ""),
        ("bytes", 1.5),
        ("parties", [seat(EXPERT, "expert"), seat(EXPERT, "member")]),
        ("parties", [seat("张三", "expert")]),
        ("parties", [{**seat(EXPERT, "expert"), "name": "x"}]),
        ("parties", [seat(EXPERT, "owner")]),
        ("parties", [seat(f"p_{n:016x}", "expert") for n in range(65)]),
    ],
)
def test_a_request_s_routing_facts_are_checked(field, value):
    facts = {**request_facts(), field: value}
    with pytest.raises(EventMalformed) as refused:
        read(body_of("requested", 1, **facts))
    assert refused.value.facts["field"] == field


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    st.sampled_from([body_of("requested", 1, **request_facts()), body_of("summary", 3)]),
    st.data(),
)
def test_any_field_of_any_type_is_refused_or_read_never_a_crash(body, data):
    name = data.draw(st.sampled_from([*body, "x"]))
    changed = {**body, name: data.draw(JSON)}
    try:
        read(changed)
    except EventMalformed:
        return
    assert name in body


# -- the chain ---------------------------------------------------------------------------------


def rows():
    made, before = [], ""
    for seq, digest in enumerate(("1" * 64, "2" * 64, "3" * 64), 1):
        at = iso_of(START + seq)
        before = next_link(before, seq, digest, at, EXPERT)
        made.append(EventRow(seq, digest, at, EXPERT, before))
    return made


def test_a_chain_of_events_verifies_and_goes_on():
    all_of_it = rows()
    assert check_links(all_of_it) == all_of_it[-1].link
    assert check_links(all_of_it[1:], all_of_it[0].link, 2) == all_of_it[-1].link


@pytest.mark.parametrize(
    "damage",
    [
        lambda r: [r[0], r[2]],
        lambda r: [r[0], replace(r[1], digest="9" * 64), r[2]],
        lambda r: [r[0], replace(r[1], at=iso_of(START)), r[2]],
        lambda r: [r[0], replace(r[1], actor="p_other"), r[2]],
        lambda r: [r[1], r[0], r[2]],
        lambda r: [r[0], replace(r[1], link="0" * 64), r[2]],
    ],
)
def test_a_dropped_changed_or_moved_event_is_named(damage):
    with pytest.raises(StatementUnlinked) as refused:
        check_links(damage(rows()))
    assert refused.value.facts["seq"] in (1, 2)


# -- ranking -----------------------------------------------------------------------------------

WAITING = st.builds(
    Waiting,
    id=st.uuids().map(str),
    urgency=st.sampled_from(["emergency", "urgent", "routine"]),
    requested_at_ms=st.integers(START - 100 * 24 * HOUR, START),
    deadline_at_ms=st.none() | st.integers(START - 100 * 24 * HOUR, START + 100 * 24 * HOUR),
    awaiting_information=st.booleans(),
)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(WAITING, unique_by=lambda one: one.id))
def test_an_emergency_stands_before_everything_else(waiting):
    kinds = {one.id: one.urgency == "emergency" for one in waiting}
    order = rank(waiting, START)
    flags = [kinds[one.id] for one in order]
    assert flags == sorted(flags, reverse=True)
    assert [one.rank for one in order] == list(range(1, len(waiting) + 1))
    assert rank(reversed(waiting), START) == order


@settings(max_examples=200, deadline=None, derandomize=True)
@given(WAITING, st.integers(0, 50 * 24 * HOUR))
def test_waiting_never_lowers_the_score(one, later):
    assert score_of(one, START + later) >= score_of(one, START)


def test_the_reason_is_said():
    one = Waiting("c", "urgent", START - 3 * HOUR, START - 2 * HOUR)
    [ranked] = rank([one], START)
    assert ranked.reason_zh == "加急；已超期 2 小时；已等待 3 小时"
    assert ranked.reason_en == "urgent; overdue by 2 h; waiting 3 h"
    [ranked] = rank([replace(one, deadline_at_ms=START + 30 * 60_000)], START)
    assert "距期限 30 分钟" in ranked.reason_zh
    [ranked] = rank([replace(one, awaiting_information=True, deadline_at_ms=None)], START)
    assert "awaiting information" in ranked.reason_en
    [ranked] = rank([replace(one, closed=True)], START)
    assert ranked.score == 0


def test_an_old_routine_case_may_overtake_a_fresh_urgent_one():
    old = Waiting("old", "routine", START - 9 * 24 * HOUR, START - 8 * 24 * HOUR)
    fresh = Waiting("fresh", "urgent", START, START + 24 * HOUR)
    assert [one.id for one in rank([fresh, old], START)] == ["old", "fresh"]


# -- timers ------------------------------------------------------------------------------------


def test_the_first_clock_runs_until_somebody_accepts():
    state = at_place("consultation", "requested")
    start = ms_of(state.requested_at)
    assert escalations(state) == (
        Escalation(1, start + 2 * HOUR), Escalation(2, start + 3 * HOUR),
        Escalation(3, start + 4 * HOUR),
    )  # fmt: skip
    assert due(state, start + 2 * HOUR - 1) is None
    assert due(state, start + 2 * HOUR) == Escalation(1, start + 2 * HOUR)
    assert due(state, start + 100 * HOUR) == Escalation(3, start + 4 * HOUR)
    assert due(replace(state, escalated=3), start + 100 * HOUR) is None


def test_a_deadline_shortens_it_and_the_second_clock_starts_at_acceptance():
    state = replace(at_place("consultation", "requested"), deadline_at=iso_of(START + HOUR))
    assert escalations(state)[0].at_ms == START + HOUR
    taken = at_place("consultation", "accepted")
    assert escalations(taken)[0].at_ms == ms_of(taken.accepted_at) + 24 * HOUR


def test_nothing_runs_while_information_is_awaited_or_after_the_end():
    for place in ("awaiting-information", "completed", "cancelled", "draft"):
        assert escalations(at_place("consultation", place)) == ()


def test_instants_survive_their_text():
    for ms in (0, START, START + 1, START + 999):
        assert ms_of(iso_of(ms)) == ms


# -- the suggested MDT -------------------------------------------------------------------------


def test_one_of_each_discipline_is_suggested_and_a_chair():
    people = [
        Candidate("p_1", "respiratory", "h_1", "chief", on_duty=False),
        Candidate("p_2", "respiratory", "h_1", "attending", on_duty=True),
        Candidate("p_3", "imaging", "h_1", "chief", on_duty=True, has_key=False),
        Candidate("p_4", "imaging", "h_1", "attending", on_duty=True, load=3),
        Candidate("p_5", "imaging", "h_2", "attending", on_duty=True, load=1),
        Candidate("p_6", "thoracic_surgery", "h_2", "chief", on_duty=True),
    ]
    seats = suggest(people, hospital="h_1")
    assert [s.discipline for s in seats] == list(MDT)
    assert [s.person for s in seats] == ["p_2", "", "p_5", "p_6"]
    assert [s.part for s in seats] == ["chair", "member", "member", "member"]
    assert seats[1].reason_en == "nobody of this discipline can be asked"
    assert suggest(reversed(people), hospital="h_1") == seats


def test_nobody_at_all_leaves_empty_seats():
    assert {s.person for s in suggest([])} == {""}


# -- sealed shapes -----------------------------------------------------------------------------

OPINION = {
    "impression": "肺结核，空洞 <script>alert(1)</script>", "findings": {"cavity": True},
    "advice": "痰 Xpert", "text": "", "discipline": "respiratory", "dissent": False,
    "basis": ["o_" + "1" * 32], "case": ADDRESS,
}  # fmt: skip


def test_an_opinion_is_data_whatever_it_says():
    opinion = parse_opinion(OPINION)
    assert opinion.as_json() == OPINION
    assert "<script>" in opinion.impression


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("impression", "  "), ("impression", 5), ("advice", "x" * 50_001), ("case", ""),
        ("case", None), ("dissent", "no"), ("discipline", "witchcraft"), ("basis", ["x"]),
        ("findings", []), ("findings", {"a": {"b": 1}}),
        ("findings", {str(n): 1 for n in range(65)}),
    ],
)  # fmt: skip
def test_a_malformed_opinion_is_refused(field, value):
    with pytest.raises(OpinionMalformed) as refused:
        parse_opinion({**OPINION, field: value})
    assert refused.value.facts["field"] == field


CASE = {
    "patient": {"name": "张三"}, "purpose": "会诊", "summary": "…", "consent": {"reference": "1"},
    "objects": [{
        "object": "o_" + "1" * 32, "kind": "frames", "position": {"study": 0}, "address": ADDRESS,
        "length": 9, "content_type": "application/octet-stream", "title": "", "epoch": 1,
    }],
    "studies": [{"n": 0}], "requester": {"name": "李"},
}  # fmt: skip


def test_a_case_index_is_read_and_written():
    assert parse_case(CASE).as_json() == CASE


@pytest.mark.parametrize(
    "change",
    [
        {"patient": "x"}, {"objects": [{**CASE["objects"][0], "address": "x"}]},
        {"objects": CASE["objects"] * 2}, {"objects": [{**CASE["objects"][0], "kind": "exe"}]},
        {"objects": [5]}, {"studies": None},
    ],
)  # fmt: skip
def test_a_malformed_case_index_is_refused(change):
    with pytest.raises(CaseMalformed):
        parse_case({**CASE, **change})
