"""From a radiograph to the classifier's input, by the parameters that a bundle states. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from core.imaging.dr_chest import ChestBox, warp
from core.imaging.dr_errors import BundleNotForRadiographs


@dataclass(frozen=True, slots=True)
class InputSpec:
    """How the network's input is made from the image.

    Attributes
    ----------
    size : int
        Side of the square input, pixels.
    grow_top, grow_bottom, grow_side : float
        Shares by which the chest box is grown.
    blur_px : float
        Gaussian sigma of the local mean and local contrast, input pixels.
    floor : float
        Share of the crop's own standard deviation added to the local contrast, so that flat
        regions do not become noise.
    """

    size: int
    grow_top: float
    grow_bottom: float
    grow_side: float
    blur_px: float
    floor: float


_OP = "chest_crop_local_contrast/1"


def input_spec(bundle_name: str, preprocessing: dict[str, Any]) -> InputSpec:
    """Read a bundle's ``preprocessing``.

    Raises
    ------
    BundleNotForRadiographs
        Another operation, a missing or unknown parameter, a value out of range.
    """
    numbers = {key: value for key, value in preprocessing.items() if key != "op"}
    names = set(InputSpec.__dataclass_fields__)
    if preprocessing.get("op") != _OP or numbers.keys() != names:
        raise BundleNotForRadiographs(bundle=bundle_name, what="preprocessing")
    if not all(isinstance(v, int | float) and not isinstance(v, bool) for v in numbers.values()):
        raise BundleNotForRadiographs(bundle=bundle_name, what="preprocessing numbers")
    spec = InputSpec(**{**numbers, "size": int(numbers["size"])})
    if not (32 <= spec.size <= 2048 and spec.blur_px > 0 and spec.floor > 0):
        raise BundleNotForRadiographs(bundle=bundle_name, what="preprocessing range")
    return spec


def as_preprocessing(spec: InputSpec) -> dict[str, Any]:
    """Return the form that metadata.json carries; inverse of :func:`input_spec`."""
    return {"op": _OP} | {name: getattr(spec, name) for name in InputSpec.__dataclass_fields__}


def crop_box(chest: ChestBox, spec: InputSpec) -> ChestBox:
    """Return the part of the image that the network sees."""
    return chest.grown(spec.grow_top, spec.grow_bottom, spec.grow_side)


def network_input(
    pixels: NDArray[np.float32], chest: ChestBox, spec: InputSpec
) -> NDArray[np.float32]:
    """Return the (1, 1, size, size) input: crop, resample, subtract local mean, divide by contrast.

    Gain, offset and slow shading of the exposure cancel out.
    """
    return local_contrast(crop_of(pixels, chest, spec), spec)[None, None]


def crop_of(pixels: NDArray[np.float32], chest: ChestBox, spec: InputSpec) -> NDArray[np.float32]:
    """Return the (size, size) part that the network sees, in the image's own grey values."""
    return warp(pixels, crop_box(chest, spec), (spec.size, spec.size))


def local_contrast(crop: NDArray[np.float32], spec: InputSpec) -> NDArray[np.float32]:
    """Return the (row, column) crop less its local mean, divided by its local contrast."""
    residue = crop - ndi.gaussian_filter(crop, spec.blur_px)
    contrast = np.sqrt(ndi.gaussian_filter(residue * residue, spec.blur_px))
    scale = contrast + spec.floor * float(crop.std()) + 1e-6 * max(1.0, float(np.ptp(crop)))
    return (residue / scale).astype(np.float32)
