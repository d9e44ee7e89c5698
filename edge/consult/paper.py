"""A signed opinion as a document: A4 pages with Han characters, and a PDF of them. Pure.

The pages are bilevel pictures (CCITT group 4): they look the same on every viewer, whatever fonts
it has; the words themselves stand in the structured report beside them. Nothing on a page names
the patient: identity stands in the object's header, where it can be corrected.
"""

from __future__ import annotations

import io
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from edge.report.page import Canvas, FontFiles

_WIDTH, _HEIGHT, _MARGIN = 1654, 2339, 140  # A4 at 200 dpi
_INK, _GROUND = (0, 0, 0), (255, 255, 255)


@dataclass(frozen=True, slots=True)
class Line:
    """A paragraph: a heading, or text."""

    text: str
    heading: bool = False


@dataclass(frozen=True, slots=True)
class OpinionText:
    """What a document says.

    Attributes
    ----------
    digest : str
        Name of the signed statement: the hash that the expert's side shows too.
    signature : str
        How it was signed and checked, Chinese and English.
    """

    title: str
    author: str
    organisation: str
    at: str
    digest: str
    signature: str
    sections: tuple[tuple[str, str], ...]


def lines_of(text: OpinionText) -> list[Line]:
    """Return a document's paragraphs in order."""
    lines = [Line(text.title, heading=True), Line(f"{text.author}　{text.organisation}　{text.at}")]
    for name, words in text.sections:
        lines.append(Line(name, heading=True))
        lines += [Line(part) for part in words.splitlines() or [""]]
    lines += [
        Line("签名 / Signature", heading=True),
        Line(text.signature),
        Line(f"SHA-256 {text.digest}"),
        Line("诊断与治疗决定权在申请医院。 / The decision stays with the hospital that asked."),
    ]
    return lines


def pages(lines: Sequence[Line], fonts: FontFiles | None = None) -> list[Image.Image]:
    """Draw the pages. Raises FontMissing."""
    made: list[Image.Image] = []
    canvas = _blank(fonts or FontFiles())
    at = _MARGIN
    for piece, heading in _pieces(canvas, lines):
        size = 44 if heading else 34
        step = int(size * 1.55)
        if at + step > _HEIGHT - _MARGIN:
            made.append(canvas.image)
            canvas, at = _blank(canvas.fonts), _MARGIN
        at += 18 if heading and at > _MARGIN else 0
        (canvas.bold if heading else canvas.text)((_MARGIN, at), piece, size, _INK)
        at += step
    return [*made, canvas.image]


def pdf_of(images: Sequence[Image.Image], at: time.struct_time, title: str) -> bytes:
    """Return the pages as one PDF; the same pages and time give the same bytes."""
    out = io.BytesIO()
    flat = [image.convert("L").point(lambda v: 255 if v > 140 else 0, "1") for image in images]
    flat[0].save(
        out, "PDF", save_all=True, append_images=flat[1:], resolution=200.0,
        creationDate=at, modDate=at, title=title, producer="Xinglin",
    )  # fmt: skip
    return out.getvalue()


def _pieces(canvas: Canvas, lines: Sequence[Line]) -> Iterator[tuple[str, bool]]:
    for line in lines:
        size = 44 if line.heading else 34
        # What a font cannot draw must not decide the layout: control characters become blanks.
        clean = "".join(c if c.isprintable() else " " for c in line.text)
        for piece in canvas.wrapped(clean, size, _WIDTH - 2 * _MARGIN) or [""]:
            for cut in _cut(canvas, piece, size):
                yield cut, line.heading


def _cut(canvas: Canvas, piece: str, size: int) -> Iterator[str]:
    """Break a word that is wider than the page, such as a hash."""
    font, most = canvas.font(size), _WIDTH - 2 * _MARGIN
    while canvas.draw.textlength(piece, font=font) > most:
        fits = max(1, int(len(piece) * most / canvas.draw.textlength(piece, font=font)))
        yield piece[:fits]
        piece = piece[fits:]
    yield piece


def _blank(fonts: FontFiles) -> Canvas:
    canvas = Canvas(fonts)
    canvas.image = Image.new("RGB", (_WIDTH, _HEIGHT), _GROUND)
    canvas.draw = ImageDraw.Draw(canvas.image)
    return canvas
