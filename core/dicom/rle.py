"""DICOM run-length coding of greyscale frames (PS3.5 Annex G). Pure.

Our own because the decoder that pydicom prefers panics on damaged data (a Rust panic is no
``Exception``) and none of them knows one-bit pixels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.dicom.input_errors import DecodingError

_HEADER_BYTES = 64


def rle_values(
    code: bytes, pixels: int, bits_allocated: int, frame: int
) -> NDArray[np.unsignedinteger]:
    """Return ``pixels`` unsigned values of one frame.

    Parameters
    ----------
    bits_allocated : int
        1 (packed, least significant bit first), 8, 16 or 32.
    frame : int
        Number for the refusal.

    Raises
    ------
    DecodingError
    """
    planes = max(1, bits_allocated // 8)
    size = (pixels + 7) // 8 if bits_allocated == 1 else pixels
    if len(code) < _HEADER_BYTES:
        raise DecodingError(frame=frame)
    header = np.frombuffer(code[:_HEADER_BYTES], "<u4")
    if header[0] != planes:
        raise DecodingError(frame=frame)
    ends = [*(int(at) for at in header[2 : planes + 1]), len(code)]
    out = np.empty((size, planes), np.uint8)
    for plane, (start, end) in enumerate(zip(header[1 : planes + 1], ends, strict=True)):
        raw = packbits_decoded(code[int(start) : end], size)
        if len(raw) < size:
            raise DecodingError(frame=frame)
        out[:, plane] = np.frombuffer(raw, np.uint8)
    if bits_allocated == 1:
        return np.unpackbits(out[:, 0], bitorder="little")[:pixels]
    # The most significant byte comes first.
    return out.view(f">u{planes}")[:, 0].astype(f"u{planes}")


def packbits_decoded(code: bytes, size: int) -> bytes:
    """Undo the runs (PS3.5 G.3.1), at most ``size`` bytes."""
    out = bytearray()
    at, end = 0, len(code)
    while at < end and len(out) < size:
        header = code[at]
        if header < 128:
            out += code[at + 1 : at + 2 + header]
            at += 2 + header
        elif header > 128:
            out += code[at + 1 : at + 2] * (257 - header)
            at += 2
        else:
            at += 1
    return bytes(out[:size])
