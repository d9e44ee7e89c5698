"""The whole chain on a phantom with exact truth, and on input that is no chest CT."""

import dataclasses

import numpy as np
import pytest

from core.imaging.ct import CtOptions, analyse_ct
from core.imaging.geometry import geometry_of_grid
from core.imaging.remeasure import remeasure
from core.imaging.volume import Volume
from core.phantom.ct import CtSpec, make_ct

SPEC = CtSpec(
    seed=4, case="tb", slices=160, rows=256, columns=256, spacing_mm=(2.0, 1.5, 1.5), noise_hu=15.0
)


def geometry_of(volume):
    return geometry_of_grid(
        volume.voxels.shape, volume.spacing_mm, volume.origin_mm, volume.direction
    )


@pytest.fixture(scope="module")
def phantom():
    return make_ct(SPEC)


@pytest.fixture(scope="module")
def told():
    return []


@pytest.fixture(scope="module")
def findings(phantom, told):
    return analyse_ct(phantom.volume, geometry_of(phantom.volume), told.append)


def nearest(findings, lesion):
    return min(
        findings.lesions,
        key=lambda f: np.linalg.norm(np.subtract(f.centroid_mm, lesion.centroid_mm)),
    )


def test_the_chain_runs_and_tells_its_stages(findings, told):
    assert findings.status == "ok"
    assert findings.qc.verdict == "pass"
    assert told == ["quality", "lungs", "quality", "lesions", "measures", "anatomy"]
    assert set(findings.seconds) == set(told)
    assert findings.reason is None


def test_lungs_agree_with_the_truth(findings, phantom):
    for label in (1, 2):
        found, true = findings.lungs == label, phantom.truth.mask(label)
        assert 2 * (found & true).sum() / (found.sum() + true.sum()) > 0.93


@pytest.mark.parametrize("kind", ["cavity", "consolidation", "calcification"])
def test_lesions_of_a_kind_are_found_and_measured(findings, phantom, kind):
    for true in (lesion for lesion in phantom.truth.lesions if lesion.kind == kind):
        found = nearest(findings, true)
        away = np.linalg.norm(np.subtract(found.centroid_mm, true.centroid_mm))
        assert away < max(true.long_axis_mm / 2, 4)
        assert found.kind == kind
        assert found.location == true.location
        assert found.long_axis_mm == pytest.approx(true.long_axis_mm, rel=0.4, abs=3)
        assert 0.5 <= found.probability <= 1


def test_label_map_and_numbers_agree(findings, phantom):
    assert findings.label_map.dtype == np.uint16
    assert findings.label_map.shape == phantom.volume.voxels.shape
    for lesion in findings.lesions:
        mask = findings.label_map == lesion.id
        # Partial voxels count by their share: a coarse scan of small lesions shows it most.
        drawn = mask.sum() * phantom.volume.voxel_ml
        assert drawn == pytest.approx(lesion.volume_ml, rel=0.35, abs=0.1)
        centre = phantom.volume.to_lps(np.argwhere(mask).mean(axis=0))
        assert centre == pytest.approx(np.array(lesion.centroid_mm), abs=1.0)


def test_the_same_outline_gives_the_same_numbers_whoever_drew_it(findings, phantom):
    again = remeasure(phantom.volume, findings.label_map, findings.lesions)
    for first, second in zip(findings.lesions, again, strict=True):
        assert second.volume_ml == pytest.approx(first.volume_ml)
        assert second.long_axis_mm == pytest.approx(first.long_axis_mm)
        assert second.extra == pytest.approx(first.extra)
        assert second.codes == first.codes


def test_cavity_has_a_wall(findings):
    cavity = next(lesion for lesion in findings.lesions if lesion.kind == "cavity")
    assert 0 < cavity.extra["wall_mean_mm"] <= cavity.extra["wall_max_mm"]
    assert cavity.extra["wall_volume_ml"] + cavity.extra["lumen_volume_ml"] == pytest.approx(
        cavity.volume_ml
    )


def test_not_drowned_in_false_candidates(findings, phantom):
    assert len(findings.lesions) <= len(phantom.truth.lesions) + 4


def small(values, spacing=(5.0, 4.0, 4.0)):
    return Volume(values, spacing, (0.0, 0.0, 0.0), np.eye(3)[:, ::-1])


def test_a_block_of_tissue_is_not_applicable():
    values = np.full((60, 100, 100), -1000, np.int16)
    values[:, 20:80, 20:80] = 40
    found = analyse_ct(small(values), geometry_of(small(values)))
    assert found.status == "not_applicable"
    assert found.lesions is None
    assert found.reason.code == "CT_NO_LUNG"


def test_values_without_air_are_refused_not_called_a_body():
    values = np.full((60, 100, 100), 24, np.int16)
    values[:, 20:80, 20:80] = 1064
    found = analyse_ct(small(values), geometry_of(small(values)))
    assert found.status == "refused"
    assert found.reason.code == "CT_HU_AIR_OFF"


def test_five_slices_are_refused_before_anything_is_computed():
    volume = small(np.zeros((5, 64, 64), np.int16))
    found = analyse_ct(volume, geometry_of(volume))
    assert found.status == "refused"
    assert found.reason.code == "CT_FEW_SLICES"
    assert "lungs" not in found.seconds


def test_an_override_analyses_what_was_refused():
    values = np.full((10, 64, 64), -1000, np.int16)
    values[:, 10:54, 10:54] = 40
    volume = small(values)
    found = analyse_ct(volume, geometry_of(volume), options=CtOptions(override=True))
    assert found.status == "not_applicable"  # it got as far as looking for lungs
    assert found.qc.verdict == "reject"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"voxels": np.zeros((4, 4), np.int16)}, "E3201"),
        ({"voxels": np.zeros((0, 4, 4), np.int16)}, "E3201"),
        ({"spacing_mm": (-1.0, 1.0, 1.0)}, "E3202"),
        ({"spacing_mm": (1.0, float("nan"), 1.0)}, "E3202"),
        ({"spacing_mm": (1.0, 1.0, 900.0)}, "E3202"),
        ({"direction": np.zeros((3, 3))}, "E3202"),
        ({"origin_mm": (0.0, float("inf"), 0.0)}, "E3202"),
    ],
)
def test_unusable_arrays_fail_with_a_code(change, code):
    volume = small(np.zeros((30, 16, 16), np.int16))
    geometry = geometry_of(volume)
    found = analyse_ct(dataclasses.replace(volume, **change), geometry)
    assert found.status == "failed"
    assert found.reason.code == code
    assert found.lesions is None


def test_not_a_number_is_told_and_harmless():
    values = np.full((60, 60, 60), -1000, np.float32)
    values[:, 10:50, 10:50] = 40
    values[3, 4, 5] = np.nan
    volume = small(values)
    found = analyse_ct(volume, geometry_of(volume))
    assert "CT_VALUES_INVALID" in {reason.code for reason in found.qc.reasons}
