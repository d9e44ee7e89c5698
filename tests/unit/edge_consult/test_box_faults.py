"""What a hostile hub, a changed key, a removal, a kill at any step must not do."""

from __future__ import annotations

import json

import pytest

from core.consult.chain import next_link
from core.consult.events import DOMAIN
from core.consult.timers import iso_of
from core.seals.errors import RecipientUnknown, WrapBroken
from core.seals.statements import join, parse, sign_node
from edge.backup.snapshot import take
from edge.consult.book import grants_of, kept
from edge.consult.errors import EventUnsound, KeyNotConfirmed, StillPreparing
from edge.consult.inbox import confirm
from edge.consult.papers import keep_document
from edge.consult.people import roster
from edge.consult.post import Saying, send
from edge.consult.requests import request
from edge.stages.queue import JobSpec
from edge.store.erase import erase_subject, named_blobs
from tests.api_site import chest
from tests.consult_site import (
    COORDINATOR,
    DOCTOR,
    EXPERT,
    MEMBER,
    REQUEST,
    SECOND,
    Box,
    Hub,
    Reader,
    ask,
    hub_says,
    opinion,
)
from tests.seal_site import PersonPair

EVENT = "e_" + "7" * 32


def say(box, consult, kind, words=None, **facts):
    found = kept(box.box, consult)
    event = send(box.desk, found, Saying(kind, "physician", "u_" + "0" * 16, words, facts))
    box.exchange()
    return event


def test_who_is_removed_gets_no_later_key(box, hub):
    consult = ask(box)
    assert set(Reader(SECOND, hub).keys(consult)) == {1}
    say(box, consult, "removed", person=SECOND.id)
    assert set(Reader(SECOND, hub).keys(consult)) == {1}
    assert set(Reader(EXPERT, hub).keys(consult)) == {1, 2}
    event = say(box, consult, "message", {"text": "之后的话"})
    assert event.epoch == 2
    [wire] = [w for c, w, _ in box.post.events.values() if parse(w).statement.body["event"] ==
              event.id]  # fmt: skip
    assert Reader(EXPERT, hub).opens(consult, wire)["text"] == "之后的话"
    with pytest.raises(KeyError):
        Reader(SECOND, hub).opens(consult, wire)
    kinds = [r.kind for r in box.box.records_of(box.api.study())]
    assert kinds.count("access.revoked") == 1
    # Invited once more, they read what was said meanwhile.
    say(box, consult, "invited", person=SECOND.id, part="expert", discipline="")
    assert set(Reader(SECOND, hub).keys(consult)) == {1, 2}
    assert box.alarms() == set()


def test_a_wrap_opens_for_nobody_else_and_nowhere_else(box, hub):
    consult = ask(box)
    sealed = hub.wraps_for(EXPERT.id, consult)[1]
    from core.seals.consult_key import unwrap

    for pair, epoch, recipient in ((SECOND, 1, SECOND.id), (EXPERT, 2, EXPERT.id)):
        with pytest.raises(WrapBroken):
            unwrap(sealed, pair.agree, consult=consult, epoch=epoch, recipient=recipient)


def test_a_changed_key_waits_for_a_person(box, hub):
    consult = ask(box)
    fresh = PersonPair.of(EXPERT.id, "2")
    hub.person(fresh)
    with pytest.raises(KeyNotConfirmed):
        request(box.desk, box.queue, box.api.study(), REQUEST, DOCTOR)
    say(box, consult, "removed", person=SECOND.id)
    assert "E7905" in box.alarms()
    assert 2 not in hub.wraps_for(EXPERT.id, consult)
    with pytest.raises(EventUnsound):
        confirm(box.desk, EXPERT.id, EXPERT.key, "physician")
    confirm(box.desk, EXPERT.id, fresh.key, "physician")
    assert set(Reader(fresh, hub).keys(consult)) == {1, 2}
    assert "E7905" not in box.alarms()
    with pytest.raises(RecipientUnknown):
        confirm(box.desk, "p_" + "9" * 16, fresh.key, "physician")


def test_a_key_that_no_hospital_vouches_for_is_shown_before_it_is_used(tmp_path):
    hub = Hub()
    for pair in (EXPERT, SECOND):
        hub.person(pair, attested=pair is SECOND)
    box = Box(tmp_path / "a", hub)
    box.api.send(chest(1))
    standing = {
        one["person"]: (one["key_state"], one["attested"])
        for place in roster(box.box, hub.directory())
        for one in place["people"]
    }
    assert standing == {EXPERT.id: ("unattested", False), SECOND.id: ("new", True)}
    with pytest.raises(KeyNotConfirmed):
        ask(box)
    hub.log.add("revoked", hub.vouching.id, {"node": hub.vouching.id})
    only_second = {**REQUEST, "people": [{"person": SECOND.id, "part": "expert"}]}
    with pytest.raises(KeyNotConfirmed):  # the box that vouched for it was revoked
        request(box.desk, box.queue, box.api.study(), only_second, DOCTOR)
    for pair in (EXPERT, SECOND):
        confirm(box.desk, pair.id, pair.key, "physician")
    consult = ask(box)
    assert set(Reader(EXPERT, hub).keys(consult)) == {1}


def test_whom_a_coordinator_seats_gets_nothing_until_somebody_here_agrees(box, hub):
    consult = ask(box)
    hub.accept(Reader(COORDINATOR, hub).say(consult, "assigned", person=MEMBER.id, discipline=""))
    box.exchange()
    assert "E7914" in box.alarms()
    assert hub.wraps_for(MEMBER.id, consult) == {}
    confirm(box.desk, MEMBER.id, MEMBER.key, "physician")
    assert set(Reader(MEMBER, hub).keys(consult)) == {1}
    assert box.alarms() == set()


def test_whom_the_owner_invites_may_read(box, hub):
    consult = ask(box)
    reader = Reader(EXPERT, hub)
    hub.accept(reader.say(consult, "accepted"))
    hub.accept(reader.say(consult, "invited", person=MEMBER.id, part="member",
                          discipline="imaging"))  # fmt: skip
    box.exchange()
    assert Reader(MEMBER, hub).case(consult)["patient"]["id"] == "P001"
    assert box.alarms() == set()


def test_a_dropped_event_is_noticed_by_the_gap(box, hub):
    consult = ask(box)
    reader = Reader(EXPERT, hub)
    withheld = reader.say(consult, "accepted")
    hub.accept(withheld, "h_" + "f" * 16)  # into another hospital's chain: ours never sees it
    hub.accept(reader.say(consult, "message", {"text": "?"}))
    box.exchange()
    assert "E7218" in box.alarms()
    assert kept(box.box, consult).state.place == "requested"


def test_a_hub_that_renumbers_what_it_dropped_is_given_away_by_what_others_saw(box, hub):
    consult = ask(box)
    reader = Reader(EXPERT, hub)
    rows = hub.rows[consult]
    accepted = reader.say(consult, "accepted")
    at = iso_of(hub.now())
    digest = parse(accepted).statement.sha256
    shown = next_link(rows[-1].link, 2, digest, at, EXPERT.id)  # as the expert was shown it
    hub.tell(reader.say(consult, "message", {"text": "已接受"}, after=shown))
    box.pull()
    assert "E7910" in box.alarms()


def test_an_old_event_sent_again_changes_nothing(box, hub):
    consult = ask(box)
    reader = Reader(EXPERT, hub)
    accepted = reader.say(consult, "accepted")
    hub.accept(accepted)
    hub.accept(reader.say(consult, "opinion", opinion(hub, consult), discipline="respiratory"))
    box.exchange()
    before = kept(box.box, consult)
    hub.tell(accepted)
    box.pull()
    after = kept(box.box, consult)
    assert "E7909" in box.alarms()
    assert after.state == before.state
    assert [e.kind for e in box.events(consult)][-2:] == ["opinion", ""]
    hub.accept(reader.say(consult, "completed"))  # and the honest story goes on
    box.exchange()
    assert kept(box.box, consult).state.place == "completed"


@pytest.mark.parametrize(
    ("forge", "code"),
    [
        (lambda s, w: join(parse(w).statement, b"\x01" * 64), "E7022"),
        (lambda s, w: w[:-2] + b'0"}', "E7021"),
        (lambda s, w: b"not a statement", "E7021"),
    ],
)
def test_a_forged_statement_is_an_alarm_and_counts_for_nothing(box, hub, forge, code):
    consult = ask(box)
    honest = Reader(EXPERT, hub).say(consult, "accepted")
    forged = forge(hub, honest)
    body = {"consult": consult, "seq": 2, "statement": _b64(forged), "at": iso_of(hub.now()),
            "link": "0" * 64}  # fmt: skip
    from core.records.record import Draft

    hub.chain(box.hospital).append([Draft("hub.event", body)])
    box.pull()
    assert box.alarms() == {code}
    assert kept(box.box, consult).state.place == "requested"


def test_rows_that_are_no_events_are_alarms_not_crashes(box, hub):
    from core.records.record import Draft

    consult = ask(box)
    unknown = {"consult": "c_" + "0" * 32, "seq": 1, "statement": "AA", "link": ""}
    for body in ({}, {"consult": 5, "seq": "x"}, {"consult": consult}, unknown):
        hub.chain(box.hospital).append([Draft("hub.event", body)])
    box.pull()
    assert box.alarms() == {"E7911", "E7906"}
    hub.accept(Reader(EXPERT, hub).say(consult, "accepted"))
    box.exchange()
    assert kept(box.box, consult).state.place == "accepted"


def test_an_event_in_our_name_that_we_did_not_send_is_refused(box, hub):
    consult = ask(box)
    body = {"after": "", "at": iso_of(hub.now()), "consult": consult, "event": EVENT,
            "kind": "cancelled", "reason": "other"}  # fmt: skip
    hub.accept(sign_node(body, DOMAIN, box.box.identity))  # our key, but not our doing
    box.pull()
    assert "E7915" in box.alarms()
    assert kept(box.box, consult).state.place == "requested"


def test_a_signer_whose_entry_is_on_its_way_is_waited_for(box, hub):
    consult = ask(box)
    late = PersonPair.of("p_" + "5" * 16)
    kept_entries = list(hub.log.entries)
    hub.person(late, role="coordinator")
    hub.accept(Reader(late, hub).say(consult, "escalated", level=1))
    entries, hub.log.entries = hub.log.entries, kept_entries
    box.api.clock.at = hub.clock  # the row is fresh
    box.pull()
    assert len(box.events(consult)) == 1
    assert box.alarms() == set()
    hub.log.entries = entries
    box.queue.put([JobSpec("consult_inbox", "hub", "", 0, renew=True)])
    box.run()
    assert kept(box.box, consult).state.escalated == 1


def test_after_a_minute_an_unknown_signer_is_an_alarm(box, hub):
    consult = ask(box)
    late = PersonPair.of("p_" + "5" * 16)
    kept_entries = list(hub.log.entries)
    hub.person(late, role="coordinator")
    hub.accept(Reader(late, hub).say(consult, "escalated", level=1))
    hub.log.entries = kept_entries
    box.api.clock.at = hub.clock + 120_000
    box.pull()
    assert "E7023" in box.alarms()


def test_words_that_do_not_open_are_shown_as_such_and_the_event_counts(box, hub):
    consult = ask(box)
    reader = Reader(EXPERT, hub)
    hub.accept(reader.say(consult, "accepted"))
    sealed = {"sealed": "WExCAQ", "object": "o_" + "1" * 32, "epoch": 1}
    hub.accept(reader.say(consult, "message", None, **sealed))
    box.exchange()
    assert "E7912" in box.alarms()
    assert [(e.kind, e.fault) for e in box.events(consult)][-1] == ("message", "E7912")


def test_the_hub_s_own_timer_may_escalate(box, hub):
    consult = ask(box)
    hub.accept(hub_says(hub, consult, "escalated", level=2))
    box.exchange()
    assert kept(box.box, consult).state.escalated == 2
    assert box.alarms() == set()


# -- kills ---------------------------------------------------------------------------------------


def sent_of(box):
    return set(box.post.objects), {
        parse(w).statement.sha256 for _, w, _ in box.post.events.values()
    }  # fmt: skip


def test_a_kill_at_any_object_sends_the_same_case(box):
    consult = request(box.desk, box.queue, box.api.study(), REQUEST, DOCTOR)
    total, n = None, 0
    while total is None or n < total:
        n += 1
        box.post.puts, box.post.fails_at = 0, n
        try:
            box.run("consult")
        except KeyboardInterrupt:
            box.api.clock.at += 120_000  # the dead worker's lease ends
            continue
        total = n
    objects, events = sent_of(box)
    assert n > 3
    assert len(events) == 1
    assert len(objects) == n - 1  # not one object twice under two addresses
    assert kept(box.box, consult).request["event"] in box.post.events


def test_a_kill_while_a_row_is_taken_leaves_nothing_half_done(box, hub, monkeypatch):
    consult = request(box.desk, box.queue, box.api.study(), REQUEST, DOCTOR)
    box.run()
    hub.collect()
    monkeypatch.setattr(box.post, "put_wraps", _dies)
    with pytest.raises(KeyboardInterrupt):
        box.pull()
    assert box.events(consult) == []
    assert grants_of(box.box, box.api.study(), consult).held == frozenset()
    monkeypatch.undo()
    box.api.clock.at += 120_000
    box.run()
    assert [e.kind for e in box.events(consult)] == ["requested"]
    assert set(Reader(EXPERT, hub).keys(consult)) == {1}


def _dies(*_args):
    raise KeyboardInterrupt


# -- more images, please -------------------------------------------------------------------------


def test_documents_that_are_asked_for_come_with_a_new_case(box, hub):
    consult = ask(box)
    reader = Reader(EXPERT, hub)
    hub.accept(reader.say(consult, "accepted"))
    hub.accept(reader.say(consult, "information.asked", {"text": "请补充痰检"}))
    box.exchange()
    assert kept(box.box, consult).state.place == "awaiting-information"
    document = keep_document(box.desk, consult, "痰检.pdf", b"%PDF-1.4 sputum", "physician")
    box.api.app.state.desks.use(box.desk)
    answer = {"kind": "information.given", "text": "已补充", "documents": [document]}
    client = box.api.client("physician")
    assert client.post(f"/api/consults/{consult}/events", json=answer).status_code == 202
    [(payload,)] = box.box.database.query("SELECT payload FROM job WHERE stage = 'consult_answer'")
    assert "已补充" not in payload
    before = reader.case(consult)
    box.exchange()
    case = reader.case(consult)
    assert len(case["objects"]) == len(before["objects"]) + 1
    [paper] = [o for o in case["objects"] if o["kind"] == "document"]
    assert reader.open(consult, paper) == b"%PDF-1.4 sputum"
    assert box.events(consult)[-1].opened["text"] == "已补充"
    assert kept(box.box, consult).state.place == "in-progress"
    assert box.alarms() == set()


def test_an_erased_patient_takes_the_consultation_along(box, hub):
    consult = ask(box)
    keep_document(box.desk, consult, "x", b"%PDF-1.4", "physician")
    study = box.api.study()
    subject = box.box.database.query("SELECT subject FROM study WHERE study = ?", (study,))[0][0]
    assert named_blobs(box.box) <= set(box.box.blobs.addresses())
    erase_subject(box.box, subject, "asked by the patient")
    for table, column in (("consult", "study"), ("consult_event", "grp"),
                          ("consult_document", "study"), ("consult_sent", "study")):  # fmt: skip
        sql = f"SELECT * FROM {table} WHERE {column} = ?"
        assert box.box.database.query(sql, (study,)) == []
    assert list(box.box.blobs.addresses()) == []
    hub.accept(Reader(EXPERT, hub).say(consult, "accepted"))
    box.exchange()  # its events come on; nobody can read them here any more
    assert box.box.database.query("SELECT * FROM consult") == []


def _b64(data: bytes) -> str:
    from core.seals.text import to_base64url

    return to_base64url(data)


def test_an_opinion_about_another_case_is_flagged(box, hub):
    consult = ask(box)
    reader = Reader(EXPERT, hub)
    hub.accept(reader.say(consult, "accepted"))
    words = opinion(hub, consult, case="f" * 64)
    hub.accept(reader.say(consult, "opinion", words, discipline="respiratory"))
    box.exchange()
    assert box.alarms() == {"E7917"}
    assert box.events(consult)[-1].fault == "E7917"


def test_a_request_is_withdrawn_behind_itself(box, hub):
    consult = request(box.desk, box.queue, box.api.study(), REQUEST, DOCTOR)
    saying = Saying("cancelled", "physician", "u_" + "0" * 16, None, {"reason": "patient"})
    with pytest.raises(StillPreparing):
        send(box.desk, kept(box.box, consult), saying)
    box.run("consult")
    send(box.desk, kept(box.box, consult), saying)
    asked, withdrawn = box.post.events.values()
    assert set(withdrawn[2]) == set(asked[2])
    box.exchange()
    assert kept(box.box, consult).state.place == "cancelled"
    assert box.alarms() == set()


def test_a_backup_knows_what_was_sent_but_not_a_word_of_it(box, hub):
    consult = ask(box)
    say(box, consult, "message", {"text": "很私密的话"})
    keep_document(box.desk, consult, "张三痰检", b"%PDF-1.4", "physician")
    tables = take(box.box).tables
    text = json.dumps(tables, ensure_ascii=False)
    assert "很私密的话" not in text
    assert "张三" not in text
    [asked] = [row for row in tables["consult_sent"] if row["kind"] == "requested"]
    case = json.loads(asked["opened"])["case"]
    assert case["address"] == hub.states[consult].case
    assert {one["kind"] for one in case["objects"]} >= {"frames", "manifest"}
    assert len(tables["consult_pin"]) == 2
    assert [row["bytes"] for row in tables["consult_document"]] == [8]
