"""What a submitted review leads to: corrected SEG and SR that supersede the AI's."""

from __future__ import annotations

import io
import json

import numpy as np
import pydicom
import pytest

from core.imaging.redraw import inside
from core.imaging.remeasure import remeasure
from edge.review.base import base_of
from edge.review.images import StudyImages
from edge.review.measuring import lesion_of
from tests.dciodvfy import errors_of, needs_dciodvfy
from tests.review_site import ReviewSite, accepted, disc
from tests.seg_frames import frames_of


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    return ReviewSite(tmp_path_factory.mktemp("objects") / "box")


def objects(site, draft):
    found = {}
    for one in draft["objects"]:
        with site.box.blobs.open(one["blob"], site.box.vault.key(site.study)) as blob:
            found.setdefault(one["label"], pydicom.dcmread(io.BytesIO(blob.read())))
    return found


def test_a_correction_supersedes_the_ai_s_seg_and_sr(site):
    client = site.client("wang")
    first = objects(site, site.last("report.drafted"))
    drawn = {site.frame(k): [disc(30, 30, 6)] for k in (4, 5, 6)}
    ring = {site.frame(2): [disc(44, 40, 6), disc(44, 40, 3)]}
    lesions = [
        accepted(decision="changed", outlines=drawn),
        {"id": 3, "decision": "added", "kind": "cavity", "location": "left_upper_zone",
         "outlines": ring},
    ]  # fmt: skip
    assert client.post(
        f"{site.base}/review", json={"result": 1, "lesions": lesions}
    ).status_code == 201  # fmt: skip
    site.settle(1)
    draft = site.last("report.drafted")
    made = objects(site, draft)
    seg, sr = made["seg"], made["sr"]
    assert seg.SOPInstanceUID != first["seg"].SOPInstanceUID
    assert seg.ContentLabel == "CORRECTED"
    assert [s.SegmentAlgorithmType for s in seg.SegmentSequence] == ["SEMIAUTOMATIC", "MANUAL"]
    pixels = frames_of(seg)
    assert np.array_equal(pixels[1, "1.2.3.5"], inside([np.array(disc(30, 30, 6))], (64, 64)))
    hole = [np.array(one) for one in ring[site.frame(2)]]
    assert np.array_equal(pixels[2, "1.2.3.3"], inside(hole, (64, 64)))
    assert sorted(pixels) == [(1, "1.2.3.5"), (1, "1.2.3.6"), (1, "1.2.3.7"), (2, "1.2.3.3")]
    assert sr.VerificationFlag == "VERIFIED"
    earlier = sr.PredecessorDocumentsSequence[0].ReferencedSeriesSequence[0]
    assert earlier.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == first["sr"].SOPInstanceUID
    assert "修改 1" in draft["text_zh"]
    assert "1 changed" in draft["text_en"]
    text = sr.to_json()
    for code in ("lesions_changed", "lesions_added", "review_decision"):
        assert code in text


@needs_dciodvfy
def test_dciodvfy_finds_no_error_in_the_corrected_objects(site, tmp_path):
    made = objects(site, site.last("report.drafted"))
    assert made["seg"].ContentLabel == "CORRECTED"
    for label in ("seg", "sr", "sc"):
        assert errors_of(made[label], tmp_path) == [], label


def test_a_part_of_the_volume_measures_as_the_whole(site):
    client = site.client("wang")
    drawn = {site.frame(k): [disc(24, 26, 5)] for k in (5, 6)}
    body = {"id": 1, "kind": "solid_nodule", "location": "right_upper_zone", "outlines": drawn}
    part = client.post(f"{site.base}/review/measure", json=body).json()["lesion"]
    base = base_of(site.box, site.study, "")
    volume = StudyImages(site.box).part(site.study, base.planes, 0, len(base.planes) - 1).volume
    labels = np.zeros(volume.voxels.shape, np.uint16)
    for index in (5, 6):
        labels[index][inside([np.array(disc(24, 26, 5))], (64, 64))] = 1
    (whole,) = remeasure(volume, labels, [lesion_of(base.lesions[0])])
    for name in ("volume_ml", "long_axis_mm", "short_axis_mm", "mean_hu"):
        assert part[name] == pytest.approx(getattr(whole, name), abs=0.05), name
    assert part["centroid_mm"] == pytest.approx(whole.centroid_mm, abs=0.01)


def test_all_rejected_is_no_finding_under_the_physician_s_name(site):
    client = site.client("li")
    head = client.get(f"{site.base}/review").json()["versions"][-1]
    lesions = [
        {"id": n, "decision": "rejected", "reason": "vessel"}
        for n in [one["id"] for one in head["lesions"] if one["decision"] != "rejected"]
    ]
    answer = client.post(
        f"{site.base}/review", json={"result": 1, "parent": head["id"], "lesions": lesions}
    )
    assert answer.status_code == 201, answer.text
    site.settle(1)
    made = objects(site, site.last("report.drafted"))
    assert "seg" not in made
    assert "no_finding" in made["sr"].to_json()
    assert json.loads(made["sr"].to_json())["0040A493"]["Value"] == ["VERIFIED"]
