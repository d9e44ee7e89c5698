"""One path for every event: who may, what is written, once, all or nothing; on both databases."""

from __future__ import annotations

import json

import pytest

from core.consult.chain import next_link
from core.consult.errors import AlreadyAccepted, EventIdReused, NotInThisState, NotYourPart
from core.consult.timers import iso_of
from core.records.canonical import from_bytes, to_bytes
from core.seals.errors import KeyRetired, SignatureWrong
from core.seals.text import from_base64url
from hub.consult.errors import (
    HistoryDiffers,
    HospitalUnknown,
    NoSuchConsult,
    NotTheSigner,
    ObjectNotYours,
    OtherHospitals,
    SeatUnknown,
)
from hub.consult.service import ConsultService, Sender
from hub.downlink.errors import NeedsMissing
from hub.registry.keys import PersonKeys
from hub.store.tables import ATTACHED, CHAIN, CONSULT, EVENT, NOTICE, PARTY, WRAP
from tests.hub_consults import name_of

ALL = (CONSULT, EVENT, PARTY, ATTACHED, NOTICE, CHAIN)


class Crashed(Exception):
    pass


def test_a_request_is_in_every_table_at_once(table):
    frames = table.put_object(committed=False)
    case = table.put_object()
    refs = [table.ref(case, "case"), table.ref(frames, "frames")]
    body = table.request_body([table.seat("expert")], case=case, objects=refs, urgency="emergency")
    data = table.by_box(body)
    taken = table.take(data, table.box_sender())
    row = table.row(taken.consult)
    assert (row.state, row.urgency, row.events, row.bytes) == ("requested", "emergency", 1, 1000)
    assert row.last_link == taken.link
    (event,) = table.rows(EVENT, consult=taken.consult)
    name, at = name_of(data), iso_of(event.at)
    assert taken.link == next_link("", 1, name, at, table.boxes["a"].id)
    assert [p.person for p in table.rows(PARTY)] == [table.crew.ids["expert"]]
    assert {a.address for a in table.rows(ATTACHED)} == {case, frames}
    (told,) = table.chain()
    assert from_base64url(told["statement"]) == data
    assert (told["seq"], told["link"], told["at"]) == (1, taken.link, at)
    assert table.chain("b") == []
    noticed = {n.person for n in table.rows(NOTICE)}
    assert noticed == {table.crew.ids[who] for who in ("expert", "coordinator")}


def test_a_whole_consultation_and_its_chain(table):
    consult = table.under_way()
    for kind, who, facts in (
        ("started", "expert", {}),
        ("information.asked", "expert", {}),
    ):
        table.from_person(kind, consult, who, **facts)
    assert table.row(consult).business_state == "awaiting-information"
    more = table.put_object()
    given = table.body("information.given", consult, case=more, bytes=5,
                       objects=[table.ref(more, "case")])  # fmt: skip
    table.from_box(given)
    table.from_person("opinion", consult, "expert", discipline="respiratory")
    table.from_person("completed", consult, "expert")
    row = table.row(consult)
    assert (row.state, row.business_state, row.bytes) == ("completed", "", 1005)
    assert row.owner == table.crew.ids["expert"]
    told = table.chain()
    assert [one["seq"] for one in told] == list(range(1, 8))
    before = ""
    for one, event in zip(told, table.rows(EVENT, consult=consult), strict=True):
        wire = from_base64url(one["statement"])
        before = next_link(before, one["seq"], name_of(wire), one["at"], event.actor)
        assert before == one["link"] == event.link


@pytest.mark.parametrize("step", ["consult", "event", "party", "attached", "chain", "notice"])
def test_a_crash_at_any_step_leaves_nothing_and_a_repeat_is_whole(table, step):
    def crash(name):
        if name == step:
            raise Crashed

    data = table.by_box(table.request_body([table.seat("expert")]))
    service = ConsultService(table.site, crash)
    with pytest.raises(Crashed):
        table.take(data, table.box_sender(), service)
    assert all(table.rows(one) == [] for one in (CONSULT, EVENT, PARTY, ATTACHED, NOTICE))
    assert table.chain() == []
    first = table.take(data, table.box_sender())
    assert first.fresh
    counts = [len(table.rows(one)) for one in ALL]
    again = table.take(data, table.box_sender())
    assert (again.seq, again.link, again.fresh) == (first.seq, first.link, False)
    assert counts == [len(table.rows(one)) for one in ALL]


@pytest.mark.parametrize("step", ["consult", "event", "party", "chain", "notice"])
def test_a_crash_in_a_transition_leaves_the_state_before_it(table, step):
    consult = table.request("expert")
    before = table.row(consult)

    def crash(name):
        if name == step:
            raise Crashed

    data = table.by_person(table.body("accepted", consult), "expert")
    person = Sender(person=table.crew.ids["expert"])
    with pytest.raises(Crashed):
        table.take(data, person, ConsultService(table.site, crash))
    assert table.row(consult) == before
    assert table.take(data, person).seq == 2
    assert table.row(consult).state == "accepted"


def test_a_repeat_after_the_key_was_retired_is_answered_the_same(table):
    consult = table.request("expert")
    data = table.by_person(table.body("accepted", consult), "expert")
    person = Sender(person=table.crew.ids["expert"])
    first = table.take(data, person)
    PersonKeys(table.site).retire(table.crew.ids["expert"])
    assert table.take(data, person).link == first.link
    with pytest.raises(KeyRetired):
        table.take(table.by_person(table.body("started", consult), "expert"), person)


def test_an_id_is_used_once(table):
    consult = table.request("expert")
    body = table.body("accepted", consult)
    table.take(table.by_person(body, "expert"), Sender(person=table.crew.ids["expert"]))
    other = table.by_person(body | {"kind": "started"}, "expert")
    with pytest.raises(EventIdReused):
        table.take(other, Sender(person=table.crew.ids["expert"]))
    elsewhere = table.request_body([], "b")
    with pytest.raises(EventIdReused):
        table.from_box(elsewhere | {"event": body["event"]}, "b")


def test_two_accept_and_one_is_told(table):
    consult = table.request("expert", "second")
    table.from_person("accepted", consult, "expert")
    with pytest.raises(AlreadyAccepted):
        table.from_person("accepted", consult, "second")
    assert table.row(consult).owner == table.crew.ids["expert"]


def test_who_signs_is_who_sends(table):
    consult = table.request("expert", "second")
    data = table.by_person(table.body("accepted", consult), "expert")
    for sender in (
        Sender(person=table.crew.ids["second"]), table.box_sender(), table.box_sender("b"),
        Sender(own=True), Sender(),
    ):  # fmt: skip
        with pytest.raises(NotTheSigner):
            table.take(data, sender)
    forged = from_bytes(data)
    forged["signature"] = "00" * 63 + "01"
    with pytest.raises(SignatureWrong):
        table.take(to_bytes(forged), Sender(person=table.crew.ids["expert"]))


def test_a_box_speaks_for_its_own_hospital_only(table):
    consult = table.request("expert")
    body = table.request_body([], "a")
    with pytest.raises(OtherHospitals):  # says it is the other hospital
        table.take(table.by_box(body, "b"), table.box_sender("b"))
    cancel = table.body("cancelled", consult, reason="other")
    with pytest.raises(OtherHospitals):
        table.take(table.by_box(cancel, "b"), table.box_sender("b"))
    taken_over = table.request_body([], "b", consult=consult)
    with pytest.raises(OtherHospitals):
        table.from_box(taken_over, "b")


def test_a_person_cannot_request_nor_speak_where_they_have_no_seat(table):
    person = Sender(person=table.crew.ids["expert"])
    with pytest.raises(NoSuchConsult):
        table.take(table.by_person(table.request_body([]), "expert"), person)
    consult = table.request("expert")
    with pytest.raises(NotYourPart):
        table.from_person("message", consult, "stranger")
    table.from_person("accepted", consult, "expert")
    with pytest.raises(NotInThisState):
        table.from_person("summary", consult, "expert", opinions=[])


def test_the_hub_alone_cannot_do_what_a_person_does(table):
    from core.consult.events import DOMAIN
    from core.seals.statements import sign_node

    consult = table.under_way()
    body = table.body("opinion", consult, discipline="respiratory")
    with pytest.raises(NotYourPart):
        table.take(sign_node(body, DOMAIN, table.site.identity), Sender(own=True))


def test_whoever_saw_another_history_is_refused(table):
    consult = table.request("expert")
    with pytest.raises(HistoryDiffers):
        table.from_person("accepted", consult, "expert", after="ab" * 32)


def test_seats_are_for_experts_of_this_hub(table):
    for person in ("p_" + "9" * 16, "u_" + "9" * 16, table.crew.ids["coordinator"]):
        seat = {"person": person, "part": "expert", "discipline": ""}
        with pytest.raises(SeatUnknown):
            table.from_box(table.request_body([seat]))
    consult = table.under_way()
    table.crew.people.change(table.crew.ids["imaging"], {"active": False})
    with pytest.raises(SeatUnknown):
        table.from_person("invited", consult, "expert", person=table.crew.ids["imaging"],
                          part="member", discipline="imaging")  # fmt: skip
    with pytest.raises(HospitalUnknown):
        table.from_box(table.request_body([], to_hospital="h_" + "9" * 16))


def test_objects_are_the_hospitals_own_and_here(table):
    theirs = table.put_object("b")
    with pytest.raises(ObjectNotYours):
        table.from_box(table.request_body([], case=theirs))
    coming = table.put_object(committed=False)
    with pytest.raises(NeedsMissing) as refused:
        table.from_box(table.request_body([], case=coming))
    assert refused.value.for_good is False
    consult = table.under_way()
    mine = table.put_object()
    with pytest.raises(ObjectNotYours):  # a person attaches nothing
        table.from_person("message", consult, "expert", objects=[table.ref(mine, "document")])


def test_removal_ends_the_wraps_and_a_new_seat_gives_them_back(table):
    consult = table.request("expert", "second")
    table.wraps(consult, "expert", "second")
    table.from_person("accepted", consult, "expert")
    second = table.crew.ids["second"]
    table.from_person("removed", consult, "expert", person=second)
    assert table.row(consult).epoch == 2
    (gone,) = table.rows(WRAP, consult=consult, recipient=second)
    assert gone.revoked_at is not None
    table.wraps(consult, "expert", "second", removed=["second"])  # had not seen the removal yet
    (gone,) = table.rows(WRAP, consult=consult, recipient=second)
    assert gone.revoked_at is not None
    table.wraps(consult, "expert", epoch=2, removed=["second"])
    assert len(table.rows(WRAP, recipient=table.crew.ids["expert"])) == 2
    table.from_person("invited", consult, "expert", person=second, part="member",
                      discipline="respiratory")  # fmt: skip
    table.wraps(consult, "second", epoch=2, removed=["second"])  # removed once, here again
    back = table.rows(WRAP, consult=consult, recipient=second)
    assert [one.revoked_at for one in back] == [None, None]


def test_wraps_come_from_the_consults_own_box(table):
    consult = table.request("expert")
    with pytest.raises(OtherHospitals):
        table.wraps(consult, "expert", box="b")
    from core.seals.consult_key import WrapSet, sign_wraps

    data = sign_wraps(WrapSet(consult, 1, (), ()), table.boxes["a"])
    with pytest.raises(NotTheSigner):
        table.send_wraps(data, "b")
    with pytest.raises(NoSuchConsult):
        table.wraps("c_" + "f" * 32, "expert")
    assert table.rows(WRAP) == []


def test_a_late_set_of_wraps_does_not_undo_a_newer_key(table):
    from core.seals.consult_key import WrapSet, sign_wraps

    consult = table.request("expert")
    old = sign_wraps(
        WrapSet(consult, 1, (table.wrap_for(consult, "expert"),), ()), table.boxes["a"]
    )
    table.send_wraps(old)
    table.give_key("expert")
    table.wraps(consult, "expert")
    (newer,) = table.rows(WRAP, recipient=table.crew.ids["expert"])
    table.send_wraps(old)
    assert table.rows(WRAP, recipient=table.crew.ids["expert"]) == [newer]


def test_text_is_data(table):
    """What looks like a script can only stand where ids stand: the rules refuse it."""
    from core.consult.errors import EventMalformed

    body = table.request_body([])
    for field in ("to_department", "urgency", "event", "consult"):
        with pytest.raises(EventMalformed):
            table.from_box(body | {field: "<script>alert(1)</script>"})
    assert json.loads(json.dumps(body)) == body


def test_a_change_of_duty_goes_out_at_once(table):
    from hub.downlink.chain import chain_ends
    from hub.registry.duty import set_duty

    before = chain_ends(table.site)
    set_duty(table.site, table.crew.hospital, "imaging", [table.crew.ids["imaging"]])
    after = chain_ends(table.site)
    assert all(after[one] == before[one] + 1 for one in table.hospitals.values())
