"""The three tasks: from two stored results to what is said of both, with pictures."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.imaging.case import TB_KINDS
from core.imaging.ct import CtFindings
from core.imaging.dr_ct import DrCtSettings
from core.imaging.dr_ct_overlay import Film, lay_upon
from core.imaging.dr_novelty import OUTSIDE
from core.imaging.followup import Examination, FollowUp, compare
from core.imaging.followup_picture import change_pictures
from core.imaging.followup_study import date_of
from core.imaging.joint import CtSays, FilmSays, PetSays, joined
from core.imaging.joint_picture import ct_picture, film_picture
from core.imaging.petct import PetCtLimits, PetFindings
from core.imaging.petct_lesions import CtSide
from core.imaging.petct_picture import FusedGrid, fused_grid, planes_at, projection
from core.imaging.register import RegistrationSettings
from core.imaging.result import QcResult, Reason
from core.imaging.study_pet import fuse_studies
from core.imaging.study_result import lesion_json
from core.imaging.volume import Volume
from edge.joining.choice import Pair, Task
from edge.joining.errors import NoPetThere
from edge.joining.sentences import noted
from edge.joining.sources import (
    Stored,
    examination_of,
    film_of,
    label_map_of,
    stored_of,
    volume_of,
)
from edge.stages.study_data import StudyData
from edge.store.box import Box

Picture = NDArray[np.uint8]
_UPTAKE_SHOWN = 10.0
_FOCI_SHOWN = 6
_SKIN_HU = -300.0
_NO_FINDINGS = QcResult("pass")


@dataclass(frozen=True, slots=True)
class Methods:
    """How the registrations run; None = each method's own settings."""

    lungs: RegistrationSettings | None = None
    film: DrCtSettings | None = None
    pet: PetCtLimits | None = None


@dataclass(frozen=True, eq=False)
class Made:
    """What a task gave.

    Attributes
    ----------
    status : {"ok", "failed", "refused", "not_applicable"}
    result : dict
        Public form; {} where nothing was computed.
    pictures : dict
        Grey or RGB arrays by name.
    reason : dict or None
        Why the status is not "ok".
    notes : list
        What to bear in mind.
    """

    status: str
    result: dict[str, Any] = field(default_factory=dict)
    pictures: dict[str, Picture] = field(default_factory=dict)
    reason: dict[str, Any] | None = None
    notes: list[dict[str, str]] = field(default_factory=list)


def made_of(box: Box, pair: Pair, methods: Methods | None = None) -> Made:
    """Bring two studies together.

    Raises
    ------
    SourceGone, NoPetThere, InputError, imaging refusals
    """
    if pair.refusal:
        return Made("refused", reason=noted(pair.refusal))
    own, other = stored_of(box, pair.study), stored_of(box, pair.other)
    return _TASKS[pair.task](box, own, other, methods or Methods())


def follow_up(box: Box, own: Stored, other: Stored, methods: Methods) -> Made:
    """Compare a CT with an earlier one."""
    for one, code in ((other, "FU_PRIOR_UNUSABLE"), (own, "FU_CURRENT_UNUSABLE")):
        if one.result["status"] != "ok":
            return _unusable(code)
    prior, current = examination_of(box, other), examination_of(box, own)
    found = compare(prior, current, settings=methods.lungs)
    result = {
        **found.as_json("zh"),
        "current": _side(own, current), "prior": _side(other, prior),
    }  # fmt: skip
    pictures = _change_pictures(prior, current, found)
    notes = [noted("JOIN_METHOD_DIFFERS")] if own.method != other.method else []
    reason = None
    if found.status != "ok" and found.reasons:
        reason = _reason(found.reasons[0])
    return Made(found.status, result, pictures, reason, notes)


def joint(box: Box, own: Stored, other: Stored, methods: Methods) -> Made:
    """Join a radiograph and a CT."""
    radiograph, regions = film_of(box, other)
    volume, _, _ = volume_of(box, own)
    labels = label_map_of(box, own, volume)
    findings = CtFindings(_NO_FINDINGS, "ok", own.lesions, labels, None)
    overlay = lay_upon(Film(radiograph, regions), findings, volume, methods.film)
    says = (_film_says(other, regions or ()), _ct_says(own), _pet_says(own))
    dates = [date_of(one.study_date) for one in (own, other)]
    days = None if dates[0] is None or dates[1] is None else abs((dates[0] - dates[1]).days)
    found = joined(*says, overlay, days)
    film, front = film_picture(radiograph), ct_picture(volume)
    result = {
        **found.as_json(),
        "film": film.as_json(),
        "front": front.as_json(),
        "regions": None if regions is None else [asdict(one) for one in regions],
        "lesions": [lesion_json(one) for one in own.lesions],
        "tb": other.result.get("tb"),
    }
    return Made("ok", result, {"film": film.pixels, "front": front.pixels})


def fusion(box: Box, own: Stored, other: Stored, methods: Methods) -> Made:
    """Fuse a CT with the PET of another study."""
    volume, _, frame = volume_of(box, own)
    side = CtSide(volume, own.lesions, label_map_of(box, own, volume))
    data = StudyData(box, other.study)
    pet = fuse_studies(side, frame, (data.facts(), data.load), limits=methods.pet)
    if pet is None:
        raise NoPetThere
    notes = [] if pet.shared_frame else [noted("JOIN_FRAMES_DIFFER")]
    reason = None if pet.reason is None else _reason(pet.reason)
    result = {
        **pet.as_json("zh"), "lesions": [lesion_json(one) for one in pet.lesions or ()],
    }  # fmt: skip
    return Made(pet.status, result, _fused_pictures(volume, pet), reason, notes)


_TASKS: dict[Task, Callable[[Box, Stored, Stored, Methods], Made]] = {
    "follow_up": follow_up,
    "joint": joint,
    "fusion": fusion,
}


def _unusable(code: str) -> Made:
    from core.imaging.followup_sentences import reason_of

    return Made("not_applicable", reason=_reason(reason_of(code, "reject")))


def _reason(reason: Reason) -> dict[str, Any]:
    return {
        "code": reason.code, "message_zh": reason.message_zh, "message_en": reason.message_en,
    }  # fmt: skip


def _side(stored: Stored, exam: Examination) -> dict[str, Any]:
    """Return what the page needs of a scan: date, slices, lesions by id."""
    lesions = {str(one.id): lesion_json(one) for one in stored.lesions}
    return {
        "study_date": stored.study_date,
        "slice_spacing_mm": round(float(exam.volume.spacing_mm[0]), 3),
        "method": list(stored.method),
        "lesions": lesions,
    }


def _change_pictures(
    prior: Examination, current: Examination, found: FollowUp
) -> dict[str, Picture]:
    return {
        f"change-{number}": picture
        for number, picture in change_pictures(prior, current, found).items()
    }


def _film_says(stored: Stored, regions: tuple[Any, ...]) -> FilmSays:
    tb, qc = stored.result.get("tb"), stored.result.get("qc") or {}
    unfamiliar = any(one["code"] == OUTSIDE for one in qc.get("reasons", ()))
    return FilmSays(
        stored.study_uid, None if tb is None else bool(tb["positive"]), unfamiliar, regions
    )


def _ct_says(stored: Stored) -> CtSays:
    if stored.result["status"] != "ok" or stored.result.get("lesions") is None:
        return CtSays(stored.study_uid, None)
    case, lesions = stored.result.get("case"), stored.lesions
    by_kind = any(one.kind in TB_KINDS and one.probability >= 0.5 for one in lesions)
    suspected = by_kind if case is None else bool(case["suspected"])
    return CtSays(stored.study_uid, suspected, lesions)


def _pet_says(stored: Stored) -> PetSays | None:
    pet = stored.result.get("pet")
    if not pet or pet.get("foci") is None:
        return None
    hot = tuple(one["lesion"] for one in pet["foci"] if one["lesion"] is not None)
    elsewhere = sum(one["assessed"] and one["lesion"] is None for one in pet["foci"])
    return PetSays(stored.study_uid, hot, elsewhere)


def _fused_pictures(ct: Volume, pet: PetFindings) -> dict[str, Picture]:
    """Return the projection and, per assessed focus, its planes side by side; none unaligned."""
    if pet.series is None or pet.alignment is None:
        return {}
    uptake = pet.suv_volume
    assert uptake is not None
    grid = fused_grid(ct, uptake, pet.motion, _UPTAKE_SHOWN if pet.status == "ok" else None)
    made = {"projection": projection(grid)}
    shown = [one for one in pet.foci or () if one.assessed][:_FOCI_SHOWN]
    if not shown:
        middle = grid.affine @ np.array([*(np.array(grid.hu.shape) / 2.0), 1.0])
        made["middle"] = _quartet(grid, (float(middle[0]), float(middle[1]), float(middle[2])))
    for focus in shown:
        made[f"focus-{focus.id}"] = _quartet(grid, focus.centroid_mm)
    return made


def _quartet(grid: FusedGrid, point: tuple[float, float, float]) -> Picture:
    """Return CT and fused, axial above coronal, cut to the body."""
    planes = planes_at(grid, point)
    body = grid.hu > _SKIN_HU
    level, front, side = (
        _span(np.asarray(body.any(axis=axes))) for axes in ((1, 2), (0, 2), (0, 1))
    )
    # The coronal planes hang head up: their rows run against the grid's.
    down = slice(grid.hu.shape[0] - level.stop, grid.hu.shape[0] - level.start)
    rows = ((planes.axial_ct, planes.axial), (planes.coronal_ct, planes.coronal))
    cuts = ((front, side), (down, side))
    lines = [
        np.concatenate([np.pad(one[cut], ((0, 4), (0, 4), (0, 0))) for one in row], axis=1)
        for row, cut in zip(rows, cuts, strict=True)
    ]
    return np.concatenate(lines, axis=0)


def _span(held: NDArray[np.bool_]) -> slice:
    """Return the part of an axis that holds something, all of it where nothing does."""
    hits = np.flatnonzero(held)
    return slice(int(hits[0]), int(hits[-1]) + 1) if len(hits) else slice(0, len(held))


def plain(value: Any) -> Any:
    """Return JSON types only, as a record takes them."""
    return json.loads(json.dumps(value, allow_nan=False))
