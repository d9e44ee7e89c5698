"""The review's panel against the development server: facts, change since the prior, two people."""

from __future__ import annotations

import re

import pytest

from tests.browser import SCREEN, DevServer, Heard, chromium, needs, shot

pytestmark = needs("index.html")
STUDY = "s0001"


@pytest.fixture(scope="module")
def mock():
    server = DevServer("server.mjs")
    yield server
    server.close()


@pytest.fixture(scope="module")
def page(mock):
    with chromium() as browser:
        context = browser.new_context(viewport=SCREEN, base_url=mock.url, locale="zh-CN")
        page = context.new_page()
        page.set_default_timeout(10_000)
        heard = Heard(page, ("401 (Unauthorized)", "409 (Conflict)"))
        page.goto(f"/study/{STUDY}")
        page.locator("#login-user").fill("physician")
        page.locator("#login-password").fill("xinglin")
        page.get_by_role("button", name="登录").click()
        page.locator("[data-painted]").first.wait_for()
        yield page
        context.close()
        heard.check(mock.host)


def test_facts_come_from_a_person_and_unsaved_ones_survive_the_language(page):
    facts = page.locator("[data-testid=case-facts]")
    assert facts.get_by_text("未记录", exact=True).count() == 6
    page.locator("[data-testid=edit-facts]").click()
    save = page.locator("[data-testid=save-facts]")
    assert save.is_disabled()
    facts.locator("[data-fact=hiv] select").select_option("negative")
    facts.locator("[data-fact=onset] input").first.fill("咳嗽三周")
    page.locator("[data-testid=language]").click()
    facts.get_by_text("TB contact").wait_for()
    assert facts.locator("[data-fact=onset] input").first.input_value() == "咳嗽三周"
    assert facts.get_by_text("“Not recorded” is not “no”").count() == 1
    page.locator("[data-testid=language]").click()
    facts.get_by_text("结核接触史").wait_for()
    assert "2" in save.inner_text()
    save.click()
    hiv = facts.locator("[data-fact=hiv] dd")
    hiv.get_by_text("填写人 王医生").wait_for()
    assert hiv.inner_text().startswith("阴性")
    assert facts.get_by_text("未记录", exact=True).count() == 4
    shot(page, "review-facts-zh")


def test_the_change_since_the_prior_follows_an_edit_and_is_not_judged_anew(page):
    table = page.locator("[data-testid=lesions] tbody tr")
    assert "▲\n+81 %" in table.nth(0).inner_text()
    assert "新出现" in table.nth(1).inner_text()
    page.keyboard.press("e")
    since = page.locator(".review-row[data-lesion='1'] .review-since")
    since.get_by_text("增大").wait_for()
    row = page.locator(".review-row[data-lesion='1']")
    row.locator(".lesion-go").click()
    line = page.locator(".review-line[data-lesion='1'] .line")
    line.wait_for()
    box = line.bounding_box()
    page.keyboard.press("b")
    page.mouse.click(box["x"] + box["width"], box["y"] + box["height"] / 2)
    numbers = page.locator("[data-testid=numbers-1][data-state=done]")
    numbers.get_by_text(re.compile(r"较前 [+−]\d+ %$")).wait_for()
    volume = float(numbers.inner_text().split("·")[1].split()[0])
    shot(page, "review-edit-zh")
    share = int(re.search(r"([+−]\d+) %", numbers.inner_text())[1].replace("−", "-"))
    assert share == pytest.approx(100 * (volume / 3.1 - 1), abs=1.5)
    assert since.get_by_text("增大").count() == 0


def expect_in_view(page, element):
    """Wait until an element lies inside the window; it may have been scrolled away."""
    page.wait_for_function(
        "one => one.getBoundingClientRect().top >= 0 && one.getBoundingClientRect().bottom <= 768",
        arg=element.element_handle(),
    )


def test_of_two_people_both_versions_stay_and_the_whole_result_can_be_rejected(page, mock):
    mock.tell("review", study=STUDY, submits="李主任", editing="孙医生")
    page.locator("[data-testid=accept-rest]").click()
    page.locator("[data-testid=submit-review]").click()
    page.get_by_role("button", name="确认提交").click()
    rival = page.locator("[data-testid=rival]")
    rival.get_by_text("李主任").wait_for()
    expect_in_view(page, rival)
    shot(page, "review-rival-zh")
    page.locator("[data-testid=replace-rival]").click()
    page.locator("[data-testid=review-version]").get_by_text("第 2 版").wait_for()
    assert page.locator("[data-decision=changed]").count() == 1, "the panel stays after submitting"
    page.keyboard.press("Shift+L")
    page.locator("[data-testid=review-version]").get_by_text("version 2").wait_for()
    shot(page, "review-submitted-en")
    page.keyboard.press("Shift+L")
    page.keyboard.press("e")
    page.locator("[data-decision=open]").first.wait_for()
    submit = page.locator("[data-testid=submit-review]")
    assert submit.is_disabled()
    page.locator("[data-testid=reject-whole]").click()
    page.locator(".review-whole").get_by_role("button", name="AI 所见不成立").click()
    page.locator("[data-testid=whole-rejected]").get_by_text("AI 所见不成立").wait_for()
    submit.click()
    page.locator("[data-testid=counts]").get_by_text("整体驳回").wait_for()
    page.get_by_role("button", name="确认提交").click()
    page.locator("[data-testid=review-version]").get_by_text("第 3 版").wait_for()
