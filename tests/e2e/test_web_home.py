"""The home page and the screening mode in a real browser, both languages, against the mock server.

Screenshots go to ``XINGLIN_SHOTS`` when it is set.
"""

from __future__ import annotations

import pytest

from tests.browser import SCREEN, DevServer, Heard, chromium, needs, shot

pytestmark = needs("index.html")
EXPECTED = ("401 (Unauthorized)", "404 (Not Found)", "409 (Conflict)", "503 (Service Unavail",
            "ERR_EMPTY", "ERR_INCOMPLETE", "422 (Unprocessable")  # fmt: skip
PRESETS = {
    "version": 1,
    "presets": [
        {"name": "今日 DR", "query": "modality=DR&days=1", "standard": False},
        {"name": "疑似未签发", "query": "finding=suspected&report=drafted,preliminary&sort=finding",
         "standard": False},
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def server():
    mock = DevServer("server.mjs")
    yield mock
    mock.close()


@pytest.fixture(scope="module")
def browser():
    with chromium() as running:
        yield running


@pytest.fixture
def mock(server):
    server.tell("reset")
    return server


@pytest.fixture
def page(browser, mock):
    context = browser.new_context(viewport=SCREEN, base_url=mock.url, locale="zh-CN")
    page = context.new_page()
    page.set_default_timeout(15_000)
    heard = Heard(page, EXPECTED)
    yield page
    context.close()
    heard.check(mock.host)


def open_list(page, address: str = "/") -> None:
    page.goto(address)
    page.locator("#login-user").fill("physician")
    page.locator("#login-password").fill("xinglin")
    page.get_by_role("button", name="登录").click()
    page.locator("tr[data-study]:visible, .screen-start").first.wait_for()


def english(page) -> None:
    page.locator("[data-testid=language]").click()
    page.get_by_role("link", name="Worklist").wait_for()


def counted(page, words: str) -> None:
    page.locator("[data-testid=count]").get_by_text(words).wait_for()


def choose(page, name: str, label: str) -> None:
    page.locator(f"[data-testid=filter-{name}]").click()
    page.locator(".ant-select-item-option:visible").get_by_text(label, exact=False).first.click()


def order(page) -> list[str]:
    return page.evaluate("[...document.querySelectorAll('tr[data-study]')].map(r=>r.dataset.study)")


def test_every_filter_is_in_the_address_and_has_its_counts(page) -> None:
    open_list(page)
    # By keyboard and mouse; each leaves its word in the address, all of them together one list.
    page.keyboard.press("f")
    choose(page, "modality", "DR")
    page.wait_for_url("**modality=DR**")
    choose(page, "manufacturer", "ANGELL")
    page.wait_for_url("**manufacturer=ANGELL**")
    choose(page, "model", "AR-2000")
    choose(page, "institution", "结核病防治所")
    choose(page, "ae", "TBDR")
    page.wait_for_url("**ae=TBDR**")
    page.locator("[data-testid=filter-department]").click()
    offered = page.locator(".ant-select-item-option:visible")
    offered.get_by_text("门诊").first.wait_for()
    assert all("(" in text for text in offered.all_inner_texts()), "each value with its count"
    shot(page, "home-facets")
    offered.get_by_text("门诊").first.click()
    choose(page, "sex", "女")
    page.wait_for_url("**sex=F**")
    rows = page.locator("tr[data-study]")
    rows.first.wait_for()
    assert all("结核病防治所" in text and "女" in text for text in rows.all_inner_texts())
    page.locator("[data-testid=filter-name]").fill("lxy")
    page.wait_for_url("**name=lxy**")
    page.reload()
    rows.first.wait_for()
    assert all("李秀英" in text for text in rows.all_inner_texts())
    assert page.locator("[data-testid=filter-name]").input_value() == "lxy"
    page.locator("[data-testid=filter-patient]").fill("p9")
    page.get_by_text("没有符合筛选条件的检查").wait_for()
    page.locator("[data-testid=clear]").click()
    counted(page, "共 137 条")
    page.keyboard.press("f")
    for name, label, word in (
        ("qc", "警告", "qc=warn"), ("ai", "完成", "ai=ok"), ("report", "AI 草稿", "report=drafted"),
        ("finding", "疑似", "finding=suspected"), ("days", "最近 7 天", "days=7"),
    ):  # fmt: skip
        choose(page, name, label)
        page.wait_for_url(f"**{word}**")
    page.keyboard.press("Escape")
    page.locator("[data-testid=count]").click()
    page.keyboard.press("x")
    counted(page, "共 137 条")


@pytest.mark.parametrize("language", ["zh", "en"])
def test_pictures_states_and_details(page, language) -> None:
    open_list(page)
    if language == "en":
        english(page)
    first = page.locator("tr[data-study=s0001]")
    picture = first.locator("img.thumb")
    picture.wait_for()
    assert picture.evaluate("img => img.decode().then(() => img.naturalWidth)") > 0
    alt = picture.get_attribute("alt")
    assert ("第 18/60 层" if language == "zh" else "slice 18 of 60") in alt
    receiving = page.locator("tr[data-study=s0008] .thumb-none")
    pending = {"zh": "缩略图尚未生成", "en": "The picture has not been made yet"}
    assert receiving.get_attribute("aria-label") == pending[language]
    assert "E2960" in page.locator("tr[data-study=s0023] .thumb-none").get_attribute("aria-label")
    shot(page, f"home-list-{language}")
    assert page.evaluate("document.documentElement.scrollWidth") <= SCREEN["width"]
    assert page.locator(".list-frame").evaluate("e => e.scrollWidth <= e.clientWidth")
    first.locator("[data-testid=details]").click()
    page.wait_for_url("**/study/s0001")
    page.go_back()
    page.locator("tr.selected[data-study=s0001]").wait_for()
    page.keyboard.press("j")
    page.locator("tr.selected[data-study=s0002]").wait_for()
    page.keyboard.press("Enter")
    page.wait_for_url("**/study/s0002")


def test_positive_first_and_sorts_keep_every_row_and_move_none(page, mock) -> None:
    open_list(page)
    page.keyboard.press("p")
    page.wait_for_url("**sort=finding**")
    page.locator("th[aria-sort=ascending]").get_by_text("AI 结果").wait_for()
    shown = page.locator("tr[data-study]")
    assert "疑似" in shown.first.inner_text()
    page.locator("[data-testid=more]").click()
    shown.nth(99).wait_for()
    page.locator("[data-testid=more]").click()
    shown.nth(136).wait_for()
    assert len(set(order(page))) == 137, "keyset paging: no gap, no repeat"
    page.locator(".live-live").wait_for()
    before = order(page)
    last = before[-1]
    mock.tell("event", study=last, change={"finding": "suspected", "ai": "ok", "lesion_count": 2})
    page.get_by_text("1 条排序已变").wait_for()
    assert order(page) == before, "nothing moves under the cursor"
    page.get_by_text("1 条排序已变").click()
    page.get_by_text("1 条排序已变").wait_for(state="detached")
    page.locator("[data-testid=sort-name]").click()
    page.wait_for_url("**sort=name**")
    page.locator("[data-testid=sort-name]").click()
    page.wait_for_url("**sort=-name**")
    page.locator("th[aria-sort=descending]").wait_for()
    page.locator("[data-testid=sort-name]").click()
    page.wait_for_url(lambda url: "sort" not in url)


def test_presets_are_saved_applied_by_key_and_told_apart_when_two_windows_save(page, mock) -> None:
    open_list(page)
    english(page)
    page.goto("/?modality=CT&qc=warn&q=zhang")
    page.locator("[data-testid=preset-save]").click()
    page.locator("[data-testid=preset-name]").fill("CT 警告")
    shot(page, "home-preset-en")
    # Meanwhile another window of the same person saves.
    mock.tell("home", presets=PRESETS)
    page.locator("[data-testid=preset-ok]").click()
    page.locator("[data-testid=preset-dialog]").get_by_text("今日 DR").wait_for()
    assert page.locator("[data-testid=preset-name]").input_value() == "CT 警告", "both are shown"
    page.get_by_role("button", name="Cancel").click()
    page.locator("[data-testid=preset]").nth(1).wait_for()
    page.locator("[data-testid=count]").click()
    page.keyboard.press("2")
    page.wait_for_url("**finding=suspected**sort=finding**")
    page.locator("[data-testid=preset][aria-pressed=true]").get_by_text("疑似未签发").wait_for()
    page.locator("[data-testid=preset-manage]").click()
    page.get_by_role("checkbox").first.click()
    page.locator("[data-testid=preset-ok]").click()
    page.locator("[data-testid=preset-dialog]").wait_for(state="detached")
    page.goto("/")
    page.wait_for_url("**modality=DR**days=1**")  # the standard one opens


def decide(page, key: str) -> str:
    """Decide on the radiograph shown; return which it was, once the next one is there."""
    page.locator("[data-testid=screen-normal]:enabled").wait_for()
    study = page.locator("[data-testid=screen]").get_attribute("data-study")
    page.keyboard.press(key)
    page.locator(f"[data-testid=screen][data-study={study}]").wait_for(state="detached")
    return study


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_batch_is_read_by_keys_with_undo_resumed_and_tallied(page, mock, language) -> None:
    open_list(page, "/?sex=F&modality=DR&qc=pass&institution=县人民医院")
    if language == "en":
        english(page)
    page.locator("[data-testid=count]").click()
    page.keyboard.press("s")
    page.wait_for_url("**/screening?**")
    page.locator("[data-testid=screen-start]").wait_for()
    shot(page, f"screening-start-{language}")
    page.keyboard.press("Enter")
    page.wait_for_url("**/screening/sb_*")
    screen = page.locator("[data-testid=screen]")
    page.locator("[data-testid=screen-normal]:enabled").wait_for()
    # The next one is here before it is asked for; what the AI said is not.
    page.locator("[data-testid=screen][data-ready^=s]").wait_for()
    ready = screen.get_attribute("data-ready")
    assert "0." not in page.locator(".screen-side").inner_text()
    frames: list[str] = []
    page.on("request", lambda r: frames.append(r.url) if "/frames/" in r.url else None)
    first = decide(page, "1")
    assert screen.get_attribute("data-study") == ready
    page.locator("[data-testid=screen-normal]:enabled").wait_for()
    told = page.locator("[data-testid=screen-last]").inner_text()
    assert "AI" in told, "shown once the reader has decided"
    shot(page, f"screening-{language}")
    page.keyboard.press("u")
    page.locator(f"[data-testid=screen][data-study={first}]").wait_for()
    shown = page.locator("[data-testid=screen-normal]:enabled")
    shown.wait_for()
    assert page.locator("[data-testid=screen-normal]").get_attribute("aria-pressed") == "false"
    decide(page, "2")
    decide(page, "3")
    total = int(page.locator("[data-testid=screen-progress]").inner_text().split()[
        3 if language == "zh" else 2])  # fmt: skip
    # A crash: the page is opened anew and goes on at the first one without a decision.
    page.reload()
    page.locator("[data-testid=screen-normal]:enabled").wait_for()
    third = screen.get_attribute("data-study")
    # Another reader is first: told, shown, and decided again knowingly.
    mock.tell("home", decided={"study": third, "decision": "normal"})
    page.keyboard.press("2")
    page.locator("[data-testid=screen-error]").get_by_text("E6017").wait_for()
    page.locator(".screen-read").get_by_text("陈主任").wait_for()
    assert screen.get_attribute("data-study") == third
    decide(page, "2")
    for _ in range(total - 4):
        decide(page, "1")
    page.locator("[data-testid=screen-normal]:enabled").wait_for()
    page.keyboard.press("1")
    tally = page.locator("[data-testid=screen-tally]")
    tally.wait_for()
    numbers = [int(one) for one in tally.locator("dd").all_inner_texts()]
    assert numbers[:5] == [total - 3, 2, 1, 0, total]
    shot(page, f"screening-tally-{language}")
    page.keyboard.press("Enter")
    tally.get_by_text("本批已结束" if language == "zh" else "This batch is finished").wait_for()
    page.keyboard.press("Escape")
    page.wait_for_url(lambda url: url.endswith("/"))


def test_a_decision_that_cannot_be_saved_stays_and_is_said(page, mock) -> None:
    open_list(page, "/screening?modality=DR")
    page.keyboard.press("Enter")
    page.locator("[data-testid=screen-normal]:enabled").wait_for()
    study = page.locator("[data-testid=screen]").get_attribute("data-study")
    page.locator("[data-testid=screen][data-ready^=s]").wait_for()
    mock.tell("fail", on=True)
    page.keyboard.press("2")
    page.locator("[data-testid=screen-error]").wait_for()
    assert page.locator("[data-testid=screen]").get_attribute("data-study") == study
    mock.tell("fail", on=False)
    # It goes on by itself: the decision is saved and the next radiograph is there.
    page.locator(f"[data-testid=screen][data-study={study}]").wait_for(state="detached")
    page.locator("[data-testid=screen-last]").get_by_text("可疑").wait_for()
    page.locator("[data-testid=screen-error]").wait_for(state="detached")


def test_screening_is_for_those_who_decide(page) -> None:
    page.goto("/")
    page.locator("#login-user").fill("tech")
    page.locator("#login-password").fill("xinglin")
    page.get_by_role("button", name="登录").click()
    page.locator("tr[data-study]").first.wait_for()
    assert page.locator("[data-testid=screening]").count() == 0
    page.goto("/screening")
    page.get_by_text("您的角色没有此页面的权限").wait_for()
