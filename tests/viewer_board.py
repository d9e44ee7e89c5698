"""Pictures whose truth is known, in many encodings and positions: what a viewer must show of them.

A board is a slope of values with four bright squares in it. Truth is computed here from the
numbers that went into the file (values, spacing, direction cosines), never by code of the page.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import imagecodecs
import numpy as np
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    generate_uid,
)

from provisioning.dcmtk import need_dcmtk

ROWS, COLUMNS = 96, 128
#: Squares (column, row of the centre; grey that the file's own window gives): brightest first.
SQUARES = (((20, 14), 255.0), ((104, 22), 191.7), ((28, 78), 127.6), ((96, 68), 63.8))
_SQUARE_VALUES = (1500, 1200, 900, 600)
_HALF = 2
WINDOW = (900, 1200)  # centre, width
ENHANCED_CT_CLASS = "1.2.840.10008.5.1.4.1.1.2.1"
CT_CLASS, DX_CLASS = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.1.1"
AXIAL = (1, 0, 0, 0, 1, 0)
_TILT = np.deg2rad(18)
Encode = Callable[[Path], None]


def _dcmtk(*command: str) -> Encode:
    """Return an encoding by one of DCMTK's programs: a foreign judge of what the syntax is."""

    def encode(path: Path) -> None:
        made = path.with_suffix(".coded")
        subprocess.run([need_dcmtk(command[0]), *command[1:], path, made], check=True)
        made.replace(path)

    return encode


def _jpeg2000(path: Path) -> None:
    """Encode losslessly; the codestream says itself whether its values have a sign."""
    data = dcmread(path)
    coded = imagecodecs.jpeg2k_encode(data.pixel_array, codecformat="j2k", reversible=True)
    data.PixelData = encapsulate([bytes(coded)])
    data["PixelData"].VR = "OB"
    data["PixelData"].is_undefined_length = True
    data.file_meta.TransferSyntaxUID = JPEG2000Lossless
    data.save_as(path, enforce_file_format=True)


def _plain(_path: Path) -> None:
    """Leave the file as it is."""


@dataclass(frozen=True, slots=True)
class Board:
    """One picture; ``spacing_mm`` is (between rows, between columns)."""

    name: str
    modality: str = "CT"
    cosines: tuple[float, ...] | None = AXIAL
    position: tuple[float, float, float] = (-51.2, -38.4, -77.5)
    spacing_mm: tuple[float, float] | None = (0.8, 0.8)
    #: (0028,0030) is in the patient, (0018,1164) on the detector.
    spacing_keyword: str = "PixelSpacing"
    #: Directions of row and column of a projection.
    directions: tuple[str, str] | None = None
    signed: bool = False
    bits: int = 16
    slope: float = 1
    intercept: float = 0
    inverse: bool = False  # MONOCHROME1
    #: Stored value of places where there is no picture: right of column 118.
    padding: int | None = None
    syntax: UID = ExplicitVRLittleEndian
    encode: Encode = _plain
    #: Place, spacing, rescale and window stand in functional groups (PS3.3 C.7.6.16).
    enhanced: bool = False

    def wanted(self) -> np.ndarray:
        """Return the values meant for the screen (ROWS, COLUMNS); NaN where there is no picture."""
        rows, columns = np.mgrid[:ROWS, :COLUMNS]
        values = (-1000 + 8 * columns + 2 * rows).astype(float)
        for ((x, y), _grey), value in zip(SQUARES, _SQUARE_VALUES, strict=True):
            values[y - _HALF : y + _HALF + 1, x - _HALF : x + _HALF + 1] = value
        if self.inverse:
            values = 2000 - values  # bright is low
        if self.padding is not None:
            values[:, 118:] = np.nan
        return values

    def stored(self) -> np.ndarray:
        """Return what is in the file."""
        stored = np.round((self.wanted() - self.intercept) / self.slope)
        if self.padding is not None:
            stored[np.isnan(stored)] = self.padding
        size = 8 if self.bits <= 8 else 16
        return stored.astype(f"{'i' if self.signed else 'u'}{size // 8}")

    def values(self) -> np.ndarray:
        """Return the truth: stored values rescaled; NaN where there is no picture."""
        stored = self.stored().astype(float)
        if self.padding is not None:
            stored[stored == self.padding] = np.nan
        return stored * self.slope + self.intercept

    def window(self) -> tuple[float, float]:
        """Return centre and width for which the squares have their greys."""
        centre, width = WINDOW
        return (2000 - centre if self.inverse else centre), width

    def millimetres(self) -> tuple[float, float]:
        """Return (between rows, between columns); 1 where the file says nothing."""
        return self.spacing_mm or (1.0, 1.0)

    def letters(self, step: np.ndarray) -> str:
        """Return the patient's direction of a step (columns, rows) of the picture.

        Axes that hold at least a quarter of it, strongest first; LPS.
        """
        down, right = self.millimetres()
        if self.cosines is None:
            if self.directions is None:
                return ""
            across = abs(step[0]) >= abs(step[1])
            name, way = (self.directions[0], step[0]) if across else (self.directions[1], step[1])
            return name if way > 0 else name.translate(str.maketrans("LRAPHF", "RLPAFH"))
        row, column = np.array(self.cosines[:3]), np.array(self.cosines[3:])
        way = row * step[0] * right + column * step[1] * down
        way = way / np.linalg.norm(way)
        found = [
            (abs(part), "LPH"[axis] if part > 0 else "RAF"[axis])
            for axis, part in enumerate(way) if abs(part) > 0.25
        ]  # fmt: skip
        return "".join(name for _, name in sorted(found, reverse=True))

    def along_normal(self) -> float | None:
        """Return the slice position, mm."""
        if self.cosines is None:
            return None
        normal = np.cross(self.cosines[:3], self.cosines[3:])
        return float(normal @ np.array(self.position))


def write(board: Board, folder: Path, study: str, number: int) -> str:
    """Write the file of a board as one series of a study; return its SOP Instance UID."""
    data = Dataset()
    data.SpecificCharacterSet = "ISO_IR 192"
    data.SOPClassUID = CT_CLASS if board.modality == "CT" else DX_CLASS
    data.SOPInstanceUID = generate_uid(entropy_srcs=[study, str(number), "image"])
    data.StudyInstanceUID = generate_uid(entropy_srcs=[study])
    data.SeriesInstanceUID = generate_uid(entropy_srcs=[study, str(number)])
    data.StudyDate, data.StudyTime, data.AccessionNumber = "20261123", "090000", study
    data.PatientName, data.PatientID = "Zhen^Zhi=真^值", f"TRUTH-{study}"
    data.PatientBirthDate, data.PatientSex = "19700101", "O"
    data.Modality, data.SeriesNumber, data.InstanceNumber = board.modality, number, 1
    data.SeriesDescription, data.StudyDescription = board.name, "PHANTOM"
    data.BodyPartExamined = "PHANTOM"
    data.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    _geometry(board, data)
    stored = board.stored()
    data.Rows, data.Columns, data.SamplesPerPixel = ROWS, COLUMNS, 1
    data.PhotometricInterpretation = "MONOCHROME1" if board.inverse else "MONOCHROME2"
    data.BitsAllocated = stored.dtype.itemsize * 8
    data.BitsStored, data.HighBit = board.bits, board.bits - 1
    data.PixelRepresentation = int(board.signed)
    if board.modality == "CT" or (board.slope, board.intercept) != (1, 0):
        data.RescaleSlope, data.RescaleIntercept = board.slope, board.intercept
    data.WindowCenter, data.WindowWidth = board.window()
    if board.padding is not None:
        data.PixelPaddingValue = board.padding
        data["PixelPaddingValue"].VR = "SS" if board.signed else "US"
    order = ">" if board.syntax == ExplicitVRBigEndian else "<"
    if board.bits < 16 and board.signed:  # no sign beyond the stored bits (PS3.5 8.1.1)
        stored = (stored.view("u2") & (2**board.bits - 1)).astype("u2")
    if board.enhanced:
        _grouped(data)
    data.PixelData = stored.astype(stored.dtype.newbyteorder(order)).tobytes()
    data["PixelData"].VR = "OW" if stored.dtype.itemsize == 2 else "OB"
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = board.syntax
    path = folder / f"{study}-{number:02}.dcm"
    implicit = board.syntax == ImplicitVRLittleEndian
    dcmwrite(path, data, enforce_file_format=True, implicit_vr=implicit, little_endian=order == "<")
    board.encode(path)
    return str(data.SOPInstanceUID)


def _geometry(board: Board, data: Dataset) -> None:
    if board.cosines is not None:
        data.FrameOfReferenceUID = "2.25.777"
        data.ImageOrientationPatient = [round(float(c), 12) for c in board.cosines]
        data.ImagePositionPatient = list(board.position)
        data.SliceThickness = 2.5
    if board.directions is not None:
        data.PatientOrientation = list(board.directions)
    if board.spacing_mm is not None:
        setattr(data, board.spacing_keyword, list(board.spacing_mm))
        if board.modality == "DX" and board.spacing_keyword == "PixelSpacing":
            data.PixelSpacingCalibrationType = "FIDUCIAL"  # measured at the patient


_SHARED = {
    "PlaneOrientationSequence": ("ImageOrientationPatient",),
    "PixelMeasuresSequence": ("PixelSpacing", "SliceThickness"),
    "FrameVOILUTSequence": ("WindowCenter", "WindowWidth"),
}
_PER_FRAME = {
    "PlanePositionSequence": ("ImagePositionPatient",),
    "PixelValueTransformationSequence": ("RescaleSlope", "RescaleIntercept"),
}


def _grouped(data: Dataset) -> None:
    """Make it an enhanced CT: what one image says goes into the functional groups."""
    data.SOPClassUID, data.NumberOfFrames = ENHANCED_CT_CLASS, 1
    data.SharedFunctionalGroupsSequence = [_groups(data, _SHARED)]
    data.PerFrameFunctionalGroupsSequence = [_groups(data, _PER_FRAME)]


def _groups(data: Dataset, named: dict[str, tuple[str, ...]]) -> Dataset:
    made = Dataset()
    for sequence, keywords in named.items():
        item = Dataset()
        for keyword in keywords:
            item.add(data[keyword])
            delattr(data, keyword)
        setattr(made, sequence, [item])
    return made


_UNSIGNED = Board("", intercept=-1024)
_SIGNED = Board("", signed=True)
#: Every way a value is written, each in a position of its own.
CT_BOARDS = (
    replace(_UNSIGNED, name="explicit little endian, unsigned, intercept"),
    replace(_SIGNED, name="implicit, signed", syntax=ImplicitVRLittleEndian),
    replace(_SIGNED, name="big endian, signed", syntax=ExplicitVRBigEndian),
    replace(_UNSIGNED, name="deflated", syntax=DeflatedExplicitVRLittleEndian),
    replace(_UNSIGNED, name="JPEG lossless", encode=_dcmtk("dcmcjpeg", "+e1")),
    replace(_SIGNED, name="JPEG lossless, signed", encode=_dcmtk("dcmcjpeg", "+e1")),
    replace(_SIGNED, name="JPEG-LS, signed", encode=_dcmtk("dcmcjpls")),
    replace(_SIGNED, name="JPEG 2000 lossless, signed", encode=_jpeg2000),
    replace(_UNSIGNED, name="JPEG 2000 lossless, unsigned", encode=_jpeg2000),
    replace(_SIGNED, name="RLE, signed", encode=_dcmtk("dcmcrle")),
    replace(_SIGNED, name="12 bits, signed", bits=12),
    replace(_UNSIGNED, name="12 bits, slope 2", bits=12, slope=2),
    replace(_SIGNED, name="slope 0.5, signed", slope=0.5),
    replace(_SIGNED, name="padding, signed", padding=-2000),
    replace(_UNSIGNED, name="padding, unsigned", intercept=-1100, padding=0),
    replace(_SIGNED, name="tall pixels", spacing_mm=(1.2, 0.6)),
    replace(_UNSIGNED, name="wide pixels, RLE", spacing_mm=(0.6, 1.0), encode=_dcmtk("dcmcrle")),
    replace(
        _SIGNED, name="gantry tilted", cosines=(1, 0, 0, 0, np.cos(_TILT), -np.sin(_TILT)),
        spacing_mm=(0.9, 0.7),
    ),
    replace(_SIGNED, name="sagittal", cosines=(0, 1, 0, 0, 0, -1), spacing_mm=(1.5, 1.0)),
    replace(_SIGNED, name="coronal", cosines=(1, 0, 0, 0, 0, -1)),
    replace(_SIGNED, name="feet first", cosines=(-1, 0, 0, 0, 1, 0)),
    replace(_SIGNED, name="prone", cosines=(-1, 0, 0, 0, -1, 0)),
    replace(_SIGNED, name="lying on the side", cosines=(0, 1, 0, -1, 0, 0)),
    replace(_SIGNED, name="oblique", cosines=(0.6, 0.8, 0, 0, 0, -1)),
    replace(_UNSIGNED, name="enhanced, tall pixels", spacing_mm=(1.2, 0.6), enhanced=True),
    replace(_UNSIGNED, name="no geometry", cosines=None, spacing_mm=None),
)  # fmt: skip
_FILM = Board(
    "", modality="DX", cosines=None, directions=("L", "F"), intercept=-1100, bits=12,
    spacing_mm=(0.2, 0.2), spacing_keyword="ImagerPixelSpacing",
)  # fmt: skip
DX_BOARDS = (
    replace(_FILM, name="MONOCHROME1", inverse=True, intercept=0),
    replace(_FILM, name="MONOCHROME2"),
    replace(_FILM, name="MONOCHROME1, JPEG lossless", inverse=True, intercept=0,
            encode=_dcmtk("dcmcjpeg", "+e1")),
    replace(_FILM, name="MONOCHROME1, big endian", inverse=True, intercept=0,
            syntax=ExplicitVRBigEndian),
    replace(_FILM, name="calibrated", spacing_keyword="PixelSpacing"),
    replace(_FILM, name="from behind", directions=("R", "F")),
    replace(_FILM, name="no spacing", spacing_mm=None),
)  # fmt: skip
