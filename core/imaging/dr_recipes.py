"""What a bundle for radiographs may ask for: ways to make the input, ways to read the score. Pure.

The bundle states them as data; nothing of a bundle is executed but its network. Beside the way of
the shipped classifier (`core.imaging.dr_input`) there is the plain one that networks of others are
trained with: resize, stretch to 0...1, subtract a mean, divide by a deviation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.imaging.dr_chest import ChestBox, warp
from core.imaging.dr_errors import BundleNotForRadiographs
from core.imaging.dr_input import InputSpec, crop_box, input_spec, network_input
from core.models.bundle import Arrays

PLAIN_OP = "resize_standardise/1"
HEAT_OP = "score_and_heat/1"
SCORE_OP = "score/1"
#: Score and heat with what makes them judgeable: resampled heads, marks, distance from training.
DOUBT_OP = "score_heat_doubt/1"
_ACTIVATIONS = ("none", "sigmoid", "softmax")


@dataclass(frozen=True, slots=True)
class PlainSpec:
    """Resize, stretch, standardise.

    Attributes
    ----------
    size : int
        Side of the square input, pixels.
    channels : {1, 3}
        3 repeats the same picture, as networks trained on photographs want it.
    chest_crop : {0, 1}
        1 cuts the chest out first, 0 takes the whole image.
    low_percentile, high_percentile : float
        Become 0 and 1; beyond is clipped.
    mean, deviation : float
        Subtracted and divided by, after the stretch.
    """

    size: int
    channels: int
    chest_crop: int
    low_percentile: float
    high_percentile: float
    mean: float
    deviation: float


@dataclass(frozen=True, slots=True)
class Doubt:
    """How the outputs of :data:`DOUBT_OP` beside score and heat are read.

    Attributes
    ----------
    members : str
        Output (image, member): log odds of heads fitted on resampled patients.
    marks : str
        Output (image, 3, row, column): share of each place that is affected, cavity, effusion.
    novelty : str
        Output (image, 1): distance from the taught images.
    interval_reach : float
        Half width of the 95 % interval in standard deviations of the members.
    novelty_limit : float
        A larger distance is outside of what was taught.
    affected_level, cavity_level : float
        Shares at which a place counts.
    """

    members: str
    marks: str
    novelty: str
    interval_reach: float
    novelty_limit: float
    affected_level: float
    cavity_level: float


@dataclass(frozen=True, slots=True)
class Reading:
    """How the outputs are read.

    Attributes
    ----------
    score : str
        Name of the output that holds the score.
    heat : str
        Name of the output with the activation map; "" where the network has none.
    activation : {"none", "sigmoid", "softmax"}
        What is still to be done to make a score of 0...1.
    index : int
        Column of the score among the network's classes.
    doubt : Doubt or None
        None where the network gives no more than score and heat.
    """

    score: str
    heat: str = ""
    activation: str = "none"
    index: int = 0
    doubt: Doubt | None = None


Recipe = InputSpec | PlainSpec


def recipe_of(bundle: str, preprocessing: dict[str, Any]) -> Recipe:
    """Read a bundle's ``preprocessing``.

    Raises
    ------
    BundleNotForRadiographs
        An unknown operation, a missing or unknown parameter, a value out of range.
    """
    if preprocessing.get("op") != PLAIN_OP:
        return input_spec(bundle, preprocessing)
    numbers = {key: value for key, value in preprocessing.items() if key != "op"}
    if numbers.keys() != set(PlainSpec.__dataclass_fields__):
        raise BundleNotForRadiographs(bundle=bundle, what="preprocessing")
    if not all(_is_number(value) for value in numbers.values()):
        raise BundleNotForRadiographs(bundle=bundle, what="preprocessing numbers")
    whole = {key: int(numbers[key]) for key in ("size", "channels", "chest_crop")}
    spec = PlainSpec(**{**numbers, **whole})
    sound = (
        32 <= spec.size <= 2048
        and spec.channels in (1, 3)
        and spec.chest_crop in (0, 1)
        and 0 <= spec.low_percentile < spec.high_percentile <= 100
        and spec.deviation > 0
    )
    if not sound:
        raise BundleNotForRadiographs(bundle=bundle, what="preprocessing range")
    return spec


def reading_of(bundle: str, postprocessing: dict[str, Any]) -> Reading:
    """Read a bundle's ``postprocessing``.

    Raises
    ------
    BundleNotForRadiographs
    """
    told = {key: value for key, value in postprocessing.items() if key != "op"}
    if postprocessing.get("op") == DOUBT_OP:
        return _doubtful(bundle, told)
    allowed = {HEAT_OP: {"score", "heat"}, SCORE_OP: {"score", "activation", "index"}}
    wanted = allowed.get(str(postprocessing.get("op")))
    if wanted is None or told.keys() != wanted:
        raise BundleNotForRadiographs(bundle=bundle, what="postprocessing")
    index = told.pop("index", 0)
    if not all(isinstance(value, str) for value in told.values()):
        raise BundleNotForRadiographs(bundle=bundle, what="postprocessing names")
    reading = Reading(index=index, **told)
    if reading.activation not in _ACTIVATIONS or not _is_index(index):
        raise BundleNotForRadiographs(bundle=bundle, what="postprocessing values")
    return reading


def _doubtful(bundle: str, told: dict[str, Any]) -> Reading:
    fields = Doubt.__dataclass_fields__
    if told.keys() != {"score", "heat", *fields}:
        raise BundleNotForRadiographs(bundle=bundle, what="postprocessing")
    names = ("score", "heat", "members", "marks", "novelty")
    if not all(isinstance(told[name], str) for name in names):
        raise BundleNotForRadiographs(bundle=bundle, what="postprocessing names")
    numbers = [told[name] for name in fields if name not in names]
    if not all(_is_number(value) and value > 0 for value in numbers):
        raise BundleNotForRadiographs(bundle=bundle, what="postprocessing numbers")
    doubt = Doubt(**{name: told[name] for name in fields})
    return Reading(told["score"], told["heat"], doubt=doubt)


def box_of(chest: ChestBox, recipe: Recipe, shape: tuple[int, ...]) -> ChestBox:
    """Return the part of an image (row, column) that the network sees."""
    if isinstance(recipe, InputSpec):
        return crop_box(chest, recipe)
    return chest if recipe.chest_crop else ChestBox(0.0, 0.0, float(shape[0]), float(shape[1]))


def input_of(pixels: NDArray[np.float32], chest: ChestBox, recipe: Recipe) -> NDArray[np.float32]:
    """Return the (1, channel, row, column) float32 input."""
    if isinstance(recipe, InputSpec):
        return network_input(pixels, chest, recipe)
    picture = warp(pixels, box_of(chest, recipe, pixels.shape), (recipe.size, recipe.size))
    low, high = np.percentile(picture, (recipe.low_percentile, recipe.high_percentile))
    # What is all of one value stays so: rounding errors are no contrast.
    spread = max(float(high - low), 1e-4 * max(1.0, abs(float(high))))
    stretched = np.clip((picture - low) / spread, 0.0, 1.0)
    standard = ((stretched - recipe.mean) / recipe.deviation).astype(np.float32)
    return np.repeat(standard[None, None], recipe.channels, axis=1)


def score_of(outputs: Arrays, reading: Reading) -> float:
    """Return the score of the first image; whether it lies in 0...1 is for the caller to judge."""
    row = outputs[reading.score][0].astype(np.float64).ravel()
    if reading.activation == "softmax":
        shares = np.exp(row - row.max())
        row = shares / shares.sum()
    value = float(row[reading.index])
    if reading.activation == "sigmoid":
        return _share_of(value)
    return value


def heat_of(outputs: Arrays, reading: Reading) -> NDArray[np.float32] | None:
    """Return the activation map (row, column) of the first image; None where there is none."""
    return outputs[reading.heat][0, 0] if reading.heat else None


def interval_of(outputs: Arrays, score: float, doubt: Doubt) -> tuple[float, float]:
    """Return the 95 % interval of the first image's score (0...1), around it in log odds."""
    spread = float(outputs[doubt.members][0].astype(np.float64).std(ddof=1))
    inside = min(max(score, 1e-6), 1.0 - 1e-6)
    odds = math.log(inside / (1.0 - inside))
    low, high = odds - doubt.interval_reach * spread, odds + doubt.interval_reach * spread
    return min(_share_of(low), score), max(_share_of(high), score)


def _share_of(odds: float) -> float:
    return 1.0 / (1.0 + math.exp(-min(max(odds, -60.0), 60.0)))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_index(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1000
