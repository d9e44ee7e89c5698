"""Scans with many true lesions for the lesion search: real lungs and phantoms, to report from.

Real: LCTSC S1-103 and ACRIN-NSCLC-FDG-PET 042 (S1-101 trains the network and is left out); their
own masses are known and count neither as hit nor as false. All from ``XINGLIN_DATA``.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
import SimpleITK as sitk  # noqa: N813  # the name its documentation uses
from numpy.typing import NDArray
from scipy import ndimage

from core.imaging.ct_grid import cut_grid, patient_view
from core.imaging.lungs import find_lungs
from core.imaging.volume import Volume
from core.phantom import anatomy
from core.phantom.anatomy import Build
from core.phantom.insert import Inserted, insert, places, scanner_of
from core.phantom.lesion_shapes import Kind, LesionSpec

PLACEMENT_MM = 2.0


@dataclass(frozen=True, slots=True)
class Wish:
    """How many of a kind, between which radii (mm), with which wall (mm)."""

    kind: Kind
    count: int
    radius_mm: tuple[float, float]
    wall_mm: tuple[float, float] = (0.0, 0.0)
    unevenness: float = 0.07


LARGE = (
    Wish("solid_nodule", 5, (3.3, 7.5)),
    Wish("part_solid_nodule", 2, (5.0, 9.5), unevenness=0.1),
    Wish("ground_glass_nodule", 2, (4.5, 9.5), unevenness=0.1),
    Wish("cavity", 2, (8.0, 15.0), (2.0, 5.0)),
    Wish("calcification", 1, (3.3, 4.5)),
    Wish("consolidation", 1, (13.0, 17.0), unevenness=0.2),
)
SMALL = (Wish("solid_nodule", 4, (1.6, 2.8)), Wish("calcification", 1, (1.6, 2.4)))
COARSE = (
    Wish("solid_nodule", 4, (5.5, 11.0)),
    Wish("part_solid_nodule", 2, (6.5, 11.0), unevenness=0.1),
    Wish("ground_glass_nodule", 2, (6.5, 11.0), unevenness=0.1),
    Wish("cavity", 2, (10.0, 16.0), (2.5, 5.5)),
    Wish("consolidation", 1, (14.0, 18.0), unevenness=0.2),
)
BUDS = (Wish("tree_in_bud", 2, (11.0, 14.0)),)


def specs_in(
    depth_mm: NDArray[np.float32],
    spacing_mm: tuple[float, float, float],
    to_lps: NDArray[np.float64],
    wishes: tuple[Wish, ...],
    seed: int,
) -> list[LesionSpec]:
    """Return lesions of the wished kinds at free places.

    Parameters
    ----------
    to_lps : (3, 4) float
        Index (of ``depth_mm``) to LPS: ``[:, :3] @ index + [:, 3]``.
    """
    rng = np.random.default_rng([seed, 31])
    drawn = sorted(
        ((w, float(rng.uniform(*w.radius_mm))) for w in wishes for _ in range(w.count)),
        key=lambda pair: -pair[1],
    )
    reach = [r * (1 + 2.3 * w.unevenness) for w, r in drawn]
    specs = []
    for number, ((wish, radius), index) in enumerate(
        zip(drawn, places(depth_mm, spacing_mm, reach, seed), strict=True)
    ):
        at = to_lps[:, :3] @ np.asarray(index, dtype=np.float64) + to_lps[:, 3]
        others = rng.uniform(0.8, 1.0, size=2)
        specs.append(
            LesionSpec(
                wish.kind,
                (float(at[0]), float(at[1]), float(at[2])),
                (radius, radius * float(others[0]), radius * float(others[1])),
                float(rng.uniform(*wish.wall_mm)),
                wish.unevenness,
                seed=seed * 100 + number,
            )
        )
    return specs


def phantom_specs(
    build: Build,
    wishes: tuple[Wish, ...],
    seed: int,
    heights_mm: tuple[float, float] = (-150.0, 126.0),
) -> list[LesionSpec]:
    """Return lesions at free places of a phantom's lungs, between two heights."""
    step = 3.0
    x, y, z = np.arange(-135.0, 136, step), np.arange(-100.0, 101, step), np.arange(-150.0, 126, 3)
    depth = -anatomy.lungs(build, x[None, None], y[None, :, None], z[:, None, None])
    room = np.minimum(z - heights_mm[0], heights_mm[1] - z)
    depth = np.minimum(depth, room[:, None, None])
    to_lps = np.array([[0, 0, step, x[0]], [0, step, 0, y[0]], [step, 0, 0, z[0]]])
    return specs_in(depth.astype(np.float32), (step, step, step), to_lps, wishes, seed)


@dataclass(frozen=True)
class RealScan:
    """A real scan and the finding that is known in it (LPS centre, radius in mm)."""

    name: str
    volume: Volume
    thickness_mm: float
    known: tuple[tuple[tuple[float, float, float], float], ...]


def lctsc(folder: Path, case: str) -> RealScan:
    """Read an LCTSC case; S1-103's in-plane spacing is a placeholder, 0.977 mm is assumed."""
    image = sitk.ReadImage(str(folder / "ct" / f"lctsc-test-{case}_ct.nii.gz"))
    direction = np.array(image.GetDirection()).reshape(3, 3)[:, ::-1]
    voxels = sitk.GetArrayFromImage(image).astype(np.int16)
    volume = Volume(voxels, (3.0, 0.977, 0.977), image.GetOrigin(), direction)
    index = {"s1-101": (49, 352, 163), "s1-103": (51, 292, 391)}[case]
    at = volume.to_lps(index)
    return RealScan(case, volume, 3.0, (((float(at[0]), float(at[1]), float(at[2])), 40.0),))


def acrin(folder: Path) -> RealScan:
    """Read the CT of ACRIN-NSCLC-FDG-PET 042 with its hilar mass."""
    slices = []
    with zipfile.ZipFile(folder / "ct" / "petct_acrin_nsclc_042.zip") as archive:
        for name in archive.namelist():
            if "/CT/" in f"/{name}" and name.endswith(".dcm"):
                slices.append(pydicom.dcmread(BytesIO(archive.read(name))))
    slices.sort(key=lambda d: float(d.ImagePositionPatient[2]))
    first = slices[0]
    voxels = np.stack([
        d.pixel_array * float(d.RescaleSlope) + float(d.RescaleIntercept) for d in slices
    ]).astype(np.int16)  # fmt: skip
    step = float(slices[1].ImagePositionPatient[2]) - float(first.ImagePositionPatient[2])
    rows, columns = (float(v) for v in first.PixelSpacing)
    origin = tuple(float(v) for v in first.ImagePositionPatient)
    volume = Volume(voxels, (step, rows, columns), (origin[0], origin[1], origin[2]),
                    np.eye(3)[:, ::-1])  # fmt: skip
    # The peak of uptake of its PET (…_uptake_box.json): a mass at the right hilum.
    return RealScan(
        "acrin-042", volume, float(first.SliceThickness), (((-37.4, -21.1, -96.8), 35.0),)
    )


def with_lesions(scan: RealScan, wishes: tuple[Wish, ...], seed: int) -> Inserted:
    """Return a real scan with lesions at free places, none near its own known finding."""
    view = patient_view(scan.volume)
    grid = cut_grid(view, PLACEMENT_MM)
    lungs = find_lungs(grid).lungs
    depth = ndimage.distance_transform_edt(lungs, sampling=grid.spacing_mm).astype(np.float32)
    corner = scan.volume.to_lps(view.source_index(grid.full_index(np.zeros(3))))
    steps = [
        scan.volume.to_lps(view.source_index(grid.full_index(np.eye(3)[k]))) - corner
        for k in range(3)
    ]
    to_lps = np.column_stack([*steps, corner])
    index = np.stack(np.meshgrid(*(np.arange(n) for n in depth.shape), indexing="ij"), axis=-1)
    for centre, radius in scan.known:
        away = np.linalg.norm(index @ to_lps[:, :3].T + to_lps[:, 3] - centre, axis=-1)
        depth = np.minimum(depth, np.maximum(away - radius, 0).astype(np.float32))
    specs = specs_in(depth, grid.spacing_mm, to_lps, wishes, seed)
    levels = np.flatnonzero(lungs.any(axis=(1, 2)))
    heights = to_lps[2, 0] * levels + to_lps[2, 3]
    lung_z = (float(heights.min()), float(heights.max()))
    full = view.restore(grid.enlarge(lungs))
    return insert(
        scan.volume, specs, scanner_of(scan.volume, full, scan.thickness_mm), lung_z, seed
    )
