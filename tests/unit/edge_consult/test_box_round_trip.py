"""From a county's request to the opinion in its report: two boxes, a hub and experts in process."""

from __future__ import annotations

import gzip
import json

import imagecodecs
import numpy as np

from edge.consult.book import kept
from edge.consult.requests import request
from tests.api_site import chest
from tests.consult_site import (
    DOCTOR,
    EXPERT,
    MEMBER,
    REQUEST,
    SECOND,
    Box,
    Reader,
    ask,
    opinion,
)


def test_the_case_arrives_whole_and_only_for_who_is_asked(box, hub):
    prior = box.api.study("1.2.4")
    consult = ask(box, include={**REQUEST["include"], "priors": [prior]})
    assert hub.states[consult].place == "requested"
    assert {p.person for p in hub.states[consult].parties} == {EXPERT.id, SECOND.id}
    reader = Reader(EXPERT, hub)
    case = reader.case(consult)
    assert case["patient"]["id"] == "P001"
    assert case["purpose"] == REQUEST["purpose"]
    assert case["summary"] == REQUEST["summary"]  # markup stays data
    assert [s["prior"] for s in case["studies"]] == [False, True]
    manifests = [o for o in case["objects"] if o["kind"] == "manifest"]
    assert {o["content_type"] for o in manifests} == {"application/gzip"}
    series = json.loads(gzip.decompress(reader.open(consult, manifests[0])))["series"][0]
    assert len(series["instances"]) == len(series["frames"]) == 3
    groups = {o["object"]: reader.open(consult, o) for o in case["objects"]
              if o["kind"] == "frames"}  # fmt: skip
    for number, place in enumerate(series["frames"], start=1):
        data = groups[place["object"]][place["offset"] : place["offset"] + place["length"]]
        pixels = (
            imagecodecs.htj2k_decode(data) if place["syntax"].endswith(".201")
            else np.frombuffer(data, "<u2").reshape(16, 20)
        )  # fmt: skip
        expected = np.arange(16 * 20, dtype=np.uint16).reshape(16, 20) + number
        assert np.array_equal(pixels.astype(np.uint16), expected)
    assert hub.wraps_for(MEMBER.id, consult) == {}
    assert box.alarms() == set()


def test_nothing_readable_leaves_the_box(box, hub):
    ask(box)
    gone = [*box.post.objects.values(), *(w for _, w, _ in box.post.events.values()),
            *box.post.wraps.values()]  # fmt: skip
    for secret in ("张^三", "ZHANG", "P001", "1.2.3", "空洞", "同意书", "王医生", "ACC1.2.3"):
        for encoding in ("utf-8", "utf-16-le", "gb18030"):
            assert not any(secret.encode(encoding) in data for data in gone), secret


def test_an_opinion_comes_back_into_journal_report_and_thread(box, hub):
    consult = ask(box)
    reader = Reader(EXPERT, hub)
    hub.accept(reader.say(consult, "accepted"))
    hub.accept(reader.say(consult, "message", {"text": "<img src=x onerror=alert(1)>"}))
    signed = reader.say(consult, "opinion", opinion(hub, consult), discipline="respiratory")
    hub.accept(signed)
    hub.accept(reader.say(consult, "completed"))
    box.exchange()
    found = kept(box.box, consult)
    assert found.state.place == "completed"
    assert found.state == hub.states[consult]
    events = box.events(consult)
    assert [e.kind for e in events] == ["requested", "accepted", "message", "opinion", "completed"]
    assert all(e.fault is None for e in events)
    assert events[2].opened["text"] == "<img src=x onerror=alert(1)>"
    kinds = [r.kind for r in box.box.records_of(found.study)]
    assert kinds.count("consult.opined") == 1
    assert kinds.count("consult.closed") == 1
    [addended] = [r for r in box.box.records_of(found.study) if r.kind == "report.addended"]
    assert addended.body["digest"] == found.state.signed[0].digest
    assert {o["label"] for o in addended.body["objects"]} == {"opinion_pdf", "opinion_sr"}
    assert box.alarms() == set()


def test_two_hospitals_do_not_meet(box, hub, tmp_path):
    from tests.seal_site import B

    other = Box(tmp_path / "b", hub, B)
    other.api.send(chest(1, study="9.9", patient="X9"))
    mine = ask(box)
    theirs = request(other.desk, other.queue, other.api.study("9.9"), REQUEST, DOCTOR)
    other.exchange()
    box.exchange()
    assert [r[0] for r in box.box.database.query("SELECT consult FROM consult")] == [mine]
    assert [r[0] for r in other.box.database.query("SELECT consult FROM consult")] == [theirs]
    assert other.alarms() == box.alarms() == set()
