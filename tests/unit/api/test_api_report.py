"""The physician's report over HTTP: drafts, versions, signature with the second factor, addenda."""

from __future__ import annotations

import io
import itertools
import json
from datetime import datetime, timedelta

import numpy as np
import pyotp
import pytest
from PIL import Image

from core.blobs.disk import put
from core.imaging.study_result import lesion_json
from core.records.record import Draft
from core.seals.statements import parse
from tests.api_site import ApiSite, chest
from tests.physician_cases import CAVITY, TREE, comparison

BASE = "/api/studies/{}/report"
SECRET = pyotp.random_base32()


class OneStudy:
    """A study of its own for each test, on a box that they share; the clock moves on."""

    def __init__(self, shared, number):
        self.shared, self.uid = shared, f"1.2.{number}"
        shared.clock.at += 120_000  # the next test's codes are fresh
        shared.send(chest(study=self.uid, patient=f"P{number}"))
        analysed(self)

    def __getattr__(self, name):
        return getattr(self.shared, name)

    def study(self):
        return self.shared.study(self.uid)


NUMBERS = itertools.count(100)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    roles = ("radiologist", "physician", "radiographer")
    made = ApiSite(tmp_path_factory.mktemp("report") / "box", roles=roles)
    for role in roles:
        made.token(role)
    return made


@pytest.fixture
def site(shared):
    with shared.box.database.transaction() as sql:
        sql.execute("UPDATE person SET totp = '', failures = 0, locked_until = 0")
    return OneStudy(shared, next(NUMBERS))


def analysed(site, lesions=(CAVITY, TREE)):
    site.shared.result(
        site.uid,
        modality="CT",
        qc=None,
        tb=None,
        series=None,
        reason=None,
        case=None,
        method={"model": "m"},
        lesions=[lesion_json(one) for one in lesions],
    )


def give_factor(site, user="radiologist"):
    with site.box.database.transaction() as sql:
        sql.execute("UPDATE person SET totp = ? WHERE user = ?", (SECRET, user))


def code(site, ahead=0):
    return pyotp.TOTP(SECRET).at(site.clock.at // 1000 + 30 * ahead)


def path(site, tail=""):
    return BASE.format(site.study()) + tail


def row_state(site):
    ((state,),) = site.box.database.query(
        "SELECT report FROM study WHERE study = ?", (site.study(),)
    )
    return state


def confirmed(state):
    content = state["content"]
    for one in content["statements"]:
        one["confirmed"] = True
    content["acknowledged"] = [p["name"] for p in state["prompts"] if p["level"] == "warn"]
    return content


def drafted(site, client, base=0, version=0):
    state = client.get(path(site)).json()
    form = {"version": version, "base": base, "content": confirmed(state)}
    answer = client.put(path(site, "/draft"), json=form)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_form_begins_with_what_the_box_offers(site):
    state = site.client("radiologist").get(path(site)).json()
    assert state["state"] == "none"
    assert state["draft"] is None
    assert state["may"] == {"write": True, "sign": True, "add": False}
    words = [one["zh"] for one in state["said"]]
    assert "右肺上叶见空洞影，大小约 23 mm × 18 mm，平均壁厚约 4.2 mm。" in words
    assert {p["name"] for p in state["prompts"]} >= {"unconfirmed", "unread"}
    assert state["basis"]["result"] == 1


def test_a_draft_is_kept_per_person_and_tells_a_second_window(site):
    client = site.client("radiologist")
    first = drafted(site, client)
    assert first["version"] == 1
    again = client.get(path(site)).json()
    assert again["draft"]["version"] == 1
    assert site.client("physician").get(path(site)).json()["draft"] is None
    assert [o["name"] for o in site.client("physician").get(path(site)).json()["others"]]
    form = {"version": 0, "base": 0, "content": again["content"]}
    stale = client.put(path(site, "/draft"), json=form)
    assert (stale.status_code, stale.json()["code"]) == (409, "E5202")
    assert client.get(path(site)).json()["draft"]["version"] == 1


def test_nothing_unconfirmed_is_signed(site):
    client = site.client("radiologist")
    give_factor(site)
    state = client.get(path(site)).json()
    form = {"version": 0, "base": 0, "content": state["content"]}
    client.put(path(site, "/draft"), json=form)
    answer = client.post(path(site, "/sign"), json={"version": 1, "otp": code(site)})
    assert (answer.status_code, answer.json()["code"]) == (422, "E5204")


def test_signing_wants_the_second_factor_each_time(site):
    client = site.client("radiologist")
    drafted(site, client)
    without = client.post(path(site, "/sign"), json={"version": 1, "otp": "000000"})
    assert without.json()["code"] == "E5208"
    give_factor(site)
    wrong = client.post(path(site, "/sign"), json={"version": 1, "otp": "000000"})
    assert (wrong.status_code, wrong.json()["code"]) == (401, "E6014")
    right = client.post(path(site, "/sign"), json={"version": 1, "otp": code(site)})
    assert right.status_code == 201, right.text
    state = right.json()
    assert state["state"] == "signed"
    assert state["may"] == {"write": False, "sign": False, "add": True}
    # The code has signed once: it signs no addendum.
    addendum = {"base": 1, "text": "补充。", "otp": code(site)}
    again = client.post(path(site, "/addendum"), json=addendum)
    assert again.json()["code"] == "E6014"


def test_a_signature_binds_who_when_and_what(site):
    client = site.client("radiologist")
    give_factor(site)
    drafted(site, client)
    client.post(path(site, "/sign"), json={"version": 1, "otp": code(site)})
    (record,) = [r for r in site.box.records_of(site.study()) if r.kind == "report.signed"]
    body = record.body["report"]
    signature = body["signature"]
    assert (signature["person"], signature["role"]) == ("radiologist", "radiologist")
    assert signature["content"] == body["digest"]
    statement = parse(signature["attested"].encode()).statement
    assert statement.body["words"] == body["words"]
    assert "右肺上叶见空洞影" in body["text_zh"]
    assert "Right upper lobe: cavity" in body["text_en"]


def test_signed_is_frozen_and_an_addendum_stands_beside_it(site):
    client = site.client("radiologist")
    give_factor(site)
    drafted(site, client)
    client.post(path(site, "/sign"), json={"version": 1, "otp": code(site)})
    signed = client.get(path(site)).json()["versions"][0]["body"]
    form = {"version": 0, "base": 1, "content": signed["content"]}
    client.put(path(site, "/draft"), json=form)
    frozen = client.post(path(site, "/preliminary"), json={"version": 1})
    assert (frozen.status_code, frozen.json()["code"]) == (409, "E5211")
    added = {"base": 1, "text": "经对照旧片，右上叶空洞较前缩小。", "otp": code(site, 1)}
    answer = client.post(path(site, "/addendum"), json=added)
    assert answer.status_code == 201, answer.text
    versions = answer.json()["versions"]
    assert [v["kind"] for v in versions] == ["signed", "addendum"]
    assert versions[0]["body"] == signed
    assert versions[1]["body"]["to"] == signed["id"]
    assert answer.json()["content"] == signed["content"]
    assert row_state(site) == "addended"


def test_an_addendum_needs_a_signed_report(site):
    give_factor(site)
    added = {"base": 1, "text": "补充。", "otp": code(site)}
    answer = site.client("radiologist").post(path(site, "/addendum"), json=added)
    assert (answer.status_code, answer.json()["code"]) == (409, "E5210")


def test_a_preliminary_report_is_taken_up_by_another(site):
    physician, radiologist = site.client("physician"), site.client("radiologist")
    drafted(site, physician)
    saved = physician.post(path(site, "/preliminary"), json={"version": 1})
    assert saved.json()["state"] == "preliminary"
    assert row_state(site) == "preliminary"
    state = radiologist.get(path(site)).json()
    assert (state["base"], state["versions"][0]["name"]) == (1, "physician 某")
    refused = physician.post(path(site, "/sign"), json={"version": 1, "otp": "1"})
    assert refused.status_code == 403
    give_factor(site)
    drafted(site, radiologist, base=1)
    signed = radiologist.post(path(site, "/sign"), json={"version": 1, "otp": code(site)})
    assert [v["kind"] for v in signed.json()["versions"]] == ["preliminary", "signed"]


def test_two_people_on_one_version_are_told_and_both_stay(site):
    physician, radiologist = site.client("physician"), site.client("radiologist")
    give_factor(site)
    drafted(site, physician)
    drafted(site, radiologist)
    physician.post(path(site, "/preliminary"), json={"version": 1})
    late = radiologist.post(path(site, "/sign"), json={"version": 1, "otp": code(site)})
    assert (late.status_code, late.json()["code"]) == (409, "E5203")
    state = radiologist.get(path(site)).json()
    assert state["draft"] is not None
    assert state["versions"][-1]["kind"] == "preliminary"


def test_a_new_measurement_stops_the_signature(site):
    client = site.client("radiologist")
    give_factor(site)
    drafted(site, client)
    analysed(site, (TREE,))
    state = client.get(path(site)).json()
    assert {c["what"] for c in state["changes"]} == {"gone", "changed"}
    answer = client.post(path(site, "/sign"), json={"version": 1, "otp": code(site)})
    assert answer.json()["code"] == "E5205"


def test_an_open_warning_stops_the_signature_until_it_is_acknowledged(site):
    client = site.client("radiologist")
    give_factor(site)
    state = client.get(path(site)).json()
    content = confirmed(state)
    words = {"key": "f", "section": "findings", "way": "free", "text": "左肺上叶空洞，约 23 mm。"}
    content["statements"].append(words)
    answer = client.put(path(site, "/draft"), json={"version": 0, "base": 0, "content": content})
    (warning,) = [p for p in answer.json()["prompts"] if p["level"] == "warn"]
    assert warning["name"] == "side:cavity:f"
    open_ = client.post(path(site, "/sign"), json={"version": 1, "otp": code(site)})
    assert open_.json()["code"] == "E5207"
    content["acknowledged"] = [warning["name"]]
    client.put(path(site, "/draft"), json={"version": 1, "base": 0, "content": content})
    signed = client.post(path(site, "/sign"), json={"version": 2, "otp": code(site)})
    assert signed.status_code == 201, signed.text
    body = signed.json()["versions"][0]["body"]
    assert [a["name"] for a in body["acknowledged"]] == [warning["name"]]


def test_a_tier_above_suspected_needs_more_than_images(site):
    client = site.client("physician")
    content = confirmed(client.get(path(site)).json())
    content["classification"]["tier"] = "confirmed"
    content["classification"]["basis"] = [{"code": "imaging", "source": "measurement"}]
    client.put(path(site, "/draft"), json={"version": 0, "base": 0, "content": content})
    answer = client.post(path(site, "/preliminary"), json={"version": 1})
    assert (answer.status_code, answer.json()["code"]) == (422, "E5206")


def test_phrases_have_versions_and_old_reports_keep_their_words(site):
    client = site.client("radiologist")
    rows = client.get("/api/report/phrases").json()["rows"]
    pleura = next(one for one in rows if one["id"] == "pleura")
    form = {k: pleura[k] for k in ("abbreviation", "section", "en", "fields")}
    answer = client.put(
        "/api/report/phrases/pleura", json={**form, "zh": "胸膜光整。", "version": 1}
    )
    assert answer.json()["version"] == 2
    stale = client.put("/api/report/phrases/pleura", json={**form, "zh": "x", "version": 1})
    assert stale.status_code == 409
    content = confirmed(client.get(path(site)).json())
    for number in (1, 2):
        content["statements"].append(
            {"key": f"p{number}", "section": "findings", "way": "phrase",
             "template": f"pleura@{number}"}
        )  # fmt: skip
    said = client.put(path(site, "/draft"), json={"version": 0, "base": 0, "content": content})
    words = {one["key"]: one["zh"] for one in said.json()["said"]}
    assert words["p1"].startswith("双侧胸膜未见增厚")
    assert words["p2"] == "胸膜光整。"
    gone = client.post("/api/report/phrases/pleura/retire", json={"version": 2})
    assert gone.json()["version"] == 3
    rows = client.get("/api/report/phrases").json()["rows"]
    assert "pleura" not in {one["id"] for one in rows}
    history = {one["id"]: one for one in client.get("/api/report/phrases/all").json()["rows"]}
    assert history["pleura"]["retired"] is True
    assert [one["version"] for one in history["pleura"]["versions"]] == [3, 2, 1]
    assert [one["by"] for one in history["pleura"]["versions"]] == ["radiologist 某"] * 2 + [""]
    back = {**form, "zh": "胸膜光整。", "version": 3}
    assert client.put("/api/report/phrases/pleura", json=back).json()["version"] == 4
    rows = client.get("/api/report/phrases").json()["rows"]
    assert "pleura" in {one["id"] for one in rows}


def test_reading_a_report_is_written_down(site):
    site.client("radiographer").get(path(site))
    kinds = [sealed.header.kind for sealed in site.box.access.read(0, 100)]
    assert "study.viewed" in kinds
    refused = site.client("radiographer").put(
        path(site, "/draft"), json={"version": 0, "base": 0, "content": {}}
    )
    assert refused.status_code == 403


def test_an_erased_patient_leaves_no_draft(site):
    from edge.store.erase import erase_subject

    drafted(site, site.client("radiologist"))
    study = site.study()
    erase_subject(site.box, site.box.vault.study(site.uid).subject, "test")
    left = site.box.database.query("SELECT 1 FROM report_draft WHERE study = ?", (study,))
    assert left == []


def test_the_card_is_prefilled_from_records_and_due_in_24_hours(site):
    client = site.client("physician")
    before = client.get(path(site, "/card")).json()
    assert (before["state"], before["due_at"]) == ("none", None)
    content = confirmed(client.get(path(site)).json())
    content["classification"]["tier"] = "suspected"
    content["classification"]["basis"] = [{"code": "imaging", "source": "measurement"}]
    client.put(path(site, "/draft"), json={"version": 0, "base": 0, "content": content})
    saved = client.post(path(site, "/preliminary"), json={"version": 1}).json()
    card = client.get(path(site, "/card")).json()
    fields = {one["name"]: (one["value"], one["source"]) for one in card["fields"]}
    assert card["state"] == "due"
    made = datetime.fromisoformat(saved["versions"][0]["body"]["at"])
    assert datetime.fromisoformat(card["due_at"]) - made == timedelta(hours=24)
    assert fields["case_class"] == ("疑似病例", "record.report")
    assert fields["name"] == ("张三", "record.patient")
    assert fields["sex"] == ("男", "record.patient")
    assert fields["tb_class"] == ("", "")  # no bacteriology is known: nothing is guessed
    assert {"id_number", "address", "telephone", "tb_class"} <= set(card["missing"])
    form = {"state": "reported", "fields": {"tb_class": "无病原学结果", "telephone": "1"}}
    done = client.put(path(site, "/card"), json=form).json()
    assert (done["state"], done["by"]) == ("reported", "physician 某")
    wrong = client.put(path(site, "/card"), json={"state": "reported", "fields": {"tb_class": "x"}})
    assert wrong.json()["code"] == "E5201"
    printed = client.get(path(site, "/card/pdf"))
    assert printed.headers["content-type"] == "application/pdf"
    assert printed.content.startswith(b"%PDF")


def test_a_card_that_nobody_reported_in_24_hours_is_overdue(site):
    client = site.client("physician")
    content = confirmed(client.get(path(site)).json())
    content["classification"]["tier"] = "suspected"
    content["classification"]["basis"] = [{"code": "imaging", "source": "measurement"}]
    client.put(path(site, "/draft"), json={"version": 0, "base": 0, "content": content})
    client.post(path(site, "/preliminary"), json={"version": 1})
    client.put(path(site, "/card"), json={"state": "prepared", "fields": {}})
    card = client.get(path(site, "/card")).json()
    assert (card["state"], card["overdue"]) == ("prepared", False)
    site.clock.at += 25 * 3_600_000
    site.shared.tokens.clear()  # a session does not outlive the day
    client = site.client("physician")
    assert client.get(path(site, "/card")).json()["overdue"] is True
    assert client.get(path(site)).json()["card"]["overdue"] is True  # the form says so too
    client.put(path(site, "/card"), json={"state": "reported", "fields": {}})
    assert client.get(path(site, "/card")).json()["overdue"] is False


def test_a_fact_is_said_by_who_enters_it(site):
    physician, radiologist = site.client("physician"), site.client("radiologist")
    content = confirmed(physician.get(path(site)).json())
    content["classification"]["tier"] = "clinical"
    facts = [("imaging", "measurement"), ("symptoms", "person:physician"),
             ("igra", "person:radiologist")]  # fmt: skip
    content["classification"]["basis"] = [{"code": c, "source": s} for c, s in facts]
    physician.put(path(site, "/draft"), json={"version": 0, "base": 0, "content": content})
    saved = physician.post(path(site, "/preliminary"), json={"version": 1}).json()
    basis = {one["code"]: one["source"] for one in saved["content"]["classification"]["basis"]}
    assert basis["igra"] == "person:physician"  # the radiologist never said so
    content = saved["content"]
    form = {"version": 0, "base": 1, "content": content}
    kept = radiologist.put(path(site, "/draft"), json=form)
    assert kept.status_code == 200
    again = radiologist.get(path(site)).json()["draft"]["content"]["classification"]["basis"]
    assert {one["source"] for one in again} == {"measurement", "person:physician"}


def test_a_severity_that_says_measured_equals_the_measurement(site):
    client = site.client("physician")
    content = confirmed(client.get(path(site)).json())
    lie = {"scale": "timika", "value": "99", "source": "measurement", "confirmed": True}
    own = {"scale": "score", "value": "cavity,effusion", "source": "person:physician",
           "confirmed": True}  # fmt: skip
    form = {"version": 0, "base": 0, "content": content | {"severity": [lie, own]}}
    names = [p["name"] for p in client.put(path(site, "/draft"), json=form).json()["prompts"]]
    assert names[0] == "severity:timika"
    form = {"version": 1, "base": 0, "content": content | {"severity": [own]}}
    client.put(path(site, "/draft"), json=form)
    saved = client.post(path(site, "/preliminary"), json={"version": 2}).json()
    body = saved["versions"][0]["body"]
    assert "3 分（空洞、单侧胸腔积液）" in body["text_zh"]
    assert "3 points (cavity, unilateral pleural effusion)" in body["text_en"]


def outlined(site):
    """Give the study a result whose cavity is outlined on its only image."""
    frame = f"{site.uid}.1.1/1"
    ring = [[2.0, 2.0], [9.0, 2.0], [9.0, 8.0], [2.0, 8.0]]
    lines = {frame: [{"lesion": CAVITY.id, "points": ring}]}
    key, data = site.box.vault.key(site.study()), json.dumps(lines).encode()
    blob = put(site.box.blobs, data, key, bytes(range(32)))
    site.shared.result(
        site.uid, {"outlines": blob}, modality="CT", qc=None, tb=None, series=None, reason=None,
        case=None, method={"model": "m"}, lesions=[lesion_json(CAVITY)],
    )  # fmt: skip
    return frame


def test_pictures_are_offered_drawn_and_frozen_with_the_signature(site):
    frame = outlined(site)
    client = site.client("radiologist")
    give_factor(site)
    state = client.get(path(site)).json()
    assert state["pictures"] == [{"frame": frame, "lesions": [CAVITY.id]}]
    png = client.get(path(site, "/picture"), params={"frame": frame})
    assert png.headers["content-type"] == "image/png"
    pixels = np.asarray(Image.open(io.BytesIO(png.content)).convert("RGB")).astype(int)
    assert (np.ptp(pixels, axis=2) > 60).sum() > 50  # the outline is coloured
    strange = client.get(path(site, "/picture"), params={"frame": "1.9.9/1"})
    assert strange.json()["code"] == "E5201"
    content = confirmed(state) | {"pictures": [frame]}
    client.put(path(site, "/draft"), json={"version": 0, "base": 0, "content": content})
    signed = client.post(path(site, "/sign"), json={"version": 1, "otp": code(site)})
    assert signed.status_code == 201, signed.text
    body = signed.json()["versions"][0]["body"]
    assert body["outlines"][frame][0]["lesion"] == CAVITY.id
    assert len(body["signature"]["outlines"]) == 64
    wrong = content | {"pictures": ["1.9.9/1"]}
    answer = client.put(
        path(site, "/draft"), json={"version": 0, "base": 1, "content": wrong}
    ).json()
    assert answer["code"] == "E5201"


def test_the_follow_up_table_is_signed_as_the_comparison_says_it(site):
    client = site.client("radiologist")
    give_factor(site)
    prior = f"{site.uid}.7"
    number = site.uid.rpartition(".")[2]
    site.shared.send(chest(study=prior, patient=f"P{number}", StudyDate="20260801"))
    made = comparison() | {"other": site.shared.study(prior), "blobs": {}, "seconds": 1.0}
    study, subject = site.study(), site.box.vault.study(site.uid).subject
    site.box.append([Draft("comparison.proposed", made, subject=subject, key=study)])
    state = client.get(path(site)).json()
    table = state["follow_up"]
    assert [row["verdict"] for row in table["rows"]] == ["regression", "resolved"]
    content = confirmed(state)
    lie = table | {"conclusion_zh": "较前增大"}
    answer = client.put(
        path(site, "/draft"),
        json={"version": 0, "base": 0, "content": content | {"follow_up": lie}},
    )
    assert answer.json()["prompts"][0]["name"] == "follow_up"
    refused = client.post(path(site, "/sign"), json={"version": 1, "otp": code(site)})
    assert refused.json()["code"] == "E5207"
    form = {"version": 1, "base": 0, "content": content | {"follow_up": table}}
    assert client.put(path(site, "/draft"), json=form).status_code == 200
    signed = client.post(path(site, "/sign"), json={"version": 2, "otp": code(site)})
    assert signed.status_code == 201, signed.text
    assert signed.json()["content"]["follow_up"]["conclusion_zh"] == "较前缩小"
