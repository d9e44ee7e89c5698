"""An expert works through the own hospital's box: its page, the hub's data, a case from a county.

A hub with its port for boxes, a county's box that asks, and the expert's hospital's box whose
portal process runs as the appliance starts it. Needs the built page and Debian's Chromium; skipped
with a reason where either is missing.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import httpx
import pyotp
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from core.vault.identity import write_secret
from core.web.release import MANIFEST
from edge.consult.keys import pin
from edge.consult.requests import Asker, request
from edge.store.box import create_box, real_outside
from edge.uplink.certificates import Credentials
from edge.uplink.join import join
from hub.api.app import create_portal
from hub.api.relayed import RelayParts, relay_server
from hub.api.serve import portal_for
from hub.consult.sink import ConsultSink
from hub.registry.devices import Devices, revoke
from hub.registry.hospitals import add_hospital
from hub.store.tables import WRAP
from provisioning.demo_ports import free_ports
from tests import browser as browsers
from tests.api_site import ApiSite, chest
from tests.browser import chromium, needs
from tests.consult_site import REQUEST
from tests.hub_people import PASSWORD, Crew
from tests.portal_cases import points_at
from tests.portal_cases import running as serving
from tests.sync_site import SyncSite, now_ms, running, tls_of, until
from tests.turning import TurningBox

ROOT = Path(__file__).resolve().parents[2]
pytestmark = needs(MANIFEST, node=False)
FLAGS = [
    "--no-sandbox", "--disable-dev-shm-usage", "--lang=zh-CN", "--use-gl=angle",
    "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist",
]  # fmt: skip
PASSPHRASE = "青山 lantern 七号 orbit 河马"
HOSPITAL = "省胸科医院"
DOCTOR = Asker("physician", "王医生", "physician")


@pytest.fixture(scope="module")
def browser():
    with chromium(FLAGS) as running:
        yield running


class County(TurningBox):
    """A county's box with two radiographs; its lanes are turned by the test."""

    def __init__(self, site: SyncSite, folder: Path):
        self.api = ApiSite(folder)
        self.api.clock.at = now_ms()
        self.box = self.api.box
        self.api.send(chest(1), chest(2))
        join(self.box, site.region.address, site.region.invite().text())
        self.credentials = Credentials(folder / "uplink")
        self.connect_to(site.port)
        self.uplink = None
        self.up()
        self.equip()

    def ask(self, person: str, hospital: str, hub) -> str:
        """Ask the expert; return once the hub has everything."""
        known = self.desk.region.directory
        until(lambda: self.turn() and person in known().contents.people, 60, "the expert's key")
        pin(self.box, person, known().recipient(person).key, "physician")  # compared by telephone
        seat = {"person": person, "part": "expert", "discipline": "respiratory"}
        asked = {**REQUEST, "to_hospital": hospital, "people": [seat]}
        consult = request(self.desk, self.api.site.queue, self.api.study(), asked, DOCTOR)

        def there():
            with hub.database.read() as sql:
                mine = (WRAP.c.consult == consult) & (WRAP.c.recipient == person)
                known = sql.execute(WRAP.select().where(mine)).first()
            return self.turn() and known and self.empty()

        until(there, 120, "the case and its key at the hub")
        return consult


@contextlib.contextmanager
def hub_for_boxes(region: SyncSite):
    """Serve the hub's portal to boxes; yields its port."""
    site, clock = region.site, region.site.outside.now_ms
    with httpx.Client() as client, socket.create_server(("127.0.0.1", 0)) as listening:
        app = create_portal(portal_for(site, client), region.folder)
        parts = RelayParts(app, Devices(site), clock, lambda: tls_of(region.region.authority))
        with serving(relay_server(parts), listening) as port:
            yield port


@contextlib.contextmanager
def box_portal(folder: Path, invitation: str, address: str, hub_port: int):
    """Run the portal process of a box that has joined; yields its address and node."""
    (port,) = free_ports(1)
    toml = f'hospital = "{HOSPITAL}"\n[portal]\nport = {port}\n'
    box = create_box(folder, toml, real_outside())
    recovery = X25519PrivateKey.generate().public_key().public_bytes_raw()
    write_secret(folder / "keys" / "recovery.pub", recovery)
    join(box, address, invitation)
    points_at(Credentials(folder / "uplink"), hub_port)
    node = box.identity.id
    box.close()
    with (folder / "portal.log").open("wb") as log:
        command = [sys.executable, "-m", "edge.main", str(folder), "portal"]
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
        try:
            url = f"http://127.0.0.1:{port}"
            until(lambda: answers(f"{url}/") or process.poll() is not None, 120, "the portal")
            assert process.poll() is None, (folder / "portal.log").read_text()
            yield url, node
        finally:
            process.terminate()
            process.wait(30)


def answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False, timeout=10).status_code == 200
    except httpx.TransportError:
        return False


def shot(page, name: str) -> None:
    browsers.shot(page, f"portal-box-{name}")


def sign_in(page, url: str, secret: str) -> None:
    page.goto(url)
    page.locator("#login-user").fill("zhang")
    page.locator("#login-password").fill(PASSWORD)
    page.get_by_role("button", name="登录", exact=True).click()
    # The half minute of the account's making is used up: the next one is taken early.
    page.locator("#login-otp").fill(pyotp.TOTP(secret).at(now_ms() // 1000 + 30))
    page.get_by_role("button", name="确认").click()


def test_an_expert_opens_a_case_through_the_own_hospitals_box(browser, tmp_path):
    with running(SyncSite(tmp_path / "region", sink=ConsultSink).start()) as (region,):
        hub = region.site
        crew = Crew(hub, SimpleNamespace(at=now_ms()))
        hospital = crew.hospital
        crew.ready("zhang", name="张主任")
        code, at = region.region.invite(hospital).text(), region.region.address
        with (
            hub_for_boxes(region) as hub_port,
            box_portal(tmp_path / "own", code, at, hub_port) as (url, node),
            running(County(region, tmp_path / "county")) as (county,),
        ):
            context = browser.new_context(viewport={"width": 1366, "height": 768}, locale="zh-CN")
            page = context.new_page()
            page.set_default_timeout(60_000)
            faults, hosts = [], set()
            page.on("console", lambda m: faults.append(m.text))
            page.on("request", lambda r: hosts.add(urlsplit(r.url).netloc))
            page.goto(url)
            page.locator("[data-testid=served-by]").wait_for()
            assert page.locator("[data-testid=served-by]").inner_text() == (
                f"页面由本院设备提供（{HOSPITAL}）"
            )
            shot(page, "sign-in")
            sign_in(page, url, crew.secrets["zhang"])
            page.locator("#keys-passphrase").fill(PASSPHRASE)
            page.locator("#keys-again").fill(PASSPHRASE)
            page.locator("[data-testid=understood]").click()
            page.locator("[data-testid=make-keys]").click()
            page.locator("[data-testid=key-state]").filter(has_text="已解锁").wait_for()
            page.locator(".live-live").wait_for()
            (cookie,) = [one for one in context.cookies() if one["name"] == "xl_portal"]
            assert cookie["httpOnly"]
            assert cookie["sameSite"] == "Strict"

            consult = county.ask(crew.ids["zhang"], hospital, hub)
            row, fresh = page.locator(f"tr[data-consult={consult}]"), page.locator("button.fresh")
            row.or_(fresh).first.wait_for()  # told by the stream of events, through the box
            # The list may be read anew meanwhile: then the button is gone and the row there.
            fresh.evaluate_all("found => found.forEach((button) => button.click())")
            row.wait_for()
            row.dblclick()
            page.locator("[data-painted]").wait_for()
            page.get_by_text("张^三").or_(page.get_by_text("张三")).first.wait_for()
            page.locator("[data-testid=user-menu]").click()
            page.get_by_text("页面由本院设备提供").wait_for()
            shot(page, "case")
            page.locator("[data-testid=language]").click()
            page.locator("[data-testid=user-menu]").click()
            page.get_by_text("Page served by your own hospital").wait_for()
            shot(page, "case-en")
            page.locator("[data-testid=user-menu]").click()  # closed again
            page.get_by_text("Page served by your own hospital").wait_for(state="hidden")
            page.locator("[data-testid=accept]").click()
            page.locator("[data-testid=form-opinion]").wait_for()
            assert not [one for one in faults if "Content Security" in one]
            assert hosts - {""} == {urlsplit(url).netloc}  # a blob's address names no host

            revoke(hub, node, "tester")
            until(lambda: told(url).startswith("E73"), 60, "the revocation")
            context.close()
        log = (tmp_path / "own" / "portal.log").read_text()
        for hidden in (PASSWORD, PASSPHRASE, "zhang", consult, cookie["value"]):
            assert hidden not in log


def told(url: str) -> str:
    """Return what the hub says through the box."""
    answer = httpx.get(f"{url}/api/about", trust_env=False, timeout=30)
    return answer.json().get("code", "")


@pytest.mark.slow
def test_who_works_elsewhere_is_sent_away_with_a_sentence(browser, tmp_path):
    with running(SyncSite(tmp_path / "region", sink=ConsultSink).start()) as (region,):
        crew = Crew(region.site, SimpleNamespace(at=now_ms()))
        crew.ready("zhang")
        other = add_hospital(region.site, "乙县医院")
        invitation = region.region.invite(other).text()
        with (
            hub_for_boxes(region) as hub_port,
            box_portal(tmp_path / "b", invitation, region.region.address, hub_port) as (url, _),
        ):
            page = browser.new_context(locale="zh-CN").new_page()
            page.set_default_timeout(60_000)
            sign_in(page, url, crew.secrets["zhang"])
            page.get_by_role("alert").filter(has_text="该设备只为本院人员提供会诊页面").wait_for()
            page.context.close()
