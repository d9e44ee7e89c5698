"""A CT or PET volume with its geometry, and a radiograph with its tags. No IO here.

Array axes are always (slice, row, column). Patient coordinates are DICOM's LPS in millimetres
(PS3.3 C.7.6.2.1.1).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Volume:
    """Voxels with geometry.

    Attributes
    ----------
    voxels : (slice, row, column) ndarray
        int16 or float32; Hounsfield units for CT.
    spacing_mm : (3,) float
        Distance between neighbours along (slice, row, column).
    origin_mm : (3,) float
        LPS position of the centre of voxel (0, 0, 0).
    direction : (3, 3) ndarray
        Column k is the LPS unit vector in which array axis k grows.
    uids : tuple of str
        SOP Instance UID of each slice; empty for images without DICOM identity.
    frames : tuple of int
        Frame number (from 1) of each slice in its instance, parallel to ``uids``.
    """

    voxels: NDArray[Any]
    spacing_mm: tuple[float, float, float]
    origin_mm: tuple[float, float, float]
    direction: NDArray[np.float64]
    uids: tuple[str, ...] = ()
    frames: tuple[int, ...] = ()

    @property
    def voxel_ml(self) -> float:
        """Volume of one voxel, millilitre."""
        return float(np.prod(self.spacing_mm)) / 1000.0

    def to_lps(
        self, index: NDArray[np.float64] | tuple[float, float, float]
    ) -> NDArray[np.float64]:
        """Return LPS millimetres for (..., 3) fractional (slice, row, column) indices."""
        steps = np.asarray(index, dtype=np.float64) * np.asarray(self.spacing_mm)
        return np.asarray(self.origin_mm) + steps @ self.direction.T


@dataclass(frozen=True)
class Radiograph:
    """One projection image.

    Attributes
    ----------
    pixels : (row, column) float32 ndarray
        Modality values, polarity normalised: dense anatomy is HIGH (as MONOCHROME2 displays it).
    bits_stored : int
        Of the original; the value range of ``pixels`` is 0 … 2**bits_stored − 1 where rescaling
        was the identity.
    spacing_mm : (2,) float or None
        At the detector plane (row, column), where known.
    tags : dict
        The header facts that quality control needs, by DICOM keyword, plain Python values.
    was_inverted : bool
        The stored image was MONOCHROME1 and has been turned round.
    """

    pixels: NDArray[np.float32]
    bits_stored: int = 16
    spacing_mm: tuple[float, float] | None = None
    tags: dict[str, Any] = field(default_factory=dict)
    was_inverted: bool = False
