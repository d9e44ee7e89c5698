"""The modality room in a real browser: it rings, somebody has seen it, the physician is told.

The first test runs on a real box behind the real web application. The second sends a spoilt
phantom from storescu to a whole appliance (``make soak``) and measures how soon the page shows it.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
import uvicorn

from core.phantom.studies import Order, make_study
from core.records.record import Draft
from edge.quality.arrivals import after_image
from provisioning.dcmtk import dcmtk_program
from provisioning.demo_ports import free_ports
from tests.api_site import PASSWORD, ApiSite, chest
from tests.browser import SCREEN, WEB, Heard, chromium, needs, shot
from tests.web_site import PASSWORD as APPLIANCE_PASSWORD
from tests.web_site import WebSite

DIST = Path(os.environ.get("XINGLIN_DIST") or WEB / "dist")
pytestmark = needs("index.html", node=False)
BLUR = {"code": "DR_BLUR", "severity": "reject", "message": "图像模糊；请屏气后重拍。",
        "message_zh": "图像模糊；请屏气后重拍。", "message_en": "Blurred; repeat with breath held.",
        "metric": None, "value": None, "limit": None}  # fmt: skip
AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
EXPECTED = ("401 (Unauthorized)", "ERR_INCOMPLETE", "ERR_CONNECTION", "503 (Service", "404 (Not")


@pytest.fixture
def site(tmp_path):
    made = ApiSite(tmp_path / "box", DIST, roles=("radiographer", "radiologist"))
    made.clock.at = int(time.time() * 1000)
    (port,) = free_ports(1)
    config = uvicorn.Config(made.app, "127.0.0.1", port, log_level="error", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    made.host = f"127.0.0.1:{port}"
    while not server.started and thread.is_alive():
        time.sleep(0.05)
    yield made
    server.should_exit = True
    thread.join(10)


def film(site, number, *reasons):
    """Send a radiograph and judge it, as the stage does; return the study."""
    about = {"Modality": "DX", "StationName": "DR-2", "ManufacturerModelName": "M1"}
    site.send(chest(number, study="1.5.1", **about))
    ref = site.box.vault.study("1.5.1")
    qc = {"verdict": "reject" if reasons else "pass", "reasons": list(reasons), "metrics": {}}
    body = {"sop_instance": f"1.5.1.1.{number}", "qc": qc, "seconds": 0.1}
    site.box.append([Draft("qc.assessed", body, subject=ref.subject, key=ref.study)])
    after_image(site.box, ref.study, body)
    return ref.study


def signed_in(browser, url, user, path, password=PASSWORD):
    """Return a page of a person's own browser, signed in at a path."""
    context = browser.new_context(viewport=SCREEN, base_url=url, locale="zh-CN")
    page = context.new_page()
    page.set_default_timeout(20_000)
    page.goto(path)
    page.locator("#login-user").fill(user)
    page.locator("#login-password").fill(password)
    page.get_by_role("button", name="登录").click()
    return page


def test_the_room_rings_somebody_has_seen_it_and_the_physician_is_told(site):
    study = film(site, 1)
    url = f"http://{site.host}"
    with chromium() as browser:
        room = signed_in(browser, url, "radiographer", "/room?station=DR-2")
        heard = Heard(room, EXPECTED)
        room.get_by_text("没有需要重拍或重发的检查").wait_for()
        room.locator("[data-testid=room-sound][data-heard=true]").wait_for()
        doctor = signed_in(browser, url, "radiologist", f"/study/{study}")
        doctor.locator("#tab-qc").click()
        assert doctor.get_by_test_id("quality-line").count() == 0, "silent where quality passed"
        film(site, 2, BLUR)
        card = room.locator("[data-request]")
        card.get_by_text("嘱患者屏气").wait_for()
        assert room.title().startswith("(1) ")
        doctor.get_by_test_id("quality-line").get_by_text("机房尚未确认").wait_for()
        room.keyboard.press("a")
        doctor.get_by_test_id("quality-line").get_by_text("radiographer 某").wait_for()
        shot(doctor, "room-physician")
        film(site, 3)
        room.get_by_text("没有需要重拍或重发的检查").wait_for()
        doctor.get_by_test_id("quality-line").get_by_text("已重拍").wait_for()
        # The same physician asks by hand; the room answers that the patient has left.
        doctor.keyboard.press("Shift+Q")
        doctor.locator("#repeat-note").fill("右肋膈角未包全")
        doctor.get_by_role("button", name="通知机房", exact=True).click()
        room.get_by_text("“右肋膈角未包全”").wait_for()
        room.keyboard.press("Shift+L")
        room.get_by_role("heading", name="Modality room").wait_for()
        room.keyboard.press("x")
        room.get_by_text("the patient has left").click()
        room.get_by_role("button", name="Save").click()
        room.locator("[data-closed]").first.wait_for()
        doctor.get_by_test_id("quality-line").get_by_text("患者已离开").wait_for()
        # Nobody takes a dead page for a quiet day: a session that ends is as loud as a cut cable.
        with site.box.database.transaction() as sql:
            sql.execute("DELETE FROM session WHERE user = 'radiographer'")
        room.locator("[data-testid=room-line][data-state=lost]").wait_for()
        doctor.goto("/quality?by=device&days=3650")
        doctor.locator("[data-line*='DR-2'] [data-count=done]").wait_for()
        heard.check(site.host)


@pytest.mark.slow
@pytest.mark.skipif(dcmtk_program("storescu") is None, reason="DCMTK is not installed")
def test_a_spoilt_film_from_the_device_rings_in_the_room_within_a_second(tmp_path, capsys):
    made = {
        fault: make_study(Order("dr", 7, "normal", "small", AT, fault), tmp_path / fault)
        for fault in ("blurred", "none")
    }
    for truth in tmp_path.rglob("truth.json"):
        truth.unlink()
    site = WebSite(tmp_path)
    try:
        with chromium() as browser:
            room = signed_in(browser, site.url, "chen", "/room", APPLIANCE_PASSWORD)
            room.get_by_text("没有需要重拍或重发的检查").wait_for()
            room.locator("[data-testid=room-sound][data-heard=true]").wait_for()
            room.evaluate(
                "new MutationObserver(() => { if (document.querySelector('[data-request]'))"
                " window.shownAt ??= Date.now() })"
                ".observe(document.body, { subtree: true, childList: true })"
            )
            sent = time.time()
            site.send(made["blurred"][0][0].parent)
            room.locator("[data-request]").wait_for()
            room.get_by_text("嘱患者屏气").wait_for()
            shot(room, "room-rings")
            (request,) = site.reader.get("/api/room")["open"]
            asked_ms = datetime.fromisoformat(request["at"]).timestamp() * 1000
            waited_ms = room.evaluate("window.shownAt") - asked_ms
            whole_s = room.evaluate("window.shownAt") / 1000 - sent
            study = request["study"]
            doctor = signed_in(browser, site.url, "chen", f"/study/{study}", APPLIANCE_PASSWORD)
            doctor.get_by_test_id("quality-line").get_by_text("机房尚未确认").wait_for()
            doctor.get_by_test_id("quality-note").wait_for()
            room.get_by_test_id("room-acknowledge").click()
            doctor.get_by_test_id("quality-line").get_by_text("陈放").wait_for()
            shot(doctor, "room-seen")
            doctor.goto(f"/study/{study}/report")
            doctor.get_by_test_id("quality-line").get_by_text("图像模糊").wait_for()
            site.send(made["none"][0][0].parent)
            room.get_by_text("没有需要重拍或重发的检查").wait_for(timeout=60_000)
            with capsys.disabled():
                sys.stdout.write(
                    f"\nrequest recorded → on the room's screen {waited_ms:.0f} ms; "
                    f"storescu started → on the screen {whole_s:.1f} s\n"
                )
            assert waited_ms <= 1000
            site.process.terminate()
            room.locator("[data-testid=room-line][data-state=lost]").wait_for()
            shot(room, "room-lost")
    finally:
        site.close()
