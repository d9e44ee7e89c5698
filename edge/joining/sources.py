"""Analysed studies read back from a box: what they stated, and the arrays that belong to it.

Nothing is analysed again: a comparison stands on what each study's own result says.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.imaging.ct import CtFindings
from core.imaging.ct_grid import cut_grid, patient_view
from core.imaging.dr_regions import Region
from core.imaging.followup import Examination
from core.imaging.followup_study import date_of
from core.imaging.lungs import RIGHT, find_lungs, refine
from core.imaging.reading import read_radiograph, read_volume
from core.imaging.result import Lesion, QcResult
from core.imaging.volume import Radiograph, Volume
from edge.joining.errors import SourceGone
from edge.stages.results import lesion_of
from edge.stages.study_data import StudyData
from edge.stages.work import study_row
from edge.store.box import Box

_LUNGS_EDGE_MM = 2.0


@dataclass(frozen=True, slots=True)
class Stored:
    """The newest result of a study as the view holds it.

    Attributes
    ----------
    result : dict
        Public form.
    blobs : dict
        Addresses of its arrays by name.
    """

    study: str
    study_uid: str
    subject: str
    sex: str
    study_date: str
    result: dict[str, Any]
    blobs: dict[str, str]

    @property
    def lesions(self) -> tuple[Lesion, ...]:
        """The lesions as stated; empty where none were found or looked for."""
        return tuple(lesion_of(one) for one in self.result.get("lesions") or ())

    @property
    def method(self) -> tuple[str, str]:
        """Model and version that made it."""
        method, tb = self.result.get("method") or {}, self.result.get("tb") or {}
        return (
            str(method.get("model") or tb.get("model") or ""),
            str(method.get("version") or tb.get("version") or ""),
        )


def stored_of(box: Box, study: str) -> Stored:
    """Return the newest result of a study.

    Raises
    ------
    SourceGone
        If the study or its result is no longer there.
    """
    row = study_row(box, study, "study_uid", "subject", "sex", "study_date")
    found = box.database.query(
        "SELECT result, blobs FROM result WHERE study = ? ORDER BY version DESC LIMIT 1", (study,)
    )
    if not row or not found:
        raise SourceGone
    result, blobs = (json.loads(text) for text in found[0])
    return Stored(
        study, row["study_uid"], row["subject"], row["sex"] or "", row["study_date"] or "",
        result, blobs,
    )  # fmt: skip


def volume_of(box: Box, stored: Stored) -> tuple[Volume, str, str]:
    """Return the analysed CT volume with its Patient Position and Frame of Reference UID."""
    data = StudyData(box, stored.study)
    series = (stored.result.get("series") or {}).get("series_uid")
    facts = [f for f in data.facts() if f.series_uid == series and f.has_pixels]
    if not facts:
        raise SourceGone
    volume, _ = read_volume(facts, lambda index: data.load(facts[index].sop_uid))
    frame = data.load(facts[0].sop_uid).get("FrameOfReferenceUID", "")
    return volume, facts[0].patient_position, str(frame)


def label_map_of(box: Box, stored: Stored, volume: Volume) -> NDArray[np.uint16]:
    """Return the lesion ids of a CT result.

    Raises
    ------
    SourceGone
        If they are not there, or not of this volume.
    """
    labels = _array(box, stored, "label_map")
    if labels is None or labels.shape != volume.voxels.shape:
        raise SourceGone
    return labels.astype(np.uint16, copy=False)


def examination_of(box: Box, stored: Stored) -> Examination:
    """Return an analysed CT as the comparison takes it.

    A result from before the lungs were kept has them found again, its lesions added.
    """
    volume, position, _ = volume_of(box, stored)
    labels = label_map_of(box, stored, volume)
    lungs = _array(box, stored, "lungs")
    if lungs is None or lungs.shape != volume.voxels.shape:
        lungs = _lungs_again(volume, labels)
    findings = CtFindings(
        QcResult("pass"), stored.result["status"], stored.lesions, labels, lungs
    )  # fmt: skip
    return Examination(
        findings=findings,
        volume=volume,
        # The list decides who it is, corrections included; the headers may still say another.
        patient_key=hashlib.sha256(stored.subject.encode()).digest(),
        sex=stored.sex,
        on=date_of(stored.study_date),
        position=position,
    )


def film_of(box: Box, stored: Stored) -> tuple[Radiograph, tuple[Region, ...] | None]:
    """Return the analysed radiograph and its heat's regions; None for results that kept none."""
    data = StudyData(box, stored.study)
    sop_uid = (stored.result.get("series") or {}).get("sop_uid")
    if not sop_uid or sop_uid not in data.instances:
        raise SourceGone
    radiograph = read_radiograph(data.load(sop_uid))
    address = stored.blobs.get("regions")
    if not address:
        return radiograph, None
    with box.blobs.open(address, box.vault.key(stored.study)) as blob:
        regions = json.loads(blob.read())
    return radiograph, tuple(
        Region(
            **{**one, "box_px": tuple(one["box_px"]), "peak_px": tuple(one["peak_px"])}
        )
        for one in regions
    )  # fmt: skip


def _array(box: Box, stored: Stored, name: str) -> Any:
    from edge.stages.analyse import unpacked_from

    address = stored.blobs.get(name)
    return None if not address else unpacked_from(box, stored.study, address, name)


def _lungs_again(volume: Volume, labels: NDArray[np.uint16]) -> NDArray[np.uint8]:
    view = patient_view(volume)
    coarse = cut_grid(view, _LUNGS_EDGE_MM)
    lungs = view.restore(refine(view, coarse, find_lungs(coarse).labels))
    lungs[(labels > 0) & (lungs == 0)] = RIGHT
    return lungs
