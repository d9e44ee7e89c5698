"""Rejections of untouched and of spoilt radiographs: the tables of docs/imaging-dr.md.

    XINGLIN_DATA=… python -m tests.bench.dr_quality

Every image of `da` and every second NIH normal untouched, every fifth of `da` with each fault.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import islice

import numpy as np
from scipy import ndimage as ndi

from core.imaging.dr_qc import assess_dr
from core.imaging.volume import Radiograph
from federated.training.dr_data import data_folder, decode, members

SETS = {"da": 1, "nih_normal": 2, "tbx11k_tb": 5, "covid_cxr": 4}
Fault = Callable[[np.ndarray, np.random.Generator], np.ndarray]
FAULTS: dict[str, Fault] = {
    "blur 1.5": lambda p, g: ndi.gaussian_filter(p, 1.5 * p.shape[1] / 512),
    "blur 3": lambda p, g: ndi.gaussian_filter(p, 3.0 * p.shape[1] / 512),
    "motion 15": lambda p, g: ndi.uniform_filter1d(p, round(15 * p.shape[1] / 512), axis=0),
    "noise 15": lambda p, g: np.clip(p + g.normal(0, 15, p.shape), 0, 255),
    "noise 40": lambda p, g: np.clip(p + g.normal(0, 40, p.shape), 0, 255),
    "under": lambda p, g: np.round(p * 0.15),
    "clipped above": lambda p, g: np.clip(p * 1.6, 0, 255),
    "clipped below": lambda p, g: np.clip(p * 2 - 255, 0, 255),
    "reversed": lambda p, g: 255 - p,
    "turned 90": lambda p, g: np.rot90(p),
    "turned 180": lambda p, g: np.rot90(p, 2),
    "top cut 25 %": lambda p, g: p[len(p) // 4 :],
    "left cut 30 %": lambda p, g: p[:, round(p.shape[1] * 0.3) :],
    "bottom cut 45 %": lambda p, g: p[: round(len(p) * 0.55)],
}


def untouched(encoded: bytes) -> list[str]:
    return _rejects(decode(encoded))


def spoilt(encoded: bytes) -> dict[str, list[str]]:
    pixels = decode(encoded)
    return {
        name: _rejects(fault(pixels, np.random.default_rng(0))) for name, fault in FAULTS.items()
    }


def _rejects(pixels: np.ndarray) -> list[str]:
    picture = np.ascontiguousarray(pixels, dtype=np.float32)
    result = assess_dr(Radiograph(picture, bits_stored=8))
    return [r.code for r in result.reasons if r.severity == "reject"]


def _images(name: str, step: int) -> Iterator[bytes]:
    return (encoded for encoded, _, _ in islice(members(data_folder(), name), 0, None, step))


def _line(name: str, found: list[list[str]]) -> None:
    codes = dict(Counter(code for one in found for code in one))
    share = sum(map(bool, found)) / len(found)
    sys.stdout.write(f"{name}: {sum(map(bool, found))} of {len(found)} ({share:.1%}) {codes}\n")


def main() -> None:
    with ProcessPoolExecutor(2) as pool:
        for name, step in SETS.items():
            _line(name, list(pool.map(untouched, _images(name, step))))
        rows = list(pool.map(spoilt, _images("da", 5)))
    for fault in FAULTS:
        _line(fault, [row[fault] for row in rows])


if __name__ == "__main__":
    main()
