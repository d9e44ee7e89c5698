"""The report page in a real browser on a real box: confirm, phrase, mend, sign, addendum."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pyotp
import pytest
import uvicorn

from core.imaging.study_result import lesion_json
from provisioning.demo_ports import free_ports
from tests.api_site import PASSWORD, ApiSite, chest
from tests.browser import SCREEN, WEB, Heard, chromium, needs, shot
from tests.physician_cases import CAVITY, TREE

DIST = Path(os.environ.get("XINGLIN_DIST") or WEB / "dist")
pytestmark = needs("index.html", node=False)
SECRET = pyotp.random_base32()


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    made = ApiSite(tmp_path_factory.mktemp("page") / "box", DIST, roles=("radiologist",))
    made.send(chest())
    made.result(
        modality="CT", qc=None, tb=None, series=None, reason=None, case=None, method={"model": "m"},
        lesions=[lesion_json(one) for one in (CAVITY, TREE)], seconds={},
    )  # fmt: skip
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


@pytest.fixture
def page(site):
    with chromium() as browser:
        context = browser.new_context(
            viewport=SCREEN, base_url=f"http://{site.host}", locale="zh-CN"
        )
        page = context.new_page()
        page.set_default_timeout(15_000)
        heard = Heard(page, ("401 (Unauthorized)", "422 (Unprocessable"))
        yield page
        context.close()
        heard.check(site.host)


def code(site, ahead=0):
    return pyotp.TOTP(SECRET).at(site.clock.at // 1000 + 30 * ahead)


def test_a_report_is_written_signed_and_added_to(site, page):
    page.goto(f"/study/{site.study()}/report")
    page.locator("#login-user").fill("radiologist")
    page.locator("#login-password").fill(PASSWORD)
    page.get_by_role("button", name="登录").click()
    cavity = page.locator("[data-statement='lesions:cavity:right_upper_lobe']")
    cavity.get_by_text("AI，未确认").wait_for()
    cavity.get_by_text("右肺上叶见空洞影，大小约 23 mm × 18 mm").wait_for()
    page.locator("[data-prompt=unconfirmed]").wait_for()
    shot(page, "report-first")
    cavity.get_by_role("button", name="确认").click()
    for section in ("findings", "impression", "advice"):
        for button in page.locator(f"[data-section={section}] h2 button").all():
            button.click()
        for button in page.locator(f"[data-section={section}] .unconfirmed button").all():
            if button.is_visible() and button.inner_text() == "确认":
                button.click()
    line = page.get_by_label("影像所见: 添加语句")
    for abbreviation in ("zg", "xy", "gg"):
        line.fill(abbreviation)
        line.press("Enter")
    page.get_by_text("纵隔居中，纵隔及双肺门未见明显增大淋巴结").first.wait_for()
    line.fill("左肺上叶空洞，大小约 23 mm。")
    line.press("Enter")
    wrong = page.locator("[data-prompt^='side:cavity']")
    wrong.get_by_text("文字与测量的侧别不一致").wait_for()
    shot(page, "report-contradiction")
    page.locator("[data-statement='free:1']").get_by_role("button", name="删").click()
    page.get_by_text("没有待处理的提示").wait_for()
    page.locator("[data-testid=report-saved]").wait_for()
    page.reload()
    page.get_by_text("纵隔居中，纵隔及双肺门未见明显增大淋巴结").first.wait_for()
    with site.box.database.transaction() as sql:
        sql.execute("UPDATE person SET totp = ?", (SECRET,))
    page.locator("[data-testid=report-sign]").click()
    page.locator("#report-otp").fill("000000")
    page.get_by_role("button", name="签发", exact=True).click()
    page.get_by_text("动态验证码不正确").wait_for()
    page.locator("#report-otp").fill(code(site))
    page.get_by_role("button", name="签发", exact=True).click()
    page.locator("[data-testid=report-state]").get_by_text("已签发").wait_for()
    shot(page, "report-signed")
    page.locator("[data-testid=report-add]").click()
    page.locator("#report-addendum").fill("经对照旧片，右上叶空洞较前缩小。")
    page.locator("#report-otp").fill(code(site, 1))
    page.get_by_role("button", name="签发", exact=True).click()
    page.locator("[data-testid=report-state]").get_by_text("已补充").wait_for()
    page.keyboard.press("Shift+L")
    page.get_by_role("heading", name="Imaging report").wait_for()
    shot(page, "report-english")
