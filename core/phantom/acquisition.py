"""What a scanner does to the patient: blur and noise by kernel, both seeded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, zoom

F = NDArray[np.float32]
KernelName = Literal["soft", "standard", "lung"]


@dataclass(frozen=True, slots=True)
class Kernel:
    """A reconstruction kernel.

    Attributes
    ----------
    name : str
        As written to Convolution Kernel (0018,1210).
    blur_mm : float
        Standard deviation of the in-plane point spread.
    noise_grain_mm : float
        Correlation length of the noise.
    edge : float
        Share of high frequencies that is added back (sharp kernels overshoot).
    """

    name: str
    blur_mm: float
    noise_grain_mm: float
    edge: float


KERNELS: dict[KernelName, Kernel] = {
    "soft": Kernel("PH30s", 0.75, 0.85, 0.0),
    "standard": Kernel("PH40s", 0.55, 0.65, 0.0),
    "lung": Kernel("PH60s", 0.45, 0.45, 0.25),
}


def expose(hu: F, kernel: Kernel, noise_hu: float, pixel_mm: float, rng: np.random.Generator) -> F:
    """Return one slice as reconstructed: blurred, noisy, clipped to 12 bits.

    Parameters
    ----------
    hu : (row, column) float32 ndarray
    noise_hu : float
        Standard deviation in the middle of the body.
    """
    image: NDArray[Any] = gaussian_filter(hu, kernel.blur_mm / pixel_mm)
    if kernel.edge > 0.0:
        image = image + kernel.edge * (image - gaussian_filter(image, 1.2 / pixel_mm))
    if noise_hu > 0.0:
        grain = rng.standard_normal(hu.shape, dtype=np.float32)
        sigma = kernel.noise_grain_mm / pixel_mm
        if sigma > 0.3:
            grain = gaussian_filter(grain, sigma)
            grain /= max(float(grain.std()), 1e-6)
        image = image + np.float32(noise_hu) * grain * _noise_profile(hu.shape)
    return np.clip(np.rint(image), -1024, 3071).astype(np.float32)


def _noise_profile(shape: tuple[int, ...]) -> F:
    """Photon starvation: the noise is larger in the middle of the body than at its edge."""
    row = np.linspace(-1, 1, shape[0], dtype=np.float32)[:, None]
    column = np.linspace(-1, 1, shape[1], dtype=np.float32)[None, :]
    return np.asarray(1.15 - 0.45 * np.clip(row * row + column * column, 0.0, 1.0), np.float32)


@dataclass(frozen=True, slots=True)
class Texture:
    """Correlated unit noise from which any slice cuts its piece (structure, not scanner noise)."""

    tile: F

    def slice(self, height_mm: float, shape: tuple[int, int], pixel_mm: tuple[float, float]) -> F:
        """Return (row, column) texture at a height; pieces repeat after 144 mm."""
        depth, rows, columns = self.tile.shape
        layer = height_mm / _TILE_MM % depth
        low = int(layer)
        part = np.float32(layer - low)
        plane = (1 - part) * self.tile[low % depth] + part * self.tile[(low + 1) % depth]
        row = np.arange(shape[0]) * (pixel_mm[0] / _TILE_MM)
        column = np.arange(shape[1]) * (pixel_mm[1] / _TILE_MM)
        r0, c0 = row.astype(int), column.astype(int)
        fr = (row - r0).astype(np.float32)[:, None]
        fc = (column - c0).astype(np.float32)[None, :]
        upper, lower = plane[r0 % rows], plane[(r0 + 1) % rows]
        mixed = upper + fr * (lower - upper)
        left, right = mixed[:, c0 % columns], mixed[:, (c0 + 1) % columns]
        result: F = left + fc * (right - left)
        return result


_TILE_MM = 1.5


def texture_of(seed: int) -> Texture:
    """Return the structure noise of a seed: fine grain upon a coarser mottle."""
    rng = np.random.default_rng([seed, 4])
    fine = gaussian_filter(rng.standard_normal((96, 96, 96), dtype=np.float32), 0.7, mode="wrap")
    coarse = gaussian_filter(rng.standard_normal((24, 24, 24), dtype=np.float32), 1.0, mode="wrap")
    mottle = zoom(coarse, 4, order=1, mode="grid-wrap", grid_mode=True)
    mixed = fine / fine.std() + 0.9 * mottle / mottle.std()
    return Texture((mixed / mixed.std()).astype(np.float32))
