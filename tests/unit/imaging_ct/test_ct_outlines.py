"""Outlines: pixel-centre coordinates, closed, holes included."""

import numpy as np
import pytest

from core.imaging.outlines import outlines_of


def area(points):
    x, y = points[:, 0].astype(float), points[:, 1].astype(float)
    return abs(float(np.dot(x[:-1], y[1:]) - np.dot(x[1:], y[:-1]))) / 2


def test_one_pixel_is_surrounded_at_half_a_pixel():
    labels = np.zeros((3, 32, 32), np.uint16)
    labels[1, 20, 10] = 4
    found = outlines_of(labels)
    assert list(found) == [1]
    (line,) = found[1]
    assert line.lesion_id == 4
    assert line.points[:, 0].min() == pytest.approx(9.5)
    assert line.points[:, 0].max() == pytest.approx(10.5)
    assert line.points[:, 1].min() == pytest.approx(19.5)
    assert line.points[:, 1].max() == pytest.approx(20.5)


def test_outline_is_closed_and_encloses_the_area_of_the_pixels():
    labels = np.zeros((2, 40, 50), np.uint16)
    labels[0, 5:15, 20:44] = 1
    (line,) = outlines_of(labels)[0]
    assert (line.points[0] == line.points[-1]).all()
    assert area(line.points) == pytest.approx(240, abs=1)


def test_a_hole_is_an_outline_of_its_own():
    labels = np.zeros((1, 40, 40), np.uint16)
    labels[0, 5:25, 5:25] = 2
    labels[0, 12:17, 12:17] = 0
    lines = outlines_of(labels)[0]
    assert sorted(round(area(line.points)) for line in lines) == [24, 400]


def test_lesion_at_the_image_edge_is_still_closed():
    labels = np.zeros((1, 16, 16), np.uint16)
    labels[0, 0:4, 0:4] = 1
    (line,) = outlines_of(labels)[0]
    assert (line.points[0] == line.points[-1]).all()
    assert line.points.min() == pytest.approx(-0.5)


def test_no_lesion_no_outline():
    assert outlines_of(np.zeros((4, 8, 8), np.uint16)) == {}
