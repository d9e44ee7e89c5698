"""Radiographs: projection, exposure tags and faults."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from core.phantom.dr import DrPhantom, DrSpec, make_dr
from core.phantom.errors import PhantomSpecInvalid


@cache
def radiograph(fault="none", case="tb", size=128) -> DrPhantom:
    return make_dr(DrSpec(7, case, fault, rows=size, columns=size, pixel_mm=3.1 * 128 / size))


@pytest.fixture(scope="module")
def good() -> DrPhantom:
    return radiograph()


def test_lungs_are_dark_and_the_spine_is_bright(good: DrPhantom) -> None:
    pixels = good.radiograph.pixels
    field = good.truth.lung_field
    assert pixels.min() >= 0
    assert pixels.max() <= 4095
    spine = pixels[70:100, 60:68]
    assert np.median(pixels[field]) < 0.6 * np.median(spine)
    assert 0.12 < field.mean() < 0.45
    # Both lungs: the patient's right is at the left of the image.
    assert field[:, :60].any()
    assert field[:, 68:].any()


def test_the_heart_points_to_the_image_right(good: DrPhantom) -> None:
    """The patient's left is at the right: there the heart hides more of the lung field."""
    row = good.truth.lung_field[62:80]
    assert row[:, :64].sum() > row[:, 64:].sum() * 1.15


def test_every_lesion_casts_its_region(good: DrPhantom) -> None:
    assert len(good.truth.label_maps) == len(good.truth.lesions) > 0
    for region, lesion in zip(good.truth.label_maps, good.truth.lesions, strict=True):
        if lesion.kind in {"cavity", "consolidation"}:
            columns = np.argwhere(region)[:, 1]
            x = (columns.mean() - 63.5) * 3.1
            assert x == pytest.approx(lesion.centroid_mm[0], abs=4.0)


def test_lesions_are_denser_than_their_absence() -> None:
    with_it, without = radiograph(), radiograph(case="normal")
    patch = next(
        region
        for region, lesion in zip(with_it.truth.label_maps, with_it.truth.lesions, strict=True)
        if lesion.kind == "consolidation"
    )
    difference = with_it.radiograph.pixels - without.radiograph.pixels
    assert difference[patch].mean() > difference[with_it.truth.lung_field].mean() + 40


def test_exposure_tags_fit_each_other(good: DrPhantom) -> None:
    for phantom, low, high in (
        (good, -0.5, 0.5),
        (radiograph("under_exposed", "normal", 64), -8.5, -7.0),
        (radiograph("over_exposed", "normal", 64), 7.0, 8.5),
    ):
        truth = phantom.truth
        expected = 10 * np.log10(truth.exposure_index / truth.target_exposure_index)
        assert truth.deviation_index == pytest.approx(expected)
        assert low < truth.deviation_index < high


def detail(fault: str) -> DrPhantom:
    """A few centimetres of heart and lung at a real detector's pixel size."""
    return make_dr(DrSpec(7, "normal", fault, rows=96, columns=96, pixel_mm=0.3))


@pytest.fixture(scope="module")
def fine() -> DrPhantom:
    return detail("none")


def grain(phantom: DrPhantom) -> float:
    pixels = phantom.radiograph.pixels
    return float(np.diff(pixels, axis=0).std())


def test_less_dose_more_noise(fine: DrPhantom) -> None:
    assert grain(detail("under_exposed")) > 1.3 * grain(fine)


def test_blur_takes_fine_detail_away(fine: DrPhantom) -> None:
    """Motion blurs the patient, not the quanta: compare over two millimetres, above the noise."""

    def structure(phantom: DrPhantom) -> float:
        pixels = phantom.radiograph.pixels
        blocks = pixels.reshape(16, 6, 16, 6).mean(axis=(1, 3))
        return float(np.abs(np.diff(blocks, n=2, axis=0)).mean())

    assert structure(detail("blurred")) < 0.9 * structure(fine)


def test_cropping_moves_an_angle_out(good: DrPhantom) -> None:
    cut = radiograph("cropped", "normal", 64).truth.lung_field
    assert cut[:, 0].any() or cut[-1].any()
    assert not good.truth.lung_field[:, 0].any()
    assert not good.truth.lung_field[-1].any()


def test_rotation_makes_the_halves_unequal() -> None:
    plain, turned = radiograph("none", "normal", 64), radiograph("rotated", "normal", 64)

    def half(phantom: DrPhantom) -> float:
        field = phantom.truth.lung_field
        return float(field[:, :32].sum() / field.sum())

    assert abs(half(turned) - half(plain)) > 0.02


def test_monochrome1_shows_the_same_picture() -> None:
    inverted = radiograph("monochrome1", "normal", 64)
    assert inverted.radiograph.was_inverted
    assert np.array_equal(
        inverted.radiograph.pixels, radiograph("none", "normal", 64).radiograph.pixels
    )


def test_same_seed_same_picture() -> None:
    again = make_dr(DrSpec(7, "normal", "none", rows=64, columns=64, pixel_mm=6.2))
    assert np.array_equal(
        again.radiograph.pixels, radiograph("none", "normal", 64).radiograph.pixels
    )


def test_impossible_sizes_are_refused() -> None:
    with pytest.raises(PhantomSpecInvalid):
        make_dr(DrSpec(rows=10))
