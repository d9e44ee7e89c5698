"""Labelled candidates of training scans: what the lesion network learns from."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk  # noqa: N813  # the name its documentation uses
from numpy.typing import NDArray

from core.imaging.ct_grid import carry
from core.imaging.lesions import candidates_inside
from core.imaging.lesions_field import Candidate, Field, build_field
from core.imaging.lesions_network import worth_rating
from core.imaging.lesions_patch import FALSE_KIND, PatchSpec, patch_of
from core.imaging.lesions_score import probability
from core.imaging.volume import Volume
from federated.errors import TrainingDataMissing
from federated.training.ct_lesions_scans import (
    Background,
    TrainingScan,
    held_part,
    lungs_of,
    painted,
    phantom_background,
    varied,
)
from federated.training.ct_lesions_shapes import KINDS

CLASSES = (FALSE_KIND, *KINDS)
PATCH = PatchSpec(side=32, edge_mm=1.5, low_hu=-1000.0, high_hu=500.0)
REAL_CHEST = "ct/lctsc-test-s1-101_ct.nii.gz"
FALSE_PER_SCAN = 360
TRUE_SHARE = 1 / 3
# Less of a large lesion than this is a fragment: neither a lesion nor nothing.
FRAGMENT_SHARE = 0.12


@dataclass(frozen=True)
class Examples:
    """Patches with their classes.

    Attributes
    ----------
    patches : (n, 2, 32, 32, 32) uint8
        Density 0…255, and the candidate's mask as 0 or 255.
    classes : (n,) int64
        Index into ``CLASSES``.
    rules : (n,) float64
        The classical probability of the same candidates.
    """

    patches: NDArray[np.uint8]
    classes: NDArray[np.int64]
    rules: NDArray[np.float64]


def joined(parts: list[Examples]) -> Examples:
    """Return all examples in one."""
    return Examples(
        np.concatenate([p.patches for p in parts]),
        np.concatenate([p.classes for p in parts]),
        np.concatenate([p.rules for p in parts]),
    )


def data_folder() -> Path:
    """Return the folder that XINGLIN_DATA names, with the real chest in it.

    Raises
    ------
    TrainingDataMissing
    """
    named = os.environ.get("XINGLIN_DATA", "")
    if not named or not (Path(named) / REAL_CHEST).is_file():
        raise TrainingDataMissing(what=f"XINGLIN_DATA/{REAL_CHEST}")
    return Path(named)


def real_background(folder: Path) -> Background:
    """Return LCTSC S1-101 (CC BY 3.0), the one real chest that the network learns from."""
    image = sitk.ReadImage(str(folder / REAL_CHEST))
    direction = np.array(image.GetDirection()).reshape(3, 3)[:, ::-1]
    voxels = sitk.GetArrayFromImage(image).astype(np.int16)
    volume = Volume(voxels, (3.0, 0.977, 0.977), image.GetOrigin(), direction)
    at = volume.to_lps((49.0, 352.0, 163.0))
    known = (((float(at[0]), float(at[1]), float(at[2])), 40.0),)
    lungs = lungs_of(volume)
    return Background("s1-101", volume, lungs, held_part(lungs), 3.0, 0.6, 18.0, known)


def examples_of(scan: TrainingScan, rng: np.random.Generator, natural: bool = False) -> Examples:
    """Return a scan's labelled candidates.

    Parameters
    ----------
    natural : bool
        For calibration: all candidates as the analysis meets them, of the part that is held back
        where there is one. Else those of the other part, at most ``FALSE_PER_SCAN`` false ones,
        half of them those that the rules like best.
    """
    field = build_field(scan.view, scan.coarse, scan.lungs)
    held = carry(scan.coarse.enlarge(scan.held)[field.grid.box], field.grid.voxels.shape)
    wanted = held == natural if scan.held.any() else np.ones(held.shape, bool)
    labels = carry(scan.labels[field.grid.box], field.grid.voxels.shape)
    sizes = np.bincount(labels.ravel(), minlength=256)
    true: list[tuple[Candidate, int]] = []
    false: list[Candidate] = []
    for group in candidates_inside(field)[1]:
        for candidate in (group[i] for i in worth_rating(group)):
            if not wanted[middle_of(candidate)]:
                continue
            label = label_of(candidate, labels, sizes)
            if label == 0:
                false.append(candidate)
            elif label > 0:
                true.append((candidate, CLASSES.index(scan.kinds[label - 1])))
    if not natural and len(false) > FALSE_PER_SCAN:
        false.sort(key=lambda c: -probability(c))
        half = FALSE_PER_SCAN // 2
        rest = rng.choice(len(false) - half, size=half, replace=False) + half
        false = false[:half] + [false[i] for i in rest.tolist()]
    return _as_examples(field, true + [(c, 0) for c in false])


def middle_of(candidate: Candidate) -> tuple[int, int, int]:
    """Return the voxel of the field's grid at the middle of a candidate's box."""
    a, b, c = ((s.start + s.stop) // 2 for s in candidate.box)
    return a, b, c


def label_of(candidate: Candidate, labels: NDArray[np.uint8], sizes: NDArray[np.int64]) -> int:
    """Return the lesion a candidate is, 0 for none, -1 where it is neither (left out)."""
    here = np.bincount(labels[candidate.box][candidate.mask], minlength=256)
    count = int(candidate.mask.sum())
    if here[0] == count:
        return 0
    best = int(here[1:].argmax()) + 1
    if best == 255 or here[best] < TRUE_SHARE * count:
        return -1 if here[best] > 0.03 * count else 0
    if here[best] < FRAGMENT_SHARE * sizes[best]:
        return -1
    return best


def _as_examples(field: Field, chosen: list[tuple[Candidate, int]]) -> Examples:
    patches = np.zeros((len(chosen), 2, PATCH.side, PATCH.side, PATCH.side), dtype=np.uint8)
    for index, (candidate, _) in enumerate(chosen):
        patches[index] = np.rint(patch_of(field, candidate, PATCH) * 255)
    classes = np.array([c for _, c in chosen], dtype=np.int64)
    rules = np.array([probability(c) for c, _ in chosen])
    return Examples(patches, classes, rules)


@dataclass(frozen=True, slots=True)
class Plan:
    """Which scans are made: a background's name, the seed of variation and lesions.

    ``share`` is how much of a scan's lungs its candidates come from.
    """

    background: str
    seed: int
    lesions: int = 30
    share: float = 1.0


TRAINING: tuple[Plan, ...] = (
    *(Plan("real", 1000 + n, 110, 0.75) for n in range(6)),
    Plan("phantom 301 2.0", 1100, 100),
    Plan("phantom 303 5.0", 1300, 80),
    Plan("phantom 304 3.0", 1400, 90),
)
CALIBRATION: tuple[Plan, ...] = (
    *(Plan("real", 2000 + n, 36, 0.25) for n in range(2)),
    Plan("phantom 321 2.0", 2100, 20),
)


def background_of(name: str, folder: Path) -> Background:
    """Return a background by its name: ``real``, or ``phantom SEED SLICE_MM``."""
    if name == "real":
        return real_background(folder)
    _, seed, slice_mm = name.split()
    return phantom_background(int(seed), float(slice_mm))


def examples_for(plan: Plan, background: Background, natural: bool = False) -> Examples:
    """Return the examples of one planned scan."""
    rng = np.random.default_rng([plan.seed, 41])
    scan = painted(varied(background, rng), plan.lesions, rng)
    return examples_of(scan, rng, natural)
