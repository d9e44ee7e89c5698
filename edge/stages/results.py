"""Stages ``measuring`` and ``report``: numbers, the draft, and the objects for the PACS.

The objects are written here, sealed as blobs and named in ``report.drafted``; delivery only sends
bytes. Their UIDs follow from the input and the method, so that a repeated job writes the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from pydicom import Dataset

from core.blobs.disk import put
from core.imaging.case import case_from_json
from core.imaging.petct_result import report_notes
from core.imaging.reading import read_activity, read_radiograph, read_volume
from core.imaging.remeasure import remeasure
from core.imaging.result import Lesion, QcResult, Reason, TbScore
from core.imaging.study_result import lesion_json
from core.imaging.volume import Volume
from core.records.clock import Stamp
from core.records.record import Record
from edge.joining.draft_sentences import sentences_of
from edge.joining.rows import comparisons_of
from edge.report.case import CaseReason, CaseResult
from edge.report.context import ResultContext, Review, Station, statement_en, statement_zh
from edge.report.delivery import part10
from edge.report.fusion import write_fusion
from edge.report.key_images import (
    CtPictures,
    KeyImage,
    PicturesFor,
    ct_key_images,
    no_pictures,
    radiograph_key_image,
)
from edge.report.sc import write_sc
from edge.report.seg import Plane, write_seg
from edge.report.sr import write_sr
from edge.report.text import draft_report
from edge.review.corrected import Corrected, corrected_of, lungs_ml_of, with_corrections
from edge.review.measuring import lesion_of as lesion_of  # noqa: PLC0414 others take it from here
from edge.stages.analyse import unpacked
from edge.stages.corrections import correction_id, correction_of
from edge.stages.queue import Job
from edge.stages.study_data import StudyData
from edge.stages.work import Done, Outcome, Work, append
from edge.store.box import Box

_DELIVERED_STATUS = frozenset({"ok", "refused", "failed"})


def measuring(work: Work, job: Job) -> Outcome:
    """Measure the proposed lesions on their label map; append ``measurement.saved``."""
    found = finding_of(work.box, job.study, job.payload)
    if found is None:
        return Done()
    work.progress(job.study, "measuring")
    start = work.elapsed()
    lesions = [lesion_of(one) for one in found.body["result"]["lesions"]]
    volume = _volume(work, job, found)
    label_map = unpacked(work, job.study, found.body["blobs"]["label_map"], "label_map")
    measured = remeasure(volume, label_map, lesions)
    body = {
        "input": job.payload["input"],
        "override": job.payload.get("override"),
        "priority": job.priority,
        "by": "node",
        "label_map": found.body["blobs"]["label_map"],
        "lesions": [lesion_json(one) for one in measured],
        "seconds": round(work.elapsed() - start, 3),
    }
    append(work, job.study, "measurement.saved", body)
    return Done()


def report(work: Work, job: Job) -> Outcome:
    """Draft the report and write the result objects; append ``report.drafted``."""
    found = finding_of(work.box, job.study, job.payload)
    if found is None:
        return Done()
    work.progress(job.study, "report")
    start = work.elapsed()
    corrected = corrected_of(work.box, job.study, job.payload)
    case = _case(work, job, found, corrected)
    # Read before the headers: a correction that comes between makes one report too many, never
    # one too few.
    correction = correction_of(work.box.records_of(job.study))
    data = StudyData(work.box, job.study)
    sources = _sources(data, found.body["result"])
    objects: list[dict[str, Any]] = []
    context = None
    if sources and case.status in _DELIVERED_STATUS:
        context = _context(work.box, job, found, (sources, correction))
        if corrected is not None:
            context = replace(context, correction=corrected.correction)
        for label, dataset in _objects(work, job, (found, corrected), case, context):
            objects.append(_kept(work, job.study, label, dataset))
    statement = (statement_zh(context), statement_en(context)) if context else ("", "")
    comparisons = comparisons_of(work.box, job.study)
    draft = draft_report(case, *statement, sentences_of(comparisons))
    body = {
        "input": job.payload["input"],
        "override": job.payload.get("override"),
        "review": job.payload.get("review"),
        "correction": {"id": correction} if correction else None,
        "priority": job.priority,
        "destination": _destination(work.box, job),
        "sentences": [asdict(sentence) for sentence in draft.sentences],
        "text_zh": draft.as_text("zh"),
        "text_en": draft.as_text("en"),
        "objects": objects,
        "beside": sorted(one["id"] for one in comparisons),
        "seconds": round(work.elapsed() - start, 3),
    }
    append(work, job.study, "report.drafted", _plain(body))
    return Done()


def _case(work: Work, job: Job, found: Record, corrected: Corrected | None) -> CaseResult:
    """Return the AI's case as measured, or as a physician corrected it."""
    result, measured = found.body["result"], measured_of(work.box, job.study, job.payload)
    if corrected is None:
        return case_of(result, measured)
    before = {**result, "lesions": measured if measured is not None else result["lesions"]}
    return case_of(with_corrections(result, corrected, lungs_ml_of(before)), None)


def _objects(
    work: Work, job: Job, stated: tuple[Record, Corrected | None], case: CaseResult,
    context: ResultContext,
) -> list[tuple[str, Dataset]]:  # fmt: skip
    found, corrected = stated
    blobs = found.body.get("blobs", {})
    made: list[tuple[str, Dataset]] = []
    seg: Dataset | None = None
    pictures: PicturesFor = no_pictures
    if case.lesions is not None and blobs.get("label_map"):
        volume = _volume(work, job, found)
        label_map = (
            unpacked(work, job.study, blobs["label_map"], "label_map")
            if corrected is None
            else corrected.label_map(volume.uids, volume.voxels.shape)
        )
        if case.lesions:
            planes = [Plane(uid) for uid in volume.uids]
            seg = write_seg(context, case.lesions, label_map, planes)
            made.append(("seg", seg))
        ct = CtPictures(volume.voxels, volume.spacing_mm, label_map)
        pictures = _of_ct(ct, case.lesions)
    elif case.tb is not None:
        pictures = _of_film(_film_picture(work, job, found, blobs))
    made.append(("sr", write_sr(context, case, seg)))
    made += [("sc", page) for page in write_sc(context, case, pictures)]
    made += [("fused", page) for page in _fused(work, job, found, case, context)]
    return made


def _fused(
    work: Work, job: Job, found: Record, case: CaseResult, context: ResultContext
) -> tuple[Dataset, ...]:
    """Return the pictures of a PET-CT; none where the study has no PET, or it was not aligned."""
    pet = found.body["result"].get("pet")
    if not pet or not pet["alignment"] or not pet["series_uid"]:
        return ()
    data = StudyData(work.box, job.study)
    facts = [f for f in data.facts() if f.series_uid == pet["series_uid"] and f.has_pixels]
    activity, _ = read_activity(facts, lambda index: data.load(facts[index].sop_uid))
    return write_fusion(context, case, (_volume(work, job, found), activity), pet)


def _of_ct(ct: CtPictures, lesions: Sequence[Lesion]) -> PicturesFor:
    return lambda focus: ct_key_images(ct, lesions, focus or None)


def _of_film(picture: KeyImage) -> PicturesFor:
    return lambda _focus: (picture,)


def _film_picture(work: Work, job: Job, found: Record, blobs: dict[str, str]) -> KeyImage:
    data = StudyData(work.box, job.study)
    radiograph = read_radiograph(data.load(found.body["result"]["series"]["sop_uid"]))
    heat = None
    if blobs.get("heat_map"):
        heat = unpacked(work, job.study, blobs["heat_map"], "heat_map").astype("float32")
    return radiograph_key_image(radiograph.pixels, heat)


def case_of(result: dict[str, Any], measured: list[dict[str, Any]] | None) -> CaseResult:
    """Return a stored result as the writers take it. Pure."""
    lesions = measured if measured is not None else result["lesions"]
    reason = result.get("reason")
    return CaseResult(
        status=result["status"],
        qc=qc_of(result["qc"]),
        lesions=None if lesions is None else tuple(lesion_of(one) for one in lesions),
        tb=None if result["tb"] is None else TbScore(**result["tb"]),
        reason=CaseReason(reason["code"], reason["message_zh"], reason["message_en"])
        if reason
        else None,
        overridden=bool(result.get("overridden")),
        ct=case_from_json(result.get("case")),
        notes=report_notes(result["pet"]) if result.get("pet") else (),
    )


def qc_of(qc: dict[str, Any] | None) -> QcResult | None:
    """Return a quality verdict from its public form."""
    if qc is None:
        return None
    reasons = tuple(
        Reason(**{name: value for name, value in one.items() if name != "message"})
        for one in qc["reasons"]
    )
    return QcResult(qc["verdict"], reasons, dict(qc.get("metrics", {})))


def finding_of(box: Box, study: str, of: dict[str, Any]) -> Record | None:
    """Return the record that a later stage works on: the newest, if of this input and edition.

    Parameters
    ----------
    of : dict
        A job's payload or a record's body: ``input`` and ``override``.
    """
    wanted = (of["input"], _edition(of))
    for record in reversed(box.records_of(study)):
        if record.kind in ("findings.proposed", "processing.failed"):
            same = (record.body["input"], _edition(record.body)) == wanted
            return record if same else None
    return None


def measured_of(box: Box, study: str, of: dict[str, Any]) -> list[dict[str, Any]] | None:
    """Return the lesions as measured after that record; None where nothing was measured."""
    wanted = (of["input"], _edition(of))
    for record in reversed(box.records_of(study)):
        if record.kind == "measurement.saved":
            if (record.body["input"], _edition(record.body)) == wanted:
                lesions: list[dict[str, Any]] = record.body["lesions"]
                return lesions
        elif record.kind == "findings.proposed":
            return None
    return None


def _which(body: dict[str, Any], correction: str) -> tuple[str, str, str, str]:
    review = body.get("review")
    return body["input"], _edition(body), str(review["id"]) if review else "", correction


def _edition(body: dict[str, Any]) -> str:
    override = body.get("override")
    return str(override["id"]) if override else ""


def _volume(work: Work, job: Job, found: Record) -> Volume:
    """Return the analysed volume: as kept since inference, else read anew."""
    kept = work.last.get(job.study, job.payload["input"], bool(job.payload.get("override")))
    if kept is not None and kept.volume is not None:
        return kept.volume
    data = StudyData(work.box, job.study)
    series = found.body["result"]["series"]["series_uid"]
    facts = [f for f in data.facts() if f.series_uid == series and f.has_pixels]
    volume, _ = read_volume(facts, lambda index: data.load(facts[index].sop_uid))
    return volume


def _sources(data: StudyData, result: dict[str, Any]) -> tuple[Dataset, ...]:
    """Return the headers of the analysed images; of any image series where none was chosen."""
    chosen = result.get("series") or {}
    if chosen.get("sop_uid"):
        return (data.header(chosen["sop_uid"]),)
    facts = [f for f in data.facts() if f.has_pixels]
    series = chosen.get("series_uid") or (facts[0].series_uid if facts else None)
    return tuple(data.header(f.sop_uid) for f in facts if f.series_uid == series)


def _context(
    box: Box, job: Job, found: Record, seen: tuple[tuple[Dataset, ...], str]
) -> ResultContext:
    sources, correction = seen
    method, tb = found.body["result"].get("method") or {}, found.body["result"].get("tb") or {}
    at = datetime.fromtimestamp(Stamp.parse(found.header.clock).ms / 1000).astimezone()
    return ResultContext(
        sources=sources,
        model=str(method.get("model") or tb.get("model") or "xinglin"),
        version=str(method.get("version") or tb.get("version") or "0"),
        made_at=at,
        station=Station(
            device_uid=f"2.25.{int(box.identity.id[:30], 16)}",
            serial=box.identity.id[:16],
            institution=box.settings.hospital,
        ),
        calibration_set=tb.get("calibration_set") or method.get("calibration_set"),
        review=_review(box, job),
        edition=":".join(filter(None, (_edition(found.body), correction))),
        predecessors=_predecessors(box, job, correction),
    )


def _destination(box: Box, job: Job) -> str:
    """Return where the objects go now; "" where nothing is sent or a physician is waited for."""
    settings = box.settings.delivery
    allowed = settings.before_review or bool(job.payload.get("review"))
    return settings.destination if allowed else ""


def _review(box: Box, job: Job) -> Review | None:
    review = job.payload.get("review")
    if not review:
        return None
    at = datetime.fromisoformat(review["at"]).astimezone()
    name = f"{review['name']}^" if "^" not in review["name"] else review["name"]
    return Review(name, box.settings.hospital, at)


def _predecessors(box: Box, job: Job, correction: str) -> tuple[Dataset, ...]:
    """Return the SR of the result before this one, if there was one."""
    for record in reversed(box.records_of(job.study)):
        if record.kind != "report.drafted":
            continue
        if _which(record.body, correction_id(record.body)) == _which(job.payload, correction):
            continue
        for one in record.body["objects"]:
            if one["label"] == "sr":
                earlier = Dataset()
                earlier.SOPClassUID, earlier.SOPInstanceUID = one["sop_class"], one["sop_instance"]
                earlier.SeriesInstanceUID, earlier.StudyInstanceUID = one["series"], one["study"]
                return (earlier,)
    return ()


def _kept(work: Work, study: str, label: str, dataset: Dataset) -> dict[str, Any]:
    box = work.box
    data = part10(dataset)
    return {
        "label": label,
        "sop_class": str(dataset.SOPClassUID),
        "sop_instance": str(dataset.SOPInstanceUID),
        "series": str(dataset.SeriesInstanceUID),
        "study": str(dataset.StudyInstanceUID),
        "transfer_syntax": str(dataset.file_meta.TransferSyntaxUID),
        "bytes": len(data),
        "blob": put(box.blobs, data, box.vault.key(study), box.outside.randomness(32)),
    }


def _plain(value: Any) -> Any:
    """Return JSON types only: tuples of a dataclass become lists."""
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return value
