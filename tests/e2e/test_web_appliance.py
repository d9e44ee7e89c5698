"""The page driven in a real browser against a real appliance with phantoms in it.

Needs the built page (``npm run build`` in web/), Debian's Chromium and DCMTK's ``storescu``;
skipped with a reason where one is missing. Screenshots go to ``XINGLIN_SHOTS`` when it is set.
"""

from __future__ import annotations

import io
import time

import numpy as np
import pyotp
import pytest
from PIL import Image

from provisioning.dcmtk import dcmtk_program
from tests.browser import SCREEN, Heard, chromium, needs, shot
from tests.web_site import (
    PASSWORD,
    SYNTAXES,
    WebSite,
    in_every_syntax,
    phantoms,
    slope,
    zipped,
)

pytestmark = [
    *needs("index.html", node=False),
    pytest.mark.skipif(dcmtk_program("storescu") is None, reason="DCMTK is not installed"),
]
ENDED = ("ok", "failed", "refused", "not_applicable")
# The one complaint that is meant: nobody is logged in yet, or a code was wrong.
EXPECTED = ("401 (Unauthorized)",)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("appliance")
    running = WebSite(folder)
    try:
        running.send(phantoms(folder / "phantoms", "ct,dr", 7))
        yield running
    finally:
        running.close()


@pytest.fixture(scope="module")
def browser():
    with chromium() as running:
        yield running


@pytest.fixture
def page(browser, site):
    context = browser.new_context(viewport=SCREEN, base_url=site.url, locale="zh-CN")
    page = context.new_page()
    page.set_default_timeout(30_000)
    heard = Heard(page, EXPECTED)
    yield page
    context.close()
    heard.check(site.url.split("/")[2])


def log_in(page, user: str = "chen", password: str = PASSWORD) -> None:
    page.goto("/")
    page.locator("#login-user").fill(user)
    page.locator("#login-password").fill(password)
    page.get_by_role("button", name="登录").click()


def wait_ended(site, modality: str) -> dict:
    """Return the row once its analysis has ended; it must end well before the test's limit."""
    until = time.monotonic() + 240
    while (row := site.row(modality))["ai"] not in ENDED:
        assert time.monotonic() < until, "the analysis did not end"
        time.sleep(0.3)
    return row


def line(page, study: str):
    return page.locator(f"tr[data-study={study}]")


def open_study(page, study: str) -> None:
    line(page, study).dblclick()
    page.locator("[data-painted]").wait_for()


def place(page) -> tuple[int, int, int]:
    """Return column, row and value under the mouse, as the page says."""
    corner = page.locator(".corner.bottom.left")
    corner.get_by_text("x ", exact=False).wait_for()
    words = corner.inner_text().split()
    at = words.index("x")
    return int(words[at + 1]), int(words[at + 3]), int(words[at + 4])


def test_the_list_is_live_and_finds_by_pinyin(page, site):
    log_in(page)
    page.locator(".live-live").wait_for()
    ct = site.row("CT")
    line(page, ct["study"]).wait_for()
    dx = wait_ended(site, "DX")
    # Said by the event stream: nothing here asks for the list again.
    line(page, dx["study"]).get_by_text("完成").wait_for()
    assert f"{dx['tb_score']:.2f}" in line(page, dx["study"]).inner_text()
    page.keyboard.press("/")
    page.keyboard.type("sds")  # 单大山: a surname of two readings
    page.wait_for_url("**/?q=sds")
    page.locator("[data-testid=count]").get_by_text("共 2 条").wait_for()
    assert ct["patient_name"] in line(page, ct["study"]).inner_text()
    page.locator("[data-testid=search]").fill("nobody")
    page.get_by_text("没有符合筛选条件的检查").wait_for()


def test_a_radiograph_with_its_score_and_heat_map_in_both_languages(page, site):
    row = wait_ended(site, "DX")
    tb = site.detail(row["study"])["analysis"]["tb"]
    log_in(page)
    open_study(page, row["study"])
    assert f"{tb['score']:.3f}" in page.locator("#panel").inner_text()
    assert f"{tb['threshold']:.3f}" in page.locator("#panel").inner_text()
    verdict = page.locator("[data-testid=verdict] b")
    assert verdict.inner_text().startswith("疑似" if tb["positive"] else "低于阈值")
    with page.expect_response("**/heatmap**") as answer:
        page.keyboard.press("h")
    assert answer.value.status == 200
    page.locator("svg image").wait_for()
    shot(page, "appliance-dr")
    page.locator("[data-testid=language]").click()
    page.get_by_role("tab", name="AI result").wait_for()
    assert verdict.inner_text().startswith("TB suspected" if tb["positive"] else "Below")
    page.get_by_role("tab", name="History").click()
    page.locator("#panel").get_by_text("1 images received").wait_for()
    page.locator("[data-testid=language]").click()
    page.get_by_role("tab", name="质控").click()
    # A digital patient's radiograph is not like those the score was learnt from, and that is said.
    page.get_by_text("可阅片，有质量警告").wait_for()
    page.locator("#panel").get_by_text("与训练所用影像差别较大").first.wait_for()


def test_a_ct_with_outlines_on_its_lesions(page, site):
    row = wait_ended(site, "CT")
    log_in(page)
    line(page, row["study"]).wait_for()
    shot(page, "appliance-worklist")
    open_study(page, row["study"])
    detail = site.detail(row["study"])
    lesions = detail["analysis"]["lesions"]
    assert lesions
    assert page.locator(".lesions tbody tr").count() == len(lesions) == row["lesion_count"]
    assert page.locator("[data-testid=verdict] b").inner_text() == f"检出 {len(lesions)} 个病灶候选"
    info = page.locator("[data-testid=frame-info]")
    assert "1500 / -600" in info.inner_text(), "first picture in the lung window"
    page.keyboard.press("2")
    info.get_by_text("400 / 40").wait_for()
    page.keyboard.press("1")
    before = info.inner_text()
    page.locator("[data-testid=pane]").hover()
    page.mouse.wheel(0, 100)
    info.get_by_text(f"{row['instance_count'] // 2 + 2} / {row['instance_count']}").wait_for()
    assert info.inner_text() != before
    check_outline(page, site, detail, max(lesions, key=lambda one: one["volume_ml"]))
    shot(page, "appliance-ct")
    page.get_by_role("tab", name="质控").click()
    verdicts = {"pass": "图像质量合格", "warn": "可阅片，有质量警告"}
    page.locator("#panel").get_by_text(verdicts[detail["analysis"]["qc"]["verdict"]]).wait_for()
    page.get_by_role("tab", name="记录").click()
    page.locator("#panel").get_by_text("AI 分析完成").wait_for()
    page.get_by_role("tab", name="回传").click()
    page.get_by_text("没有结果发送到 PACS").wait_for()


def test_the_list_has_pictures_counts_and_a_screening_mode_whose_decisions_are_records(page, site):
    ct, film = wait_ended(site, "CT"), wait_ended(site, "DX")
    log_in(page)
    for row in (ct, film):
        picture = line(page, row["study"]).locator("img.thumb")
        until = time.monotonic() + 60
        while picture.count() == 0:  # made in the background; the list does not wait for it
            assert time.monotonic() < until, "no thumbnail was made"
            page.keyboard.press("r")
            page.locator("table[aria-busy=false]").wait_for()
        size = picture.evaluate("i => i.decode().then(() => [i.naturalWidth, i.naturalHeight])")
        assert max(size) > 100
    shot(page, "appliance-home")
    page.locator("[data-testid=filter-modality]").click()
    page.locator(".ant-select-item-option:visible").get_by_text("DR", exact=False).first.click()
    page.wait_for_url("**modality=DR**")
    line(page, ct["study"]).wait_for(state="detached")
    page.locator("[data-testid=screening]").click()
    page.locator("[data-testid=screen-start]").click()
    page.locator("[data-testid=screen-suspicious]:enabled").wait_for()
    assert page.locator(".screen-side").get_by_text("AI：").count() == 0
    shot(page, "appliance-screening")
    page.keyboard.press("2")
    page.locator("[data-testid=screen-tally]").wait_for()
    page.keyboard.press("Enter")
    page.get_by_text("本批已结束").wait_for()
    detail = site.detail(film["study"])
    assert detail["row"]["screening"] == "suspicious"
    assert "筛查判读：可疑（陈放）" in [one["text_zh"] for one in detail["history"]]


def check_outline(page, site, detail, lesion) -> None:
    """The outline of a lesion is drawn where the interface says, on a picture of that slice."""
    page.locator(".lesions tbody tr").nth(lesion["id"] - 1).click()
    chosen = page.locator(".ai-line.chosen .dash")
    chosen.first.wait_for()
    outlines = site.detail(f"{detail['row']['study']}/outlines")["lines"]
    number = int(page.locator("[data-testid=pane]").get_attribute("data-painted"))
    manifest = site.detail(f"{detail['row']['study']}/manifest")["series"]
    series = detail["analysis"]["series"]["series_uid"]
    (images,) = [one["instances"] for one in manifest if one["series_uid"] == series]
    sop = images[number]["00080018"]["Value"][0]
    drawn = [one for one in outlines[f"{sop}/1"] if one["lesion"] == lesion["id"]]
    boxes = [chosen.nth(i).bounding_box() for i in range(chosen.count())]
    assert len(boxes) == len(drawn)
    for box, line_ in zip(boxes, drawn, strict=True):
        points = np.array(line_["points"])
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        column, row, _ = place(page)
        middle = (points.min(axis=0) + points.max(axis=0)) / 2
        assert np.abs(middle - (column, row)).max() <= 1.5, (middle, column, row)


def test_every_transfer_syntax_shows_the_same_values(page, site):
    log_in(page)
    page.get_by_role("link", name="上传").click()
    files = page.locator("[data-testid=files]")
    picture = io.BytesIO()
    Image.fromarray((slope() // 4).astype(np.uint8)).save(picture, "PNG")
    files.set_input_files(
        [
            {
                "name": "压缩.zip",
                "mimeType": "application/zip",
                "buffer": zipped(*in_every_syntax()),
            },
            {"name": "胸片.png", "mimeType": "image/png", "buffer": picture.getvalue()},
            {"name": "说明.txt", "mimeType": "text/plain", "buffer": b"no image " * 40},
        ]
    )
    page.get_by_text("上传完成").wait_for()
    page.locator("li").get_by_text("说明.txt").wait_for()
    facts = page.locator(".facts.wide dd").all_text_contents()
    assert facts[:3] == [str(len(SYNTAXES) + 1), "0", "1"]
    page.get_by_role("link", name="隔离区").click()
    page.get_by_text("待处理").wait_for()
    shot(page, "appliance-quarantine")
    page.goto("/")
    open_study(page, site.row("OT")["study"])
    pane = page.locator("[data-testid=pane]").bounding_box()
    for number, name in enumerate(SYNTAXES):
        page.locator("nav.series button").nth(number).click()
        page.locator("nav.series button[aria-current=true]").get_by_text(
            name, exact=True
        ).wait_for()
        page.locator(".fidelity").wait_for(state="detached")
        page.mouse.move(pane["x"] + pane["width"] / 2 + 40 + number, pane["y"] + 200)
        column, row, value = place(page)
        lossy = name == "JPEG"
        truth = slope()[row, column] // 4 if lossy else slope()[row, column]
        assert abs(int(truth) - value) <= (3 if lossy else 0), name


def test_device_it_keeps_the_box_and_sees_no_patient(page, site):
    log_in(page, "li")
    page.wait_for_url("**/queue")
    assert page.get_by_role("link", name="工作列表").count() == 0
    page.get_by_text("已停止 0").wait_for()
    page.get_by_role("link", name="系统").click()
    page.get_by_text("杏林示范县人民医院").wait_for()
    page.get_by_text("空间", exact=False).first.wait_for()
    page.get_by_text("ct_lesions").first.wait_for()
    shot(page, "appliance-system")
    page.get_by_role("link", name="用户").click()
    page.get_by_role("cell", name="王芳").wait_for()
    shot(page, "appliance-users")


def test_a_first_password_must_change_and_a_second_factor_is_asked_for(page, site):
    log_in(page, "wang")
    page.get_by_text("请先修改").wait_for()
    shot(page, "appliance-must-change")
    page.locator("#pw-old").fill(PASSWORD)
    page.locator("#pw-new").fill("another long passphrase")
    page.locator("#pw-again").fill("another long passphrase")
    page.get_by_role("button", name="保存").click()
    page.locator("tr[data-study]").first.wait_for()
    page.locator("[data-testid=user-menu]").click()
    page.get_by_text("设置动态口令").click()
    secret = page.locator("[data-testid=otp-secret]").inner_text()
    page.locator(".qr svg").wait_for()
    shot(page, "appliance-otp")
    page.locator("#otp-code").fill(pyotp.TOTP(secret).now())
    page.get_by_role("button", name="保存").click()
    page.get_by_text("动态口令已启用").wait_for()
    page.context.clear_cookies()
    log_in(page, "wang", "another long passphrase")
    page.locator("#login-otp").fill("000000")
    page.get_by_role("button", name="确认").click()
    page.get_by_text("E6014").wait_for()
    page.locator("#login-otp").fill(pyotp.TOTP(secret).now())
    page.get_by_role("button", name="确认").click()
    page.locator("tr[data-study]").first.wait_for()
