"""The routes of what a patient's studies say together: true states, both studies in the journal."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from core.blobs.disk import put
from core.journal.seal import open_record
from core.records.record import Draft
from edge.stages.queue import JobSpec
from tests.api_site import ApiSite, chest

CT, PRIOR, STRANGER = "1.2.3", "1.2.4", "1.2.5"
REASON = {"code": "FU_NOT_COMPARABLE", "message_zh": "无法配准", "message_en": "not registered"}


@pytest.fixture
def site(tmp_path):
    made = ApiSite(tmp_path / "box")
    made.send(chest(study=CT, StudyDate="20261122"), chest(study=PRIOR, StudyDate="20260901"),
              chest(study=STRANGER, patient="P002"))  # fmt: skip
    return made


def propose(site, status="ok", **more):
    """Append a comparison of the CT with its prior, with one picture."""
    study, other = site.study(CT), site.study(PRIOR)
    pixels = np.arange(64, dtype=np.uint8).reshape(8, 8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    address = put(site.box.blobs, out.getvalue(), site.box.vault.key(study), bytes(range(32)))
    body = {
        "id": "c1", "task": "follow_up", "other": other, "days": 82, "shared_frame": False,
        "status": status, "result": {"conclusion_zh": "增大"}, "reason": None, "notes": [],
        "blobs": {"change-0": address}, "seconds": 1.0,
    } | more  # fmt: skip
    subject = site.box.vault.study(CT).subject
    site.box.append([Draft("comparison.proposed", body, subject=subject, key=study)])


def listed(site, study_uid, role="radiologist"):
    return site.client(role).get(f"/api/studies/{site.study(study_uid)}/joined").json()


def test_both_pages_name_the_other_study_and_only_a_look_opens_it(site):
    propose(site)
    (row,) = listed(site, CT)["rows"]
    assert (row["task"], row["state"], row["carrier"], row["days"]) == ("follow_up", "ok", True, 82)
    assert row["other"]["study"] == site.study(PRIOR)
    assert row["other"]["study_date"] == "20260901"
    assert "result" not in row
    (back,) = listed(site, PRIOR)["rows"]
    assert (back["carrier"], back["other"]["study"]) == (False, site.study(CT))
    assert listed(site, STRANGER)["rows"] == []
    assert viewed(site) == {site.study(CT), site.study(PRIOR), site.study(STRANGER)}


def viewed(site):
    records = [open_record(s, site.box.vault) for s in site.box.access.read(0, 1000)]
    return {r.body["study"] for r in records if r.kind == "study.viewed"}


def test_reading_one_shows_it_whole_and_is_noted_for_both(site):
    propose(site)
    client, base = site.client("physician"), f"/api/studies/{site.study(CT)}/joined"
    found = client.get(f"{base}/c1").json()
    assert found["result"] == {"conclusion_zh": "增大"}
    assert found["pictures"] == ["change-0"]
    assert viewed(site) == {site.study(CT), site.study(PRIOR)}
    picture = client.get(f"{base}/c1/pictures/change-0")
    assert picture.headers["content-type"] == "image/png"
    assert Image.open(io.BytesIO(picture.content)).size == (8, 8)
    assert client.get(f"{base}/c1/pictures/other").status_code == 404
    # Nobody comes to it through a study that it is not of.
    stranger = f"/api/studies/{site.study(STRANGER)}/joined/c1"
    assert client.get(stranger).status_code == 404
    assert client.get(f"{stranger}/pictures/change-0").status_code == 404


@pytest.mark.parametrize("state", ["failed", "refused", "not_applicable"])
def test_what_was_not_done_says_why(site, state):
    propose(site, state, result={}, blobs={}, reason=REASON)
    (row,) = listed(site, CT)["rows"]
    assert (row["state"], row["reason"]["code"]) == (state, "FU_NOT_COMPARABLE")


def test_nothing_waiting_and_looking_are_three_answers(site):
    empty = listed(site, CT)
    assert (empty["rows"], empty["looking"], empty["automatic"]) == ([], False, True)
    study, other = site.study(CT), site.study(PRIOR)
    site.site.queue.put([JobSpec("companions", study, study)])
    assert listed(site, CT)["looking"]
    assert not listed(site, PRIOR)["looking"]
    # Analysed, its draft not written yet: nobody has looked for anything.
    site.result(PRIOR)
    assert listed(site, PRIOR)["looking"]
    site.site.queue.put([JobSpec("report", "r", other)])
    job = site.site.queue.claim(["report"])
    site.site.queue.fail(job, {}, None)
    assert not listed(site, PRIOR)["looking"], "the draft failed for good"
    payload = {"task": "follow_up", "other": other, "id": "c2"}
    site.site.queue.put([JobSpec("comparison", "c2", study, payload=payload)])
    for study_uid in (CT, PRIOR):
        (row,) = listed(site, study_uid)["rows"]
        assert (row["state"], row["id"]) == ("waiting", "c2")
    site.site.queue.claim(["comparison"])
    (row,) = listed(site, CT)["rows"]
    assert row["state"] == "running"


def test_what_is_no_longer_one_patients_is_not_shown_before_it_is_withdrawn(site):
    propose(site)
    patient = {"PatientID": "P002", "PatientName": "LI^SI", "PatientSex": "M"}
    body = {"patient": patient, "study": {}, "sop_instance": "", "blob": ""}
    subject = site.box.vault.move_study(site.study(PRIOR), "", "P002").subject
    key = site.study(PRIOR)
    site.box.append([Draft("identity.corrected", body, subject=subject, key=key)])
    assert listed(site, CT)["rows"] == []
    assert listed(site, PRIOR)["rows"] == []
    client = site.client("radiologist")
    for path in ("c1", "c1/pictures/change-0"):
        answer = client.get(f"/api/studies/{site.study(CT)}/joined/{path}")
        assert answer.status_code == 404


def test_a_hidden_patient_is_hidden_here_too(site):
    propose(site)
    site.restrict(CT)
    base = f"/api/studies/{site.study(CT)}/joined"
    for path in ("", "/c1", "/c1/pictures/change-0"):
        assert site.client("radiologist").get(base + path).status_code == 404
