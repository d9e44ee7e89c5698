"""Pictures for the page: heat maps and rendered frames as PNG."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image
from pydicom import Dataset

from core.dicom.pixels import pixel_shape, stored_frames
from core.web.errors import NotFound
from edge.stages.key_picture import in_file_window
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
            return _png(Image.fromarray(in_file_window(dataset, pixels)))
    raise NotFound


def _png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=1)
    return out.getvalue()
