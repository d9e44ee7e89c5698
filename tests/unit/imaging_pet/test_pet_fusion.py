"""PET-CT of a digital patient: motion recovered, uptake measured, four outcomes kept apart."""

from dataclasses import replace

import numpy as np
import pytest

from core.imaging.geometry import geometry_of_grid
from core.imaging.pet import PetSeries
from core.imaging.pet_errors import PetNoOverlapError
from core.imaging.pet_foci import (
    PEAK_RADIUS_MM,
    Reference,
    SuvImage,
    find_foci,
    hot_threshold,
    measure_uptake,
    sphere,
)
from core.imaging.pet_sites import HEART, LIVER, MEDIASTINUM
from core.imaging.petct import fuse, refused_pet
from core.imaging.petct_lesions import CtSide
from core.imaging.petct_result import FDG_NOTE, pet_json
from core.imaging.petct_space import Rigid, affine_of, centre_of, resampled, rigid_of, still
from core.imaging.result import Lesion
from core.imaging.suv import SuvScale
from core.imaging.suv_header import SuvHeader
from core.imaging.volume import Volume
from core.phantom import tissue
from tests import pet_cases


def moved(volume, motion):
    """Return the volume whose patient has been moved: the same voxels at other places."""
    affine = motion.matrix @ affine_of(volume)
    direction = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    return replace(volume, origin_mm=tuple(affine[:3, 3]), direction=direction)


def series_of(phantom, volume=None, **header):
    volume = volume or phantom.pet
    geometry = geometry_of_grid(
        volume.voxels.shape, volume.spacing_mm, volume.origin_mm, volume.direction
    )
    scale = SuvScale(1.0 / phantom.spec.bq_per_suv, "series_time", phantom.spec.uptake_s)
    about = SuvHeader(units="BQML", corrected=("ATTN", "DECY"), fdg=True, **header)
    return PetSeries("1.2.3.3", volume, geometry, about, scale, None)


def lesions_of(phantom):
    return tuple(
        Lesion(t.id, t.kind, t.centroid_mm, t.volume_ml, t.long_axis_mm, t.short_axis_mm,
               t.mean_hu, t.location, 0.9)
        for t in phantom.ct.truth.lesions
    )  # fmt: skip


@pytest.fixture(scope="module")
def phantom():
    return pet_cases.phantom()


@pytest.fixture(scope="module")
def side(phantom):
    labels = phantom.ct.truth.label_map.astype(np.uint16)
    return CtSide(phantom.ct.volume, lesions_of(phantom), labels)


MOTION = rigid_of((2.0, -1.5, 2.5), (9.0, -7.0, 11.0), np.array([0.0, 0.0, -20.0]))


@pytest.fixture(scope="module")
def shifted(phantom, side):
    return fuse(side, series_of(phantom, moved(phantom.pet, MOTION)), pet_cases.QUICK)


def test_a_moved_patient_is_found_again(shifted):
    left = MOTION.inverse().after(shifted.alignment.motion)
    assert shifted.refined
    assert left.length_mm < 2.0
    assert left.angle_deg < 1.0
    codes = [reason.code for reason in shifted.qc.reasons]
    assert "PT_SHIFT" in codes
    assert shifted.status == "ok"


def test_uptake_of_lesions_is_that_of_the_phantom(phantom, shifted):
    measured = {one.id: one for one in shifted.lesions}
    for truth in phantom.uptakes:
        size = next(t for t in phantom.ct.truth.lesions if t.id == truth.lesion)
        if size.long_axis_mm < 12 or truth.suv < 3:
            continue
        one = measured[truth.lesion]
        assert one.extra["suv_max"] == pytest.approx(truth.suv_max, rel=0.2)
        assert one.codes["uptake"] in ("focal", "raised")
    assert any(truth.suv >= 3 for truth in phantom.uptakes)


def test_the_hearts_and_the_livers_own_uptake_are_no_lesions(shifted):
    assert 1.8 < shifted.liver.mean < 2.5
    assert shifted.rule == "percist_liver"
    for focus in shifted.foci:
        if focus.site in ("heart", "liver", "abdomen"):
            assert not focus.assessed


def test_the_public_form_says_what_was_used_and_what_fdg_cannot_tell(shifted):
    public = pet_json(shifted)
    assert public["alignment"]["used"] is True
    assert public["suv"]["basis"] == "series_time"
    assert public["sentences"][-1] == {"zh": FDG_NOTE.zh, "en": FDG_NOTE.en}
    assert public["method"]["research_only"] is True


def test_pixels_without_attenuation_correction_are_recognised(phantom, side):
    truth, pet = phantom.ct.truth, phantom.pet
    lungs = truth.mask(tissue.LUNG_RIGHT, tissue.LUNG_LEFT).astype(np.uint8)
    place = (affine_of(pet), pet.voxels.shape)
    inside = resampled(lungs, affine_of(phantom.ct.volume), place, order=0) > 0
    # Without correction the lungs outshine the depth of the body.
    bright = np.where(inside, 3.0 * phantom.spec.bq_per_suv, pet.voxels)
    series = series_of(phantom, replace(pet, voxels=bright.astype(np.float32)))
    found = fuse(side, series, pet_cases.INSTANT)
    assert (found.status, found.reason.code) == ("refused", "E3773")
    assert found.qc.verdict == "reject"


def test_another_part_of_the_body_is_refused(phantom, side):
    far = replace(phantom.pet, origin_mm=(-190.0, -182.0, 900.0))
    with pytest.raises(PetNoOverlapError):
        fuse(side, series_of(phantom, far), pet_cases.INSTANT)
    kept = refused_pet(side.lesions, PetNoOverlapError(overlap_mm=0))
    assert (kept.status, kept.lesions) == ("failed", side.lesions)


def test_another_tracer_gives_numbers_but_no_foci(phantom, side):
    series = series_of(phantom)
    found = fuse(side, replace(series, header=replace(series.header, fdg=False)), pet_cases.INSTANT)
    assert found.foci is None
    assert "PT_TRACER_NOT_FDG" in [reason.code for reason in found.qc.reasons]
    assert found.lesions[0].extra["suv_max"] > 0


# -- definitions -----------------------------------------------------------------------------------


def ball(radius_mm, suv, spacing=(2.0, 2.0, 2.0), size=48, background=0.5, site=MEDIASTINUM):
    at = [(np.arange(size) - size // 2) * step for step in spacing]
    z, y, x = np.meshgrid(*at, indexing="ij")
    inside = z**2 + y**2 + x**2 <= radius_mm**2
    values = np.where(inside, suv, background).astype(np.float32)
    sites = np.full(values.shape, site, np.uint8)
    return SuvImage(values, spacing, sites), inside


def test_the_peak_sphere_holds_one_millilitre():
    assert 4 / 3 * np.pi * PEAK_RADIUS_MM**3 == pytest.approx(1000.0)
    for spacing in ((3.27, 4.69, 4.69), (2.0, 2.0, 2.0), (5.0, 4.0, 4.0)):
        weights = sphere(PEAK_RADIUS_MM, spacing)
        assert weights.sum() == pytest.approx(1.0)
        assert np.prod(spacing) / weights.max() == pytest.approx(1000.0, rel=0.06)


def test_a_ball_has_its_own_maximum_mean_peak_and_volume():
    image, inside = ball(10.0, 8.0)
    found = measure_uptake(image, inside)
    assert (found.suv_max, found.suv_peak) == pytest.approx((8.0, 8.0))
    assert found.suv_mean_41 == pytest.approx(8.0)
    assert found.volume_41_ml == pytest.approx(inside.sum() * 0.008)
    assert found.glycolysis_41_g == pytest.approx(8.0 * found.volume_41_ml)


def test_a_small_ball_has_a_lower_peak_than_maximum():
    image, inside = ball(4.0, 8.0)
    assert measure_uptake(image, inside).suv_peak < 4.0


def test_no_contour_where_the_surroundings_are_as_warm():
    image, inside = ball(10.0, 2.0, background=0.9)
    found = measure_uptake(image, inside)
    assert np.isnan([found.volume_41_ml, found.suv_mean_41, found.glycolysis_41_g]).all()


def test_one_ball_is_one_focus_and_the_heart_is_marked():
    image, inside = ball(10.0, 8.0)
    (focus,) = find_foci(image, 3.0)
    assert focus.assessed
    assert len(focus.contour) == inside.sum()
    (heart,) = find_foci(replace(image, sites=np.full_like(image.sites, HEART)), 3.0)
    assert not heart.assessed
    (liver,) = find_foci(replace(image, sites=np.full_like(image.sites, LIVER)), 3.0)
    assert not liver.assessed
    assert find_foci(image, 9.0) == ()
    small, _ = ball(3.0, 8.0)
    assert find_foci(small, 3.0) == ()


def test_the_threshold_names_its_rule():
    assert hot_threshold(Reference(2.0, 0.3)) == (pytest.approx(3.6), "percist_liver")
    assert hot_threshold(Reference(0.5, 0.1)) == (2.5, "percist_liver")
    assert hot_threshold(None) == (4.0, "fixed_4.0")


# -- space -----------------------------------------------------------------------------------------


def test_motions_compose_and_invert():
    centre = np.array([5.0, -3.0, 40.0])
    first = rigid_of((3.0, -2.0, 4.0), (1.0, 2.0, 3.0), centre)
    second = rigid_of((-1.0, 5.0, 0.5), (-9.0, 4.0, 7.0), np.array([0.0, 0.0, 0.0]))
    point = np.array([[10.0, 20.0, 30.0], [0.0, 0.0, 0.0]])
    assert np.allclose(second.after(first).at(point), second.at(first.at(point)))
    assert np.allclose(first.inverse().at(first.at(point)), point)
    assert first.angle_deg == pytest.approx(first.inverse().angle_deg)
    assert still(centre).length_mm == 0


def test_values_pass_between_grids_by_their_place():
    values = np.arange(4 * 5 * 6, dtype=np.float32).reshape(4, 5, 6)
    one = Volume(values, (3.0, 2.0, 1.0), (10.0, 20.0, 30.0), np.eye(3)[::-1])
    same = resampled(values, affine_of(one), (affine_of(one), values.shape))
    assert np.allclose(same, values)
    shift = Rigid(np.eye(3), np.zeros(3), np.array([1.0, 0.0, 0.0]))
    over = resampled(values, affine_of(one), (affine_of(one), values.shape), shift)
    assert np.allclose(over[:, :, :-1], values[:, :, 1:])
    assert np.allclose(centre_of(affine_of(one), values.shape), [12.5, 24.0, 34.5])
