"""Exposure from pixels: 3 dB for every doubling, silence where pixels cannot tell, no reject."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from core.imaging.dr_exposure import SIGNAL_TO_NOISE, tells_exposure
from core.imaging.dr_limits import DrLimits, SiteLimits
from core.imaging.dr_qc import assess_dr
from core.imaging.volume import Radiograph
from core.phantom.dr import DrSpec, make_dr
from tests.dr_cases import chest_pixels

_QUANTA = 12_000.0  # per pixel behind the lung at the target exposure: the phantom's, about
_INDICES = ("ExposureIndex", "TargetExposureIndex", "DeviationIndex")


def _exposed(share: float, side: int = 768, seed: int = 0) -> Radiograph:
    """A 12-bit chest whose noise is that of the quanta: log of counts, as a console sends it."""
    smooth = chest_pixels(side, seed)
    density = smooth / 255.0 * 2.4
    counts = _QUANTA * share * np.exp(-density)
    generator = np.random.default_rng(seed)
    noisy = generator.poisson(counts).astype(np.float64)
    seen = -np.log(np.maximum(noisy, 0.5) / (_QUANTA * share))
    return Radiograph(np.rint(seen / 2.4 * 3000 + 500).astype(np.float32), bits_stored=12)


def _exposure_codes(radiograph: Radiograph, limits: object = None) -> list[tuple[str, str]]:
    found = assess_dr(radiograph, limits).reasons
    return [(r.code, r.severity) for r in found if r.code.startswith("DR_EXPOSURE")]


def _without_indices(radiograph: Radiograph) -> Radiograph:
    tags = {k: v for k, v in radiograph.tags.items() if k not in _INDICES}
    return dataclasses.replace(radiograph, tags=tags)


def test_three_decibels_for_every_doubling_on_the_digital_patient():
    ratios, said = [], []
    for exposure in (1 / 16, 1 / 4, 1.0, 32.0):
        spec = DrSpec(
            rows=1024, columns=1024, pixel_mm=0.38, oversize=12, case="normal", exposure=exposure
        )
        phantom = make_dr(spec)
        by_tags = assess_dr(phantom.radiograph)
        assert "DR_EXPOSURE_NOT_TOLD" not in {r.code for r in by_tags.reasons}
        judged = assess_dr(_without_indices(phantom.radiograph))
        assert "deviation_index_db" not in judged.metrics
        ratios.append(judged.metrics[SIGNAL_TO_NOISE])
        assert by_tags.metrics[SIGNAL_TO_NOISE] == ratios[-1]
        said.append({r.code: r.severity for r in judged.reasons if "EXPOSURE" in r.code})
    steps = np.diff(ratios)
    assert steps == pytest.approx([6.0, 6.0, 15.0], abs=1.2)
    assert said[0] == {"DR_EXPOSURE_LOW_PIXELS": "warn"}
    assert said[1:3] == [{}, {}]
    assert said[3] == {"DR_EXPOSURE_HIGH_PIXELS": "warn"}


def test_monotone_on_quantum_noise():
    ratios = [assess_dr(_exposed(2.0**n)).metrics[SIGNAL_TO_NOISE] for n in range(-5, 1)]
    assert ratios == sorted(ratios)
    assert ratios[-1] - ratios[0] == pytest.approx(15.0, abs=2.5)


@pytest.mark.parametrize(
    "tags",
    [
        {"LossyImageCompression": "01"},
        {"ConversionType": "WSD"},
        {"ImageType": ("DERIVED", "SECONDARY", "", "PICTURE")},
        {"PixelIntensityRelationship": "LIN"},
    ],
)
def test_cooked_pixels_tell_nothing(tags):
    noisy = dataclasses.replace(_exposed(1 / 64), tags=tags)
    assert not tells_exposure(noisy)
    assert _exposure_codes(noisy) == [("DR_EXPOSURE_NOT_TOLD", "info")]
    assert SIGNAL_TO_NOISE not in assess_dr(noisy).metrics


def test_eight_bits_and_few_pixels_and_rounded_noise_tell_nothing():
    seen = _exposed(1 / 64)
    eight = Radiograph(np.rint(seen.pixels / 16), bits_stored=8)
    small = _exposed(1 / 64, side=400)
    # Stored in 12 bits, but smoothed until the noise is under a grey step.
    smooth = Radiograph(chest_pixels(768) * 0.5, bits_stored=12)
    for radiograph in (eight, small, smooth):
        assert _exposure_codes(radiograph) == [("DR_EXPOSURE_NOT_TOLD", "info")]


def test_the_header_decides_where_it_says_something():
    noisy = dataclasses.replace(_exposed(1 / 64), tags={"DeviationIndex": 0.0})
    assert _exposure_codes(noisy) == []
    assert SIGNAL_TO_NOISE in assess_dr(noisy).metrics


def test_a_suspicion_from_pixels_never_rejects():
    for share in (1 / 4096, 1 / 256, 1 / 16, 1024.0):
        for code, severity in _exposure_codes(_exposed(share)):
            assert (code.endswith("_PIXELS"), severity) in {(True, "warn"), (False, "info")}


def test_saturated_lungs_are_suspected_of_over_exposure():
    seen = _exposed(1.0)
    cut = np.maximum(seen.pixels, np.percentile(seen.pixels, 35))
    found = assess_dr(Radiograph(cut.astype(np.float32), bits_stored=12))
    assert ("DR_EXPOSURE_HIGH_PIXELS", "warn") in [(r.code, r.severity) for r in found.reasons]


def test_a_site_sets_its_own_zero():
    site = SiteLimits(DrLimits(), {("DR-9", ""): {"snr_warn_low": 5.0}})
    noisy = _exposed(1 / 64)
    assert _exposure_codes(noisy, site) == [("DR_EXPOSURE_LOW_PIXELS", "warn")]
    own = dataclasses.replace(noisy, tags={"StationName": "DR-9"})
    assert _exposure_codes(own, site) == []


def test_no_sentence_takes_it_for_the_deviation_index():
    for share in (1 / 64, 4096.0):
        found = [r for r in assess_dr(_exposed(share)).reasons if r.code.endswith("_PIXELS")]
        for one in found:
            assert "不是偏差指数" in one.message_zh
            assert "not a deviation index" in one.message_en
            assert "疑似" in one.message_zh
            assert "suspected" in one.message_en
