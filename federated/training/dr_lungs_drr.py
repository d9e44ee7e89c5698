"""Digitally reconstructed radiographs with their lung fields: a body at a known pose. Pure.

Parallel beam (the cone of a two-metre exposure changes outlines by under two percent), Beer-Lambert
path integrals with calcium harder than water, as in `core.phantom.dr`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from federated.training.dr_lungs_bodies import HIDDEN, LEFT, RIGHT, Body

Floats = NDArray[np.float32]
_WATER_PER_MM = 0.0178
# A reader's lung field: enough lung in the beam, and little in front of it or behind.
LEAST_LUNG_MM = 15.0
MOST_HIDDEN_MM = 38.0


@dataclass(frozen=True, slots=True)
class Pose:
    """How the patient stands.

    Attributes
    ----------
    yaw_deg : float
        Turn about the long axis; 0 frontal, 90 lateral.
    pitch_deg : float
        Leaning (lordotic or kyphotic view).
    height, depth, width : float
        The body is stretched by these factors.
    """

    yaw_deg: float = 0.0
    pitch_deg: float = 0.0
    height: float = 1.0
    depth: float = 1.0
    width: float = 1.0


@dataclass(frozen=True, slots=True)
class Projection:
    """What a pose shows: rows from head to feet, columns from the patient's right to left.

    Attributes
    ----------
    path : (row, column) float32
        Attenuation path integral, dense anatomy high.
    field : (row, column) uint8
        1 right lung field, 2 left.
    pixel_mm : (2,) float
    """

    path: Floats
    field: NDArray[np.uint8]
    pixel_mm: tuple[float, float]


def project(body: Body, pose: Pose) -> Projection:
    """Return the radiograph of a body at a pose."""
    matrix, offset = _pose_matrix(body, pose)
    hu = ndi.affine_transform(body.hu, matrix, offset, order=1, cval=-1000.0)
    parts = ndi.affine_transform(body.parts, matrix, offset, order=0, cval=0)
    depth = body.spacing_mm[1]
    path = _per_mm(hu).sum(1) * depth
    right, left, hidden = (((parts & bit) > 0).sum(1) * depth for bit in (RIGHT, LEFT, HIDDEN))
    lung = right + left
    seen = (lung >= LEAST_LUNG_MM) & (hidden < MOST_HIDDEN_MM)
    field = np.where(seen, np.where(right >= left, RIGHT, LEFT), 0).astype(np.uint8)
    tidy = np.zeros_like(field)
    for side in (RIGHT, LEFT):
        tidy[_largest(ndi.binary_opening(field == side, iterations=2))] = side
    pixel = (body.spacing_mm[0], body.spacing_mm[2])
    return Projection(path[::-1].astype(np.float32), tidy[::-1].copy(), pixel)


def _pose_matrix(body: Body, pose: Pose) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the map from output to input indices about the body's middle."""
    yaw, pitch = np.deg2rad(pose.yaw_deg), np.deg2rad(pose.pitch_deg)
    turn = np.array(
        [[1, 0, 0], [0, np.cos(yaw), np.sin(yaw)], [0, -np.sin(yaw), np.cos(yaw)]], float
    )
    lean = np.array(
        [[np.cos(pitch), np.sin(pitch), 0], [-np.sin(pitch), np.cos(pitch), 0], [0, 0, 1]], float
    )
    stretch = np.diag([1 / pose.height, 1 / pose.depth, 1 / pose.width])
    spacing = np.array(body.spacing_mm)
    matrix = np.diag(1 / spacing) @ stretch @ turn @ lean @ np.diag(spacing)
    middle = (np.array(body.hu.shape) - 1) / 2.0
    return matrix, middle - matrix @ middle


def _per_mm(hu: Floats) -> Floats:
    water = np.maximum(hu, -1000.0) * 0.001 + 1.0
    bone = np.clip(hu - 110.0, 0.0, None) * 0.0012
    return ((water + bone) * _WATER_PER_MM).astype(np.float32)


def _largest(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    labels, count = ndi.label(mask)
    if not count:
        return mask
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return np.asarray(ndi.binary_fill_holes(labels == int(sizes.argmax())))
