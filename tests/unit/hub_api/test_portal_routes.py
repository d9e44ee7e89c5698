"""Every route, every role: who may do what is typed by hand here, and no route may be missing."""

from __future__ import annotations

import asyncio
import contextlib
import json

import pytest

from hub.api.context import COOKIE, session_of
from hub.registry.roles import ROLES, may
from tests.api_site import Wire
from tests.hub_cases import HubClock, make_hub, migrated
from tests.hub_portal import PortalSite

ALL = set(ROLES)
ADMIN = {"hub_admin"}
DEVICES = {"hub_admin", "device_it"}
OWN_KEY = {"expert", "coordinator"}
LISTERS = {"expert", "coordinator"}
OPEN = None  # no session needed
TABLE = {
    ("GET", "/api/about"): OPEN,
    ("POST", "/api/login"): OPEN,
    ("GET", "/api/oidc/login"): OPEN,
    ("GET", "/api/oidc/callback"): OPEN,
    ("POST", "/api/login/otp"): ALL,
    ("POST", "/api/logout"): ALL,
    ("GET", "/api/me"): ALL,
    ("PUT", "/api/me/language"): ALL,
    ("POST", "/api/me/password"): ALL,
    ("POST", "/api/me/otp"): ALL,
    ("PUT", "/api/me/otp"): ALL,
    ("GET", "/api/me/key"): OWN_KEY,
    ("POST", "/api/me/key"): OWN_KEY,
    ("PUT", "/api/me/key"): OWN_KEY,
    ("DELETE", "/api/me/key"): OWN_KEY,
    ("GET", "/api/directory"): ALL,
    ("GET", "/api/duty"): {"expert", "coordinator", "hub_admin"},
    ("PUT", "/api/duty"): {"coordinator", "hub_admin"},
    ("GET", "/api/admin/people"): ADMIN,
    ("POST", "/api/admin/people"): ADMIN,
    ("PUT", "/api/admin/people/{person}"): ADMIN,
    ("GET", "/api/admin/hospitals"): ADMIN,
    ("POST", "/api/admin/hospitals"): ADMIN,
    ("PUT", "/api/admin/hospitals/{hospital}/policy"): ADMIN,
    ("PUT", "/api/admin/hospitals/{hospital}/recovery"): ADMIN,
    ("GET", "/api/admin/devices"): DEVICES,
    ("POST", "/api/admin/devices/{node}/revoke"): DEVICES,
    ("GET", "/api/admin/invites"): DEVICES,
    ("POST", "/api/admin/invites"): DEVICES,
    ("POST", "/api/admin/invites/{invite_id}/withdraw"): DEVICES,
    ("GET", "/api/admin/renewals"): DEVICES,
    ("POST", "/api/admin/renewals/{node}/approve"): DEVICES,
    ("GET", "/api/audit"): {"auditor"},
    ("GET", "/api/consults"): LISTERS,
    ("GET", "/api/consults/{consult}"): LISTERS,
    ("POST", "/api/consults/{consult}/events"): LISTERS,
    ("POST", "/api/consults/{consult}/seen"): LISTERS,
    ("POST", "/api/consults/{consult}/presence"): LISTERS,
    ("POST", "/api/consults/{consult}/mdt"): LISTERS,
    ("GET", "/api/consults/{consult}/objects/{address}"): {"expert"},
    ("GET", "/api/people/suggest"): {"expert", "coordinator", "hub_admin"},
    ("GET", "/api/events"): LISTERS,
    ("GET", "/api/statistics"): {"coordinator", "hub_admin", "auditor"},
}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder, clock = tmp_path_factory.mktemp("portal"), HubClock()
    url = f"sqlite:///{folder / 'hub.db'}"
    migrated(url)
    opened = make_hub(folder / "hub", url, clock)
    yield PortalSite(opened, clock)
    opened.close()


def path_of(pattern):
    return pattern.format(
        person="p_none", hospital="h_none", node="none", invite_id="none", consult="c_none",
        address="00" * 32,
    )  # fmt: skip


def ask(site, route, role, *, csrf=True):
    method, pattern = route
    if route == ("GET", "/api/events"):
        return asyncio.run(first_of_stream(site, pattern, role))
    client = site.client(role, csrf=csrf)
    answer = client.request(method, path_of(pattern), json={} if method != "GET" else None)
    code = ""
    with contextlib.suppress(ValueError, AttributeError):
        code = answer.json().get("code", "")
    return answer.status_code, code


async def first_of_stream(site, path, role):
    headers = [("Cookie", f"{COOKIE}={site.tokens[role]}")] if role else []
    wire = Wire(site.app, "GET", path, headers)
    wire.leave()
    site.app.state.stopping = asyncio.Event()
    await asyncio.wait_for(site.app(wire.scope, wire.incoming.get, wire.send), 10)
    code = json.loads(wire.text)["code"] if wire.status != 200 else ""
    return wire.status, code


def routes_of(app):
    found = {}
    for route in app.routes:
        router = getattr(route, "original_router", None)
        for inner in router.routes if router else [route]:
            for method in getattr(inner, "methods", None) or ():
                if inner.path.startswith("/api") and method != "HEAD":
                    found[method, inner.path] = inner
    return found


def calls_of(dependant):
    yield dependant.call
    for inner in dependant.dependencies:
        yield from calls_of(inner)


def test_no_route_is_missing_from_the_table(site):
    assert set(routes_of(site.app)) == set(TABLE)


def test_every_route_has_one_guard(site):
    for route, found in routes_of(site.app).items():
        calls = list(calls_of(found.dependant))
        permissions = {c.permission for c in calls if hasattr(c, "permission")}
        if TABLE[route] is OPEN:
            assert not permissions
            assert session_of not in calls
        elif not permissions:
            assert TABLE[route] == ALL
            assert session_of in calls
        else:
            (permission,) = permissions
            assert {role for role in ROLES if may(role, permission)} == TABLE[route], route


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("route", TABLE, ids=" ".join)
def test_role_may_or_may_not(site, route, role):
    status, code = ask(site, route, role)
    if route == ("POST", "/api/logout"):
        assert status == 204
        site.again(role)
        return
    assert status < 500
    if TABLE[route] is OPEN or role in TABLE[route]:
        assert code not in ("E6003", "E6004", "E6005", "E7610"), code
        assert status != 403
    else:
        assert (status, code) == (403, "E6004")


@pytest.mark.parametrize("route", [r for r in TABLE if TABLE[r] is not OPEN], ids=" ".join)
def test_nobody_gets_in_without_a_session(site, route):
    assert ask(site, route, "") == (401, "E6003")


@pytest.mark.parametrize(
    "route", [r for r in TABLE if r[0] != "GET" and TABLE[r] is not OPEN], ids=" ".join
)
def test_changes_need_the_anti_forgery_token(site, route):
    role = sorted(TABLE[route])[0]
    assert ask(site, route, role, csrf=False) == (403, "E6005")
    client = site.client(role, csrf=False)
    client.headers["X-CSRF-Token"] = "0" * 32
    assert client.request(route[0], path_of(route[1]), json={}).json()["code"] == "E6005"


@pytest.mark.parametrize(
    ("change", "code"),
    [({"must_change": True}, "E6015"), ({"otp": None}, "E7610"), ({"via": "oidc"}, "E6002")],
)
@pytest.mark.parametrize("route", [r for r in TABLE if TABLE[r] not in (OPEN, ALL)], ids=" ".join)
def test_nothing_is_served_before_the_sign_in_is_complete(site, route, change, code):
    from hub.store.tables import PERSON, SESSION

    role = sorted(TABLE[route])[0]
    table = SESSION if "via" in change else PERSON
    name = SESSION.c.person if "via" in change else PERSON.c.id
    mine = name == site.crew.ids[role]
    with site.site.database.read() as sql:
        before = sql.execute(table.select().where(mine)).first()._mapping
        before = {key: before[key] for key in change}
    with site.site.database.write() as sql:
        sql.execute(table.update().where(mine).values(change))
    try:
        assert ask(site, route, role)[1] == code
        assert site.client(role).get("/api/me").status_code == 200
    finally:
        with site.site.database.write() as sql:
            sql.execute(table.update().where(mine).values(before))


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", ["/api/nothing", "/api/"])
def test_unknown_paths_of_the_interface_are_no_page(site, method, path):
    answer = site.client("expert").request(method, path)
    assert (answer.status_code, answer.json()["code"]) == (404, "E6006")


@pytest.mark.parametrize(
    "pattern", ["/api/admin/people/{0}", "/api/admin/hospitals/{0}/policy"]
)  # fmt: skip
@pytest.mark.parametrize("name", ["..%2f..%2fetc", "' OR 1=1 --", "x" * 3000, "%00", "p_\u202e"])
def test_hostile_names_in_paths(site, pattern, name):
    answer = site.client("hub_admin").put(pattern.format(name), json={"fields": [], "name": "x"})
    assert answer.status_code in (404, 422)
    assert answer.json()["code"] in ("E6006", "E6008")
