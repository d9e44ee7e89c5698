"""Which PET series of a study belongs to its CT, and its volume with what SUV needs. Pure rules.

Left out: what is no PET image, projections, fewer slices than a chest has, gated and dynamic
series. Of the rest the best by: not named as uncorrected · units that SUV can be made of · stated
attenuation correction and its method · frame of reference of the CT · more slices · lower number.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from core.dicom.facts import ImageFacts, typical
from core.errors import XinglinError
from core.imaging.geometry import SeriesGeometry, order_slices
from core.imaging.pet_errors import PetDynamicError, PetEmptyError
from core.imaging.reading import read_activity
from core.imaging.series import LEAST_SLICES
from core.imaging.suv import SuvScale, suv_scale
from core.imaging.suv_header import SuvHeader, joined, suv_header
from core.imaging.volume import Volume

if TYPE_CHECKING:
    from pydicom import Dataset

PET_CLASSES: Final = frozenset(
    {
        "1.2.840.10008.5.1.4.1.1.128",  # PET
        "1.2.840.10008.5.1.4.1.1.128.1",  # legacy converted enhanced PET
        "1.2.840.10008.5.1.4.1.1.130",  # enhanced PET
    }
)
_UNCORRECTED: Final = re.compile(r"\bnac\b|\bnon?[ _-]?ac\b|uncorr|_nac\b|未.{0,2}校正|无衰减")
_SUV_UNITS: Final = frozenset({"BQML", "CNTS", "GML"})


@dataclass(frozen=True, eq=False)
class PetSeries:
    """A PET series as it was read.

    Attributes
    ----------
    series_uid : str
    volume : Volume
        float32, the series' own units.
    geometry : SeriesGeometry
    header : SuvHeader
        Of the series; of its first slice where the slices contradict each other.
    scale : SuvScale or None
        None where SUV is refused; ``refusal`` says why.
    refusal : XinglinError or None
    """

    series_uid: str
    volume: Volume
    geometry: SeriesGeometry
    header: SuvHeader
    scale: SuvScale | None
    refusal: XinglinError | None


def pet_groups(facts: Sequence[ImageFacts]) -> dict[str, list[ImageFacts]]:
    """Return the PET series of a study that could be fused: UID -> image facts."""
    groups: dict[str, list[ImageFacts]] = {}
    for one in facts:
        if one.modality == "PT" and one.sop_class in PET_CLASSES and one.has_pixels:
            groups.setdefault(one.series_uid, []).append(one)
    return {
        uid: group
        for uid, group in groups.items()
        if sum(max(1, one.frames) for one in group) >= LEAST_SLICES
        and not {"MIP", "PROJECTION", "REFORMATTED"} & set(typical(group).image_type)
    }


def has_pet(facts: Sequence[ImageFacts]) -> bool:
    """Tell whether a study holds PET images at all, also such as cannot be fused."""
    return pet_slices(facts) > 0


def pet_slices(facts: Sequence[ImageFacts]) -> int:
    """Return how many PET images or frames a study holds."""
    found = (one for one in facts if one.modality == "PT" and one.sop_class in PET_CLASSES)
    return sum(max(1, one.frames) for one in found if one.has_pixels)


def choose_pet(
    facts: Sequence[ImageFacts], load: Callable[[str], Dataset], frame_of_reference: str = ""
) -> str | None:
    """Return the UID of the PET series to fuse; None where the study has none.

    Parameters
    ----------
    facts : sequence of ImageFacts
        The whole study's.
    load : callable
        SOP Instance UID -> data set; called once per PET series.
    frame_of_reference : str
        The CT's.
    """
    groups = pet_groups(facts)
    ranked = [
        (_rank(group, suv_header(load(typical(group).sop_uid)), frame_of_reference), uid)
        for uid, group in groups.items()
    ]
    return max(ranked)[1] if ranked else None


def _rank(group: Sequence[ImageFacts], header: SuvHeader, frame: str) -> tuple[float, ...]:
    return (
        _UNCORRECTED.search(header.described) is None,
        header.units in _SUV_UNITS,
        "ATTN" in header.corrected,
        bool(header.attenuation_method),
        bool(frame) and header.frame_of_reference == frame,
        not {"GATED", "DYNAMIC"} & set(header.series_type),
        len(group),
        -typical(group).series_number,
    )


def read_pet(facts: Sequence[ImageFacts], load: Callable[[str], Dataset]) -> PetSeries:
    """Return one PET series with its factor to SUV, or with the reason why there is none.

    Parameters
    ----------
    facts : sequence of ImageFacts
        Of the series.
    load : callable
        SOP Instance UID -> data set.

    Raises
    ------
    PetDynamicError, PetEmptyError, GeometryMissingError, MatrixMixedError, ScaleMissingError,
    InputError
    """
    headers: dict[int, SuvHeader] = {}

    def noting(index: int) -> Dataset:
        data = load(facts[index].sop_uid)
        headers.setdefault(index, suv_header(data))
        return data

    volume, geometry = read_activity(facts, noting)
    order = order_slices(geometry)
    if len(order.duplicates) >= len(order.kept):
        frames = 1 + len(order.duplicates) // max(1, len(order.kept))
        raise PetDynamicError(frames=frames)
    if float(np.ptp(volume.voxels)) <= 0.0:
        raise PetEmptyError
    header = headers[min(headers)]
    scale: SuvScale | None = None
    refusal: XinglinError | None = None
    try:
        header = joined([headers[index] for index in sorted(headers)])
        scale = suv_scale(header)
    except XinglinError as error:
        refusal = error
    return PetSeries(facts[0].series_uid, volume, geometry, header, scale, refusal)
