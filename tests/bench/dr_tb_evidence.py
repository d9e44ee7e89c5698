"""How much of what speaks for tuberculosis lies outside the lung fields: docs/imaging/dr-tb.md.

    XINGLIN_DATA=… python -m tests.bench.dr_tb_evidence [images per set]

The limit of `core.imaging.dr_evidence` is the 97.5 % quantile over the suspected images of the
taught sets; the reporting halves and TBX11K say how often it warns elsewhere.
"""

from __future__ import annotations

import sys
import tempfile
from itertools import islice
from pathlib import Path

import numpy as np

from core.imaging.dr import DrFindings
from core.imaging.dr_evidence import OUTSIDE_LIMIT
from core.imaging.volume import Radiograph
from edge.analyze.local_engines import LocalEngines
from federated.training.dr_data import data_folder, decode, in_teaching_half, told_members


def shares(name: str, teaching: bool | None, most: int, engines: LocalEngines) -> np.ndarray:
    """Return (image, 3): share outside (NaN where unknown), suspected, regions outside lungs."""
    rows = []
    chosen = [
        one
        for one in told_members(data_folder(), name)
        if teaching is None or in_teaching_half(one.group) == teaching
    ]
    step = max(1, len(chosen) // most)
    for member in islice(chosen, 0, None, step):
        picture = Radiograph(decode(member.encoded), bits_stored=8)
        found = engines.radiograph(picture, override=True)
        assert isinstance(found, DrFindings)
        assert found.evidence is not None
        assert found.tb is not None
        share = found.evidence.outside_share
        rows.append((np.nan if share is None else share, found.tb.positive, _astray(found)))
    return np.array(rows, float)


def _astray(found: DrFindings) -> int:
    """Return how many regions have their strongest place outside the lung fields."""
    assert found.lungs is not None
    return sum(found.lungs.mask[one.peak_px] == 0 for one in found.regions or ())


def main(most: int) -> None:
    with tempfile.TemporaryDirectory() as cache:
        engines = LocalEngines(Path(cache))
        taught = []
        for name, teaching in (
            ("da", None), ("nih_normal", True), ("nih_pneumonia", True), ("covid_cxr", True),
            ("nih_normal", False), ("nih_pneumonia", False), ("covid_cxr", False),
            ("tbx11k_tb", None),
        ):  # fmt: skip
            rows = shares(name, teaching, most, engines)
            suspected = rows[rows[:, 1] > 0, 0]
            half = {None: "all", True: "taught", False: "reported"}[teaching]
            quantiles = np.nanquantile(rows[:, 0], (0.5, 0.9, 0.975))
            sys.stdout.write(
                f"{name} {half}: {len(rows)} images, outside share median, 90 %, 97.5 %"
                f" {np.round(quantiles, 3)}; suspected {len(suspected)}, of them above"
                f" {OUTSIDE_LIMIT:.2f}: {int((suspected > OUTSIDE_LIMIT).sum())}; regions astray"
                f" {int(rows[:, 2].sum())}\n"
            )
            sys.stdout.flush()
            if teaching or name == "da":
                taught.append(suspected)
        limit = np.nanquantile(np.concatenate(taught), 0.975)
        sys.stdout.write(f"97.5 % quantile over the suspected of the taught sets: {limit:.3f}\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 60)
