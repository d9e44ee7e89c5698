"""How far a second scan of the unchanged lesion would lie: 95 % repeatability intervals.

A number's error grows with the voxels' size beside the lesion's and with the noise beside its
contrast. For each class of lesion and each number, ``COEFFICIENTS`` holds the half-width's parts,
fitted on scans and second scans of digital lesions with known truth (``python -m
tests.bench.ct_measures --fit``; the coverage on other patients stands in docs/imaging/
ct-measures.md). The parts add in squares. Breathing, posture and another reader's outline are not
in it: between two real examinations more is to be expected.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

Form = Literal["relative", "length", "density", "pure"]
LesionClass = Literal["compact", "hazy", "cavity", "extended"]

# How a number's half-width is stated: as a share of it, in millimetres, in HU, or as it is.
FORMS: dict[str, Form] = {
    "volume_ml": "relative",
    "surface_cm2": "relative",
    "lumen_volume_ml": "relative",
    "wall_volume_ml": "relative",
    "long_axis_mm": "length",
    "short_axis_mm": "length",
    "largest_diameter_mm": "length",
    "wall_min_mm": "length",
    "wall_mean_mm": "length",
    "wall_max_mm": "length",
    "mean_hu": "density",
    "hu_p50": "density",
    "wall_mean_hu": "density",
    "sphericity": "pure",
}
CLASSES: dict[str, LesionClass] = {
    "solid_nodule": "compact",
    "mass": "compact",
    "calcification": "compact",
    "ground_glass_nodule": "hazy",
    "part_solid_nodule": "hazy",
    "cavity": "cavity",
    "consolidation": "extended",
    "pleural_effusion": "extended",
}
PARTS = 4
BOUNDS: dict[Form, tuple[float, float]] = {"length": (0.0, np.inf), "pure": (0.0, 1.0)}


@dataclass(frozen=True, slots=True)
class Frame:
    """What the width of an interval follows from.

    Attributes
    ----------
    kind : str
        As ``Lesion.kind``.
    spacing_mm : (3,) float
        Slice, row, column.
    volume_ml : float
    contrast_hu, noise_hu : float
        Of the lesion over its surroundings, and beside it; NaN where unknown.
    """

    kind: str
    spacing_mm: tuple[float, float, float]
    volume_ml: float
    contrast_hu: float
    noise_hu: float

    @property
    def diameter_mm(self) -> float:
        """Diameter of the ball of the same volume."""
        return max(float((6000.0 * max(self.volume_ml, 1e-6) / 3.141592653589793) ** (1 / 3)), 1.0)


def parts_of(name: str, value: float, frame: Frame) -> tuple[float, ...]:
    """Return the four parts that a half-width is made of, before their coefficients.

    Constant, slice, pixel, noise; in the unit of the number's form.
    """
    form = FORMS[name]
    slice_mm, pixel_mm = frame.spacing_mm[0], max(frame.spacing_mm[1:])
    known = frame.noise_hu == frame.noise_hu and frame.contrast_hu == frame.contrast_hu
    ratio = min(1.0, frame.noise_hu / max(abs(frame.contrast_hu), 1.0)) if known else 0.0
    size = frame.diameter_mm
    if form == "length":
        return (value, slice_mm, pixel_mm, ratio * size)
    if form == "density":
        noise = frame.noise_hu if known else 0.0
        contrast = abs(frame.contrast_hu) if known else 0.0
        return (10.0, contrast * slice_mm / size, contrast * pixel_mm / size, noise)
    return (1.0, slice_mm / size, pixel_mm / size, ratio)


def intervals_of(numbers: Mapping[str, float], frame: Frame) -> dict[str, tuple[float, float]]:
    """Return the 95 % repeatability interval of every number that has one.

    A lesion of a kind without fitted coefficients (tree-in-bud) has none.
    """
    chosen = CLASSES.get(frame.kind)
    if chosen is None:
        return {}
    out = {}
    for name, value in numbers.items():
        weights = COEFFICIENTS[chosen].get(name)
        if weights is None:
            continue
        parts = parts_of(name, value, frame)
        half = sum((w * p) ** 2 for w, p in zip(weights, parts, strict=True)) ** 0.5
        out[name] = _around(FORMS[name], value, half)
    return out


def _around(form: Form, value: float, half: float) -> tuple[float, float]:
    if form == "relative":  # symmetric in the logarithm: never below zero
        return value / (1 + half), value * (1 + half)
    least, most = BOUNDS.get(form, (-np.inf, np.inf))
    return max(least, value - half), min(most, value + half)


# Printed by the fit: constant, slice, pixel, noise.
COEFFICIENTS: dict[LesionClass, dict[str, tuple[float, float, float, float]]] = {
    "compact": {
        "volume_ml": (0, 1.019, 0.5524, 11.56),
        "surface_cm2": (0, 0.3373, 0, 3.371),
        "long_axis_mm": (0, 0.4056, 0.5062, 6.263),
        "short_axis_mm": (0, 0.06807, 0.8303, 2.475),
        "largest_diameter_mm": (0.07259, 0.3115, 0, 0.7121),
        "mean_hu": (0, 0.6272, 0.9408, 0.8025),
        "hu_p50": (0, 0.6823, 0.7306, 0),
        "sphericity": (0, 0.06192, 0, 1.084),
    },
    "hazy": {
        "volume_ml": (0.08109, 0.7603, 2.468, 0),
        "surface_cm2": (0, 0.3026, 1.25, 0),
        "long_axis_mm": (0.1153, 0.592, 2.005, 0),
        "short_axis_mm": (0, 0.2392, 2.302, 0),
        "largest_diameter_mm": (0, 0.3961, 2.095, 0),
        "mean_hu": (0, 0.3355, 0, 0.3663),
        "hu_p50": (0, 0.4288, 1.474, 0),
        "sphericity": (0, 0.1553, 0, 0.3783),
    },
    "cavity": {
        "volume_ml": (0, 1.098, 0, 0),
        "surface_cm2": (0, 0.3942, 0.835, 0),
        "lumen_volume_ml": (0.07698, 0.4758, 0, 0),
        "wall_volume_ml": (0, 2.038, 0, 0),
        "long_axis_mm": (0, 0.2449, 1.066, 0),
        "short_axis_mm": (0, 0, 0, 1.61),
        "largest_diameter_mm": (0, 0, 0.8424, 1.15),
        "wall_min_mm": (0, 0.06363, 0.8777, 0),
        "wall_mean_mm": (0, 0.1859, 0.4098, 0),
        "wall_max_mm": (0, 0, 0.7383, 1.088),
        "mean_hu": (0, 0.2147, 1.603, 0),
        "hu_p50": (0, 0.2818, 3.024, 0),
        "wall_mean_hu": (0, 0.1768, 3.131, 0),
        "sphericity": (0.02632, 0.2486, 0, 0),
    },
    "extended": {
        "volume_ml": (0, 0, 3.557, 1.769),
        "surface_cm2": (0.062, 0.6002, 0, 0),
        "long_axis_mm": (0, 0.2365, 0, 1.597),
        "short_axis_mm": (0, 0.7436, 8.788, 0),
        "largest_diameter_mm": (0, 0.5462, 0, 1.188),
        "mean_hu": (0.952, 0, 0, 0),
        "hu_p50": (3.125, 0, 0, 0),
        "sphericity": (0.0253, 0.3322, 0, 0),
    },
}
