"""Stored pixel values of a DICOM object in any transfer syntax, refused before allocation.

Greyscale codestreams are decoded by imagecodecs (libjpeg-turbo, also for lossless and 12 bit;
CharLS; OpenJPEG, also for HTJ2K): bit-identical to pydicom's plug-ins on every reversible sample
file and two to eight times faster. Everything else, and what imagecodecs refuses, goes through
pydicom's decoders.

Terms as in DICOM PS3.3 C.7.6.3: stored values, before any rescale.
"""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from pydicom import uid as uids
from pydicom.encaps import generate_frames
from pydicom.pixels.decoders.base import get_decoder

from core.dicom.codestream import codestream_size
from core.dicom.input_errors import (
    CodestreamError,
    DecodingError,
    InputError,
    PixelBombError,
    PixelDescriptionError,
    PixelsMissingError,
    PixelsShortError,
    TransferSyntaxError,
)
from core.dicom.rle import rle_values

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pydicom import Dataset

DEFLATED_FRAME = "1.2.840.10008.1.2.8.1"
# Retired: progressive and spectral-selection JPEG (processes 6/8 and 10/12), still in archives.
_JPEG = frozenset(f"1.2.840.10008.1.2.4.{n}" for n in (50, 51, 53, 55, 57, 70))
_JPEG_LS = frozenset({str(uids.JPEGLSLossless), str(uids.JPEGLSNearLossless)})
_JPEG_2000 = frozenset(f"1.2.840.10008.1.2.4.{n}" for n in (90, 91, 201, 202, 203))
_CODESTREAMS = _JPEG | _JPEG_LS | _JPEG_2000
_NATIVE = frozenset(
    str(u)
    for u in (
        uids.ImplicitVRLittleEndian,
        uids.ExplicitVRLittleEndian,
        uids.ExplicitVRBigEndian,
        uids.DeflatedExplicitVRLittleEndian,
    )
)
_MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class PixelLimits:
    """What may be allocated: one frame, all frames together, and how many frames."""

    frame_bytes: int = 300 * _MEGABYTE
    total_bytes: int = 3000 * _MEGABYTE
    frames: int = 20_000


@dataclass(frozen=True, slots=True)
class PixelShape:
    """Image Pixel module (PS3.3 C.7.6.3), checked."""

    frames: int
    rows: int
    columns: int
    samples: int
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: bool
    photometric: str
    transfer_syntax: str

    @property
    def frame_bytes(self) -> int:
        """Bytes of one decoded frame."""
        return self.rows * self.columns * self.samples * max(1, self.bits_allocated // 8)


def transfer_syntax_of(dataset: Dataset) -> str:
    """Return the transfer syntax, also of a data set without file meta (as it was parsed)."""
    stated = getattr(getattr(dataset, "file_meta", None), "TransferSyntaxUID", None)
    if stated:
        return str(stated)
    implicit, little = dataset.original_encoding
    if little is False:
        return str(uids.ExplicitVRBigEndian)
    return str(uids.ImplicitVRLittleEndian if implicit else uids.ExplicitVRLittleEndian)


def pixel_shape(dataset: Dataset, limits: PixelLimits | None = None) -> PixelShape:
    """Return the checked description of the pixels; nothing is allocated.

    Raises
    ------
    PixelDescriptionError, PixelBombError, TransferSyntaxError
    """
    limits = limits or PixelLimits()
    bits_allocated = _whole(dataset, "BitsAllocated", 1, 64)
    bits_stored = _whole(dataset, "BitsStored", 1, bits_allocated, default=bits_allocated)
    shape = PixelShape(
        frames=_whole(dataset, "NumberOfFrames", 1, 2**31, default=1),
        rows=_whole(dataset, "Rows", 1, 65535),
        columns=_whole(dataset, "Columns", 1, 65535),
        samples=_whole(dataset, "SamplesPerPixel", 1, 4, default=1),
        bits_allocated=bits_allocated,
        bits_stored=bits_stored,
        high_bit=_whole(
            dataset, "HighBit", bits_stored - 1, bits_allocated - 1, default=bits_stored - 1
        ),
        signed=bool(_whole(dataset, "PixelRepresentation", 0, 1, default=0)),
        photometric=str(dataset.get("PhotometricInterpretation") or "").strip().upper(),
        transfer_syntax=transfer_syntax_of(dataset),
    )
    if bits_allocated not in (1, 8, 16, 32):
        raise PixelDescriptionError(element="BitsAllocated")
    total = shape.frame_bytes * shape.frames
    if shape.frame_bytes > limits.frame_bytes:
        raise PixelBombError(
            declared_mb=shape.frame_bytes // _MEGABYTE, limit_mb=limits.frame_bytes // _MEGABYTE
        )
    if total > limits.total_bytes or shape.frames > limits.frames:
        raise PixelBombError(
            declared_mb=total // _MEGABYTE, limit_mb=limits.total_bytes // _MEGABYTE
        )
    return shape


def stored_frames(dataset: Dataset, limits: PixelLimits | None = None) -> Iterator[NDArray[Any]]:
    """Yield the stored values frame by frame, each (row, column) or (row, column, sample).

    Integers in native byte order, unused high bits removed, sign extended. Colour is RGB.

    Raises
    ------
    InputError
        One of the typed refusals of this package; nothing else.
    """
    data = dataset.get("PixelData")
    if not isinstance(data, (bytes, bytearray)) or not len(data):
        raise PixelsMissingError
    shape = pixel_shape(dataset, limits)
    with warnings.catch_warnings():
        # pydicom's warnings quote element values: they could carry a patient's name to stderr.
        warnings.simplefilter("ignore")
        try:
            yield from _frames(dataset, shape, bytes(data))
        except (InputError, GeneratorExit, MemoryError):
            raise
        except Exception as error:  # third-party decoders raise anything at all on hostile bytes
            raise DecodingError(frame=0) from error


def _frames(dataset: Dataset, shape: PixelShape, data: bytes) -> Iterator[NDArray[Any]]:
    syntax = shape.transfer_syntax
    if syntax in _CODESTREAMS:
        yield from _codestream_frames(dataset, shape, data)
    elif syntax == DEFLATED_FRAME:
        yield from _deflated_frames(shape, data)
    elif syntax in _NATIVE:
        expected = (
            shape.frames * shape.rows * shape.columns * shape.samples * shape.bits_allocated + 7
        ) // 8
        if shape.photometric == "YBR_FULL_422":
            expected = expected * 2 // 3
        if len(data) < expected:
            raise PixelsShortError(expected=expected, present=len(data))
        yield from _through_pydicom(dataset, shape)
    elif syntax == uids.RLELossless and shape.samples == 1:
        yield from _rle_frames(shape, data)
    elif syntax == uids.RLELossless:
        yield from _through_pydicom(dataset, shape, "pydicom")
    else:
        raise TransferSyntaxError(uid=syntax[:64])


def _codestream_frames(dataset: Dataset, shape: PixelShape, data: bytes) -> Iterator[NDArray[Any]]:
    decode = _decoder_for(shape.transfer_syntax)
    count = 0
    for count, code in enumerate(generate_frames(data, number_of_frames=shape.frames), start=1):
        if count > shape.frames:
            break
        size = codestream_size(code)
        if size is not None and (size.rows, size.columns) != (shape.rows, shape.columns):
            raise CodestreamError(frame=count)
        if size is None or size.samples != shape.samples:
            raise DecodingError(frame=count)
        yield _decoded(dataset, shape, count, code, decode)
    if count < shape.frames:
        raise PixelsShortError(expected=shape.frames, present=count)


def _decoded(
    dataset: Dataset,
    shape: PixelShape,
    frame: int,
    code: bytes,
    decode: Callable[[bytes], NDArray[Any]],
) -> NDArray[Any]:
    if shape.samples == 1:
        try:
            values = decode(code)
        except Exception:  # noqa: BLE001, S110 - the second decoder below is the answer
            pass
        else:
            if values.shape == (shape.rows, shape.columns):
                return significant(values, shape)
    try:
        return _one_through_pydicom(dataset, shape, frame - 1)
    except Exception as error:  # third-party decoders raise anything at all on hostile bytes
        raise DecodingError(frame=frame) from error


def _decoder_for(syntax: str) -> Callable[[bytes], NDArray[Any]]:
    import imagecodecs  # heavy; only compressed images need it

    if syntax in _JPEG:
        return imagecodecs.jpeg8_decode
    if syntax in _JPEG_LS:
        return imagecodecs.jpegls_decode
    return imagecodecs.jpeg2k_decode


def _through_pydicom(
    dataset: Dataset, shape: PixelShape, plugin: str = ""
) -> Iterator[NDArray[Any]]:
    decoder = get_decoder(shape.transfer_syntax)
    for values, _ in decoder.iter_array(dataset, decoding_plugin=plugin, **_options(shape)):
        yield significant(values, shape)


def _one_through_pydicom(dataset: Dataset, shape: PixelShape, index: int) -> NDArray[Any]:
    if shape.transfer_syntax in {"1.2.840.10008.1.2.4.53", "1.2.840.10008.1.2.4.55"}:
        raise TransferSyntaxError(uid=shape.transfer_syntax)
    decoder = get_decoder(shape.transfer_syntax)
    values, _ = decoder.as_array(dataset, index=index, **_options(shape))
    return significant(values, shape)


def _options(shape: PixelShape) -> dict[str, Any]:
    """What pydicom takes from the data set unless told; here it may be missing there."""
    colour = shape.samples > 1
    # Of native values pydicom would cut off what stands above Bits Stored, High Bit or not.
    native = shape.transfer_syntax in _NATIVE
    return {
        "raw": not colour,
        "as_rgb": colour,
        "pixel_representation": int(shape.signed),
        "bits_stored": shape.bits_allocated if native else shape.bits_stored,
        "samples_per_pixel": shape.samples,
    }


def _deflated_frames(shape: PixelShape, data: bytes) -> Iterator[NDArray[Any]]:
    """Deflated Image Frame Compression (PS3.5 A.4.13): raw deflate per frame, little endian."""
    for count, code in enumerate(generate_frames(data, number_of_frames=shape.frames), start=1):
        size = (shape.rows * shape.columns * shape.samples * shape.bits_allocated + 7) // 8
        try:
            raw = zlib.decompressobj(-zlib.MAX_WBITS).decompress(code, size + 1)
        except zlib.error as error:
            raise DecodingError(frame=count) from error
        yield significant(_unpacked(shape, raw[:size], size, count), shape)


def _rle_frames(shape: PixelShape, data: bytes) -> Iterator[NDArray[Any]]:
    count = 0
    pixels = shape.rows * shape.columns
    for count, code in enumerate(generate_frames(data, number_of_frames=shape.frames), start=1):
        if count > shape.frames:
            break
        values = rle_values(code, pixels, shape.bits_allocated, count)
        yield significant(values.reshape(shape.rows, shape.columns), shape)
    if count < shape.frames:
        raise PixelsShortError(expected=shape.frames, present=count)


def _unpacked(shape: PixelShape, raw: bytes, size: int, frame: int) -> NDArray[Any]:
    if len(raw) < size:
        raise DecodingError(frame=frame)
    form = (shape.rows, shape.columns) + ((shape.samples,) if shape.samples > 1 else ())
    if shape.bits_allocated == 1:
        bits = np.unpackbits(np.frombuffer(raw, np.uint8), bitorder="little")
        return bits[: shape.rows * shape.columns].reshape(form)
    return np.frombuffer(raw, f"<u{shape.bits_allocated // 8}").reshape(form)


def significant(values: NDArray[Any], shape: PixelShape) -> NDArray[Any]:
    """Keep the stored bits only, sign extended, in native byte order.

    Unused bits may hold overlays or rubbish (PS3.5 8.1.1). Decoded codestreams come as unsigned
    whatever Pixel Representation says; a signed array is already right.
    """
    native = values.astype(values.dtype.newbyteorder("="), copy=False)
    if shape.bits_allocated == 1 or native.dtype.kind not in "iu" or shape.samples > 1:
        return native
    width = native.dtype.itemsize * 8
    native = native.view(f"u{native.dtype.itemsize}")
    if shape.transfer_syntax in _NATIVE:
        native = native >> (shape.high_bit - shape.bits_stored + 1)
    spare = width - shape.bits_stored
    if spare < 0:
        return native
    if not shape.signed:
        return native & np.array((1 << shape.bits_stored) - 1, native.dtype) if spare else native
    return (native << spare).view(f"i{native.dtype.itemsize}") >> spare


def _whole(
    dataset: Dataset, keyword: str, least: int, most: int, default: int | None = None
) -> int:
    """Return an integer element within its limits, whatever VR it came in."""
    try:
        value = dataset.get(keyword)
        number = default if value is None or value == "" else int(value)
    except (TypeError, ValueError, ArithmeticError, AttributeError, LookupError):
        number = None
    except Exception as error:  # pydicom converts lazily and raises anything at all
        raise PixelDescriptionError(element=keyword) from error
    if number is None or not least <= number <= most:
        raise PixelDescriptionError(element=keyword)
    return number
