"""Every function of the viewer, by its key and by its button, against the development server.

In Chinese with ``make test`` (the longer half and English: ``make soak``). Names come from the
page's own catalogues. Screenshots go to ``XINGLIN_SHOTS`` when it is set.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser import SCREEN, WEB, DevServer, Heard, chromium, needs, shot

LANGUAGES = ["zh", pytest.param("en", marks=pytest.mark.slow)]
pytestmark = needs("index.html")
SLICES = 60
MIDDLE = SLICES // 2
SIZE = 256  # rows and columns of the invented CT


class Desk:
    """A physician before a CT, in one language."""

    def __init__(self, page: Page, language: str, url: str) -> None:
        self.page, self.language, self.url = page, language, url
        texts = sorted((WEB / "src/i18n").glob(f"*{language}.json"))
        self.words = {
            key: text for path in texts for key, text in json.loads(path.read_text("utf-8")).items()
        }
        self.pane = page.locator("[data-testid=pane]")
        self.info = page.locator("[data-testid=frame-info]")

    def say(self, key: str, **facts: object) -> str:
        """Return a text of the page."""
        text = self.words[key]
        for name, value in facts.items():
            text = text.replace(f"{{{name}}}", str(value))
        return text

    def log_in(self) -> None:
        page = self.page
        page.goto("/")
        page.locator("#login-user").fill("physician")
        page.locator("#login-password").fill("xinglin")
        page.get_by_role("button", name="登录").click()
        page.locator("tr[data-study]").first.wait_for()
        if self.language == "en":
            page.keyboard.press("Shift+L")
        page.get_by_role("link", name=self.say("nav.worklist")).wait_for()

    def open(self, study: str = "s0001", at: int = MIDDLE) -> None:
        """Open a study from the list anew: nothing of the last test is left."""
        page = self.page
        if "/study/" in page.url:
            page.goto("/")
        page.locator(f"tr[data-study={study}]").dblclick()
        self.painted(at)
        box = self.pane.first.bounding_box()
        assert box is not None
        self.box = box

    def painted(self, index: int) -> None:
        """Wait until a picture of the stack is on the screen."""
        self.page.locator(f"[data-testid=pane][data-painted='{index}']").first.wait_for()

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def button(self, key: str, **facts: object):
        """Return a button by the name that a screen reader says."""
        return self.page.get_by_role("button", name=self.say(key, **facts), exact=True)

    def choose(self, menu: str, key: str, **facts: object) -> None:
        """Choose from a menu of the toolbar."""
        self.page.locator(f".toolbar [data-testid={menu}]").click()
        items = self.page.locator(".tool-menu:visible .tool-item .grow")
        items.get_by_text(self.say(key, **facts), exact=True).click()
        expect(self.page.locator(".tool-menu:visible")).to_have_count(0)  # it lies over the picture

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Return a place of the page: parts of the pane's width and height."""
        return self.box["x"] + x * self.box["width"], self.box["y"] + y * self.box["height"]

    def drag(self, *places: tuple[float, float], button: str = "left") -> None:
        """Press at the first place, go through the others, let go."""
        mouse = self.page.mouse
        mouse.move(*self.at(*places[0]))
        mouse.down(button=button)
        for place in places[1:]:
            mouse.move(*self.at(*place), steps=3)
        mouse.up(button=button)

    def window(self) -> tuple[int, int]:
        """Return width and centre as the page says them."""
        found = re.search(r"(-?\d+) / (-?\d+) ·", self.info.first.inner_text())
        assert found is not None
        return int(found[1]), int(found[2])

    def percent(self) -> int:
        found = re.search(r"· (\d+)%", self.info.first.inner_text())
        assert found is not None
        return int(found[1])

    def shows(self, text: str) -> None:
        expect(self.info.first).to_contain_text(text)

    def letters(self) -> str:
        edges = [self.page.locator(f".edge-{edge}").first for edge in "ltrb"]
        return " ".join(edge.inner_text() for edge in edges)

    def letters_are(self, wanted: str) -> None:
        for edge, letter in zip("ltrb", wanted.split(), strict=True):
            expect(self.page.locator(f".edge-{edge}").first).to_have_text(letter)

    def measured(self, kind: str):
        """Return the words of the measurements of a kind."""
        return self.page.locator(f"[data-testid=measure-{kind}] text")


@pytest.fixture(scope="module")
def server() -> Iterator[DevServer]:
    mock = DevServer("server.mjs")
    yield mock
    mock.close()


@pytest.fixture(scope="module", params=LANGUAGES)
def desk(server, request) -> Iterator[Desk]:
    with chromium() as browser:
        context = browser.new_context(viewport=SCREEN, base_url=server.url, locale="zh-CN")
        page = context.new_page()
        page.set_default_timeout(20_000)
        heard = Heard(page, ("401 (Unauthorized)",))
        found = Desk(page, request.param, server.url)
        found.log_in()
        yield found
        context.close()
        heard.check(server.host)


def test_frames_one_by_one_and_the_text_over_them(desk):
    desk.open()
    desk.letters_are("R A L P")
    desk.press("ArrowDown", "ArrowRight")
    desk.shows(f"{MIDDLE + 3} / {SLICES}")
    desk.press("ArrowUp")
    desk.shows(f"{MIDDLE + 2} / {SLICES}")
    desk.press("End")
    desk.painted(SLICES - 1)
    desk.press("Home")
    desk.painted(0)
    desk.page.mouse.move(*desk.at(0.5, 0.5))
    desk.page.mouse.wheel(0, 100)
    desk.painted(1)
    desk.page.keyboard.down("Control")
    desk.page.mouse.wheel(0, 100)  # a twentieth of the series
    desk.page.keyboard.up("Control")
    desk.painted(1 + SLICES // 20)
    desk.button("tool.scroll").click()
    desk.drag((0.5, 0.3), (0.5, 0.5))
    assert int(desk.pane.get_attribute("data-painted") or 0) > 1 + SLICES // 20
    bar = desk.page.locator(".stackbar").bounding_box()
    desk.page.mouse.click(bar["x"] + 5, bar["y"] + bar["height"] * 0.75)
    desk.painted(int(SLICES * 0.75))
    desk.press("Shift+O")
    desk.info.wait_for(state="detached")
    assert desk.page.locator(".edge, .corner.top").count() == 0
    expect(desk.page.locator("[data-testid=ai-note]")).not_to_be_empty()  # always said
    desk.choose("turning", "tool.info")
    desk.letters_are("R A L P")
    desk.press("PageDown")
    desk.painted(MIDDLE)
    expect(desk.page.locator(".corner.top.right")).to_contain_text("B31f")


def test_window_zoom_place_and_reset(desk):
    desk.open()
    assert desk.window() == (1500, -600)  # lung first
    for key, text in (("2", "400 / 40"), ("3", "2500 / 480"), ("0", "350 / 40")):
        desk.press(key)
        desk.shows(text)
    desk.choose("windows", "preset.lung")
    desk.shows("1500 / -600")
    desk.drag((0.4, 0.4), (0.5, 0.5))  # wider and higher
    expect(desk.info).not_to_contain_text("1500 / -600")
    width, centre = desk.window()
    assert width > 1500
    assert centre > -600
    whole = desk.percent()
    desk.drag((0.5, 0.6), (0.5, 0.4), button="right")
    assert desk.percent() > whole
    desk.button("tool.zoom").click()
    desk.drag((0.5, 0.4), (0.5, 0.6))
    desk.page.mouse.move(*desk.at(0.5, 0.5))
    before = place(desk)
    desk.drag((0.5, 0.5), (0.6, 0.5), button="middle")
    desk.page.mouse.move(*desk.at(0.5, 0.5))
    moved = place(desk)
    assert moved[0] < before[0]
    desk.press("t")
    desk.drag((0.6, 0.5), (0.5, 0.5))
    desk.page.mouse.move(*desk.at(0.5, 0.5))
    assert abs(place(desk)[0] - before[0]) <= 1
    desk.press("w", "Space")
    desk.shows("1500 / -600")
    assert desk.percent() == whole
    desk.press("z")
    desk.drag((0.5, 0.6), (0.5, 0.4))
    desk.button("tool.reset").click()
    desk.shows(f"{whole}%")
    desk.press("w")


def place(desk: Desk) -> tuple[int, int]:
    """Return column and row under the hand, as the page says them."""
    corner = desk.page.locator(".corner.bottom.left")
    expect(corner).to_contain_text(re.compile(r"x \d+ +y \d+ +-?\d+ HU"))
    found = re.search(r"x (\d+) +y (\d+)", corner.inner_text())
    assert found is not None
    return int(found[1]), int(found[2])


@pytest.mark.slow
def test_turned_flipped_inverted(desk):
    desk.open()
    for key, menu, letters in (
        ("r", "tool.rotateRight", "P R A L"),
        ("Shift+R", "tool.rotateLeft", "A L P R"),
        ("Shift+H", "tool.flipHorizontal", "L A R P"),
        ("Shift+V", "tool.flipVertical", "R P L A"),
    ):
        desk.press(key)
        desk.letters_are(letters)
        desk.press("Space")
        desk.letters_are("R A L P")
        desk.choose("turning", menu)
        desk.letters_are(letters)
        desk.press("Space")
    desk.press("r", "Shift+H")
    desk.letters_are("A R P L")
    shot(desk.page, f"viewer-turned-{desk.language}")
    desk.press("i")
    desk.shows(desk.say("viewer.inverted"))
    desk.button("tool.invert").click()
    expect(desk.info).not_to_contain_text(desk.say("viewer.inverted"))
    desk.press("Space")


@pytest.mark.slow
def test_cine_at_the_rate_of_the_file_and_the_magnifier(desk):
    desk.open()
    mark = desk.page.locator("[data-testid=cine]")
    desk.press("PageDown")  # this series says 125 ms between frames
    expect(desk.page.locator(".corner.top.right")).to_contain_text("B31f")
    desk.button("tool.cine").click()
    expect(mark).to_contain_text(desk.say("viewer.cine", rate=8))
    desk.press("c", "PageUp")
    mark.wait_for(state="detached")
    desk.painted(MIDDLE)
    desk.press("c")
    expect(mark).to_contain_text(desk.say("viewer.cine", rate=15))
    desk.press(".")
    expect(mark).to_contain_text(desk.say("viewer.cine", rate=23))
    desk.press(",", ",")
    expect(mark).to_contain_text(desk.say("viewer.cine", rate=10))
    first = desk.pane.get_attribute("data-painted")
    expect(desk.pane).not_to_have_attribute("data-painted", str(first))
    desk.button("tool.cine").click()
    mark.wait_for(state="detached")
    desk.press("m")
    desk.page.mouse.move(*desk.at(0.4, 0.5))
    desk.page.mouse.down()
    expect(desk.page.locator(".loupe")).to_be_visible()
    shot(desk.page, f"viewer-loupe-{desk.language}")
    desk.page.mouse.up()
    desk.page.locator(".loupe").wait_for(state="detached")
    desk.button("tool.window").click()


def circle(x: float, y: float, radius: float) -> list[tuple[float, float]]:
    """Return places of the pane around one."""
    turns = [2 * math.pi * n / 24 for n in range(24)]
    return [(x + radius * math.cos(a), y + 1.6 * radius * math.sin(a)) for a in turns]


def test_what_is_drawn_on_the_picture(desk):
    desk.open()
    number = r"\d+\.\d"
    desk.press("d")
    desk.drag((0.3, 0.2), (0.42, 0.2))
    expect(desk.measured("length")).to_have_text(re.compile(rf"^{number} mm$"))
    desk.choose("measure-tools", "tool.bidirectional")
    desk.drag((0.3, 0.3), (0.42, 0.34))
    axes = desk.say("measure.axes", long=f"{number} mm", short=f"{number} mm")
    expect(desk.measured("bidirectional")).to_have_text(re.compile(f"^{axes}$"))
    desk.press("a")
    desk.drag((0.3, 0.45), (0.36, 0.55))
    desk.drag((0.44, 0.5), (0.44, 0.5))  # the third point
    expect(desk.measured("angle")).to_have_text(re.compile(rf"^{number}°$"))
    desk.button("tool.probe").click()
    desk.page.mouse.click(*desk.at(0.5, 0.75))
    expect(desk.measured("probe")).to_have_text(re.compile(r"^-?\d+ HU$"))
    said = re.escape(desk.say("measure.area", n="N")).replace("N", number)
    desk.choose("measure-tools", "tool.ellipse")
    desk.drag((0.55, 0.2), (0.63, 0.35))
    expect(desk.measured("ellipse")).to_have_text(re.compile(rf"{said}.*{number} ± {number} HU"))
    desk.press("g")
    desk.drag((0.55, 0.45), (0.63, 0.55))
    expect(desk.measured("rectangle")).to_have_text(re.compile(said))
    desk.press("f")
    desk.drag(*circle(0.42, 0.68, 0.04))
    expect(desk.measured("contour")).to_have_text(re.compile(said))
    desk.press("k")
    desk.drag((0.6, 0.7), (0.66, 0.8))
    desk.page.locator("[data-testid=note-field]").fill("空洞 cavity")
    desk.press("Enter")
    expect(desk.measured("arrow")).to_have_text("空洞 cavity")
    shot(desk.page, f"viewer-measures-{desk.language}")
    every = desk.page.locator("[data-testid=measures] .measure")
    expect(every).to_have_count(8)
    desk.press("Control+z", "Control+z")  # the note, the arrow
    expect(every).to_have_count(7)
    desk.button("tool.undo").click()
    expect(every).to_have_count(6)
    desk.button("tool.redo").click()
    desk.press("Control+y")
    expect(every).to_have_count(8)
    before = desk.measured("length").text_content() or ""
    desk.press("d")
    desk.drag((0.42, 0.2), (0.46, 0.22))  # takes hold of its end
    expect(desk.measured("length")).not_to_have_text(before)
    expect(every).to_have_count(8)
    desk.press("Delete")
    expect(desk.measured("length")).to_have_count(0)
    desk.press("ArrowDown")
    expect(every).to_have_count(0)  # they belong to their picture
    desk.press("ArrowUp", "r")
    expect(every).to_have_count(7)
    for _ in range(7):
        desk.press("Delete")
    expect(every).to_have_count(0)
    desk.press("Space", "w")


@pytest.mark.slow
def test_outlines_and_lesions(desk):
    desk.open()
    desk.press("n")
    desk.page.locator(".ai-line.chosen .dash").first.wait_for()
    at = desk.pane.get_attribute("data-painted")
    desk.button("key.lesionNext").click()
    expect(desk.pane).not_to_have_attribute("data-painted", str(at))
    desk.press("Shift+N")
    desk.painted(int(at or 0))
    desk.press("o")
    desk.page.locator(".ai-line").first.wait_for(state="detached")
    desk.button("tool.outlines").click()
    desk.page.locator(".ai-line").first.wait_for()
    shot(desk.page, f"viewer-outlines-{desk.language}")


def test_parts_and_the_prior_beside(desk):
    desk.open()
    panes = desk.pane
    for layout, count in (("1x2", 2), ("2x1", 2), ("2x2", 4)):
        desk.press("q")
        expect(panes).to_have_count(count)
        assert desk.page.locator(f".parts-{layout}").count() == 1
    desk.choose("layout", "viewer.layoutOf", name="1x2")
    expect(panes).to_have_count(2)
    desk.choose("layout", "viewer.layoutOf", name="1x1")
    expect(panes).to_have_count(1)
    desk.press("Shift+P")
    prior = desk.page.locator("[data-cell='1'] [data-testid=pane][data-painted]")
    prior.wait_for()
    expect(desk.page.locator("[data-cell='1'] .corner.top.right")).to_contain_text(
        desk.say("prior.mark")
    )
    expect(prior).to_have_attribute("data-painted", str(MIDDLE))
    desk.press("ArrowDown", "ArrowDown")  # both go
    expect(prior).to_have_attribute("data-painted", str(MIDDLE + 2))
    shot(desk.page, f"viewer-prior-{desk.language}")
    desk.press("l")  # let go
    desk.press("ArrowDown")
    desk.painted(MIDDLE + 3)
    expect(prior).to_have_attribute("data-painted", str(MIDDLE + 2))
    desk.button("tool.link").click()  # and on from where they stand
    desk.press("`", "ArrowDown")  # the other part leads
    expect(prior).to_have_attribute("data-painted", str(MIDDLE + 3))
    desk.painted(MIDDLE + 4)
    desk.choose("layout", "viewer.layoutOf", name="2x2")
    expect(panes).to_have_count(4)
    for index in range(4):
        expect(panes.nth(index)).to_have_attribute("data-painted", re.compile(r"\d"))
    shot(desk.page, f"viewer-parts-{desk.language}")
    desk.choose("layout", "viewer.layoutOf", name="1x1")
    desk.button("tool.compare").click()
    expect(panes).to_have_count(2)
