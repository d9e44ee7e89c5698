"""The CT phantom against its own truth: volumes, axes, densities, geometry, determinism."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core.phantom import anatomy, tissue
from core.phantom.ct import CtPhantom, CtSpec, make_ct, small_spec
from core.phantom.errors import LesionDoesNotFit, PhantomSpecInvalid
from core.phantom.lesion_shapes import KINDS, LesionSpec, shape_of
from core.phantom.patients import patient_of
from core.phantom.truth import LesionTruth, measure

SEED = 7


@pytest.fixture(scope="module")
def showcase() -> CtPhantom:
    return make_ct(small_spec(SEED))


def sphere(kind="solid_nodule", radius=12.0, at=(75.0, 5.0, 20.0), **more) -> LesionSpec:
    return LesionSpec(kind, at, (radius,) * 3, unevenness=0.0, **more)


def close_up(*lesions: LesionSpec, noise: float = 0.0) -> CtPhantom:
    """A fine scan of the few centimetres around z = 20 mm."""
    spec = CtSpec(
        seed=SEED,
        case="normal",
        slices=24,
        rows=200,
        columns=200,
        spacing_mm=(1.6, 1.8, 1.8),
        noise_hu=noise,
        centre_z_mm=20.0,
        lesions=lesions,
    )
    return make_ct(spec)


def test_a_smooth_ball_measures_as_the_formula_says() -> None:
    truth = only(sphere(radius=12.0))
    assert truth.volume_ml == pytest.approx(4 / 3 * np.pi * 1.2**3, rel=0.005)
    assert truth.long_axis_mm == pytest.approx(24.0, abs=0.4)
    assert truth.short_axis_mm == pytest.approx(24.0, abs=0.4)
    assert truth.mean_hu == 35.0
    assert truth.centroid_mm == pytest.approx((75.0, 5.0, 20.0), abs=0.05)
    assert truth.location == "left_middle_zone"


def test_a_smooth_cavity_has_the_wall_it_was_given() -> None:
    truth = only(sphere("cavity", 14.0, wall_mm=4.0))
    assert truth.extra["wall_mean_mm"] == pytest.approx(4.0, abs=0.04)
    assert truth.extra["wall_max_mm"] == pytest.approx(4.0, abs=0.15)
    assert truth.extra["lumen_volume_ml"] == pytest.approx(4 / 3 * np.pi * 1.0**3, rel=0.02)
    both = truth.extra["lumen_volume_ml"] + truth.extra["wall_volume_ml"]
    assert both == pytest.approx(truth.volume_ml, rel=1e-6)


def test_a_wedge_shaped_ellipsoid_has_its_axes_in_the_axial_plane() -> None:
    spec = LesionSpec("mass", (75.0, 5.0, 20.0), (18.0, 18.0, 9.0), unevenness=0.0, seed=3)
    truth = only(spec)
    assert truth.volume_ml == pytest.approx(4 / 3 * np.pi * 1.8 * 1.8 * 0.9, rel=0.01)
    assert 18.0 < truth.short_axis_mm <= truth.long_axis_mm <= 36.5


def only(spec: LesionSpec) -> LesionTruth:
    patient = patient_of(SEED, "normal", (spec,))
    return measure(patient.lesions[0], patient.build, 1, patient.lung_z)


def test_every_kind_is_there_and_inside_the_body(showcase: CtPhantom) -> None:
    truth = showcase.truth
    elsewhere = {"mass", "miliary", "fibrosis", "lymph_node", "pleural_thickening"}
    assert {lesion.kind for lesion in truth.lesions} >= set(KINDS) - elsewhere
    body = truth.mask(tissue.BODY)
    assert body[truth.label_map > 0].all()


@pytest.mark.parametrize(
    ("kind", "tolerance"),
    [("pleural_effusion", 0.02), ("consolidation", 0.03), ("cavity", 0.05)],
)
def test_label_map_holds_the_volume(showcase: CtPhantom, kind: str, tolerance: float) -> None:
    checked = 0
    for lesion in showcase.truth.lesions:
        if lesion.kind != kind:
            continue
        voxels = int((showcase.truth.label_map == lesion.id).sum())
        assert voxels * showcase.volume.voxel_ml == pytest.approx(lesion.volume_ml, rel=tolerance)
        checked += 1
    assert checked > 0


def test_label_map_lies_where_the_centroid_says(showcase: CtPhantom) -> None:
    for lesion in showcase.truth.lesions:
        index = np.argwhere(showcase.truth.label_map == lesion.id)
        if len(index) < 8:
            continue
        centre = showcase.volume.to_lps(index.mean(axis=0))
        assert np.linalg.norm(centre - lesion.centroid_mm) < 3.0, lesion.kind


def test_densities_in_the_picture_are_those_of_the_truth() -> None:
    phantom = close_up(
        sphere(radius=10.0),
        sphere("ground_glass_nodule", 10.0, (-75.0, 5.0, 20.0)),
    )
    for lesion in phantom.truth.lesions:
        inside = deep(phantom.truth.label_map == lesion.id)
        values = phantom.volume.voxels[inside]
        assert values.mean() == pytest.approx(lesion.mean_hu, abs=6.0), lesion.kind


def deep(mask: np.ndarray) -> np.ndarray:
    """The mask without the two outermost voxel layers."""
    from scipy.ndimage import binary_erosion

    core = binary_erosion(mask, iterations=2)
    assert core.any()
    return core


def test_partial_volume_keeps_the_mass_of_a_nodule() -> None:
    """Summed density over lung must be volume times contrast, wherever the edges fall."""
    with_it, without = close_up(sphere(radius=6.0)), close_up()
    added = with_it.volume.voxels.astype(float) - without.volume.voxels
    box = added[:, 70:130, 110:180]
    background = without.volume.voxels[with_it.truth.label_map == 1].mean()
    mass = box.sum() * with_it.volume.voxel_ml
    expected = with_it.truth.lesions[0].volume_ml * (35.0 - background)
    assert mass == pytest.approx(expected, rel=0.04)


def test_organs_have_human_sizes(showcase: CtPhantom) -> None:
    truth, ml = showcase.truth, showcase.volume.voxel_ml
    lungs = truth.mask(tissue.LUNG_LEFT, tissue.LUNG_RIGHT)
    assert 2500 < lungs.sum() * ml < 7500
    assert 350 < truth.mask(tissue.HEART).sum() * ml < 1000
    assert truth.mask(tissue.BONE).sum() * ml > 300
    right, left = truth.mask(tissue.LUNG_RIGHT), truth.mask(tissue.LUNG_LEFT)
    columns = np.arange(showcase.spec.columns)
    # LPS: columns grow to the patient's left, so the right lung has the lower columns.
    assert (right.sum(axis=(0, 1)) @ columns) / right.sum() < 60
    assert (left.sum(axis=(0, 1)) @ columns) / left.sum() > 68


def test_lung_density_has_a_gravity_gradient(showcase: CtPhantom) -> None:
    normal = make_ct(CtSpec(seed=SEED, case="normal", slices=20, spacing_mm=(8.0, 2.9, 2.9)))
    lungs = normal.truth.mask(tissue.LUNG_LEFT, tissue.LUNG_RIGHT)
    front, back = lungs.copy(), lungs.copy()
    front[:, 55:], back[:, :70] = False, False
    hu = normal.volume.voxels
    assert -900 < np.median(hu[lungs]) < -800
    assert np.median(hu[back]) > np.median(hu[front]) + 15


def test_airways_are_air_and_reach_from_trachea_into_both_lungs(showcase: CtPhantom) -> None:
    airways = showcase.truth.mask(tissue.AIRWAY)
    trachea = airways[50, 40:90, 50:78]
    assert trachea.sum() > 10
    assert showcase.volume.voxels[50, 40:90, 50:78][trachea].min() < -900
    assert airways[:, :, :54].any()
    assert airways[:, :, 74:].any()


def test_noise_is_what_was_asked_for() -> None:
    spec = CtSpec(seed=3, case="normal", slices=4, centre_z_mm=-140.0, noise_hu=25.0)
    quiet = make_ct(CtSpec(seed=3, case="normal", slices=4, centre_z_mm=-140.0, noise_hu=0.0))
    noise = make_ct(spec).volume.voxels.astype(float) - quiet.volume.voxels
    middle = noise[:, 48:80, 30:98]
    assert middle.std() == pytest.approx(25.0 * 1.1, rel=0.15)


def test_same_seed_same_bytes_other_seed_other_patient() -> None:
    spec = CtSpec(
        seed=5, case="nodules", slices=3, rows=48, columns=48, spacing_mm=(40.0, 8.0, 8.0)
    )
    first, again = make_ct(spec), make_ct(spec)
    assert np.array_equal(first.volume.voxels, again.volume.voxels)
    assert first.truth.lesions == again.truth.lesions
    other = make_ct(replace(spec, seed=6))
    assert not np.array_equal(first.volume.voxels, other.volume.voxels)
    assert first.truth.lesions[0].centroid_mm != other.truth.lesions[0].centroid_mm


@pytest.mark.parametrize("seed", range(12))
def test_cases_find_room_for_their_lesions(seed: int) -> None:
    for case in ("tb", "nodules", "showcase"):
        patient = patient_of(seed, case)
        for lesion in patient.lesions:
            if lesion.spec.kind == "pleural_effusion":
                continue
            at = [np.asarray([v]) for v in lesion.spec.centre_mm]
            assert anatomy.lungs(patient.build, *at)[0] < 0


def test_gantry_tilt_moves_the_lesion_in_the_grid_not_in_the_patient() -> None:
    nodule = sphere(radius=10.0)
    spec = CtSpec(seed=SEED, case="normal", slices=40, spacing_mm=(4.0, 2.9, 2.9), tilt_deg=12.0,
                  noise_hu=0.0, lesions=(nodule,))  # fmt: skip
    phantom = make_ct(spec)
    index = np.argwhere(phantom.truth.label_map == 1).mean(axis=0)
    assert phantom.volume.to_lps(index) == pytest.approx(nodule.centre_mm, abs=1.5)


@pytest.mark.parametrize(
    "change", [{"slices": 0}, {"rows": 4}, {"tilt_deg": 45.0}, {"spacing_mm": (-1.0, 1.0, 1.0)}]
)
def test_impossible_numbers_are_refused(change: dict) -> None:
    with pytest.raises(PhantomSpecInvalid):
        make_ct(CtSpec(**change))


def test_refusals_speak_both_languages() -> None:
    error = LesionDoesNotFit(kind="cavity")
    assert "cavity" in error.sentence("zh")
    assert "cavity" in error.sentence("en")


def test_shapes_depend_on_their_seed_only() -> None:
    spec = LesionSpec("tree_in_bud", (70.0, 0.0, 40.0), (12.0,) * 3, seed=4)
    assert np.array_equal(shape_of(spec).twigs, shape_of(spec).twigs)
