"""The modules that every phantom object shares (PS3.3 annex C), filled from plain records."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian
from pydicom.valuerep import PersonName

from core.phantom.errors import TextNotEncodable
from core.phantom.identity import StudyIdentity, uid_of

MANUFACTURER = "Xinglin Phantom"
IMPLEMENTATION_UID = uid_of("implementation", 1)
_TEXT_VRS = frozenset({"LO", "SH", "ST", "LT", "UT", "UC"})
_CODECS = {"ISO_IR 192": "utf-8", "GB18030": "gb18030"}


def new_object(sop_class: str, sop_instance: str) -> FileDataset:
    """Return an empty object with its file meta (explicit VR little endian)."""
    meta = FileMetaDataset()
    meta.FileMetaInformationVersion = b"\x00\x01"
    meta.MediaStorageSOPClassUID = UID(sop_class)
    meta.MediaStorageSOPInstanceUID = UID(sop_instance)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID(IMPLEMENTATION_UID)
    meta.ImplementationVersionName = "XINGLIN_PHANTOM"
    data = FileDataset("", {}, file_meta=meta, preamble=b"\x00" * 128)
    data.SOPClassUID = UID(sop_class)
    data.SOPInstanceUID = UID(sop_instance)
    return data


def put_patient_and_study(data: Dataset, study: StudyIdentity) -> None:
    """Patient (C.7.1.1), General Study (C.7.2.1) and Patient Study (C.7.2.2)."""
    data.SpecificCharacterSet = study.character_set
    data.PatientName = PersonName(study.patient.name)
    data.PatientID = study.patient.patient_id
    data.IssuerOfPatientID = "XINGLIN PHANTOM"
    data.PatientBirthDate = study.patient.birth_date.strftime("%Y%m%d")
    data.PatientSex = study.patient.sex
    data.PatientComments = "体模，非真实患者 / PHANTOM, NOT A REAL PATIENT"
    age = study.at.year - study.patient.birth_date.year
    data.PatientAge = f"{max(age, 0):03d}Y"
    data.StudyInstanceUID = UID(study.study_uid)
    data.StudyDate = study.at.strftime("%Y%m%d")
    data.StudyTime = study.at.strftime("%H%M%S")
    data.ReferringPhysicianName = PersonName("PHANTOM^PHYSICIAN=体模^医师")
    data.StudyID = study.study_id
    data.AccessionNumber = study.accession
    data.StudyDescription = study.description


def put_equipment(data: Dataset, study: StudyIdentity, model: str, station: str) -> None:
    """General Equipment (C.7.5.1)."""
    data.Manufacturer = MANUFACTURER
    data.InstitutionName = study.institution
    data.StationName = station
    data.ManufacturerModelName = model
    data.DeviceSerialNumber = "PHANTOM-0001"
    data.SoftwareVersions = "1"


def put_series(data: Dataset, series_uid: str, modality: str, number: int, about: str) -> None:
    """General Series (C.7.3.1); what it describes is always marked as a phantom."""
    data.Modality = modality
    data.SeriesInstanceUID = UID(series_uid)
    data.SeriesNumber = number
    data.SeriesDescription = about
    data.BodyPartExamined = "CHEST"


def put_times(data: Dataset, at: datetime, date_too: bool = True) -> None:
    """Series, acquisition and content times."""
    day, moment = at.strftime("%Y%m%d"), at.strftime("%H%M%S")
    for what in ("Series", "Acquisition", "Content"):
        if date_too:
            setattr(data, f"{what}Date", day)
        setattr(data, f"{what}Time", moment)
    data.InstanceCreationDate = day
    data.InstanceCreationTime = moment


def put_plane(
    data: Dataset,
    position_mm: tuple[float, float, float],
    axes: NDArray[np.float64],
    spacing_mm: tuple[float, float],
) -> None:
    """Image Plane (C.7.6.2).

    Parameters
    ----------
    axes : (3, 3) ndarray
        As ``Volume.direction``: column 1 along rows downward, column 2 along columns rightward.
    spacing_mm : (row, column) float
    """
    data.ImagePositionPatient = [_decimal(v) for v in position_mm]
    data.ImageOrientationPatient = [_decimal(v) for v in (*axes[:, 2], *axes[:, 1])]
    data.PixelSpacing = [_decimal(v) for v in spacing_mm]


def _decimal(value: float) -> str:
    """Return a DS of at most 16 characters (PS3.5 6.2)."""
    text = f"{value:.6f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def put_pixels(data: Dataset, image: NDArray[np.integer], bits: int, signed: bool) -> None:
    """Image Pixel (C.7.6.3) for one monochrome frame of 16 allocated bits."""
    data.SamplesPerPixel = 1
    data.Rows, data.Columns = int(image.shape[0]), int(image.shape[1])
    data.BitsAllocated = 16
    data.BitsStored = bits
    data.HighBit = bits - 1
    data.PixelRepresentation = 1 if signed else 0
    kind = "<i2" if signed else "<u2"
    data.PixelData = np.ascontiguousarray(image.astype(kind)).tobytes()
    data["PixelData"].VR = "OW"


def encode_text(data: Dataset) -> None:
    """Turn every text into bytes of the object's own character set, in place.

    The bytes are made here, not left to a library's guess: the objects serve as test material for
    character sets. Person names keep the three groups of PS3.5 6.2.1.

    Raises
    ------
    TextNotEncodable
        The character set is unknown or cannot hold a text.
    """
    name = str(data.SpecificCharacterSet)
    codec = _CODECS.get(name)
    if codec is None:
        raise TextNotEncodable(character_set=name)
    for element in _texts(data):
        try:
            raw = str(element.value).encode(codec)
        except UnicodeEncodeError as error:
            raise TextNotEncodable(character_set=name) from error
        if element.VR == "PN":
            element.value = PersonName(raw, [codec])


def _texts(data: Dataset) -> Iterator[DataElement]:
    for element in data:
        if element.VR == "SQ":
            for item in element.value:
                yield from _texts(item)
        elif element.VR == "PN" or element.VR in _TEXT_VRS:
            yield element


def put_code(item: Dataset, value: str, scheme: str, meaning: str) -> Dataset:
    """Return ``item`` filled as a Code Sequence item (PS3.3 8.8)."""
    item.CodeValue = value
    item.CodingSchemeDesignator = scheme
    item.CodeMeaning = meaning
    return item
