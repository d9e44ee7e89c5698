"""From the result of a study to the objects that go to the PACS: SEG, SR and the pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from pydicom.dataset import Dataset

from core.imaging.ct import CtFindings
from core.imaging.dr import DrFindings
from core.imaging.petct import PetFindings
from core.imaging.petct_result import report_notes
from core.imaging.study_result import StudyResult
from core.imaging.volume import Radiograph
from edge.report.case import CaseReason, CaseResult
from edge.report.context import ResultContext
from edge.report.delivery import Deliverable, deliverable_of
from edge.report.errors import NoSourceImages
from edge.report.fusion import write_fusion
from edge.report.key_images import (
    CtPictures,
    PicturesFor,
    ct_key_images,
    no_pictures,
    radiograph_key_image,
)
from edge.report.sc import write_sc
from edge.report.seg import planes_of, write_seg
from edge.report.sr import write_sr


@dataclass(frozen=True, slots=True)
class ResultObjects:
    """What is written for one study.

    Attributes
    ----------
    seg : Dataset or None
        ``None`` where there is nothing to outline; the SR then says why.
    sr : Dataset
    pictures : tuple of Dataset
        Sent where a peer refuses SEG or SR.
    fused : tuple of Dataset
        PET-CT: pictures of both modalities, always sent.
    """

    seg: Dataset | None
    sr: Dataset
    pictures: tuple[Dataset, ...]
    fused: tuple[Dataset, ...] = ()

    @property
    def primary(self) -> list[Deliverable]:
        """SEG before SR, so that the SR's references resolve; then the fused pictures."""
        return [deliverable_of(x) for x in (self.seg, self.sr, *self.fused) if x is not None]

    @property
    def fallback(self) -> list[Deliverable]:
        """The pictures as deliverables."""
        return [deliverable_of(x) for x in self.pictures]


def sources_of(result: StudyResult, headers: Sequence[Dataset]) -> tuple[Dataset, ...]:
    """Return the headers of the images that a result is about.

    The chosen series or radiograph; where none was chosen (``not_applicable``, ``failed``), the
    study's largest series, so that the answer can still be filed under the study.

    Parameters
    ----------
    result : StudyResult
    headers : sequence of Dataset
        Of the study's instances, text decoded.

    Raises
    ------
    NoSourceImages
    """
    choice = result.choice
    if choice is not None and choice.sop_uid is not None:
        wanted = [x for x in headers if str(x.get("SOPInstanceUID")) == choice.sop_uid]
    elif choice is not None and choice.series_uid is not None:
        wanted = [x for x in headers if str(x.get("SeriesInstanceUID")) == choice.series_uid]
    else:
        counted = Counter(str(x.get("SeriesInstanceUID", "")) for x in headers)
        largest = min(counted, key=lambda uid: (-counted[uid], uid), default="")
        wanted = [x for x in headers if str(x.get("SeriesInstanceUID", "")) == largest]
    if not wanted:
        raise NoSourceImages
    return tuple(wanted)


def case_of(result: StudyResult) -> CaseResult:
    """Return the findings of a study as the writers take them."""
    reason = result.reason
    regions = result.dr.regions if isinstance(result.dr, DrFindings) else None
    return CaseResult(
        status=result.status,
        qc=result.qc,
        lesions=result.lesions,
        tb=result.tb,
        regions=tuple(dict.fromkeys(region.zone for region in regions or ())),
        reason=None if reason is None else CaseReason(reason.code, reason.zh, reason.en),
        overridden=result.overridden,
        notes=() if result.pet is None else report_notes(result.pet.as_json()),
    )


def result_objects(
    context: ResultContext, result: StudyResult, radiograph: Radiograph | None = None
) -> ResultObjects:
    """Write everything for one study.

    Parameters
    ----------
    context : ResultContext
        ``sources`` from :func:`sources_of`.
    result : StudyResult
        With its arrays (``ct`` and ``volume``, or ``dr``).
    radiograph : Radiograph or None
        The analysed radiograph, for the picture.

    Raises
    ------
    ResultError
    """
    case = case_of(result)
    seg = None
    label_map = result.ct.label_map if isinstance(result.ct, CtFindings) else None
    if case.status == "ok" and case.lesions and label_map is not None and result.volume is not None:
        seg = write_seg(context, case.lesions, label_map, planes_of(result.volume))
    pictures = write_sc(context, case, _pictures_for(result, radiograph))
    visual = pictures[0] if case.tb is not None and case.status == "ok" else None
    fused: tuple[Dataset, ...] = ()
    pet = result.pet
    if result.volume is not None and isinstance(pet, PetFindings) and pet.series is not None:
        fused = write_fusion(context, case, (result.volume, pet.series.volume), pet.as_json())
    return ResultObjects(seg, write_sr(context, case, seg, visual), pictures, fused)


def _pictures_for(result: StudyResult, radiograph: Radiograph | None) -> PicturesFor:
    if radiograph is not None:
        spacing = radiograph.spacing_mm
        heat_map = result.dr.heat_map if isinstance(result.dr, DrFindings) else None
        ratio = 1.0 if spacing is None else spacing[0] / spacing[1]
        picture = radiograph_key_image(radiograph.pixels, heat_map, ratio)
        return lambda _: (picture,)
    if result.status != "ok" or result.volume is None or result.lesions is None:
        return no_pictures
    found = result.ct if isinstance(result.ct, CtFindings) else None
    ct = CtPictures(
        voxels=result.volume.voxels,
        spacing_mm=result.volume.spacing_mm,
        label_map=None if found is None else found.label_map,
        lungs=None if found is None else found.lungs,
    )
    lesions = result.lesions
    return lambda focus: ct_key_images(ct, lesions, focus)
