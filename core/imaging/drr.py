"""Digitally reconstructed radiographs: a chest CT projected as an X-ray tube would see it. Pure.

Cone geometry with source-image and source-object distance (DICOM (0018,1110), (0018,1111)). Seen
PA: the source stands behind the patient, the detector touches the front. The image is shown as a
radiograph is read: head up, patient's right on the image's left. CT arrays are (up, back, left) on
a working grid with straight millimetre axes (`register.Frame`); images are (row, column).

Because detector rows and columns run along grid axes, each coronal plane falls on the detector as a
magnified copy of itself: the projection is a sum of separable resamplings (perspective shear-warp,
Lacroute and Levoy, SIGGRAPH 1994), not a ray march.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from core.imaging.register import Points

Image = NDArray[np.float32]
WATER_PER_MM = 0.0180  # linear attenuation at about 65 keV effective (NIST XCOM)
FAR_MM = 1.0e7


@dataclass(frozen=True, slots=True)
class Beam:
    """An X-ray tube and its detector about a patient.

    Attributes
    ----------
    sid_mm : float
        Source to detector; infinite for a parallel beam.
    gap_mm : float
        Between the volume's face and the detector.
    pixel_mm : float
        At the detector.
    rows, columns : int
    view : {"PA", "AP"}
    """

    sid_mm: float = 1800.0
    gap_mm: float = 40.0
    pixel_mm: float = 1.6
    rows: int = 256
    columns: int = 256
    view: Literal["PA", "AP"] = "PA"


@dataclass(frozen=True, slots=True)
class Pose:
    """How the patient stands in the beam against how he lay in the CT, degrees.

    Attributes
    ----------
    roll_deg : float
        About the long axis; positive turns the patient's left side towards the back.
    tilt_deg : float
        About the left-right axis; positive leans the head towards the back.
    """

    roll_deg: float = 0.0
    tilt_deg: float = 0.0


@dataclass(frozen=True)
class Projection:
    """The geometry of one projection of one grid: maps frame points to pixels and back to rays.

    Attributes
    ----------
    beam : Beam
    pose : Pose
    centre_mm : (3,) ndarray
        Frame point (up, back, left) on the central ray about which the patient is turned.
    half_depth_mm : float
        From the centre to the volume's face.
    """

    beam: Beam
    pose: Pose
    centre_mm: Points
    half_depth_mm: float
    turn: NDArray[np.float64] = field(default_factory=lambda: np.eye(3))

    @property
    def source_mm(self) -> float:
        """Signed distance of the source from the centre along the back axis."""
        sign = 1.0 if self.beam.view == "PA" else -1.0
        distance = min(self.beam.sid_mm, FAR_MM) - self.half_depth_mm - self.beam.gap_mm
        return sign * distance

    def magnification(self, back_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the magnification at places along the back axis, relative to the centre."""
        sid = min(self.beam.sid_mm, FAR_MM)
        return np.asarray(sid / np.abs(self.source_mm - back_mm))

    def to_pixels(self, points: Points) -> Points:
        """Return (n, 2) fractional (row, column) of (n, 3) frame points."""
        turned = (
            np.asarray(points, dtype=np.float64).reshape(-1, 3) - self.centre_mm
        ) @ self.turn.T
        scale = self.magnification(turned[:, 1]) / self.beam.pixel_mm
        row = (self.beam.rows - 1) / 2 - turned[:, 0] * scale
        column = (self.beam.columns - 1) / 2 + turned[:, 2] * scale
        return np.stack([row, column], axis=1)

    def ray(self, pixel: tuple[float, float], depths_mm: NDArray[np.float64]) -> Points:
        """Return (n, 3) frame points of a pixel's ray at places along the beam axis.

        Parameters
        ----------
        depths_mm : (n,) ndarray
            Along the back axis, 0 at the centre.
        """
        scale = self.magnification(depths_mm) / self.beam.pixel_mm
        up = ((self.beam.rows - 1) / 2 - pixel[0]) / scale
        left = (pixel[1] - (self.beam.columns - 1) / 2) / scale
        return np.asarray(np.stack([up, depths_mm, left], axis=1) @ self.turn + self.centre_mm)


def projection_of(
    shape: tuple[int, int, int],
    spacing_mm: tuple[float, float, float],
    beam: Beam,
    pose: Pose | None = None,
    centre_mm: Points | None = None,
) -> Projection:
    """Return the geometry for a grid; the central ray goes through its middle, or ``centre_mm``."""
    size = (np.asarray(shape) - 1) * np.asarray(spacing_mm)
    middle = size / 2 if centre_mm is None else np.asarray(centre_mm, dtype=np.float64)
    pose = pose or Pose()
    return Projection(beam, pose, middle, float(size[1]) / 2, turn_of(pose))


def turn_of(pose: Pose) -> NDArray[np.float64]:
    """Return the rotation of (up, back, left) offsets by a pose."""
    roll, tilt = np.deg2rad(pose.roll_deg), np.deg2rad(pose.tilt_deg)
    about_up = np.array(
        [[1, 0, 0], [0, np.cos(roll), np.sin(roll)], [0, -np.sin(roll), np.cos(roll)]]
    )
    about_left = np.array(
        [[np.cos(tilt), -np.sin(tilt), 0], [np.sin(tilt), np.cos(tilt), 0], [0, 0, 1]]
    )
    return np.asarray(about_left @ about_up)


def attenuation_of(hounsfield: NDArray[np.float32]) -> Image:
    """Return linear attenuation per millimetre; calcium attenuates more than its CT number says.

    The CT is taken at about 70 keV effective, where the photoelectric share of calcium is smaller.
    """
    water = 1.0 + np.maximum(hounsfield, -1000.0) / 1000.0
    calcium = np.clip(hounsfield - 130.0, 0.0, None) * 0.001
    return np.asarray((water + calcium) * WATER_PER_MM, dtype=np.float32)


def project(
    array: NDArray[np.float32],
    spacing_mm: tuple[float, float, float],
    projection: Projection,
    outside: float = 0.0,
) -> Image:
    """Return the line integral of an array (per mm) on the detector, (row, column).

    Parameters
    ----------
    array : (up, back, left) float32
        E.g. :func:`attenuation_of`, or a mask (then millimetres inside it).
    outside : float
        Value of the array beyond its edge, after turning.
    """
    turned = _turned(array, spacing_mm, projection, outside)
    beam = projection.beam
    image = np.zeros((beam.rows, beam.columns), dtype=np.float32)
    size = np.asarray(array.shape)
    rows = (beam.rows - 1) / 2 - np.arange(beam.rows)
    columns = np.arange(beam.columns) - (beam.columns - 1) / 2
    for k in range(int(size[1])):
        depth = k * spacing_mm[1] - projection.centre_mm[1]
        step = beam.pixel_mm / float(projection.magnification(np.array([depth]))[0])
        up = (rows * step + projection.centre_mm[0]) / spacing_mm[0]
        left = (columns * step + projection.centre_mm[2]) / spacing_mm[2]
        plane = np.ascontiguousarray(turned[:, k, :])
        if not plane.any():
            continue
        image += _weights(up, int(size[0])) @ plane @ _weights(left, int(size[2])).T
    return np.asarray(image * spacing_mm[1] * _obliquity(projection), dtype=np.float32)


def _turned(
    array: NDArray[np.float32],
    spacing_mm: tuple[float, float, float],
    projection: Projection,
    outside: float,
) -> NDArray[np.float32]:
    """Return the array turned by the pose about the projection's centre, on the same grid."""
    if projection.pose == Pose():
        return array
    scale = np.asarray(spacing_mm)
    # Output voxel -> input voxel: the inverse turn, in voxels.
    matrix = projection.turn.T * scale[None, :] / scale[:, None]
    centre = projection.centre_mm / scale
    return np.asarray(
        ndimage.affine_transform(
            array, matrix, centre - matrix @ centre, order=1, cval=outside, prefilter=False
        )
    )


def _weights(places: NDArray[np.float64], count: int) -> NDArray[np.float32]:
    """Return the (places, count) matrix of linear interpolation; zero outside."""
    out = np.zeros((len(places), count), dtype=np.float32)
    low = np.floor(places).astype(int)
    part = places - low
    at = np.arange(len(places))
    for index, weight in ((low, 1.0 - part), (low + 1, part)):
        inside = (index >= 0) & (index < count)
        out[at[inside], index[inside]] += weight[inside].astype(np.float32)
    return out


def _obliquity(projection: Projection) -> NDArray[np.float64]:
    """Return how much longer each ray's way through a coronal plane is than straight across."""
    beam = projection.beam
    row = ((beam.rows - 1) / 2 - np.arange(beam.rows)) * beam.pixel_mm
    column = (np.arange(beam.columns) - (beam.columns - 1) / 2) * beam.pixel_mm
    side = row[:, None] ** 2 + column[None, :] ** 2
    return np.asarray(np.sqrt(1.0 + side / min(beam.sid_mm, FAR_MM) ** 2))
