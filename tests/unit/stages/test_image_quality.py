"""A radiograph at arrival: a verdict where it can be read, "failed" where not, never "rejected"."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from pydicom import Dataset, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian

from core.records.record import Draft
from edge.api.history import history_of
from edge.api.studies import _image_qc
from edge.intake.net.sink import Ending, Peer, StoreCommand
from tests.chain_site import Site
from tests.dr_cases import chest_pixels


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path / "box")


def _radiograph(number: int = 1, lost: int = 0) -> bytes:
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID, ds.SOPInstanceUID = DigitalXRayImageStorageForPresentation, f"1.2.4.{number}"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = "1.2.4", "1.2.4.900"
    ds.StudyDate, ds.StudyTime, ds.AccessionNumber, ds.StudyID = "20261122", "080000", "A2", "1"
    ds.Modality, ds.BodyPartExamined, ds.ViewPosition = "DX", "CHEST", "PA"
    ds.PatientName, ds.PatientID = "LI^SI=李^四", "P2"
    ds.PatientBirthDate, ds.PatientSex, ds.ReferringPhysicianName = "19700101", "F", ""
    ds.SeriesNumber, ds.InstanceNumber = 1, number
    ds.Rows = ds.Columns = 256
    ds.BitsAllocated = ds.BitsStored = 8
    ds.HighBit, ds.PixelRepresentation, ds.SamplesPerPixel = 7, 0, 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    pixels = chest_pixels(256, seed=number).astype(np.uint8).tobytes()
    ds.PixelData = pixels[: len(pixels) - lost]
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    out = io.BytesIO()
    dcmwrite(out, ds, implicit_vr=False, little_endian=True)
    return out.getvalue()


def _send(site: Site, *objects: bytes) -> None:
    peer = Peer("ct1", "CT1", "XINGLIN", "127.0.0.1", "a1", traits=frozenset({"modality"}))
    sop_class = DigitalXRayImageStorageForPresentation
    for data in objects:
        command = StoreCommand(sop_class, "", ExplicitVRLittleEndian, 1, "DX1")
        receipt = site.sink.begin(peer, command)
        receipt.write(memoryview(data))
        assert receipt.commit().status == 0
    site.sink.ended(peer, Ending.RELEASED)
    site.settle()


def _page(site: Site) -> list[dict[str, object]]:
    return _image_qc(site, site.row("study")[0])


def test_a_readable_radiograph_has_a_verdict(site):
    _send(site, _radiograph())
    assert site.row("qc") == ("pass",)
    (shown,) = _page(site)
    assert (shown["verdict"], shown["error"]) == ("pass", None)
    assert shown["qc"]["verdict"] == "pass"


def test_an_unreadable_radiograph_has_failed_and_is_never_called_rejected(site):
    _send(site, _radiograph(lost=30_000))
    assert site.row("qc", "ai") == ("failed", "waiting")
    study = site.row("study")[0]
    (record,) = [r for r in site.box.records_of(study) if r.kind == "qc.assessed"]
    assert record.body["qc"] is None
    assert record.body["error"]["code"].startswith("E")
    (shown,) = _page(site)
    assert (shown["verdict"], shown["qc"]) == ("failed", None)
    assert shown["error"] == record.body["error"]
    for seconds in (6, 60, 120):
        site.settle(seconds)
        assert site.row("qc") == ("failed",)
    assert site.row("ai") == ("failed",)
    said = " ".join(one["text_zh"] + one["text_en"] for one in history_of(site.box, study))
    assert "无法读取" in said
    assert "不合格" not in said
    assert "reject" not in said


def test_a_failed_image_shows_beside_a_good_one_but_gives_the_study_no_verdict(site):
    _send(site, _radiograph(1), _radiograph(2, lost=30_000))
    assert site.row("qc") == ("failed",)
    assert sorted(one["verdict"] for one in _page(site)) == ["failed", "pass"]


def test_records_of_the_first_version_read_as_failed_and_rebuild_alike(site):
    _send(site, _radiograph())
    study, subject = site.row("study", "subject")
    error = {"code": "E2990", "message_zh": "读不出", "message_en": "Cannot be read"}
    qc = {"verdict": "reject", "reasons": [{"code": "DR_UNREADABLE"}], "metrics": {}}
    body = {"sop_instance": "1.2.4.1", "qc": qc, "error": error, "seconds": 0.1}
    site.box.append([Draft("qc.assessed", body, subject=subject, key=study)])
    assert site.row("qc") == ("failed",)
    rows = site.box.database.query("SELECT verdict, result FROM image_qc")
    assert [(v, json.loads(r)) for v, r in rows] == [("failed", error)]
    before = site.box.views.dump()
    site.box.views.rebuild(site.box.journal, site.box.vault)
    assert site.box.views.dump() == before
