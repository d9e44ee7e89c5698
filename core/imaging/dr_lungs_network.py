"""The lung network's way in and out: a whole picture of ranks; lungs, view, turn, what is cut off.

Ranks make the input independent of exposure and of any monotone grey-scale. The picture keeps its
proportions and is padded, so that turned, lateral and foreign pictures come in as they are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi
from skimage.transform import resize

from core.imaging.dr_chest import ChestBox, equalise
from core.imaging.dr_errors import BundleNotForRadiographs
from core.models.bundle import Arrays, Bundle
from core.models.engine import Engine

Floats = NDArray[np.float32]
SIDE = 128
INPUT_OP = "letterbox_ranks/1"
OUTPUT_OP = "lungs_view_yaw_missing/1"
#: Of bundles before 0.2: nothing is said of what is missing.
PLAIN_OUTPUT_OP = "lungs_view_yaw/1"
YAW_SCALE_DEG = 20.0
#: Edges of the picture, in the order of the network's output.
EDGES = ("apices", "bases", "image_left", "image_right")
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
    missing : dict or None
        By edge (:data:`EDGES`) the share of the lungs' height (apices, bases) or width (sides) that
        lies beyond the picture or its shutter; negative: the free margin. None where the bundle
        does not say.
    """

    shares: Floats
    views: dict[str, float]
    yaw_deg: float
    box: ChestBox
    missing: dict[str, float] | None = None


def check_steps(name: str, preprocessing: dict[str, Any], postprocessing: dict[str, Any]) -> None:
    """Raise BundleNotForRadiographs unless a bundle states the steps that are taken here."""
    if preprocessing != {"op": INPUT_OP, "size": SIDE}:
        raise BundleNotForRadiographs(bundle=name, what="preprocessing")
    if postprocessing not in (steps_out(OUTPUT_OP), steps_out(PLAIN_OUTPUT_OP)):
        raise BundleNotForRadiographs(bundle=name, what="postprocessing")


def steps_out(op: str) -> dict[str, Any]:
    """Return the postprocessing that a bundle states for one kind of output."""
    names = {name: name for name in ("lungs", "view", "yaw")}
    if op == OUTPUT_OP:
        names["missing"] = "missing"
    return {"op": op, "yaw_scale_deg": YAW_SCALE_DEG} | names


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
    return answer_of(network.engine.infer({stated.inputs[0].name: frame[None, None]}), box)


def answer_of(found: Arrays, box: ChestBox) -> NetworkAnswer:
    """Return what the network's outputs for one picture say."""
    views = dict(zip(VIEWS, (float(p) for p in found["view"][0]), strict=True))
    yaw_deg = YAW_SCALE_DEG * float(found["yaw"][0, 0])
    plain = NetworkAnswer(found["lungs"][0], views, yaw_deg, box)
    if "missing" not in found:
        return plain
    missing = dict(zip(EDGES, (float(share) for share in found["missing"][0]), strict=True))
    return replace(plain, missing=missing)


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
