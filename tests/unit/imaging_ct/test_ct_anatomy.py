"""Lungs, lobes, airways, vessels, bones and heart of a phantom; the parts on drawn arrays."""

import numpy as np
import pytest

from core.imaging.airways import AirwayLimits, filled_share, grow
from core.imaging.anatomy import FAR_MM, TUBE_NAMES, find_anatomy
from core.imaging.ct_grid import Grid, cut_grid, patient_view
from core.imaging.fissures import OBLIQUE, fit_fissure, plate_response
from core.imaging.lobes import LOBE_NAMES, LOBES, SEGMENTS, find_lobes, find_segments
from core.imaging.lungs import LEFT, RIGHT, LungMap, find_lungs
from core.imaging.thorax import find_heart, frame_of
from core.phantom import anatomy as exact
from core.phantom import tissue
from core.phantom.ct import CtSpec, make_ct

SPEC = CtSpec(
    seed=5, case="normal", slices=120, rows=160, columns=160, spacing_mm=(2.6, 2.3, 2.3),
    noise_hu=10.0,
)  # fmt: skip
MM = (2.0, 2.0, 2.0)


def dice(a, b):
    return 2 * (a & b).sum() / (a.sum() + b.sum())


@pytest.fixture(scope="module")
def phantom():
    return make_ct(SPEC)


@pytest.fixture(scope="module")
def scene(phantom):
    view = patient_view(phantom.volume)
    coarse = cut_grid(view, 2.6)
    return view, coarse, find_lungs(coarse)


@pytest.fixture(scope="module")
def found(scene):
    return find_anatomy(*scene)


@pytest.fixture(scope="module")
def truth(phantom, scene):
    def on_grid(*bits):
        turned = phantom.truth.mask(*bits)
        return filled_share(turned, scene[1].voxels.shape) >= 0.5

    return on_grid


def test_lungs_end_at_the_diaphragm(scene, truth):
    lungs = scene[2].lungs
    true = truth(tissue.LUNG_RIGHT, tissue.LUNG_LEFT)
    assert (lungs & true).sum() > 0.92 * true.sum()  # great vessels are no lung here
    assert (lungs & ~true).sum() < 0.02 * true.sum()
    assert (lungs & truth(tissue.LIVER)).sum() < 0.002 * true.sum()


def test_structures_agree_with_the_truth(found, truth):
    lung = truth(tissue.LUNG_RIGHT, tissue.LUNG_LEFT)
    assert dice(found.vessels, truth(tissue.VESSEL) & lung) > 0.6
    assert dice(found.heart, truth(tissue.HEART)) > 0.8
    assert dice(found.bones > 0, truth(tissue.BONE)) > 0.6
    airways = truth(tissue.AIRWAY)
    near_lungs = np.flatnonzero((found.lungs == RIGHT).any(axis=(1, 2)))
    airways[near_lungs[-1] + 8 :] = False  # the throat is not looked at
    assert (found.airways & airways).sum() > 0.6 * airways.sum()


def test_lobes_follow_the_fissures(found, scene, phantom):
    at = [
        phantom.volume.to_lps(
            scene[0].source_index(scene[1].full_index(np.eye(3)[axis] * np.arange(n)[:, None]))
        )[:, 2 - axis]
        for axis, n in enumerate(found.lobes.shape)
    ]
    oblique, horizontal = (
        np.broadcast_to(d, found.lobes.shape)
        for d in exact.fissures(at[2], at[1][:, None], at[0][:, None, None])
    )
    right, left = found.lungs == RIGHT, found.lungs == LEFT
    upper = oblique > 0
    true = {
        1: right & upper & (horizontal > 0), 2: right & upper & (horizontal <= 0),
        3: right & ~upper, 4: left & upper, 5: left & ~upper,
    }  # fmt: skip
    for number, mask in true.items():
        assert dice(found.lobes == number, mask) > 0.9
    assert min(found.fissures_seen.values()) > 0.5
    assert ((found.lobes > 0) == (right | left)).all()


def test_every_lobe_has_its_segments(found):
    for number, segment in SEGMENTS.items():
        mask = found.segments == number
        assert mask.any()
        assert (found.lobes[mask] == segment.lobe).all()
    assert set(LOBES.values()) == set(LOBE_NAMES)


def test_places_are_described(found):
    middle = np.argwhere(found.lobes == 1).mean(axis=0)
    apart = np.array([[0.0, 0.0, 0.0]])
    inside, outside = found.nearest(np.vstack([middle, apart]))
    assert inside.lobe == "right_upper_lobe"
    assert inside.segment.startswith("right_s")
    assert inside.pleura_mm > 10
    assert TUBE_NAMES[inside.vessel].en == "vessel of the right upper lobe"
    assert 0 <= inside.vessel_mm < 12
    assert inside.bronchus in TUBE_NAMES
    assert (outside.lobe, outside.segment, outside.pleura_mm) == ("", "", 0.0)
    assert outside.vessel_mm > 50


def test_consolidated_lung_stays_lung(scene, truth):
    _, coarse, before = scene
    own = np.argwhere(before.labels == RIGHT)
    level = int(np.median(own[:, 0]))
    row, column = own[own[:, 0] == level][:, 1:].min(axis=0)
    row = int(np.median(own[own[:, 0] == level][:, 1]))
    steps = [
        (np.arange(n) - c) * mm
        for n, c, mm in zip(
            coarse.voxels.shape, (level, row, column), coarse.spacing_mm, strict=True
        )
    ]
    ball = steps[0][:, None, None] ** 2 + steps[1][:, None] ** 2 + steps[2] ** 2 < 38.0**2
    drawn = ball & (before.labels == RIGHT)
    voxels = np.where(drawn, np.float32(38.0), coarse.voxels)
    after = find_lungs(Grid(voxels, coarse.spacing_mm, coarse.box))
    assert drawn.sum() * coarse.voxel_ml > 60
    assert (after.labels[drawn] == RIGHT).mean() > 0.8
    assert dice(after.labels == RIGHT, before.labels == RIGHT) > 0.97
    # The same place filled with water is an effusion, not lung.
    fluid = np.where(drawn, np.float32(6.0), coarse.voxels)
    wet = find_lungs(Grid(fluid, coarse.spacing_mm, coarse.box))
    assert (wet.labels[drawn] == RIGHT).mean() < 0.35


def test_one_lung_is_enough(scene, found):
    _, coarse, lungs = scene
    labels = np.where(lungs.labels == LEFT, 0, lungs.labels).astype(np.uint8)
    alone = find_lobes(coarse.voxels, labels, found.vessels, coarse.spacing_mm)
    assert set(np.unique(alone.lobes)) == {0, 1, 2, 3}
    assert "left_oblique" not in alone.seen
    heart, great = find_heart(
        coarse.voxels, LungMap(labels, lungs.body), found.bones, frame_of(labels), coarse.spacing_mm
    )
    assert not heart.any()
    assert not great.any()


def plate_in_a_lung(brightness):
    """Return (voxels, lung, true height) with a plate that rises 1.1 mm per mm backwards."""
    shape = (90, 60, 40)
    lung = np.zeros(shape, dtype=bool)
    lung[4:86, 4:56, 4:36] = True
    rows = np.arange(shape[1])[:, None]
    height = np.broadcast_to(62 - 1.1 * (54 - rows), shape[1:])
    away = np.abs(np.arange(shape[0])[:, None, None] - height[None]) / np.hypot(1, 1.1)
    voxels = -860 + brightness * np.clip(1.2 - away, 0, 1)
    voxels += np.random.default_rng(2).normal(0, 8, shape)
    return voxels.astype(np.float32), lung, height


def test_a_plate_is_fitted():
    voxels, lung, height = plate_in_a_lung(150.0)
    plate = plate_response(voxels, lung, MM, ((1.1, 0.0), (0.6, 0.0)))
    fitted = fit_fissure(plate, np.zeros_like(lung), lung, MM, OBLIQUE)
    inside = (height > 8) & (height < 80)
    inside[:6] = inside[-6:] = False
    inside[:, :6] = inside[:, -6:] = False
    assert np.abs(fitted.height - height)[inside].max() * 2.0 < 4.0
    assert np.median(np.abs(fitted.height - height)[inside]) * 2.0 < 1.5
    assert fitted.seen > 0.8


def test_no_plate_is_not_called_seen():
    voxels, lung, _ = plate_in_a_lung(0.0)
    plate = plate_response(voxels, lung, MM, ((1.1, 0.0), (0.6, 0.0)))
    fitted = fit_fissure(plate, np.zeros_like(lung), lung, MM, OBLIQUE)
    assert fitted.seen < 0.2
    assert lung[fitted.above(lung.shape)].mean() > 0.2


def test_a_leak_is_refused():
    voxels = np.full((60, 40, 40), -600.0, dtype=np.float32)
    voxels[30:60, 18:22, 18:22] = -990.0  # trachea
    voxels[10:30, 18:22, 18:22] = -990.0  # a bronchus
    voxels[2:10, 4:36, 4:36] = -925.0  # a bulla it opens into
    start = np.zeros(voxels.shape, dtype=bool)
    start[35:60, 18:22, 18:22] = True
    box = (slice(0, 60), slice(0, 40), slice(0, 40))
    tree = grow(Grid(voxels, (1.0, 1.0, 1.0), box), start, -860.0, AirwayLimits())
    assert tree[12:30, 19:21, 19:21].mean() > 0.9
    assert tree[2:9].mean() < 0.05


def test_nothing_near_is_said_so(found):
    empty = np.zeros_like(found.bronchus_names)
    bare = type(found)(
        **{name: getattr(found, name) for name in found.__dataclass_fields__}
        | {"bronchus_names": empty}
    )
    place = bare.nearest(np.argwhere(found.lobes == 4)[:1].astype(float))[0]
    assert (place.bronchus, place.bronchus_mm) == ("", FAR_MM)


def test_segments_of_nothing():
    nothing = np.zeros((8, 8, 8), dtype=np.uint8)
    assert not find_segments(nothing, nothing, MM).any()
