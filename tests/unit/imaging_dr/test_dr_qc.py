"""Quality control of radiographs: every reason appears where it should and nowhere else."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy import ndimage as ndi

from core.imaging.dr_errors import RadiographUnusable
from core.imaging.dr_exposure import deviation_index
from core.imaging.dr_limits import DrLimits, SiteLimits
from core.imaging.dr_qc import assess_dr
from core.imaging.dr_sentences import codes, reason
from core.imaging.volume import Radiograph
from tests.dr_cases import chest, chest_pixels


def _codes(result, severity=None):
    return {r.code for r in result.reasons if severity in (None, r.severity)}


def _changed(change):
    pixels = np.ascontiguousarray(change(chest_pixels()), dtype=np.float32)
    return assess_dr(Radiograph(pixels, bits_stored=8))


def test_a_good_chest_passes_without_a_word_but_that_a_picture_tells_no_exposure():
    result = assess_dr(chest())
    assert result.verdict == "pass"
    assert [(r.code, r.severity) for r in result.reasons] == [("DR_EXPOSURE_NOT_TOLD", "info")]
    assert assess_dr(chest(DeviationIndex=0.0)).reasons == ()
    assert result.metrics["chest_match"] > 0.8


@pytest.mark.parametrize("side", [256, 440, 1024])
def test_size_does_not_change_the_verdict(side):
    assert assess_dr(chest(side=side)).verdict != "reject"


def test_exposure_level_and_offset_do_not_change_the_match():
    plain = assess_dr(chest())
    raw = Radiograph(chest_pixels() * 12.0 + 300.0, bits_stored=12)
    other = assess_dr(raw)
    assert other.verdict == "pass"
    assert other.metrics["chest_match"] == pytest.approx(plain.metrics["chest_match"], abs=0.01)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda p: 255 - p, "DR_POLARITY"),
        (lambda p: np.rot90(p, 2), "DR_TURNED"),
        (lambda p: ndi.gaussian_filter(p, 4), "DR_BLUR"),
        (lambda p: ndi.uniform_filter1d(p, 19, axis=0), "DR_BLUR"),
        (lambda p: p + np.random.default_rng(0).normal(0, 60, p.shape), "DR_NOISE"),
        (lambda p: np.round(p * 0.1), "DR_CONTRAST_LOW"),
        (lambda p: np.clip(p, 110, 254), "DR_CLIPPED_LOW"),
        (lambda p: np.clip(p, 0, 110), "DR_CLIPPED_HIGH"),
        (lambda p: p[200:], "DR_CUT_APICES"),
        (lambda p: p[:, 200:], "DR_CUT_SIDE"),
    ],
)
def test_a_gross_fault_is_rejected_with_its_code(change, code):
    result = _changed(change)
    assert code in _codes(result, "reject"), result
    assert result.verdict == "reject"


@pytest.mark.parametrize(
    "picture",
    [
        np.random.default_rng(0).random((300, 300)) * 255,
        np.hypot(*np.mgrid[-150:150, -150:150]) % 40 * 6,
    ],
)
def test_what_is_no_chest_is_said_to_be_none(picture):
    result = assess_dr(Radiograph(picture.astype(np.float32), bits_stored=8))
    assert result.verdict == "reject"
    assert _codes(result, "reject") <= {"DR_NOT_CHEST", "DR_TURNED", "DR_POLARITY"}


def test_a_cut_base_is_noticed():
    """Half the lungs missing below is never passed in silence, though not always named rightly."""
    found = assess_dr(Radiograph(np.ascontiguousarray(chest_pixels()[:250]), bits_stored=8))
    assert found.verdict != "pass"
    assert "DR_CUT_BASES" in _codes(found)


@pytest.mark.parametrize(
    ("tags", "code"),
    [
        ({"BodyPartExamined": "EXTREMITY"}, "DR_BODY_PART"),
        ({"BodyPartExamined": "HAND"}, "DR_BODY_PART"),
        ({"ViewPosition": "LL"}, "DR_VIEW_LATERAL"),
        ({"ViewPosition": "LATERAL"}, "DR_VIEW_LATERAL"),
        ({"QualityControlImage": "YES"}, "DR_QC_PHANTOM"),
        ({"DeviationIndex": -7.0}, "DR_EXPOSURE_LOW"),
    ],
)
def test_tags_alone_can_reject(tags, code):
    assert code in _codes(assess_dr(chest(**tags)), "reject")


@pytest.mark.parametrize("part", ["CHEST", "Chest", "THORAX", "胸部", "", None, "CHEST_PA"])
@pytest.mark.parametrize("view", ["PA", "AP", "pa", "", None])
def test_tags_of_a_frontal_chest_pass(part, view):
    tags = {"BodyPartExamined": part, "ViewPosition": view}
    assert assess_dr(chest(side=256, **tags)).verdict != "reject"


@pytest.mark.parametrize(
    ("tags", "index"),
    [
        ({"ExposureIndex": 500, "TargetExposureIndex": 250}, 3.0103),
        ({"ExposureIndex": "125", "TargetExposureIndex": "250"}, -3.0103),
        ({"DeviationIndex": "1.5"}, 1.5),
        ({"ExposureIndex": 0, "TargetExposureIndex": 250, "DeviationIndex": -2}, -2.0),
        ({"ExposureIndex": "x", "TargetExposureIndex": 250}, None),
        ({"DeviationIndex": float("nan")}, None),
        ({}, None),
    ],
)
def test_deviation_index(tags, index):
    assert deviation_index(tags) == (None if index is None else pytest.approx(index, abs=1e-3))


@pytest.mark.parametrize(
    ("index", "code", "severity"),
    [
        (-2.9, None, None),
        (1.9, None, None),
        (-3.1, "DR_EXPOSURE_LOW", "warn"),
        (2.1, "DR_EXPOSURE_HIGH", "warn"),
        (20.0, "DR_EXPOSURE_HIGH", "warn"),
        (-6.1, "DR_EXPOSURE_LOW", "reject"),
    ],
)
def test_deviation_index_is_held_against_the_limits(index, code, severity):
    found = [r for r in assess_dr(chest(DeviationIndex=index)).reasons if "EXPOSURE" in r.code]
    if code is None:
        assert found == []
    else:
        assert [(r.code, r.severity) for r in found] == [(code, severity)]
        assert found[0].metric == "deviation_index_db"
        assert found[0].value == pytest.approx(index)
        assert found[0].limit is not None


def test_limits_by_site_device_and_view():
    site = SiteLimits(
        default=DrLimits(),
        by_device_view={("DR-2", ""): {"di_warn_high": 5.0}, ("DR-2", "AP"): {"di_warn_high": 1.0}},
    )

    def high(**tags):
        return "DR_EXPOSURE_HIGH" in _codes(assess_dr(chest(DeviationIndex=3.0, **tags), site))

    assert high(StationName="DR-1")
    assert not high(StationName="DR-2", ViewPosition="PA")
    assert high(StationName="DR-2", ViewPosition="AP")


def test_metrics_get_worse_with_the_fault():
    def metric(name, change):
        return _changed(change).metrics[name]

    sharp = [
        metric("sharpness_log_ratio", lambda p, s=s: ndi.gaussian_filter(p, s)) for s in (0, 1, 2)
    ]
    assert sharp == sorted(sharp, reverse=True)
    grain = np.random.default_rng(0).normal(0, 1, chest_pixels().shape)
    noise = [metric("noise_share", lambda p, n=n: p + n * grain) for n in (0, 5, 10, 20)]
    assert noise == sorted(noise)


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((0, 0)),
        np.zeros((512, 512)),
        np.full((512, 512), np.nan),
        np.random.default_rng(0).random((10, 512)),
        np.random.default_rng(0).random((3, 512, 512)),
    ],
)
def test_what_is_no_picture_is_a_typed_error(pixels):
    with pytest.raises(RadiographUnusable):
        assess_dr(Radiograph(pixels.astype(np.float32)))


@pytest.mark.parametrize("shape", [(64, 64), (64, 2000), (2000, 64), (65, 511)])
def test_odd_shapes_get_an_answer(shape):
    pixels = np.random.default_rng(0).random(shape).astype(np.float32)
    assert assess_dr(Radiograph(pixels)).verdict in {"pass", "warn", "reject"}


def test_every_code_has_both_sentences():
    for code in codes():
        found = reason(code, "warn")
        assert any("\u4e00" <= letter <= "\u9fff" for letter in found.message_zh)
        assert found.message_en.isprintable()
        assert not any("\u4e00" <= letter <= "\u9fff" for letter in found.message_en)


def test_reject_carries_value_beyond_limit():
    for change in (lambda p: ndi.gaussian_filter(p, 4), lambda p: p[200:]):
        for found in _changed(change).reasons:
            if found.severity == "info":
                continue
            fields = dataclasses.asdict(found)
            assert fields["value"] is not None
            assert fields["limit"] is not None
            assert fields["metric"]
