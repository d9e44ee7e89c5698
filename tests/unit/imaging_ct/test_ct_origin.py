"""A child's CT, a file that does not say how it lies, lungs that no one has: never silent."""

from dataclasses import replace

import pytest

from core.imaging.ct_origin import with_origin
from core.imaging.geometry import geometry_of_grid
from core.imaging.result import QcResult

ADULT = geometry_of_grid((100, 50, 50), (3.0, 6.0, 6.0))
FINE = QcResult("pass", (), {"right_lung_ml": 2500.0, "left_lung_ml": 2300.0})


def told(geometry=ADULT, **metrics):
    qc = with_origin(QcResult("pass", (), FINE.metrics | metrics), geometry)
    return [(one.code, one.severity) for one in qc.reasons], qc.verdict


def test_an_adult_whose_place_is_known_has_nothing_against_it():
    assert with_origin(FINE, replace(ADULT, age_years=15.0)) is FINE


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"age_years": 6.0}, "CT_CHILD"), ({"placed": False}, "CT_PLACE_NOT_TOLD")],
)
def test_what_lowers_the_confidence(changes, code):
    assert told(replace(ADULT, **changes)) == ([(code, "warn")], "warn")


@pytest.mark.parametrize(("ml", "severity"), [(6000.0, "warn"), (40_000.0, "reject")])
def test_lungs_too_large_for_any_body_mean_a_wrong_scale(ml, severity):
    assert told(right_lung_ml=ml, left_lung_ml=ml)[0] == [("CT_LARGE_LUNGS", severity)]


def test_every_sentence_is_whole_in_both_languages():
    child = replace(ADULT, age_years=6.0, placed=False)
    for one in with_origin(QcResult("pass", (), {"right_lung_ml": 2e4}), child).reasons:
        assert one.message_zh.endswith("。")
        assert one.message_en.endswith(".")
        assert "{" not in one.message_zh + one.message_en
