"""The state machine: every cell, replays, folding, what an opinion is."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.consult.errors import (
    AlreadyAccepted,
    AlreadyInvited,
    ConsultRefusal,
    EpochUnknown,
    EventIdReused,
    EventMalformed,
    NoOpinionYet,
    NotForThisKind,
    NothingToAddTo,
    NotInThisState,
    NotYourPart,
    OpinionStands,
    OtherConsult,
    PersonUnknown,
    SummaryOmits,
    SummaryStands,
)
from core.consult.machine import Consult, apply, begin, fold, part_of
from core.consult.tables import EVENT_KINDS, KINDS, PARTS, PLACES
from tests.consult_cases import (
    ADDRESS,
    CHAIR,
    EXPERT,
    MEMBER,
    NEWCOMER,
    OUTSIDER,
    SECOND,
    at_place,
    event_id,
    made,
    request_facts,
    requested,
)

GOLDEN = Path(__file__).parents[2] / "golden" / "consult" / "tables.txt"
FORBIDDEN = (NotInThisState, NotYourPart, NotForThisKind, AlreadyAccepted)


def allowed():
    cells, kind = set(), ""
    for line in GOLDEN.read_text(encoding="utf-8").splitlines():
        if line.startswith("# "):
            kind = line[2:]
            continue
        event, part, *places = line.split()
        cells |= {
            (kind, event, part, {"awaiting": "awaiting-information"}.get(p, p)) for p in places
        }
    return cells


ALLOWED = allowed()


def facts_for(event, kind):
    return {
        "requested": request_facts(kind),
        "assigned": {"person": NEWCOMER, "discipline": ""},
        "rejected": {"reason": "specialty"},
        "invited": {"person": NEWCOMER, "part": "member", "discipline": "imaging"},
        "removed": {"person": MEMBER},
        "opinion": {"discipline": "respiratory"},
        "addendum": {"to": event_id(7)},
        "summary": {"opinions": [event_id(7)]},
        "failed": {"reason": "other"},
        "cancelled": {"reason": "other"},
        "escalated": {"level": 1},
    }.get(event, {})


def actor_for(part, kind, state):
    """Return who acts in a part, and the state in which they have it."""
    if part == "requester":
        return "node", "requester", state
    if part in ("coordinator", "hub"):
        return part, part, state
    if part == "stranger":
        return OUTSIDER, "person", state
    person = {"owner": EXPERT, "expert": SECOND, "chair": CHAIR, "member": MEMBER}[part]
    if part == "owner" and state.owner != EXPERT:
        state = replace(state, owner=EXPERT)
    if part_of(state, person, "person") != part:
        return None
    return person, "person", state


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("place", PLACES)
def test_every_cell(kind, place):
    for event in EVENT_KINDS:
        for part in PARTS:
            acting = actor_for(part, kind, at_place(kind, place))
            if acting is None:
                assert (kind, event, part, place) not in ALLOWED
                continue
            actor, standing, state = acting
            one = made(event, 50, actor, standing, **facts_for(event, kind))
            try:
                after = apply(state, one)
                passed = True
            except FORBIDDEN:
                after, passed = state, False
            except ConsultRefusal:
                after, passed = state, True  # it may, but the content does not fit
            assert passed == ((kind, event, part, place) in ALLOWED), (event, part)
            if after is not state:
                assert event_id(50) in after.seen_events


def test_the_way_through():
    states = [
        at_place("consultation", place).place
        for place in ("requested", "accepted", "in-progress", "awaiting-information", "completed")
    ]
    assert states == [
        "requested", "accepted", "in-progress", "awaiting-information", "completed"
    ]  # fmt: skip
    done = at_place("consultation", "completed")
    assert done.owner == EXPERT
    assert [s.kind for s in done.signed] == ["opinion"]
    assert done.closed_at == done.changed_at


def test_a_replay_changes_nothing_and_another_body_is_refused():
    state = at_place("consultation", "accepted")
    again = made("accepted", 3, EXPERT)
    assert apply(state, again) is state
    with pytest.raises(EventIdReused):
        apply(state, replace(again, digest="0" * 64))
    with pytest.raises(EventIdReused):
        apply(state, made("message", 3, EXPERT))


def test_another_consultation_s_event_is_refused():
    with pytest.raises(OtherConsult):
        apply(at_place("consultation", "requested"), replace(requested(), consult="c_" + "b" * 32))


def test_the_first_event_is_a_request():
    with pytest.raises(NotInThisState):
        begin(made("accepted", 1, EXPERT))
    with pytest.raises(EventMalformed):
        fold([])


def test_only_the_first_accepts():
    state = at_place("consultation", "accepted")
    with pytest.raises(AlreadyAccepted):
        apply(state, made("accepted", 20, SECOND))


def test_declined_by_one_is_still_open_to_the_other():
    state = at_place("consultation", "requested")
    state = apply(state, made("rejected", 20, EXPERT, reason="specialty"))
    assert state.place == "requested"
    state = apply(state, made("rejected", 21, SECOND, reason="capacity"))
    assert state.place == "rejected"


def test_an_owner_who_declines_opens_it_again():
    state = apply(at_place("consultation", "accepted"), made("rejected", 20, EXPERT, reason=""))
    assert (state.place, state.owner) == ("requested", "")
    assert apply(state, made("accepted", 21, SECOND)).owner == SECOND


def test_the_ball_goes_to_the_county_and_back():
    state = at_place("consultation", "awaiting-information")
    assert (state.state, state.business_state) == ("in-progress", "awaiting-information")
    assert state.asked == event_id(6)
    state = apply(
        state, made("information.given", 20, "node", "requester", case="cd" * 32, bytes=5)
    )
    assert (state.place, state.asked, state.case, state.bytes) == (
        "in-progress", "", "cd" * 32, 1005
    )  # fmt: skip


def test_an_opinion_is_immutable_and_takes_addenda_of_its_writer_only():
    state = apply(
        at_place("consultation", "in-progress"), made("opinion", 20, EXPERT, discipline="imaging")
    )
    with pytest.raises(OpinionStands):
        apply(state, made("opinion", 21, EXPERT, discipline="imaging"))
    with pytest.raises(NothingToAddTo):
        apply(state, made("addendum", 22, MEMBER, to=event_id(20)))
    state = apply(state, made("addendum", 23, EXPERT, to=event_id(20)))
    assert [s.kind for s in state.signed] == ["opinion", "addendum"]


def test_an_opinion_in_accepted_starts_the_work():
    state = apply(
        at_place("consultation", "accepted"), made("opinion", 20, EXPERT, discipline="imaging")
    )
    assert state.place == "in-progress"


def test_completion_needs_what_was_asked_for():
    for kind, lead in (("consultation", EXPERT), ("mdt", CHAIR), ("referral", EXPERT)):
        with pytest.raises(NoOpinionYet):
            apply(at_place(kind, "in-progress"), made("completed", 20, lead))
    # A member's opinion is not the owner's.
    state = apply(
        at_place("consultation", "in-progress"), made("opinion", 20, MEMBER, discipline="imaging")
    )
    with pytest.raises(NoOpinionYet):
        apply(state, made("completed", 21, EXPERT))


def test_a_summary_names_every_opinion_and_dissent_stays():
    state = at_place("mdt", "in-progress")
    with pytest.raises(NoOpinionYet):
        apply(state, made("summary", 19, CHAIR, opinions=[]))
    for n, person in ((20, MEMBER), (21, EXPERT)):
        state = apply(state, made("opinion", n, person, discipline="imaging"))
    with pytest.raises(SummaryOmits):
        apply(state, made("summary", 22, CHAIR, opinions=[event_id(20)]))
    with pytest.raises(EventMalformed):
        apply(state, made("summary", 22, CHAIR, opinions=[event_id(n) for n in (20, 21, 5)]))
    with pytest.raises(NotYourPart):
        apply(state, made("summary", 22, MEMBER, opinions=[event_id(20), event_id(21)]))
    state = apply(state, made("summary", 22, CHAIR, opinions=[event_id(20), event_id(21)]))
    with pytest.raises(OpinionStands):
        apply(state, made("summary", 23, CHAIR, opinions=[event_id(20), event_id(21)]))
    with pytest.raises(SummaryStands):
        apply(state, made("opinion", 24, CHAIR, discipline="respiratory"))
    assert apply(state, made("completed", 25, CHAIR)).place == "completed"


def test_removal_begins_an_epoch_and_the_removed_are_strangers():
    state = at_place("consultation", "in-progress")
    state = apply(state, made("removed", 20, "node", "requester", person=MEMBER))
    assert state.epoch == 2
    with pytest.raises(NotYourPart):
        apply(state, made("message", 21, MEMBER))
    with pytest.raises(PersonUnknown):
        apply(state, made("removed", 22, "node", "requester", person=MEMBER))
    assert apply(state, made("message", 23, EXPERT, epoch=1)).epoch == 2  # written meanwhile
    with pytest.raises(EpochUnknown):
        apply(state, made("message", 24, EXPERT, epoch=3))
    back = apply(
        state,
        made("invited", 25, "node", "requester", person=MEMBER, part="member", discipline=""),
    )
    assert back.party(MEMBER) is not None
    assert back.epoch == 2


def test_without_its_owner_it_is_open_again():
    state = at_place("consultation", "awaiting-information")
    state = apply(state, made("removed", 20, "node", "requester", person=EXPERT))
    assert (state.place, state.owner, state.asked) == ("requested", "", "")


def test_nobody_is_invited_twice_and_there_is_one_chair():
    state = at_place("mdt", "requested")
    with pytest.raises(AlreadyInvited):
        apply(state, made("invited", 20, CHAIR, person=MEMBER, part="member", discipline=""))
    with pytest.raises(EventMalformed):
        apply(state, made("invited", 20, CHAIR, person=NEWCOMER, part="chair", discipline=""))
    assigned = apply(
        state, made("assigned", 21, "pc", "coordinator", person=NEWCOMER, discipline="")
    )
    assert [p.person for p in assigned.present() if p.part == "chair"] == [NEWCOMER]
    with pytest.raises(EventMalformed):
        apply(
            at_place("consultation", "requested"),
            made("invited", 20, "n", "requester", person=NEWCOMER, part="chair", discipline=""),
        )


def test_reassigned_work_changes_hands():
    state = apply(
        at_place("consultation", "in-progress"),
        made("assigned", 20, "pc", "coordinator", person=SECOND, discipline=""),
    )
    assert (state.owner, state.place) == (SECOND, "in-progress")


def test_escalation_only_rises():
    state = at_place("consultation", "requested")
    for n, level in ((20, 2), (21, 1)):
        state = apply(state, made("escalated", n, "", "hub", level=level))
    assert state.escalated == 2


def test_a_referral_is_offered_a_bed_and_ends_when_the_patient_is_there():
    state = apply(at_place("referral", "accepted"), made("offered", 20, EXPERT))
    state = apply(state, made("offered", 21, EXPERT))  # another date
    assert state.place == "in-progress"
    assert apply(state, made("completed", 22, "node", "requester")).place == "completed"
    with pytest.raises(NotForThisKind):
        apply(at_place("consultation", "accepted"), made("offered", 20, EXPERT))


CHOICES = st.lists(
    st.tuples(
        st.sampled_from(EVENT_KINDS),
        st.sampled_from(
            [("node", "requester"), ("pc", "coordinator"), ("", "hub"), (EXPERT, "person"),
             (SECOND, "person"), (CHAIR, "person"), (MEMBER, "person"), (OUTSIDER, "person")]
        ),
        st.booleans(),
    ),
    max_size=25,
)  # fmt: skip


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.sampled_from(KINDS), CHOICES)
def test_folding_the_accepted_events_gives_the_state_at_any_time(kind, choices):
    first = requested(kind)
    state, taken = apply(begin(first), first), [first]
    for n, (event, (actor, standing), replayed) in enumerate(choices, 100):
        facts = facts_for(event, kind)
        if event == "summary":
            facts = {"opinions": [s.event for s in state.opinions()]}
        one = made(event, n, actor, standing, **facts)
        try:
            after = apply(state, one)
        except ConsultRefusal:
            continue
        taken.append(one)
        assert apply(after, one) is after
        if replayed:
            assert apply(after, taken[0]) is after
        state = after
        _sound(state)
    assert fold(taken) == state
    assert Consult.from_json(json.loads(json.dumps(state.as_json()))) == state


def _sound(state):
    if state.business_state:
        assert state.state == "in-progress"
    if state.state in ("accepted", "in-progress"):
        assert state.owner
        assert state.party(state.owner) is not None
    if state.state in ("requested", "draft"):
        assert not state.owner
    assert len({p.person for p in state.present()}) == len(state.present())
    assert sum(p.part == "chair" for p in state.present()) <= 1
    assert state.closed == bool(state.closed_at)


def test_a_state_of_a_later_release_is_read():
    plain = at_place("mdt", "completed").as_json()
    assert Consult.from_json({**plain, "later": 1}) == at_place("mdt", "completed")
    assert plain["case"] == ADDRESS
