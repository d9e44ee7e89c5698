"""Frames as they are sent: lossless HTJ2K, or the original where that is smaller. Pure.

A compressed frame is decoded again and compared value by value; one that is not exact is never
sent. What HTJ2K cannot say (colour, 32 bit, undecodable) goes as it was stored.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.encaps import generate_frames
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, HTJ2KLossless

from core.dicom.input_errors import InputError
from core.dicom.pixels import PixelShape, pixel_shape, stored_frames

#: What a browser fetches at once: about one screenful of a CT.
GROUP_BYTES = 1 << 20
#: Longest side of what is shown while a large frame is on its way.
REDUCED_SIDE = 768
_HTJ2K = str(HTJ2KLossless)
_LITTLE = str(ExplicitVRLittleEndian)
_TYPES = frozenset({"uint8", "int8", "uint16", "int16"})


@dataclass(frozen=True, slots=True)
class SentFrame:
    """One frame's bytes and how they are coded."""

    data: bytes
    syntax: str
    reduced: Reduced | None = None


@dataclass(frozen=True, slots=True)
class Reduced:
    """A large frame made smaller by a factor in both directions, for the first look."""

    data: bytes
    syntax: str
    factor: int


def frames_of(dataset: Dataset) -> Iterator[SentFrame]:
    """Yield an instance's frames in order, each in its smallest exact form.

    Raises
    ------
    InputError
        If the image cannot even be cut into frames.
    """
    shape = pixel_shape(dataset)
    originals = list(_originals(dataset, shape))
    try:
        for original, values in zip(originals, stored_frames(dataset), strict=True):
            yield smaller(original, values, shape)
    except InputError:  # what we cannot decode the reader's own decoder may
        yield from originals
    except ValueError:  # more frames stored than stated, or fewer
        yield from originals


def smaller(original: SentFrame, values: NDArray[Any], shape: PixelShape) -> SentFrame:
    """Return the HTJ2K form of a frame if it is exact and smaller, else the original."""
    if shape.samples != 1 or values.dtype.name not in _TYPES:
        return original
    code = encoded(values)
    if code is None or len(code) >= len(original.data):
        return original
    return SentFrame(code, _HTJ2K, reduced(values) if len(code) > GROUP_BYTES else None)


def reduced(values: NDArray[Any], side: int = REDUCED_SIDE) -> Reduced | None:
    """Return a frame's smaller form: means of blocks, at the edge of what repeats the edge.

    None where the frame is not larger than ``side``.
    """
    factor = 1
    while max(values.shape) > side * factor:
        factor *= 2
    if factor == 1:
        return None
    rows, columns = (-length % factor for length in values.shape)
    padded = np.pad(values, ((0, rows), (0, columns)), mode="edge")
    blocks = padded.reshape(padded.shape[0] // factor, factor, padded.shape[1] // factor, factor)
    code = encoded(np.rint(blocks.mean(axis=(1, 3))).astype(values.dtype))
    return None if code is None else Reduced(code, _HTJ2K, factor)


def encoded(values: NDArray[Any]) -> bytes | None:
    """Return a frame as lossless HTJ2K; None where it does not decode to the same values."""
    import imagecodecs  # heavy; only a bundle needs it

    code = bytes(imagecodecs.htj2k_encode(np.ascontiguousarray(values), reversible=True))
    back = imagecodecs.htj2k_decode(code)
    exact = back.shape == values.shape and bool(np.array_equal(back, values))
    return code if exact else None


def _originals(dataset: Dataset, shape: PixelShape) -> Iterator[SentFrame]:
    data = bytes(dataset.get("PixelData") or b"")
    if UID(shape.transfer_syntax).is_encapsulated:
        for code in generate_frames(data, number_of_frames=shape.frames):
            yield SentFrame(bytes(code), shape.transfer_syntax)
        return
    size = shape.rows * shape.columns * shape.samples * shape.bits_allocated // 8
    width = shape.bits_allocated // 8
    for number in range(shape.frames):
        piece = data[number * size : (number + 1) * size]
        if shape.transfer_syntax == ExplicitVRBigEndian and width > 1:
            piece = np.frombuffer(piece, f">u{width}").astype(f"<u{width}").tobytes()
        yield SentFrame(piece, _LITTLE)


@dataclass(frozen=True, slots=True)
class Group:
    """Frames that are sealed together: the first one's ordinal in its series, and their bytes."""

    first: int
    frames: tuple[SentFrame, ...]

    @property
    def data(self) -> bytes:
        """The plaintext: the frames one after another."""
        return b"".join(one.data for one in self.frames)

    def places(self) -> list[tuple[int, int, str]]:
        """Return (offset, length, transfer syntax) of each frame."""
        found, at = [], 0
        for one in self.frames:
            found.append((at, len(one.data), one.syntax))
            at += len(one.data)
        return found


def grouped(
    frames: Iterator[SentFrame], size: int = GROUP_BYTES, alone: int = -1
) -> Iterator[Group]:
    """Yield groups of about ``size`` bytes, never an empty one; a large frame is a group alone.

    ``alone`` is the ordinal of a frame that shares no group: the one that a reader sees first, so
    that nothing else has to come before it.
    """
    first, held, length = 0, list[SentFrame](), 0
    for ordinal, one in enumerate(frames):
        if held and (length + len(one.data) > size or alone in (ordinal, ordinal - 1)):
            yield Group(first, tuple(held))
            first, held, length = first + len(held), [], 0
        held.append(one)
        length += len(one.data)
    if held:
        yield Group(first, tuple(held))
