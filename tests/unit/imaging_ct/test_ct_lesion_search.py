"""Blobs, outlines and clusters of the lesion search, on drawn densities with known answers."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from core.imaging.ct_grid import Grid
from core.imaging.lesions import ClassicalJudge, Rating, Search, settle
from core.imaging.lesions_blobs import scale_space
from core.imaging.lesions_buds import find_bud_clusters
from core.imaging.lesions_field import Candidate, Field
from core.imaging.lesions_network import rating_of
from core.imaging.lesions_patch import Answer
from core.imaging.lesions_score import probability
from core.imaging.lesions_small import (
    find_blobs,
    find_hazy_blobs,
    find_hazy_nodules,
    find_nodules,
)

LUNG_HU = -850.0
EDGE_MM = 1.5


def field_of(voxels: np.ndarray, medial_mm: float = 40.0) -> Field:
    whole = tuple(slice(0, n) for n in voxels.shape)
    grid = Grid(voxels.astype(np.float32), (EDGE_MM,) * 3, (whole[0], whole[1], whole[2]))
    lung = np.ones(voxels.shape, bool)
    far = np.full(voxels.shape, medial_mm, np.float32)
    return Field(grid, np.ones(voxels.shape, np.uint8), lung, lung, far, far, LUNG_HU, 1.5)


def millimetres(shape=(48, 48, 48)) -> list[np.ndarray]:
    axes = [(np.arange(n) - n // 2) * EDGE_MM for n in shape]
    return list(np.meshgrid(*axes, indexing="ij"))


def ball(radius_mm: float, at=(0.0, 0.0, 0.0)) -> np.ndarray:
    away = np.sqrt(sum((g - c) ** 2 for g, c in zip(millimetres(), at, strict=True)))
    return np.clip((radius_mm - away) / EDGE_MM + 0.5, 0, 1)


def tube(radius_mm: float, back_mm: float, left_mm: float) -> np.ndarray:
    """A vessel along the long axis."""
    _, back, left = millimetres()
    away = np.sqrt((back - back_mm) ** 2 + (left - left_mm) ** 2)
    return np.clip((radius_mm - away) / EDGE_MM + 0.5, 0, 1)


def centre_mm(candidate: Candidate) -> np.ndarray:
    index = np.argwhere(candidate.mask).mean(axis=0) + [s.start for s in candidate.box]
    return (index - 24) * EDGE_MM


@pytest.mark.parametrize("vessel_mm", [2.0, 3.2])
def test_the_outline_of_a_nodule_leaves_the_vessel_it_sits_on(vessel_mm: float) -> None:
    cover = np.maximum(ball(7.0), tube(vessel_mm, 8.0, 0.0))
    field = field_of(LUNG_HU + 880 * cover)
    near = [c for c in find_nodules(field, find_blobs(field)) if np.abs(centre_mm(c)).max() < 2.5]
    found = max(near, key=lambda c: c.mask.sum())
    volume = 4 / 3 * np.pi * 7.0**3 / 1000
    assert np.linalg.norm(centre_mm(found)) < 2.0
    assert found.features["volume_ml"] == pytest.approx(volume, rel=0.3)


@pytest.mark.parametrize("radius_mm", [9.0, 13.0])
def test_the_halved_grid_finds_the_same_blob(radius_mm: float) -> None:
    at = (1.5, -3.0, 4.5)
    field = field_of(LUNG_HU + 800 * ball(radius_mm, at))
    sigma = radius_mm / 3**0.5
    voxels = field.grid.voxels
    fine = scale_space(field, voxels, (sigma,), 50.0)[0]
    halved = scale_space(field, voxels, (sigma,), 50.0, halved_from_mm=4.0)[0]
    assert np.abs(np.subtract(fine.place, halved.place)).max() <= 1
    assert np.abs((np.array(halved.place) - 24) * EDGE_MM - at).max() <= EDGE_MM
    assert halved.strength == pytest.approx(fine.strength, rel=0.1)
    assert halved.roundness == pytest.approx(fine.roundness, abs=0.1)


def test_even_ground_glass_is_told_from_forking_vessels() -> None:
    haze = 240 * ball(9.0)
    vessels = 880 * np.maximum(tube(1.5, 3.0, 2.0), tube(1.5, -4.0, 1.0))
    glass = field_of(LUNG_HU + np.maximum(haze, vessels))
    bundle = sum(tube(1.4, 4.0 * np.cos(a), 4.0 * np.sin(a)) for a in np.arange(5) * 1.26)
    fork = field_of(LUNG_HU + 880 * np.clip(bundle, 0, 1))
    even = [
        max((c.features["even_ml"] for c in hazy_nodules(f)), default=0.0) for f in (glass, fork)
    ]
    assert even[0] > 0.3
    assert even[1] < 0.1


def hazy_nodules(field: Field) -> list[Candidate]:
    return find_hazy_nodules(field, find_hazy_blobs(field), find_blobs(field))


def twigs(seed: int) -> np.ndarray:
    """Short twigs running every way within a centimetre, each ending in a bud."""
    rng = np.random.default_rng(seed)
    grids, cover = millimetres(), np.zeros((48, 48, 48))
    for _ in range(16):
        at, way = rng.normal(0, 4.0, 3), rng.normal(size=3)
        way /= np.linalg.norm(way)
        for step in np.arange(0, 5, 0.75):
            away = sum((g - c) ** 2 for g, c in zip(grids, at + step * way, strict=True))
            cover = np.maximum(cover, np.clip((1.1 - np.sqrt(away)) / EDGE_MM + 0.5, 0, 1))
    return cover


def test_crowded_twigs_are_a_cluster_and_straight_vessels_are_not() -> None:
    crowd = field_of(LUNG_HU + 800 * twigs(3))
    vessels = field_of(LUNG_HU + 800 * np.clip(sum(tube(1.3, b, 0.0) for b in (-8, 0, 8)), 0, 1))
    found = find_bud_clusters(crowd, find_blobs(crowd))
    assert np.linalg.norm(centre_mm(found[0])) < 6.0
    assert found[0].features["evenness"] > 0.6
    assert find_bud_clusters(vessels, []) == []


def test_nearer_to_the_mediastinum_no_cluster_is_looked_for() -> None:
    field = field_of(LUNG_HU + 800 * twigs(3), medial_mm=8.0)
    assert find_bud_clusters(field, find_blobs(field)) == []


BUDS = {"score": 0.5, "share": 0.5, "evenness": 1.0, "count": 12.0, "volume_ml": 0.5}


class Sure:
    """Everything is a lesion of the kind it was found as."""

    threshold = 0.5

    def rate(self, field, candidates):
        return [Rating(0.9, c.kind) for c in candidates]


def test_a_miliary_lung_is_not_full_of_tree_in_bud() -> None:
    field = field_of(np.full((30, 30, 30), LUNG_HU))
    box = (slice(5, 25),) * 3
    buds = Candidate("tree_in_bud", (slice(8, 12),) * 3, np.ones((4, 4, 4), bool), BUDS)
    many = {"per_litre": 400.0, "least_per_litre": 380.0, "slice_mm": 2.0}
    miliary = Candidate("miliary", box, np.ones((20, 20, 20), bool), many)
    few = dataclasses.replace(
        miliary, features=many | {"per_litre": 130.0, "least_per_litre": 90.0}
    )
    for pattern, expected in ((miliary, {"miliary"}), (few, {"tree_in_bud"})):
        search = Search(field, [pattern], [[buds]], [], field.grid)
        assert {s.candidate.kind for s in settle(search, Sure())} == expected


def test_what_is_miliary_depends_on_the_slices() -> None:
    """Phantoms: healthy lung in 3 mm slices has as many round ends as miliary lung in 2 mm."""
    box = (slice(0, 2),) * 3

    def likely(per_litre: float, slice_mm: float) -> float:
        features = {"per_litre": per_litre, "least_per_litre": per_litre - 40, "slice_mm": slice_mm}
        return probability(Candidate("miliary", box, np.ones((2, 2, 2), bool), features))

    assert likely(240.0, 2.0) < 0.2
    assert likely(340.0, 2.0) > 0.8
    assert likely(300.0, 3.0) < 0.2
    assert likely(400.0, 3.0) > 0.8
    assert likely(400.0, 5.0) < 0.5


def test_a_cluster_is_as_likely_as_buds_are_not_as_any_lesion() -> None:
    answer = Answer("kinds", ("false", "solid_nodule", "tree_in_bud"), 0.0)
    cluster = Candidate("tree_in_bud", (slice(0, 2),) * 3, np.ones((2, 2, 2), bool), BUDS)
    nodule = rating_of(cluster, np.array([0.05, 0.9, 0.05]), answer)
    buds = rating_of(cluster, np.array([0.05, 0.05, 0.9]), answer)
    assert nodule.probability == pytest.approx(0.05, abs=1e-3)
    assert buds.probability == pytest.approx(0.9, abs=1e-3)
    assert nodule.kind == buds.kind == "tree_in_bud"


def test_well_inside_the_lung_a_bronchus_nearby_takes_nothing_away() -> None:
    features = {
        "diameter_mm": 9.0, "slices": 5.0, "contrast_hu": 800.0, "roundness": 0.7,
        "middle_ratio": 0.9, "least_ratio": 0.8, "attached": 0.02, "hilum_mm": 4.0,
        "medial_mm": 26.0, "wall_contact": 0.0,
    }  # fmt: skip
    mask = np.ones((4, 4, 4), bool)
    deep = Candidate("solid_nodule", (slice(0, 4),) * 3, mask, features)
    hilar = dataclasses.replace(deep, features=features | {"medial_mm": 10.0})
    assert probability(deep) > 0.9
    assert probability(hilar) < 0.5
    assert ClassicalJudge().threshold == 0.5
