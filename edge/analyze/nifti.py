"""A NIfTI file as a CT volume in LPS millimetres.

SimpleITK reads it; before that the header is judged here, because a reader allocates what the
header says. Source: NIfTI-1 and -2 headers, https://nifti.nimh.nih.gov/
"""

from __future__ import annotations

import gzip
import hashlib
import struct
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, cast

import numpy as np

from core.dicom.content_uid import content_uid
from core.imaging.geometry import SeriesGeometry, geometry_of_grid
from core.imaging.input_errors import NiftiBrokenError, NiftiKindError, VolumeSizeError
from core.imaging.volume import Volume

_MEGABYTE = 1_000_000
_LIMIT_BYTES = 2500 * _MEGABYTE
_LEAST_SPREAD_HU = 300
# Data types by NIfTI code -> bytes per voxel; complex and colour are no CT.
_BYTES = {2: 1, 4: 2, 8: 4, 16: 4, 64: 8, 256: 1, 512: 2, 768: 4}
_FLOATS = {16: "f4", 64: "f8"}
_MILLIMETRE = (0, 2)  # unknown is taken for mm, as every reader does


@dataclass(frozen=True, slots=True)
class NiftiHeader:
    """What is needed to judge a NIfTI before reading it.

    ``placed``: it says by qform or sform how it lies in the patient. ``float_type``: of the voxels,
    as NumPy names it; "" for whole numbers.
    """

    shape: tuple[int, int, int]
    voxel_bytes: int
    offset: int
    placed: bool = True
    float_type: str = ""

    @property
    def data_bytes(self) -> int:
        """Bytes of the voxels."""
        return self.shape[0] * self.shape[1] * self.shape[2] * self.voxel_bytes


def read_nifti(path: Path) -> tuple[Volume, SeriesGeometry]:
    """Return the volume in axial LPS order (slices feet to head) and its geometry.

    Raises
    ------
    NiftiBrokenError, NiftiKindError, VolumeSizeError
    """
    with _opened(path) as stream:
        header = nifti_header(stream)
        _check_length(stream, header)
    import SimpleITK as sitk  # noqa: N813 - its own customary name; heavy, only NIfTI needs it

    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        reader = sitk.ImageFileReader()
        reader.SetImageIO("NiftiImageIO")
        reader.SetFileName(str(path))
        image = sitk.DICOMOrient(reader.Execute(), "LPS")
        voxels = sitk.GetArrayFromImage(image)
    except RuntimeError as error:
        raise NiftiBrokenError from error
    if voxels.ndim != 3:
        raise NiftiKindError(element="dim")
    if not np.isfinite(voxels).all() or np.ptp(voxels) < _LEAST_SPREAD_HU:
        raise NiftiKindError(element="values are not Hounsfield units")
    columns = np.array(image.GetDirection()).reshape(3, 3)
    x, y, z = image.GetSpacing()
    volume = Volume(
        voxels=np.clip(np.rint(voxels), -1024, 32767).astype(np.int16),
        spacing_mm=(z, y, x),
        origin_mm=image.GetOrigin(),
        direction=columns[:, ::-1].copy(),
    )
    shape = (voxels.shape[0], voxels.shape[1], voxels.shape[2])
    geometry = geometry_of_grid(shape, volume.spacing_mm, volume.origin_mm, volume.direction)
    return volume, replace(geometry, placed=header.placed)


def nifti_uid(path: Path, role: str) -> str:
    """Return the UID under 2.25 that the file's content has in one role."""
    with path.open("rb") as stream:
        return content_uid(hashlib.file_digest(stream, "sha256").digest(), role)


def nifti_header(stream: IO[bytes]) -> NiftiHeader:
    """Return the judged header.

    Raises
    ------
    NiftiBrokenError, NiftiKindError, VolumeSizeError
    """
    try:
        start = stream.read(540)
    except (OSError, EOFError, zlib.error) as error:
        raise NiftiBrokenError from error
    if len(start) < 348:
        raise NiftiBrokenError
    order = "<" if start[:4] in (b"\x5c\x01\0\0", b"\x1c\x02\0\0") else ">"
    (size,) = struct.unpack(order + "i", start[:4])
    if size == 348 and start[344:347] in (b"n+1", b"ni1"):
        dims = struct.unpack(order + "8h", start[40:56])
        kind = struct.unpack(order + "h", start[70:72])[0]
        offset = struct.unpack(order + "f", start[108:112])[0]
        units = start[123]
        forms = struct.unpack(order + "2h", start[252:256])
    elif size == 540 and start[4:7] == b"n+2" and len(start) >= 540:
        dims = struct.unpack(order + "8q", start[16:80])
        kind = struct.unpack(order + "h", start[12:14])[0]
        offset = struct.unpack(order + "q", start[168:176])[0]
        units = struct.unpack(order + "i", start[500:504])[0]
        forms = struct.unpack(order + "2i", start[344:352])
    else:
        raise NiftiBrokenError
    floats = f"{order}{_FLOATS[kind]}" if kind in _FLOATS else ""
    judged = _judged(dims, kind, offset, units & 7)
    return replace(judged, placed=any(form > 0 for form in forms), float_type=floats)


def _judged(dims: tuple[int, ...], kind: int, offset: float, units: int) -> NiftiHeader:
    rank, sizes = dims[0], dims[1:]
    if not 1 <= rank <= 7 or not 0 <= offset < 1e9 or min(sizes[: max(rank, 3)]) < 1:
        raise NiftiBrokenError
    if rank < 3 or any(extra > 1 for extra in sizes[3:rank]) or min(sizes[:3]) < 2:
        raise NiftiKindError(element="dim")
    if kind not in _BYTES:
        raise NiftiKindError(element="datatype")
    if units not in _MILLIMETRE:
        raise NiftiKindError(element="xyzt_units")
    header = NiftiHeader((sizes[2], sizes[1], sizes[0]), _BYTES[kind], int(offset))
    if header.data_bytes > _LIMIT_BYTES or max(sizes[:3]) > 4096:
        raise VolumeSizeError(
            declared_mb=header.data_bytes // _MEGABYTE, limit_mb=_LIMIT_BYTES // _MEGABYTE
        )
    return header


def _opened(path: Path) -> IO[bytes]:
    with path.open("rb") as probe:
        packed = probe.read(2) == b"\x1f\x8b"
    return cast("IO[bytes]", gzip.open(path, "rb")) if packed else path.open("rb")


def _check_length(stream: IO[bytes], header: NiftiHeader) -> None:
    """Refuse a file that holds less than its header says, before anything is allocated for it.

    Also one with values that are no numbers: the reader of NIfTI makes zeros of them, which is
    water in Hounsfield units.
    """
    left, rest = header.data_bytes, b""
    try:
        stream.seek(header.offset)
        while left > 0:
            piece = stream.read(min(4 * _MEGABYTE, left))
            if not piece:
                raise NiftiBrokenError
            left -= len(piece)
            rest = _check_finite(rest + piece, header.float_type)
    except (OSError, EOFError, zlib.error) as error:
        raise NiftiBrokenError from error


def _check_finite(values: bytes, float_type: str) -> bytes:
    """Refuse values that are no numbers; return the bytes of a value that is not whole yet."""
    if not float_type:
        return b""
    whole = len(values) - len(values) % int(float_type[-1])
    if not np.isfinite(np.frombuffer(values[:whole], float_type)).all():
        raise NiftiKindError(element="values that are not numbers")
    return values[whole:]
