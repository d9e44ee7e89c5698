"""Mirrored pictures told and turned patients wrongly told: a table of docs/imaging/dr-quality.md.

    XINGLIN_DATA=… python -m tests.bench.dr_sides

Every picture of the reporting halves (`tests.bench.dr_quality.SETS`) at 512 columns, as it is and
mirrored; only the lung fields are found, so that a whole set takes a minute.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import numpy as np

from core.imaging.dr_limits import DrLimits
from core.imaging.dr_lungs import lung_fields
from core.imaging.dr_lungs_network import LungNetwork
from core.imaging.dr_qc_position import judged_position
from federated.training.stats import auc, share_interval
from tests.bench.dr_quality import network, pictures, small

#: Sets with at most so many pictures of each.
SETS = (("da", "report", 52), ("nih_normal", "report", 52), ("tbx11k_tb", "report", 54),
        ("nih_pneumonia", "report", 57))  # fmt: skip
Found = tuple[frozenset[str], dict[str, float]]


def found_in(pixels: np.ndarray, by: LungNetwork) -> Found:
    """Return codes and metrics of the position; the whole picture counts as exposed."""
    picture = np.ascontiguousarray(pixels, np.float32)
    metrics: dict[str, float] = {}
    field = (0, 0, *picture.shape)
    reasons = judged_position(lung_fields(picture, None, by), field, DrLimits(), metrics)
    return frozenset(f"{one.code} {one.severity}" for one in reasons), metrics


def line(name: str, plain: list[Found], mirrored: list[Found]) -> str:
    """Return the row of one set; a picture whose side was not judged counts in no AUC."""
    scores = [
        [-found[1]["heart_side"] for found in some if "heart_side" in found[1]]
        for some in (mirrored, plain)
    ]
    truth = np.arange(sum(map(len, scores))) < len(scores[0])
    told = sum("DR_SIDE_DOUBTFUL warn" in codes for codes, _ in mirrored)
    wrong = np.array(["DR_SIDE_DOUBTFUL warn" in codes for codes, _ in plain])
    turned = np.array([any("DR_ROTATED" in code for code in codes) for codes, _ in plain])
    refused = sum("DR_ROTATED reject" in codes for codes, _ in plain)
    spread = np.std([found[1]["turn_shift"] for found in plain if "turn_shift" in found[1]])
    return (
        f"| {name} | {len(plain)} | {auc(truth, np.concatenate(scores)):.3f} | {told} "
        f"| {share_interval(wrong)} | {share_interval(turned)} | {refused} | {spread:.3f} |"
    )


def lines(by: LungNetwork) -> Iterator[str]:
    """Yield the table."""
    yield (
        "| set | pictures | AUC, mirrored | mirrored told | untouched doubted "
        "| untouched called turned | rejected as turned | spread of `turn_shift` |"
    )
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    for name, part, count in SETS:
        chosen = list(pictures(name, part))
        shown = [small(pixels) for _, pixels in chosen[:: max(1, len(chosen) // count)]]
        plain = [found_in(picture, by) for picture in shown]
        yield line(f"{name}, {part}", plain, [found_in(one[:, ::-1], by) for one in shown])


def main() -> None:
    """Print the table."""
    for text in lines(network()):
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
