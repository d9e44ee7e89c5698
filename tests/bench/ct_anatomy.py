"""Anatomy of CT held against phantom truth and experts' outlines: docs/imaging/ct-anatomy.md.

    python -m tests.bench.ct_anatomy --seeds 31,32

Phantoms at 2 mm (--size full: 1.15 mm), normal and tuberculous, with a large consolidation and
with an effusion; the real scans where XINGLIN_DATA is set, as they are and with a large
consolidation drawn into one lung. Report only seeds that the constants were not fitted on.

Truth on the 2 mm grid: a voxel belongs to a structure that fills half of it. What is finer is not
counted (vessels and bronchi under some 2 mm). The phantom counts great vessels that bulge into a
lung as lung: they are taken out of its truth. Vessels inside lesions have no contrast: not counted.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import pydicom
import SimpleITK as sitk  # noqa: N813  # the name its documentation uses
from numpy.typing import NDArray
from scipy import ndimage
from skimage.draw import polygon2mask

from core.imaging.airways import filled_share
from core.imaging.anatomy import Anatomy, find_anatomy
from core.imaging.ct_grid import Grid, Mask, PatientView, cut_grid, patient_view
from core.imaging.lobes import LOBES
from core.imaging.lungs import AIRWAYS, LEFT, RIGHT, LungMap, find_lungs, refine
from core.imaging.volume import Volume
from core.phantom import anatomy as exact
from core.phantom import tissue
from core.phantom.ct import CtPhantom, CtSpec, make_ct
from core.phantom.lesion_shapes import LesionSpec
from core.phantom.trees import trees_of
from core.phantom.tubes import Ink, Slab, paint_tubes
from tests.bench.ct_cases import spec_of

# Constants were chosen on these.
FITTING_SEEDS = tuple(range(101, 113))
REPORT_SEEDS = (31, 32)
LARGE: dict[str, tuple[LesionSpec, ...]] = {
    "consolidation, outer": (
        LesionSpec(
            "consolidation", (90.0, 20.0, 30.0), (42.0, 38.0, 40.0), unevenness=0.2, seed=11
        ),
    ),
    "consolidation, back": (
        LesionSpec("consolidation", (-72.0, 52.0, -25.0), (46, 42, 44), unevenness=0.2, seed=12),
    ),
    "effusion": (LesionSpec("pleural_effusion", (-70.0, 0.0, 35.0), (1, 1, 1), wall_mm=42.0),),
    "effusion and hilar": (
        LesionSpec("pleural_effusion", (-70.0, 0.0, 20.0), (1, 1, 1), wall_mm=40.0),
        LesionSpec("consolidation", (62.0, 5.0, 40.0), (34, 34, 36), unevenness=0.2, seed=13),
    ),
}


@dataclass(frozen=True)
class Scene:
    """One scan on the working grid."""

    view: PatientView
    coarse: Grid
    lungs: LungMap
    lungs_s: float


def scene_of(volume: Volume) -> Scene:
    """Bring a scan to the working grid and find its lungs."""
    view = patient_view(volume)
    coarse = cut_grid(view, 2.0)
    before = process_time()
    lungs = find_lungs(coarse)
    return Scene(view, coarse, lungs, process_time() - before)


def dice(a: Mask, b: Mask) -> float:
    """Return Dice's coefficient, nan where both are empty."""
    total = int(a.sum() + b.sum())
    return float(2 * (a & b).sum() / total) if total else float("nan")


def on_grid(scene: Scene, mask: Mask) -> Mask:
    """Return where a full-resolution mask (source order) fills half of a working voxel."""
    view = scene.view
    turned = mask.transpose(view.order)[
        tuple(slice(None, None, -1 if f else 1) for f in view.flips)
    ]
    return np.asarray(filled_share(turned, scene.coarse.voxels.shape) >= 0.5)


def places(scene: Scene, volume: Volume) -> list[NDArray[np.float32]]:
    """Return broadcastable LPS (x, y, z) of the working grid of an upright scan."""
    out = []
    for axis, count in enumerate(scene.coarse.voxels.shape):
        index = np.zeros((count, 3))
        index[:, axis] = np.arange(count)
        at = volume.to_lps(scene.view.source_index(scene.coarse.full_index(index)))[:, 2 - axis]
        shape = [1, 1, 1]
        shape[axis] = count
        out.append(at.astype(np.float32).reshape(shape))
    return out[::-1]


def truth_of(phantom: CtPhantom, scene: Scene) -> dict[str, NDArray[Any]]:
    """Return the phantom's structures on the working grid (bool), and ``lobes`` (1...5)."""
    shape = scene.coarse.voxels.shape
    x, y, z = places(scene, phantom.volume)
    build = phantom.patient.build
    slab = Slab(
        np.zeros(shape, np.float32), np.zeros(shape, np.uint8), x.ravel(), y.ravel(), z.ravel()
    )
    paint_tubes(slab, trees_of(build, phantom.spec.seed).great, Ink(0.0, 1, 2.0))
    found: dict[str, NDArray[Any]] = {
        name: on_grid(scene, phantom.truth.mask(bit))
        for name, bit in (
            ("right", tissue.LUNG_RIGHT), ("left", tissue.LUNG_LEFT), ("airways", tissue.AIRWAY),
            ("vessels", tissue.VESSEL), ("bones", tissue.BONE), ("heart", tissue.HEART),
        )
    }  # fmt: skip
    found["vessels"] &= found["right"] | found["left"]
    found["vessels"] &= ~on_grid(scene, phantom.truth.label_map > 0)  # not to be seen in there
    great = slab.organs > 0
    found["great"] = great & ~found["heart"]
    for side in ("right", "left"):
        found[side] = found[side] & ~great & ~found["airways"]
    wall = np.broadcast_to(exact.cage(build, x, y, z), shape)
    _, _, centre = exact.cage_axes(build, z)
    angle = np.broadcast_to(np.arctan2(np.abs(x), y - centre), shape)
    found["ribs"] = found["bones"] & (wall > -2.0) & (wall < 13.5) & (angle > 0.3)
    oblique, horizontal = (np.broadcast_to(d, shape) for d in exact.fissures(x, y, z))
    lobes = np.zeros(shape, dtype=np.uint8)
    lobes[found["right"]] = 3
    lobes[found["right"] & (oblique > 0)] = 1
    lobes[found["right"] & (oblique > 0) & (horizontal <= 0)] = 2
    lobes[found["left"]] = 5
    lobes[found["left"] & (oblique > 0)] = 4
    return {**found, "lobes": lobes}


def fissure_error_mm(
    found: NDArray[np.uint8], true: NDArray[np.uint8], scene: Scene
) -> list[float]:
    """Return distances of found borders between lobes of one lung to the true ones, mm."""

    def border(lobes: NDArray[np.uint8], side: range) -> Mask:
        out = np.zeros(lobes.shape, dtype=bool)
        for axis in range(3):
            low = lobes.take(range(lobes.shape[axis] - 1), axis)
            high = lobes.take(range(1, lobes.shape[axis]), axis)
            edge = (low != high) & np.isin(low, side) & np.isin(high, side)
            at = tuple(slice(0, n) for n in edge.shape)
            out[at] |= edge
        return out

    errors: list[float] = []
    for side in (range(1, 4), range(4, 6)):
        mine, theirs = border(found, side), border(true, side)
        if mine.any() and theirs.any():
            away = ndimage.distance_transform_edt(~theirs, sampling=scene.coarse.spacing_mm)
            errors.extend(away[mine].tolist())
    return errors


def compare(phantom: CtPhantom) -> dict[str, float]:
    """Return the row of one phantom."""
    scene = scene_of(phantom.volume)
    before = process_time()
    found = find_anatomy(scene.view, scene.coarse, scene.lungs)
    seconds = process_time() - before
    true = truth_of(phantom, scene)
    deep = scene.lungs.labels != AIRWAYS
    row = {
        "right": dice(scene.lungs.labels == RIGHT, true["right"] > 0),
        "left": dice(scene.lungs.labels == LEFT, true["left"] > 0),
        "lungs": dice(scene.lungs.lungs, (true["right"] | true["left"]) > 0),
        "airways": dice(found.airways, true["airways"] > 0),
        "bronchi": dice(found.airways & deep, (true["airways"] > 0) & deep),
        "vessels": dice(found.vessels, true["vessels"] > 0),
        "bones": dice(found.bones > 0, true["bones"] > 0),
        "ribs": dice(found.ribs, true["ribs"] > 0),
        "heart": dice(found.heart, true["heart"] > 0),
        "great": dice(found.great_vessels, true["great"] > 0),
    }
    for number, name in LOBES.items():
        row[name] = dice(found.lobes == number, true["lobes"] == number)
    errors = fissure_error_mm(found.lobes, true["lobes"], scene)
    row["border_mm"] = float(np.median(errors)) if errors else float("nan")
    row["border95_mm"] = float(np.percentile(errors, 95)) if errors else float("nan")
    return {**row, "lungs_s": scene.lungs_s, "anatomy_s": seconds}


def specs(seeds: list[int], size: str) -> Iterator[tuple[str, CtSpec]]:
    """Yield every phantom of the report by name."""
    for seed in seeds:
        for case in ("normal", "tb"):
            yield f"{case} {seed} {size}", spec_of(size, seed, case)
        for name, lesions in LARGE.items():
            yield f"{name} {seed}", replace(spec_of("middle", seed, "normal"), lesions=lesions)


def real(folder: Path, name: str) -> tuple[Volume, Mask, sitk.Image]:
    """Return a real scan with its experts' lung mask (source order) and its image."""
    image = sitk.ReadImage(str(folder / f"lctsc-test-{name}_ct.nii.gz"))
    mask = sitk.ReadImage(str(folder / f"lctsc-test-{name}_lungmask.nii.gz"))
    direction = np.array(image.GetDirection()).reshape(3, 3)[:, ::-1]
    voxels = sitk.GetArrayFromImage(image).astype(np.int16)
    # S1-103's header holds a placeholder in-plane spacing.
    volume = Volume(voxels, (3.0, 0.977, 0.977), image.GetOrigin(), direction)
    return volume, np.asarray(sitk.GetArrayFromImage(mask) > 0), image


def heart_of(folder: Path, image: sitk.Image) -> Mask:
    """Return the experts' heart of S1-101, filled contour by contour, (slice, row, column)."""
    packed = zipfile.ZipFile(folder / "lctsc-test-s1-101_rtstruct.zip")
    plan = pydicom.dcmread(io.BytesIO(packed.read("RTSTRUCT.dcm")))
    number = next(r.ROINumber for r in plan.StructureSetROISequence if r.ROIName.lower() == "heart")
    contours = next(c for c in plan.ROIContourSequence if c.ReferencedROINumber == number)
    columns, rows, slices = image.GetSize()
    out = np.zeros((slices, rows, columns), dtype=bool)
    for contour in contours.ContourSequence:
        points = np.asarray(contour.ContourData, dtype=np.float64).reshape(-1, 3)
        at = np.array([image.TransformPhysicalPointToContinuousIndex(p) for p in points.tolist()])
        level = round(float(at[:, 2].mean()))
        if 0 <= level < slices:
            out[level] ^= polygon2mask((rows, columns), at[:, [1, 0]])
    return out


def with_consolidation(volume: Volume, mask: Mask, side: int, seed: int) -> Volume:
    """Fill a ball of 40 mm radius at the outer pleura of one lung with consolidation (35 HU).

    ``side`` is 1 for the half of lower columns. What is filled stays lung by the experts' mask.
    """
    points = np.argwhere(mask)
    half = (points[:, 2] < mask.shape[2] / 2) == (side == 1)
    own = points[half]
    level = np.median(own[:, 0])
    plane = own[np.abs(own[:, 0] - level) < 2]
    centre = plane[plane[:, 2].argmin() if side == 1 else plane[:, 2].argmax()]
    steps = [
        (np.arange(n) - c) * mm
        for n, c, mm in zip(mask.shape, centre, volume.spacing_mm, strict=True)
    ]
    square = steps[0][:, None, None] ** 2 + steps[1][:, None] ** 2 + steps[2] ** 2
    fill = mask & (square < 40.0**2)
    voxels = volume.voxels.copy()
    noise = np.random.default_rng(seed).normal(35.0, 14.0, int(fill.sum()))
    voxels[fill] = np.maximum(voxels[fill], noise.astype(np.int16))
    return replace(volume, voxels=voxels)


def real_rows(folder: Path) -> Iterator[str]:
    """Yield lines about the real scans."""
    for name in ("s1-101", "s1-103"):
        volume, mask, image = real(folder, name)
        yield _real_line(name, volume, mask, heart_of(folder, image) if name == "s1-101" else None)
        for side in (1, 2):
            drawn = with_consolidation(volume, mask, side, 5)
            lungs = fine_lungs(scene_of(drawn))
            added = drawn.voxels != volume.voxels
            share = float((lungs & added).sum() / max(1, int(added.sum())))
            yield (
                f"{name} + consolidation {'right' if side == 1 else 'left'}: lungs Dice "
                f"{dice(lungs, mask):.3f}, {100 * share:.0f} % of the drawn "
                f"{added.sum() * volume.voxel_ml:.0f} ml counted as lung"
            )


def fine_lungs(scene: Scene) -> Mask:
    """Return the lungs at full resolution in the source's order, as the chain gives them."""
    fine = refine(scene.view, scene.coarse, scene.lungs.labels)
    return np.asarray(scene.view.restore((fine == RIGHT) | (fine == LEFT)))


def _real_line(name: str, volume: Volume, mask: Mask, heart: Mask | None) -> str:
    scene = scene_of(volume)
    before = process_time()
    found = find_anatomy(scene.view, scene.coarse, scene.lungs)
    seconds = process_time() - before
    line = f"{name}: lungs Dice {dice(fine_lungs(scene), mask):.3f}"
    if heart is not None:
        line += f"; heart Dice {dice(found.heart, on_grid(scene, heart)):.3f}"
    return f"{line}; {describe(found)}; {scene.lungs_s:.1f} + {seconds:.1f} s"


def describe(found: Anatomy) -> str:
    """Return lobe shares and how much of the fissures was seen."""
    sizes = np.bincount(found.lobes.ravel(), minlength=6)[1:6]
    shares = 100 * sizes / max(1, sizes.sum())
    names = ("RUL", "RML", "RLL", "LUL", "LLL")
    text = ", ".join(f"{n} {s:.0f} %" for n, s in zip(names, shares, strict=True))
    seen = ", ".join(f"{n} {100 * s:.0f} %" for n, s in found.fissures_seen.items())
    return f"{text}; seen: {seen}"


def main(arguments: list[str]) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default=",".join(map(str, REPORT_SEEDS)))
    parser.add_argument("--size", choices=("middle", "full"), default="middle")
    parser.add_argument("--only", default="", help="phantoms whose name has this in it")
    parser.add_argument("--real-only", action="store_true")
    chosen = parser.parse_args(arguments)
    seeds = [int(seed) for seed in chosen.seeds.split(",")]
    if set(seeds) & set(FITTING_SEEDS):
        sys.stderr.write("some of these seeds were fitted on: no figures to report\n")
    for name, spec in () if chosen.real_only else specs(seeds, chosen.size):
        if chosen.only not in name:
            continue
        row = compare(make_ct(spec))
        cells = " ".join(f"{key}={value:.3f}" for key, value in row.items())
        sys.stdout.write(f"{name}: {cells}\n")
        sys.stdout.flush()
    folder = os.environ.get("XINGLIN_DATA")
    for line in real_rows(Path(folder) / "ct") if folder else ():
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
