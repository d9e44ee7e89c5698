"""Pictures of a consultation for the documentation: ``python -m provisioning.screenshots [OUT]``.

The demo's region with the built-in phantom; the pages are used as people use them. Writes
``portal-case.png`` (the expert's page) and ``county-case.png`` (the county's), 1366 x 768.
"""

from __future__ import annotations

import contextlib
import shutil
import sys
import tempfile
import threading
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from provisioning import demo_consult
from provisioning.demo import process, start
from provisioning.demo_county import County, say
from provisioning.demo_hub import Hub
from provisioning.demo_input import prepare

_OPINION = "右上肺空洞伴周围结节，疑似活动性肺结核，建议痰抗酸涂片与分子检测"
_GL = ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
       "--ignore-gpu-blocklist"]  # fmt: skip
_QUIET_MS = 6000  # tooltips gone, all slices there


def main() -> None:
    """Take the pictures."""
    out = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/images")
    stop = threading.Event()
    with tempfile.TemporaryDirectory(prefix="xinglin-shots-") as name, contextlib.ExitStack() as up:
        folder = Path(name)
        studies = prepare(None, folder / "input", say)
        hub, counties = start(folder, up, stop)
        process(counties[0], [one for one in studies if one.name.startswith("ct")], stop)
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=_GL)
            consult = _expert(browser, hub, counties[0], out, stop)
            _county(browser, counties[0], consult, out, stop)
            browser.close()


def _expert(browser: Browser, hub: Hub, county: County, out: Path, stop: threading.Event) -> str:
    """Ask, open, accept and sign; take the expert's page. Return the case's id."""
    expert = hub.people[0]
    page = demo_consult.sign_in(browser, hub, expert)
    demo_consult.set_duty(hub, expert)
    consult = demo_consult.ask(browser, county, expert, stop)
    demo_consult.open_case(page, consult)
    page.locator("[data-testid=accept]").click()
    page.locator("[data-testid=form-opinion]").wait_for()
    demo_consult.sign(page, _OPINION)
    _picture(page, out / "portal-case.png")
    return consult


def _county(
    browser: Browser, county: County, consult: str, out: Path, stop: threading.Event
) -> None:
    """Take the county's page of the same case, with the opinion that came back."""
    demo_consult.returned(county, consult, 1, stop)
    page = demo_consult.fresh_page(browser)
    page.goto(f"{county.address}consults/{consult}")
    page.locator("#login-user").fill("radiologist")
    page.locator("#login-password").fill(county.accounts["radiologist"])
    page.get_by_role("button", name="登录", exact=True).click()
    page.get_by_text(_OPINION).first.wait_for()
    _picture(page, out / "county-case.png")


def _picture(page: Page, path: Path) -> None:
    page.mouse.move(700, 400)
    page.wait_for_timeout(_QUIET_MS)
    page.screenshot(path=str(path))
    say(f"→ {path}")


if __name__ == "__main__":
    main()
