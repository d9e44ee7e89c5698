"""Operating points, judges and patches of the lesion search, on candidates made by hand."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from core.imaging.ct_errors import BundleNotForLesions
from core.imaging.ct_grid import Grid
from core.imaging.lesions import ClassicalJudge, Rating, Search, settle
from core.imaging.lesions_field import Candidate, Field
from core.imaging.lesions_network import NetworkJudge, rating_of
from core.imaging.lesions_patch import Answer, PatchSpec, answer_of, patch_of, patch_spec
from core.imaging.lesions_score import probability
from core.imaging.location import KINDS
from core.models.errors import EngineFailed
from core.models.metadata import Metadata

SPEC = PatchSpec(side=16, edge_mm=1.5, low_hu=-1000.0, high_hu=500.0)
CLASSES = ("false", "solid_nodule", "cavity", "ground_glass_nodule")
NODULE = {
    "diameter_mm": 8.0, "slices": 4.0, "contrast_hu": 800.0, "roundness": 0.7,
    "middle_ratio": 0.9, "least_ratio": 0.8, "attached": 0.02, "hilum_mm": 50.0,
    "medial_mm": 40.0, "wall_contact": 0.0,
}  # fmt: skip


def field_of(shape=(30, 40, 40)) -> Field:
    voxels = np.full(shape, -850.0, np.float32)
    whole = tuple(slice(0, n) for n in shape)
    grid = Grid(voxels, (1.5, 1.5, 1.5), (whole[0], whole[1], whole[2]))
    none = np.zeros(shape, np.float32)
    lung = np.ones(shape, bool)
    return Field(grid, np.ones(shape, np.uint8), lung, lung, none, none, -850.0, 1.5)


def nodule(at=(15, 20, 20), **features) -> Candidate:
    box = tuple(slice(p - 2, p + 3) for p in at)
    mask = np.ones((5, 5, 5), bool)
    return Candidate("solid_nodule", (box[0], box[1], box[2]), mask, NODULE | features)


def search_of(*candidates: Candidate) -> Search:
    field = field_of()
    return Search(field, [], [list(candidates)], [], field.grid)


def shown(found) -> set[tuple[int, int, int]]:
    return {tuple(s.candidate.box[k].start for k in range(3)) for s in found}


def test_a_gate_that_is_missed_keeps_a_candidate_below_the_usual_point() -> None:
    good, near, far = nodule(), nodule(attached=0.18), nodule(attached=0.6)
    assert probability(good) > 0.5 > probability(near) > probability(far) > 0


def test_a_lower_point_adds_and_a_higher_one_takes_away() -> None:
    scan = search_of(
        nodule((6, 8, 8)), nodule((6, 30, 30), attached=0.17), nodule((22, 30, 8), roundness=0.33)
    )
    judge = ClassicalJudge()
    usual, more, fewer = (shown(settle(scan, judge, p)) for p in (None, 0.02, 0.97))
    assert usual == shown(settle(scan, judge, 0.5))
    assert fewer < usual < more


class Fixed:
    """Rates by the order of the candidates."""

    threshold = 0.3

    def __init__(self, *values: float) -> None:
        self.values = values

    def rate(self, field, candidates):
        return [Rating(v, "ground_glass_nodule") for v in self.values[: len(candidates)]]


def test_the_judges_own_threshold_and_kind_count() -> None:
    found = settle(search_of(nodule((6, 8, 8)), nodule((22, 30, 8))), Fixed(0.35, 0.25))
    assert [s.candidate.kind for s in found] == ["ground_glass_nodule"]


def test_what_overlaps_is_reported_once() -> None:
    found = settle(search_of(nodule((10, 20, 20)), nodule((11, 20, 20))), Fixed(0.6, 0.9))
    assert [s.probability for s in found] == [0.9]


def test_a_patch_is_centred_and_goes_on_beyond_the_grid() -> None:
    field = field_of()
    field.grid.voxels[13:18, 18:23, 18:23] = 500.0
    patch = patch_of(field, nodule(), SPEC)
    assert patch.shape == (2, 16, 16, 16)
    assert patch[0, 8, 8, 8] == 1.0
    assert patch[1].sum() == 125
    assert patch[0, 0, 0, 0] == pytest.approx(0.1)
    corner = patch_of(field, nodule((2, 2, 2)), SPEC)
    assert corner[1].sum() == 125
    assert corner[1, 8, 8, 8] == 1
    assert corner[0, 0, 0, 0] == pytest.approx(0.1)
    earlier = dataclasses.replace(SPEC, air_beyond=True)
    assert patch_of(field, nodule((2, 2, 2)), earlier)[0, 0, 0, 0] == 0.0
    assert np.array_equal(patch_of(field, nodule(), earlier), patch)


def test_a_vessel_that_the_scan_cuts_off_goes_on() -> None:
    field = field_of()
    field.grid.voxels[:, 18:22, 18:22] = 40.0
    patch = patch_of(field, nodule((2, 20, 20)), SPEC)
    assert np.ptp(patch[0], axis=0).max() == 0.0


def test_what_has_a_lumen_is_a_cavity_and_nothing_else_is() -> None:
    row = np.array([0.2, 0.1, 0.6, 0.1])
    solid = nodule()
    leaky = {"enclosed": 0.2, "lumen_ml": 0.5, "wall_ml": 0.01}
    hollow = dataclasses.replace(solid, kind="cavity", lumen=solid.mask, features=NODULE | leaky)
    alone = Answer("kinds", CLASSES, 0.0)
    assert rating_of(hollow, row, alone) == Rating(pytest.approx(0.8), "cavity")
    assert rating_of(solid, row, alone).kind == "solid_nodule"
    ring = {"enclosed": 0.95, "lumen_ml": 1.0, "wall_ml": 2.0}
    clear = dataclasses.replace(hollow, features=NODULE | ring)
    doubted = rating_of(clear, np.array([0.95, 0.0, 0.05, 0.0]), alone)
    assert doubted.probability == probability(clear) > 0.9
    mass = dataclasses.replace(
        solid,
        kind="mass",
        features=NODULE | {"fill": 0.5, "contact": 0.1, "floor": 0.9, "volume_ml": 1.0},
    )
    assert rating_of(mass, row, alone).kind == "mass"


def test_the_rules_count_beside_the_network_by_their_weight() -> None:
    row = np.array([0.5, 0.5, 0.0, 0.0])
    both = Answer("kinds", CLASSES, 0.5)
    good, bad = nodule(), nodule(attached=0.6)
    assert rating_of(good, row, both).probability > 0.6
    assert rating_of(bad, row, both).probability < 0.2
    assert rating_of(bad, row, Answer("kinds", CLASSES, 0.0)).probability == pytest.approx(0.5)


@pytest.mark.parametrize(
    "change",
    [{"op": "x"}, {"side": 4}, {"side": "16"}, {"edge_mm": 9}, {"low_hu": 600}, {"more": 1}],
)
def test_a_bundle_with_other_steps_is_refused(change) -> None:
    steps = SPEC.stated()
    assert patch_spec("b", steps) == SPEC
    earlier = dataclasses.replace(SPEC, air_beyond=True)
    assert patch_spec("b", earlier.stated()) == earlier
    with pytest.raises(BundleNotForLesions):
        patch_spec("b", steps | change)


@pytest.mark.parametrize(
    "change",
    [{"op": "x"}, {"classes": ["solid_nodule"]}, {"rules_weight": -1}, {"rules_weight": "1"},
     {"classes": ["false", "false"]},
     {"classes": ["false", "unicorn"]}, {"classes": "false"}, {"output": 3}, {"more": 1}],
)  # fmt: skip
def test_a_bundle_with_other_classes_is_refused(change) -> None:
    steps = {"op": "candidate_classes/1", "output": "kinds", "classes": list(CLASSES)}
    assert answer_of("b", steps, frozenset(KINDS)) == Answer("kinds", CLASSES, 0.0)
    with pytest.raises(BundleNotForLesions):
        answer_of("b", steps | change, frozenset(KINDS))


class Bright:
    """An engine that calls bright patches lesions."""

    name, device = "bright", "cpu"

    def infer(self, inputs):
        patches = inputs["patch"]
        if np.isnan(patches).any():
            raise EngineFailed(engine="bright")
        lesion = (patches * patches[:, 1:]).sum((1, 2, 3, 4)) / patches[:, 1].sum((1, 2, 3)) / 2
        rest = 1 - lesion
        return {"kinds": np.stack([rest, lesion, 0 * rest, 0 * rest], 1).astype(np.float32)}


@dataclasses.dataclass(frozen=True)
class FewFacts:
    metadata: Metadata


def facts() -> FewFacts:
    from core.models.metadata import Licence, TensorSpec

    cube = TensorSpec("patch", "float32", (None, 2, 16, 16, 16))
    answer = TensorSpec("kinds", "float32", (None, 4))
    return FewFacts(Metadata(
        "b", "1.0.0", "t", ("CT",), (cube,), (answer,),
        SPEC.stated(),
        {"op": "candidate_classes/1", "output": "kinds", "classes": list(CLASSES)},
        0.6, "c", Licence("l", "l", "l"), True, {"fp32": 1e-3}, {},
    ))  # fmt: skip


def test_the_network_judge_asks_its_engine_about_each_candidate() -> None:
    scan = search_of(nodule((6, 8, 8)), nodule((22, 30, 8)))
    scan.field.grid.voxels[4:9, 6:11, 6:11] = 400.0
    judge = NetworkJudge(Bright(), facts())
    assert judge.threshold == 0.6
    found = settle(scan, judge)
    assert shown(found) == {(4, 6, 6)}
    assert found[0].probability > 0.9
