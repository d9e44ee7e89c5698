"""The panel that compares a patient's studies, in a browser against the development server."""

from __future__ import annotations

import pytest

from tests.browser import SCREEN, DevServer, Heard, chromium, needs, shot

pytestmark = needs("index.html")
EXPECTED = ("401 (Unauthorized)", "404 (Not Found)")


@pytest.fixture(scope="module")
def page():
    mock = DevServer("server.mjs")
    with chromium() as browser:
        context = browser.new_context(viewport=SCREEN, base_url=mock.url, locale="zh-CN")
        page = context.new_page()
        page.set_default_timeout(20_000)
        heard = Heard(page, EXPECTED)
        page.goto("/study/s0001")
        page.locator("#login-user").fill("physician")
        page.locator("#login-password").fill("xinglin")
        page.get_by_role("button", name="登录").click()
        page.get_by_role("tab", name="对比").click()
        page.locator("[data-testid=changes]").wait_for()
        yield page
        context.close()
        heard.check(mock.host)
    mock.close()


def test_changes_with_interval_percent_and_pictures(page):
    table = page.locator("[data-testid=changes] tbody tr")
    first = table.nth(0).inner_text()
    for text in ("#1 → #1", "空洞", "增大", "3.10", "5.60", "4.76–6.44", "+81 %"):
        assert text in first, text
    assert table.nth(1).inner_text().count("—") == 2, "what is new has no earlier volume"
    page.get_by_text("疑似进展").wait_for()
    page.get_by_text("两次检查由不同版本分析").wait_for()
    picture = page.locator("[data-testid=change-picture]")
    picture.wait_for()
    assert picture.evaluate("one => one.naturalWidth") == 400
    shot(page, "joined-follow-up")


def test_a_row_is_chosen_by_keyboard_and_goes_to_its_lesion(page):
    page.get_by_role("button", name="查看第 2 行的前后图像").focus()
    page.keyboard.press("Enter")
    page.locator("[data-testid=changes] tr[aria-selected=true]").get_by_text("新出现").wait_for()
    assert "change-1" in page.locator("[data-testid=change-picture]").get_attribute("src")
    page.get_by_role("button", name="查看第 4 行的前后图像").press("Enter")
    page.get_by_text("此病灶没有图片").wait_for()


def test_radiograph_and_ct_carry_each_others_marks(page):
    page.locator("[data-testid=joined-joint] .joined-head").first.click()
    page.locator("[data-testid=film-picture]").wait_for()
    assert page.locator(".mark-lesion").count() == 3
    assert page.locator(".mark-region, .mark-region-place").count() == 2
    boxes = [page.locator("[data-testid=film-picture]").bounding_box()]
    mark = page.locator("ellipse.mark-lesion").bounding_box()
    assert boxes[0]["x"] <= mark["x"] <= boxes[0]["x"] + boxes[0]["width"]
    page.get_by_text("各检查不一致").wait_for()
    shot(page, "joined-joint")


def test_every_state_has_words_of_its_own_in_both_languages(page):
    states = page.locator(".joined-state").all_inner_texts()
    assert {text.split()[-1] for text in states} == {
        "完成", "未作", "等待处理", "正在计算", "失败",
    }  # fmt: skip
    page.locator("[data-testid=joined-fusion] .joined-head").click()
    page.get_by_text("未给出 SUV").wait_for()
    assert page.get_by_text("缺少体重").count() >= 1
    page.locator("[data-testid=language]").click()
    page.get_by_role("tab", name="Compare").wait_for()
    page.get_by_text("No SUV is given").wait_for()
    heads = page.locator(".joined-head").all_inner_texts()
    assert any("Failed" in text for text in heads)
    assert not any("\u4e00" <= letter <= "\u9fff" for text in heads for letter in text)
    shot(page, "joined-states-en")
    page.locator("[data-testid=language]").click()


def test_radiograph_beside_the_ct_with_each_others_lesions_marked(page):
    """In the viewer: the CT's lesions on the film, the film's region through the CT."""
    joint = page.locator("[data-testid=joined-joint]").first
    if joint.locator(".joined-head").get_attribute("aria-expanded") != "true":
        joint.locator(".joined-head").click()
    joint.get_by_role("link", name="并排阅片").click()
    film, ct = page.locator("[data-cell='1']"), page.locator("[data-cell='0']")
    film.locator("[data-painted]").wait_for()
    film.locator("[data-testid=joint-marks] [data-mark='#1']").wait_for()
    assert film.locator("[data-mark='R1']").count() == 1
    ct.locator("[data-testid=pane]").click(position={"x": 30, "y": 200})
    page.keyboard.press("Home")
    ct.locator("[data-testid=pane][data-painted='0']").wait_for()
    assert ct.locator("[data-mark='R1']").count() == 0, "far from the beam through the region"
    for _ in range(17):  # 85 mm down at 5 mm a slice
        page.keyboard.press("ArrowDown")
    ct.locator("[data-testid=pane][data-painted='17']").wait_for()
    ct.locator("[data-mark='R1']").wait_for()
    shot(page, "viewer-dr-ct")
    page.keyboard.press("o")
    film.locator("[data-testid=joint-marks]").wait_for(state="detached")
