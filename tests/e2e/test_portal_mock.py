"""The experts' page driven in a real browser against the development hub (web/mock/hub.mjs).

The development hub seals with the page's own modules under Node, so that what is opened here really
was sealed, signed and linked. Needs the built page and Debian's Chromium; skipped with a reason
where either is missing. Screenshots go to ``XINGLIN_SHOTS`` when it is set.
"""

from __future__ import annotations

import pytest

from tests import browser as browsers
from tests.browser import SCREEN, DevServer, Heard, chromium, needs

pytestmark = needs("portal.html")
PASSPHRASE = "青山 lantern 七号 orbit 河马"
CONSULT, MDT, REFERRAL, ROUTINE = (f"c_{n:032d}" for n in (1, 2, 3, 4))
EXPECTED = ("401 (Unauthorized)", "503 (Service Unavailable)", "404 (Not Found)", "ERR_EMPTY",
            "ERR_INCOMPLETE")  # fmt: skip


#: Darkest grey of a document's canvas.
DARKEST = """(() => {
  const canvas = document.querySelector("[data-testid=document-canvas]");
  const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  let darkest = 255;
  for (let at = 0; at < data.length; at += 4) darkest = Math.min(darkest, data[at]);
  return darkest;
})()"""


@pytest.fixture(scope="module")
def server():
    hub = DevServer("hub.mjs")
    yield hub
    hub.close()


@pytest.fixture
def hub(server):
    server.tell("reset")
    return server


@pytest.fixture(scope="module")
def browser():
    with chromium() as running:
        yield running


@pytest.fixture
def page(browser, hub):
    context = browser.new_context(viewport=SCREEN, base_url=hub.url, locale="zh-CN")
    page = context.new_page()
    page.set_default_timeout(20_000)
    heard = Heard(page, EXPECTED)
    yield page
    context.close()
    heard.check(hub.host)


def shot(page, name: str) -> None:
    browsers.shot(page, f"portal-{name}")


def log_in(page, user: str = "expert") -> None:
    page.goto("/")
    page.locator("#login-user").fill(user)
    page.locator("#login-password").fill("xinglin")
    page.get_by_role("button", name="登录", exact=True).click()
    if user == "expert":
        page.locator("#login-otp").fill("000000")
        page.get_by_role("button", name="确认").click()


def make_keys(page) -> None:
    page.locator("#keys-passphrase").fill(PASSPHRASE)
    page.locator("#keys-again").fill(PASSPHRASE)
    page.locator("[data-testid=understood]").click()
    page.locator("[data-testid=make-keys]").click()


def open_list(page) -> None:
    log_in(page)
    make_keys(page)
    page.locator("tr[data-consult]").first.wait_for()


def open_case(page, consult: str) -> None:
    page.locator(f"tr[data-consult={consult}]").dblclick()
    page.locator("[data-painted]").wait_for()


def wait_painted(page, index: int) -> None:
    page.locator(f"[data-testid=pane][data-painted='{index}']").wait_for()


def tab(page, name: str) -> None:
    page.get_by_role("tab", name=name).click()


def test_keys_are_made_once_and_opened_on_a_second_computer(page, browser, hub) -> None:
    log_in(page)
    page.get_by_text("建立您的个人密钥").wait_for()
    make = page.locator("[data-testid=make-keys]")
    page.locator("#keys-passphrase").fill("xinglin12345")
    page.get_by_text("太弱").wait_for()
    assert make.is_disabled()
    page.locator("#keys-passphrase").fill(PASSPHRASE)
    page.locator(".meter-strong").wait_for()
    page.locator("#keys-again").fill(PASSPHRASE + "x")
    page.get_by_text("两次输入不一致").wait_for()
    page.get_by_text("恢复密钥：只有该医院").wait_for()
    shot(page, "keys")
    page.locator("#keys-again").fill(PASSPHRASE)
    assert make.is_disabled(), "the statement about recovery is to be ticked"
    page.locator("[data-testid=understood]").click()
    make.click()
    page.locator("tr[data-consult]").first.wait_for()
    assert "已解锁" in page.locator("[data-testid=key-state]").inner_text()
    page.reload()
    page.locator("tr[data-consult]").first.wait_for()

    second = browser.new_context(viewport=SCREEN, base_url=hub.url, locale="zh-CN")
    other = second.new_page()
    log_in(other)
    other.get_by_text("输入密钥口令").wait_for()
    other.locator("#keys-passphrase").fill("not the passphrase")
    other.get_by_role("button", name="解锁").click()
    other.get_by_text("个人密钥无法打开").wait_for()
    shot(other, "unlock")
    other.locator("#keys-passphrase").fill(PASSPHRASE)
    other.get_by_role("button", name="解锁").click()
    other.locator("tr[data-consult]").first.wait_for()
    open_case(other, CONSULT)
    second.close()


def test_worklist_ranks_with_a_reason_and_is_live(page, hub) -> None:
    open_list(page)
    page.locator(".live-live").wait_for()
    rows = page.locator("tr[data-consult]")
    assert rows.count() == 4
    first = rows.first.inner_text()
    assert "急诊" in first
    assert "时限 25 分钟内" in first
    assert "剩 2" in first
    assert "超时" in page.locator(f"tr[data-consult={REFERRAL}]").inner_text()
    shot(page, "worklist")
    hub.tell("say", consult=ROUTINE, text="补一句")
    page.locator(f"tr[data-consult={ROUTINE}]").get_by_text("2 条新内容").wait_for()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert page.locator("tr.selected").get_attribute("data-consult") == MDT
    page.keyboard.press("Shift+L")
    page.get_by_text("due within 25 minutes").wait_for()
    shot(page, "worklist-en")
    page.keyboard.press("Enter")
    page.locator("[data-painted]").wait_for()
    page.keyboard.press("Escape")
    rows.first.wait_for()
    hub.tell("fail", on=True)
    page.locator(".live-lost").wait_for()
    assert rows.count() == 4
    hub.tell("fail", on=False)
    page.locator(".live-live").wait_for()


def test_a_sealed_case_is_read_with_the_common_tools(page) -> None:
    open_list(page)
    open_case(page, CONSULT)
    wait_painted(page, 30)
    assert page.locator("[data-testid=patient]").inner_text() == "欧阳娜仁"
    info = page.locator("[data-testid=frame-info]")
    assert "1500 / -600" in info.inner_text()
    assert page.locator("[data-testid=distrust]").count() == 0
    page.get_by_text("县院修改").first.wait_for()
    shot(page, "case")
    page.locator("[data-testid=pane]").hover()
    page.mouse.wheel(0, 100)
    wait_painted(page, 31)  # raw or HTJ2K: both ways open
    page.keyboard.press("Home")
    wait_painted(page, 0)
    page.keyboard.press("End")
    wait_painted(page, 59)
    tab(page, "病情")
    page.get_by_role("button", name="查看 1 号").or_(page.locator(".lesion-go").first).first.click()
    wait_painted(page, 17)
    page.locator(".county-line").first.wait_for()
    assert page.locator(".ai-line:not(.county-line)").count() == 1
    page.keyboard.press("u")
    page.locator(".county-line").first.wait_for(state="detached")
    page.keyboard.press("o")
    page.locator(".ai-line").first.wait_for(state="detached")
    page.keyboard.press("o")
    page.keyboard.press("u")
    for word in ("右上肺空洞", "痰涂片阴性", "知情同意书 2026-1122", "3 号不采纳", "红细胞沉降率"):
        page.get_by_text(word).first.wait_for()
    shot(page, "case-facts")


def test_length_angle_and_probe(page) -> None:
    open_list(page)
    open_case(page, CONSULT)
    wait_painted(page, 30)
    pane = page.locator("[data-testid=pane]").bounding_box()
    x, y = pane["x"] + pane["width"] / 2, pane["y"] + pane["height"] / 2
    page.keyboard.press("d")
    page.mouse.move(x - 60, y)
    page.mouse.down()
    page.mouse.move(x + 40, y, steps=4)
    page.mouse.up()
    length = page.locator("[data-testid=measure-length] text").text_content()
    scale = float(page.locator("[data-testid=frame-info]").inner_text().split("·")[1].split("%")[0])
    assert abs(float(length.split()[0]) - 100 / (scale / 100) * 1.4) < 1.5, (length, scale)
    page.keyboard.press("a")
    page.mouse.move(x, y - 80)
    page.mouse.down()
    page.mouse.move(x, y + 20, steps=3)
    page.mouse.up()
    page.mouse.move(x + 100, y + 20, steps=3)
    page.mouse.down()
    page.mouse.up()
    angle = page.locator("[data-testid=measure-angle] text").text_content()
    assert abs(float(angle.rstrip("°")) - 90) < 1.5
    page.keyboard.press("p")
    page.mouse.click(pane["x"] + 200, pane["y"] + 12)
    assert "HU" in page.locator("[data-testid=measure-probe] text").text_content()
    shot(page, "measures")
    page.keyboard.press("Delete")
    page.locator("[data-testid=measure-probe]").wait_for(state="detached")
    page.keyboard.press("ArrowDown")
    wait_painted(page, 31)
    assert page.locator("[data-testid=measure-length]").count() == 0, "they belong to their image"


def test_documents_are_drawn_and_nothing_of_them_runs(page) -> None:
    open_list(page)
    open_case(page, CONSULT)
    tab(page, "文件")
    page.get_by_text("痰涂片报告").click()
    page.locator("[data-testid=document-canvas][width]").wait_for()
    page.get_by_text("1 / 2").wait_for()
    page.wait_for_timeout(300)  # drawing has no end that a page shows
    assert page.evaluate(DARKEST) < 100, "words are drawn, not only paper"
    page.get_by_role("button", name="下一页").click()
    page.get_by_text("2 / 2").wait_for()
    shot(page, "document")
    page.get_by_role("button", name="关闭").click()
    page.get_by_text("手写病历照片").click()
    page.locator("[data-testid=document-canvas][width='320']").wait_for()
    assert page.locator(".document-sheet img").count() == 0
    page.get_by_role("button", name="放大", exact=True).click()
    page.get_by_role("button", name="放大", exact=True).click()
    assert page.locator("[data-testid=zoom]").inner_text() == "200 %"
    wide = page.locator("[data-testid=document-canvas]").bounding_box()
    page.locator(".document-frame").focus()
    page.keyboard.press("-")
    page.locator("[data-testid=zoom]").get_by_text("150 %").wait_for()
    assert page.locator("[data-testid=document-canvas]").bounding_box()["width"] < wide["width"]
    shot(page, "photograph")
    page.keyboard.press("Escape")  # closes the document, not the case
    page.locator("[data-testid=document-sheet]").wait_for(state="detached")
    assert CONSULT in page.url


def test_a_chinese_document_without_its_font_is_drawn(page) -> None:
    """The encoding's character map comes with the page, compared with its hash."""
    maps = []
    page.on("request", lambda one: maps.append(one.url) if ".bcmap" in one.url else None)
    open_list(page)
    open_case(page, CONSULT)
    tab(page, "文件")
    page.get_by_text("中文报告单").click()
    page.locator("[data-testid=document-canvas][width]").wait_for()
    for _ in range(100):  # drawing has no end that a page shows
        if page.evaluate(DARKEST) < 100:
            break
        page.wait_for_timeout(100)
    assert page.evaluate(DARKEST) < 100, "letters are drawn, not only paper"
    assert any("UniGB-UCS2-H" in url for url in maps)
    shot(page, "document-chinese")


def test_the_report_facts_and_result_sets_of_a_case(page) -> None:
    open_list(page)
    open_case(page, CONSULT)
    tab(page, "病情")
    report = page.locator("[data-testid=report]")
    report.get_by_text("右上叶尖段见厚壁空洞").wait_for()
    told = report.inner_text()
    assert told.index("影像所见") < told.index("影像诊断") < told.index("建议")
    assert told.index("疑似活动性肺结核") < told.index("Suspected active tuberculosis")
    assert "未经医师签发" in told
    assert "仅供研究" in told
    facts = page.locator("[data-testid=facts]")
    facts.get_by_text("由 王医生 <img src=x onerror=alert(1)> 录入").wait_for()
    assert facts.locator("tr").nth(1).locator("td").all_inner_texts()[:3] == [
        "红细胞沉降率", "62 mm/h", "2026-11-20",
    ]  # fmt: skip
    assert page.locator(".panels img").count() == 0
    sets = page.locator("[data-testid=sets] li")
    assert [sets.nth(n).locator("b").inner_text() for n in range(3)] == [
        "AI 结果", "县医院修正", "术前复核 <img src=x onerror=alert(1)>",
    ]  # fmt: skip
    shown = page.locator(".stage .ai-note, .stage").first
    shown.get_by_text("县医院修正").first.wait_for()
    report.scroll_into_view_if_needed()
    shot(page, "report")
    page.locator("[data-testid=sets]").scroll_into_view_if_needed()
    sets.nth(1).get_by_role("checkbox").uncheck()
    page.get_by_text("县医院修正 ").get_by_text("已隐藏").first.wait_for()
    shot(page, "sets")
    page.keyboard.press("Escape")


def test_an_opinion_is_drafted_signed_and_then_stands(page, hub) -> None:
    hub.tell("deliver", on=False)
    open_list(page)
    open_case(page, CONSULT)
    tab(page, "意见")
    page.get_by_text("承接后可以填写意见").wait_for()
    page.locator("[data-testid=accept]").click()
    form = page.locator("[data-testid=form-opinion]")
    form.wait_for()
    review = page.locator("[data-testid=sign-opinion]")
    assert review.is_disabled()
    page.locator("#impression-opinion").fill("右上叶空洞，疑似活动性肺结核 <b>请</b>查痰")
    page.locator("#advice-opinion").fill("痰 Xpert；隔离")
    page.get_by_label("痰检").check()
    page.get_by_text("草稿已加密保存").wait_for()
    shot(page, "opinion-form")
    page.reload()
    page.locator("[data-painted]").wait_for()
    page.get_by_text("草稿已加密保存").wait_for()
    assert "疑似活动性" in page.locator("#impression-opinion").input_value(), "the draft survives"
    assert "疑似" not in page.evaluate("JSON.stringify({...localStorage})")
    review.click()
    page.get_by_text("签署后不可修改或撤回").wait_for()
    assert "<b>请</b>查痰" in page.locator("[data-testid=sign-sheet]").inner_text()
    shot(page, "sign")
    page.locator("[data-testid=sign]").click()
    card = page.locator("[data-testid=opinion]")
    card.get_by_text("<b>请</b>查痰").wait_for()
    card.get_by_text("等待县医院接收").wait_for()
    assert len(card.locator("[data-testid=opinion-hash]").inner_text()) == 64
    assert form.count() == 0, "one opinion, immutable"
    shot(page, "signed")
    hub.tell("deliver", on=True)
    page.locator("[data-testid=write-addendum]").click()
    page.locator("#text-addendum").fill("补充：建议复查 CT")
    page.locator("[data-testid=sign-addendum]").click()
    page.locator("[data-testid=sign]").click()
    page.locator("[data-testid=addendum]").get_by_text("建议复查 CT").wait_for()
    page.locator("[data-testid=delivered]").first.wait_for()
    shot(page, "delivered")
    page.locator("[data-testid=complete]").click()
    page.locator(".study-head").get_by_text("已完成").wait_for()


def test_information_is_asked_and_answered(page, hub) -> None:
    open_list(page)
    open_case(page, CONSULT)
    page.locator("[data-testid=accept]").click()
    page.locator("[data-testid=form-opinion]").wait_for()
    page.locator("[data-testid=ask]").click()
    page.locator("#ask-text").fill("请补充近一年 CT")
    page.locator("[data-testid=send-ask]").click()
    page.locator(".study-head").get_by_text("待补充资料").wait_for()
    tab(page, "讨论")
    page.get_by_text("请补充近一年 CT").wait_for()
    hub.tell("say", consult=CONSULT, text="已上传 2025 年 CT", kind="information.given")
    page.get_by_text("已上传 2025 年 CT").wait_for()
    page.locator(".study-head").get_by_text("待补充资料").wait_for(state="detached")
    page.locator("[data-testid=thread-text]").fill("收到 <script>alert(1)</script>")
    page.locator("[data-testid=thread-send]").click()
    page.locator("[data-testid=message]").get_by_text("收到 <script>").wait_for()
    shot(page, "thread")


def test_an_mdt_keeps_dissent_and_is_summed_up(page) -> None:
    open_list(page)
    open_case(page, MDT)
    page.locator("[data-testid=accept]").click()
    page.locator("[data-testid=opinion]").nth(1).wait_for()
    page.get_by_text("不同意见").first.wait_for()
    assert page.locator("[data-testid=opinion] img").count() == 0, "words stay words"
    shot(page, "mdt")
    assert page.locator("[data-testid=form-opinion]").count() == 0
    page.locator("[data-testid=write-summary]").click()
    page.locator("#impression-summary").fill("多数意见：疑似活动性；保留病理科不同意见")
    page.locator("[data-testid=sign-summary]").click()
    page.get_by_text("的不同意见将随总结保留").wait_for()
    page.locator("[data-testid=sign]").click()
    page.locator(".opinion-summary").wait_for()
    page.locator("[data-testid=delivered]").first.wait_for()
    shot(page, "mdt-summary")


def test_one_click_prefills_an_mdt_and_the_second_sends(page, hub) -> None:
    open_list(page)
    hub.tell("rekey")
    open_case(page, CONSULT)
    page.locator("[data-testid=accept]").click()
    page.locator("[data-testid=mdt]").click()
    page.locator("[data-testid=mdt-draft] li").nth(3).wait_for()
    page.get_by_text("已在此会诊中").wait_for()
    shot(page, "mdt-draft")
    send = page.locator("[data-testid=mdt-send]")
    assert "3 人" in send.inner_text()
    tabs = page.get_by_role("tab", name="人员")
    send.click()
    page.locator("[data-testid=mdt-draft]").wait_for(state="detached")
    tabs.click()
    page.locator("[data-testid=party]").nth(3).wait_for()
    page.get_by_text("在线").first.wait_for()
    shot(page, "people")


def test_a_referral_is_answered_with_bed_and_date(page) -> None:
    open_list(page)
    open_case(page, REFERRAL)
    assert page.locator("[data-testid=patient]").inner_text() == "<img src=x onerror=alert(1)>"
    page.locator("[data-testid=accept]").click()
    page.locator("#offer-bed").fill("胸外 12 床")
    page.locator("#offer-date").fill("2026-12-01")
    page.keyboard.press("Enter")
    page.locator("[data-testid=send-offer]").click()
    page.locator("[data-testid=opinion]").get_by_text("床位：胸外 12 床").wait_for()
    shot(page, "referral")


@pytest.mark.parametrize("kind", ["forge", "drop"])
def test_what_a_hub_forges_or_drops_is_said(page, hub, kind: str) -> None:
    open_list(page)
    hub.tell("say", consult=CONSULT, text="一")
    hub.tell("say", consult=CONSULT, text="二")
    hub.tell(kind, consult=CONSULT, seq=2)
    open_case(page, CONSULT)
    alarm = page.locator("[data-testid=distrust]")
    alarm.wait_for()
    assert ("签名或内容不符" if kind == "forge" else "记录链断裂") in alarm.inner_text()
    tab(page, "讨论")
    assert page.get_by_text("伪造").count() == 0
    shot(page, f"distrust-{kind}")


def test_a_forked_directory_stops_everything(page, hub) -> None:
    open_list(page)
    hub.tell("fork")
    page.reload()
    page.locator("[data-testid=directory-alarm]").wait_for()
    assert "分叉" in page.locator("[data-testid=directory-alarm]").inner_text()
    page.get_by_role("link", name="公钥目录").click()
    page.locator("[data-testid=directory-alarm-full]").wait_for()
    shot(page, "directory-alarm")


def test_a_damaged_object_is_refused(page, hub) -> None:
    open_list(page)
    hub.tell("damage", consult=CONSULT, kind="case")
    page.locator(f"tr[data-consult={CONSULT}]").dblclick()
    page.get_by_text("与签名清单中的地址不符").wait_for()


@pytest.mark.parametrize("script", ["CasePage", "assets/worker"])
def test_a_changed_script_does_not_run(browser, hub, script: str) -> None:
    hub.tell("tamper", path=script)
    context = browser.new_context(viewport=SCREEN, base_url=hub.url, locale="zh-CN")
    page = context.new_page()
    log_in(page)
    if script == "CasePage":
        make_keys(page)
        page.locator(f"tr[data-consult={CONSULT}]").dblclick()
        # React takes the page down where a part cannot be had; what matters is that nothing ran.
        page.wait_for_timeout(500)
    else:
        page.locator(".state, .gate").first.wait_for()
        page.wait_for_timeout(500)
    assert page.evaluate("globalThis.stolen") is None
    assert page.locator("[data-painted]").count() == 0
    context.close()


def test_administration(page) -> None:
    log_in(page, "admin")
    page.get_by_role("link", name="人员").click()
    page.get_by_text("<script>alert(1)</script>").first.wait_for()
    shot(page, "people-admin")
    page.get_by_role("link", name="医院与邀请").click()
    page.get_by_role("button", name="邀请设备…").first.click()
    page.get_by_role("button", name="生成接入码").click()
    page.locator("[data-testid=invite-code]").wait_for()
    shot(page, "invite")
    page.get_by_role("button", name="完成").click()
    page.get_by_text("待使用").wait_for()
    page.get_by_role("link", name="设备").click()
    page.get_by_text("时钟偏差 260 秒").wait_for()
    shot(page, "devices")
    page.get_by_role("button", name="同意续期").click()
    page.locator("[data-testid=renewal]").wait_for(state="detached")
    page.get_by_role("button", name="吊销").last.click()
    page.get_by_text("不能恢复").wait_for()
    page.locator(".ant-modal").get_by_role("button", name="吊销").click()
    page.get_by_text("已吊销").wait_for()
    page.get_by_role("link", name="值班安排").click()
    page.locator("[data-department=respiratory]").wait_for()
    shot(page, "duty")
    page.get_by_role("link", name="公钥目录").click()
    page.locator("tr[data-person]").first.wait_for()
    shot(page, "directory")


def test_a_coordinator_sets_up_two_factors_first(page) -> None:
    log_in(page, "coordinator")
    page.locator("[data-testid=otp-secret]").wait_for()
    shot(page, "totp")
    page.locator("#otp-code").fill("000000")
    page.get_by_role("button", name="保存").click()
    page.get_by_text("建立您的个人密钥").wait_for()
