"""The same SOP Instance UID a second time: what is it? Pure on two data sets.

Rules (design.md section 10 and the intake rule of the house): same bytes are a repeat; identical
pixels with other patient or order attributes are a correction, if the sender may correct; the same
image in another transfer syntax is an alternate; anything else is a conflict.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydicom import Dataset
from pydicom.tag import BaseTag

from core.dicom.input_errors import InputError
from core.dicom.pixels import stored_frames

Kind = Literal["correction", "alternate", "conflict"]

#: Patient and order attributes: PS3.3 C.7.1.1, C.7.1.3, C.7.2.1, C.7.2.2 and C.7.3.1 request.
_GROUP_PATIENT = 0x0010
_ORDER = frozenset(
    {
        0x00080005,  # Specific Character Set: a correction may re-encode all text
        0x00080020, 0x00080030, 0x00080050, 0x00080051, 0x00080090, 0x00081030, 0x00081032,
        0x00081040, 0x00081048, 0x00081060, 0x00080080, 0x00080081,
        0x00200010, 0x00321032, 0x00321033, 0x00321060, 0x00321064, 0x00400275, 0x00400009,
        0x00401001, 0x00401002, 0x00401003, 0x00402016, 0x00402017, 0x00104000,
        0x04000561, 0x04000562, 0x04000550, 0x04000563, 0x04000564, 0x04000565,
    }
)  # fmt: skip
_PIXELS = frozenset({0x7FE00010, 0x7FE00008, 0x7FE00009, 0x7FE00001, 0x7FE00002})
#: What a change of transfer syntax may change besides the bits.
_ENCODING = frozenset({0x00280004, 0x00282110, 0x00282112, 0x00282114, 0x00280006})


def _differences(first: Dataset, second: Dataset) -> set[int]:
    tags = {int(element.tag) for element in (*first, *second)}
    out = set()
    for tag in tags - _PIXELS:
        if BaseTag(tag).element == 0:
            continue
        one, two = first.get(tag), second.get(tag)
        if one is None or two is None or one.VR != two.VR or one.value != two.value:
            out.add(tag)
    return out


def _same_pixels(first: Dataset, second: Dataset) -> bool:
    if first.get("PixelData") == second.get("PixelData"):
        return True
    try:
        pairs = zip(stored_frames(first), stored_frames(second), strict=True)
        return all(np.array_equal(one, two) for one, two in pairs)
    except (InputError, ValueError):
        # A codec that cannot open one of them, or another number of frames: nothing is assumed.
        return False


def compare(first: Dataset, second: Dataset) -> Kind:
    """Return what the second object is to the first, which has the same SOP Instance UID.

    Parameters
    ----------
    first, second : Dataset
        Read whole, with file meta (transfer syntax).
    """
    changed = _differences(first, second)
    if not _same_pixels(first, second):
        return "conflict"
    if not changed - _ENCODING:
        return "alternate"
    about_patient = {t for t in changed if t >> 16 == _GROUP_PATIENT or t in _ORDER}
    return "correction" if changed == about_patient else "conflict"
