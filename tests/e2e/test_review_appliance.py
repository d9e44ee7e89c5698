"""The AI review in a real browser on a real box, Orthanc behind it: edit, measure, submit, sent.

Needs the built page, Debian's Chromium and Orthanc; skipped with a reason where one is missing. On
a whole appliance with the real analysis: ``test_review_real.py`` (``make soak``).
"""

from __future__ import annotations

import math
import os
import re
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import uvicorn

from core.imaging.redraw import inside
from edge.review.base import base_of
from provisioning.demo_ports import free_ports
from tests.browser import SCREEN, WEB, Heard, chromium, needs, shot
from tests.orthanc_site import needs_orthanc, running_orthanc
from tests.review_site import PASSWORD, ReviewSite, disc
from tests.seg_frames import frames_of

DIST = Path(os.environ.get("XINGLIN_DIST") or WEB / "dist")
pytestmark = [*needs("index.html", node=False), needs_orthanc]
SETTINGS = """
[[peers]]
name = "ct1"
ae_title = "CT1"
[[peers]]
name = "pacs"
ae_title = "ORTHANC"
host = "127.0.0.1"
port = {port}
traits = ["pacs"]
confirmation = "query"
[delivery]
destination = "pacs"
"""
#: Of the series of ``tests.chain_site``: a pixel's side and the distance of the slices.
PIXEL_MM, STEP_MM = 5.0, 25.0


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("review")
    with running_orthanc(folder) as orthanc:
        settings = SETTINGS.format(port=orthanc.dicom_port)
        made = ReviewSite(folder / "box", settings, dist=DIST)
        made.pacs = orthanc
        (port,) = free_ports(1)
        made.host = f"127.0.0.1:{port}"
        config = uvicorn.Config(made.app, "127.0.0.1", port, log_level="error", ws="none")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.05)
        yield made
        server.should_exit = True
        thread.join(10)


@pytest.fixture
def page(site):
    with chromium() as browser:
        url = f"http://{site.host}"
        context = browser.new_context(viewport=SCREEN, base_url=url, locale="zh-CN")
        page = context.new_page()
        page.set_default_timeout(15_000)
        heard = Heard(page, ("401 (Unauthorized)",))
        yield page
        context.close()
        heard.check(site.host)


def in_image(page, x: float, y: float) -> tuple[float, float]:
    """Return which column and row of the picture a place on the screen is."""
    matrix = page.locator("[data-testid=review-overlay] > g").get_attribute("transform")
    a, b, c, d, e, f = (float(v) for v in re.findall(r"-?[\d.]+(?:e-?\d+)?", matrix))
    left = page.locator("[data-testid=review-overlay]").bounding_box()
    u, v = x - left["x"] - e, y - left["y"] - f
    whole = a * d - b * c
    return (d * u - c * v) / whole, (a * v - b * u) / whole


def test_a_drawn_circle_is_measured_submitted_and_lies_in_the_pacs(page, site):
    page.goto(f"/study/{site.study}")
    page.locator("#login-user").fill("wang")
    page.locator("#login-password").fill(PASSWORD)
    page.get_by_role("button", name="登录").click()
    page.locator("[data-painted]").wait_for()
    assert page.locator(".review-line").count() == 0  # read-only until Edit is pressed
    page.keyboard.press("e")
    page.locator("[data-testid=review] .review-row").first.wait_for()
    page.locator("[data-testid=add-lesion]").click()
    added = page.locator("[data-decision=added]")
    number = int(added.get_attribute("data-lesion"))
    # Fibrosis is measured as drawn: the truth of a dab is its circle.
    added.locator("select").first.select_option("fibrosis")
    for key in ("b", "]", "]", "]"):
        page.keyboard.press(key)
    radius = float(page.locator("[data-testid=brush-size]").inner_text())
    box = page.locator("[data-testid=pane]").first.bounding_box()
    x, y = box["x"] + box["width"] * 0.45, box["y"] + box["height"] * 0.4
    page.mouse.click(x, y)
    centre = in_image(page, x, y)
    numbers = page.locator(f"[data-testid=numbers-{number}][data-state=done]")
    numbers.get_by_text("ml").wait_for()
    truth_ml = math.pi * (radius * PIXEL_MM) ** 2 * STEP_MM / 1000
    shown = float(numbers.inner_text().split("·")[1].split()[0])
    assert shown == pytest.approx(truth_ml, rel=0.02)
    page.locator("[data-testid=draft]").get_by_text("草稿已保存").wait_for()
    # As after a crash of the browser: what was drawn is there again, and measured again.
    page.reload()
    page.locator("[data-painted]").wait_for()
    page.keyboard.press("e")
    numbers.get_by_text(f"{shown:.2f} ml").wait_for()
    assert page.locator(f"[data-decision=added][data-lesion='{number}']").count() == 1
    page.locator("[data-testid=accept-rest]").click()
    page.locator("[data-testid=submit-review]").click()
    page.locator("[data-testid=counts]").get_by_text("新增 1").wait_for()
    page.get_by_role("button", name="确认提交").click()
    page.locator("[data-testid=review-version]").get_by_text("第 1 版").wait_for()
    # The panel stays as it was, and the outlines stay on the picture.
    assert page.locator("[data-decision=added]").count() == 1
    page.keyboard.press("Shift+L")
    page.locator("[data-testid=review-version]").get_by_text("version 1").wait_for()
    shot(page, "review-submitted-small")

    site.settle(2)
    drafted = site.last("report.drafted")
    (told,) = [one for one in drafted["objects"] if one["label"] == "seg"]
    seg = site.pacs.kept(told["sop_instance"])
    assert seg.ContentLabel == "CORRECTED"
    (version,) = page.request.get(f"{site.base}/review").json()["versions"]
    slice_uid = next(
        frame.split("/")[0]
        for frame, lines in base_of(site.box, site.study, version["id"]).lines.items()
        if any(line["lesion"] == number for line in lines)
    )
    mask = frames_of(seg)[len(version["lesions"]), slice_uid]
    drawn = inside([np.array(disc(*centre, radius, 240))], mask.shape)
    # What the hand drew on the screen is what lies in the PACS, but for pixels on the very edge.
    assert 2 * (mask & drawn).sum() / (mask.sum() + drawn.sum()) > 0.98
    state = site.box.database.query(
        "SELECT state FROM delivery WHERE sop_instance = ?", (told["sop_instance"],)
    )
    assert state == [("confirmed",)]
