"""A person's keys over their whole life: a real browser, a real hub, the hospital's box.

Made, confirmed by the hospital, opened on a second computer, wrapped anew, forgotten and recovered
with the hospital's printed key, retired and made anew. Needs the built page and Debian's Chromium;
skipped with a reason where either is missing.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from types import SimpleNamespace

import pyotp
import pytest
from sqlalchemy import insert
from typer.testing import CliRunner

from core.seals.attestation import sign_attestation
from core.seals.directory_entries import node_body
from core.seals.keybook import raw_public, spoken
from core.web.access import Passwords
from edge.backup.recovery import public_of, to_text
from edge.cli import app as edge
from edge.store.box import create_box
from edge.store.box import real_outside as box_outside
from hub.outside import real_outside
from hub.registry.hospitals import add_hospital
from hub.registry.keys import PersonKeys, attest_in, read_key
from hub.registry.people import NewPerson, People
from hub.registry.sessions import NewOtp, Sessions, Try
from hub.store.tables import NODE
from tests import browser as browsers
from tests.browser import SCREEN, chromium, needs
from tests.hub_cases import make_hub
from tests.hub_people import BrowserKey
from tests.hub_processes import running
from tests.seal_site import secret, x25519_key

WEB = Path(__file__).resolve().parents[2] / "web"
pytestmark = needs("portal.html", node=False)
PASSWORD = "chosen by the expert"
FIRST = "青山 lantern 七号 orbit 河马"
SECOND = "白鹭 copper 九曲 violin 松针"
THIRD = "新雪 harbor 十里 ember 竹林"
PRINTED = secret("the hospital's printed recovery key")


@pytest.fixture(scope="module")
def browser():
    with chromium() as running:
        yield running


@pytest.fixture
def place(tmp_path):
    """A hub with an expert who has both factors, a colleague with a key, the hospital's box."""
    outside = real_outside()
    site = make_hub(tmp_path / "hub", f"sqlite:///{tmp_path / 'hub.db'}", outside.now_ms)
    hospital = add_hospital(site, "省胸科医院", public_of(PRINTED))
    passwords = Passwords(os.urandom)
    people, sessions = People(site, passwords), Sessions(site, passwords)
    ids, secrets = {}, {}
    for user, name in (("zhang", "张主任"), ("li", "李医师")):
        ids[user] = people.add(
            NewPerson(user, name, "expert", PASSWORD, hospital, "respiratory", "chief",
                      must_change=False)
        )  # fmt: skip
    token, _ = sessions.log_in(Try("zhang", PASSWORD, "", "192.0.2.1"))
    secrets["zhang"] = pyotp.random_base32()
    code = pyotp.TOTP(secrets["zhang"]).at(outside.now_ms() // 1000 - 30)
    sessions.confirm_otp(token, NewOtp(secrets["zhang"], code, "", "192.0.2.1"))
    PersonKeys(site).register(ids["li"], read_key(BrowserKey().form))
    box = create_box(tmp_path / "box", "", box_outside())
    (box.folder / "keys" / "recovery.pub").write_bytes(public_of(PRINTED))
    public = raw_public(box.identity.key.public_key())
    sealing = raw_public(x25519_key("seal").public_key())
    with site.database.write() as sql:
        sql.execute(
            insert(NODE).values(
                id=box.identity.id, hospital=hospital, name="", sign_public=public,
                seal_public=sealing, software="", joined_at=1,
            )
        )  # fmt: skip
        site.directory.append_in(sql, "node", box.identity.id, node_body(hospital, public, sealing))
    box.close()
    yield SimpleNamespace(
        hub=tmp_path / "hub", box=tmp_path / "box", site=site, identity=box.identity,
        person=ids["zhang"], other=ids["li"], otp=secrets["zhang"], folder=tmp_path,
    )  # fmt: skip
    site.close()


def shot(page, name: str) -> None:
    browsers.shot(page, f"keys-{name}")


class Computer:
    """A browser on a computer of its own."""

    def __init__(self, browser, place, url: str) -> None:
        self.place = place
        self.context = browser.new_context(viewport=SCREEN, locale="zh-CN", base_url=url)
        self.page = self.context.new_page()
        self.page.set_default_timeout(40_000)

    def sign_in(self) -> None:
        page = self.page
        page.goto("/")
        page.locator("#login-user").fill("zhang")
        page.locator("#login-password").fill(PASSWORD)
        page.get_by_role("button", name="登录", exact=True).click()
        for _ in range(3):  # each code is taken once: the next half minute's, where one was used
            page.locator("#login-otp").fill(self.code())
            with page.expect_response("**/api/login") as answer:
                page.get_by_role("button", name="确认").click()
            if answer.value.status == 200:
                return
            wait_for_code()
        raise AssertionError("no code was taken")

    def code(self) -> str:
        return pyotp.TOTP(self.place.otp).now()

    def make(self, passphrase: str) -> None:
        self.page.locator("[data-testid=make-keys]").wait_for()
        self.page.locator("#keys-passphrase").fill(passphrase)
        self.page.locator("#keys-again").fill(passphrase)
        self.page.locator("[data-testid=understood]").click()
        self.page.locator("[data-testid=make-keys]").click()
        self.is_open()

    def unlock(self, passphrase: str) -> None:
        self.page.locator("#keys-passphrase").fill(passphrase)
        self.page.get_by_role("button", name="解锁", exact=True).click()

    def is_open(self) -> None:
        self.page.locator("[data-testid=key-state]").filter(has_text="已解锁").wait_for()

    def account(self) -> None:
        self.page.locator("a.key-mark").click()
        self.page.locator("[data-testid=own-print]").wait_for()

    def close(self) -> None:
        self.context.close()


def wait_for_code() -> None:
    """Wait for the next half minute: the second factor's own clock."""
    time.sleep(30 - time.time() % 30 + 0.5)


def vouch(place) -> None:
    """The hospital's box vouches for the present key, as its outbox brings it."""
    known = place.site.directory.current().recipient(place.person)
    with place.site.database.write() as sql:
        attest_in(place.site, sql, place.identity.id, sign_attestation(place.identity, known))


def recovered(place, file: Path) -> Path:
    """The hospital opens a recovery file with its printed key; the person types a passphrase."""
    out = place.folder / "back.json"
    done = CliRunner().invoke(
        edge,
        ["recover-person", "--folder", str(place.box), "--by", "信息科", str(file), str(out)],
        input=f"{to_text(PRINTED)}\n{THIRD}\n",
    )
    assert done.exit_code == 0, done.output
    return out


@pytest.mark.slow
def test_a_key_from_its_making_to_its_retirement(browser, place):
    with running(place.hub, 1) as (hub,):
        first = Computer(browser, place, hub.url)
        page = first.page
        first.sign_in()
        first.make(FIRST)
        first.account()
        made = place.site.directory.current().recipient(place.person)
        assert page.locator("[data-testid=own-print]").inner_text() == spoken(made.key)
        page.get_by_text("尚未经医院确认").wait_for()
        shot(page, "account-unconfirmed")

        vouch(place)
        page.reload()
        page.locator("[data-testid=own-vouched]").filter(has_text="由省胸科医院确认").wait_for()
        page.locator("[data-testid=language]").click()
        page.get_by_text("confirmed by 省胸科医院").wait_for()
        shot(page, "account-en")
        page.locator("[data-testid=language]").click()

        # Another passphrase: wrapped in the worker, the key stays.
        page.locator("#keys-old").fill("a wrong passphrase")
        change(page, SECOND)
        page.get_by_role("alert").filter(has_text="E7040").wait_for()
        page.locator("#keys-old").fill(FIRST)
        page.locator("[data-testid=change-passphrase]").click()
        page.locator("[data-testid=passphrase-changed]").wait_for()
        now = place.site.directory.current()
        assert now.recipient(place.person).key == made.key
        assert now.recipient(place.person).attested == place.identity.id

        # A second computer, with the new passphrase; forgotten there.
        wait_for_code()
        other = Computer(browser, place, hub.url)
        other.sign_in()
        other.unlock(FIRST)
        other.page.get_by_role("alert").filter(has_text="E7040").wait_for()
        other.unlock(SECOND)
        other.is_open()
        other.account()
        other.page.locator("[data-testid=forget-here]").click()
        other.page.locator("[data-testid=forgotten] summary").click()
        with other.page.expect_download() as saved:
            other.page.locator("[data-testid=recovery-file]").click()
        shot(other.page, "forgotten")
        file = place.folder / "recovery.json"
        saved.value.save_as(file)
        back = recovered(place, file)
        other.page.locator("[data-testid=recovered-file]").set_input_files(back)
        other.page.locator("#recovered-passphrase").fill(SECOND)
        other.page.locator("[data-testid=load-recovered]").click()
        other.page.get_by_role("alert").filter(has_text="打不开").wait_for()
        other.page.locator("#recovered-passphrase").fill(THIRD)
        other.page.locator("[data-testid=load-recovered]").click()
        other.is_open()
        other.close()

        # Retired and made anew: said plainly, shown as changed, not vouched for.
        first.account()
        page.locator("[data-testid=retire-key]").click()
        page.locator("[data-testid=retire-dialog]").wait_for()
        shot(page, "retire")
        page.locator("[data-testid=retire-understood]").click()
        page.locator("[data-testid=retire-now]").click()
        first.make(FIRST)
        fresh = place.site.directory.current().recipient(place.person)
        assert (fresh.key != made.key, fresh.attested) == (True, "")
        page.goto("/account")
        page.get_by_text("尚未经医院确认").wait_for()
        assert page.locator("[data-testid=own-print]").inner_text() == spoken(fresh.key)
        first.close()
    hub_reads = b"".join(p.read_bytes() for p in place.hub.parent.glob("hub*/*") if p.is_file())
    for hidden in (FIRST, SECOND, THIRD):
        assert hidden.encode() not in hub_reads


def change(page, passphrase: str) -> None:
    page.locator("#keys-passphrase").fill(passphrase)
    page.locator("#keys-again").fill(passphrase)
    page.locator("[data-testid=change-passphrase]").click()


@pytest.mark.slow
def test_a_changed_key_is_shown_until_somebody_has_compared_it(browser, place):
    with running(place.hub, 1) as (hub,):
        computer = Computer(browser, place, hub.url)
        page = computer.page
        computer.sign_in()
        computer.make(FIRST)
        before = place.site.directory.current().recipient(place.other).key
        swapped = BrowserKey()
        PersonKeys(place.site).register(place.other, read_key(swapped.form))
        for _ in range(2):  # seen once is not compared: it stays
            page.goto("/directory")
            row = page.locator("[data-testid=changed-key]")
            row.filter(has_text=spoken(swapped.id)).filter(has_text=spoken(before)).wait_for()
        assert row.count() == 1
        shot(page, "directory-changed")
        page.locator("[data-testid=language]").click()
        page.get_by_text("personal key changed").wait_for()
        shot(page, "directory-changed-en")
        page.locator("[data-testid=confirm-changed]").click()
        row.wait_for(state="detached")
        page.goto("/directory")
        page.locator(f"tr[data-person={place.other}]").wait_for()
        assert row.count() == 0
        computer.close()


@pytest.mark.slow
def test_a_second_factor_is_replaced_with_a_code_of_the_one_in_force(browser, place):
    with running(place.hub, 1) as (hub,):
        computer = Computer(browser, place, hub.url)
        page = computer.page
        computer.sign_in()
        page.locator("#keys-passphrase").wait_for()
        page.locator("[data-testid=user-menu]").click()
        with page.expect_response("**/api/me/otp") as offered:
            page.get_by_text("设置动态口令").click()
        fresh = offered.value.json()["secret"]
        page.locator("#otp-current").wait_for()
        shot(page, "otp-replace")
        wait_for_code()
        page.locator("#otp-current").fill("000000")
        page.locator("#otp-code").fill(pyotp.TOTP(fresh).now())
        page.locator(".ant-modal button[type=submit]").click()
        page.get_by_role("alert").filter(has_text="E6014").wait_for()
        page.locator("#otp-current").fill(computer.code())
        page.locator("#otp-code").fill(pyotp.TOTP(fresh).now())
        page.locator(".ant-modal button[type=submit]").click()
        page.get_by_text("动态口令已启用").wait_for()
        computer.close()
