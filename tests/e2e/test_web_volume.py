"""Planes, projections, PET-CT fusion and three dimensions in a browser, on the development server.

Its CT and PET are drawn by formulas (web/mock/pictures.mjs), so that what a plane shows at a place
is known: lesion 1 is a cavity in air at (-70, -33.6, -85) mm; the PET is shifted by 5 mm and the
result says so, with a SUV of 8 in that lesion. Screenshots go to ``XINGLIN_SHOTS``.
"""

from __future__ import annotations

import pytest

from tests.browser import SCREEN, DevServer, Heard, chromium, needs, shot

pytestmark = needs("index.html")
EXPECTED = ("401 (Unauthorized)", "404 (Not Found)")


@pytest.fixture(scope="module")
def server():
    mock = DevServer("server.mjs")
    yield mock
    mock.close()


@pytest.fixture
def page(server):
    with chromium() as browser:
        context = browser.new_context(viewport=SCREEN, base_url=server.url, locale="zh-CN")
        page = context.new_page()
        page.set_default_timeout(20_000)
        heard = Heard(page, EXPECTED)
        page.goto("/study/s0021")
        page.locator("#login-user").fill("physician")
        page.locator("#login-password").fill("xinglin")
        page.get_by_role("button", name="登录").click()
        page.locator("[data-testid=pane][data-painted]").wait_for()
        yield page
        context.close()
        heard.check(server.host)


def layers(page, plane: str) -> str:
    return page.get_by_test_id(f"plane-{plane}").get_attribute("data-layers")


def point_at_crossing(page, plane: str) -> str:
    """Hold the pointer where the planes cross; return what the pane says of that place."""
    pane = page.get_by_test_id(f"pane-{plane}").bounding_box()
    crossing = page.get_by_test_id(f"crossing-{plane}")
    x, y = (float(crossing.get_attribute(f"data-{axis}")) for axis in "xy")
    page.mouse.move(pane["x"] + x, pane["y"] + y)
    page.get_by_test_id(f"probe-{plane}").get_by_text("HU").wait_for()
    return page.get_by_test_id(f"probe-{plane}").inner_text()


def edges(page, plane: str) -> list[str]:
    return page.get_by_test_id(f"plane-{plane}").locator(".edge").all_inner_texts()


def test_planes_projections_fusion_and_three_dimensions(page) -> None:
    toolbar = page.get_by_role("toolbar").first.bounding_box()
    assert toolbar["height"] < 40, "the toolbar is one row at 1366 pixels"
    page.get_by_role("button", name="多平面").click()
    page.get_by_test_id("mpr").wait_for()
    assert edges(page, "axial") == ["R", "L", "A", "P"]
    assert edges(page, "coronal") == ["R", "L", "H", "F"]
    assert edges(page, "sagittal") == ["A", "P", "H", "F"]

    page.keyboard.press("n")  # the planes run through lesion 1
    page.get_by_test_id("plane-axial").get_by_text("AI 1").wait_for()
    assert page.get_by_test_id("crossing-mm").inner_text().split() == ["-70.0", "-33.6", "-85.0"]
    for plane in ("axial", "coronal", "sagittal"):
        place, value = point_at_crossing(page, plane).split("\n")
        assert place.split()[:3] == ["-70.0", "-33.6", "-85.0"]
        assert -980 < int(value.split()[0]) < -900, "air of the cavity, on every plane"

    at = page.get_by_test_id("plane-axial").get_attribute("data-layer")
    page.mouse.wheel(0, 100)  # over the sagittal plane: it alone moves on
    page.get_by_test_id("plane-sagittal").and_(page.locator("[data-layer='79']")).wait_for()
    assert page.get_by_test_id("plane-axial").get_attribute("data-layer") == at
    bar = page.get_by_test_id("bar-coronal")
    assert float(bar.get_attribute("data-px")) > 20

    page.keyboard.press("Shift+K")  # MIP
    page.keyboard.press("Shift+T")  # 20 mm: four slices of 5 mm, 14 columns of 1.4 mm
    page.get_by_test_id("plane-axial").get_by_text("20.0 mm").wait_for()
    low, high = map(int, layers(page, "axial").split("-"))
    assert high - low == 3
    assert int(point_at_crossing(page, "axial").split("\n")[1].split()[0]) > -200
    shot(page, "viewer-mip")

    page.keyboard.press("Shift+C")
    state = page.locator("[data-testid=fusion-state][data-by=motion][data-suv=true]")
    state.wait_for()
    assert "5.0 mm" in state.inner_text()
    page.keyboard.press("n")
    page.keyboard.press("Shift+N")
    assert point_at_crossing(page, "axial").endswith("SUV 8.00")
    before = page.get_by_test_id("blend").input_value()
    page.keyboard.press("=")
    assert float(page.get_by_test_id("blend").input_value()) == float(before) + 0.1
    page.keyboard.press("Shift+L")
    page.get_by_text("Laid on by rigid alignment").wait_for()
    shot(page, "viewer-fusion")
    page.keyboard.press("Shift+C")
    page.keyboard.press("Shift+G")  # a PC without graphics acceleration says so, and may try
    page.locator("[data-testid=solid][data-state=slow]").wait_for()
    page.get_by_test_id("solid-anyway").click()
    page.locator("[data-drawn=surface]").wait_for()
    page.get_by_text("not for diagnosis").wait_for()
    assert page.get_by_test_id("solid").locator(".edge").all_inner_texts() == ["L", "H"]
    shot(page, "viewer-3d")
    page.keyboard.press("Escape")
    page.get_by_test_id("mpr").wait_for(state="detached")
    page.locator("[data-testid=pane][data-painted]").wait_for()
