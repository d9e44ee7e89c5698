"""The follow-up table and the pictures of a report: content, prompts, printed pages. Pure."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from core.records.kinds import upcast
from edge.report.key_images import KeyImage, Line
from edge.report.page import Canvas, FontFiles
from edge.report.physician.content import Content, content_of
from edge.report.physician.errors import ContentWrong
from edge.report.physician.exhibits import follow_up_of, table_lines
from edge.report.physician.letter import Letter, Letterhead, Part, Person, pages, pdf_of
from edge.report.physician.prompts import Known, prompts
from tests.physician_cases import comparison, free

FRAME = "1.2.3/1"


def test_the_table_is_the_newest_finished_comparison():
    older = comparison(prior="20250101", id="c0")
    failed = comparison(prior="20261001", id="c2") | {"status": "failed"}
    table = follow_up_of([comparison(), older, failed])
    assert table is not None
    assert (table.comparison, table.prior_date) == ("c1", "20260801")
    heads, first, gone = table_lines(table, 0)
    assert heads[0] == "病灶（前 → 今）"
    assert first == ("L2 → L3", "空洞", "6.20", "4.60", "-26%", "缩小")
    assert gone == ("L4 → —", "实性结节", "0.80", "—", "—", "本次未见")
    assert table_lines(table, 1)[1][1] == "cavity"
    assert follow_up_of([failed]) is None


def test_content_keeps_the_table_and_pictures_and_old_digests_stay():
    table = follow_up_of([comparison()])
    content = Content((free("i", "好。"),), follow_up=table, pictures=(FRAME,))
    again = content_of(content.as_json())
    assert again == content
    assert again.digest == content.digest
    plain = Content((free("i", "好。"),))
    assert not {"follow_up", "pictures"} & plain.as_json().keys()
    assert plain.digest != content.digest


@pytest.mark.parametrize(
    "more",
    [
        {"pictures": ["1.2.3"]},
        {"pictures": [FRAME, FRAME]},
        {"pictures": [f"1.2.{n}/1" for n in range(5)]},
        {"follow_up": {"comparison": "c"}},
        {"follow_up": {**Content(follow_up=follow_up_of([comparison()])).as_json()["follow_up"],
                       "prior_date": 3}},
    ],
)  # fmt: skip
def test_what_is_no_exhibit_is_refused(more):
    with pytest.raises(ContentWrong):
        content_of({"statements": [], **more})


def test_a_table_that_the_comparison_left_behind_blocks_the_signature():
    table = follow_up_of([comparison()])
    assert table is not None
    content = Content((free("i", "好。", "impression"),), follow_up=table)
    now = replace(table, conclusion_zh="好转")
    assert [p.name for p in prompts(content, Known((), follow_up=table))] == []
    assert [p.name for p in prompts(content, Known((), follow_up=now))] == ["follow_up"]
    assert [p.name for p in prompts(content, Known(()))] == ["follow_up"]


def test_pictures_have_a_page_of_their_own_in_colour_and_the_table_is_ruled():
    line = Line(np.array([[8.0, 8], [24, 8], [24, 24], [8, 8]]), 0, "L3")
    picture = KeyImage(np.full((64, 64), 90, np.uint8), (line,), "第 3 幅，肺窗", "image 3")
    table = follow_up_of([comparison()])
    assert table is not None
    letter = Letter(
        Letterhead("县医院"), "影像诊断报告", Person((("姓名", "张三"),)),
        (Part("随访对比", ("缩小",), table_lines(table, 0)),), ("签发：陈放",), "注",
        (picture,) * 4,
    )  # fmt: skip
    words, shown = pages(letter)
    assert np.ptp(np.asarray(words), axis=2).max() == 0
    colours = np.asarray(shown).reshape(-1, 3)
    assert (np.ptp(colours.astype(int), axis=1) > 60).any()
    without = pages(replace(letter, parts=(Part("随访对比", ("缩小",)),)))[0]
    assert (np.asarray(words) == 0).sum() > (np.asarray(without) == 0).sum() + 5000
    made = pdf_of([words, shown], time.gmtime(0), "t")
    assert made.startswith(b"%PDF")
    assert b"DCTDecode" in made
    assert b"CCITTFaxDecode" in made


def test_a_report_of_the_first_release_reads_as_one_without_pictures():
    old = {"report": {"id": "rp_1", "content": {"statements": []}}}
    for kind in ("report.saved", "report.signed"):
        assert upcast(kind, 1, old) == {"report": {**old["report"], "outlines": {}}}


@pytest.mark.parametrize("width", range(200, 700, 23))
def test_no_line_ends_with_an_opening_mark_or_begins_with_a_closing_one(width):
    text = "体积 6.20 → 4.60 mL（-26%）。自动对比，须（医师）确认。右上肺野见 2 处实性结节影。"
    lines = Canvas(FontFiles()).wrapped(text, 32, width)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert not [line for line in lines if line[-1] in "（“" or line[0] in "。，）”"]
