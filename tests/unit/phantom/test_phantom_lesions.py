"""Late and diffuse disease in phantoms, and lesions put into a scan that is no phantom."""

from __future__ import annotations

import numpy as np
import pytest

from core.imaging.volume import Volume
from core.phantom import tissue
from core.phantom.ct import CtPhantom, CtSpec, make_ct
from core.phantom.errors import LesionDoesNotFit, LesionNeedsBuild
from core.phantom.insert import Scanner, insert, places, scanner_of
from core.phantom.lesion_shapes import LesionSpec

QUIET = Scanner(blur_mm=0.6, noise_hu=0.0, grain_mm=0.5, thickness_mm=2.0, lung_hu=-850.0)


@pytest.fixture(scope="module")
def sequelae() -> CtPhantom:
    return make_ct(CtSpec(seed=401, case="sequelae", slices=64, spacing_mm=(4.4, 2.9, 2.9)))


@pytest.fixture(scope="module")
def miliary() -> CtPhantom:
    return make_ct(
        CtSpec(seed=402, case="miliary", slices=12, spacing_mm=(2.0, 1.6, 1.6), rows=200,
               columns=200, noise_hu=0.0, centre_z_mm=20.0)
    )  # fmt: skip


def test_late_disease_lies_where_it_belongs(sequelae: CtPhantom) -> None:
    by_kind = {lesion.kind: lesion for lesion in sequelae.truth.lesions}
    assert set(by_kind) == {"fibrosis", "calcification", "lymph_node", "pleural_thickening"}
    labels = sequelae.truth.label_map
    lungs = sequelae.truth.mask(tissue.LUNG_LEFT, tissue.LUNG_RIGHT)
    assert not lungs[labels == by_kind["lymph_node"].id].any()
    assert not lungs[labels == by_kind["pleural_thickening"].id].any()
    assert lungs[labels == by_kind["fibrosis"].id].mean() > 0.9
    assert by_kind["lymph_node"].location.startswith("mediastinum_")
    assert by_kind["pleural_thickening"].location.startswith("pleural_")
    assert by_kind["lymph_node"].short_axis_mm >= 10


@pytest.mark.parametrize("kind", ["fibrosis", "lymph_node", "pleural_thickening"])
def test_the_label_map_holds_the_volume(sequelae: CtPhantom, kind: str) -> None:
    for lesion in (x for x in sequelae.truth.lesions if x.kind == kind):
        voxels = int((sequelae.truth.label_map == lesion.id).sum())
        assert voxels * sequelae.volume.voxel_ml == pytest.approx(lesion.volume_ml, rel=0.1)


def test_miliary_nodules_are_many_small_and_everywhere(miliary: CtPhantom) -> None:
    (lesion,) = miliary.truth.lesions
    assert lesion.kind == "miliary"
    assert 1.2 < lesion.long_axis_mm < 2.8
    assert lesion.extra["count"] > 1000
    there = miliary.truth.label_map > 0
    lungs = miliary.truth.mask(tissue.LUNG_LEFT, tissue.LUNG_RIGHT)
    assert lungs[there].mean() > 0.95
    halves = [there[:, :, :100].sum(), there[:, :, 100:].sum()]
    assert min(halves) > 0.3 * max(halves)


def block(hu: int = -850) -> Volume:
    voxels = np.full((40, 90, 90), hu, np.int16)
    return Volume(voxels, (2.0, 0.9, 0.9), (-40.0, -40.0, -40.0), np.eye(3)[:, ::-1])


def ball(kind: str = "solid_nodule", at: tuple[float, float, float] = (0.0, 0.0, 0.0)):
    return LesionSpec(kind, at, (7.0, 7.0, 7.0), unevenness=0.0, seed=3)


@pytest.mark.parametrize("kind", ["solid_nodule", "ground_glass_nodule"])
def test_an_inserted_lesion_adds_its_mass(kind: str) -> None:
    """Summed density over the background is volume times contrast, wherever the edges fall."""
    before = block()
    found = insert(before, [ball(kind, (0.4, -0.3, 0.9))], QUIET, (-40.0, 40.0), 5)
    (truth,) = found.lesions
    added = found.volume.voxels.astype(float) - before.voxels
    mass = added.sum() * before.voxel_ml
    assert mass == pytest.approx(truth.volume_ml * (truth.mean_hu + 850), rel=0.02)
    volume = int((found.label_map == 1).sum()) * before.voxel_ml
    assert volume == pytest.approx(truth.volume_ml, rel=0.03)
    centre = before.to_lps(np.argwhere(found.label_map == 1).mean(axis=0))
    assert centre == pytest.approx(truth.centroid_mm, abs=0.3)


def test_ground_glass_leaves_a_vessel_in_sight() -> None:
    scan = block()
    scan.voxels[:, 44:46, 44:46] = 40
    found = insert(scan, [ball("ground_glass_nodule")], QUIET, (-40.0, 40.0), 5)
    assert found.volume.voxels[20, 44, 44] == pytest.approx(40, abs=5)


def test_the_scan_itself_is_left_alone_and_the_seed_decides() -> None:
    scan = block()
    noisy = Scanner(0.6, 20.0, 0.5, 2.0, -850.0)
    one, two, other = (insert(scan, [ball()], noisy, (-40.0, 40.0), s) for s in (5, 5, 6))
    assert (scan.voxels == -850).all()
    assert np.array_equal(one.volume.voxels, two.volume.voxels)
    assert not np.array_equal(one.volume.voxels, other.volume.voxels)
    inside = one.volume.voxels[one.label_map == 1]
    assert np.abs(inside - np.median(inside)).mean() > 8


def test_kinds_of_the_build_cannot_be_inserted() -> None:
    for kind in ("pleural_effusion", "pleural_thickening", "miliary"):
        with pytest.raises(LesionNeedsBuild):
            insert(block(), [ball(kind)], QUIET, (-40.0, 40.0), 1)


def test_places_are_inside_and_apart_or_refused() -> None:
    depth = np.zeros((30, 30, 30), np.float32)
    depth[2:28, 2:28, 2:28] = 12.0
    found = places(depth, (2.0, 2.0, 2.0), [4.0, 4.0, 3.0], 7)
    away = [np.linalg.norm(np.subtract(a, b)) * 2 for a in found for b in found if a != b]
    assert min(away) > 13
    assert found == places(depth, (2.0, 2.0, 2.0), [4.0, 4.0, 3.0], 7)
    with pytest.raises(LesionDoesNotFit):
        places(depth, (2.0, 2.0, 2.0), [14.0], 7)


def test_noise_of_a_scan_is_measured() -> None:
    rng = np.random.default_rng(4)
    voxels = np.full((24, 80, 80), -1000, np.int16)
    voxels[:, 15:65, 10:70] = np.rint(rng.normal(40, 16, (24, 50, 60))).astype(np.int16)
    lungs = np.zeros(voxels.shape, bool)
    lungs[:, 30:40, 20:30] = True
    voxels[lungs] = -850
    scan = Volume(voxels, (2.0, 0.9, 0.9), (0.0, 0.0, 0.0), np.eye(3)[:, ::-1])
    found = scanner_of(scan, lungs, 2.0)
    assert found.noise_hu == pytest.approx(16, rel=0.15)
    assert found.lung_hu == -850
    assert 0.2 < found.blur_mm < 1.5
