"""The signed report as printed pages: letterhead, identity, sections, signature. Pure.

Bilevel A4 pages as the opinions of consultations: they look the same on every viewer whatever
fonts it has; the words stand in the structured report and in the FHIR resource beside them. Unlike
those, these pages name the patient: a report on paper must. After a corrected identity they are
made anew.
"""

from __future__ import annotations

import io
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PIL import Image, UnidentifiedImageError

from edge.report.key_images import KeyImage
from edge.report.page import Canvas, FontFiles, draw_picture

WIDTH: Final = 1654  # A4 at 200 dpi
HEIGHT: Final = 2339
_MARGIN: Final = 130
_FOOT: Final = 110
_INK: Final = (0, 0, 0)
_GROUND: Final = (255, 255, 255)
_BODY: Final = 32
_TITLE: Final = 36
_SMALL: Final = 24
_LEADING: Final = 1.5
_CELL: Final = 26
#: Shares of the width of a table's columns, as the follow-up table has them.
_COLUMNS: Final = (0.2, 0.14, 0.14, 0.14, 0.1, 0.28)
_PICTURES_A_PAGE: Final = 4


@dataclass(frozen=True, slots=True)
class Letterhead:
    """Who writes; ``logo`` is a picture file, or None."""

    hospital: str
    department: str = ""
    contact: str = ""
    logo: Path | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """What a report says of the patient and the examination: (label, value) pairs, in order."""

    facts: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Part:
    """A titled part of the report; ``lines`` are paragraphs.

    ``table`` follows them: rows of cells, the heads first.
    """

    title: str
    lines: tuple[str, ...]
    table: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Letter:
    """A report as it is printed.

    Attributes
    ----------
    parts : tuple of Part
        Chinese first; the English version follows under its own heading.
    signed : tuple of str
        Lines of the signature: who, when, by what, the digest.
    pictures : tuple of KeyImage
        Two by two on a page of their own, after the words.
    """

    head: Letterhead
    title: str
    person: Person
    parts: tuple[Part, ...]
    signed: tuple[str, ...]
    note: str
    pictures: tuple[KeyImage, ...] = ()
    columns: tuple[float, ...] = _COLUMNS


def pages(letter: Letter, fonts: FontFiles | None = None) -> list[Image.Image]:
    """Draw the pages. Raises FontMissing."""
    sheet = _Sheet(letter, fonts or FontFiles())
    sheet.identity()
    for part in letter.parts:
        sheet.part(part)
    sheet.signature()
    sheet.pictures()
    return sheet.done()


def pdf_of(images: Sequence[Image.Image], at: time.struct_time, title: str) -> bytes:
    """Return the pages as one PDF; the same pages and time give the same bytes."""
    out = io.BytesIO()
    flat = [image if image.info.get("pictures") else _bilevel(image) for image in images]
    flat[0].save(
        out, "PDF", save_all=True, append_images=flat[1:], resolution=200.0,
        creationDate=at, modDate=at, title=title, producer="Xinglin",
    )  # fmt: skip
    return out.getvalue()


def _bilevel(image: Image.Image) -> Image.Image:
    return image.convert("L").point(lambda v: 255 if v > 140 else 0, "1")


class _Sheet:
    """Pages being filled from top to bottom."""

    def __init__(self, letter: Letter, fonts: FontFiles) -> None:
        self._letter = letter
        self._fonts = fonts
        self._made: list[Canvas] = []
        self._canvas = self._fresh()
        self._at = self._letterhead()

    def identity(self) -> None:
        """Draw the patient's block: four columns, two facts a row."""
        width = (WIDTH - 2 * _MARGIN) // 2
        facts = self._letter.person.facts
        for row in range(0, len(facts), 2):
            tallest = 1
            for column, (label, value) in enumerate(facts[row : row + 2]):
                x = _MARGIN + column * width
                self._canvas.text((x, self._at), f"{label}：", _SMALL + 4, _INK)
                left = x + 170
                lines = self._canvas.wrapped(_clean(value), _SMALL + 4, width - 190) or ["—"]
                for n, line in enumerate(lines[:2]):
                    y = self._at + n * _step(_SMALL + 4)
                    self._canvas.text((left, y), line, _SMALL + 4, _INK)
                tallest = max(tallest, min(2, len(lines)))
            self._at += tallest * _step(_SMALL + 4)
        self._at += 10
        self._rule(3)
        self._at += 18

    def part(self, part: Part) -> None:
        """Write a part; its title never stands alone at the foot of a page."""
        self._room(_step(_TITLE) + _step(_BODY))
        if part.title:
            self._at += 12
            self._canvas.bold((_MARGIN, self._at), part.title, _TITLE, _INK)
            self._at += _step(_TITLE)
        for line in part.lines:
            for piece in self._canvas.wrapped(_clean(line), _BODY, WIDTH - 2 * _MARGIN - 40):
                self._room(_step(_BODY))
                self._canvas.text((_MARGIN + 40, self._at), piece, _BODY, _INK)
                self._at += _step(_BODY)

        for number, cells in enumerate(part.table):
            self._cells(cells, head=number == 0)

    def _cells(self, cells: Sequence[str], *, head: bool) -> None:
        """Draw one row of a table; a long cell takes more lines, none is cut."""
        whole = WIDTH - 2 * _MARGIN - 40
        edges = [_MARGIN + 40]
        for share in self._letter.columns:
            edges.append(edges[-1] + round(share * whole))
        texts = [
            self._canvas.wrapped(_clean(cell), _CELL, edges[n + 1] - edges[n] - 16) or [""]
            for n, cell in enumerate(cells)
        ]
        height = max(len(one) for one in texts) * _step(_CELL) + 10
        self._room(height)
        draw = self._canvas.bold if head else self._canvas.text
        for x, lines in zip(edges, texts, strict=False):
            for n, line in enumerate(lines):
                draw((x + 8, self._at + 4 + n * _step(_CELL)), line, _CELL, _INK)
        for x in edges:
            self._canvas.draw.line((x, self._at, x, self._at + height), fill=_INK, width=1)
        for y in (self._at, self._at + height):
            self._canvas.draw.line((edges[0], y, edges[-1], y), fill=_INK, width=1)
        self._at += height

    def pictures(self) -> None:
        """Draw the key pictures, four to a page of their own."""
        chosen = self._letter.pictures
        for start in range(0, len(chosen), _PICTURES_A_PAGE):
            self._made.append(self._canvas)
            self._canvas = self._fresh()
            self._canvas.image.info["pictures"] = True
            self._at = self._running()
            self._canvas.bold((_MARGIN, self._at), "关键图像　Key images", _TITLE, _INK)
            self._at += _step(_TITLE) + 10
            self._four(chosen[start : start + _PICTURES_A_PAGE])

    def _four(self, chosen: Sequence[KeyImage]) -> None:
        """Draw up to four pictures, two a row; a row is as tall as its tallest."""
        width = (WIDTH - 2 * _MARGIN - 30) // 2
        most = (HEIGHT - _FOOT - 40 - self._at) // 2
        for first in range(0, len(chosen), 2):
            row = chosen[first : first + 2]
            height = min(most, max(round(width * one.ratio) for one in row) + 44)
            for n, picture in enumerate(row):
                box = (_MARGIN + n * (width + 30), self._at, width, height - 14)
                draw_picture(self._canvas, picture, box, _INK, 24)
            self._at += height + 20

    def signature(self) -> None:
        """Write who signed; the block stays together."""
        lines = [
            piece
            for line in self._letter.signed
            for piece in self._canvas.wrapped(_clean(line), _SMALL + 4, WIDTH - 2 * _MARGIN)
            or [line]
        ]
        self._room(len(lines) * _step(_SMALL + 4) + 60)
        self._at += 30
        self._rule(2)
        self._at += 14
        for line in lines:
            self._canvas.text((_MARGIN, self._at), line, _SMALL + 4, _INK)
            self._at += _step(_SMALL + 4)

    def done(self) -> list[Image.Image]:
        """Return the pages with their feet."""
        self._made.append(self._canvas)
        for number, canvas in enumerate(self._made, start=1):
            y = HEIGHT - _FOOT
            canvas.draw.line((_MARGIN, y, WIDTH - _MARGIN, y), fill=_INK, width=1)
            canvas.text((_MARGIN, y + 14), self._letter.note, _SMALL, _INK)
            canvas.draw.text(
                (WIDTH - _MARGIN, y + 14), f"{number} / {len(self._made)}", fill=_INK,
                font=canvas.font(_SMALL), anchor="ra",
            )  # fmt: skip
        return [canvas.image for canvas in self._made]

    def _room(self, height: int) -> None:
        if self._at + height <= HEIGHT - _FOOT - 20:
            return
        self._made.append(self._canvas)
        self._canvas = self._fresh()
        self._at = self._running()

    def _fresh(self) -> Canvas:
        canvas = Canvas(self._fonts)
        canvas.image = Image.new("RGB", (WIDTH, HEIGHT), _GROUND)
        canvas.redraw()
        return canvas

    def _letterhead(self) -> int:
        head, canvas = self._letter.head, self._canvas
        logo = _logo(head.logo)
        if logo is not None:
            canvas.image.paste(logo, (_MARGIN, 76))
        middle = WIDTH // 2
        _centred(canvas, (middle, 84), _clean(head.hospital) or "—", 52)
        _centred(canvas, (middle, 160), self._letter.title, 42)
        y = 228
        canvas.text((_MARGIN, y), _clean(head.department), _SMALL, _INK)
        canvas.draw.text(
            (WIDTH - _MARGIN, y), _clean(head.contact), fill=_INK, font=canvas.font(_SMALL),
            anchor="ra",
        )  # fmt: skip
        self._at = y + 42
        self._rule(4)
        return self._at + 20

    def _running(self) -> int:
        facts = "　".join(value for _, value in self._letter.person.facts[:3] if value)
        self._canvas.text((_MARGIN, 70), f"{self._letter.title}　{_clean(facts)}", _SMALL, _INK)
        self._at = 112
        self._rule(2)
        return self._at + 20

    def _rule(self, width: int) -> None:
        self._canvas.draw.line(
            (_MARGIN, self._at, WIDTH - _MARGIN, self._at), fill=_INK, width=width
        )


def _centred(canvas: Canvas, at: tuple[int, int], text: str, size: int) -> None:
    font = canvas.font(size, bold=True)
    while size > 24 and canvas.draw.textlength(text, font=font) > WIDTH - 2 * _MARGIN - 360:
        size -= 2
        font = canvas.font(size, bold=True)
    canvas.draw.text(at, text, fill=_INK, font=font, anchor="ma")


def _logo(path: Path | None) -> Image.Image | None:
    """Return the logo in its box; None where there is none or it is no picture."""
    if path is None:
        return None
    try:
        with Image.open(path) as found:
            picture = found.convert("RGBA")
    except (OSError, UnidentifiedImageError):
        return None
    ground = Image.new("RGBA", picture.size, (255, 255, 255, 255))
    ground.alpha_composite(picture)
    ground.thumbnail((150, 150))
    return ground.convert("RGB")


def _clean(text: str) -> str:
    """Return text that cannot decide the layout: control characters become blanks."""
    return "".join(c if c.isprintable() else " " for c in text)


def _step(size: int) -> int:
    return round(size * _LEADING)
