"""Procedure steps over a real socket."""

from __future__ import annotations

from pydicom.dataset import Dataset
from pynetdicom.sop_class import (
    ModalityPerformedProcedureStep,
)

from tests.dimse_cases import associate, performed
from tests.dimse_fakes import CT


def test_procedure_step_from_start_to_end(box):
    association = associate(box, ModalityPerformedProcedureStep)
    model = ModalityPerformedProcedureStep
    created, _ = association.send_n_create(performed("IN PROGRESS"), model, "1.7.1")
    again, _ = association.send_n_create(performed("IN PROGRESS"), model, "1.7.1")
    change = Dataset()
    change.PerformedProcedureStepStatus = "COMPLETED"
    series = Dataset()
    series.SeriesInstanceUID = "1.2.1.1"
    series.SeriesDescription = "胸部"
    image = Dataset()
    image.ReferencedSOPClassUID, image.ReferencedSOPInstanceUID = CT, "1.2.1.1.1"
    series.ReferencedImageSequence = [image]
    change.SpecificCharacterSet = "ISO_IR 192"
    change.PerformedSeriesSequence = [series]
    changed, _ = association.send_n_set(change, model, "1.7.1")
    late, _ = association.send_n_set(change, model, "1.7.1")
    unknown, _ = association.send_n_set(change, model, "1.7.9")
    association.release()
    assert [s.Status for s in (created, again, changed, late, unknown)] == [
        0x0000, 0x0111, 0x0000, 0x0110, 0x0112,
    ]  # fmt: skip
    first, second = box.steps.saved
    assert (first.created, first.study_uids, first.accessions) == (True, ("1.2.1",), ("A7",))
    assert first.started == "202611220930"
    assert second.series[0].instance_uids == ("1.2.1.1.1",)
    assert second.series[0].description == "胸部"


def test_step_that_starts_finished_is_refused(box):
    association = associate(box, ModalityPerformedProcedureStep)
    status, _ = association.send_n_create(
        performed("COMPLETED"), ModalityPerformedProcedureStep, "1.7.2"
    )
    association.release()
    assert status.Status == 0x0106
    assert box.steps.saved == []
