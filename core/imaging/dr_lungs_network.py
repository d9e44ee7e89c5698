"""The lung network's way in and out: whole picture, ranks, 128 x 128; shares of lungs, view, turn.

Ranks make the input independent of exposure and of any monotone grey-scale. The picture keeps its
proportions and is padded, so that turned, lateral and foreign pictures come in as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi
from skimage.transform import resize

from core.imaging.dr_chest import ChestBox, equalise
from core.imaging.dr_errors import BundleNotForRadiographs
from core.models.bundle import Bundle
from core.models.engine import Engine

Floats = NDArray[np.float32]
SIDE = 128
INPUT_OP = "letterbox_ranks/1"
OUTPUT_OP = "lungs_view_yaw/1"
#: What the view output tells apart, in its order.
VIEWS = ("frontal", "lateral", "turned", "reversed", "other")


@dataclass(frozen=True, slots=True)
class LungNetwork:
    """A bundle of slot ``dr_lungs`` with the engine that runs it."""

    engine: Engine
    bundle: Bundle


@dataclass(frozen=True, slots=True)
class NetworkAnswer:
    """What the network says of one picture.

    Attributes
    ----------
    shares : (2, row, column) float32
        Patient's right and left lung, 0...1, over ``box``.
    views : dict
        Probability of each of :data:`VIEWS`.
    yaw_deg : float
        Turn about the patient's long axis; positive where the breastbone moves to the patient's
        right (image left).
    box : ChestBox
        Where the shares lie in the image, fractional pixels.
    """

    shares: Floats
    views: dict[str, float]
    yaw_deg: float
    box: ChestBox


def check_steps(name: str, preprocessing: dict[str, Any], postprocessing: dict[str, Any]) -> None:
    """Raise BundleNotForRadiographs unless a bundle states the steps that are taken here."""
    if preprocessing != {"op": INPUT_OP, "size": SIDE}:
        raise BundleNotForRadiographs(bundle=name, what="preprocessing")
    told = {"op": OUTPUT_OP, "lungs": "lungs", "view": "view", "yaw": "yaw", "yaw_scale_deg": 20.0}
    if postprocessing != told:
        raise BundleNotForRadiographs(bundle=name, what="postprocessing")


def letterboxed(pixels: Floats) -> tuple[Floats, ChestBox]:
    """Return the 128 x 128 input and the part of the image's plane that it covers."""
    rows, columns = pixels.shape
    longest = max(rows, columns)
    step = max(1, longest // (6 * SIDE))
    small = pixels[::step, ::step]
    scale = SIDE / max(small.shape)
    if scale < 1:
        small = ndi.gaussian_filter(small, 0.4 / scale)
    shape = (max(1, round(rows * SIDE / longest)), max(1, round(columns * SIDE / longest)))
    content = equalise(resize(small, shape, order=1, preserve_range=True, anti_aliasing=False))
    frame = np.zeros((SIDE, SIDE), np.float32)
    top, left = (SIDE - shape[0]) // 2, (SIDE - shape[1]) // 2
    frame[top : top + shape[0], left : left + shape[1]] = content
    unit = longest / SIDE
    corner_row, corner_column = -top * rows / shape[0], -left * columns / shape[1]
    box = ChestBox(corner_row, corner_column, corner_row + SIDE * unit, corner_column + SIDE * unit)
    return frame, box


def ask(pixels: Floats, network: LungNetwork) -> NetworkAnswer:
    """Run the network on a radiograph.

    Raises
    ------
    BundleNotForRadiographs, EngineFailed, EngineOutputInvalid, EngineClosed
    """
    stated = network.bundle.metadata
    check_steps(stated.name, stated.preprocessing, stated.postprocessing)
    frame, box = letterboxed(pixels)
    found = network.engine.infer({stated.inputs[0].name: frame[None, None]})
    scale = float(stated.postprocessing["yaw_scale_deg"])
    views = dict(zip(VIEWS, (float(p) for p in found["view"][0]), strict=True))
    return NetworkAnswer(found["lungs"][0], views, scale * float(found["yaw"][0, 0]), box)


def tidied(share: Floats) -> Floats:
    """Return one lung's share with everything but its largest piece taken away, holes filled."""
    inside = share >= 0.5
    labels, count = ndi.label(inside)
    if not count:
        return np.zeros_like(share)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    largest = labels == int(sizes.argmax())
    holes = ndi.binary_fill_holes(largest) & ~largest
    kept = np.where(inside & ~largest, 0.0, share)
    # The rim below one half stays, so that the contour is interpolated where it lies.
    near = ndi.binary_dilation(largest, iterations=2)
    found: Floats = np.where(holes, 1.0, np.where(near, kept, 0.0)).astype(np.float32)
    return found


def certainty(shares: Floats) -> float:
    """Return 0...1: how decided the network is where it sees lung, and whether it sees two."""
    best = shares.max(0)
    touched = best > 0.1
    sizes = [float((share >= 0.5).mean()) for share in shares]
    if not touched.any() or min(sizes) < 0.005:
        return 0.0
    decided = float(np.abs(2.0 * best[touched] - 1.0).mean())
    even = min(1.0, 2.5 * min(sizes) / max(sizes))
    return float(np.clip((decided - 0.4) / 0.5, 0.0, 1.0)) * even
