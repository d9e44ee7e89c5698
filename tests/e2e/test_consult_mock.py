"""The appliance's consultation pages driven in a browser against the development server."""

from __future__ import annotations

import pytest

from tests import browser as browsers
from tests.browser import SCREEN, DevServer, Heard, chromium, needs

pytestmark = needs("index.html")
EXPECTED = ("401 (Unauthorized)", "422 (Unprocessable", "404 (Not Found)")


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


def shot(page, name: str) -> None:
    browsers.shot(page, f"box-{name}")


def log_in(page, user: str = "physician", path: str = "/consults") -> None:
    page.goto(path)
    page.locator("#login-user").fill(user)
    page.locator("#login-password").fill("xinglin")
    page.get_by_role("button", name="登录", exact=True).click()


def choose(page, field: str, text: str) -> None:
    page.locator(field).click()
    page.locator(".ant-select-item-option").get_by_text(text).last.click()


def test_a_request_says_who_gets_what_before_it_is_sent(page, mock) -> None:
    log_in(page, path="/study/s0001")
    page.locator("[data-testid=ask-consult]").click()
    page.get_by_text("请远程会诊").click()
    send = page.locator("[data-testid=request-send]")
    send.wait_for()
    page.locator("#request-purpose").fill("右上肺空洞，<b>请</b>判断")
    page.locator("#request-consent").fill("2026-1122")
    assert send.is_disabled(), "nobody chosen"
    choose(page, "#request-place", "胸外科")
    page.get_by_text("密钥已更换，须先核实").wait_for()
    assert send.is_disabled(), "a changed key is confirmed first"
    shot(page, "request-changed-key")
    page.get_by_role("button", name="已核对，确认新密钥").click()
    page.get_by_text("密钥已核实").wait_for()
    choose(page, "#request-place", "呼吸科")
    page.locator("[data-testid=recipients] li").nth(1).wait_for()
    page.get_by_text("首次使用，其医院已确认").first.wait_for()
    assert page.locator("[data-testid=recipients] img").count() == 0
    page.locator("[data-testid=request-files]").set_input_files(
        {"name": "痰涂片.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.4"}
    )
    page.get_by_text("＋ 痰涂片.pdf").wait_for()
    page.get_by_text("草稿已保存").wait_for()
    shot(page, "request")
    send.click()
    page.wait_for_url("**/consults/c_*")
    page.locator(".box-columns").get_by_text("<b>请</b>判断").wait_for()
    page.get_by_text("正在加密资料").wait_for()


def test_an_in_house_mdt_works_without_a_region(page, mock) -> None:
    mock.tell("box", leave=True)
    log_in(page, path="/study/s0001")
    page.locator("[data-testid=ask-consult]").click()
    page.get_by_text("请求多学科会诊").click()
    page.get_by_text("本机尚未加入区域").wait_for()
    choose(page, "#request-people", "李主任")
    page.keyboard.press("Escape")
    page.locator("#request-purpose").fill("术前讨论")
    page.locator("#request-consent").fill("2026-1123")
    page.locator("[data-testid=request-send]").click()
    page.wait_for_url("**/consults/c_*")
    page.locator("#house-opinion").fill("同意手术")
    page.locator("[data-testid=house-opinion]").get_by_role("button").click()
    page.get_by_text("签署后不可修改或撤回").wait_for()
    page.get_by_role("button", name="以本人登录身份确认").click()
    page.locator("[data-testid=opinion]").get_by_text("同意手术").wait_for()
    page.get_by_text("本院登录确认").wait_for()
    shot(page, "house")


def test_opinions_come_back_with_their_signature_and_hash(page, mock) -> None:
    log_in(page)
    row = page.locator("tr[data-consult=c_1]")
    row.wait_for()
    assert "已发送" in row.inner_text()
    shot(page, "list")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    card = page.locator("[data-testid=opinion]")
    card.get_by_text("疑似活动性肺结核 <img").wait_for()
    assert len(card.locator("[data-testid=opinion-hash]").inner_text()) == 64
    page.get_by_text("意见已存入 PACS（PDF）").wait_for()
    page.get_by_text("签名校验失败").first.wait_for()
    assert page.locator(".box-columns img").count() == 0
    shot(page, "case")
    page.locator("[data-testid=answer]").click()
    page.locator("#answer-text").fill("已补充")
    page.locator("[data-testid=send-answer]").click()
    page.locator("[data-testid=pending]").get_by_text("已补充").wait_for()
    mock.tell("box", consult="c_1")
    page.locator("[data-testid=pending]").wait_for(state="detached")
    page.locator("[data-testid=message]").get_by_text("已补充").wait_for()
    page.keyboard.press("Shift+L")
    page.get_by_text("Opinion in the PACS (PDF)").wait_for()
    shot(page, "case-en")


NOTICE = {
    "seq": 9, "kind": "opinion", "consult": "c_1", "urgency": "emergency",
    "at": "2026-11-23T03:00:00.000Z", "heard_at": "2026-11-23T03:00:00.100Z",
}  # fmt: skip


def test_what_the_hub_announced_stands_there_until_it_has_come(page, mock) -> None:
    log_in(page)
    page.locator("tr[data-consult=c_1]").wait_for()
    assert page.locator("[data-testid=announced]").count() == 0
    other = NOTICE | {"seq": 8, "kind": "unheard-of", "consult": "c_9", "urgency": "routine"}
    mock.tell("box", announced=[other, NOTICE])
    said = page.locator("[data-testid=announced]")
    said.get_by_text("2 项会诊进展尚未收到").wait_for()
    lines = said.locator("li").all_inner_texts()
    assert "急诊" in lines[0]
    assert "有新的意见" in lines[0]
    assert "有新进展" in lines[1]
    shot(page, "announced")
    mock.tell("box", announced=[])
    said.wait_for(state="detached")


def test_how_the_notice_broker_stands_is_shown(page, mock) -> None:
    mock.tell("box", announced=[NOTICE])
    log_in(page, "it", "/region")
    line = page.locator("[data-testid=broker]")
    line.get_by_text("已收到 3 条通知").wait_for()
    line.get_by_text("1 项会诊进展尚未收到").wait_for()
    shot(page, "broker")


def test_a_draft_opens_again_with_everything_and_says_what_goes(page) -> None:
    log_in(page)
    line = page.locator("[data-testid=draft]")
    line.get_by_text("张伟").wait_for()
    shot(page, "drafts")
    line.get_by_role("button", name="继续填写").click()
    page.locator("[data-testid=request]").wait_for()
    assert page.locator("#request-purpose").input_value() == "写到一半的目的"
    assert page.locator("#request-consent").input_value() == "2026-7"
    assert page.get_by_label("结果", exact=True).input_value() == "62"
    page.get_by_text("＋ 检验单.pdf").wait_for()
    going = page.locator("[data-testid=going]")
    going.get_by_text("检验结果", exact=True).wait_for()
    assert "不超过 30.0 MiB" in going.inner_text()
    assert "按实测速率 500.0 KiB/秒" in going.inner_text()
    page.locator("[data-testid=add-fact]").click()
    page.get_by_label("项目", exact=True).nth(1).fill("痰涂片 <b>")
    assert page.locator("[data-testid=request-send]").is_disabled(), "half a result"
    page.get_by_label("结果", exact=True).nth(1).fill("阴性")
    going.get_by_text("2 项", exact=True).wait_for()
    page.get_by_text("由 王医生 录入").wait_for()
    going.scroll_into_view_if_needed()
    shot(page, "going")
    page.keyboard.press("Shift+L")  # dead while typing: the focus is in a field
    page.get_by_role("button", name="保留草稿，稍后再发").click()
    line.get_by_role("button", name="继续填写").click()
    page.get_by_label("结果", exact=True).nth(1).wait_for()
    assert page.get_by_label("项目", exact=True).nth(1).input_value() == "痰涂片 <b>"
    page.locator("[data-testid=discard]").click()
    page.locator(".ant-popconfirm").get_by_role("button", name="丢弃草稿").click()
    line.wait_for(state="detached")


def test_the_ball_is_with_us_first_in_the_list(page) -> None:
    log_in(page)
    page.locator("tr[data-consult]").first.wait_for()
    first = page.locator("tr[data-consult]").first
    assert first.get_attribute("data-consult") == "c_2"
    assert "待本院答复" in first.inner_text()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    ball = page.locator("[data-testid=ball]")
    ball.get_by_text("请补充近一年 CT 与痰培养 <img").wait_for()
    shot(page, "ball")
    ball.get_by_role("button", name="补充资料").click()
    page.locator("#answer-text").fill("无既往检查")
    page.locator("[data-testid=send-answer]").click()
    page.locator("[data-testid=pending]").get_by_text("无既往检查").wait_for()


def test_a_referral_shows_bed_date_and_what_was_added(page) -> None:
    log_in(page, path="/consults/c_3")
    offer = page.locator("[data-testid=offer]")
    offer.get_by_text("同意接收").wait_for()
    assert "12 床" in offer.inner_text()
    assert "2026-11-25" in offer.inner_text()
    page.locator("[data-testid=addendum]").get_by_text("补充：复查痰培养").wait_for()
    shot(page, "referral")


def test_people_are_invited_and_removed_knowing_what_that_means(page) -> None:
    log_in(page, path="/consults/c_1")
    page.locator("[data-testid=invite-open]").click()
    dialog = page.locator("[data-testid=invite]")
    dialog.get_by_role("button", name="郑外科").click()
    dialog.get_by_text("密钥已更换，须先核实").wait_for()
    assert page.locator("[data-testid=invite-send]").is_disabled(), "a changed key comes first"
    choose(page, "#invite-department", "呼吸科")
    shot(page, "invite")
    dialog.get_by_role("button", name="已核对，确认新密钥").click()
    page.locator("[data-testid=invite-send]:enabled").click()
    page.locator(".people").get_by_text("何专家").wait_for()
    page.get_by_role("button", name="移出会诊 何专家").click()
    page.locator("[data-testid=removal]").get_by_text("何专家 已经读过的内容无法收回").wait_for()
    page.get_by_text("移出后更换密钥").wait_for()
    shot(page, "removal")
    page.get_by_role("dialog").get_by_role("button", name="移出会诊").click()
    page.locator(".person.removed").get_by_text("何专家").wait_for()


def test_alarms_and_refused_parts_are_decided_with_a_reason(page) -> None:
    log_in(page, path="/consults/c_1")
    dead = page.locator("[data-testid=dead-letter]")
    dead.get_by_text("E7461").wait_for()
    page.locator("[data-testid=sending]").get_by_text("既往 1 · 影像").wait_for()
    shot(page, "sending")
    dead.get_by_role("button", name="放弃发送").click()
    confirm = page.get_by_role("dialog").get_by_role("button", name="放弃发送")
    assert confirm.is_disabled(), "not without a reason"
    page.locator("#reason").fill("改为电话告知")
    confirm.click()
    dead.wait_for(state="detached")
    page.get_by_text("1 项已放弃发送").first.wait_for()
    page.locator("[data-testid=alarm]").get_by_role("button", name="已知悉").click()
    page.locator("#reason").fill("已与中心核对")
    shot(page, "alarm")
    page.get_by_role("dialog").get_by_role("button", name="已知悉").click()
    page.get_by_text("physician 已知悉").wait_for()


def test_the_regions_state_and_its_clicks(page, mock) -> None:
    log_in(page, "it", "/region")
    page.get_by_text("已断开，将自动重试").wait_for()
    assert "12 项待发送" in page.locator("[data-testid=backlog]").inner_text()
    page.locator("[data-testid=alarm]").get_by_text("公钥目录分叉").wait_for()
    shot(page, "region")
    page.locator("[data-testid=renew-consent]").click()
    page.get_by_text("已于").wait_for()
    page.get_by_role("button", name="已知悉").click()
    page.locator("#reason").fill("已联系区域中心")
    page.get_by_role("dialog").get_by_role("button", name="已知悉").click()
    page.get_by_text("it 已知悉").wait_for()
    mock.tell("box", leave=True)
    page.locator("#join-code").wait_for()
    page.locator("#join-code").fill("wrong")
    page.locator("[data-testid=join]").click()
    page.get_by_text("接入码不正确或已失效").wait_for()
    shot(page, "join")
    page.locator("#join-code").fill("XL-7K2M-9QPA-4TZE-WB3D")
    page.locator("[data-testid=join]").click()
    page.locator("[data-testid=backlog]").wait_for()


def test_a_hospital_vouches_for_its_peoples_keys(page, mock) -> None:
    log_in(page, "it", "/region")
    row = page.locator("tr[data-person=p_o2]")
    row.get_by_text("原指纹").wait_for()
    assert page.locator("tr[data-state=confirmed] [data-testid=vouch]").count() == 0
    shot(page, "keys-of-people")
    compared = row.locator("code.print").inner_text()
    row.locator("[data-testid=vouch]").click()
    dialog = page.locator("[data-testid=vouch-dialog]")
    assert dialog.locator("code.print").inner_text() == compared
    shot(page, "vouch")
    dialog.locator("[data-testid=vouch-now]").click()
    row.get_by_text("已签名，等待发送").wait_for()
    assert page.locator("tr[data-person=p_o1]").get_attribute("data-state") == "unconfirmed"
    page.locator("[data-testid=all-changes] summary").click()
    page.get_by_text("医院增加了一台设备").wait_for()
    page.locator("[data-testid=language]").click()
    page.get_by_text("Signed, waiting to go").wait_for()
    row.scroll_into_view_if_needed()
    shot(page, "keys-of-people-en")


def test_a_township_sends_and_reads_the_answer_and_nothing_else(page) -> None:
    log_in(page, "township", "/")
    page.wait_for_url("**/township")
    assert page.locator("header nav a").count() == 1
    page.locator("[data-testid=township-files]").set_input_files(
        {"name": "a.dcm", "mimeType": "application/dicom", "buffer": b"x" * 5000}
    )
    page.get_by_text("已接收 1 个文件").wait_for()
    page.locator("li[data-study=s0001]").get_by_role("button", name="请会诊").click()
    choose(page, "#town-place", "呼吸科")
    page.locator("#town-purpose").fill("请看片")
    page.locator("#town-consent").fill("T-1")
    page.get_by_role("button", name="加密并发送申请").click()
    page.get_by_text("考虑陈旧病灶").wait_for()
    assert page.locator("main img").count() == 0
    shot(page, "township")
