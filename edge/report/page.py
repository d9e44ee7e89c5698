"""The page that a PACS without SEG and SR shows: key pictures, table, statement. Pure.

Nothing on it names the patient: identity stands in the object's header, where it can be corrected.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from core.imaging.result import Lesion, Sentence
from edge.report.case import CaseResult
from edge.report.codes import OUTCOMES, kind_code, site_code
from edge.report.context import ResultContext, statement_en, statement_zh
from edge.report.errors import FontMissing
from edge.report.key_images import KeyImage, PicturesFor
from edge.report.seg import tracking_id
from edge.report.text import TITLES, ReportDraft, ReportSentence, draft_report

WIDTH: Final = 1500
HEIGHT: Final = 1125
MARGIN: Final = 36
ROWS_PER_PAGE: Final = 8
_ROWS_WITH_TEXT: Final = 3
_PICTURE_TOP: Final = 168
_PICTURE_HEIGHT: Final = 470
_BODY_END: Final = HEIGHT - 70

_INK: Final = (236, 240, 244)
_MUTED: Final = (158, 168, 180)
_GROUND: Final = (14, 17, 22)
_PANEL: Final = (26, 31, 39)
_RULE: Final = (58, 66, 78)
_WARNING: Final = (255, 190, 70)
# Okabe and Ito's colours: told apart by colour-blind readers too.
PALETTE: Final = (
    (230, 159, 0),
    (86, 180, 233),
    (0, 190, 140),
    (240, 228, 66),
    (213, 94, 0),
    (204, 121, 167),
)


@dataclass(frozen=True, slots=True)
class FontFiles:
    """Fonts with Han characters; Debian's ``fonts-noto-cjk``, face 2 is Simplified Chinese."""

    regular: Path = Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc")
    bold: Path = Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Bold.ttc")
    face: int = 2


Box = tuple[int, int, int, int]


class Canvas:
    """One page being drawn."""

    def __init__(self, fonts: FontFiles) -> None:
        self.fonts = fonts
        self.image = Image.new("RGB", (WIDTH, HEIGHT), _GROUND)
        self.draw = ImageDraw.Draw(self.image)

    def redraw(self) -> None:
        """Draw on the image that was put in place of the first."""
        self.draw = ImageDraw.Draw(self.image)

    def font(self, size: int, *, bold: bool = False) -> ImageFont.FreeTypeFont:
        """Return a font of ``size`` pixels. Raises FontMissing."""
        path = self.fonts.bold if bold else self.fonts.regular
        try:
            return ImageFont.truetype(str(path), size, index=self.fonts.face)
        except OSError:
            raise FontMissing(font=path.name) from None

    def text(
        self, at: tuple[int, int], text: str, size: int, colour: tuple[int, int, int] = _INK
    ) -> None:
        """Write one line, its top left corner at ``at``."""
        self.draw.text(at, text, fill=colour, font=self.font(size), anchor="la")

    def bold(
        self, at: tuple[int, int], text: str, size: int, colour: tuple[int, int, int] = _INK
    ) -> None:
        """Write one bold line."""
        self.draw.text(at, text, fill=colour, font=self.font(size, bold=True), anchor="la")

    def wrapped(self, text: str, size: int, width: int) -> list[str]:
        """Break text into lines of at most ``width`` pixels: at spaces, or between Han."""
        font, lines, line = self.font(size), [], ""
        for piece in _pieces(text):
            if line and self.draw.textlength((line + piece).rstrip(), font=font) > width:
                lines.append(line.rstrip())
                line = piece.lstrip()
            else:
                line += piece
        return [*lines, line.rstrip()] if line.strip() else lines


def _pieces(text: str) -> list[str]:
    """Split where a line may break: after a space, between Han; never before 。 or after （."""
    pieces: list[str] = []
    for char in text:
        closing = char in "。，、；：）！？”》】 " or (bool(pieces) and pieces[-1][-1] in "（“《【")
        latin = ord(char) < 0x2E80
        if pieces and (closing or (latin and ord(pieces[-1][-1]) < 0x2E80)):
            if pieces[-1].endswith(" ") and char != " ":
                pieces.append(char)
            else:
                pieces[-1] += char
        else:
            pieces.append(char)
    return pieces


def result_pages(
    context: ResultContext,
    case: CaseResult,
    pictures_for: PicturesFor,
    fonts: FontFiles | None = None,
) -> tuple[NDArray[np.uint8], ...]:
    """Draw the pages of a result.

    Returns
    -------
    tuple of (row, column, 3) uint8
        One page; more when the table of lesions is long.

    Raises
    ------
    FontMissing, UnknownLesionCode
    """
    lesions = sorted(case.lesions or (), key=lambda lesion: lesion.id)
    lesions = lesions if case.status == "ok" else []
    chunks = [lesions[at : at + ROWS_PER_PAGE] for at in range(0, len(lesions), ROWS_PER_PAGE)]
    chunks = chunks or [[]]
    # A long table leaves no room for the text; it then has a page of its own, never half of one.
    text_apart = len(lesions) > _ROWS_WITH_TEXT
    colours = {lesion.id: PALETTE[i % len(PALETTE)] for i, lesion in enumerate(lesions)}
    draft = draft_report(case, statement_zh(context), statement_en(context))
    bodies = [
        (pictures_for(chunk), chunk, () if text_apart else _beside(draft, chunk))
        for chunk in chunks
    ]
    if text_apart:
        bodies.append(((), [], draft.sentences))
    pages = []
    for number, (pictures, chunk, sentences) in enumerate(bodies, start=1):
        canvas = Canvas(fonts or FontFiles())
        _head(canvas, context, case, f"{number} / {len(bodies)}")
        _body(canvas, pictures, chunk, colours, sentences)
        _foot(canvas, context, case)
        pages.append(np.asarray(canvas.image, dtype=np.uint8))
    return tuple(pages)


def _beside(draft: ReportDraft, lesions: Sequence[Lesion]) -> Sequence[ReportSentence]:
    """Under a table the findings are already told."""
    if lesions:
        return draft.section("impression") + draft.section("advice")
    return draft.sentences


def _body(
    canvas: Canvas,
    key_images: Sequence[KeyImage],
    lesions: Sequence[Lesion],
    colours: dict[int, tuple[int, int, int]],
    sentences: Sequence[ReportSentence],
) -> None:
    """Three layouts: text alone; one tall picture beside text; pictures over table and text."""
    width = WIDTH - 2 * MARGIN
    below = _PICTURE_TOP + _PICTURE_HEIGHT + 14
    if not key_images:
        _sentences(canvas, sentences, (MARGIN, _PICTURE_TOP + 24, width, _BODY_END))
    elif len(key_images) == 1 and not lesions and not key_images[0].axial:
        picture_width = 880
        box = (MARGIN, _PICTURE_TOP, picture_width, _BODY_END - _PICTURE_TOP)
        draw_picture(canvas, key_images[0], box)
        left = MARGIN + picture_width + 28
        _sentences(canvas, sentences, (left, _PICTURE_TOP, WIDTH - MARGIN - left, _BODY_END))
    else:
        _pictures(canvas, key_images)
        top = _table(canvas, lesions, colours, below) if lesions else below
        _sentences(canvas, sentences, (MARGIN, top, width, _BODY_END))


def _head(canvas: Canvas, context: ResultContext, case: CaseResult, page: str) -> None:
    modality = str(context.sources[0].get("Modality", ""))
    title = "胸部 CT 病灶检出" if modality == "CT" else "胸片结核筛查"
    title_en = "Chest CT lesion detection" if modality == "CT" else "Chest radiograph TB screening"
    canvas.bold((MARGIN, 22), f"杏林 · {title}", 34)
    canvas.text((MARGIN, 68), f"Xinglin · {title_en}", 19, _MUTED)
    canvas.draw.text((WIDTH - MARGIN, 30), page, fill=_MUTED, font=canvas.font(20), anchor="ra")
    canvas.draw.rectangle((0, 104, WIDTH, 154), fill=(66, 46, 8))
    banner = f"{statement_zh(context)}  {statement_en(context)}"
    canvas.bold((MARGIN, 115), banner, 21, _WARNING)
    outcome = OUTCOMES[case.outcome].sentence
    if case.tb is not None and case.outcome == "findings":
        outcome = Sentence("疑似肺结核", "Suspected tuberculosis")
    font = canvas.font(21, bold=True)
    canvas.draw.text((WIDTH - MARGIN, 66), outcome.zh, fill=_INK, font=font, anchor="ra")


def _pictures(canvas: Canvas, key_images: Sequence[KeyImage]) -> None:
    slots = len(key_images)
    width = (WIDTH - 2 * MARGIN - 12 * (slots - 1)) // slots
    for index, key_image in enumerate(key_images):
        left = MARGIN + index * (width + 12)
        draw_picture(canvas, key_image, (left, _PICTURE_TOP, width, _PICTURE_HEIGHT))


def draw_picture(
    canvas: Canvas,
    key_image: KeyImage,
    box: Box,
    ink: tuple[int, int, int] = _MUTED,
    caption_size: int = 16,
) -> None:
    """Draw a picture with its outlines and its caption (in ``ink``) into a box."""
    left, top, width, height = box
    rows, columns = key_image.pixels.shape
    ratio = rows * key_image.row_to_column / columns
    shown_height = height - 30
    shown_width = min(width, max(1, round(shown_height / ratio)))
    shown_height = max(1, round(shown_width * ratio))
    x0 = left + (width - shown_width) // 2
    picture = Image.fromarray(key_image.pixels).resize(
        (shown_width, shown_height), Image.Resampling.LANCZOS
    )
    canvas.draw.rectangle((left, top, left + width - 1, top + height - 31), fill=(0, 0, 0))
    canvas.image.paste(picture.convert("RGB"), (x0, top))
    scale = np.array([shown_width / columns, shown_height / rows])
    for line in key_image.lines:
        colour = PALETTE[line.colour % len(PALETTE)]
        points = (line.points + 0.5) * scale + np.array([x0, top])
        canvas.draw.line([(float(x), float(y)) for x, y in points], fill=colour, width=2)
        if line.label:
            at = (int(points[:, 0].max()) + 5, int(points[:, 1].min()) - 12)
            canvas.draw.text(
                at,
                line.label,
                fill=colour,
                font=canvas.font(20, bold=True),
                stroke_width=2,
                stroke_fill=(0, 0, 0),
            )
    caption = f"{key_image.caption_zh}  {key_image.caption_en}"
    size = caption_size
    while size > 13 and canvas.draw.textlength(caption, font=canvas.font(size)) > width:
        size -= 1
    canvas.text((left, top + height - 26), caption, size, ink)


_COLUMNS: Final = (
    (MARGIN, "编号", "No."),
    (130, "类型", "Kind"),
    (450, "位置", "Site"),
    (750, "长径 × 短径", "Axes, mm"),
    (960, "体积", "Volume, ml"),
    (1120, "平均 CT 值", "Mean, HU"),
    (1290, "概率", "Probability"),
)


def _table(
    canvas: Canvas,
    lesions: Sequence[Lesion],
    colours: dict[int, tuple[int, int, int]],
    top: int,
) -> int:
    """Draw the table and return where it ends."""
    for x, zh, en in _COLUMNS:
        canvas.bold((x, top), zh, 19)
        canvas.text((x, top + 25), en, 14, _MUTED)
    y = top + 50
    for lesion in lesions:
        canvas.draw.line((MARGIN, y, WIDTH - MARGIN, y), fill=_RULE)
        kind, site = kind_code(lesion.kind), site_code(lesion.location)
        canvas.bold((_COLUMNS[0][0], y + 5), tracking_id(lesion), 20, colours[lesion.id])
        for (x, _, _), value in zip(
            _COLUMNS[1:],
            (
                f"疑似{kind.zh} {kind.en}",
                f"{site.zh} {site.en}",
                f"{lesion.long_axis_mm:.1f} × {lesion.short_axis_mm:.1f}",
                f"{lesion.volume_ml:.2f}",
                f"{lesion.mean_hu:.0f}",
                f"{lesion.probability:.2f}" if isfinite(lesion.probability) else "—",
            ),
            strict=True,
        ):
            canvas.text((x, y + 6), value, 18)
        y += 37
    return y + 10


_MORE: Final = "…… 其余见结构化报告  More in the structured report"


def _sentences(canvas: Canvas, sentences: Sequence[ReportSentence], box: Box) -> None:
    """Write sentences inside ``box`` (left, top, width, bottom), Chinese before English.

    Chinese shrinks before anything is left out, and what is left out is said; English follows
    where there is room for all of it.
    """
    left, top, width, bottom = box
    for size in (21, 18, 15):
        lines = _lines(canvas, sentences, size, width, chinese=True)
        if top + len(lines) * _step(size) <= bottom:
            break
    room = max(1, (bottom - top) // _step(size))
    if len(lines) > room:
        lines = [*lines[: room - 1], (_MORE, False)]
    y = _written(canvas, lines, (left, top), size, _INK) + 8
    english = _lines(canvas, sentences, 16, width, chinese=False)
    if y + len(english) * _step(16) <= bottom:
        _written(canvas, english, (left, y), 16, _MUTED)


def _step(size: int) -> int:
    return round(size * 1.45)


def _lines(
    canvas: Canvas, sentences: Sequence[ReportSentence], size: int, width: int, *, chinese: bool
) -> list[tuple[str, bool]]:
    """Return the lines of a text with its section titles; the flag marks a title."""
    lines: list[tuple[str, bool]] = []
    for section, (title_zh, title_en) in TITLES.items():
        chosen = [sentence for sentence in sentences if sentence.section == section]
        if chosen:
            lines.append((title_zh if chinese else title_en, True))
        for sentence in chosen:
            text = sentence.zh if chinese else sentence.en
            lines += [(line, False) for line in canvas.wrapped(text, size, width)]
    return lines


def _written(
    canvas: Canvas,
    lines: Sequence[tuple[str, bool]],
    at: tuple[int, int],
    size: int,
    colour: tuple[int, int, int],
) -> int:
    left, y = at
    for line, title in lines:
        if title:
            canvas.bold((left, y + 2), line, size - 3, _MUTED)
        else:
            canvas.text((left, y), line, size, colour)
        y += _step(size)
    return y


def _foot(canvas: Canvas, context: ResultContext, case: CaseResult) -> None:
    canvas.draw.line((MARGIN, HEIGHT - 64, WIDTH - MARGIN, HEIGHT - 64), fill=_RULE)
    parts = [f"方法 Method {context.model} {context.version}"]
    if case.tb is not None:
        parts.append(f"评分 Score {case.tb.score:.2f} · 阈值 Threshold {case.tb.threshold:.2f}")
    calibration = case.tb.calibration_set if case.tb is not None else context.calibration_set
    if calibration:
        parts.append(f"校准集 Calibration {calibration}")
    canvas.text((MARGIN, HEIGHT - 56), "    ".join(parts), 17, _MUTED)
    made = f"生成时间 Made {context.made_at:%Y-%m-%d %H:%M}"
    canvas.text((MARGIN, HEIGHT - 31), f"{made}    {context.station.institution}", 17, _MUTED)
