"""Pictures for the page: heat maps and rendered frames as PNG."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom import Dataset

from core.dicom.pixels import pixel_shape, stored_frames
from core.web.errors import NotFound
from edge.store.box import Box

_AMBER = (255, 176, 0)  # seen by all common colour deficiencies


def heat_map_png(box: Box, study: str, address: str) -> bytes:
    """Return the heat map as PNG: one colour, alpha = strength."""
    with box.blobs.open(address, box.vault.key(study)) as blob:
        heat = np.load(io.BytesIO(blob.read()), allow_pickle=False)["heat_map"]
    # Where the method says nothing (NaN) nothing is drawn.
    strength = np.clip(np.nan_to_num(heat.astype(np.float32), nan=0.0), 0.0, 1.0)
    rgba = np.zeros((*strength.shape, 4), dtype=np.uint8)
    rgba[..., :3] = _AMBER
    rgba[..., 3] = np.rint(strength * 200).astype(np.uint8)
    return _png(Image.fromarray(rgba, "RGBA"))


def rendered_png(dataset: Dataset, frame: int) -> bytes:
    """Return one frame as a PNG in the file's own window (PS3.18 8.7: rendered media type).

    Raises
    ------
    NotFound
        If there is no such frame.
    InputError
        If the pixels cannot be decoded.
    """
    shape = pixel_shape(dataset)
    if not 1 <= frame <= shape.frames:
        raise NotFound
    for number, pixels in enumerate(stored_frames(dataset), start=1):
        if number == frame:
            if pixels.ndim == 3:
                return _png(Image.fromarray(pixels.astype(np.uint8)))
            return _png(Image.fromarray(_windowed(dataset, pixels)))
    raise NotFound


def _windowed(dataset: Dataset, pixels: NDArray[np.generic]) -> NDArray[np.uint8]:
    slope = float(dataset.get("RescaleSlope") or 1)
    values = pixels.astype(np.float32) * slope + float(dataset.get("RescaleIntercept") or 0)
    low, high = _window(dataset, values)
    scaled = np.clip((values - low) / max(high - low, 1e-6), 0, 1) * 255
    if dataset.get("PhotometricInterpretation") == "MONOCHROME1":
        scaled = 255 - scaled
    return np.rint(scaled).astype(np.uint8)


def _window(dataset: Dataset, values: NDArray[np.float32]) -> tuple[float, float]:
    centre, width = dataset.get("WindowCenter"), dataset.get("WindowWidth")
    if centre is not None and width is not None:
        first = [float(v[0]) if hasattr(v, "append") else float(v) for v in (centre, width)]
        if first[1] > 0:
            return first[0] - first[1] / 2, first[0] + first[1] / 2
    low, high = np.percentile(values, (0.5, 99.5))
    return float(low), float(high)


def _png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=1)
    return out.getvalue()
