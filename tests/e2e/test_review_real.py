"""The AI review in a real browser on a whole appliance with the real analysis of a phantom.

Needs the built page, Debian's Chromium and DCMTK; skipped with a reason where one is missing.
"""

from __future__ import annotations

import math
import re
import time

import pytest

from provisioning.dcmtk import dcmtk_program
from tests.browser import SCREEN, Heard, chromium, needs, shot
from tests.web_site import PASSWORD, WebSite, phantoms

pytestmark = [
    pytest.mark.slow,
    *needs("index.html", node=False),
    pytest.mark.skipif(dcmtk_program("storescu") is None, reason="DCMTK is not installed"),
]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("review")
    running = WebSite(folder)
    try:
        running.send(phantoms(folder / "phantoms", "ct", 7))
        yield running
    finally:
        running.close()


@pytest.fixture
def page(site):
    with chromium() as browser:
        context = browser.new_context(viewport=SCREEN, base_url=site.url, locale="zh-CN")
        page = context.new_page()
        page.set_default_timeout(30_000)
        heard = Heard(page, ("401 (Unauthorized)",))
        yield page
        context.close()
        heard.check(site.url.split("/")[2])


def analysed(site) -> dict:
    until = time.monotonic() + 1200
    while (row := site.row("CT"))["ai"] in ("waiting", "running"):
        assert time.monotonic() < until, "the analysis did not end"
        time.sleep(0.3)
    return row


def facts_of(site, study: str) -> tuple[float, float]:
    """Return a pixel's area (mm²) and the distance between slices (mm)."""
    (series,) = site.reader.get(f"/api/studies/{study}/manifest")["series"]
    down, right = (float(v) for v in series["instances"][0]["00280030"]["Value"])
    places = [float(one["00200032"]["Value"][2]) for one in series["instances"][:2]]
    return down * right, abs(places[1] - places[0])


def test_edit_measure_submit_and_a_new_version_stands(page, site):
    row = analysed(site)
    assert row["ai"] == "ok"
    study = row["study"]
    page.goto("/")
    page.locator("#login-user").fill("chen")
    page.locator("#login-password").fill(PASSWORD)
    page.get_by_role("button", name="登录").click()
    page.locator(f"tr[data-study='{study}']").dblclick()
    page.locator("[data-painted]").wait_for()
    assert page.locator(".review-line").count() == 0  # read-only until Edit is pressed
    page.keyboard.press("e")
    page.locator("[data-testid=review] .review-row").first.wait_for()
    page.locator("[data-testid=add-lesion]").click()
    added = page.locator("[data-decision=added]")
    added.wait_for()
    number = int(added.get_attribute("data-lesion"))
    # Fibrosis is measured as drawn: the truth of a dab is its circle.
    added.locator("select").first.select_option("fibrosis")
    page.keyboard.press("b")
    radius = float(page.locator("[data-testid=brush-size]").inner_text())
    box = page.locator("[data-testid=pane]").first.bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.45, box["y"] + box["height"] * 0.5)
    numbers = page.locator(f"[data-testid=numbers-{number}][data-state=done]")
    numbers.get_by_text("ml").wait_for()
    pixel_mm2, step_mm = facts_of(site, study)
    truth_ml = math.pi * radius**2 * pixel_mm2 * step_mm / 1000
    shown = float(numbers.inner_text().split("·")[1].split()[0])
    assert shown == pytest.approx(truth_ml, rel=0.12, abs=0.01)  # whole voxels of a small circle
    shot(page, "review-real-edit-zh")
    page.locator("[data-testid=draft]").get_by_text("草稿已保存").wait_for()
    page.locator("[data-testid=accept-rest]").click()
    page.locator("[data-testid=submit-review]").click()
    page.locator("[data-testid=counts]").get_by_text("新增 1").wait_for()
    page.get_by_role("button", name="确认提交").click()
    page.locator("[data-testid=review-version]").get_by_text("第 1 版").wait_for()
    # The panel stays as it was, and the outlines stay on the picture.
    assert page.locator("[data-decision=added]").count() == 1
    page.keyboard.press("Shift+L")
    page.locator("[data-testid=review-version]").get_by_text("version 1").wait_for()
    shot(page, "review-real-submitted-en")
    said = site.reader.get(f"/api/studies/{study}/review")
    (version,) = said["versions"]
    assert (version["current"], version["counts"]["added"]) == (True, 1)
    assert said["draft"] is None


def test_a_draft_survives_the_page_and_a_rejection_wants_a_reason(page, site):
    # In either language: the person's own stays as the test before left it.
    study = analysed(site)["study"]
    page.goto("/")
    page.locator("#login-user").fill("chen")
    page.locator("#login-password").fill(PASSWORD)
    page.get_by_role("button", name="登录").click()
    page.locator(f"tr[data-study='{study}']").dblclick()
    page.locator("[data-painted]").wait_for()
    page.keyboard.press("e")
    row = page.locator("[data-testid=review] .review-row").first
    row.wait_for()
    number = row.get_attribute("data-lesion")
    row.locator(".lesion-go").click()
    page.keyboard.press("x")
    page.get_by_role("button", name=re.compile(r"血\s?管|Vessel")).click()
    page.locator(f"[data-lesion='{number}'][data-decision=rejected]").wait_for()
    page.keyboard.press("Control+Z")
    page.locator(f"[data-lesion='{number}'][data-decision=open]").wait_for()
    page.keyboard.press("j")
    page.locator(f"[data-lesion='{number}'][data-decision=accepted]").wait_for()
    page.locator("[data-testid=draft]").get_by_text(re.compile("草稿已保存|Draft saved")).wait_for()
    page.reload()
    page.locator("[data-painted]").wait_for()
    page.keyboard.press("e")
    page.locator(f"[data-lesion='{number}'][data-decision=accepted]").wait_for()
