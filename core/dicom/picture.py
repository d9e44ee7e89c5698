"""A PNG or JPEG radiograph as a DICOM object that says what it is.

Modality is DX; the SOP class is Secondary Capture, the standard's class for images converted from
a non-DICOM format (PS3.3 A.8). A Digital X-Ray class would demand an Imager Pixel Spacing (type 1)
that nobody knows, and nothing is invented here: identity, dates, exposure and size stay empty.
Derivation Description, Image Comments, Image Type and Conversion Type state the conversion. UIDs
stand under 2.25 and follow from the picture's bytes, so the same picture is the same object
everywhere.
"""

from __future__ import annotations

import hashlib
import io
import struct
import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, SecondaryCaptureImageStorage

from core.dicom.content_uid import content_uid
from core.dicom.input_errors import PictureBrokenError, PictureSizeError

LEAST_PIXELS = 64
MOST_PIXELS = 12_000
# Value 4 of Image Type, by which the rules of choosing an image know a wrapped picture.
PICTURE = "PICTURE"
_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_IMPLEMENTATION = "2.25.191472392821717878282959393650045786439"
_COMMENT = (
    "Wrapped from a picture file; not original detector data. 由图片文件转换，非原始探测器数据"
)


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded picture: greyscale values and what was done to get them."""

    pixels: NDArray[np.uint16]
    bits: int
    lossy: bool
    was_colour: bool
    format: str


def read_picture(content: bytes) -> Picture:
    """Decode a PNG or JPEG to greyscale; colour becomes luminance.

    Raises
    ------
    PictureBrokenError, PictureSizeError
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns about sizes that are judged here
        try:
            image = Image.open(io.BytesIO(content), formats=("PNG", "JPEG"))
            columns, rows = image.size
            if not (LEAST_PIXELS <= rows <= MOST_PIXELS and LEAST_PIXELS <= columns <= MOST_PIXELS):
                raise PictureSizeError(
                    rows=rows, columns=columns, least=LEAST_PIXELS, most=MOST_PIXELS
                )
            kind = image.format or ""
            image.load()
            deep = image.mode.startswith("I")
            was_colour = image.mode not in ("1", "L", "LA") and not deep
            held = _as_held(image)
            values = np.asarray(held if deep else held.convert("L"))
        except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError,
                ValueError, EOFError, OverflowError) as error:  # fmt: skip
            raise PictureBrokenError from error
    bits = 16 if deep else 8
    pixels = np.clip(values, 0, 65535).astype(np.uint16)
    return Picture(pixels, bits, kind == "JPEG", was_colour, kind)


def _as_held(image: Image.Image) -> Image.Image:
    """Return the picture upright: a phone stores it as its sensor lay and notes how it was held.

    Source: Exif 2.32, tag 0112 (Orientation).
    """
    try:
        held = image.getexif().get(_ORIENTATION)
    except (SyntaxError, ValueError, TypeError, OSError, LookupError, struct.error):
        return image  # notes that cannot be read tell nothing; quality control sees a turned chest
    turn = _TURNS.get(held) if isinstance(held, int) else None
    return image if turn is None else image.transpose(turn)


def wrap_as_dx(content: bytes, modality: str = "DX") -> FileDataset:
    """Return an object of modality DX (explicit VR little endian) made from a picture's bytes.

    Raises
    ------
    PictureBrokenError, PictureSizeError
    """
    picture = read_picture(content)
    digest = hashlib.sha256(content).digest()
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = UID(content_uid(digest, "instance"))
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID(_IMPLEMENTATION)
    dataset = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
    dataset.SpecificCharacterSet = "ISO_IR 192"
    _identify(dataset, digest, modality)
    _describe(dataset, picture)
    _add_pixels(dataset, picture)
    return dataset


def _identify(dataset: FileDataset, digest: bytes, modality: str) -> None:
    meta = dataset.file_meta
    dataset.SOPClassUID = meta.MediaStorageSOPClassUID
    dataset.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    dataset.StudyInstanceUID = UID(content_uid(digest, "study"))
    dataset.SeriesInstanceUID = UID(content_uid(digest, "series"))
    dataset.PatientName = "图片^导入"
    dataset.PatientID = f"PIC-{digest.hex()[:12].upper()}"
    dataset.PatientBirthDate = ""
    dataset.PatientSex = ""
    dataset.StudyID = ""
    dataset.StudyDate = ""
    dataset.StudyTime = ""
    dataset.AccessionNumber = ""
    dataset.ReferringPhysicianName = ""
    dataset.Modality = modality
    dataset.SeriesNumber = 1
    dataset.InstanceNumber = 1


def _describe(dataset: FileDataset, picture: Picture) -> None:
    dataset.ImageType = ["DERIVED", "SECONDARY", "", PICTURE]
    dataset.Manufacturer = ""
    dataset.ConversionType = "WSD"
    dataset.ImageComments = _COMMENT
    dataset.DerivationDescription = (
        f"Converted from a {picture.format} picture"
        f"{' (colour to luminance)' if picture.was_colour else ''}; patient, dates, exposure and "
        "pixel size are not known"
    )
    dataset.SeriesDescription = f"Chest radiograph from {picture.format} picture"
    dataset.BodyPartExamined = "CHEST"
    dataset.PatientOrientation = ""
    # Text drawn into a picture cannot be excluded: whoever passes it on must look.
    dataset.BurnedInAnnotation = "YES"
    dataset.LossyImageCompression = "01" if picture.lossy else "00"
    if picture.lossy:
        dataset.LossyImageCompressionMethod = "ISO_10918_1"


def _add_pixels(dataset: FileDataset, picture: Picture) -> None:
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = picture.pixels.shape
    dataset.BitsAllocated = picture.bits
    dataset.BitsStored = picture.bits
    dataset.HighBit = picture.bits - 1
    dataset.PixelRepresentation = 0
    dataset.WindowCenter = 2 ** (picture.bits - 1)
    dataset.WindowWidth = 2**picture.bits
    data = picture.pixels.astype("<u2" if picture.bits == 16 else "u1").tobytes()
    dataset.PixelData = data + b"\0" * (len(data) % 2)
    dataset["PixelData"].VR = "OW" if picture.bits == 16 else "OB"
