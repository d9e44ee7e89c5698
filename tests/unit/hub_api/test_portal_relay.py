"""The hub's port for boxes: whose certificate opens it, to which people, to which paths."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl

import httpx
import pytest

from core.vault.certificates import sync_name
from core.vault.enrol_errors import NodeRevoked
from edge.uplink.join import join
from hub.api.app import create_portal
from hub.api.relayed import FromBoxes, RelayParts, is_offered, relay_server
from hub.api.serve import portal_for
from hub.registry.devices import Devices, revoke
from hub.store.tables import ATTEMPT, CERTIFICATE, SESSION
from tests.enrol_cases import MINUTE, Region, box_at
from tests.hub_cases import make_hub
from tests.hub_people import PASSWORD, Crew
from tests.portal_cases import running
from tests.sync_site import now_ms, tls_of


class Place:
    """A hub whose port for boxes is open, a box of one hospital, people of two."""

    def __init__(self, folder, url):
        self.ahead = 0
        site = make_hub(folder / "hub", url, self.now, "[relay]\nport = 9\n")
        self.region = Region(site, self.now, folder).serve()
        self.site = self.region.site
        self.box = box_at(folder / "box", now_ms)
        join(self.box.box, self.region.address, self.region.invite().text())
        self.crew = Crew(self.site, self)
        self.crew.ready("own", hospital=self.region.hospital)
        self.crew.ready("strange")
        self.client = httpx.Client()
        self.portal = portal_for(self.site, self.client)
        parts = RelayParts(
            create_portal(self.portal, folder), Devices(self.site), self.now,
            lambda: tls_of(self.region.authority),
        )  # fmt: skip
        self.server = relay_server(parts)

    @property
    def at(self):
        return self.now()

    @at.setter
    def at(self, value):
        self.ahead += max(0, value - self.now())

    def now(self):
        return now_ms() + self.ahead

    def close(self):
        self.client.close()
        self.box.box.close()
        self.region.stop()
        self.site.close()

    def browser(self, port, *, certificate=True, root=None):
        context = ssl.create_default_context(cadata=root or self.box.credentials.region().root)
        if certificate:
            context.load_cert_chain(self.box.box.folder / "uplink" / "device.pem")
        transport = httpx.HTTPTransport(verify=context, trust_env=False)
        return Asking(transport, port, sync_name(self.site.identity.id))


class Asking:
    """A box that passes requests on."""

    def __init__(self, transport, port, name):
        self.transport, self.port, self.name = transport, port, name
        self.headers = {}

    def ask(self, method, path, body=None, **headers):
        request = httpx.Request(
            method, f"https://127.0.0.1:{self.port}{path}", headers={**self.headers, **headers},
            json=body, extensions={"sni_hostname": self.name},
        )  # fmt: skip
        answer = self.transport.handle_request(request)
        answer.read()
        return answer

    def sign_in(self, place, user):
        place.ahead += 31_000  # a code is taken once
        otp = place.crew.code(place.crew.secrets[user])
        return self.ask("POST", "/api/login", {"user": user, "password": PASSWORD, "otp": otp})

    def close(self):
        self.transport.close()


@pytest.fixture
def place(tmp_path, hub_url):
    made = Place(tmp_path, hub_url)
    yield made
    made.close()


@pytest.fixture
def port(place):
    with (
        socket.create_server(("127.0.0.1", 0)) as listening,
        running(place.server, listening) as port,
    ):
        yield port


@pytest.fixture
def box(place, port):
    made = place.browser(port)
    yield made
    made.close()


def test_people_of_the_boxs_hospital_sign_in_through_it(place, box):
    answer = box.sign_in(place, "own")
    assert answer.status_code == 200, answer.text
    cookie = answer.headers["set-cookie"]
    assert "secure" in cookie.lower()
    box.headers = {"Cookie": cookie.partition(";")[0]}
    assert box.ask("GET", "/api/me").json()["user"] == "own"
    assert (
        box.ask("POST", "/api/logout").json()["code"] == "E6005"
    )  # the token is asked for here too
    csrf = {"X-CSRF-Token": answer.json()["csrf"]}
    assert box.ask("POST", "/api/logout", None, **csrf).status_code == 204


def test_people_of_another_hospital_do_not(place, box):
    answer = box.sign_in(place, "strange")
    assert (answer.status_code, answer.json()["code"]) == (403, "E7630")
    assert "set-cookie" not in answer.headers
    with place.site.database.read() as sql:
        mine = SESSION.c.person == place.crew.ids["strange"]
        before = sql.execute(SESSION.select().where(mine)).all()
    token, _ = place.crew.log_in("strange")
    answer = box.ask("GET", "/api/me", Cookie=f"xl_portal={token}")
    assert (answer.status_code, answer.json()["code"]) == (403, "E7630")
    assert len(before) == 1  # the one of the fixture: what began through the box has ended


def test_failures_count_by_the_box_whatever_it_says(place, box):
    wrong = {"user": "own", "password": "a wrong password"}
    box.ask("POST", "/api/login", wrong, **{"X-Forwarded-For": "203.0.113.9"})
    with place.site.database.read() as sql:
        (row,) = sql.execute(ATTEMPT.select())
    assert row.address == f"box:{place.box.box.identity.id[:16]}"


@pytest.mark.parametrize(
    "path",
    ["/", "/portal.html", "/assets/a.js", "/api", "/api/oidc/login", "/api/admin/people", "/apix"],
)
def test_only_the_experts_interface_is_served(box, path):
    answer = box.ask("GET", path)
    assert (answer.status_code, answer.json()["code"]) == (404, "E6006")


@pytest.mark.parametrize(
    ("path", "offered"),
    [("/api/me", True), ("/api/admin/x", False), ("/api/oidc/callback", False), ("/x", False)],
)
def test_what_is_offered(path, offered):
    assert is_offered(path) is offered


def test_without_a_certificate_nobody_gets_in(place, port):
    nobody = place.browser(port, certificate=False)
    with pytest.raises(httpx.TransportError):
        nobody.ask("GET", "/api/about")
    nobody.close()


def test_nor_with_one_of_another_region(place, port, tmp_path):
    url = f"sqlite:///{tmp_path / 'other.db'}"
    other = Region(make_hub(tmp_path / "other hub", url, now_ms), now_ms, tmp_path / "o").serve()
    stranger = box_at(tmp_path / "stranger", now_ms)
    join(stranger.box, other.address, other.invite().text())
    context = ssl.create_default_context(cadata=place.box.credentials.region().root)
    context.load_cert_chain(stranger.box.folder / "uplink" / "device.pem")
    asking = Asking(
        httpx.HTTPTransport(verify=context, trust_env=False), port,
        sync_name(place.site.identity.id),
    )  # fmt: skip
    with pytest.raises(httpx.TransportError):
        asking.ask("GET", "/api/about")
    asking.close()
    stranger.box.close()
    other.stop()
    other.site.close()


def test_a_revoked_box_is_out_within_a_minute(place, box):
    assert box.ask("GET", "/api/about").status_code == 200
    revoke(place.site, place.box.box.identity.id, "tester")
    place.ahead += MINUTE
    answer = box.ask("GET", "/api/about")  # on the connection that it has open
    assert (answer.status_code, answer.json()["code"][:2]) == (403, "E7")


def test_the_rule_needs_no_tls_to_refuse(place):
    seen = []

    async def send(message):
        seen.append(message)

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {"type": "http", "path": "/api/about", "method": "GET", "headers": [], "state": {}}
    rule = FromBoxes(create_portal(place.portal, place.site.folder), Devices(place.site), place.now)
    asyncio.run(rule(scope, receive, send))
    assert seen[0]["status"] == 403
    assert json.loads(seen[1]["body"])["code"].startswith("E7")


def test_a_stream_ends_once_its_box_is_revoked(place):
    """The rule around an answer that goes on for hours, as the stream of events does."""
    box = place.box
    seen = []

    async def endless(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for n in range(100):
            if n == 3:
                revoke(place.site, box.box.identity.id, "tester")
            place.ahead += MINUTE
            await send({"type": "http.response.body", "body": b"beat", "more_body": True})

    async def send(message):
        seen.append(message)

    with place.site.database.read() as sql:
        (der,) = [bytes(row.der) for row in sql.execute(CERTIFICATE.select())]
    scope = {"type": "http", "path": "/api/events", "method": "GET", "headers": [],
             "state": {"peer": der}}  # fmt: skip
    with pytest.raises(NodeRevoked):
        asyncio.run(FromBoxes(endless, Devices(place.site), place.now)(scope, None, send))
    assert len(seen) == 4
