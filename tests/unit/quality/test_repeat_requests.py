"""Requests to the modality room: raised by a refused radiograph, seen, answered, refused."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

import pytest

from core.records.kinds import KINDS, upcast
from core.records.record import Draft
from core.views.repeat import REPEAT, fold_acknowledged, fold_closed, fold_requested
from edge.api.context import COOKIE
from edge.api.history import history_of
from edge.api.room import BEAT_S
from edge.quality.arrivals import after_image, after_study
from edge.quality.asking import CLOSING, ask_of_film, ask_of_study
from tests.api_site import SETTINGS, ApiSite, Wire, chest, events_of

GOLDEN = Path(__file__).parents[2] / "golden" / "records"
BLUR = {"code": "DR_BLUR", "severity": "reject", "message_zh": "图像模糊", "message_en": "Blurred",
        "message": "图像模糊", "metric": None, "value": None, "limit": None}  # fmt: skip
LATERAL = {**BLUR, "code": "DR_VIEW_LATERAL"}
GAP = {**BLUR, "code": "CT_SLICE_GAP", "message_zh": "缺层", "message_en": "Missing"}


def verdict(*reasons):
    worst = "reject" if reasons else "pass"
    return {"verdict": worst, "reasons": list(reasons), "metrics": {}}


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    made = ApiSite(tmp_path_factory.mktemp("room") / "box", roles=("radiographer", "physician"))
    made.turn = 0
    return made


@pytest.fixture
def site(shared):
    """One box for all: every test has a patient of its own and leaves no request open."""
    shared.turn += 1
    yield shared
    client = shared.client("radiographer")
    for one in room(shared)["open"]:
        client.post(f"/api/room/{one['id']}/close", json={"outcome": "refused", "reason": "dose"})


def uid(site, number=1):
    return f"1.5.{site.turn}.{number}"


def film(site, study="", number=1, qc=None, error=None, patient="", **more):
    """Send a radiograph and judge it, as the stage does."""
    told = {"Modality": "DX", "StationName": "DR-2", **more}
    study, patient = study or uid(site), patient or f"P{site.turn}"
    site.send(chest(number, study=study, patient=patient, **told))
    body = {"sop_instance": f"{study}.1.{number}", "qc": qc, "seconds": 0.1}
    if error:
        body["error"] = error
    judge(site, study, body, after_image)
    return site.study(study)


def judge(site, study_uid, body, after):
    ref = site.box.vault.study(study_uid)
    site.box.append([Draft("qc.assessed", body, subject=ref.subject, key=ref.study)])
    after(site.box, ref.study, body)


def room(site, role="radiographer"):
    return site.client(role).get("/api/room").json()


def quality(site, study, role="physician"):
    return site.client(role).get(f"/api/studies/{study}/quality").json()


def test_a_blurred_radiograph_is_asked_for_again_with_reason_and_advice(site):
    study = film(site, qc=verdict(BLUR))
    (one,) = room(site)["open"]
    assert (one["study"], one["ask"], one["origin"]) == (study, "repeat", "automatic")
    assert (one["state"], one["station"], one["patient_name"]) == ("requested", "DR-2", "张三")
    (reason,) = one["reasons"]
    assert reason["message_zh"] == "图像模糊"
    assert reason["advice_zh"].startswith("嘱患者屏气")
    assert quality(site, study)["requests"][0]["id"] == one["id"]
    assert site.client("physician").get(f"/api/studies/{study}").json()["row"]["repeat"] == (
        "requested"
    )


def test_the_stage_twice_asks_once(site):
    film(site, qc=verdict(BLUR))
    body = {"sop_instance": f"{uid(site)}.1.1", "qc": verdict(BLUR)}
    after_image(site.box, site.study(uid(site)), body)
    assert len(room(site)["open"]) == 1
    assert len(list(kinds(site, "repeat.requested"))) == 1


def kinds(site, kind):
    return [r for r in site.box.records_of(site.study(uid(site))) if r.kind == kind]


@pytest.mark.parametrize(
    ("body", "asked"),
    [
        ({"qc": verdict()}, ("", [])),
        ({"qc": verdict(LATERAL)}, ("", [])),
        ({"qc": verdict(BLUR, LATERAL)}, ("", [])),
        ({"qc": verdict({**BLUR, "severity": "warn"})}, ("", [])),
        ({"qc": None, "error": {"code": "E3055"}}, ("resend", ["E3055"])),
    ],
)
def test_what_is_no_fault_of_a_frontal_film_rings_no_bell(body, asked):
    assert ask_of_film(body) == asked


def test_a_ct_is_asked_to_be_sent_again_and_never_exposed_again(site):
    assert ask_of_study({"qc": verdict(GAP)}) == ("resend", ["CT_SLICE_GAP"])
    assert ask_of_study({"qc": verdict({**GAP, "code": "CT_MOTION"})})[0] == ""
    study = uid(site)
    site.send(chest(1, study=study, patient="PCT"))
    judge(site, study, {"input": "a", "qc": verdict(GAP)}, after_study)
    (one,) = room(site)["open"]
    assert (one["ask"], one["reasons"][0]["code"]) == ("resend", "CT_SLICE_GAP")
    site.send(chest(2, study=study, patient="PCT"))
    judge(site, study, {"input": "b", "qc": verdict()}, after_study)
    assert room(site)["open"] == []
    assert room(site)["closed"][0]["new_instance"] == f"{study}.1.2"


def test_who_saw_it_and_when_is_kept_and_the_first_stays(site):
    film(site, qc=verdict(BLUR))
    (one,) = room(site)["open"]
    path = f"/api/room/{one['id']}/acknowledge"
    seen = site.client("radiographer").post(path).json()
    assert (seen["state"], seen["seen_name"]) == ("acknowledged", "radiographer 某")
    again = site.client("physician").post(path).json()
    assert (again["seen_name"], again["seen_at"]) == (seen["seen_name"], seen["seen_at"])
    assert len(kinds(site, "repeat.acknowledged")) == 1
    assert quality(site, one["study"])["requests"][0]["seen_name"] == "radiographer 某"


@pytest.mark.parametrize("same_study", [True, False])
def test_a_new_frontal_picture_of_the_patient_answers_the_request(site, same_study):
    first = film(site, qc=verdict(BLUR))
    film(site, "", 2, qc=verdict(LATERAL))
    assert [one["state"] for one in room(site)["open"]] == ["requested"], "a lateral is no answer"
    came = uid(site, 1 if same_study else 2)
    film(site, came, 3, qc=verdict())
    assert room(site)["open"] == []
    (one,) = quality(site, first)["requests"]
    assert (one["state"], one["closed_name"]) == ("done", "")
    assert one["new_instance"] == f"{came}.1.3"


def test_another_patients_picture_answers_nothing(site):
    film(site, qc=verdict(BLUR))
    film(site, uid(site, 9), 1, qc=verdict(), patient="P999", name="LI^SI=李^四")
    assert len(room(site)["open"]) == 1


def test_a_repeat_that_is_bad_too_is_asked_for_again(site):
    study = film(site, qc=verdict(BLUR))
    film(site, "", 2, qc=verdict(BLUR))
    assert [one["state"] for one in quality(site, study)["requests"]] == ["requested", "done"]


def test_a_refusal_needs_a_coded_reason_and_other_needs_words(site):
    film(site, qc=verdict(BLUR))
    (one,) = room(site)["open"]
    client, path = site.client("radiographer"), f"/api/room/{one['id']}/close"
    for wrong in ({"reason": "because"}, {"reason": "other"}):
        answer = client.post(path, json={"outcome": "refused", **wrong})
        assert (answer.status_code, answer.json()["code"]) == (422, "E6008")
    closed = client.post(path, json={"outcome": "refused", "reason": "patient_left"}).json()
    assert (closed["state"], closed["reason_zh"]) == ("refused", "患者已离开")
    again = client.post(path, json={"outcome": "done", "reason": "other_study"})
    assert (again.status_code, again.json()["code"]) == (409, "E6012")
    told = [entry["text_zh"] for entry in history_of(site.box, one["study"])]
    assert "未重拍：患者已离开（radiographer 某）" in told


def test_a_physician_asks_once_says_why_and_may_take_it_back(site):
    study = film(site, qc=verdict({**BLUR, "severity": "warn"}))
    client, path = site.client("physician"), f"/api/studies/{study}/repeat"
    assert client.post(path, json={}).json()["code"] == "E6008"
    assert client.post(path, json={"codes": ["DR_NOISE"]}).json()["code"] == "E6008"
    made = client.post(path, json={"codes": ["DR_BLUR"], "note": "右下肺看不清"})
    assert made.status_code == 201
    assert client.post(path, json={"note": "x"}).status_code == 409
    (one,) = room(site)["open"]
    assert (one["origin"], one["name"], one["note"]) == (
        "physician",
        "physician 某",
        "右下肺看不清",
    )
    gone = client.post(f"{path}/{one['id']}/withdraw", json={"reason": "sufficient"}).json()
    assert gone["requests"][0]["state"] == "withdrawn"
    assert room(site)["open"] == []


def test_a_hospital_may_switch_the_bell_off_and_physicians_may_still_ask(tmp_path):
    folder = tmp_path / "quiet"
    settings = f"{SETTINGS}[quality]\nask_automatically = false\n"
    site = ApiSite(folder, roles=("radiographer", "physician"), settings=settings)
    site.turn = 1
    study = film(site, qc=verdict(BLUR))
    assert room(site)["open"] == []
    answer = site.client("physician").post(f"/api/studies/{study}/repeat", json={"note": "糊"})
    assert answer.status_code == 201


def test_nobody_is_kept_from_reading_by_an_open_request(site):
    study = film(site, qc=verdict(BLUR))
    client = site.client("physician")
    assert client.get(f"/api/studies/{study}/report").status_code == 200
    assert client.post(f"/api/studies/{study}/override", json={"reason": "急"}).status_code == 202


def test_a_restricted_patient_rings_no_bell(site):
    film(site, qc=verdict(BLUR))
    site.restrict(uid(site))
    assert room(site)["open"] == []


def test_the_stream_tells_of_a_request_within_a_second_and_beats(site, record_property, capsys):
    # A real clock is measured here, so the bound is generous; docs say what an idle box does.
    study = film(site, qc=verdict({**BLUR, "severity": "warn"}))

    async def hear():
        site.token("radiographer")
        token = site.token("radiographer")
        wire = Wire(site.app, "GET", "/api/room/events", [("Cookie", f"{COOKIE}={token}")])
        site.app.state.stopping = asyncio.Event()
        running = asyncio.create_task(site.app(wire.scope, wire.incoming.get, wire.send))
        await wire.until('"open": []')
        start = time.monotonic()
        asked = site.client("physician")
        await asyncio.to_thread(asked.post, f"/api/studies/{study}/repeat", json={"note": "糊"})
        await wire.until("糊")
        waited = time.monotonic() - start
        await wire.until('data: {"now"')
        wire.leave()
        site.app.state.stopping.set()
        await asyncio.wait_for(running, 10)
        return waited, events_of(wire)

    waited, events = asyncio.run(hear())
    record_property("request_to_stream_s", waited)
    with capsys.disabled():
        sys.stdout.write(f" request → stream {1000 * waited:.0f} ms ")
    assert waited < 1.0
    assert events[0]["beat_s"] == BEAT_S


def test_closing_reasons_are_said_in_both_languages():
    assert all(text.zh and text.en for text in CLOSING.values())
    assert json.dumps(sorted(CLOSING))


def test_the_records_of_version_1_fold_as_they_were_written():
    state = {"row": {"study": "st_x"}}
    for step, fold in (
        ("requested", fold_requested), ("acknowledged", fold_acknowledged), ("closed", fold_closed)
    ):  # fmt: skip
        kind = KINDS[f"repeat.{step}"]
        assert (kind.version, kind.scope, kind.journal) == (1, "study", "clinical")
        text = (GOLDEN / f"repeat.{step}-1.json").read_text(encoding="utf-8")
        (change,) = fold(state, upcast(kind.name, 1, json.loads(text)), f"at {step}")
    assert set(change.row) == set(REPEAT.columns)
    row = change.row
    assert (row["state"], row["reason"], row["seen_name"]) == ("refused", "patient_left", "李技师")
    assert (row["at"], row["closed_at"], json.loads(row["codes"])) == (
        "at requested", "at closed", ["DR_BLUR"],
    )  # fmt: skip
    assert fold_closed(state, json.loads(text), "later") == [], "what is closed stays closed"
