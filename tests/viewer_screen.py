"""What a person sees of a board (tests/viewer_board.py) on the page, and what the page says of it.

Places are found on the screenshot by the board's own squares, not by the page's arithmetic: the
squares tell which place of the screen is which pixel, and every number is asked for at such places.
"""

from __future__ import annotations

import io
import re

import numpy as np
from PIL import Image
from playwright.sync_api import Page, expect
from scipy import ndimage

from tests.viewer_board import COLUMNS, ROWS, SQUARES, Board

PANE = "[data-testid=pane]"
_NOT_PICTURE = (".corner", ".edge", ".stackbar", ".cine-mark", ".measure text")
_BRIGHT = 36  # between the slope's grey (0) and the darkest square's
_GREY_TOLERANCE = 3.0


class Screen:
    """The pane as it is now: ``matrix`` (2, 3) goes from (column, row, 1) to places of the page."""

    def __init__(self, page: Page) -> None:
        self.page = page
        box = page.locator(PANE).bounding_box()
        assert box is not None
        self.corner = np.array([box["x"], box["y"]])
        places, self.greys = self._squares(self._picture(box))
        truth = np.array([[*place, 1.0] for place, _ in SQUARES])
        solved, *_ = np.linalg.lstsq(truth, places, rcond=None)
        self.matrix: np.ndarray = solved.T
        #: How far the squares are from where a picture without distortion would have them, pixels.
        self.misfit = float(np.abs(places - truth @ solved).max() / self.scale())

    def scale(self) -> float:
        """Return page pixels for a pixel of the picture (the smaller one of an oblong one)."""
        return float(np.linalg.norm(self.matrix[:, :2], axis=0).min())

    def at(self, column: float, row: float) -> tuple[float, float]:
        """Return where a place of the picture is on the page."""
        x, y = self.matrix @ (column, row, 1.0)
        return float(x), float(y)

    def step(self, right: float, down: float) -> np.ndarray:
        """Return a step on the screen as a step (columns, rows) of the picture."""
        return np.linalg.solve(self.matrix[:, :2], (right, down))

    def _picture(self, box) -> np.ndarray:
        """Return the pane's greys; what is written over the picture is black."""
        self.page.keyboard.press("Shift+O")  # what stands in the corners would hide squares
        expect(self.page.locator(".corner.top")).to_have_count(0)
        shot = Image.open(io.BytesIO(self.page.locator(PANE).screenshot())).convert("L")
        grey = np.asarray(shot, dtype=float).copy()
        for words in _NOT_PICTURE:
            for one in self.page.locator(words).all():
                place = one.bounding_box()
                if place is None:
                    continue
                left, top = (max(0, int(place[a] - box[a]) - 1) for a in ("x", "y"))
                grey[
                    top : top + int(place["height"]) + 3, left : left + int(place["width"]) + 3
                ] = 0
        self.page.keyboard.press("Shift+O")
        return grey

    def _squares(self, grey: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the places (4, 2) of the squares' centres on the page, and their greys."""
        names, count = ndimage.label(grey > _BRIGHT)
        sizes = ndimage.sum_labels(np.ones_like(grey), names, range(1, count + 1))
        biggest = np.argsort(sizes)[::-1][: len(SQUARES)] + 1
        assert len(biggest) == len(SQUARES), f"{count} bright places on the pane"
        found = []
        for name in biggest:
            rows, columns = np.nonzero(names == name)
            place = np.array([columns.mean() + 0.5, rows.mean() + 0.5])
            inner = grey[
                int(place[1]) - 3 : int(place[1]) + 4, int(place[0]) - 3 : int(place[0]) + 4
            ]
            found.append((float(np.median(inner)), place + self.corner))
        found.sort(key=lambda one: -one[0])
        return np.array([place for _, place in found]), np.array([grey for grey, _ in found])


class Reader:
    """A person who measures on a board and compares with its truth."""

    def __init__(self, page: Page, board: Board) -> None:
        self.page, self.board = page, board
        self.look()

    def look(self) -> None:
        """Find the squares anew, after the picture was turned, moved or resized."""
        self.screen = Screen(self.page)

    def check_picture(self) -> None:
        """Greys, proportions and orientation letters are what the file says."""
        greys = np.array([grey for _, grey in SQUARES])
        assert np.abs(self.screen.greys - greys).max() <= _GREY_TOLERANCE, self.screen.greys
        assert self.screen.misfit <= 0.25, self.screen.misfit
        along = np.linalg.norm(self.screen.matrix[:, :2], axis=0) / self.board.millimetres()[::-1]
        assert abs(along[0] / along[1] - 1) < 0.01, "not as wide as it is"
        self.check_letters()

    def check_letters(self) -> None:
        """The letters at the edges say which way the patient lies on the screen."""
        ways = {"r": (1, 0), "l": (-1, 0), "t": (0, -1), "b": (0, 1)}
        for edge, way in ways.items():
            letters = self.board.letters(self.screen.step(*way))
            shown = self.page.locator(f".edge-{edge}")
            if letters == "":
                assert shown.count() == 0
            else:
                expect(shown).to_have_text(letters)

    def check_values(self, places: list[tuple[int, int]]) -> None:
        """The value under the hand is the file's, exactly, at the column and row it is said of."""
        values = self.board.values()
        unit = " HU" if self.board.modality == "CT" else ""
        corner = self.page.locator(".corner.bottom.left")
        for column, row in places:
            value = values[row, column]
            said = "—" if np.isnan(value) else f"{int(np.floor(value + 0.5))}{unit}"
            self.page.mouse.move(*self.screen.at(column, row))
            # To the line's end, so that 12 is not found in 123.
            expect(corner).to_have_text(re.compile(rf"x {column} +y {row} +{re.escape(said)}$"))

    def measured(self, key: str, *places: tuple[float, float]) -> str:
        """Draw with a tool at places of the picture, take what it says, and undo."""
        page = self.page
        page.keyboard.press(key)
        (ax, ay), *others = [self.screen.at(*place) for place in places]
        page.mouse.move(ax, ay)
        page.mouse.down()
        page.mouse.move((ax + others[0][0]) / 2, (ay + others[0][1]) / 2)
        page.mouse.move(*others[0])
        page.mouse.up()
        for x, y in others[1:]:
            page.mouse.move(x, y)
            page.mouse.down()
            page.mouse.up()
        words = page.locator(".measure text")
        expect(words).to_have_count(1)
        expect(words).to_have_text(re.compile(r"\d"))
        said = " | ".join(words.locator("tspan").all_text_contents())
        page.keyboard.press("Control+z")
        expect(words).to_have_count(0)
        page.keyboard.press("w")
        return said

    def length(self, a: int = 0, b: int = 1) -> float:
        """Return the true distance of two squares: mm, or pixels where there is no spacing."""
        down, right = self.board.millimetres()
        (ax, ay), (bx, by) = SQUARES[a][0], SQUARES[b][0]
        return float(np.hypot((bx - ax) * right, (by - ay) * down))

    def check_length(self, a: int = 0, b: int = 1) -> None:
        """A line from square to square is as long as they are apart, to half a pixel."""
        said = self.measured("d", SQUARES[a][0], SQUARES[b][0])
        unit = {"PixelSpacing": " mm", "ImagerPixelSpacing": " mm（探测器面）"}
        wanted = " 像素" if self.board.spacing_mm is None else unit[self.board.spacing_keyword]
        number, found = re.fullmatch(r"([\d.]+)(.*)", said).groups()
        assert found == wanted, said
        half = 0.5 * min(self.board.millimetres())
        assert abs(float(number) - self.length(a, b)) <= half, (said, self.length(a, b))

    def check_angle(self) -> None:
        """The angle at the first square, to 0.1 degrees."""
        down, right = self.board.millimetres()
        corners = [np.array(place) * (right, down) for place, _ in SQUARES]
        u, v = corners[1] - corners[0], corners[2] - corners[0]
        truth = np.degrees(np.arccos(u @ v / np.linalg.norm(u) / np.linalg.norm(v)))
        said = self.measured("a", SQUARES[1][0], SQUARES[0][0], SQUARES[2][0])
        assert abs(float(said.rstrip("°")) - truth) <= 0.1, (said, truth)

    def check_axes(self) -> None:
        """The long axis is the line that was drawn, the short one 0.6 of it and square to it."""
        said = self.measured("Shift+D", SQUARES[2][0], SQUARES[3][0])
        long, short = (float(n) for n in re.findall(r"[\d.]+", said))
        half = 0.5 * min(self.board.millimetres())
        truth = self.length(2, 3)
        assert abs(long - truth) <= half, (said, truth)
        assert abs(short - 0.6 * truth) <= half, (said, truth)

    def check_region(self, key: str, ends: tuple[tuple[float, float], tuple[float, float]]) -> None:
        """Area, mean, deviation, least and most of the pixels whose centres lie inside."""
        said = self.measured(key, *ends)
        (left, top), (right, bottom) = ends
        inside, area = region(key, left, top, right, bottom)
        values = self.board.values()[inside]
        values = values[~np.isnan(values)]
        down, across = self.board.millimetres()
        numbers = [float(n) for n in re.findall(r"-?\d+(?:\.\d+)?", said.replace("mm²", ""))]
        around = ((right - left) + (bottom - top)) * 0.5 * max(down, across)
        assert abs(numbers[0] - area * down * across) <= around * max(down, across), said
        truth = (values.mean(), values.std(), values.min(), values.max())
        assert np.allclose(numbers[1:3], truth[:2], rtol=0, atol=0.06), (said, truth)
        assert np.allclose(numbers[3:5], np.floor(np.array(truth[2:]) + 0.5)), (said, truth)


def region(
    key: str, left: float, top: float, right: float, bottom: float
) -> tuple[np.ndarray, float]:
    """Return which pixels (ROWS, COLUMNS) a rectangle ("g") or ellipse ("y") holds; its area."""
    rows, columns = np.mgrid[:ROWS, :COLUMNS]
    if key == "g":
        inside = (columns >= left) & (columns <= right) & (rows >= top) & (rows <= bottom)
        return inside, (right - left) * (bottom - top)
    a, b = (right - left) / 2, (bottom - top) / 2
    away = ((columns - left - a) / a) ** 2 + ((rows - top - b) / b) ** 2
    return away <= 1, float(np.pi * a * b)
