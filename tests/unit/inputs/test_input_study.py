"""The four outcomes of a study, with methods at the port's own interface."""

import dataclasses
import itertools
import json

import numpy as np
import pytest

from core.dicom.facts import image_facts
from core.imaging.case import CaseFindings
from core.imaging.geometry import geometry_of_grid
from core.imaging.result import Lesion, QcResult, Reason, TbScore
from core.imaging.study import StudyInput, analyse_study
from core.imaging.volume import Volume
from tests import input_cases as cases

GOOD = QcResult("pass", (), {"noise_hu": 12.0, "odd": float("nan")})
REASON = Reason("CT_SLICE_GAP", "reject", "有缺层", "slices are missing", "missing", 3.0, 0.0)
LESION = Lesion(1, "cavity", (1.0, 2.0, 3.0), 1.5, 20.0, 11.0, -300.0, "left_upper_zone", 0.8,
                {"wall_mean_mm": 2.2})  # fmt: skip


SCORE = TbScore(0.91, 0.5, True, "dr_tb", "1.0.0", "left-out folds")


@dataclasses.dataclass
class Found:
    qc: QcResult | None = GOOD
    status: str = "ok"
    lesions: tuple | None = (LESION,)
    tb: TbScore | None = SCORE
    seconds: dict = dataclasses.field(default_factory=lambda: {"lungs": 1.0})
    reason: Reason | None = None
    case: CaseFindings | None = None


class Methods:
    """A fake of the engines port that remembers what it was asked."""

    def __init__(self, answer=None):
        self.answer = answer or Found()
        self.asked = []

    def ct(self, volume, geometry, progress, *, override):
        progress("lungs")
        self.asked.append(("ct", volume.voxels.shape, override))
        return self.answer

    def radiograph(self, radiograph, *, override):
        self.asked.append(("radiograph", radiograph.pixels.shape, override))
        return self.answer

    def method(self, modality):
        return {"model": f"method for {modality}", "version": "1", "research_only": True}


def clock():
    ticks = itertools.count()
    return lambda: float(next(ticks))


def study_of(*datasets, **settings):
    by_uid = {one.SOPInstanceUID: one for one in datasets}
    facts = tuple(image_facts(one) for one in datasets)
    return StudyInput("1.2.3", facts, by_uid.__getitem__, **settings)


def ct_study(count=14, **settings):
    return study_of(*(cases.ct_slice(n) for n in range(count)), **settings)


def film(**elements):
    return cases.radiograph(np.arange(80, dtype=np.uint16).reshape(8, 10), **elements)


def test_a_ct_with_a_finding_in_the_public_shape():
    methods, heard = Methods(), []
    result = analyse_study(ct_study(), methods, clock(), heard.append)
    assert methods.asked == [("ct", (14, 16, 20), False)]
    assert heard == ["read", "lungs"]
    public = json.loads(json.dumps(result.as_json("en")))
    assert list(public) == [
        "study", "modality", "status", "reason", "qc", "tb", "lesions", "case", "series",
        "method", "overridden", "seconds",
    ]  # fmt: skip
    assert (public["study"], public["modality"], public["status"]) == ("1.2.3", "CT", "ok")
    assert public["reason"] is None
    assert public["tb"] is None
    assert public["qc"]["metrics"] == {"noise_hu": 12.0, "odd": None}
    assert public["lesions"][0]["centroid_mm"] == [1.0, 2.0, 3.0]
    assert set(public["lesions"][0]) == {
        "id", "kind", "centroid_mm", "volume_ml", "long_axis_mm", "short_axis_mm", "mean_hu",
        "location", "probability", "extra", "intervals", "codes",
    }  # fmt: skip
    assert public["series"]["series_uid"] == "1.2.3.1"
    assert public["seconds"] == {"choose": 1.0, "read": 1.0, "analyse": 1.0, "analyse.lungs": 1.0}
    assert public["method"]["research_only"] is True


def test_no_finding_is_an_empty_list_not_null():
    result = analyse_study(ct_study(), Methods(Found(lesions=())), clock())
    assert result.as_json()["lesions"] == []


def test_a_radiograph():
    methods = Methods()
    result = analyse_study(study_of(film()), methods, clock()).as_json()
    assert methods.asked == [("radiograph", (8, 10), False)]
    assert (result["modality"], result["lesions"]) == ("DX", None)
    assert result["tb"] == {
        "score": 0.91, "threshold": 0.5, "positive": True, "model": "dr_tb", "version": "1.0.0",
        "calibration_set": "left-out folds", "interval": None, "extra": {},
    }  # fmt: skip


def test_a_refusal_names_its_reason_in_both_languages():
    refused = Found(QcResult("reject", (REASON,)), "refused", None)
    result = analyse_study(ct_study(), Methods(refused), clock())
    assert (result.status, result.lesions) == ("refused", None)
    assert result.as_json("en")["reason"] == {
        "code": "CT_SLICE_GAP", "message": "slices are missing", "message_zh": "有缺层",
        "message_en": "slices are missing",
    }  # fmt: skip
    assert result.as_json("zh")["qc"]["reasons"][0]["message"] == "有缺层"


def test_an_override_is_asked_for_and_marked_only_where_it_mattered():
    rejected = Methods(Found(QcResult("reject", (REASON,)), "ok"))
    assert analyse_study(ct_study(override=True), rejected, clock()).overridden
    assert rejected.asked[0][2] is True
    assert not analyse_study(ct_study(override=True), Methods(), clock()).overridden


def test_no_chest_by_header_and_by_pixels():
    head = study_of(*(cases.ct_slice(n, BodyPartExamined="HEAD", SeriesDescription="")
                      for n in range(14)))  # fmt: skip
    methods = Methods()
    result = analyse_study(head, methods, clock())
    assert (result.status, result.reason.code) == ("not_applicable", "NOT_APPLICABLE_BODY_PART")
    assert methods.asked == []
    no_lung = Reason("CT_NO_LUNG", "reject", "未见肺", "no lung")
    found = Found(GOOD, "not_applicable", None, reason=no_lung)
    result = analyse_study(ct_study(), Methods(found), clock())
    assert (result.status, result.reason.code) == ("not_applicable", "CT_NO_LUNG")


@pytest.mark.parametrize(
    ("study", "code", "modality"),
    [
        (study_of(film(), film(SOPInstanceUID="1.9", PatientID="P2")), "E3052", "DX"),
        (study_of(film(PhotometricInterpretation="RGB", SamplesPerPixel=3)), "E3007", "DX"),
        (study_of(film(PixelData=b"")), "E3000", "DX"),
        (study_of(*(cases.ct_slice(n, RescaleSlope=None) for n in range(14))), "E3053", "CT"),
        (study_of(*(cases.ct_slice(n, PixelSpacing=None) for n in range(14))), "E3050", "CT"),
    ],
)
def test_typed_refusals_end_as_failed_with_their_code(study, code, modality):
    result = analyse_study(study, Methods(), clock())
    assert (result.status, result.reason.code, result.modality) == ("failed", code, modality)
    assert result.as_json()["qc"] is None
    assert "P2" not in json.dumps(result.as_json())


def test_defects_are_not_hidden():
    class Broken(Methods):
        def ct(self, volume, geometry, progress, *, override):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        analyse_study(ct_study(), Broken(), clock())


def test_a_volume_without_headers():
    grid = Volume(np.zeros((4, 5, 6), np.int16), (3.0, 1.0, 1.0), (0.0, 0.0, 0.0), np.eye(3))
    study = StudyInput("/a/b.nii", volume=lambda: (grid, geometry_of_grid((4, 5, 6), (3, 1, 1))))
    result = analyse_study(study, Methods(), clock()).as_json()
    assert (result["study"], result["modality"], result["status"]) == ("/a/b.nii", "CT", "ok")
    assert result["series"]["reason_code"] == "SERIES_SINGLE_VOLUME"


def test_a_hostile_description_changes_nothing():
    hostile = film(SeriesDescription="<script>alert(1)</script>", StudyDescription="'; DROP")
    assert analyse_study(study_of(hostile), Methods(), clock()).status == "ok"
