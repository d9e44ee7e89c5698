"""DICOM Segmentation (PS3.3 A.51, BINARY) of a label map: one segment per lesion."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import highdicom as hd
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from core.imaging.result import Lesion
from core.imaging.volume import Volume
from edge.report.codes import MORPHOLOGY, kind_code, site_code
from edge.report.context import (
    MANUFACTURER,
    ResultContext,
    check_sources,
    result_uid,
    statement_en,
)
from edge.report.errors import (
    LabelMapMismatch,
    LesionNotInLabelMap,
    MixedSources,
    SourceIncomplete,
    SourcesOverlap,
)
from edge.report.header import clean_header, person_name, pin

SERIES_NUMBER: Final = 9101


@dataclass(frozen=True, slots=True)
class Plane:
    """The image that one slice of the label map lies on; ``frame`` counts from 1."""

    sop_instance_uid: str
    frame: int = 1


def planes_of(volume: Volume) -> tuple[Plane, ...]:
    """Return which source image each slice of a volume came from."""
    frames = volume.frames or (1,) * len(volume.uids)
    return tuple(Plane(uid, frame) for uid, frame in zip(volume.uids, frames, strict=True))


def tracking_id(lesion: Lesion) -> str:
    """Return the name by which a lesion is followed: the same in SEG, SR, table and draft."""
    return f"L{lesion.id}"


def tracking_uid(context: ResultContext, lesion: Lesion) -> hd.UID:
    """Return the UID by which a lesion is followed, the same in SEG and SR."""
    return hd.UID(result_uid(context, "tracking", str(lesion.id), repr(lesion.centroid_mm)))


def write_seg(
    context: ResultContext,
    lesions: Sequence[Lesion],
    label_map: NDArray[np.unsignedinteger[Any]],
    planes: Sequence[Plane],
) -> Dataset:
    """Write the segmentation of one CT.

    Parameters
    ----------
    context : ResultContext
        ``sources``: headers of a series of single-frame images, or one multi-frame image.
    lesions : sequence of Lesion
        At least one; with no lesion there is nothing to segment, and the SR says so.
    label_map : (slice, row, column) unsigned integer
        Voxel value = ``Lesion.id``; 0 = background. Ids that are not in ``lesions`` are left out.
    planes : sequence of Plane
        Which source image each slice of ``label_map`` lies on, in its order.

    Returns
    -------
    Dataset
        A complete Segmentation object with file meta; the same for the same input.

    Raises
    ------
    NoSourceImages, SourceIncomplete, MixedSources, SourcesOverlap, LabelMapMismatch,
    LesionNotInLabelMap, UnknownLesionCode
    """
    check_sources(context.sources)
    _check_geometry(context.sources)
    ordered = sorted(lesions, key=lambda lesion: lesion.id)
    _check_planes(context.sources, label_map, planes)
    used, numbers = _renumbered(label_map, ordered)
    images, pixels = _aligned(context.sources, [planes[index] for index in used], numbers)
    digest = hashlib.sha256(numbers.tobytes()).hexdigest()
    payload = (repr(used), digest, repr(ordered))
    seg = hd.seg.Segmentation(
        source_images=images,
        pixel_array=pixels,
        segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=_descriptions(context, ordered),
        series_instance_uid=result_uid(context, "series:seg", *payload),
        series_number=SERIES_NUMBER,
        sop_instance_uid=result_uid(context, "seg", *payload),
        instance_number=1,
        manufacturer=MANUFACTURER,
        manufacturer_model_name=context.station.name,
        software_versions=context.station.software_version,
        device_serial_number=context.station.serial,
        content_label="CORRECTED" if _is_corrected(context) else "AI_LESIONS",
        content_description=statement_en(context)[:64],
        content_creator_name=_creator(context),
        series_description="医师修订病灶 / lesions corrected by a physician"
        if _is_corrected(context)
        else "AI 病灶分割 / AI lesions (research)",
        omit_empty_frames=True,
    )
    return pin(seg, context)


def _is_corrected(context: ResultContext) -> bool:
    return context.correction is not None and context.correction.is_change


def _creator(context: ResultContext) -> str:
    """Return whose outlines these are: who changed them, else the method."""
    if _is_corrected(context) and context.review is not None:
        return person_name(context.review.name)
    return "XINGLIN^AI"


def _check_geometry(sources: Sequence[Dataset]) -> None:
    for source in sources:
        multi_frame = "PerFrameFunctionalGroupsSequence" in source
        needed = ("FrameOfReferenceUID", "Rows", "Columns")
        single = ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing")
        for keyword in needed if multi_frame else needed + single:
            if source.get(keyword) in (None, ""):
                raise SourceIncomplete(keyword=keyword)


def _check_planes(
    sources: Sequence[Dataset],
    label_map: NDArray[np.unsignedinteger[Any]],
    planes: Sequence[Plane],
) -> None:
    shape = (int(sources[0].Rows), int(sources[0].Columns))
    given = " × ".join(str(length) for length in label_map.shape)
    fits = label_map.ndim == 3 and label_map.shape[1:] == shape
    if not fits or len(planes) != label_map.shape[0]:
        raise LabelMapMismatch(label_map=given, images=f"{len(planes)} × {shape[0]} × {shape[1]}")
    frames = {str(x.SOPInstanceUID): int(x.get("NumberOfFrames") or 1) for x in sources}
    for plane in planes:
        if not 1 <= plane.frame <= frames.get(plane.sop_instance_uid, 0):
            raise LabelMapMismatch(label_map=given, images=f"{len(frames)}")


def _renumbered(
    label_map: NDArray[np.unsignedinteger[Any]], lesions: Sequence[Lesion]
) -> tuple[list[int], NDArray[np.uint16]]:
    """Return the slices that hold a lesion, and their voxels as Segment Numbers.

    Segment Number counts 1, 2, 3 … (PS3.3 C.8.20.2) while lesion ids may have holes. Only the
    slices with a lesion are touched: a label map of 300 slices is copied in no wider type.
    """
    used = np.flatnonzero(label_map.any(axis=(1, 2)))
    held = label_map[used]
    table = np.zeros(int(held.max(initial=0)) + 1, dtype=np.uint16)
    present = np.bincount(held[held != 0], minlength=table.size)
    if not lesions:
        raise LesionNotInLabelMap(lesion="-")
    for number, lesion in enumerate(lesions, start=1):
        if lesion.id <= 0 or lesion.id >= table.size or not present[lesion.id]:
            raise LesionNotInLabelMap(lesion=lesion.id)
        table[lesion.id] = number
    return [int(index) for index in used], np.asarray(table[held])


def _aligned(
    sources: Sequence[Dataset], planes: Sequence[Plane], numbers: NDArray[np.uint16]
) -> tuple[list[Dataset], NDArray[np.uint16]]:
    """Return source headers and pixels in highdicom's pixel-for-pixel correspondence.

    Of a series only the images with a lesion are passed: highdicom's time and the object's size
    then follow the lesions, not the slices. A multi-frame image must be passed whole.

    Raises
    ------
    SourcesOverlap
        Two images with lesions lie at the same place.
    MixedSources
        The lesions lie on more than one multi-frame object; a SEG may reference only one.
    """
    by_uid = {str(source.SOPInstanceUID): source for source in sources}
    touched = [by_uid[plane.sop_instance_uid] for plane in planes]
    if "PerFrameFunctionalGroupsSequence" not in touched[0]:
        places = {tuple(source.ImagePositionPatient) for source in touched}
        if len(places) != len(touched):
            raise SourcesOverlap
        return [clean_header(source) for source in touched], numbers
    if len({plane.sop_instance_uid for plane in planes}) > 1:
        raise MixedSources(what_zh="多帧对象", what_en="multi-frame object")
    shape = (int(touched[0].NumberOfFrames), *numbers.shape[1:])
    pixels = np.zeros(shape, dtype=np.uint16)
    for plane, picture in zip(planes, numbers, strict=True):
        pixels[plane.frame - 1] = picture
    return [clean_header(touched[0])], pixels


def _descriptions(
    context: ResultContext, lesions: Sequence[Lesion]
) -> list[hd.seg.SegmentDescription]:
    algorithm = hd.AlgorithmIdentificationSequence(
        name=context.model,
        version=context.version,
        family=hd.sr.CodedConcept("123110", "DCM", "Artificial Intelligence"),
    )
    described = []
    for number, lesion in enumerate(lesions, start=1):
        kind, site = kind_code(lesion.kind), site_code(lesion.location)
        description = hd.seg.SegmentDescription(
            segment_number=number,
            segment_label=f"{tracking_id(lesion)} 疑似{kind.zh} / suspected {kind.en}"[:64],
            segmented_property_category=MORPHOLOGY,
            segmented_property_type=kind.finding,
            algorithm_type=_BY_HAND[_decision(context, lesion)],
            # Of a lesion that a person drew there is no algorithm to name.
            algorithm_identification=None if _decision(context, lesion) == "added" else algorithm,
            tracking_uid=tracking_uid(context, lesion),
            tracking_id=tracking_id(lesion),
            anatomic_regions=[site.structure],
        )
        exact = hd.sr.CodedConcept.from_code(kind.exact)
        described.append(_with_modifiers(description, exact, site.laterality))
    return described


_BY_HAND: Final = {
    "accepted": hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
    "changed": hd.seg.SegmentAlgorithmTypeValues.SEMIAUTOMATIC,
    "added": hd.seg.SegmentAlgorithmTypeValues.MANUAL,
}


def _decision(context: ResultContext, lesion: Lesion) -> str:
    return "accepted" if context.correction is None else context.correction.of(lesion.id)


def _with_modifiers(
    description: hd.seg.SegmentDescription, exact: Dataset, laterality: Any
) -> hd.seg.SegmentDescription:
    type_item = description.SegmentedPropertyTypeCodeSequence[0]
    type_item.SegmentedPropertyTypeModifierCodeSequence = [exact]
    region = description.AnatomicRegionSequence[0]
    region.AnatomicRegionModifierSequence = [hd.sr.CodedConcept.from_code(laterality)]
    return description
