"""Phantoms written as DICOM: CT Image, Digital X-Ray Image (for presentation), PET Image.

Everything in the files follows from the arguments: the same phantom and identity give the same
bytes. File names are numbers, never names or identifiers of a patient.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileDataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    CTImageStorage,
    DigitalXRayImageStorageForPresentation,
    PositronEmissionTomographyImageStorage,
)

from core.imaging.volume import Volume
from core.phantom.acquisition import KERNELS
from core.phantom.ct import CtPhantom
from core.phantom.dicom_modules import (
    encode_text,
    new_object,
    put_code,
    put_equipment,
    put_patient_and_study,
    put_pixels,
    put_plane,
    put_series,
    put_times,
)
from core.phantom.dr import DrPhantom
from core.phantom.identity import StudyIdentity, uid_of
from core.phantom.petct import F18_HALF_LIFE_S, PetCtPhantom, PetSpec

_STATION_CT, _STATION_DX, _STATION_PET = "PHANTOM_CT1", "PHANTOM_DR1", "PHANTOM_PET1"


def ct_objects(
    phantom: CtPhantom, study: StudyIdentity, series_number: int = 2
) -> Iterator[FileDataset]:
    """Yield the CT images from head to feet, leaving out and repeating slices as the spec asks."""
    spec, volume = phantom.spec, phantom.volume
    series = uid_of("series", study.study_uid, "CT", series_number)
    order = [i for i in range(spec.slices)[::-1] if i not in spec.missing_slices]
    order += [i for i in order if i in spec.repeated_slices]
    for number, index in enumerate(order, start=1):
        data = new_object(CTImageStorage, uid_of("ct", series, number))
        put_patient_and_study(data, study)
        put_equipment(data, study, "Digital Chest CT", _STATION_CT)
        about = f"PHANTOM Chest {spec.thickness_mm:g} {KERNELS[spec.kernel].name}"
        put_series(data, series, "CT", series_number, about)
        put_times(data, study.at)
        _put_ct_image(data, phantom, number)
        _put_geometry(data, volume, index, study, spec.slice_thickness_mm or spec.spacing_mm[0])
        put_pixels(data, volume.voxels[index].astype(np.int32) + 1024, 12, signed=False)
        encode_text(data)
        yield data


def _put_ct_image(data: Dataset, phantom: CtPhantom, number: int) -> None:
    """CT Image (C.8.2.1) and General Image (C.7.6.1)."""
    spec = phantom.spec
    data.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    data.InstanceNumber = number
    data.AcquisitionNumber = 1
    data.PatientPosition = "HFS"
    data.KVP = "120"
    data.XRayTubeCurrent = 150
    data.ExposureTime = 500
    data.Exposure = 75
    data.ConvolutionKernel = KERNELS[spec.kernel].name
    data.GantryDetectorTilt = f"{spec.tilt_deg:g}"
    data.RotationDirection = "CW"
    data.ProtocolName = "PHANTOM CHEST ROUTINE"
    data.ReconstructionDiameter = f"{spec.spacing_mm[2] * spec.columns:.4f}"
    data.ImageComments = "数字体模，非临床图像 / Digital phantom, not a clinical image"
    data.BurnedInAnnotation = "NO"
    data.PhotometricInterpretation = "MONOCHROME2"
    data.RescaleIntercept = "-1024"
    data.RescaleSlope = "1"
    data.RescaleType = "HU"
    data.WindowCenter = ["-550", "40"]
    data.WindowWidth = ["1500", "400"]
    data.WindowCenterWidthExplanation = ["LUNG", "MEDIASTINUM"]


def _put_geometry(
    data: Dataset, volume: Volume, index: int, study: StudyIdentity, thickness_mm: float
) -> None:
    """Frame of Reference (C.7.4.1) and Image Plane (C.7.6.2) of one slice."""
    data.FrameOfReferenceUID = study.frame_of_reference_uid
    data.PositionReferenceIndicator = ""
    at = volume.to_lps((float(index), 0.0, 0.0))
    position = (float(at[0]), float(at[1]), float(at[2]))
    put_plane(data, position, volume.direction, (volume.spacing_mm[1], volume.spacing_mm[2]))
    data.SliceLocation = f"{position[2]:.4f}"
    data.SliceThickness = f"{thickness_mm:g}"


def write_ct(
    phantom: CtPhantom, study: StudyIdentity, folder: Path, series_number: int = 2
) -> list[Path]:
    """Write the CT into a folder as ``0001.dcm`` … and return the paths, head to feet."""
    return _write(ct_objects(phantom, study, series_number), folder)


def dr_object(phantom: DrPhantom, study: StudyIdentity, series_number: int = 1) -> FileDataset:
    """Return the radiograph as Digital X-Ray Image, for presentation (PS3.3 A.26)."""
    series = uid_of("series", study.study_uid, "DX", series_number)
    sop_class = DigitalXRayImageStorageForPresentation
    data = new_object(sop_class, uid_of("dx", series, phantom.spec.fault))
    put_patient_and_study(data, study)
    put_equipment(data, study, "Digital Chest DR", _STATION_DX)
    put_series(data, series, "DX", series_number, "PHANTOM Chest PA")
    put_times(data, study.at)
    _put_dx_image(data, phantom)
    _put_dx_acquisition(data, phantom)
    image = phantom.radiograph.pixels.astype(np.int32)
    inverted = phantom.spec.fault == "monochrome1"
    put_pixels(data, 4095 - image if inverted else image, 12, signed=False)
    encode_text(data)
    return data


def _put_dx_image(data: Dataset, phantom: DrPhantom) -> None:
    """General Image, DX Series (C.8.11.1), DX Image (C.8.11.3), DX Anatomy (C.8.11.2), VOI."""
    inverted = phantom.spec.fault == "monochrome1"
    data.PresentationIntentType = "FOR PRESENTATION"
    data.ImageType = ["ORIGINAL", "PRIMARY"]
    data.InstanceNumber = 1
    data.AcquisitionNumber = 1
    data.PatientOrientation = ["L", "F"]
    data.ImageLaterality = "U"
    data.ImageComments = "数字体模，非临床图像 / Digital phantom, not a clinical image"
    data.PhotometricInterpretation = "MONOCHROME1" if inverted else "MONOCHROME2"
    data.PresentationLUTShape = "INVERSE" if inverted else "IDENTITY"
    data.PixelIntensityRelationship = "LOG"
    data.PixelIntensityRelationshipSign = 1 if inverted else -1
    data.RescaleIntercept = "0"
    data.RescaleSlope = "1"
    data.RescaleType = "US"
    data.LossyImageCompression = "00"
    data.BurnedInAnnotation = "NO"
    data.WindowCenter = "2048"
    data.WindowWidth = "4096"
    data.AnatomicRegionSequence = Sequence([put_code(Dataset(), "51185008", "SCT", "Chest")])
    data.ViewPosition = "PA"
    data.PositionerType = "COLUMN"
    view = put_code(Dataset(), "399348003", "SCT", "postero-anterior")
    view.ViewModifierCodeSequence = Sequence([])
    data.ViewCodeSequence = Sequence([view])
    data.PatientOrientationCodeSequence = Sequence(
        [put_code(Dataset(), "10904000", "SCT", "erect")]
    )
    data.AcquisitionContextSequence = Sequence([])


def _put_dx_acquisition(data: Dataset, phantom: DrPhantom) -> None:
    """DX Detector (C.8.11.4), dose and exposure index (C.8.7.8, IEC 62494-1)."""
    spec, truth = phantom.spec, phantom.truth
    data.DetectorType = "DIRECT"
    data.DetectorID = "PHANTOM"
    data.DetectorActiveShape = "RECTANGLE"
    pixel = f"{spec.pixel_mm:.6g}"
    data.ImagerPixelSpacing = [pixel, pixel]
    data.PixelSpacing = [pixel, pixel]
    data.PixelSpacingCalibrationType = "GEOMETRY"
    data.PixelSpacingCalibrationDescription = "Parallel projection"
    data.KVP = "125"
    data.DistanceSourceToDetector = "1800"
    data.XRayTubeCurrent = 250
    share = truth.exposure_index / truth.target_exposure_index
    # Whole mAs, so that the two attributes cannot contradict each other.
    mas = max(1, round(6.0 * share))
    data.ExposureTime = 4 * mas
    data.Exposure = mas
    data.ExposureInuAs = 1000 * mas
    data.ExposureIndex = f"{truth.exposure_index:.1f}"
    data.TargetExposureIndex = f"{truth.target_exposure_index:.1f}"
    data.DeviationIndex = f"{truth.deviation_index:.2f}"


def write_dr(
    phantom: DrPhantom, study: StudyIdentity, folder: Path, series_number: int = 1
) -> list[Path]:
    """Write the radiograph into a folder as ``0001.dcm``."""
    return _write(iter([dr_object(phantom, study, series_number)]), folder)


def pet_objects(
    phantom: PetCtPhantom, study: StudyIdentity, series_number: int = 3
) -> Iterator[FileDataset]:
    """Yield the PET images (PS3.3 A.21) from head to feet, one slope per series."""
    volume, spec = phantom.pet, phantom.spec
    series = uid_of("series", study.study_uid, "PT", series_number)
    slope = float(f"{max(float(volume.voxels.max()), 1.0) / 32000.0:.6g}")
    for number, index in enumerate(range(spec.slices)[::-1], start=1):
        data = new_object(PositronEmissionTomographyImageStorage, uid_of("pt", series, number))
        put_patient_and_study(data, study)
        put_equipment(data, study, "Digital Chest PET", _STATION_PET)
        put_series(data, series, "PT", series_number, "PHANTOM PET AC")
        put_times(data, study.at)
        _put_pet_series(data, study, spec)
        _put_pet_image(data, spec, number, slope)
        _put_geometry(data, volume, index, study, spec.spacing_mm[0])
        put_pixels(data, np.rint(volume.voxels[index] / slope).astype(np.int32), 16, signed=True)
        encode_text(data)
        yield data


def _put_pet_series(data: Dataset, study: StudyIdentity, spec: PetSpec) -> None:
    """PET Series (C.8.9.1), PET Isotope (C.8.9.2) and the weight that SUV needs."""
    data.PatientWeight = f"{spec.weight_kg:g}"
    data.PatientSize = "1.66"
    data.Units = "BQML"
    data.CountsSource = "EMISSION"
    data.SeriesType = ["WHOLE BODY", "IMAGE"]
    data.NumberOfSlices = spec.slices
    data.CorrectedImage = ["NORM", "DTIM", "ATTN", "SCAT", "DECY", "RAN"]
    data.RandomsCorrectionMethod = "NONE"
    data.AttenuationCorrectionMethod = "CT"
    data.ScatterCorrectionMethod = "MODEL"
    data.DecayCorrection = "START"
    data.ReconstructionMethod = "PHANTOM"
    data.CollimatorType = "NONE"
    injected = study.at - timedelta(seconds=spec.uptake_s)
    drug = Dataset()
    drug.Radiopharmaceutical = "FDG"
    drug.RadiopharmaceuticalStartTime = injected.strftime("%H%M%S")
    drug.RadiopharmaceuticalStartDateTime = injected.strftime("%Y%m%d%H%M%S")
    drug.RadionuclideTotalDose = f"{spec.dose_mbq * 1e6:.0f}"
    drug.RadionuclideHalfLife = f"{F18_HALF_LIFE_S:g}"
    drug.RadionuclidePositronFraction = "0.9673"
    drug.RadionuclideCodeSequence = Sequence(
        [put_code(Dataset(), "77004003", "SCT", "^18^Fluorine")]
    )
    drug.RadiopharmaceuticalCodeSequence = Sequence(
        [put_code(Dataset(), "35321007", "SCT", "Fluorodeoxyglucose F^18^")]
    )
    data.RadiopharmaceuticalInformationSequence = Sequence([drug])
    orientation = put_code(Dataset(), "102538003", "SCT", "recumbent")
    orientation.PatientOrientationModifierCodeSequence = Sequence(
        [put_code(Dataset(), "40199007", "SCT", "supine")]
    )
    data.PatientOrientationCodeSequence = Sequence([orientation])
    data.PatientGantryRelationshipCodeSequence = Sequence(
        [put_code(Dataset(), "102540008", "SCT", "headfirst")]
    )


def _put_pet_image(data: Dataset, spec: PetSpec, number: int, slope: float) -> None:
    """PET Image (C.8.9.4)."""
    data.ImageType = ["ORIGINAL", "PRIMARY"]
    data.InstanceNumber = number
    data.ImageIndex = number
    data.AcquisitionNumber = 1
    data.ImageComments = "数字体模，非临床图像 / Digital phantom, not a clinical image"
    data.FrameReferenceTime = "0"
    data.ActualFrameDuration = "120000"
    data.DecayFactor = "1"
    data.PhotometricInterpretation = "MONOCHROME2"
    data.RescaleIntercept = "0"
    data.RescaleSlope = f"{slope:.6g}"
    data.LossyImageCompression = "00"
    data.WindowCenter = f"{5 * spec.bq_per_suv / 2:.1f}"
    data.WindowWidth = f"{5 * spec.bq_per_suv:.1f}"


def write_petct(phantom: PetCtPhantom, study: StudyIdentity, folder: Path) -> list[Path]:
    """Write CT and PET of one study into the sub-folders ``ct`` and ``pt``."""
    return [
        *_write(ct_objects(phantom.ct, study, 2), folder / "ct"),
        *_write(pet_objects(phantom, study, 3), folder / "pt"),
    ]


def _write(objects: Iterator[FileDataset], folder: Path) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths: list[Path] = []
    for number, data in enumerate(objects, start=1):
        path = folder / f"{number:04d}.dcm"
        data.save_as(path, enforce_file_format=True)
        paths.append(path)
    return paths
