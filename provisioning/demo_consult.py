"""A consultation that nobody types: the pages are used in headless Chromium, as people would.

The county's radiologist asks the province's imaging department; an expert opens the sealed case in
the browser, calls a second discipline in, both sign; the county holds the same signed opinions.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from playwright.sync_api import Browser, Page, sync_playwright

from provisioning.demo_county import County
from provisioning.demo_hub import Expert, Hub

_PATIENCE_MS = 120_000
_OPINION = "右上肺空洞伴周围结节，疑似活动性肺结核"
_SECOND = "同意疑似活动性肺结核，建议痰分子检测"


class Steps:
    """Seconds of each step, in order."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str, zh: str) -> Iterator[None]:
        """Measure a step and say that it is done."""
        start = time.monotonic()
        yield
        self.seconds[name] = round(time.monotonic() - start, 3)
        self._say(f"  {zh}  {self.seconds[name]:.1f} s")


def run_round(
    hub: Hub, county: County, say: Callable[[str], None], stop: threading.Event
) -> dict[str, Any]:
    """Send, open, answer and return one consultation; return what both sides hold of it."""
    steps = Steps(say)
    expert, member = hub.people[0], hub.people[1]
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader",
                  "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"],
        )  # fmt: skip
        with steps.step("keys", "专家登录并建立密钥 / the experts sign in and make their keys"):
            pages = {one.user: sign_in(browser, hub, one) for one in (expert, member)}
            set_duty(hub, expert)
        with steps.step("request", "县医院发起会诊 / the county asks"):
            consult = ask(browser, county, expert, stop)
        page = pages[expert.user]
        with steps.step("open", "专家打开第一幅图像 / the expert sees the first image"):
            open_case(page, consult)
        with steps.step("accept", "承接并邀请呼吸科 / accepts, and invites a second discipline"):
            page.locator("[data-testid=accept]").click()
            page.locator("[data-testid=form-opinion]").wait_for()
            invite(page)
        with steps.step("member", "呼吸科专家签署意见 / the second discipline signs"):
            open_case(pages[member.user], consult)
            seen_second = sign(pages[member.user], _SECOND)
        with steps.step("opinion", "专家签署意见 / the expert signs"):
            seen_first = sign(page, _OPINION)
        signed_at = time.monotonic()
        with steps.step("return", "意见回到县医院 / the opinions are at the county"):
            case = returned(county, consult, 2, stop)
        with steps.step("complete", "会诊完成 / completed"):
            page.locator("[data-testid=complete]").click()
            state = completed(county, consult, stop)
        browser.close()
    held = {one["actor"]: one["digest"] for one in case["opinions"]}
    return {
        "consult": consult,
        "state": state,
        "parties": [
            {"role": "requester", "hospital": county.name},
            {"role": "expert", "department": expert.department},
            {"role": "member", "department": member.department},
        ],
        "opinions": [
            {"department": one.department, "sha256_expert": seen, "sha256_county": held.get(one.id)}
            for one, seen in ((expert, seen_first), (member, seen_second))
        ],
        "same": [held.get(expert.id), held.get(member.id)] == [seen_first, seen_second],
        "seconds": steps.seconds | {"signed to county": round(time.monotonic() - signed_at, 3)},
    }


def sign_in(browser: Browser, hub: Hub, person: Expert) -> Page:
    """Sign in with both factors and make the keys."""
    page = browser.new_context(viewport={"width": 1366, "height": 768}, locale="zh-CN").new_page()
    page.set_default_timeout(_PATIENCE_MS)
    page.goto(hub.address)
    page.locator("#login-user").fill(person.user)
    page.locator("#login-password").fill(person.password)
    page.get_by_role("button", name="登录", exact=True).click()
    page.locator("#login-otp").fill(person.code())
    page.get_by_role("button", name="确认").click()
    page.locator("#keys-passphrase").fill(person.passphrase)
    page.locator("#keys-again").fill(person.passphrase)
    page.locator("[data-testid=understood]").click()
    page.locator("[data-testid=make-keys]").click()
    page.locator("[data-testid=key-state]").filter(has_text="已解锁").wait_for()
    page.locator(".live-live").wait_for()
    return page


def fresh_page(browser: Browser) -> Page:
    """Return a page of somebody who was never here."""
    context = browser.new_context(viewport={"width": 1366, "height": 768}, locale="zh-CN")
    page = context.new_page()
    page.set_default_timeout(_PATIENCE_MS)
    return page


def set_duty(hub: Hub, expert: Expert) -> None:
    """Put the expert on the department's roster, as the coordinator does."""
    coordinator = next(one for one in hub.people if one.role == "coordinator")
    with httpx.Client(base_url=f"http://127.0.0.1:{hub.portal}") as client:
        login = {"user": coordinator.user, "password": coordinator.password}
        login["otp"] = coordinator.code()
        me = client.post("/api/login", json=login).raise_for_status().json()
        client.headers["X-CSRF-Token"] = me["csrf"]
        body = {"hospital": me["hospital"], "department": expert.department, "people": [expert.id]}
        client.put("/api/duty", json=body).raise_for_status()


def ask(browser: Browser, county: County, expert: Expert, stop: threading.Event) -> str:
    """Ask the expert's department about the CT (or whatever came) on the county's own page."""
    appliance = county.appliance

    def known() -> Any:
        places = appliance.get("/api/region/roster")["departments"]
        return [p for p in places for one in p["people"] if one["person"] == expert.id]

    until(known, stop)
    rows = [row for row in appliance.worklist() if row["ai"] == "ok"] or appliance.worklist()
    study = sorted(rows, key=lambda row: row["modality"] != "CT")[0]["study"]
    page = fresh_page(browser)
    page.goto(f"{county.address}study/{study}")
    page.locator("#login-user").fill("radiologist")
    page.locator("#login-password").fill(county.accounts["radiologist"])
    page.get_by_role("button", name="登录", exact=True).click()
    page.locator("[data-testid=ask-consult]").click()
    page.get_by_text("请远程会诊").click()
    page.locator("#request-purpose").fill("右上肺病灶性质待定，请协助诊断")
    page.locator("#request-summary").fill("咳嗽三周，低热，痰涂片阴性")
    page.locator("#request-consent").fill("知情同意书 2026-0117")
    page.locator("#request-place").click()
    page.locator(".ant-select-item-option").get_by_text("影像科").last.click()
    # The experts' hospital has no box that could vouch for their keys: the county compares first.
    page.locator("[data-testid=confirm-key]").click()
    page.locator("[data-testid=confirm-key]").wait_for(state="detached")
    page.locator("[data-testid=request-send]").click()
    page.wait_for_url("**/consults/c_*")
    return page.url.rpartition("/")[2]


def open_case(page: Page, consult: str) -> None:
    """Open a case from the list, where it appears by itself; wait for its first image."""
    row, fresh = page.locator(f"tr[data-consult={consult}]"), page.locator("button.fresh")
    row.or_(fresh).first.wait_for()
    if not row.count():
        fresh.click()
    row.dblclick()
    page.locator("[data-painted]").wait_for()


def invite(page: Page) -> None:
    """Invite a discipline: one click prefills, the second sends."""
    page.locator("[data-testid=mdt]").click()
    page.locator("[data-testid=mdt-draft] li").first.wait_for()
    page.locator("[data-testid=mdt-send]").click()
    page.locator("[data-testid=mdt-draft]").wait_for(state="detached")


def sign(page: Page, impression: str) -> str:
    """Write and sign an opinion; return the hash that the page shows."""
    page.locator("#impression-opinion").fill(impression)
    page.locator("[data-testid=sign-opinion]").click()
    page.locator("[data-testid=sign]").click()
    card = page.locator("[data-testid=opinion]").filter(has_text=impression)
    return card.locator("[data-testid=opinion-hash]").inner_text()


def returned(county: County, consult: str, count: int, stop: threading.Event) -> Any:
    """Wait until the county holds the opinions; return its case."""

    def there() -> Any:
        case = county.appliance.get(f"/api/consults/{consult}")
        return case if len(case["opinions"]) >= count else None

    return until(there, stop)


def completed(county: County, consult: str, stop: threading.Event) -> str:
    """Wait for the end and return the state as the county has it."""

    def over() -> Any:
        row = county.appliance.get(f"/api/consults/{consult}")["row"]
        return row["state"] if row["state"] in ("completed", "failed", "cancelled") else None

    return str(until(over, stop))


def until(ask_again: Callable[[], Any], stop: threading.Event, seconds: float = 180) -> Any:
    """Ask until there is an answer.

    Raises
    ------
    TimeoutError
    """
    ends = time.monotonic() + seconds
    while time.monotonic() < ends and not stop.is_set():
        if found := ask_again():
            return found
        stop.wait(0.1)
    raise TimeoutError("the demo waited in vain")
