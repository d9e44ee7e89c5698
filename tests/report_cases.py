"""Small valid images and findings for the tests of result objects. Deterministic, no IO."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian

from core.imaging.case import LungVolumes, sum_up
from core.imaging.result import Lesion, QcResult, Reason, TbScore
from edge.report.case import CaseReason, CaseResult
from edge.report.context import ResultContext, Review, Station, uid_from
from edge.report.seg import Plane

NOW = datetime(2026, 3, 4, 9, 30, 15)  # noqa: DTZ001  DICOM DA/TM are local times
SHAPE = (6, 48, 64)
STUDY = uid_from("test", "study")


def base(modality: str, sop_class: str, *name: str) -> Dataset:
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = sop_class
    ds.file_meta.MediaStorageSOPInstanceUID = uid_from("test", modality, *name)
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID = sop_class
    ds.SOPInstanceUID = uid_from("test", modality, *name)
    ds.StudyInstanceUID = STUDY if modality == "CT" else uid_from("test", "study", modality)
    ds.SeriesInstanceUID = uid_from("test", "series", modality)
    ds.Modality = modality
    ds.PatientName = "ZHANG^SAN=张^三"
    ds.PatientID = "P0001"
    ds.PatientBirthDate = "19700102"
    ds.PatientSex = "M"
    ds.AccessionNumber = "A123"
    ds.StudyID = "7"
    ds.StudyDate = "20260304"
    ds.StudyTime = "091500"
    ds.StudyDescription = "胸部检查"
    ds.ReferringPhysicianName = "LI^SI=李^四"
    ds.SeriesNumber = 2
    ds.InstanceNumber = 1
    ds.Manufacturer = "Test"
    ds.Rows, ds.Columns = SHAPE[1:]
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.BitsAllocated = ds.BitsStored = 16
    ds.HighBit = 15
    ds.PixelRepresentation = 0
    return ds


def ct_series() -> tuple[Dataset, ...]:
    """Six axial slices, 2.5 mm apart, 0.8 mm pixels."""
    slices = []
    for k in range(SHAPE[0]):
        ds = base("CT", "1.2.840.10008.5.1.4.1.1.2", str(k))
        ds.InstanceNumber = k + 1
        ds.FrameOfReferenceUID = uid_from("test", "for")
        ds.PositionReferenceIndicator = ""
        ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        ds.ImagePositionPatient = [-25.6, -19.2, -100 + 2.5 * k]
        ds.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        ds.PixelSpacing = [0.8, 0.8]
        ds.SliceThickness = 2.5
        ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = -1024, 1, "HU"
        ds.KVP = 120
        ds.AcquisitionNumber = 1
        ds.PatientPosition = "HFS"
        ds.Laterality = ""
        ds.PixelData = (ct_voxels()[k] + 1024).astype("<u2").tobytes()
        slices.append(ds)
    return tuple(slices)


def ct_voxels() -> np.ndarray:
    """HU (slice, row, column): lung at -850, a nodule, a cavity with a wall."""
    rng = np.random.default_rng(5)
    voxels = rng.normal(-850, 20, SHAPE)
    labels = label_map()
    voxels[labels == 3] = 30
    voxels[labels == 7] = -100
    return voxels.astype(np.int16)


def label_map() -> np.ndarray:
    """Lesion 3 in slices 1-3, lesion 7 in slices 3-4; ids have holes on purpose."""
    labels = np.zeros(SHAPE, dtype=np.uint16)
    labels[1:4, 10:18, 12:20] = 3
    labels[3:5, 30:40, 40:52] = 7
    return labels


def enhanced_ct() -> Dataset:
    """The same volume as one Enhanced CT object, frames stored from the last slice to the first."""
    ds = base("CT", "1.2.840.10008.5.1.4.1.1.2.1", "enhanced")
    ds.SeriesInstanceUID = uid_from("test", "series", "enhanced")
    ds.NumberOfFrames = SHAPE[0]
    ds.FrameOfReferenceUID = uid_from("test", "for")
    shared = Dataset()
    measures, orientation = Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = [0.8, 0.8], 2.5
    orientation.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    shared.PixelMeasuresSequence = Sequence([measures])
    shared.PlaneOrientationSequence = Sequence([orientation])
    ds.SharedFunctionalGroupsSequence = Sequence([shared])
    frames = []
    for k in reversed(range(SHAPE[0])):
        frame, position = Dataset(), Dataset()
        position.ImagePositionPatient = [-25.6, -19.2, -100 + 2.5 * k]
        frame.PlanePositionSequence = Sequence([position])
        frames.append(frame)
    ds.PerFrameFunctionalGroupsSequence = Sequence(frames)
    return ds


def radiograph() -> Dataset:
    """A DX object of 64 x 48."""
    ds = base("DX", "1.2.840.10008.5.1.4.1.1.1.1", "0")
    ds.ImageType = ["ORIGINAL", "PRIMARY", ""]
    ds.PresentationIntentType = "FOR PRESENTATION"
    ds.ImagerPixelSpacing = [0.2, 0.2]
    rows, columns = np.mgrid[: SHAPE[1], : SHAPE[2]]
    ds.PixelData = (500 + 20 * rows + 30 * columns).astype("<u2").tobytes()
    return ds


def planes(sources: tuple[Dataset, ...]) -> tuple[Plane, ...]:
    if len(sources) == 1:
        uid = str(sources[0].SOPInstanceUID)
        return tuple(Plane(uid, SHAPE[0] - k) for k in range(SHAPE[0]))
    return tuple(Plane(str(source.SOPInstanceUID)) for source in sources)


def lesions() -> tuple[Lesion, ...]:
    return (
        Lesion(
            id=3,
            kind="solid_nodule",
            centroid_mm=(-13.2, -8.4, -95.0),
            volume_ml=0.307,
            long_axis_mm=8.9,
            short_axis_mm=6.4,
            mean_hu=30.0,
            location="right_upper_zone",
            probability=0.83,
        ),
        Lesion(
            id=7,
            kind="cavity",
            centroid_mm=(11.0, 8.4, -91.25),
            volume_ml=0.384,
            long_axis_mm=22.4,
            short_axis_mm=18.0,
            mean_hu=-100.0,
            location="left_upper_zone",
            probability=0.91,
            extra={"wall_mean_mm": 4.2},
        ),
    )


def measured_lesions() -> tuple[Lesion, ...]:
    """The same lesions with intervals and descriptors, as the measures give them."""
    nodule, cavity = lesions()
    return (
        replace(
            nodule,
            extra={"surface_cm2": 2.1, "sphericity": 0.94, "margin_sharpness_hu_per_mm": 310.0},
            intervals={"long_axis_mm": (8.2, 9.6), "volume_ml": (0.28, 0.34), "mean_hu": (20, 40)},
            codes={
                "margin": "lobulated", "shape": "round", "lobe": "right_upper_lobe",
                "segment": "right_s2", "vessel": "not_determined",
            },
        ),
        replace(
            cavity,
            intervals={"wall_mean_mm": (3.7, 4.7)},
            codes={"wall": "thick", "lobe": "left_upper_lobe"},
        ),
    )  # fmt: skip


QC_PASS = QcResult("pass", (), {"noise_hu": 12.0})
QC_WARN = QcResult(
    "warn",
    (
        Reason(
            code="DR_EXPOSURE_LOW",
            severity="warn",
            message_zh="曝光偏低，请核对条件。",
            message_en="Exposure is low; check the technique.",
            metric="deviation_index_db",
            value=-2.4,
            limit=-2.0,
        ),
    ),
    {"deviation_index_db": -2.4},
)
QC_REJECT = QcResult(
    "reject",
    (
        Reason(
            code="CT_SLICE_GAP",
            severity="reject",
            message_zh="层面缺失 3 层，请补扫或重发。",
            message_en="Three slices are missing; repeat the scan or send them again.",
            metric="gap_mm",
            value=7.5,
            limit=2.5,
        ),
    ),
)
TB = TbScore(0.82, 0.5, True, "dr-tb", "0.1.0", "DA set, 5-fold cross-validation")

CASES: dict[str, CaseResult] = {
    "ct_findings": CaseResult("ok", QC_PASS, lesions=lesions()),
    "ct_patient": CaseResult(
        "ok",
        QC_PASS,
        lesions=measured_lesions(),
        ct=sum_up(measured_lesions(), LungVolumes(4200.0, {"left_upper_lobe": 900.0})),
    ),
    "ct_no_finding": CaseResult("ok", QC_PASS, lesions=()),
    "ct_failed": CaseResult(
        "failed", QC_PASS, reason=CaseReason("E3101", "肺分割失败。", "Lung segmentation failed.")
    ),
    "ct_refused": CaseResult(
        "refused",
        QC_REJECT,
        reason=CaseReason("CT_SLICE_GAP", "层面缺失。", "Slices are missing."),
    ),
    "ct_not_applicable": CaseResult(
        "not_applicable",
        None,
        reason=CaseReason("NOT_CHEST", "不是胸部检查。", "Not a chest study."),
    ),
    "dr_suspected": CaseResult("ok", QC_WARN, tb=TB),
    "dr_below": CaseResult(
        "ok", QcResult("pass"), tb=TbScore(0.12, 0.5, False, "dr-tb", "0.1.0", "DA set")
    ),
}


def sources_for(name: str) -> tuple[Dataset, ...]:
    return (radiograph(),) if name.startswith("dr") else ct_series()


def context(sources: tuple[Dataset, ...], review: Review | None = None) -> ResultContext:
    dr = sources[0].Modality == "DX"
    return ResultContext(
        sources=sources,
        model="dr-tb" if dr else "ct-lesions",
        version="0.1.0",
        made_at=NOW,
        station=Station(device_uid=uid_from("test", "device"), institution="某县人民医院"),
        calibration_set="DA set, 5-fold cross-validation" if dr else None,
        review=review,
    )


REVIEW = Review("WANG^WU=王^五", "某县人民医院", datetime(2026, 3, 4, 10, 0, 0))  # noqa: DTZ001  DICOM DT without offset is local
