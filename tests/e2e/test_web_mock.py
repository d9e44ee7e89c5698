"""The page driven in a real browser against the development server (web/mock/server.mjs).

Needs the built page (``npm run build`` in web/) and Debian's Chromium; skipped with a reason where
either is missing. Screenshots go to ``XINGLIN_SHOTS`` when it is set.
"""

from __future__ import annotations

import pytest

from tests.browser import CHROMIUM, FLAGS, SCREEN, DevServer, Heard, chromium, needs, shot

pytestmark = needs("index.html")
EXPECTED = ("401 (Unauthorized)", "503 (Service Unavailable)", "404 (Not Found)", "ERR_EMPTY",
            "ERR_INCOMPLETE")  # fmt: skip


@pytest.fixture(scope="module")
def server():
    mock = DevServer("server.mjs")
    yield mock
    mock.close()


@pytest.fixture
def mock(server):
    server.tell("reset")
    return server


@pytest.fixture(scope="module")
def browser():
    with chromium() as running:
        yield running


@pytest.fixture
def page(browser, mock):
    context = browser.new_context(viewport=SCREEN, base_url=mock.url, locale="zh-CN")
    page = context.new_page()
    page.set_default_timeout(15_000)
    heard = Heard(page, EXPECTED)
    yield page
    context.close()
    heard.check(mock.host)


def log_in(page, user: str = "physician") -> None:
    page.goto("/")
    page.locator("#login-user").fill(user)
    page.locator("#login-password").fill("xinglin")
    page.get_by_role("button", name="登录").click()


def open_list(page, user: str = "physician") -> None:
    log_in(page, user)
    page.locator("tr[data-study]").first.wait_for()


def open_study(page, study: str) -> None:
    """From the list, as a reader does; the viewer's code is loaded once per page."""
    row = page.locator(f"tr[data-study={study}]")
    if not row.is_visible():
        page.keyboard.press("Escape")
    row.dblclick()
    page.locator("[data-painted]").wait_for()


def wait_rows(page, count: int) -> None:
    # Locators only: the page's content security policy forbids waiting on an evaluated string.
    page.locator("tr[data-study]").nth(count - 1).wait_for()
    page.locator("tr[data-study]").nth(count).wait_for(state="detached")


def painted(page) -> int:
    return int(page.locator("[data-testid=pane]").get_attribute("data-painted"))


def wait_painted(page, index: int) -> None:
    page.locator(f"[data-testid=pane][data-painted='{index}']").wait_for()


def test_log_in_needs_the_right_password_and_the_second_step(page) -> None:
    log_in(page, "nobody")
    page.get_by_text("用户名或口令不正确").wait_for()
    shot(page, "login")
    page.locator("#login-user").fill("otp")
    page.get_by_role("button", name="登录").click()
    page.locator("#login-otp").fill("111111")
    page.get_by_role("button", name="确认").click()
    page.get_by_text("动态口令不正确").wait_for()
    shot(page, "login-otp")
    page.locator("#login-otp").fill("000000")
    page.get_by_role("button", name="确认").click()
    page.locator("tr[data-study]").first.wait_for()


def test_worklist_filters_stay_in_the_address(page) -> None:
    open_list(page)
    shot(page, "worklist")
    assert "共 137 条" in page.locator("[data-testid=count]").inner_text()
    assert page.locator("tr[data-study]").count() == 50
    page.locator("[data-testid=more]").click()
    wait_rows(page, 100)
    page.keyboard.press("/")
    page.keyboard.type("lxy")
    page.wait_for_url("**/?q=lxy")
    page.get_by_text("李秀英").first.wait_for()
    wait_rows(page, 9)
    page.keyboard.press("Escape")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert page.locator("tr.selected").count() == 1
    shot(page, "worklist-filtered")
    page.reload()
    page.get_by_text("李秀英").first.wait_for()
    assert page.locator("[data-testid=search]").input_value() == "lxy"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**/study/*")
    page.go_back()
    page.wait_for_url("**/?q=lxy")
    page.locator("[data-testid=search]").fill("没有这个人")
    page.get_by_text("没有符合筛选条件的检查").wait_for()


def test_hostile_names_are_text(page) -> None:
    open_list(page)
    page.locator("[data-testid=search]").fill("<img")
    page.wait_for_url("**q=%3Cimg")
    page.get_by_text("<img src=x onerror=alert(1)>").first.wait_for()
    assert page.locator("table img:not(.thumb)").count() == 0


def test_live_updates_change_rows_in_place_and_count_new_ones(page, mock) -> None:
    open_list(page)
    page.get_by_text("实时更新", exact=False).first.wait_for()
    page.locator(".live-live").wait_for()
    order = "[...document.querySelectorAll('tr[data-study]')].map(row => row.dataset.study)"
    before = page.evaluate(order)
    row = page.locator("tr[data-study=s0005]")
    assert "分析中" in row.inner_text()
    mock.tell("event", study="s0005", change={"ai": "failed"})
    row.get_by_text("失败").wait_for()
    mock.tell("event", fresh="900")
    page.get_by_text("有 1 条新检查").wait_for()
    assert page.evaluate(order) == before
    shot(page, "worklist-live")
    page.get_by_text("有 1 条新检查").click()
    page.locator("tr[data-study=n900]").wait_for()


def test_network_gone_is_said_and_recovers(page, mock) -> None:
    open_list(page)
    page.locator(".live-live").wait_for()
    mock.tell("fail", on=True)
    page.locator(".live-lost").wait_for()
    page.keyboard.press("r")
    page.get_by_text("无法连接主机").wait_for()
    assert page.locator("tr[data-study]").count() == 50, "what was read stays on screen"
    shot(page, "worklist-lost")
    mock.tell("fail", on=False)
    page.get_by_text("无法连接主机").wait_for(state="detached")
    page.locator(".live-live").wait_for()


def test_reading_a_ct(page) -> None:
    open_list(page)
    open_study(page, "s0001")
    wait_painted(page, 30)
    info = page.locator("[data-testid=frame-info]")
    assert "1500 / -600" in info.inner_text(), "first picture in the lung window"
    assert "31 / 60" in info.inner_text()
    shot(page, "study-ct")
    page.locator("[data-testid=pane]").hover()
    page.mouse.wheel(0, 100)
    wait_painted(page, 31)
    page.keyboard.press("ArrowUp")
    wait_painted(page, 30)
    page.keyboard.press("Home")
    wait_painted(page, 0)
    page.keyboard.press("2")
    page.get_by_text("400 / 40").wait_for()
    page.keyboard.press("0")
    page.get_by_text("350 / 40").wait_for()
    page.keyboard.press("1")
    page.keyboard.press("n")
    wait_painted(page, 17)
    assert page.locator(".ai-label").all_text_contents() == ["AI 1"]
    assert page.locator(".lesions tr[aria-selected=true]").inner_text().startswith("1")
    shot(page, "study-lesion")
    page.keyboard.press("o")
    page.locator(".ai-line").first.wait_for(state="detached")
    assert "已隐藏" in page.locator("[data-testid=ai-note]").inner_text()
    page.keyboard.press("o")
    page.keyboard.press("Shift+N")
    wait_painted(page, 40)
    page.locator("[data-testid=language]").click()
    page.get_by_role("tab", name="AI result").wait_for()
    assert painted(page) == 40, "the toggle keeps the page and its state"
    assert page.locator(".lesions tr[aria-selected=true]").inner_text().startswith("3")
    shot(page, "study-english")
    page.keyboard.press("?")
    page.locator("[data-testid=help]").wait_for()
    shot(page, "help")
    page.keyboard.press("Escape")
    page.locator("[data-testid=help]").wait_for(state="hidden")
    assert page.url.endswith("/study/s0001")


def test_outline_lies_where_the_lesion_is(page) -> None:
    open_list(page)
    open_study(page, "s0001")
    page.keyboard.press("n")
    wait_painted(page, 17)
    page.locator(".ai-line .dash").wait_for()
    box = page.locator(".ai-line .dash").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    text = page.locator(".corner.bottom.left").inner_text()
    column, row = (int(text.split(mark)[1].split()[0]) for mark in ("x ", "y "))
    assert abs(column - 78) <= 2
    assert abs(row - 104) <= 2
    value = int(text.split()[-2])
    assert value < -880, "the cavity's air, in HU"


def test_the_four_other_answers_look_different(page) -> None:
    open_list(page)
    seen = {}
    for study, name in (
        ("s0004", "refused"),
        ("s0005", "running"),
        ("s0006", "failed"),
        ("s0007", "not_applicable"),
        ("s0003", "none"),
    ):
        if page.locator("[data-testid=verdict]").count() > 0:
            page.keyboard.press("Escape")
        page.locator(f"tr[data-study={study}]").dblclick()
        page.locator("[data-testid=verdict]").wait_for()
        seen[name] = page.locator("[data-testid=verdict] b").inner_text()
        note = page.locator("[data-testid=ai-note]").inner_text()
        assert note
        shot(page, f"study-{name}")
    assert len(set(seen.values())) == len(seen)
    assert "不等于排除" in seen["none"]


def test_reading_a_radiograph_with_its_heat_map(page) -> None:
    open_list(page)
    open_study(page, "s0002")
    with page.expect_response("**/heatmap**"):
        page.keyboard.press("h")
    page.locator("svg image").wait_for()
    shot(page, "study-dr")
    page.get_by_role("tab", name="质控").click()
    page.get_by_text("图像质量合格").wait_for()
    page.get_by_role("tab", name="回传").click()
    page.get_by_text("PACS 已确认保存").first.wait_for()
    page.get_by_role("tab", name="记录").click()
    shot(page, "study-history")


def test_a_refusal_is_overridden_with_a_reason(page) -> None:
    open_list(page)
    open_study(page, "s0004")
    page.locator("[data-testid=override]").click()
    confirm = page.get_by_role("button", name="确认分析")
    assert confirm.is_disabled()
    page.locator("#reason").fill("n o 1 患者无法重拍")
    shot(page, "override")
    confirm.click()
    page.get_by_text("正在分析").first.wait_for()
    assert page.locator("[data-testid=override]").count() == 0


def test_roles_see_only_what_they_may(page) -> None:
    open_list(page, "tech")
    assert page.get_by_role("link", name="用户").count() == 0
    open_study(page, "s0004")
    assert page.locator("[data-testid=override]").count() == 0
    page.goto("/users")
    page.get_by_text("您的角色没有此页面的权限").wait_for()


def test_other_pages(page) -> None:
    open_list(page, "admin")
    for path, link, word in (
        ("quarantine", "隔离区", "待处理"),
        ("queue", "处理队列", "重新处理"),
        ("system", "系统", "磁盘"),
        ("users", "用户", "新增用户"),
    ):
        page.get_by_role("link", name=link).click()
        page.wait_for_url(f"**/{path}")
        page.get_by_text(word).first.wait_for()
        shot(page, path)
    page.get_by_role("link", name="上传", exact=True).click()
    page.locator("[data-testid=files]").set_input_files(
        [
            {"name": "a.dcm", "mimeType": "application/dicom", "buffer": b"x" * 200_000},
            {"name": "说明.txt", "mimeType": "text/plain", "buffer": b"y"},
        ]
    )
    page.get_by_text("上传完成").wait_for()
    page.get_by_text("不是 DICOM 文件").wait_for()
    shot(page, "upload")


def test_what_is_drawn_while_the_server_is_gone_is_said_kept_and_saved_later(page, mock) -> None:
    open_list(page)
    open_study(page, "s0001")
    mock.tell("fail", on=True)
    box = page.locator("[data-testid=pane]").bounding_box()
    page.keyboard.press("d")
    page.mouse.move(box["x"] + 150, box["y"] + 200)
    page.mouse.down()
    page.mouse.move(box["x"] + 250, box["y"] + 200, steps=4)
    page.mouse.up()
    page.locator("[data-testid=measured-state][data-state=failed]").first.wait_for()
    page.get_by_text("无法连接主机").wait_for()
    assert page.locator("[data-testid=measure-length]").count() == 1, "what was drawn stays"
    page.get_by_role("button", name="English").click()
    page.locator("[data-testid=measured-state][data-state=failed]").first.wait_for()
    assert page.locator("[data-testid=measure-length]").count() == 1
    shot(page, "measured-lost-en")
    mock.tell("fail", on=False)
    page.locator("[data-testid=measured-state][data-state=kept][data-version='1']").first.wait_for()
    page.reload()
    page.locator("[data-testid=measured-state][data-state=kept][data-version='1']").first.wait_for()
    page.locator("[data-testid=measure-length]").first.wait_for()


def test_a_picture_that_cannot_be_had_is_said_and_comes_by_itself(page, mock) -> None:
    open_list(page)
    mock.tell("fail", frames=[0, 30])
    page.locator("tr[data-study=s0001]").dblclick()
    page.get_by_text("第 31 幅未能读取").wait_for()
    mock.tell("fail", frames=[0])
    wait_painted(page, 30)
    page.keyboard.press("Home")
    page.get_by_text("显示的仍是第 31 幅").wait_for()
    shot(page, "study-frame-failed")
    mock.tell("fail", frames=[])
    wait_painted(page, 0)


def test_grey_values_on_the_screen_are_the_window_applied_to_hu(page) -> None:
    from io import BytesIO

    from PIL import Image

    open_list(page)
    open_study(page, "s0001")
    wait_painted(page, 30)
    page.keyboard.press("o")
    pane = page.locator("[data-testid=pane]").bounding_box()
    # Right of the centre, above the patient: air, about -1000 HU in this invented CT.
    clip = {"x": pane["x"] + pane["width"] / 2 + 60, "y": pane["y"] + 40, "width": 60, "height": 30}
    picture = Image.open(BytesIO(page.screenshot(clip=clip))).convert("L")
    mean = sum(picture.tobytes()) / (picture.width * picture.height)
    lower, width = -600 - 1500 / 2, 1500
    assert abs(mean - 255 * (-1000 - lower) / width) < 2.5


def test_a_pc_without_webgl_reads_the_same(browser, mock) -> None:
    flags = [*FLAGS, "--disable-3d-apis"]
    other = browser.browser_type.launch(executable_path=CHROMIUM, args=flags)
    # 1366 x 768 at 150 % scaling.
    page = other.new_page(viewport={"width": 911, "height": 512}, base_url=mock.url)
    open_list(page)
    open_study(page, "s0001")
    page.keyboard.press("n")
    wait_painted(page, 17)
    page.locator(".ai-line .dash").wait_for()
    page.get_by_text("1500 / -600").wait_for()
    shot(page, "study-cpu")
    other.close()


def test_who_sits_at_a_pc_says_what_draws_there(page) -> None:
    open_list(page)
    page.goto("/keys")
    page.get_by_text("没有找到可用的显卡").wait_for()
    for choice, how in (("显卡（WebGL）", "webgl"), ("自动", "cpu")):
        page.goto("/keys")
        page.get_by_label("二维图像由").click()
        page.locator(".ant-select-item-option").get_by_text(choice, exact=True).click()
        if how == "webgl":
            shot(page, "drawing")
        page.goto("/study/s0001")
        page.locator(f"[data-painted='30'][data-drawn-by={how}]").wait_for()


def test_a_session_that_ended_asks_again_and_keeps_the_page(page) -> None:
    open_list(page)
    open_study(page, "s0001")
    page.keyboard.press("Home")
    wait_painted(page, 0)
    page.context.clear_cookies()
    page.keyboard.press("Escape")
    page.keyboard.press("r")
    page.get_by_text("登录已过期").wait_for()
    shot(page, "expired")
    assert page.locator("#login-user").input_value() == "physician"
    page.locator("#login-password").fill("xinglin")
    page.get_by_role("button", name="登录").click()
    page.get_by_text("登录已过期").wait_for(state="detached")
    page.locator("tr[data-study=s0001]").wait_for()
    page.locator(".live-live").wait_for()


def test_keys_are_dead_in_text_fields(page) -> None:
    open_list(page)
    page.locator("[data-testid=search]").click()
    page.keyboard.type("r?j/")
    assert page.locator("[data-testid=search]").input_value() == "r?j/"
    assert page.locator("[data-testid=help]").count() == 0
    assert page.locator("tr.selected").count() == 0
