"""One smooth surface around ground glass: vessels outside it stay out, those inside stay in."""

import numpy as np
import pytest
from scipy import ndimage

from core.imaging.ct_star import star_outline
from core.imaging.ct_strands import bordering

SPACING = (1.15, 0.74, 0.74)
LUNG, HAZE, VESSEL = -860.0, -600.0, 40.0
LEVEL = (LUNG + HAZE) / 2


def scene(radii_mm=(6.0, 5.0, 7.0), vessel_mm=3.2):
    """Return HU as smoothed for outlines, the ellipsoid, and a vessel that runs through it."""
    shape = [int(36 / mm) for mm in SPACING]
    axes = [(np.arange(n) - n / 2 + 0.3) * mm for n, mm in zip(shape, SPACING, strict=True)]
    z, y, x = axes[0][:, None, None], axes[1][:, None], axes[2]
    body = (z / radii_mm[0]) ** 2 + (y / radii_mm[1]) ** 2 + (x / radii_mm[2]) ** 2 <= 1
    half = vessel_mm / 2
    vessel = (np.abs(z) < half) & (np.abs(y) < half) & (x > -2) & np.ones_like(body)
    hu = np.where(vessel, VESSEL, np.where(body, HAZE, LUNG)).astype(np.float32)
    hu += np.random.default_rng(4).normal(0, 12, hu.shape).astype(np.float32)
    return ndimage.gaussian_filter(hu, [0.8 / mm for mm in SPACING]), body, vessel


def dice(a, b):
    return 2 * (a & b).sum() / (a.sum() + b.sum())


def test_a_vessel_that_leaves_ground_glass_is_cut_where_the_surface_runs():
    hu, body, vessel = scene()
    start = hu > LEVEL
    assert dice(start, body) < 0.93
    found = star_outline(np.minimum(hu, HAZE + 60), start, LEVEL, SPACING, hu > HAZE + 120)
    assert dice(found, body) > 0.95
    assert found.sum() == pytest.approx(body.sum(), rel=0.05)
    inside = vessel & body & ~ndimage.binary_dilation(~body, iterations=2)
    assert found[inside].all()


def test_a_body_without_vessels_keeps_its_outline():
    hu, body, vessel = scene()
    hu = np.where(ndimage.binary_dilation(vessel, iterations=4) & ~body, LUNG, hu)
    hu = np.minimum(hu, HAZE).astype(np.float32)
    found = star_outline(hu, hu > LEVEL, LEVEL, SPACING)
    assert dice(found, body) > 0.95


def test_large_vessels_border_ground_glass_thin_ones_run_through():
    _, body, vessel = scene(vessel_mm=2.0)
    large = np.roll(body, 16, axis=2)
    beside = bordering(vessel | large, body, SPACING)
    assert (beside & large).sum() > 0.8 * large.sum()
    assert not (beside & vessel & ~ndimage.binary_dilation(large)).any()
    own = ndimage.binary_erosion(body, iterations=2)
    assert not bordering(own, body, SPACING).any()


def test_what_no_such_surface_explains_stays_as_it_was():
    hu, _, _ = scene()
    start = hu > LEVEL
    # Everything is dense: no ray has an end that says anything.
    same = star_outline(hu, start, LEVEL, SPACING, np.ones_like(start))
    assert (same == start).all()
    empty = np.zeros_like(start)
    assert not star_outline(hu, empty, LEVEL, SPACING).any()
