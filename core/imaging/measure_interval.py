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
        "volume_ml": (0.4254, 1.281, 0, 1.705),
        "surface_cm2": (0.1318, 0.7389, 0, 0.7362),
        "long_axis_mm": (0.2581, 0.3409, 0, 0.5276),
        "short_axis_mm": (0.1603, 0.2863, 0, 0.281),
        "largest_diameter_mm": (0, 0.9066, 0.7839, 0.426),
        "mean_hu": (5.739, 0.6941, 0, 0),
        "hu_p50": (0, 0.7612, 0.1875, 0),
        "sphericity": (0.03264, 0.1315, 0, 0.06642),
    },
    "hazy": {
        "volume_ml": (0, 1.327, 0, 1.491),
        "surface_cm2": (0, 0.8959, 0.5337, 0.1244),
        "long_axis_mm": (0, 0.5391, 1.348, 0),
        "short_axis_mm": (0, 0.6281, 2.133, 0),
        "largest_diameter_mm": (0, 0.8242, 0, 0),
        "mean_hu": (0, 0.6748, 0, 0),
        "hu_p50": (0, 0.7035, 0, 0.4399),
        "sphericity": (0, 0.2485, 0, 0.3175),
    },
    "cavity": {
        "volume_ml": (0, 0.5809, 1.245, 0),
        "surface_cm2": (0, 0.3613, 0, 0.7084),
        "lumen_volume_ml": (0, 0.8527, 0, 2.859),
        "wall_volume_ml": (0, 0.7578, 3.93, 0),
        "long_axis_mm": (0, 0.1888, 0.9747, 0.8682),
        "short_axis_mm": (0.04037, 0.1329, 1.012, 1.135),
        "largest_diameter_mm": (0, 0.3574, 0, 1.763),
        "wall_min_mm": (0, 0.2998, 0.9758, 0),
        "wall_mean_mm": (0, 0.1273, 0.3072, 0),
        "wall_max_mm": (0, 0.2463, 0.4136, 1.144),
        "mean_hu": (0, 0.2235, 0.9367, 0),
        "hu_p50": (0, 0.2876, 2.752, 0),
        "wall_mean_hu": (0, 0.4714, 2.781, 0),
        "sphericity": (0, 0.2219, 0, 0),
    },
    "extended": {
        "volume_ml": (0, 0.9507, 3.89, 0),
        "surface_cm2": (0.09875, 0.6584, 0, 0),
        "long_axis_mm": (0.1279, 0.5257, 0, 1.501),
        "short_axis_mm": (0, 1.032, 7.022, 3.265),
        "largest_diameter_mm": (0.04249, 0.4781, 1.368, 0.7883),
        "mean_hu": (1.546, 0.14, 0, 0),
        "hu_p50": (3.187, 0, 0, 0),
        "sphericity": (0.0797, 0.6094, 0, 0),
    },
}
