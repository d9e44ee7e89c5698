"""Secondary capture: the picture says what it must, is repeatable, and shows outlines."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset

from core.imaging.result import Lesion
from edge.report.case import CaseResult
from edge.report.delivery import part10
from edge.report.errors import FontMissing
from edge.report.key_images import (
    CtPictures,
    PicturesFor,
    ct_key_images,
    no_pictures,
    radiograph_key_image,
    windowed,
)
from edge.report.page import PALETTE, Canvas, FontFiles, _sentences, result_pages
from edge.report.sc import write_sc
from edge.report.text import ReportSentence
from tests import report_cases as cases

pytestmark = pytest.mark.skipif(
    not FontFiles().regular.exists(),
    reason="needs the Debian package fonts-noto-cjk (fonts with Han characters)",
)


CT = CtPictures(cases.ct_voxels(), (2.5, 0.8, 0.8), cases.label_map())


def pictures_for(case: CaseResult) -> PicturesFor:
    if case.tb is not None:
        heat = np.zeros((24, 32), dtype=np.float32)
        heat[6:12, 4:10] = 0.9
        picture = radiograph_key_image(cases.radiograph().pixel_array, heat)
        return lambda _: (picture,)
    if case.status != "ok":
        return no_pictures
    return lambda focus: ct_key_images(CT, case.lesions or (), focus)


def captures(name: str, case: CaseResult | None = None) -> tuple[Dataset, ...]:
    chosen = case or cases.CASES[name]
    return write_sc(cases.context(cases.sources_for(name)), chosen, pictures_for(chosen))


def has_colour(page: np.ndarray, colour: tuple[int, int, int]) -> bool:
    return bool((page == np.array(colour, dtype=np.uint8)).all(axis=-1).any())


@pytest.mark.parametrize("name", list(cases.CASES))
def test_writing_twice_gives_the_same_bytes(name: str) -> None:
    assert [part10(x) for x in captures(name)] == [part10(x) for x in captures(name)]


def test_the_object_is_an_rgb_secondary_capture_in_the_study_of_its_source() -> None:
    (sc,) = captures("ct_findings")
    assert sc.SOPClassUID == "1.2.840.10008.5.1.4.1.1.7"
    assert sc.StudyInstanceUID == cases.STUDY
    assert str(sc.PatientName) == "ZHANG^SAN=张^三"
    assert (sc.PhotometricInterpretation, sc.SamplesPerPixel) == ("RGB", 3)
    assert len(sc.PixelData) == sc.Rows * sc.Columns * 3
    assert "not reviewed by a physician" in sc.ImageComments


@pytest.mark.parametrize("said", ["YES", "NO", None])
def test_burnt_in_identity_of_the_source_is_not_denied(said: str | None) -> None:
    source = cases.radiograph()
    if said:
        source.BurnedInAnnotation = said
    case = cases.CASES["dr_below"]
    (sc,) = write_sc(cases.context((source,)), case, pictures_for(case))
    assert sc.get("BurnedInAnnotation") == said


def test_each_lesion_has_its_outline_and_its_row_in_its_colour() -> None:
    page = captures("ct_findings")[0].pixel_array
    pictures, table = page[:640], page[640:]
    for colour in PALETTE[:2]:
        assert has_colour(pictures, colour)
        assert has_colour(table, colour)
    assert not has_colour(page, PALETTE[2])


def test_without_findings_no_outline_is_drawn() -> None:
    page = captures("ct_no_finding")[0].pixel_array
    assert not any(has_colour(page, colour) for colour in PALETTE)


def test_the_outline_lies_where_the_lesion_is() -> None:
    image = ct_key_images(CT, cases.lesions())[0]
    points = next(line.points for line in image.lines if line.label == "L3")
    # Columns 12…19 and rows 10…17: the outline runs half a pixel outside them.
    assert points.min(axis=0) == pytest.approx((11.5, 9.5))
    assert points.max(axis=0) == pytest.approx((19.5, 17.5))


def test_an_outline_at_the_edge_of_the_picture_is_closed() -> None:
    labels = np.zeros(cases.SHAPE, dtype=np.uint16)
    labels[2, 0:5, 0:5] = 3
    lesion = replace(cases.lesions()[0], id=3)
    image = ct_key_images(replace(CT, label_map=labels), (lesion,))[0]
    points = image.lines[0].points
    assert points[0] == pytest.approx(points[-1])


def test_the_slice_is_cut_to_the_chest_and_the_outline_goes_with_it() -> None:
    lungs = np.zeros(cases.SHAPE, dtype=np.uint8)
    lungs[:, 20:30, 30:60] = 1
    ct = replace(CT, lungs=lungs, spacing_mm=(2.5, 5.0, 5.0))  # 35 mm are 7 pixels
    image = ct_key_images(ct, cases.lesions())[1]
    assert image.pixels.shape == (24, 41)  # rows 13…36, columns 23…63
    points = next(line.points for line in image.lines if line.label == "L7")
    assert points.min(axis=0) == pytest.approx((40 - 0.5 - 23, 30 - 0.5 - 13))


def test_each_page_shows_slices_of_its_own_lesions() -> None:
    first, second = (ct_key_images(CT, cases.lesions(), (x,)) for x in cases.lesions())
    assert [image.caption_zh for image in first] == ["第 2 / 6 层，肺窗"]
    assert [image.caption_zh for image in second] == ["第 4 / 6 层，肺窗"]


def test_the_heat_map_contour_is_scaled_to_the_image() -> None:
    heat = np.zeros((24, 32), dtype=np.float32)
    heat[6:12, 4:10] = 1.0  # half the resolution of the 48 x 64 image
    image = radiograph_key_image(cases.radiograph().pixel_array, heat)
    points = image.lines[0].points
    assert points.min(axis=0) == pytest.approx((7.5, 11.5), abs=1.01)
    assert points.max(axis=0) == pytest.approx((19.5, 23.5), abs=1.01)


def test_a_long_table_takes_more_pages_and_its_text_a_page_of_its_own() -> None:
    lesions: tuple[Lesion, ...] = tuple(
        replace(cases.lesions()[0], id=number) for number in range(1, 12)
    )
    out = captures("ct_findings", CaseResult("ok", lesions=lesions))
    assert [sc.InstanceNumber for sc in out] == [1, 2, 3]
    assert len({sc.SeriesInstanceUID for sc in out}) == 1
    assert len({sc.SOPInstanceUID for sc in out}) == 3


def test_a_text_too_long_for_its_page_says_that_more_stands_elsewhere() -> None:
    canvas = Canvas(FontFiles())
    drawn: list[str] = []
    canvas.text = lambda at, text, size, colour=(0, 0, 0): drawn.append(text)  # type: ignore[method-assign]  # listens
    sentences = [ReportSentence("findings", "右上肺野见结节。", "A nodule.", ("L1.kind",))] * 90
    _sentences(canvas, sentences, (36, 192, 1400, 1055))
    assert drawn[-1].startswith("…… 其余见结构化报告")
    assert len(drawn) < 90
    drawn.clear()
    _sentences(canvas, sentences[:30], (36, 192, 1400, 1055))
    assert drawn[:30] == ["右上肺野见结节。"] * 30


def test_a_missing_font_is_refused_by_name() -> None:
    fonts = FontFiles(Path("/nowhere/None.ttc"), Path("/nowhere/None.ttc"))
    with pytest.raises(FontMissing, match=r"None\.ttc"):
        result_pages(cases.context(cases.ct_series()), cases.CASES["ct_failed"], no_pictures, fonts)


def test_lines_break_between_han_and_never_before_a_full_stop() -> None:
    canvas = Canvas(FontFiles())
    text = "双肺未见明确结节、空洞、实变。" * 6 + "see the report of the physician. " * 4
    lines = canvas.wrapped(text, 20, 300)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    for line in lines:
        assert canvas.draw.textlength(line, font=canvas.font(20)) <= 300 + 2 * 20
        assert not line.startswith(("。", "、", "，"))


def test_windowing_clips_at_both_ends() -> None:
    values = np.array([[-2000, -1350, -600, 150, 3000]])
    assert windowed(values, -1350, 150).tolist() == [[0, 0, 128, 255, 255]]
