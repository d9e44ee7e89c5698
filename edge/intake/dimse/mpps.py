"""Modality performed procedure step: N-CREATE and N-SET into a sink.

Source: PS3.4 F.7.
"""

from __future__ import annotations

from dataclasses import dataclass

from pydicom.dataset import Dataset
from pydicom.uid import generate_uid
from pynetdicom import evt

from core.dicom.utf8 import to_utf8
from edge.intake.dimse.ports import (
    DimseSettings,
    MppsSink,
    Observer,
    ProcedureStep,
    SeriesDone,
    ServiceEvent,
)
from edge.intake.dimse.query import items_of, text_of
from edge.intake.dimse.retrieve import caller

SUCCESS = 0x0000
INVALID_VALUE, DUPLICATE, UNKNOWN, FAILURE = 0x0106, 0x0111, 0x0112, 0x0110
_STATES = ("IN PROGRESS", "COMPLETED", "DISCONTINUED")
_INSTANCE_SEQUENCES = (
    "ReferencedImageSequence",
    "ReferencedNonImageCompositeSOPInstanceSequence",
)
_MAX_SERIES, _MAX_INSTANCES = 1000, 100_000


@dataclass(frozen=True, slots=True)
class ProcedureSteps:
    """The two handlers; one object per service."""

    settings: DimseSettings
    sink: MppsSink
    observe: Observer

    def create(self, event: evt.Event) -> tuple[int, Dataset | None]:
        """Answer N-CREATE; a step begins in progress (0x0106 otherwise), once (0x0111)."""
        uid = str(event.request.AffectedSOPInstanceUID or generate_uid(prefix=None))
        step = self._step(event, event.attribute_list, uid, created=True)
        if step is None or step.status != "IN PROGRESS":
            return self._done(event, INVALID_VALUE), None
        if self.sink.status_of(uid) is not None:
            return self._done(event, DUPLICATE), None
        self.sink.save(step)
        self._done(event, SUCCESS)
        answer = Dataset()
        answer.SOPInstanceUID = uid
        answer.PerformedProcedureStepStatus = step.status
        return SUCCESS, answer

    def change(self, event: evt.Event) -> tuple[int, Dataset | None]:
        """Answer N-SET; unknown steps are 0x0112, finished ones 0x0110 (they may not change)."""
        uid = str(event.request.RequestedSOPInstanceUID)
        before = self.sink.status_of(uid)
        if before is None:
            return self._done(event, UNKNOWN), None
        if before != "IN PROGRESS":
            return self._done(event, FAILURE), None
        step = self._step(event, event.modification_list, uid, created=False)
        if step is None:
            return self._done(event, INVALID_VALUE), None
        self.sink.save(step)
        self._done(event, SUCCESS)
        answer = Dataset()
        answer.PerformedProcedureStepStatus = step.status
        return SUCCESS, answer

    def _step(
        self, event: evt.Event, dataset: Dataset, uid: str, *, created: bool
    ) -> ProcedureStep | None:
        sender = caller(event)
        peer = self.settings.peers.get(sender)
        text, _ = to_utf8(dataset, peer.charset_override if peer else None)
        return read_step(text, uid, sender, created=created)

    def _done(self, event: evt.Event, status: int) -> int:
        self.observe(ServiceEvent("mpps", caller(event), "", status, 1))
        return status


def read_step(dataset: Dataset, uid: str, sender: str, *, created: bool) -> ProcedureStep | None:
    """Return the message as a record, or None if its status is not one of the three."""
    status = text_of(dataset, "PerformedProcedureStepStatus") or "IN PROGRESS"
    if status not in _STATES:
        return None
    scheduled = items_of(dataset, "ScheduledStepAttributesSequence")
    return ProcedureStep(
        uid=uid,
        status=status,  # type: ignore[arg-type]  # checked against the three states above
        created=created,
        sender=sender,
        modality=text_of(dataset, "Modality"),
        study_uids=_all(scheduled, "StudyInstanceUID"),
        accessions=_all(scheduled, "AccessionNumber"),
        patient_id=text_of(dataset, "PatientID"),
        started=text_of(dataset, "PerformedProcedureStepStartDate")
        + text_of(dataset, "PerformedProcedureStepStartTime"),
        ended=text_of(dataset, "PerformedProcedureStepEndDate")
        + text_of(dataset, "PerformedProcedureStepEndTime"),
        series=_series(dataset),
    )


def _series(dataset: Dataset) -> tuple[SeriesDone, ...]:
    found = []
    for item in items_of(dataset, "PerformedSeriesSequence")[:_MAX_SERIES]:
        instances: list[str] = []
        for keyword in (
            "ReferencedImageSequence",
            "ReferencedNonImageCompositeSOPInstanceSequence",
        ):
            instances += _all(items_of(item, keyword), "ReferencedSOPInstanceUID")
        found.append(
            SeriesDone(
                text_of(item, "SeriesInstanceUID"),
                tuple(instances[:_MAX_INSTANCES]),
                text_of(item, "SeriesDescription"),
            )
        )
    return tuple(s for s in found if s.series_uid)


def _all(items: list[Dataset], keyword: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(t for t in (text_of(i, keyword) for i in items) if t))
