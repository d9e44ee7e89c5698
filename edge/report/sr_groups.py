"""The measurement groups of the structured report: case, lesion (TID 1411), radiograph (1501)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import highdicom as hd
from highdicom.sr import CodedConcept, Measurement, QualitativeEvaluation
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code

from core.imaging.result import Lesion, QcResult, TbScore
from edge.report import codes as own
from edge.report import ct_case
from edge.report.case import CaseResult
from edge.report.codes import OUTCOMES, QC_VERDICTS, kind_code, site_code
from edge.report.context import ResultContext, result_uid
from edge.report.seg import tracking_id, tracking_uid
from edge.report.suv_codes import UPTAKE_CODES, UptakeCode

MEANING_MAX = 64  # Code Meaning is LO


@dataclass(frozen=True, slots=True)
class SegReference:
    """A segmentation object: which segment belongs to which tracking UID."""

    sop_class_uid: str
    sop_instance_uid: str
    source_series_uid: str
    segments: dict[str, int]

    @classmethod
    def of(cls, seg: Dataset, context: ResultContext) -> SegReference:
        """Read the reference from a written segmentation."""
        return cls(
            sop_class_uid=str(seg.SOPClassUID),
            sop_instance_uid=str(seg.SOPInstanceUID),
            source_series_uid=str(context.sources[0].SeriesInstanceUID),
            segments={
                str(item.TrackingUID): int(item.SegmentNumber) for item in seg.SegmentSequence
            },
        )


def case_group(
    context: ResultContext, case: CaseResult
) -> hd.sr.MeasurementsAndQualitativeEvaluations:
    """Return the case-level group: outcome, review status, intended use, quality."""
    outcome = OUTCOMES[case.outcome]
    evaluations = [
        _evaluation(own.OUTCOME, outcome.exact),
        _evaluation(own.STATUS, outcome.status),
        _evaluation(own.REVIEW, own.REVIEWED if context.reviewed else own.UNREVIEWED),
        _evaluation(own.USE, own.RESEARCH_ONLY),
    ]
    if outcome.summary is not None:
        evaluations.insert(1, _evaluation(own.SUMMARY, outcome.summary))
    if case.reason is not None:
        evaluations.append(
            _evaluation(own.OUTCOME_REASON, own.own(case.reason.code, _meaning(case.reason.en)))
        )
    if context.correction is not None:
        evaluations += [_disagreed(*one) for one in context.correction.disagreed]
    if case.overridden:
        evaluations.append(_evaluation(own.OVERRIDE, own.OVERRIDDEN))
    return hd.sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=hd.sr.TrackingIdentifier(
            uid=hd.UID(result_uid(context, "tracking", "case")), identifier="CASE"
        ),
        algorithm_id=_algorithm(context, None),
        measurements=[*_counted(context), *_ct_numbers(case), *_quality_numbers(case.qc)] or None,
        qualitative_evaluations=[*evaluations, *_ct_evaluations(case), *_quality(case.qc)],
        source_images=_single_source(context),
    )


def _disagreed(code: str, value: str, reason: str) -> QualitativeEvaluation:
    """Return that the physician disagrees with one of the AI's statements, and why."""
    name = own.own(f"no_{code}"[:16], _meaning(f"Physician disagrees: {code} = {value}"))
    return _evaluation(name, own.own(reason, _meaning(reason.replace("_", " "))))


def _counted(context: ResultContext) -> list[Measurement]:
    if context.correction is None:
        return []
    numbers: list[Measurement] = []
    for name, count in context.correction.counts:
        numbers += _number(own.COUNTED[name], float(count), own.ONE)
    return numbers


def lesion_group(
    context: ResultContext, lesion: Lesion, reference: SegReference | None
) -> hd.sr.VolumetricROIMeasurementsAndQualitativeEvaluations:
    """Return one lesion's group; with a segmentation it is a volumetric ROI (TID 1411)."""
    kind = kind_code(lesion.kind)
    uid = tracking_uid(context, lesion)
    decision = "" if context.correction is None else context.correction.of(lesion.id)
    common = {
        "tracking_identifier": hd.sr.TrackingIdentifier(uid=uid, identifier=tracking_id(lesion)),
        "finding_type": kind.finding,
        "finding_category": own.MORPHOLOGY,
        "finding_sites": _sites((lesion.location,)),
        "algorithm_id": None if decision == "added" else _algorithm(context, None),
        "measurements": _lesion_numbers(lesion),
        "qualitative_evaluations": [
            _evaluation(own.KIND, kind.exact),
            *([_evaluation(own.DECISION, own.DECISIONS[decision])] if decision else []),
            *(_evaluation(name, value) for name, value in ct_case.descriptors(lesion)),
        ],
    }
    if reference is None or str(uid) not in reference.segments:
        return hd.sr.MeasurementsAndQualitativeEvaluations(**common)
    return hd.sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
        referenced_segment=hd.sr.ReferencedSegment(
            sop_class_uid=reference.sop_class_uid,
            sop_instance_uid=reference.sop_instance_uid,
            segment_number=reference.segments[str(uid)],
            source_series=hd.sr.SourceSeriesForSegmentation(reference.source_series_uid),
        ),
        **common,
    )


def radiograph_group(
    context: ResultContext, case: CaseResult, tb: TbScore, visual: Dataset | None
) -> hd.sr.MeasurementsAndQualitativeEvaluations:
    """Return the radiograph's group: score, threshold, suspicion, image, visual explanation."""
    group = hd.sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=hd.sr.TrackingIdentifier(
            uid=hd.UID(result_uid(context, "tracking", "tb")), identifier="TB"
        ),
        finding_sites=_sites(case.regions) or [hd.sr.FindingSite(anatomic_location=own.LUNG)],
        algorithm_id=_algorithm(context, tb),
        measurements=[
            *_number(own.TB_SCORE, tb.score, own.ONE),
            *_number(own.THRESHOLD, tb.threshold, own.ONE),
        ],
        qualitative_evaluations=[
            _evaluation(own.TB_SUSPICION, own.SUSPECTED if tb.positive else own.NOT_SUSPECTED)
        ],
        source_images=_single_source(context),
    )
    if visual is not None:
        group[0].ContentSequence.append(
            hd.sr.ImageContentItem(
                name=own.VISUAL_EXPLANATION,
                referenced_sop_class_uid=visual.SOPClassUID,
                referenced_sop_instance_uid=visual.SOPInstanceUID,
                relationship_type=hd.sr.RelationshipTypeValues.CONTAINS,
            )
        )
    return group


def _sites(locations: Iterable[str]) -> list[hd.sr.FindingSite]:
    sites = [site_code(location) for location in dict.fromkeys(locations)]
    return [
        hd.sr.FindingSite(anatomic_location=site.structure, laterality=site.laterality)
        for site in sites
    ]


def _single_source(
    context: ResultContext,
) -> list[hd.sr.SourceImageForMeasurementGroup] | None:
    """Reference the image itself where there is one; a series stands in the evidence."""
    if len(context.sources) != 1:
        return None
    source = context.sources[0]
    return [
        hd.sr.SourceImageForMeasurementGroup(
            referenced_sop_class_uid=str(source.SOPClassUID),
            referenced_sop_instance_uid=str(source.SOPInstanceUID),
        )
    ]


def _algorithm(context: ResultContext, tb: TbScore | None) -> hd.sr.AlgorithmIdentification:
    model, version = (context.model, context.version) if tb is None else (tb.model, tb.version)
    calibration = context.calibration_set if tb is None else tb.calibration_set
    parameters = [] if tb is None else [f"threshold={tb.threshold:g}"]
    if calibration:
        parameters.append(f"calibration_set={calibration}")
    return hd.sr.AlgorithmIdentification(name=model, version=version, parameters=parameters or None)


def _lesion_numbers(lesion: Lesion) -> list[Measurement]:
    def span(name: str, value: float) -> tuple[float, float] | None:
        ends = lesion.intervals.get(name)
        return None if ends is None else (value - ends[0], ends[1] - value)

    numbers: list[Measurement] = []
    for name, concept, value, unit in (
        ("long_axis_mm", own.LONG_AXIS, lesion.long_axis_mm, own.MM),
        ("short_axis_mm", own.SHORT_AXIS, lesion.short_axis_mm, own.MM),
        ("volume_ml", own.VOLUME, lesion.volume_ml, own.CM3),
    ):
        numbers += _number(concept, value, unit, span=span(name, value))
    mean = lesion.mean_hu
    numbers += _number(own.ATTENUATION, mean, own.HU, own.MEAN, span("mean_hu", mean))
    numbers += _number(own.CERTAINTY, 100.0 * lesion.probability, own.PERCENT)
    for name, value in sorted(lesion.extra.items()):
        code = UPTAKE_CODES.get(name)  # of PET: standard codes, the contour as the method
        if code is None:
            code = UptakeCode(own.own(name, _meaning(name.replace("_", " "))), own.unit_of(name))
        numbers += _number(
            code.name, value, code.unit, code.derivation, span(name, value), code.method
        )
    return numbers


def _ct_numbers(case: CaseResult) -> list[Measurement]:
    """Return the patient-level numbers of a CT."""
    if case.ct is None or not case.ct.counts:
        return []
    low, high = case.ct.interval
    value = case.ct.suspicion
    numbers = [
        *_number(ct_case.SUSPICION, value, own.ONE, span=(value - low, high - value)),
        *_number(own.THRESHOLD, case.ct.threshold, own.ONE),
    ]
    if case.ct.burden_percent is not None:
        numbers += _number(ct_case.BURDEN, case.ct.burden_percent, own.PERCENT)
    return numbers


def _ct_evaluations(case: CaseResult) -> list[QualitativeEvaluation]:
    if case.ct is None or not case.ct.counts:
        return []
    return [_evaluation(name, value) for name, value in ct_case.evaluations(case.ct)]


def _quality(qc: QcResult | None) -> list[QualitativeEvaluation]:
    if qc is None:
        return []
    reasons = [
        _evaluation(own.QC_REASON, own.own(reason.code, _meaning(reason.message_en)))
        for reason in qc.reasons
    ]
    return [_evaluation(own.QC_VERDICT, QC_VERDICTS[qc.verdict]), *reasons]


def _quality_numbers(qc: QcResult | None) -> list[Measurement]:
    """What was measured, reasons before metrics, each name once."""
    if qc is None:
        return []
    values = {r.metric: r.value for r in qc.reasons if r.metric and r.value is not None}
    values |= {name: value for name, value in sorted(qc.metrics.items()) if name not in values}
    numbers: list[Measurement] = []
    for name, value in values.items():
        numbers += _number(
            own.own(name, _meaning(name.replace("_", " "))), value, own.unit_of(name)
        )
    return numbers


def _named_number(name: str, value: float) -> Iterable[Measurement]:
    """Return a measurement under our own code; its unit stands in its name's ending."""
    concept = own.own(name, _meaning(name.replace("_", " ")))
    return _number(concept, value, own.unit_of(name))


def _number(
    name: Code,
    value: float,
    unit: Code,
    derivation: Code | None = None,
    span: tuple[float, float] | None = None,
    method: Code | None = None,
) -> Iterable[Measurement]:
    """Return the measurement; nothing for a value that is not a number (null, not zero).

    ``span`` is how far its 95 % interval reaches below and above it.
    """
    if not math.isfinite(value):
        return ()
    return (
        Measurement(
            name=CodedConcept.from_code(name),
            value=round(float(value), 4),
            unit=CodedConcept.from_code(unit),
            derivation=None if derivation is None else CodedConcept.from_code(derivation),
            method=None if method is None else CodedConcept.from_code(method),
            properties=None if span is None else _uncertainty(span),
        ),
    )


def _uncertainty(span: tuple[float, float]) -> hd.sr.MeasurementProperties:
    """Return the interval as DICOM states it: ranges below and above the value (TID 310)."""
    low, high = (round(max(0.0, float(end)), 4) for end in span)
    return hd.sr.MeasurementProperties(
        lower_measurement_uncertainty=low, upper_measurement_uncertainty=high
    )


def _evaluation(name: Code, value: Code) -> QualitativeEvaluation:
    return QualitativeEvaluation(
        name=CodedConcept.from_code(name), value=CodedConcept.from_code(value)
    )


def _meaning(text: str) -> str:
    return text[:MEANING_MAX]
