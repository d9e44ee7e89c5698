"""The county's page: drafts, what goes and how far it is, alarms and dead letters, result sets."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from core.consult.case import parse_case
from core.journal.seal import open_record
from edge.consult.book import grants_of, kept, raise_alarm
from edge.consult.bundle import build
from edge.consult.desk import outgoing_of
from edge.consult.errors import WordsUnreadable
from edge.consult.lane import ConsultStages
from edge.consult.results import ResultSet, sets_of
from edge.consult.seal import Packer
from edge.uplink.status import LinkStatus, keep_status
from tests.consult_site import EXPERT, MEMBER, REQUEST, SECOND, Reader, ask, opinion

DRAFT = "c_" + "4" * 32
ESR = {"category": "laboratory", "test": "红细胞沉降率", "result": "62", "unit": "mm/h",
       "date": "2026-11-20"}  # fmt: skip
REFUSED = {"code": "E7461", "message": "x", "message_zh": "对象过大", "message_en": "too large"}


@pytest.fixture
def client(box):
    box.api.app.state.desks.use(box.desk)
    return box.api.client("physician")


@pytest.fixture
def sending(box, client):
    """A consultation whose parts lie in a real outbox: (outbox, consultation)."""
    outbox = outgoing_of(box.box)
    desk = replace(box.desk, post=outbox)
    box.stages["consult"] = ConsultStages(desk).case
    box.api.app.state.desks.use(desk)
    asked = {**REQUEST, "include": {**REQUEST["include"], "entered": [ESR]}}
    made = client.post(f"/api/studies/{box.api.study()}/consult", json=asked)
    assert made.status_code == 201, made.json()
    box.run()
    return outbox, made.json()["consult"]


def noted(box):
    """Return the bodies of administrative acts in the access journal."""
    records = (open_record(one, box.box.vault) for one in box.box.access.read(0, 1000))
    return [one.body for one in records if one.kind == "audit.logged"]


# -- drafts ----------------------------------------------------------------------------------------


def test_a_draft_comes_back_with_everything_and_is_discarded_on_purpose_only(box, client):
    body = {"purpose": "写到一半 <b>", "people": [EXPERT.id], "entered": [ESR]}
    kept_draft = {"study": box.api.study(), "body": body}
    client.put(f"/api/consults/{DRAFT}/draft", json=kept_draft)
    pdf = {"file": ("检验单.pdf", b"%PDF-1.4 x", "application/pdf")}
    [document] = client.post(f"/api/consults/{DRAFT}/documents", files=pdf).json()["documents"]
    listed = client.get("/api/consults").json()["drafts"]
    assert [(one["id"], one["study"]) for one in listed] == [(DRAFT, box.api.study())]
    found = client.get(f"/api/consults/{DRAFT}/draft").json()
    assert found["body"] == body
    assert found["documents"] == [
        {"id": document, "title": "检验单.pdf", "content_type": "application/pdf", "bytes": 10}
    ]
    other = box.api.client("radiologist")
    assert other.get(f"/api/consults/{DRAFT}/draft").status_code == 404
    assert other.delete(f"/api/consults/{DRAFT}/draft").status_code == 404
    before = set(box.box.blobs.addresses())
    assert client.delete(f"/api/consults/{DRAFT}/draft").status_code == 204
    assert len(before - set(box.box.blobs.addresses())) == 1  # the sheet went with it
    assert client.get("/api/consults").json()["drafts"] == []
    assert client.get(f"/api/consults/{DRAFT}/draft").status_code == 404
    assert {"action": "draft discarded", "user": "physician", "consult": DRAFT} in noted(box)


# -- what goes -------------------------------------------------------------------------------------


def test_before_sending_it_is_said_what_goes_and_how_long_it_takes(box, client):
    study, prior = box.api.study(), box.api.study("1.2.4")
    box.api.result(qc={"verdict": "pass", "reasons": [], "metrics": {}})
    keep_status(box.box, LinkStatus("open", 0, box.api.clock(), 20.0, 1000))
    client.put(f"/api/consults/{DRAFT}/draft", json={"study": study, "body": {}})
    pdf = {"file": ("检验单.pdf", b"%PDF-1.4 x", "application/pdf")}
    [document] = client.post(f"/api/consults/{DRAFT}/documents", files=pdf).json()["documents"]
    include = {"priors": [prior], "documents": [document], "entered": [ESR]}
    asked = {"consult": DRAFT, "include": include}
    told = client.post(f"/api/studies/{study}/consult/preview", json=asked).json()
    assert [(s["n"], s["prior"]) for s in told["studies"]] == [(0, False), (1, True)]
    kinds = [(one["kind"], one["study"]) for one in told["items"]]
    assert kinds == [("frames", 0), ("manifest", 0), ("qc", 0), ("findings", 0),
                     ("frames", 1), ("manifest", 1), ("facts", 0), ("document", 0)]  # fmt: skip
    frames, facts, paper = told["items"][0], told["items"][-2], told["items"][-1]
    assert (frames["count"], frames["at_most"]) == (3, True)
    assert (facts["title"], facts["count"]) == ("laboratory", 1)
    assert (paper["title"], paper["bytes"]) == ("检验单.pdf", 10)
    assert told["bytes"] == sum(one["bytes"] for one in told["items"])
    assert told["rate_bytes_s"] == 1000
    assert told["seconds"] == round(told["bytes"] / 1000)
    wrong = {"include": {"priors": [study]}}
    refused = client.post(f"/api/studies/{study}/consult/preview", json=wrong)
    assert refused.json()["code"] == "E7903"


def test_what_was_said_is_what_goes(box, client, hub):
    """Exact but for pictures, and for those never more than said."""
    study = box.api.study()
    box.api.result(qc={"verdict": "pass", "reasons": [], "metrics": {}}, lesions=[])
    include = {**REQUEST["include"], "entered": [ESR]}
    asked = {"include": include}
    told = client.post(f"/api/studies/{study}/consult/preview", json=asked).json()["items"]
    made = client.post(f"/api/studies/{study}/consult", json={**REQUEST, "include": include})
    box.exchange()
    sent = Reader(EXPERT, hub).case(made.json()["consult"])["objects"]
    said, gone = ({}, {})
    for one in told:
        said[one["kind"]] = said.get(one["kind"], 0) + one["bytes"]
    for one in sent:
        gone[one["kind"]] = gone.get(one["kind"], 0) + one["length"]
    assert set(said) == set(gone)
    for kind in set(said) - {"frames", "manifest"}:
        assert said[kind] == gone[kind], kind
    assert gone["frames"] <= said["frames"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"category": "genome"}, {"test": ""}, {"result": " "}, {"date": "yesterday"},
        {"unit": "x" * 41}, {"test": 7},
    ],
    ids=["category", "test", "result", "date", "unit", "type"],
)  # fmt: skip
def test_typed_facts_are_looked_at(box, client, wrong):
    include = {"entered": [{**ESR, **wrong}]}
    path = f"/api/studies/{box.api.study()}/consult"
    for url, body in ((f"{path}/preview", {}), (path, REQUEST)):
        answer = client.post(url, json={**body, "include": include})
        assert (answer.status_code, answer.json()["code"]) == (422, "E7903")


def test_typed_facts_say_who_entered_them(box, client, hub):
    asked = {**REQUEST, "include": {**REQUEST["include"], "entered": [ESR]}}
    consult = client.post(f"/api/studies/{box.api.study()}/consult", json=asked).json()["consult"]
    box.exchange()
    reader = Reader(EXPERT, hub)
    [facts] = [one for one in reader.case(consult)["objects"] if one["kind"] == "facts"]
    told = json.loads(reader.open(consult, facts))
    assert told == {"category": "laboratory", "items": [
        {"name": "红细胞沉降率", "value": "62", "unit": "mm/h", "date": "2026-11-20",
         "source": {"kind": "entered", "by": "physician 某"}}]}  # fmt: skip


def test_two_named_result_sets_go_side_by_side(box, hub):
    consult = ask(box)
    found = kept(box.box, consult)
    box.api.result(lesions=[{"id": 1, "kind": "cavity"}], method={"model": "m", "version": "2"})
    drawn = {"1.2.3.1.1/1": [{"lesion": 1, "kind": "cavity", "points": [[1, 2], [3, 4]]}]}
    county = ResultSet(1, "county", "县医院修正", "County's corrections", "王医生",
                       "2026-11-23T00:00:00.000Z", "1.2.3.1", lines=drawn)  # fmt: skip

    def both(held, study):
        return (*sets_of(held, study), county)

    packer = Packer(box.post, consult, 1, grants_of(box.box, found.study, consult).keys[1])
    built = build(box.box, found, packer, lambda _: None, both)
    reader = Reader(EXPERT, hub)
    case = json.loads(reader.open(consult, built.case.as_json()))
    parse_case(case)
    assert [(s["set"], s["source"], s["zh"]) for s in case["studies"][0]["result_sets"]] == [
        (0, "ai", "AI 结果"), (1, "county", "县医院修正"),
    ]  # fmt: skip
    sets = {
        (one["kind"], one["position"].get("set", 0)): json.loads(reader.open(consult, one))
        for one in case["objects"] if one["kind"] in ("findings", "outlines")
    }  # fmt: skip
    assert set(sets) == {("findings", 0), ("outlines", 1)}
    assert sets["findings", 0]["result_set"]["by"] == "m 2"
    assert sets["outlines", 1]["lines"] == drawn
    assert sets["outlines", 1]["result_set"]["en"] == "County's corrections"


# -- how far it is, and what stopped ---------------------------------------------------------------


def test_each_part_shows_how_far_it_is(sending, client):
    outbox, consult = sending
    case = client.get(f"/api/consults/{consult}").json()
    parts = {one["kind"]: one for one in case["sending"]["parts"]}
    assert set(parts) == {"frames", "manifest", "facts", "case", "event"}
    assert parts["facts"]["title"] == "laboratory"
    assert all(one["done_items"] == 0 for one in parts.values())
    objects = [one.id for one in outbox.standing(consult) if one.kind == "object"]
    outbox.delivered(objects)
    parts = client.get(f"/api/consults/{consult}").json()["sending"]["parts"]
    assert {one["kind"] for one in parts if one["done_bytes"] == one["bytes"]} == {
        "frames", "manifest", "facts", "case",
    }  # fmt: skip


def test_a_refused_part_is_sent_again_or_given_up_with_a_reason(sending, client, box):
    outbox, consult = sending
    facts = _address(box, consult, "facts")
    outbox.refused(facts, REFUSED, None)
    [shown] = client.get(f"/api/consults/{consult}").json()["sending"]["dead"]
    assert (shown["id"], shown["title"], shown["error"]) == (facts, "laboratory", REFUSED)
    url = f"/api/consults/{consult}/outbox/{facts}"
    assert client.post(f"{url}/again").status_code == 202
    assert facts not in {one["id"] for one in outbox.dead()}
    assert client.post(f"{url}/again").status_code == 404  # nothing is dead there now
    assert client.post(f"{url}/give-up", json={"reason": "x"}).status_code == 404
    outbox.refused(facts, REFUSED, None)
    assert client.post(f"{url}/give-up", json={"reason": " "}).json()["code"] == "E6008"
    assert client.post(f"{url}/give-up", json={"reason": "化验单有误"}).status_code == 202
    assert not outbox.path(facts).exists()
    told = client.get(f"/api/consults/{consult}").json()
    assert told["row"]["upload"]["given_up_items"] == 1
    # The request cannot go without it: it does not wait for ever, it says so.
    stopped = {one["kind"]: one["error"]["code"] for one in told["sending"]["dead"]}
    assert stopped["event"] == "E7527"
    assert [one["state"] for one in told["pending"]] == ["dead"]
    acts = [(one["action"], one.get("reason")) for one in noted(box) if one.get("item") == facts]
    assert acts == [("outbox item sent again", None), ("outbox item given up", "化验单有误")]


def test_device_it_sees_dead_letters_without_a_patient(sending, client, box):
    outbox, consult = sending
    for one in outbox.standing(consult):
        outbox.refused(one.id, REFUSED, None)
    it = box.api.client("device_it")
    dead = it.get("/api/region/outbox").json()["dead"]
    assert {one["error"]["code"] for one in dead} == {"E7461"}
    assert "P001" not in json.dumps(dead)
    first = dead[0]["id"]
    assert it.post(f"/api/region/outbox/{first}/again").status_code == 202
    second = f"/api/region/outbox/{dead[1]['id']}/give-up"
    assert it.post(second, json={"reason": "重复"}).status_code == 202
    assert it.post("/api/region/outbox/none/again").status_code == 404
    assert client.post(f"/api/region/outbox/{first}/again").status_code == 403
    # Another consultation's name does not open this one's items.
    box.api.app.state.desks.use(replace(box.desk, post=outbox))
    other = "c_" + "9" * 32
    wrong = client.post(f"/api/consults/{other}/outbox/{dead[2]['id']}/again")
    assert wrong.status_code == 404


def test_our_own_refused_word_is_no_fault_of_the_hub(box, hub, client):
    consult = ask(box)
    said = client.post(f"/api/consults/{consult}/events", json={"kind": "message", "text": "一"})
    lost = said.json()["event"]
    del box.post.events[lost]
    with box.box.database.transaction() as sql:
        sql.execute(
            "INSERT INTO outbox (id, kind, consult, priority, bytes, created, state)"
            " VALUES (?, 'event', ?, 0, 1, 1, 'dead')", (lost, consult),
        )  # fmt: skip
    client.post(f"/api/consults/{consult}/events", json={"kind": "message", "text": "二"})
    box.exchange()
    assert [e.opened for e in box.events(consult)][-1] == {"text": "二"}
    assert box.alarms() == set()


def test_an_alarm_is_dismissed_with_a_reason_and_comes_back_when_it_is_news(box, client):
    consult = ask(box)
    raise_alarm(box.box, WordsUnreadable(), consult)
    raise_alarm(box.box, WordsUnreadable(), "c_" + "8" * 32)
    url = f"/api/consults/{consult}/alarms/E7912/seen"
    assert client.get(f"/api/consults/{consult}").json()["row"]["alarms"] == 1
    assert client.post(url, json={"reason": ""}).json()["code"] == "E6008"
    assert client.post(url, json={"reason": "已电话核对"}).status_code == 204
    case = client.get(f"/api/consults/{consult}").json()
    assert (case["row"]["alarms"], case["alarms"][0]["seen_by"]) == (0, "physician")
    assert client.post(url, json={"reason": "再次"}).status_code == 404
    about = {"action": "alarm dismissed", "user": "physician", "code": "E7912",
             "consult": consult, "reason": "已电话核对"}  # fmt: skip
    assert about in noted(box)
    raise_alarm(box.box, WordsUnreadable(), consult)  # at once: the same thing again
    assert client.get(f"/api/consults/{consult}").json()["row"]["alarms"] == 0
    box.api.clock.at += 11 * 60_000
    raise_alarm(box.box, WordsUnreadable(), consult)
    assert client.get(f"/api/consults/{consult}").json()["row"]["alarms"] == 1
    it = box.api.client("device_it")
    region = it.get("/api/region").json()["alarms"]
    assert {one["about"] for one in region if one["seen_by"] == ""} == {consult, "c_" + "8" * 32}
    seen = {"reason": "已处理", "about": "c_" + "8" * 32}
    assert it.post("/api/region/alarms/E7912/seen", json=seen).status_code == 204
    left = [a["about"] for a in it.get("/api/region").json()["alarms"] if a["seen_by"] == ""]
    assert left == [consult]


# -- from the case ---------------------------------------------------------------------------------


def test_what_waits_for_us_stands_first(box, hub, client):
    waiting, other = ask(box), ask(box, purpose="另一例")
    reader = Reader(EXPERT, hub)
    hub.accept(reader.say(waiting, "accepted"))
    hub.accept(reader.say(waiting, "information.asked", {"text": "请补充近一年 CT"}))
    hub.accept(reader.say(other, "accepted"))
    box.exchange()
    rows = client.get("/api/consults").json()["rows"]
    assert [(r["id"], r["ball"]) for r in rows] == [(waiting, "us"), (other, "")]
    client.post(f"/api/consults/{waiting}/events",
                json={"kind": "information.given", "text": "无既往检查"})  # fmt: skip
    box.exchange()
    assert {r["ball"] for r in client.get("/api/consults").json()["rows"]} == {""}


def test_more_people_are_invited_and_somebody_is_removed(box, hub, client):
    consult = ask(box, people=[EXPERT.id])
    hub.accept(Reader(EXPERT, hub).say(consult, "accepted"))
    box.exchange()
    url = f"/api/consults/{consult}/events"
    invited = {"kind": "invited", "person": MEMBER.id, "part": "member"}
    assert client.post(url, json=invited).status_code == 202
    box.exchange()
    parties = {p["person"]: p for p in client.get(f"/api/consults/{consult}").json()["parties"]}
    assert parties[MEMBER.id]["discipline"] == "imaging"  # as the directory has it
    assert set(Reader(MEMBER, hub).keys(consult)) == {1}
    assert client.post(url, json=invited).json()["code"] == "E7212"
    assert client.post(url, json={**invited, "part": "judge"}).status_code == 422
    assert client.post(url, json={"kind": "removed", "person": MEMBER.id}).status_code == 202
    box.exchange()
    case = client.get(f"/api/consults/{consult}").json()
    assert case["epoch"] == 2
    assert set(Reader(MEMBER, hub).keys(consult)) == {1}  # what was read cannot be taken back
    assert set(Reader(EXPERT, hub).keys(consult)) == {1, 2}
    assert SECOND.id not in {p["person"] for p in case["parties"]}


def test_an_addendum_and_an_answered_referral_are_shown(box, hub, client):
    consult = ask(box, kind="referral", direction="up", people=[EXPERT.id])
    reader = Reader(EXPERT, hub)
    hub.accept(reader.say(consult, "accepted"))
    offer = {"accepted": True, "bed": "12 床", "date": "2026-11-25", "text": "请携带胶片"}
    hub.accept(reader.say(consult, "offered", offer))
    signed = reader.say(consult, "opinion", opinion(hub, consult), discipline="respiratory")
    hub.accept(signed)
    first = json.loads(signed)["statement"]["body"]["event"]
    hub.accept(reader.say(consult, "addendum", {"text": "补充：复查痰"}, to=first))
    box.exchange()
    shown = client.get(f"/api/consults/{consult}").json()["opinions"]
    assert [one["kind"] for one in shown] == ["offered", "opinion", "addendum"]
    assert shown[0]["opened"] == offer
    assert (shown[2]["facts"]["to"], shown[2]["opened"]) == (first, {"text": "补充：复查痰"})


def _address(box, consult, kind):
    """Return the address of the one object of a kind, as this box's own case names it."""
    ((opened,),) = box.box.database.query(
        "SELECT opened FROM consult_sent WHERE consult = ? AND kind = 'requested'", (consult,)
    )
    [found] = [one for one in json.loads(opened)["case"]["objects"] if one["kind"] == kind]
    return found["address"]
