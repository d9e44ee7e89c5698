"""An expert's first day in a real browser against a real hub process: password, code, keys.

Needs the built page and Debian's Chromium; skipped with a reason where either is missing.
"""

from __future__ import annotations

import os
from pathlib import Path

import pyotp
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from core.seals.directory import verify_directory
from core.seals.keybook import raw_public
from core.seals.person import recover
from core.web.access import Passwords
from hub.outside import real_outside
from hub.registry.hospitals import add_hospital
from hub.registry.keys import PersonKeys
from hub.registry.people import NewPerson, People
from hub.site import open_hub
from tests.browser import chromium, needs
from tests.hub_cases import make_hub
from tests.hub_processes import running

pytestmark = needs("portal.html", node=False)
GIVEN, OWN = "given by the hub", "chosen by the expert"
PASSPHRASE = "青山 lantern 七号 orbit 河马"


@pytest.fixture(scope="module")
def browser():
    with chromium() as running:
        yield running


@pytest.fixture
def recovery():
    return X25519PrivateKey.generate()


@pytest.fixture
def folder(tmp_path, recovery):
    outside = real_outside()
    url = f"sqlite:///{tmp_path / 'hub.db'}"
    site = make_hub(tmp_path / "hub", url, outside.now_ms)
    hospital = add_hospital(site, "省胸科医院", raw_public(recovery.public_key()))
    people = People(site, Passwords(os.urandom))
    people.add(
        NewPerson("zhang", "张主任 <b>x</b>", "expert", GIVEN, hospital, "respiratory", "chief")
    )
    site.close()
    return tmp_path / "hub"


def shot(page, name: str) -> None:
    where = os.environ.get("XINGLIN_SHOTS")
    if where:
        page.screenshot(path=str(Path(where) / f"portal-hub-{name}.png"))


def sign_in(page, url, password):
    page.goto(url)
    page.locator("#login-user").fill("zhang")
    page.locator("#login-password").fill(password)
    page.get_by_role("button", name="登录", exact=True).click()


def test_an_experts_first_day(browser, folder, recovery):
    with running(folder, 1) as (hub,):
        context = browser.new_context(viewport={"width": 1366, "height": 768}, locale="zh-CN")
        page = context.new_page()
        page.set_default_timeout(20_000)
        refused = []
        page.on("console", lambda m: refused.append(m.text) if "Content Security" in m.text else 0)
        sign_in(page, hub.url, GIVEN)
        fields = page.locator("input[type=password]")
        fields.nth(2).wait_for()
        for n, text in enumerate((GIVEN, OWN, OWN)):
            fields.nth(n).fill(text)
        shot(page, "password")
        page.locator("button[type=submit]").last.click()
        with page.expect_response("**/api/me/otp") as offered:
            pass
        secret = offered.value.json()["secret"]
        page.locator("form input").last.fill(pyotp.TOTP(secret).now())
        shot(page, "otp")
        page.locator("button[type=submit]").last.click()
        page.locator("#keys-passphrase").fill(PASSPHRASE)
        page.locator("#keys-again").fill(PASSPHRASE)
        page.locator("[data-testid=understood]").click()
        shot(page, "keys")
        with page.expect_response("**/api/me/key") as made:
            page.locator("[data-testid=make-keys]").click()
        assert made.value.status == 201
        cookies = {cookie["name"]: cookie for cookie in context.cookies()}
        assert cookies["xl_portal"]["httpOnly"]
        assert cookies["xl_portal"]["sameSite"] == "Strict"
        context.close()
        assert refused == []

    site = open_hub(folder, real_outside())
    shown = site.directory.show(0)
    public = raw_public(site.identity.key.public_key())
    (person,) = verify_directory(shown.entries, shown.head, public).contents.people.values()
    assert (person.name, person.title) == ("张主任 <b>x</b>", "chief")
    kept = PersonKeys(site).current(person.person)
    opened = recover(bytes(kept.recovery), recovery)  # the hospital can, by its printed key
    assert raw_public(opened.agree.public_key()) == person.agree_public
    hub_reads = b"".join(p.read_bytes() for p in folder.parent.rglob("*") if p.is_file())
    for hidden in (PASSPHRASE.encode(), OWN.encode(), secret.encode()):
        assert hidden not in hub_reads
    site.close()
