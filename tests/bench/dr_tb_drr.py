"""One source, two answers: radiographs projected from real CT, with and without solid lesions.

    XINGLIN_DATA=… python -m tests.bench.dr_tb_drr

The lesions are bodies of tissue in the CT (lumpy consolidation, shells round air), which training
never saw: it learns from shapes drawn on radiographs. Label differs, patient and source do not.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from core.imaging.dr import DrFindings, DrOptions, analyse_dr
from core.imaging.dr_zones import ZONES, Involvement, zones_of
from core.imaging.volume import Radiograph
from core.models.bundle import load, shipped
from core.models.onnx_engine import open_onnx
from federated.training.dr_lungs_bodies import Body, acrin_body, ct_folder, lctsc_body
from federated.training.dr_lungs_drr import Pose, project
from federated.training.stats import auc

#: Truly affected per cent; what was marked with the lesions and without.
Shares = list[tuple[float, Involvement, Involvement]]
_POSES = 5
_ROWS = 640
#: A ray that meets this much lesion shows it.
_SEEN_MM = 8.0


@dataclass(frozen=True)
class Diseased:
    """A body with lesions, and where they are (up, back, left)."""

    body: Body
    lesions: NDArray[np.bool_]
    hollow: bool


def with_lesions(body: Body, draw: np.random.Generator) -> Diseased:
    """Put one to four lesions into the upper two thirds of the lungs."""
    lungs = (body.parts & 3) > 0
    levels = np.flatnonzero(lungs.any((1, 2)))
    upper = lungs.copy()
    upper[: int(np.quantile(levels, 0.35))] = False  # the axis runs from feet to head
    deep = np.argwhere(ndi.binary_erosion(upper, iterations=3))
    hu, marked, hollow = body.hu.copy(), np.zeros(body.hu.shape, bool), False
    grid = np.indices(body.hu.shape).astype(np.float32)
    for _ in range(int(draw.integers(1, 5))):
        at = deep[draw.integers(len(deep))]
        radius = draw.uniform(10, 32)
        shape = draw.uniform(0.7, 1.3, 3)
        scale = shape * np.array(body.spacing_mm)
        away = [(g - a) * k for g, a, k in zip(grid, at, scale, strict=True)]
        lumps = ndi.gaussian_filter(draw.standard_normal(body.hu.shape).astype(np.float32), 2)
        depth = radius - np.sqrt(sum(a * a for a in away)) + 3.0 * lumps / lumps.std()
        wall = draw.uniform(4, 9)
        shell = draw.random() < 0.4 and radius > 2 * wall
        soft = np.clip(depth / 3.0, 0, 1) * lungs
        filled = soft * (1 - np.clip((depth - wall) / 3.0, 0, 1)) if shell else soft
        hu = hu + filled * (draw.uniform(-60, 60) - hu)
        if shell:
            hu = np.where(lungs & (depth > wall + 3), np.float32(-980), hu)
        marked |= (soft > 0.5) & lungs
        hollow |= shell
    return Diseased(replace(body, hu=hu.astype(np.float32)), marked, hollow)


def radiograph_of(body: Body, pose: Pose, draw: np.random.Generator) -> tuple[Radiograph, float]:
    """Return the projected radiograph and its enlargement."""
    path = project(body, pose).path
    scale = _ROWS / path.shape[0]
    grey = ndi.zoom(path, scale, order=3)
    low, high = np.percentile(grey, (2, 99))
    grey = np.clip((grey - low) / (high - low), 0, 1.1) * 200 + 15
    grain = draw.standard_normal(grey.shape) * 1.5
    return Radiograph(np.clip(grey + grain, 0, 255).astype(np.float32), bits_stored=8), scale


def truth_of(case: Diseased, pose: Pose) -> dict[str, float]:
    """Return the truly affected per cent of each zone of the projected lung fields."""
    seen = project(case.body, pose)
    bone = np.where(case.lesions, np.float32(0.0), np.float32(-1000.0))
    path = project(replace(case.body, hu=bone), pose).path
    shown = path / 0.018 >= _SEEN_MM  # water attenuates by about 0.018 per mm
    zones = zones_of(seen.field)
    return {
        name: 100.0 * float(shown[zones == number].mean())
        for number, name in enumerate(ZONES, start=1)
        if (zones == number).any()
    } | {"all": 100.0 * float(shown[zones > 0].mean())}


def main() -> None:
    bundle = load(shipped("dr_tb"))
    engine = open_onnx(bundle, threads=1)
    folder = ct_folder()
    bodies = {case: lctsc_body(folder, case) for case in ("s1-101", "s1-103")}
    bodies["acrin-042"] = acrin_body(folder)
    draw = np.random.default_rng(2026)
    truth, found, shares = [], [], []
    hollow: list[bool] = []

    def read(body: Body, pose: Pose) -> DrFindings:
        picture, _ = radiograph_of(body, pose, draw)
        return analyse_dr(picture, engine, bundle, DrOptions(override=True))

    for name, body in bodies.items():
        for _ in range(_POSES):
            pose = Pose(*draw.normal(0, 2, 2), *draw.uniform(0.95, 1.05, 3))
            case = with_lesions(body, draw)
            clear, ill = read(body, pose), read(case.body, pose)
            truth += [False, True]
            found += [clear, ill]
            assert ill.involvement is not None
            assert clear.involvement is not None
            shares.append((truth_of(case, pose)["all"], ill.involvement, clear.involvement))
            hollow.append(case.hollow)
        sys.stdout.write(f"{name} done\n")
    report(np.array(truth), found, shares, np.array(hollow))


def report(
    truth: NDArray[np.bool_], found: list[DrFindings], shares: Shares, hollow: NDArray[np.bool_]
) -> None:
    """Print the figures."""
    scores = np.array([one.tb.score for one in found if one.tb])
    rise = scores[1::2] - scores[::2]
    sys.stdout.write(f"score: AUC {auc(truth, scores):.3f}; higher with lesions ")
    sys.stdout.write(f"{(rise > 0).sum()} of {len(rise)}, median rise {np.median(rise):.3f}\n")
    true = np.array([one for one, _, _ in shares])
    with_it = np.array([one.affected_percent for _, one, _ in shares])
    without = np.array([one.affected_percent for _, _, one in shares])
    sys.stdout.write(f"affected %: truth {true.mean():.1f}, marked {with_it.mean():.1f}, ")
    sys.stdout.write(f"without lesions {without.mean():.1f}, ")
    sys.stdout.write(f"r {np.corrcoef(true, with_it)[0, 1]:.2f}, ")
    both = np.repeat([True, False], len(true))
    sys.stdout.write(f"AUC {auc(both, np.r_[with_it, without]):.3f}\n")
    peaks = np.array([i.cavity_share for _, i, _ in shares])
    if hollow.any() and not hollow.all():
        sys.stdout.write(f"cavity among diseased: AUC {auc(hollow, peaks):.3f}\n")
    outside = [one.familiarity is not None and one.familiarity.outside for one in found]
    sys.stdout.write(f"outside what was taught: {sum(outside)} of {len(outside)}\n")


if __name__ == "__main__":
    main()
