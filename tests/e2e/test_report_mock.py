"""The report's pages against the development server: beside the pictures, card, phrases."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.browser import SCREEN, WEB, DevServer, Heard, chromium, needs, shot

DIST = Path(os.environ.get("XINGLIN_DIST") or WEB / "dist")
pytestmark = needs("index.html")


@pytest.fixture(scope="module")
def server():
    made = DevServer("server.mjs")
    yield made
    made.close()


@pytest.fixture
def page(server):
    with chromium() as browser:
        context = browser.new_context(viewport=SCREEN, base_url=server.url, locale="zh-CN")
        page = context.new_page()
        page.set_default_timeout(15_000)
        heard = Heard(page, ("401 (Unauthorized)", "422 (Unprocessable"))
        page.goto("/study/s0001?report")
        page.locator("#login-user").fill("reporter")
        page.locator("#login-password").fill("xinglin")
        page.get_by_role("button", name="登录").click()
        yield page
        context.close()
        heard.check(server.host)


def test_a_report_is_written_beside_the_pictures_and_survives_the_language(page):
    form = page.get_by_test_id("report-form")
    form.locator("[data-statement='lesions:cavity']").get_by_text("AI，未确认").wait_for()
    page.locator("[data-testid=pane][data-painted]").first.wait_for()
    assert page.locator(".panels").is_hidden()  # the pictures keep the room
    for _ in range(3):
        form.get_by_role("button", name="确认").first.click()
    line = page.get_by_label("影像所见: 添加语句")
    line.fill("kd")
    line.press("Enter")
    page.get_by_label("侧别").click()
    page.get_by_title("右", exact=True).click()
    form.get_by_role("button", name="插入").click()
    form.get_by_text("右肺见空洞影。").first.wait_for()
    # Typed a moment ago and not yet saved: the language changes, the words stay.
    line.fill("心影不大。")
    line.press("Enter")
    page.keyboard.press("Escape")
    page.get_by_test_id("language").click()
    form.get_by_role("heading", name="Imaging report").wait_for()
    form.get_by_text("心影不大。").first.wait_for()
    form.get_by_text("Cavity, right lung.").first.wait_for()
    shot(page, "report-beside-en")
    page.get_by_test_id("language").click()
    page.get_by_test_id("report-follow-up").get_by_role("checkbox").check()
    page.get_by_test_id("report-pictures").get_by_role("checkbox").first.check()
    # Imaging alone never exceeds "suspected": said at once, and refused by the server.
    page.locator("#report-tier").click()
    page.get_by_title("确诊病例").click()
    page.get_by_label("影像学表现").check()
    page.locator("[data-prompt=tier]").get_by_text("仅凭影像不得超过“疑似”").wait_for()
    shot(page, "report-beside")
    page.get_by_label("分枝杆菌培养阳性").check()
    page.get_by_text("没有待处理的提示").wait_for()
    # Closed at once after typing: what was typed is saved on the way out.
    page.get_by_label("建议: 添加语句").fill("三个月后复查。")
    page.get_by_label("建议: 添加语句").press("Enter")
    page.get_by_test_id("report-close").click()
    page.locator(".panels").wait_for()
    page.get_by_role("link", name="写报告").click()
    form.get_by_text("三个月后复查。").first.wait_for()
    page.get_by_test_id("report-sign").click()
    page.locator("#report-otp").fill("000000")
    page.get_by_role("button", name="签发", exact=True).click()
    page.get_by_test_id("report-state").get_by_text("已签发").wait_for()
    page.get_by_test_id("card-link").get_by_text("已超时").wait_for()
    form.get_by_role("link", name="传染病报告卡").click()
    page.get_by_test_id("card-due").get_by_text("已超时 2 小时").wait_for()
    page.locator("[data-field=telephone].missing").get_by_role("textbox").fill("0555-1")
    shot(page, "report-card")
    page.get_by_role("button", name="已在网络直报系统报告").click()
    page.get_by_test_id("card-state").get_by_text("已报告").wait_for()


@pytest.mark.slow
def test_the_department_edits_its_phrases(page):
    page.get_by_test_id("report-form").get_by_role("link", name="报告词条").click()
    row = page.locator("[data-phrase=mediastinum]")
    row.get_by_role("button", name="改").click()
    page.locator("#phrase-zh").fill("纵隔居中，{node}。")
    page.get_by_text("中英文的填空不一致").wait_for()
    page.locator("#phrase-en").fill("The mediastinum is central, {node}.")
    page.locator("[data-phrase-field=node]").wait_for()
    page.get_by_role("button", name="保存为新版本").click()
    row.get_by_text("纵隔居中，{node}。").wait_for()
    row.get_by_role("button", name="第 2 版").click()
    page.get_by_text("随机预置").wait_for()
    shot(page, "report-phrases")
    row.get_by_role("button", name="停用").click()
    row.get_by_text("已停用").wait_for()
    row.get_by_role("button", name="重新启用").wait_for()
