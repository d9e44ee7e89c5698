"""Secondary Capture (PS3.3 A.8.1): the result as a picture, for a PACS that takes nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage

from edge.report.case import CaseResult
from edge.report.context import (
    MANUFACTURER,
    ResultContext,
    check_sources,
    result_uid,
    statement_en,
)
from edge.report.header import clean_header, pin
from edge.report.key_images import PicturesFor
from edge.report.page import FontFiles, result_pages

SERIES_NUMBER: Final = 9103


@dataclass(frozen=True, slots=True)
class CaptureSeries:
    """One kind of captures: ``kind`` names its UIDs, so that two kinds never share one."""

    kind: str
    number: int
    description: str


RESULT_SERIES: Final = CaptureSeries(
    "sc", SERIES_NUMBER, "AI 结果图 / AI result picture (research)"
)
_INHERITED: Final = (
    "PatientName",
    "PatientID",
    "IssuerOfPatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyInstanceUID",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "StudyDescription",
    "AccessionNumber",
    "ReferringPhysicianName",
)


def write_sc(
    context: ResultContext,
    case: CaseResult,
    pictures_for: PicturesFor,
    fonts: FontFiles | None = None,
) -> tuple[Dataset, ...]:
    """Write the result as Secondary Capture objects, one per page.

    Single-frame RGB, uncompressed: what every PACS has taken for thirty years.

    Parameters
    ----------
    context : ResultContext
    case : CaseResult
    pictures_for : callable
        The lesions of a page -> its pictures, from :func:`edge.report.key_images.ct_key_images` or
        ``radiograph_key_image``; ``no_pictures`` for text alone.
    fonts : FontFiles or None
        ``None``: Debian's ``fonts-noto-cjk``.

    Returns
    -------
    tuple of Dataset
        Complete objects with file meta, in one series; the same for the same input.

    Raises
    ------
    NoSourceImages, SourceIncomplete, MixedSources, UnknownLesionCode, FontMissing
    """
    check_sources(context.sources)
    pages = result_pages(context, case, pictures_for, fonts)
    return tuple(
        capture(context, case.digest, (page, number), RESULT_SERIES)
        for number, page in enumerate(pages, start=1)
    )


def capture(
    context: ResultContext,
    digest: str,
    page: tuple[NDArray[np.uint8], int],
    series: CaptureSeries,
) -> Dataset:
    """Return one page as a Secondary Capture object.

    Parameters
    ----------
    context : ResultContext
    digest : str
        Of the findings that the page shows.
    page : ((row, column, 3) uint8, int)
        RGB pixels and the page's number, from 1.
    series : CaptureSeries
    """
    pixels, number = page
    header = clean_header(context.sources[0])
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    for keyword in _INHERITED:
        if keyword in header:
            setattr(ds, keyword, header[keyword].value)
    ds.SOPClassUID = SecondaryCaptureImageStorage
    ds.SOPInstanceUID = result_uid(context, series.kind, digest, str(number))
    ds.SeriesInstanceUID = result_uid(context, f"series:{series.kind}", digest)
    ds.Modality = "OT"
    ds.SeriesNumber, ds.InstanceNumber = series.number, number
    ds.SeriesDescription = series.description
    ds.ImageType = ["DERIVED", "SECONDARY", "OTHER"]
    ds.ConversionType = "WSD"
    ds.Manufacturer = MANUFACTURER
    ds.ManufacturerModelName = context.station.name
    ds.DeviceSerialNumber = context.station.serial
    ds.SoftwareVersions = context.station.software_version
    ds.SecondaryCaptureDeviceManufacturer = MANUFACTURER
    ds.SecondaryCaptureDeviceManufacturerModelName = context.model
    ds.SecondaryCaptureDeviceSoftwareVersions = context.version
    ds.ContentDate = ds.ContentTime = ds.InstanceCreationDate = ds.InstanceCreationTime = ""
    ds.DateOfSecondaryCapture = ds.TimeOfSecondaryCapture = ""
    ds.ImageComments = statement_en(context)
    ds.PatientOrientation = ds.Laterality = ""
    # (0028,0301) is about identity: the page adds none, but a film may have had it burnt in.
    burnt_in = str(context.sources[0].get("BurnedInAnnotation", ""))
    if burnt_in in {"YES", "NO"}:
        ds.BurnedInAnnotation = burnt_in
    _pixels(ds, pixels)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    return pin(ds, context)


def _pixels(ds: Dataset, page: NDArray[np.uint8]) -> None:
    ds.Rows, ds.Columns = page.shape[:2]
    ds.SamplesPerPixel, ds.PlanarConfiguration = 3, 0
    ds.PhotometricInterpretation = "RGB"
    ds.BitsAllocated = ds.BitsStored = 8
    ds.HighBit, ds.PixelRepresentation = 7, 0
    ds.PixelData = page.tobytes()
