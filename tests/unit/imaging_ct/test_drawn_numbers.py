"""Numbers of drawings against phantoms whose lengths, angles, areas and values are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from pydicom.uid import ExplicitVRBigEndian, RLELossless

from core.dicom.facts import image_facts
from core.dicom.input_errors import ColourError
from core.imaging.drawn import KINDS, POINTS, Number, Pixels, Scale, numbers_of, region_mask
from core.imaging.drawn_frame import pixels_of, scale_of
from core.imaging.input_errors import FramesError
from tests.input_cases import JPEG_2000, JPEG_LS, compressed, enhanced_ct, image

OBLONG = Scale((0.5, 0.8))
ROWS, COLUMNS = 40, 50


def hu_plane(inner=60.0, outer=-800.0):
    """A disc of 60 HU, radius 9, around (24, 18)."""
    row, column = np.mgrid[:ROWS, :COLUMNS]
    values = np.where((column - 24) ** 2 + (row - 18) ** 2 <= 81, inner, outer)
    return Pixels(values.astype(np.float64), np.ones((ROWS, COLUMNS), dtype=bool), "HU")


def test_a_length_counts_rows_and_columns_by_their_own_spacing():
    (length,) = numbers_of("length", [(10, 10), (13, 18)], OBLONG).values()
    assert length == Number(pytest.approx(math.hypot(3 * 0.8, 8 * 0.5)), "mm")
    assert numbers_of("length", [(0, 0), (3, 4)], Scale(None))["length"] == Number(5.0, "px")
    detector = numbers_of("length", [(0, 0), (3, 4)], Scale((0.1, 0.1), "detector"))
    assert detector["length"] == Number(pytest.approx(0.5), "mm-detector")


@pytest.mark.parametrize("truth_deg", [0.0, 30.0, 90.0, 150.0, 180.0])
def test_an_angle_is_measured_in_millimetres(truth_deg):
    down, right = OBLONG.spacing_mm or (1, 1)
    turned = math.radians(truth_deg + 17)
    start = math.radians(17)
    ends = [(20 + 15 * math.cos(a) / right, 20 + 15 * math.sin(a) / down) for a in (start, turned)]
    (angle,) = numbers_of("angle", [ends[0], (20, 20), ends[1]], OBLONG).values()
    assert angle == Number(pytest.approx(truth_deg, abs=1e-5), "deg")


def test_both_axes_of_a_bidirectional():
    found = numbers_of("bidirectional", [(0, 0), (10, 0), (5, -3), (5, 3)], OBLONG)
    assert found == {"long_axis": Number(8.0, "mm"), "short_axis": Number(3.0, "mm")}


@pytest.mark.parametrize(
    ("kind", "points", "area_mm2"),
    [
        ("rectangle", [(34, 30), (14, 6)], 20 * 24 * 0.4),
        ("ellipse", [(14, 6), (34, 30)], math.pi * 10 * 12 * 0.4),
        ("contour", [(10, 10), (30, 10), (30, 25), (10, 25)], 20 * 15 * 0.4),
    ],
)
def test_areas_are_geometry_not_counted_pixels(kind, points, area_mm2):
    assert numbers_of(kind, points, OBLONG)["area"] == Number(pytest.approx(area_mm2), "mm2")
    flat = numbers_of(kind, points, Scale(None))["area"]
    assert flat == Number(pytest.approx(area_mm2 / 0.4), "px2")
    assert numbers_of(kind, points, Scale((1, 1), "detector"))["area"].unit == "mm2-detector"


def test_statistics_inside_a_known_disc_are_exact():
    found = numbers_of("ellipse", [(18, 12), (30, 24)], OBLONG, hu_plane())
    assert (found["mean"], found["sd"]) == (Number(60.0, "HU"), Number(0.0, "HU"))
    assert (found["min"].value, found["max"].value) == (60.0, 60.0)
    # All whole pixels of the circle of radius 6: Gauss's circle problem, 113.
    assert found["count"] == Number(113.0, "1")


def test_statistics_over_an_edge_divide_by_the_number_of_pixels():
    plane = hu_plane()
    found = numbers_of("rectangle", [(10, 18), (24, 18)], OBLONG, plane)
    truth = plane.values[18, 10:25]
    assert found["mean"].value == pytest.approx(truth.mean())
    assert found["sd"].value == pytest.approx(truth.std())
    assert (found["min"].value, found["max"].value, found["count"].value) == (-800, 60, 15)


def test_padding_is_no_value_and_outside_is_none():
    plane = hu_plane()
    plane.there[:, :24] = False
    found = numbers_of("rectangle", [(10, 18), (24, 18)], OBLONG, plane)
    assert (found["count"].value, found["mean"].value) == (1, 60)
    assert set(numbers_of("rectangle", [(2, 2), (9, 9)], OBLONG, plane)) == {"area"}
    assert numbers_of("probe", [(10, 10)], OBLONG, plane) == {}
    assert numbers_of("probe", [(-1, 10)], OBLONG, plane) == {}
    assert numbers_of("probe", [(23.5, 18.4)], OBLONG, plane) == {"value": Number(60.0, "HU")}


def test_a_contour_takes_the_pixels_whose_centre_it_encloses():
    ring = [(9.5, 9.5), (19.5, 9.5), (19.5, 14.5), (9.5, 14.5)]
    mask = region_mask("contour", ring, (ROWS, COLUMNS))
    assert mask.sum() == 50
    assert mask[10:15, 10:20].all()
    beyond = [(-5.0, -5.0), (4.5, -5.0), (4.5, 3.5), (-5.0, 3.5)]
    assert region_mask("contour", beyond, (ROWS, COLUMNS)).sum() == 20


def test_a_flat_ellipse_holds_nothing_and_every_kind_has_an_answer():
    assert set(numbers_of("ellipse", [(5, 5), (5, 9)], OBLONG, hu_plane())) == {"area"}
    for kind in KINDS:
        points = [(float(n), float(n * n)) for n in range(POINTS[kind][0])]
        for number in numbers_of(kind, points, OBLONG, hu_plane()).values():
            assert math.isfinite(number.value)


# -- frames ----------------------------------------------------------------------------------------

HU = np.arange(-400, -400 + 16 * 20 * 5, 5).reshape(16, 20)


def frame(dataset, number=1):
    return pixels_of(dataset, image_facts(dataset), number)


@pytest.mark.parametrize(
    ("settings", "stored"),
    [
        ({"RescaleSlope": 1, "RescaleIntercept": -1024, "Modality": "CT"}, HU + 1024),
        ({"RescaleSlope": 2.5, "RescaleIntercept": 0, "Modality": "CT"}, HU // 5 * 2),
        ({"RescaleSlope": 1, "RescaleIntercept": 0, "Modality": "CT"}, HU),
    ],
    ids=["unsigned", "scaled", "signed"],
)
def test_values_are_the_files_own_in_hounsfield(settings, stored):
    kind = np.int16 if stored.min() < 0 else np.uint16
    found = frame(image(stored.astype(kind), **settings))
    assert found.unit == "HU"
    assert np.array_equal(found.values, HU)
    assert found.there.all()


SCALED = {"Modality": "CT", "RescaleSlope": 1, "RescaleIntercept": -1024}


@pytest.mark.parametrize("syntax", [str(RLELossless), JPEG_2000, JPEG_LS])
def test_compressed_values_are_the_same(syntax):
    found = frame(compressed((HU + 1024).astype(np.uint16), syntax, **SCALED))
    assert np.array_equal(found.values, HU)


def test_big_endian_values_and_those_of_one_frame_of_many_are_the_same():
    data = image((HU + 1024).astype(np.uint16), **SCALED)
    data.PixelData = (HU + 1024).astype(">u2").tobytes()
    data.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    assert np.array_equal(frame(data).values, HU)
    many = enhanced_ct(3)
    assert (frame(many, 3).values == 2).all()
    assert scale_of(many, image_facts(many), 3) == Scale((0.5, 0.6))


def test_monochrome1_is_not_turned_round_and_has_no_hounsfield_unit():
    found = frame(
        image((HU + 1024).astype(np.uint16), Modality="DX", PhotometricInterpretation="MONOCHROME1")
    )
    assert found.unit == ""
    assert np.array_equal(found.values, HU + 1024)


def test_padding_of_the_file_is_marked():
    stored = (HU + 1024).astype(np.uint16)
    stored[:3] = 0
    found = frame(image(stored, Modality="CT", PixelPaddingValue=0))
    assert not found.there[:3].any()
    assert found.there[3:].all()


def test_what_is_no_grey_frame_is_refused():
    grey = image((HU + 1024).astype(np.uint16))
    with pytest.raises(FramesError):
        frame(grey, 2)
    colour = image(
        np.zeros((8, 8, 3), np.uint8), SamplesPerPixel=3, PhotometricInterpretation="RGB",
        PlanarConfiguration=0,
    )  # fmt: skip
    with pytest.raises(ColourError):
        frame(colour)


@pytest.mark.parametrize(
    ("header", "scale"),
    [
        ({"PixelSpacing": [0.5, 0.8]}, OBLONG),
        ({"ImageOrientationPatient": None}, Scale(None)),
        (
            {"ImageOrientationPatient": None, "PixelSpacing": [0.2, 0.2]},
            Scale((0.2, 0.2), "detector"),
        ),
        (
            {"ImageOrientationPatient": None, "ImagerPixelSpacing": [0.14, 0.14]},
            Scale((0.14, 0.14), "detector"),
        ),
        (
            {"ImageOrientationPatient": None, "PixelSpacing": [0.14, 0.14],
             "ImagerPixelSpacing": [0.14, 0.14]},
            Scale((0.14, 0.14), "detector"),
        ),
        (
            {"ImageOrientationPatient": None, "PixelSpacing": [0.13, 0.13],
             "ImagerPixelSpacing": [0.14, 0.14]},
            Scale((0.13, 0.13)),
        ),
        (
            {"ImageOrientationPatient": None, "PixelSpacing": [0.14, 0.14],
             "PixelSpacingCalibrationType": "GEOMETRY", "ImagerPixelSpacing": [0.14, 0.14]},
            Scale((0.14, 0.14)),
        ),
        ({"PixelSpacing": [0.0, 0.0]}, Scale(None)),
    ],
)  # fmt: skip
def test_millimetres_hold_in_the_patient_only_where_the_file_says_so(header, scale):
    dataset = image((HU + 1024).astype(np.uint16), ImageOrientationPatient=[1, 0, 0, 0, 0.9, -0.4])
    for keyword, value in header.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    assert scale_of(dataset, image_facts(dataset), 1) == scale
