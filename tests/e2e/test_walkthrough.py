"""The whole way of a case (docs/walkthrough.md): found, read, corrected, signed, in the PACS.

A real appliance, a phantom sent as a modality sends, Orthanc as the PACS, Chromium. Every step is
looked at in both languages: the toggle keeps the page and what is not saved yet. Screenshots go to
``XINGLIN_SHOTS``.
"""

from __future__ import annotations

import time

import pyotp
import pytest

from provisioning.dcmtk import dcmtk_program
from tests.browser import SCREEN, Heard, chromium, needs, shot
from tests.orthanc_site import needs_orthanc, running_orthanc
from tests.web_site import PASSWORD, WebSite, phantoms

pytestmark = [
    pytest.mark.slow,
    *needs("index.html", node=False),
    needs_orthanc,
    pytest.mark.skipif(dcmtk_program("storescu") is None, reason="DCMTK is not installed"),
]
PACS = """
[[peers]]
name = "pacs"
ae_title = "ORTHANC"
host = "127.0.0.1"
port = {port}
traits = ["pacs"]
confirmation = "query"
[delivery]
destination = "pacs"
"""


class Walk:
    """The appliance, the PACS, and the second factor of the physician."""

    def __init__(self, folder, orthanc) -> None:
        self.orthanc = orthanc
        self.secret = ""
        self.site = WebSite(folder, PACS.format(port=orthanc.dicom_port), self._second_factor)
        self.site.send(phantoms(folder / "phantoms", "ct", 7))

    def _second_factor(self, people) -> None:
        people.add("liu", "刘芳", "radiologist", PASSWORD, must_change=False)
        self.secret = people.begin_otp("liu")["secret"]
        people.confirm_otp("liu", self.secret, pyotp.TOTP(self.secret).now())

    def fresh_code(self) -> str:
        """Return a code that was not used yet: each counts once."""
        totp, now = pyotp.TOTP(self.secret), time.time()
        time.sleep(30 - now % 30 + 0.5)
        return totp.now()

    def analysed(self) -> dict:
        until = time.monotonic() + 280
        while (row := self.site.row("CT"))["ai"] in ("waiting", "running"):
            assert time.monotonic() < until, "the analysis did not end"
            time.sleep(0.3)
        return row


@pytest.fixture(scope="module")
def walk(tmp_path_factory):
    folder = tmp_path_factory.mktemp("walk")
    with running_orthanc(folder) as orthanc:
        made = Walk(folder, orthanc)
        yield made
        made.site.close()


@pytest.fixture
def page(walk):
    with chromium() as browser:
        context = browser.new_context(viewport=SCREEN, base_url=walk.site.url, locale="zh-CN")
        page = context.new_page()
        page.set_default_timeout(40_000)
        heard = Heard(page, ("401 (Unauthorized)",))
        yield page
        context.close()
        heard.check(walk.site.url.split("/")[2])


def both(page, name: str, zh: str, en: str) -> None:
    """Look at the page in both languages; it is Chinese before and after."""
    page.get_by_text(zh).filter(visible=True).first.wait_for()
    shot(page, f"walk-{name}-zh")
    page.locator("[data-testid=language]").click()
    page.get_by_text(en).filter(visible=True).first.wait_for()
    shot(page, f"walk-{name}-en")
    page.locator("[data-testid=language]").click()
    page.get_by_text(zh).filter(visible=True).first.wait_for()


def test_found_read_corrected_signed_and_in_the_pacs(page, walk):
    row = walk.analysed()
    study = row["study"]
    assert row["ai"] == "ok"

    # 1. Find.
    page.goto("/")
    page.locator("#login-user").fill("liu")
    page.locator("#login-password").fill(PASSWORD)
    page.get_by_role("button", name="登录").click()
    page.locator("#login-otp").fill(walk.fresh_code())
    page.get_by_role("button", name="确认").click()
    page.locator(f"tr[data-study='{study}']").wait_for()
    page.keyboard.press("/")
    page.keyboard.type("sds")
    page.wait_for_url("**/?q=sds")
    both(page, "1-find", "工作列表", "Worklist")
    page.locator(f"tr[data-study='{study}']").dblclick()

    # 2. Read: the AI's outlines are only looked at; a length of one's own.
    page.locator("[data-painted]").wait_for()
    page.keyboard.press("n")
    page.keyboard.press("d")
    box = page.locator("[data-testid=pane]").first.bounding_box()
    x, y = box["x"] + box["width"] * 0.4, box["y"] + box["height"] * 0.35
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60, y + 30, steps=4)
    page.mouse.up()
    page.locator("[data-testid=measure-length]").get_by_text(" mm").first.wait_for()
    both(page, "2-read", "AI 结果", "AI result")

    # 3. Correct an outline.
    page.keyboard.press("e")
    first = page.locator("[data-testid=review] .review-row").first
    first.wait_for()
    first.click()
    for key in ("b", "[", "[", "["):
        page.keyboard.press(key)
    drawn = page.locator(".review-line").first.bounding_box()
    page.mouse.click(drawn["x"] + drawn["width"], drawn["y"] + drawn["height"] * 0.5)
    page.locator("[data-testid=draft]").get_by_text("草稿已保存").wait_for()
    page.locator("[data-testid=accept-rest]").click()
    both(page, "3-correct", "草稿已保存", "saved")
    page.locator("[data-testid=submit-review]").click()
    page.locator("[data-testid=counts]").wait_for()
    page.get_by_role("button", name="确认提交").click()
    page.locator("[data-testid=review-version]").get_by_text("第 1 版").wait_for()

    # 4. Report: a person confirms every statement of the AI, then signs with the second factor.
    page.get_by_role("link", name="写报告").click()
    page.locator("[data-testid=report-sign]").wait_for()
    both(page, "4-report", "影像所见", "Findings")
    for section in ("findings", "impression", "advice"):
        for button in page.locator(f"[data-section={section}] h2 button").all():
            button.click()
        for button in page.locator(f"[data-section={section}] .unconfirmed button").all():
            if button.is_visible() and button.inner_text() == "确认":
                button.click()
    page.locator("[data-testid=report-saved]").wait_for()
    page.locator("[data-testid=report-sign]").click()
    page.locator("#report-otp").fill(walk.fresh_code())
    page.get_by_role("button", name="签发", exact=True).click()
    page.locator("[data-testid=report-state]").get_by_text("已签发").wait_for()
    both(page, "5-signed", "已签发", "Signed")

    # 5. It is in Orthanc: the corrected segmentation, the structured reports, the letter.
    kinds = in_pacs(walk, row["study_uid"])
    assert {"SEG", "SR", "DOC"} <= kinds
    page.goto(f"/study/{study}")
    page.locator("[data-painted]").wait_for()
    page.get_by_role("tab", name="回传").click()
    both(page, "6-pacs", "已确认", "confirmed")


def in_pacs(walk, study_uid: str) -> set[str]:
    """Return the modalities of the study there, once the letter has come."""
    until = time.monotonic() + 120
    query = {"Level": "Series", "Query": {"StudyInstanceUID": study_uid}, "Expand": True}
    while True:
        found = walk.orthanc.ask("/tools/find", query)
        kinds = {one["MainDicomTags"]["Modality"] for one in found}
        if "DOC" in kinds:
            return kinds
        assert time.monotonic() < until, f"the letter did not come to the PACS: {sorted(kinds)}"
        time.sleep(0.5)
