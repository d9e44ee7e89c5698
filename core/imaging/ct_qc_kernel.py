"""Reconstruction kernel of a CT by its name (Convolution Kernel, 0018,1210).

Names are the makers' own (PS3.3 C.8.2.1: no defined terms). Siemens and others number sharpness
(B10 very smooth … B80 bone); GE and United Imaging use words; Philips letters; Canon FC families.
"""

from __future__ import annotations

import re
from typing import Literal

KernelClass = Literal["smooth", "standard", "sharp", ""]

_NUMBERED = re.compile(r"^(?:PH|[BHIJQTDU][A-Z]?)[_ ]?(\d{2})")
_CANON = re.compile(r"^FC(\d{2})")
_SHARP_WORDS = ("BONE", "EDGE", "LUNG", "SHARP", "ULTRA", "DETAIL+", "HIRES")
_STANDARD_WORDS = ("STANDARD", "STND", "CHST", "DETAIL", "SOFT", "MEDIUM", "BODY")
_PHILIPS: dict[str, KernelClass] = {
    "A": "smooth", "B": "standard", "C": "standard", "D": "sharp", "E": "sharp", "F": "sharp",
    "L": "sharp", "YA": "standard", "YB": "sharp", "YC": "sharp", "YD": "sharp",
}  # fmt: skip


def kernel_class(name: str) -> KernelClass:
    """Return how sharp a kernel is by its name; "" where the name is empty or unknown."""
    plain = name.upper().replace("\\", " ").strip().strip("[]'\" ")
    first = plain.split()[0].strip(",'\"") if plain else ""
    if first in _PHILIPS:
        return _PHILIPS[first]
    numbered = _NUMBERED.match(first)
    if numbered:
        return _by_number(int(numbered.group(1)))
    canon = _CANON.match(first)
    if canon:
        family = int(canon.group(1))
        return "sharp" if 30 <= family < 40 or 50 <= family < 60 or family >= 80 else "standard"
    if any(word in plain for word in _SHARP_WORDS):
        return "sharp"
    return "standard" if any(word in plain for word in _STANDARD_WORDS) else ""


def _by_number(sharpness: int) -> KernelClass:
    if sharpness < 25:
        return "smooth"
    return "sharp" if sharpness >= 60 else "standard"
