"""Size that a compressed image states about itself, read from its first markers. Pure.

Decoders allocate by these numbers, so they are compared with the DICOM header before any decoder
sees the data: a 10 kB codestream may claim 65535 x 65535.

Sources: ISO/IEC 10918-1 B.2.2 (SOF), ISO/IEC 14495-1 C.2.2 (SOF55), ISO/IEC 15444-1 A.5.1 (SIZ),
I.5.1 (JP2 boxes).
"""

from __future__ import annotations

from dataclasses import dataclass

# Start of frame: all SOFn, without DHT (C4), JPG (C8), DAC (CC); F7 is JPEG-LS.
_FRAME_MARKERS = frozenset({*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC})
_STANDALONE = frozenset({0x01, *range(0xD0, 0xD9)})
_JP2_SIGNATURE = b"\x00\x00\x00\x0cjP  "


@dataclass(frozen=True, slots=True)
class CodestreamSize:
    """Rows, columns, samples per pixel and bits per sample as the codestream states them."""

    rows: int
    columns: int
    samples: int
    bits: int


def codestream_size(data: bytes) -> CodestreamSize | None:
    """Return what a JPEG, JPEG-LS, JPEG 2000 or HTJ2K image says about itself.

    ``None`` says that the data are none of these or too damaged to tell.
    """
    if data[:2] == b"\xff\xd8":
        return _jpeg_size(data)
    if data[:4] == b"\xff\x4f\xff\x51":
        return _siz_size(data, 4)
    if data[:8] == _JP2_SIGNATURE:
        start = data.find(b"\xff\x4f\xff\x51", 0, 65536)
        return _siz_size(data, start + 4) if start >= 0 else None
    return None


def _jpeg_size(data: bytes) -> CodestreamSize | None:
    at = 2
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            return None
        marker = data[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
            continue
        if marker in _STANDALONE:
            at += 2
            continue
        if marker in _FRAME_MARKERS:
            return _sof_size(data, at + 4)
        length = int.from_bytes(data[at + 2 : at + 4])
        if length < 2:
            return None
        at += 2 + length
    return None


def _sof_size(data: bytes, at: int) -> CodestreamSize | None:
    if at + 6 > len(data):
        return None
    rows = int.from_bytes(data[at + 1 : at + 3])
    columns = int.from_bytes(data[at + 3 : at + 5])
    return CodestreamSize(rows, columns, data[at + 5], data[at])


def _siz_size(data: bytes, at: int) -> CodestreamSize | None:
    if at + 39 > len(data):
        return None
    fields = [int.from_bytes(data[at + 4 + 4 * i : at + 8 + 4 * i]) for i in range(4)]
    columns, rows = fields[0] - fields[2], fields[1] - fields[3]
    samples = int.from_bytes(data[at + 36 : at + 38])
    return CodestreamSize(rows, columns, samples, (data[at + 38] & 0x7F) + 1)
