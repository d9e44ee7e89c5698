"""The AI review over HTTP: drafts, measuring, submission, two people at once."""

from __future__ import annotations

import json

import numpy as np
import pytest

from core.imaging.redraw import inside
from tests.review_site import ReviewSite, accepted, disc

VOXEL_ML = 25 * 5 * 5 / 1000


@pytest.fixture(scope="module")
def analysed(tmp_path_factory):
    return ReviewSite(tmp_path_factory.mktemp("review") / "box")


@pytest.fixture
def site(analysed, tmp_path):
    return ReviewSite(tmp_path / "box", kept=analysed)


def changed(site, radius=6.0, slices=(4, 5, 6), **more):
    outlines = {site.frame(k): [disc(30, 30, radius)] for k in slices}
    return accepted(decision="changed", outlines=outlines, **more)


def review(lesions, parent="", result=1, **more):
    return {"result": result, "parent": parent, "lesions": lesions, **more}


def test_a_drawn_outline_has_the_numbers_of_its_voxels(analysed):
    client = analysed.client("wang")
    frames = {analysed.frame(k): [disc(30, 30, 6)] for k in (4, 5, 6)}
    body = {"id": 1, "kind": "solid_nodule", "location": "right_upper_zone", "outlines": frames}
    answer = client.post(f"{analysed.base}/review/measure", json=body)
    assert answer.status_code == 200, answer.text
    lesion = answer.json()["lesion"]
    voxels = 3 * int(inside([np.array(disc(30, 30, 6))], (64, 64)).sum())
    # All voxels of a slice are alike here: no edge to read, the outline is taken as drawn.
    assert lesion["volume_ml"] == pytest.approx(voxels * VOXEL_ML, rel=0.01)
    assert lesion["mean_hu"] == pytest.approx(np.mean([4, 5, 6]) - 800, abs=0.6)
    assert lesion["centroid_mm"] == pytest.approx([-100 + 150, -100 + 150, 125], abs=0.5)
    assert lesion["probability"] == 0.8


def test_an_added_lesion_has_no_probability_and_nonsense_is_refused(analysed):
    client = analysed.client("wang")
    url = f"{analysed.base}/review/measure"
    body = {"id": 9, "kind": "cavity", "location": "left_upper_zone",
            "outlines": {analysed.frame(2): [disc(40, 40, 5), disc(40, 40, 2)]}}  # fmt: skip
    assert client.post(url, json=body).json()["lesion"]["probability"] is None
    for wrong, code in (
        ({"kind": "ghost"}, "E5428"),
        ({"outlines": {}}, "E5427"),
        ({"outlines": {"9.9/1": [disc(1, 1, 1)]}}, "E5427"),
        ({"outlines": {analysed.frame(2): [[[1, 1], [2, 2]]]}}, "E5427"),
        ({"outlines": {analysed.frame(2): [disc(10.5, 10.5, 0.2)]}}, "E5429"),
        ({"outlines": {analysed.frame(2): [disc(900, 900, 4)]}}, "E5429"),
    ):
        answer = client.post(url, json={**body, **wrong})
        assert (answer.status_code, answer.json()["code"]) == (422, code)


def test_slices_between_two_outlines_are_filled(analysed):
    client = analysed.client("wang")
    ends = {analysed.frame(2): [disc(30, 30, 4)], analysed.frame(6): [disc(34, 30, 8)]}
    found = client.post(f"{analysed.base}/review/interpolate", json={"outlines": ends}).json()
    assert sorted(found["outlines"]) == [analysed.frame(k) for k in (3, 4, 5)]
    (ring,) = found["outlines"][analysed.frame(4)]
    mask = inside([np.array(ring)], (64, 64))
    assert np.sqrt(mask.sum() / np.pi) == pytest.approx(6, abs=0.4)
    assert np.argwhere(mask).mean(axis=0) == pytest.approx([30, 32], abs=0.3)


def test_a_submission_is_a_record_of_its_own_and_the_ai_s_statement_stays(site):
    client = site.client("wang")
    before = site.last("findings.proposed")
    added = {"id": 2, "decision": "added", "kind": "cavity", "location": "left_upper_zone",
             "outlines": {site.frame(2): [disc(40, 40, 6), disc(40, 40, 3)]}}  # fmt: skip
    answer = client.post(f"{site.base}/review", json=review([changed(site), added]))
    assert answer.status_code == 201, answer.text
    said = answer.json()
    assert (said["version"], said["decision"]) == (1, "changed")
    assert said["counts"] == {"accepted": 0, "changed": 1, "rejected": 0, "added": 1}
    record = site.last("findings.assessed")
    assert [one["decision"] for one in record["lesions"]] == ["changed", "added"]
    assert (
        record["lesions"][0]["before"]["volume_ml"] != record["lesions"][0]["lesion"]["volume_ml"]
    )
    assert record["lesions"][1]["before"] is None
    lines = site.blob(record["blobs"]["outlines"])
    assert {line["lesion"] for drawn in lines.values() for line in drawn} == {1, 2}
    assert site.last("findings.proposed") == before
    seen = client.get(f"{site.base}/review").json()
    assert [one["current"] for one in seen["versions"]] == [True]
    outlines = client.get(f"{site.base}/review/{said['id']}/outlines").json()
    assert len(outlines["lines"][site.frame(2)]) == 2
    # The list still says what the AI said; what the person says stands in the review.
    assert client.get(site.base).json()["analysis"]["lesions"][0]["kind"] == "solid_nodule"


def test_every_lesion_needs_a_decision_and_every_rejection_a_reason(analysed):
    client = analysed.client("wang")
    url = f"{analysed.base}/review"
    for lesions, code in (
        ([], "E5425"),
        ([accepted(decision="rejected")], "E5426"),
        ([accepted(decision="rejected", reason="mood")], "E5426"),
        ([accepted(), accepted()], "E5428"),
        ([accepted(), accepted(7)], "E5428"),
        ([accepted(decision="added")], "E5428"),
        ([accepted(kind="ghost")], "E5428"),
    ):
        answer = client.post(url, json=review(lesions))
        assert (answer.status_code, answer.json()["code"]) == (422, code), lesions
    answers = [{"code": "suspected_tb", "decision": "disagree", "reason": "mood"}]
    assert client.post(url, json=review([accepted()], predictions=answers)).status_code == 422
    assert analysed.client("zhao").post(url, json=review([accepted()])).status_code == 403


def test_of_two_who_began_alike_the_second_is_told_and_both_versions_stay(site):
    first, second = site.client("wang"), site.client("li")
    url = f"{site.base}/review"
    one = first.post(url, json=review([changed(site)])).json()
    refused = second.post(url, json=review([accepted()]))
    assert (refused.status_code, refused.json()["code"]) == (409, "E5422")
    assert "wang 医生" in refused.json()["message_zh"]
    # Having seen the other version, the second person decides: theirs replaces it, visibly.
    again = second.post(url, json=review([accepted()], supersedes=[one["id"]]))
    assert again.status_code == 201
    versions = second.get(url).json()["versions"]
    assert [(x["version"], x["current"], x["parent"]) for x in versions] == [
        (1, False, ""), (2, True, ""),
    ]  # fmt: skip
    assert versions[0]["replaced_by"] == again.json()["id"]
    # And a third one made on the second goes through at once.
    third = first.post(url, json=review([accepted()], parent=again.json()["id"]))
    assert third.json()["version"] == 3


def test_a_new_result_of_the_ai_refuses_what_was_made_on_the_old_one(site):
    client = site.client("wang")
    site.send([12])
    site.settle(6)
    answer = client.post(f"{site.base}/review", json=review([accepted()]))
    assert (answer.status_code, answer.json()["code"]) == (409, "E5423")


def test_a_draft_is_numbered_survives_a_restart_and_tells_who_else_edits(site):
    client, other = site.client("wang"), site.client("li")
    url = f"{site.base}/review/draft"
    assert client.get(f"{site.base}/review").json()["draft"] is None
    first = client.put(url, json={"version": 0, "body": {"lesions": [1]}})
    assert first.json()["version"] == 1
    assert client.put(url, json={"version": 1, "body": {"lesions": [1, 2]}}).json()["version"] == 2
    stale = client.put(url, json={"version": 1, "body": {}})
    assert (stale.status_code, stale.json()["code"]) == (409, "E5424")
    # Another process of the same box, as after a crash.
    from edge.review.drafts import draft_of
    from edge.store.box import Outside, open_box

    again = open_box(site.box.folder, Outside(site.clock, lambda n: bytes(n)))
    kept = draft_of(again, site.study, "wang")
    again.close()
    assert kept is not None
    assert (kept["version"], kept["body"]) == (2, {"lesions": [1, 2]})
    seen = other.put(url, json={"version": 0, "body": {}}).json()
    assert [one["name"] for one in seen["others"]] == ["wang 医生"]
    assert seen["others"][0]["seconds"] < 5
    assert client.post(f"{site.base}/review", json=review([accepted()])).status_code == 201
    assert client.get(f"{site.base}/review").json()["draft"] is None
    assert other.delete(url).status_code == 200


def test_facts_of_the_case_come_from_a_person_with_their_name(site):
    client = site.client("wang")
    assert client.get(f"{site.base}/review").json()["facts"] == []
    facts = [
        {"code": "hiv", "value": "negative"},
        {"code": "onset", "value": "咳嗽三周", "date": "2026-10-30"},
    ]
    assert client.post(f"{site.base}/facts", json={"facts": facts}).status_code == 201
    wrong = client.post(f"{site.base}/facts", json={"facts": [{"code": "hiv", "value": "maybe"}]})
    assert wrong.status_code == 422
    client.post(f"{site.base}/facts", json={"facts": [{"code": "hiv", "value": "positive"}]})
    seen = {
        one["code"]: one for one in site.client("li").get(f"{site.base}/review").json()["facts"]
    }
    assert (seen["hiv"]["value"], seen["hiv"]["name"], seen["hiv"]["source"]) == (
        "positive", "wang 医生", "person",
    )  # fmt: skip
    assert seen["onset"]["on_date"] == "2026-10-30"


def test_a_review_goes_with_its_subject_and_its_blobs_are_no_orphans(site):
    from edge.store.erase import erase_subject, prune_orphans

    client = site.client("wang")
    client.post(f"{site.base}/review", json=review([changed(site)]))
    client.put(f"{site.base}/review/draft", json={"version": 0, "body": {}})
    assert prune_orphans(site.box, set(site.box.blobs.addresses())) == 0
    subject = site.row("subject")[0]
    erase_subject(site.box, subject, "court")
    assert list(site.box.blobs.addresses()) == []
    for table in ("review", "review_draft"):
        assert site.box.database.query(f"SELECT count(*) FROM {table}") == [(0,)]


def test_a_rebuild_gives_the_same_rows(site):
    client = site.client("wang")
    one = client.post(f"{site.base}/review", json=review([changed(site)])).json()
    client.post(f"{site.base}/review", json=review([accepted()], parent=one["id"]))
    client.post(f"{site.base}/facts", json={"facts": [{"code": "diabetes", "value": "no"}]})
    before = json.dumps(site.box.views.dump(), sort_keys=True)
    site.box.views.rebuild(site.box.journal, site.box.vault)
    assert json.dumps(site.box.views.dump(), sort_keys=True) == before
