"""An expert's click to the first image, by a real browser over a line of 30 Mbit/s and 10 ms.

A hub process, a box that joined it and sent two sealed cases (a 300-slice CT, a radiograph), the
portal as it is built, headless Chromium with unlocked keys. Times are marks of the page: the
click's own time stamp, the moment at which the picture is in the document, checked for pixels.
"""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from provisioning.demo_consult import sign_in
from provisioning.demo_hub import Expert, Hub
from tests.bench.figure import Figure, percentile
from tests.bench.phantoms import phantom
from tests.bench.slow_line import slow_line
from tests.portal_region import SendingBox, region

BITS_PER_S, RTT_S = 30e6, 0.010
_PROBE = Path(__file__).with_name("portal_probe.js")
_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--lang=zh-CN"]
_READING_MS = 2000  # an expert looks at the list before the click
_BLANK = 1.0  # spread of grey values


class Desk:
    """The expert's browser at the end of the line."""

    def __init__(self, browser: Browser, hub: Hub, address: str) -> None:
        self.browser, self.hub, self.address = browser, hub, address
        self.person = hub.people[0]
        self.page: Page = self._first()

    def _first(self) -> Page:
        page = sign_in(self.browser, self.hub, self.person)
        return self._ready(page)

    def _ready(self, page: Page) -> Page:
        page.context.add_init_script(path=_PROBE)
        page.set_default_timeout(120_000)
        return page

    def cold(self) -> Page:
        """Return a page of a computer that the expert never used: nothing is cached or kept."""
        context = self.browser.new_context(viewport={"width": 1366, "height": 768}, locale="zh-CN")
        page = self._ready(context.new_page())
        page.goto(self.address)
        page.locator("#login-user").fill(self.person.user)
        page.locator("#login-password").fill(self.person.password)
        page.get_by_role("button", name="登录", exact=True).click()
        page.locator("#login-otp").fill(_fresh_code(self.person))
        page.get_by_role("button", name="确认").click()
        page.locator("#keys-passphrase").fill(self.person.passphrase)
        page.get_by_role("button", name="解锁", exact=True).click()
        return page

    def click(self, page: Page, consult: str) -> dict[str, Any]:
        """Open a case from the list; return what the page marked."""
        row = page.locator(f"tr[data-consult={consult}]")
        row.wait_for()
        page.wait_for_timeout(_READING_MS)
        row.locator("a.name").click()
        page.evaluate("__bench.until('bench:original')")
        return page.evaluate(
            """() => {
              const at = (name) => performance.getEntriesByName(name).at(-1)?.startTime ?? null;
              const click = at('bench:click');
              const seconds = (at('bench:painted') - click) / 1000;
              const original = (at('bench:original') - click) / 1000;
              return { seconds, original, first: __bench.paints[0], marks: __bench.marks };
            }"""
        )


def _fresh_code(person: Expert) -> str:
    """Return a one-time code that was not used before: the next half minute's."""
    time.sleep(30 - time.time() % 30 + 0.5)
    return person.code()


def measure(work: Path, quick: bool) -> list[Figure]:
    rounds, colds = (3, 1) if quick else (20, 2)
    with region(work) as hub, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=_FLAGS)
        with slow_line(hub.portal, BITS_PER_S, RTT_S) as port:
            hub.address = f"http://127.0.0.1:{port}/"
            desk = Desk(browser, hub, hub.address)
            box = SendingBox(work / "box", hub)
            ct = box.ask(box.keep(phantom("ct", 7)), desk.person.id)
            dx = box.ask(box.keep(phantom("dr", 35)), desk.person.id)
            cases = {"ct": ct, "dx": dx}
            sizes = {name: box.sent_bytes(consult) for name, consult in cases.items()}
            box.close()
            found = {name: _clicks(desk, one, rounds) for name, one in cases.items()}
            cold = {name: [_cold(desk, one) for _ in range(colds)] for name, one in cases.items()}
            series = _whole(desk, ct)
        browser.close()
    return _figures(found, cold, series, sizes)


def _clicks(desk: Desk, consult: str, rounds: int) -> list[dict[str, Any]]:
    """Open a case again and again, each time in a page that was loaded anew."""
    found = []
    for _ in range(rounds + 1):
        desk.page.goto(desk.address)
        found.append(desk.click(desk.page, consult))
    return found[1:]  # the first warms the hub's own caches


def _cold(desk: Desk, consult: str) -> dict[str, Any]:
    page = desk.cold()
    found = desk.click(page, consult)
    page.context.close()
    return found


def _whole(desk: Desk, consult: str) -> dict[str, Any]:
    """Open the CT and scroll while it loads; return when all was there, and what was seen."""
    page = desk.page
    page.goto(desk.address)
    opened = desk.click(page, consult)
    seen = page.evaluate("__bench.scrollFor(12000, 60, 4)")
    page.evaluate("__bench.until('bench:whole')")
    whole = page.evaluate(
        "(performance.getEntriesByName('bench:whole').at(-1).startTime"
        " - performance.getEntriesByName('bench:click').at(-1).startTime) / 1000"
    )
    return {"first": opened["seconds"], "whole": whole, "seen": seen}


def _figures(
    found: dict[str, list[dict[str, Any]]],
    cold: dict[str, list[dict[str, Any]]],
    series: dict[str, Any],
    sizes: dict[str, int],
) -> list[Figure]:
    load = os.getloadavg()[0]
    figures = []
    for name, what in (("ct", "300-slice CT"), ("dx", "radiograph")):
        seconds = [one["seconds"] for one in found[name]]
        blank = sum(one["first"]["spread"] < _BLANK for one in found[name] + cold[name])
        p50, p95 = (percentile(seconds, share) for share in (0.5, 0.95))
        colds = max(one["seconds"] for one in cold[name])
        figures.append(Figure(
            "portal", f"expert's click to the first image, {what}, p50 / p95", "p95 ≤ 1.5 s",
            f"{p50:.2f} / {p95:.2f} s{_whole_later(found[name])}; first visit ever: {colds:.2f} s",
            p95 <= 1.5 and not blank,
            f"30 Mbit/s, 10 ms, {len(seconds)} openings, {sizes[name] / 1e6:.0f} MB sealed",
            detail={"seconds": seconds, "cold": [one["seconds"] for one in cold[name]],
                    "marks": _medians(found[name]), "blank": blank, "load": load},
        ))  # fmt: skip
    seen, floor = series["seen"], sizes["ct"] * 8 / BITS_PER_S
    figures.append(Figure(
        "portal", "blank or unmarked frames while scrolling through a CT that loads", "0",
        f"{seen['blank'] + seen['unmarked']} of {seen['frames']}",
        seen["blank"] == seen["unmarked"] == 0, "as above, every frame that the browser drew",
        detail=series,
    ))  # fmt: skip
    figures.append(Figure(
        "portal", "click to the whole series there", "",
        f"{series['whole']:.1f} s (the line alone: {floor:.1f} s)", None, "as above",
        ratio=series["whole"] / floor,
    ))  # fmt: skip
    return figures


def _whole_later(found: list[dict[str, Any]]) -> str:
    """Return when the original was there, where a smaller picture was first."""
    if all(one["first"]["reduced"] == "false" for one in found):
        return ""
    times = [one["original"] for one in found]
    p50, p95 = percentile(times, 0.5), percentile(times, 0.95)
    return f" as a marked reduced picture, the original at {p50:.2f} / {p95:.2f} s"


def _medians(found: list[dict[str, Any]]) -> dict[str, float]:
    """Return the median time of each of the page's own marks after the click, in ms."""
    times: dict[str, list[float]] = {}
    for one in found:
        for name, at in one["marks"]:
            times.setdefault(name, []).append(at)
    return {name: round(percentile(values, 0.5), 1) for name, values in times.items()}
