"""Bodies to make radiographs from: chest CT with lung masks, and digital patients.

Arrays are ordered (up, back, left) as in `core.imaging.ct_grid`, about 3 mm.
"""

from __future__ import annotations

import io
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from skimage.morphology import convex_hull_image

from core.imaging.ct_grid import carry, cut_grid, patient_view
from core.imaging.lungs import find_lungs
from core.imaging.volume import Volume
from core.phantom import tissue
from core.phantom.patients import Case, patient_of
from core.phantom.render import Grid, render
from federated.errors import TrainingDataMissing

EDGE_MM = 3.0
RIGHT, LEFT, HIDDEN = 1, 2, 4


@dataclass(frozen=True)
class Body:
    """One chest.

    Attributes
    ----------
    hu : (up, back, left) float32
        Air outside the body.
    parts : (up, back, left) uint8
        Bits: 1 right lung, 2 left lung, 4 soft tissue that hides lung from a reader (heart and
        mediastinum between the lungs, what lies under the diaphragm).
    spacing_mm : (3,) float
    """

    hu: NDArray[np.float32]
    parts: NDArray[np.uint8]
    spacing_mm: tuple[float, float, float]


def body_of(
    hu: NDArray[np.float32],
    lungs: NDArray[np.uint8],
    inside: NDArray[np.bool_],
    spacing_mm: tuple[float, float, float],
) -> Body:
    """Return the body with what hides lung marked; `lungs` is 1 right, 2 left."""
    air = np.float32(-1000.0)
    clean = np.where(inside, hu, air).astype(np.float32)
    any_lung = lungs > 0
    soft = inside & ~any_lung & (clean > -400)
    hull = np.stack([convex_hull_image(p) if p.any() else np.zeros_like(p) for p in any_lung])
    lowest = np.where(any_lung.any(0), any_lung.argmax(0), -1)
    under = np.arange(len(hu))[:, None, None] < lowest[None]
    parts = lungs.astype(np.uint8)
    parts[soft & (hull | under)] |= HIDDEN
    return Body(clean, parts, spacing_mm)


def phantom_body(seed: int, case: Case) -> Body:
    """Return a digital patient (`core.phantom`)."""
    step = EDGE_MM
    grid = Grid(
        x=np.arange(-216.0, 217.0, step),
        y=np.arange(-150.0, 165.0, step),
        z=np.arange(-210.0, 190.0, step),
        thickness_mm=step,
    )
    slab, _ = render(patient_of(seed, case), grid)
    lungs = np.where(
        slab.organs & tissue.LUNG_RIGHT, RIGHT, np.where(slab.organs & tissue.LUNG_LEFT, LEFT, 0)
    ).astype(np.uint8)
    inside = (slab.organs & tissue.BODY > 0) | (slab.hu > -400) | (lungs > 0)
    return body_of(slab.hu, lungs, inside, (step, step, step))


def ct_body(volume: Volume, mask: NDArray[np.bool_] | None) -> Body:
    """Return a CT's body; `mask` is an expert's lung mask in the volume's axes where there is one.

    Sides, and lungs where there is no mask, are found by `core.imaging.lungs`.
    """
    view = patient_view(volume)
    grid = cut_grid(view, EDGE_MM)
    found = find_lungs(grid)
    labels = np.where(found.labels <= LEFT, found.labels, 0).astype(np.uint8)
    if mask is not None:
        ordered = patient_view(
            Volume(mask, volume.spacing_mm, volume.origin_mm, volume.direction)
        ).voxels
        expert = carry(ordered, labels.shape) > 0
        middle = np.argwhere(expert)[:, 2].mean()
        side = np.where(np.arange(labels.shape[2]) < middle, RIGHT, LEFT)
        labels = np.where(expert, np.where(labels > 0, labels, side[None, None]), 0)
    return body_of(grid.voxels, labels.astype(np.uint8), found.body | (labels > 0), grid.spacing_mm)


def ct_folder() -> Path:
    """Return the folder of the CT archives.

    Raises
    ------
    TrainingDataMissing
    """
    named = os.environ.get("XINGLIN_DATA", "")
    folder = Path(named) / "ct"
    if not named or not folder.is_dir():
        raise TrainingDataMissing(what="XINGLIN_DATA/ct")
    return folder


def lctsc_body(folder: Path, case: str) -> Body:
    """Return ``"s1-101"`` or ``"s1-103"`` with the experts' lungs (TCIA LCTSC, CC BY 3.0).

    The in-plane spacing of S1-103 is a placeholder in its header; 0.977 mm is taken for both.
    """
    import SimpleITK as sitk  # noqa: N813  # the name its documentation uses

    image = sitk.ReadImage(str(folder / f"lctsc-test-{case}_ct.nii.gz"))
    mask = sitk.ReadImage(str(folder / f"lctsc-test-{case}_lungmask.nii.gz"))
    direction = np.array(image.GetDirection()).reshape(3, 3)[:, ::-1]
    voxels = sitk.GetArrayFromImage(image).astype(np.int16)
    volume = Volume(voxels, (3.0, 0.977, 0.977), image.GetOrigin(), direction)
    return ct_body(volume, sitk.GetArrayFromImage(mask) > 0)


def acrin_body(folder: Path) -> Body:
    """Return ACRIN-NSCLC-FDG-PET case 042 (TCIA, CC BY 3.0), lungs by our own method."""
    from pydicom import dcmread

    slices = []
    with zipfile.ZipFile(folder / "petct_acrin_nsclc_042.zip") as held:
        for name in held.namelist():
            if "CT/" in name and not name.endswith("/"):
                image = dcmread(io.BytesIO(held.read(name)))
                stored = image.pixel_array.astype(np.float32)
                hu = stored * float(image.RescaleSlope) + float(image.RescaleIntercept)
                slices.append((float(image.ImagePositionPatient[2]), hu.astype(np.int16), image))
    slices.sort(key=lambda one: one[0])
    first = slices[0][2]
    row_mm, column_mm = (float(v) for v in first.PixelSpacing)
    height_mm = (slices[-1][0] - slices[0][0]) / (len(slices) - 1)
    # Supine, head first, no tilt: rows run to the back, columns to the left.
    direction = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    origin = tuple(float(v) for v in first.ImagePositionPatient)
    volume = Volume(
        np.stack([one[1] for one in slices]),
        (height_mm, row_mm, column_mm),
        (origin[0], origin[1], origin[2]),
        direction,
    )
    return ct_body(volume, None)
