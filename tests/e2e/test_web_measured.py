"""Measurements in a real browser on a real box: they save themselves; others only see them."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest
import uvicorn

from provisioning.demo_ports import free_ports
from tests.api_site import PASSWORD, SETTINGS, ApiSite, chest
from tests.browser import SCREEN, WEB, Heard, chromium, needs, shot

DIST = Path(os.environ.get("XINGLIN_DIST") or WEB / "dist")
pytestmark = needs("index.html", node=False)
PEER = '[[peers]]\nname = "pacs"\nae_title = "PACS"\nhost = "127.0.0.1"\nport = 1\n'
GEOMETRY = {
    "PixelSpacing": [4.0, 4.0], "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
    "RescaleSlope": 1, "RescaleIntercept": -1024, "WindowCenter": -800, "WindowWidth": 400,
}  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    settings = SETTINGS + PEER + '[delivery]\ndestination = "pacs"\n'
    folder = tmp_path_factory.mktemp("measured") / "box"
    made = ApiSite(folder, DIST, roles=("physician", "radiologist"), settings=settings)
    for number in (1, 2, 3):
        place = [0, 0, 5.0 * number]
        made.send(chest(number, ImagePositionPatient=place, **GEOMETRY))
    (port,) = free_ports(1)
    config = uvicorn.Config(made.app, "127.0.0.1", port, log_level="error", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    made.host = f"127.0.0.1:{port}"
    while not server.started and thread.is_alive():
        time.sleep(0.05)
    yield made
    server.should_exit = True
    thread.join(10)


def opened(browser, site, user):
    context = browser.new_context(viewport=SCREEN, base_url=f"http://{site.host}", locale="zh-CN")
    page = context.new_page()
    page.set_default_timeout(15_000)
    heard = Heard(page, ("401 (Unauthorized)", "409 (Conflict)"))
    page.goto(f"/study/{site.study()}")
    page.locator("#login-user").fill(user)
    page.locator("#login-password").fill(PASSWORD)
    page.get_by_role("button", name="登录").click()
    page.locator("[data-painted]").first.wait_for()
    return page, heard


def drag(page, key, start, end):
    box = page.locator("[data-testid=pane]").first.bounding_box()
    at = [(box["x"] + box["width"] * x, box["y"] + box["height"] * y) for x, y in (start, end)]
    page.keyboard.press(key)
    page.mouse.move(*at[0])
    page.mouse.down()
    page.mouse.move(*at[1], steps=4)
    page.mouse.up()


def saved(page, version):
    mark = f"[data-testid=measured-state][data-state=kept][data-version='{version}']"
    page.locator(mark).first.wait_for()


def test_drawn_saved_sent_and_seen_by_another(site):
    with chromium() as browser:
        page, heard = opened(browser, site, "physician")
        drag(page, "d", (0.4, 0.3), (0.6, 0.3))
        saved(page, 1)  # in sight although the list is not open
        drag(page, "g", (0.4, 0.4), (0.6, 0.6))
        saved(page, 2)
        page.get_by_role("tab", name="测量").click()
        own = page.locator("[data-testid=own-measure]")
        own.first.locator("input").fill("右上叶")
        page.keyboard.press("Enter")
        saved(page, 3)
        own.nth(1).get_by_text("均值").wait_for()
        assert page.locator(".apart, .measured-list .measured-failed").count() == 0
        listed = own.first.locator(".num").inner_text()
        page.keyboard.press("Shift+U")
        page.locator("[data-testid=measured-sent][data-state=pending]").wait_for()
        shot(page, "measured-own-zh")
        # Leave, come back: nothing is lost and nothing is new.
        page.get_by_role("link", name="工作列表").first.click()
        page.locator(f"tr[data-study='{site.study()}']").dblclick()
        page.locator("[data-testid=measure-length]").wait_for()
        saved(page, 3)
        other, listened = opened(browser, site, "radiologist")
        foreign = other.locator("[data-testid=foreign-measure]")
        foreign.first.wait_for()
        assert foreign.count() == 2
        assert "physician 某" in foreign.first.text_content()
        assert listed.split(" ")[0] in foreign.first.text_content()
        other.get_by_role("tab", name="测量").click()
        theirs = other.locator("[data-testid=other-measure]")
        assert theirs.count() == 2
        assert theirs.first.locator("input, .measured-acts").count() == 0
        assert "右上叶" in other.locator("ul.aloud").inner_text()
        drag(other, "d", (0.4, 0.3), (0.45, 0.5))  # begins on the other's handle
        saved(other, 1)
        shot(other, "measured-other-zh")
        site_lists = site.client("physician").get(f"/api/studies/{site.study()}/measurements")
        mine = site_lists.json()["mine"]
        assert (mine["version"], len(mine["measures"])) == (3, 2)
        for one in (heard, listened):
            one.check(site.host)
