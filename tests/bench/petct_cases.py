"""PET-CT studies for the proof: the one real examination, and digital patients. Not timed."""

from __future__ import annotations

import io
import os
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pydicom

from core.dicom.facts import image_facts
from core.imaging.geometry import geometry_of_grid
from core.imaging.pet import PetSeries, read_pet
from core.imaging.petct_lesions import CtSide
from core.imaging.petct_space import Rigid, affine_of, rigid_of
from core.imaging.reading import read_volume
from core.imaging.result import Lesion
from core.imaging.suv import SuvScale
from core.imaging.suv_header import SuvHeader
from core.imaging.volume import Volume
from core.phantom.petct import PetCtPhantom

ACRIN = "ct/petct_acrin_nsclc_042.zip"
# Nothing of the method was fitted on digital patients; these seeds serve no other slice's fitting.
REPORT_SEEDS = (501, 502, 503, 504, 505, 506)


@dataclass(frozen=True)
class Case:
    """A CT, its PET, and where poses turn about."""

    name: str
    side: CtSide
    series: PetSeries
    centre_mm: np.ndarray


def moved(series: PetSeries, motion: Rigid) -> PetSeries:
    """Return the series of a patient who moved before the PET: same voxels, other places."""
    affine = motion.matrix @ affine_of(series.volume)
    direction = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    origin = (float(affine[0, 3]), float(affine[1, 3]), float(affine[2, 3]))
    volume = replace(series.volume, origin_mm=origin, direction=direction)
    return replace(series, volume=volume)


def pose(rng: np.random.Generator, centre_mm: np.ndarray) -> Rigid:
    """Return a random motion: up to 20 mm in any direction, up to 5 degrees about any axis."""
    way, axis = rng.normal(size=3), rng.normal(size=3)
    shift = way / np.linalg.norm(way) * rng.uniform(2.0, 20.0)
    angles = axis / np.linalg.norm(axis) * rng.uniform(0.5, 5.0)
    turn = (float(angles[0]), float(angles[1]), float(angles[2]))
    step = (float(shift[0]), float(shift[1]), float(shift[2]))
    return rigid_of(turn, step, centre_mm)


def acrin(part: str = "PT_AC") -> Case | None:
    """Return ACRIN-NSCLC-FDG-PET case 042 (TCIA, CC BY 3.0); None without XINGLIN_DATA."""
    folder = os.environ.get("XINGLIN_DATA")
    if not folder:
        return None
    with zipfile.ZipFile(Path(folder) / ACRIN) as archive:
        held = {
            name: [
                pydicom.dcmread(io.BytesIO(archive.read(member)))
                for member in sorted(archive.namelist())
                if member.startswith(f"{name}/") and member.endswith(".dcm")
            ]
            for name in ("CT", part)
        }
    slices = held["CT"]
    volume, _ = read_volume([image_facts(one) for one in slices], lambda k: slices[k])
    by_uid = {str(one.SOPInstanceUID): one for one in held[part]}
    series = read_pet([image_facts(one) for one in held[part]], by_uid.__getitem__)
    return Case("ACRIN-042", CtSide(volume), series, np.array([0.0, -30.0, -140.0]))


def digital(phantom: PetCtPhantom, name: str) -> Case:
    """Return a digital patient's examination, with the true outlines as the CT's lesions."""
    lesions = tuple(
        Lesion(t.id, t.kind, t.centroid_mm, t.volume_ml, t.long_axis_mm, t.short_axis_mm,
               t.mean_hu, t.location, 1.0)
        for t in phantom.ct.truth.lesions
    )  # fmt: skip
    side = CtSide(phantom.ct.volume, lesions, phantom.ct.truth.label_map.astype(np.uint16))
    return Case(name, side, series_of(phantom, phantom.pet), np.array([0.0, 0.0, -20.0]))


def series_of(phantom: PetCtPhantom, volume: Volume) -> PetSeries:
    """Return a PET volume of a digital patient as a series with its true factor."""
    geometry = geometry_of_grid(
        volume.voxels.shape, volume.spacing_mm, volume.origin_mm, volume.direction
    )
    scale = SuvScale(1.0 / phantom.spec.bq_per_suv, "series_time", phantom.spec.uptake_s)
    header = SuvHeader(units="BQML", corrected=("ATTN", "DECY"), fdg=True)
    return PetSeries("1.2.3", volume, geometry, header, scale, None)
