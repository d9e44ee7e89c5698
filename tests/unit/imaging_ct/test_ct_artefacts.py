"""What the CT quality rules measure: blood, fat, kernel, phase, motion, metal, field of view."""

import numpy as np
import pytest
from scipy import ndimage

from core.imaging.ct_grid import Grid, PatientView
from core.imaging.ct_qc import CtLimits, assess_ct
from core.imaging.ct_qc_aorta import find_aorta
from core.imaging.ct_qc_field import field_metrics
from core.imaging.ct_qc_kernel import kernel_class
from core.imaging.ct_qc_metal import metal_metrics
from core.imaging.ct_qc_motion import air_streaks, edge_widths, slice_jump
from core.imaging.ct_qc_values import blood_metrics, contrast_phase, fat_hu, value_metrics
from core.imaging.geometry import geometry_of_grid
from core.imaging.lungs import AIRWAYS, LEFT, RIGHT, LungMap

SHAPE = (90, 110, 150)
MM = 2.0
AORTA = (76, 88)  # row and column: left of the spine and in front of it
FRAME = (slice(0, 90), slice(0, 110), slice(0, 150))


def chest(blood=45.0, heart=45.0, noise=12.0, grain=0.6):
    """Return (voxels, LungMap) of a chest of cylinders on 2 mm voxels, head up."""
    _, y, x = np.meshgrid(*(np.arange(n) for n in SHAPE), indexing="ij", sparse=True)

    def disc(row, column, rows, columns):
        return np.square((y - row) / rows) + np.square((x - column) / columns) < 1

    body = np.broadcast_to(disc(55, 75, 50, 70), SHAPE)
    voxels = np.full(SHAPE, -1000.0)
    voxels[body] = -100
    voxels[np.broadcast_to(disc(55, 75, 44, 64), SHAPE)] = 45
    labels = np.zeros(SHAPE, np.uint8)
    z = np.arange(SHAPE[0])[:, None, None]
    for label, column in ((RIGHT, 42), (LEFT, 108)):
        lung = (
            np.square((y - 52) / 34) + np.square((x - column) / 20) + np.square((z - 45) / 42) < 1
        )
        voxels[lung], labels[lung] = -850, label
    voxels[disc(58, 75, 34, 34) & (labels == 0)] = -90  # mediastinal fat
    voxels[np.broadcast_to(disc(40, 78, 17, 20), SHAPE)] = heart
    voxels[np.broadcast_to(disc(AORTA[0], AORTA[1], 6, 6), SHAPE)] = blood
    voxels[np.broadcast_to(disc(86, 75, 8, 9), SHAPE)] = 350
    labels[voxels > -500] = 0
    windpipe = np.broadcast_to(disc(58, 70, 5, 5), SHAPE) & (z > 55)
    voxels[windpipe], labels[windpipe] = -1000, AIRWAYS
    rough = np.random.default_rng(1).normal(size=SHAPE)
    rough = ndimage.gaussian_filter(rough, (0, grain, grain))
    return voxels + noise * rough / rough.std(), LungMap(labels, body)


def frames(voxels):
    """Return the same voxels as full-resolution view and as grid."""
    view = PatientView(
        voxels.round().clip(-1024, 3071).astype(np.int16), (MM,) * 3, (0, 1, 2), (False,) * 3, 0.0
    )
    return view, Grid(voxels.astype(np.float32), (MM,) * 3, FRAME)


@pytest.fixture(scope="module")
def plain():
    voxels, lungs = chest()
    return voxels, lungs, *frames(voxels)


def judged(metrics, kernel="", limits=None):
    geometry = geometry_of_grid((120, 512, 512), (2.5, 0.7, 0.7))
    object.__setattr__(geometry, "kernel", kernel)
    found = assess_ct(geometry, None, None, limits, metrics)
    return {reason.code: reason.severity for reason in found.reasons}


def test_the_aorta_is_found_left_of_the_spine(plain):
    _, lungs, view, grid = plain
    aorta = find_aorta(grid, lungs)
    away = aorta.centres[:, 1:] - AORTA
    assert np.median(np.hypot(*away.T)) * MM < 5
    assert np.hypot(*away.T).max() * MM < 10
    blood = blood_metrics(view, grid, aorta)
    assert blood["aorta_hu"] == pytest.approx(45, abs=3)
    assert blood["aorta_noise_hu"] == pytest.approx(12, rel=0.35)  # 29 pixels and a plane taken out


def test_a_mirrored_chest_is_doubted(plain):
    voxels, lungs, view, grid = plain
    assert value_metrics(view, grid, lungs)["aorta_left_margin"] > 0.15
    mirrored = LungMap(lungs.labels[:, :, ::-1], lungs.body[:, :, ::-1])
    found = value_metrics(*frames(voxels[:, :, ::-1]), mirrored)
    assert "aorta_hu" not in found
    assert judged(found)["CT_SIDES_DOUBTFUL"] == "warn"
    assert "CT_SIDES_DOUBTFUL" not in judged(value_metrics(view, grid, lungs))


def test_a_chest_without_an_aorta_has_no_blood_values():
    voxels, lungs = chest()
    voxels[:, 45:110, 55:125] = np.where(lungs.body[:, 45:110, 55:125], 45.0, -1000.0)
    view, grid = frames(voxels)
    assert "aorta_hu" not in value_metrics(view, grid, lungs)


def test_all_densities_are_measured(plain):
    _, lungs, view, grid = plain
    found = value_metrics(view, grid, lungs)
    assert found["air_hu"] == pytest.approx(-1000, abs=6)
    assert found["fat_hu"] == pytest.approx(-100, abs=3)
    assert found["heart_hu"] == pytest.approx(45, abs=3)


def test_fat_of_somebody_without_fat_is_not_told(plain):
    voxels, lungs, _, _ = plain
    lean = np.where((voxels < -60) & (voxels > -140) & lungs.body, 45.0, voxels)
    assert fat_hu(frames(lean)[1], lungs) is None


def test_coarse_grain_has_a_lower_noise_frequency(plain):
    _, lungs, view, grid = plain
    fine = value_metrics(view, grid, lungs)["noise_frequency_per_mm"]
    smooth, more = chest(grain=2.0)
    coarse = value_metrics(*frames(smooth), more)["noise_frequency_per_mm"]
    assert coarse < 0.85 * fine


@pytest.mark.parametrize(
    ("blood", "heart", "phase"),
    [(45, 45, "none"), (320, 150, "arterial"), (150, 140, "venous"), (150, 60, "arterial")],
)
def test_contrast_phase(blood, heart, phase):
    assert contrast_phase({"aorta_hu": blood, "heart_hu": heart}) == phase
    assert judged({"aorta_hu": blood, "heart_hu": heart}) == {
        f"CT_CONTRAST_{phase.upper()}": "info"
    }


def test_no_aorta_no_phase():
    assert contrast_phase({"heart_hu": 45.0}) is None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("B70f", "sharp"), ("B31f", "standard"), ("B20s", "smooth"), ("Br40d\\3", "standard"),
        ("I70f\\3", "sharp"), ("STANDARD", "standard"), ("SOFT", "standard"), ("LUNG", "sharp"),
        ("BONEPLUS", "sharp"), ("FC51", "sharp"), ("FC08", "standard"), ("YC", "sharp"),
        ("A", "smooth"), ("['Br59f', '3']", "standard"), ("", ""), ("unheard of", ""),
    ],
)  # fmt: skip
def test_kernel_names(name, expected):
    assert kernel_class(name) == expected


@pytest.mark.parametrize(
    ("kernel", "frequency", "told"),
    [
        ("B31f", 0.2, {}),
        ("B31f", 0.5, {"CT_KERNEL_SHARP": "warn"}),
        ("B31f", 0.02, {"CT_KERNEL_SMOOTH": "warn"}),
        ("B70f", 0.2, {"CT_KERNEL_TAG_SHARP": "info"}),
        ("B10f", 0.2, {"CT_KERNEL_TAG_SMOOTH": "warn"}),
    ],
)
def test_noise_tells_the_kernel_before_its_name(kernel, frequency, told):
    assert judged({"noise_frequency_per_mm": frequency}, kernel) == told


def test_steps_between_slices_are_even_until_somebody_breathes(plain):
    voxels, lungs, view, grid = plain
    assert slice_jump(view, grid, lungs) < 2.0
    breath = voxels.copy()
    breath[:45] = ndimage.shift(breath[:45], (0, -5, 0), order=1, mode="nearest")
    jump = slice_jump(*frames(breath), lungs)
    assert jump > 6.0
    assert "CT_SLICE_JUMP" in judged({"slice_jump_mm": jump})


def test_an_edge_smeared_one_way_is_wide_that_way():
    voxels, lungs = chest(noise=3.0)
    voxels = ndimage.gaussian_filter(voxels, (0, 0.6, 0.6))
    sharp = np.nanmedian(edge_widths(*frames(voxels), lungs), axis=0)
    smeared = ndimage.uniform_filter1d(voxels, 6, axis=1)
    wide = np.nanmedian(edge_widths(*frames(smeared), lungs), axis=0)
    assert wide[2] > sharp[2] + 3  # towards the back
    assert wide[0] < sharp[0] + 1.5  # towards the left


def test_streaks_in_the_air_before_the_chest_are_motion():
    voxels, lungs = chest(noise=3.0)
    higher = np.concatenate([np.full((90, 20, 150), -1000.0), voxels], axis=1)
    room = LungMap(*(np.pad(one, ((0, 0), (20, 0), (0, 0))) for one in (lungs.labels, lungs.body)))
    assert air_streaks(*frames(higher), room) < 8
    clothed = higher.copy()
    clothed[:, 15:17] = -700
    assert air_streaks(*frames(clothed), room) < 8
    streaks = 40 * np.sin(np.arange(150) / 4.0)
    assert air_streaks(*frames(higher + streaks), room) > 25


def test_streaks_are_told_from_the_metal_alone(plain):
    voxels, lungs, _, _ = plain
    implant = voxels.copy()
    implant[40:43, 86:89, 62:65] = 3000
    quiet = metal_metrics(frames(implant)[0], lungs)
    assert quiet["metal_ml"] == pytest.approx(27 * 0.008)
    assert quiet["streak_hu"] < 15
    angle = np.arctan2(np.arange(110)[:, None] - 87, np.arange(150) - 63)
    implant[40:43] += np.where(lungs.body[0], 120 * np.sign(np.sin(24 * angle)), 0)
    loud = metal_metrics(frames(implant)[0], lungs)
    assert loud["streak_hu"] > 60
    assert judged(quiet)["CT_METAL"] == "info"
    assert judged(loud)["CT_METAL_STREAK"] == "reject"


def test_no_metal_no_streaks(plain):
    _, lungs, view, _ = plain
    assert metal_metrics(view, lungs) == {"metal_ml": 0.0, "metal_slices": 0.0}


def narrowed(plain, left):
    voxels, lungs, _, _ = plain
    box = (slice(None), slice(None), slice(left, 150 - left))
    grid = Grid(voxels[box].astype(np.float32), (MM,) * 3, FRAME)
    return field_metrics(grid, LungMap(lungs.labels[box], lungs.body[box]))


def test_a_whole_body_is_not_cut(plain):
    assert narrowed(plain, 0) == {
        "outline_cut_share": 0.0, "outline_cut_worst_share": 0.0, "lung_cut_mm": 0.0,
    }  # fmt: skip


def test_a_narrow_field_cuts_skin_first_and_lung_later(plain):
    skin, lung = narrowed(plain, 10), narrowed(plain, 26)
    assert 0.05 < skin["outline_cut_share"] < lung["outline_cut_share"]
    assert skin["lung_cut_mm"] == 0
    assert lung["lung_cut_mm"] > 60
    assert judged(skin) == {"CT_FOV_CUT": "warn"}
    assert judged(lung)["CT_LUNG_CUT"] == "reject"


@pytest.mark.parametrize(
    ("metrics", "told"),
    [
        ({"fat_hu": -100.0, "aorta_hu": 40.0}, {}),
        ({"fat_hu": -150.0}, {"CT_HU_FAT_OFF": "warn"}),
        ({"fat_hu": -230.0}, {"CT_HU_FAT_OFF": "reject"}),
        ({"aorta_hu": 0.0}, {"CT_HU_BLOOD_OFF": "warn"}),
        ({"aorta_noise_hu": 75.0}, {"CT_NOISE_BLOOD_HIGH": "warn"}),
        ({"noise_hu": 300.0, "aorta_noise_hu": 300.0}, {"CT_NOISE_HIGH": "reject"}),
        ({"noise_hu": 200.0, "aorta_noise_hu": 30.0, "air_streak_hu": 30.0}, {"CT_MOTION": "warn"}),
        (
            {"noise_hu": 100.0, "aorta_noise_hu": 100.0, "air_streak_hu": 20.0},
            {"CT_NOISE_HIGH": "warn"},
        ),
        ({"air_streak_hu": 25.0}, {"CT_MOTION": "warn"}),
    ],
)
def test_limits(metrics, told):
    found = judged(metrics)
    found.pop("CT_CONTRAST_NONE", None)
    assert found == told


def test_a_site_sets_its_own_limits():
    assert judged({"air_streak_hu": 25.0}, limits=CtLimits(air_streak_hu=(30.0, 50.0))) == {}
