"""Another encoding of a stored object, for a peer that does not take the stored one."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import dcmread
from pydicom.filewriter import write_file_meta_info
from pydicom.uid import UID

from edge.report.delivery import encoded

_PREAMBLE = b"\0" * 128 + b"DICM"


def recoded(data: bytes, stored: UID, wanted: UID) -> bytes | None:
    """Return a data set in another, uncompressed transfer syntax.

    Parameters
    ----------
    data : bytes
        Data set without file meta, in ``stored``.
    stored, wanted : UID
        ``wanted`` is Explicit or Implicit VR Little Endian.

    Returns
    -------
    bytes or None
        ``None`` where no decoder for ``stored`` exists or the pixels do not decode.
    """
    dataset = dataset_of(data, stored)
    try:
        if stored.is_encapsulated:
            dataset.decompress(generate_instance_uid=False)
        elif not stored.is_little_endian:
            _swap_pixels(dataset)
    except (ValueError, RuntimeError, NotImplementedError, AttributeError, TypeError):
        # Everything that pydicom's decoders raise on pixels they cannot read
        return None
    dataset.file_meta.TransferSyntaxUID = wanted
    return encoded(dataset, wanted)


def even(data: bytes, syntax: UID) -> bytes:
    """Return a data set of even length, as PS3.5 7.1.1 and PS3.8 demand of what is sent.

    Some makers and tools write a last value of odd length; most archives then refuse the message.
    The value is padded as its VR says; where the data set cannot be parsed, one NUL is added.
    """
    if len(data) % 2 == 0:
        return data
    try:
        dataset = dataset_of(data, syntax)
        # Reading an element makes the library write it anew, padded; raw ones would stay odd.
        list(dataset.iterall())
        padded = encoded(dataset, syntax)
    except (ValueError, TypeError, AttributeError, KeyError, NotImplementedError, EOFError):
        padded = data
    whole = len(padded) > len(data) and len(padded) % 2 == 0
    return padded if whole else data + b"\0"


def dataset_of(data: bytes, syntax: UID) -> Dataset:
    """Return the data set that ``data`` encodes in ``syntax``, with that in its file meta."""
    return dcmread(BytesIO(_file_head(syntax) + data))


def _file_head(syntax: UID) -> bytes:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = syntax
    buffer = DicomBytesIO()
    buffer.is_implicit_VR, buffer.is_little_endian = False, True
    write_file_meta_info(buffer, meta, enforce_standard=False)
    return _PREAMBLE + buffer.getvalue()


def _swap_pixels(dataset: Dataset) -> None:
    """pydicom keeps OW as bytes: big endian words must be turned round by hand."""
    allocated = int(dataset.get("BitsAllocated", 8))
    if "PixelData" in dataset and allocated in {16, 32, 64}:
        words = np.frombuffer(dataset.PixelData, dtype=f">u{allocated // 8}")
        dataset.PixelData = words.astype(f"<u{allocated // 8}").tobytes()
