"""Every route, every role: who may do what is typed by hand here, and no route may be missing."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from core.web.roles import ROLES, may
from edge.api.context import COOKIE, session_of
from tests.api_site import ApiSite, Wire, chest

READERS = {"radiographer", "physician", "radiologist", "data_officer"}
SENDERS = {"radiographer", "physician", "radiologist"}
QUEUE = READERS | {"ml_lead", "device_it"}
SYSTEM = {"data_officer", "ml_lead", "device_it", "auditor"}
DECIDERS = {"radiologist", "data_officer"}
IT = {"device_it"}
REGION = {"physician", "radiologist", "data_officer", "device_it", "auditor"}
DOCTORS = {"physician", "radiologist"}
COUNTERS = SENDERS | {"data_officer"}
IN_MEETINGS = DOCTORS | {"surgeon"}
#: A surgeon only those of the meetings they sit in: test_meeting_images shows that.
OPENERS = READERS | {"surgeon"}
TOWNSHIP = {"township"}
ALL = set(ROLES)
OPEN = None  # no session needed

_INSTANCE = "/dicomweb/studies/{study_uid}/series/{series_uid}/instances/{sop_instance}"
TABLE = {
    ("POST", "/api/login"): OPEN,
    ("POST", "/api/logout"): ALL,
    ("GET", "/api/me"): ALL,
    ("PUT", "/api/me/language"): ALL,
    ("POST", "/api/me/password"): ALL,
    ("POST", "/api/me/otp"): ALL,
    ("PUT", "/api/me/otp"): ALL,
    ("GET", "/api/users"): IT,
    ("POST", "/api/users"): IT,
    ("PUT", "/api/users/{user}"): IT,
    ("GET", "/api/worklist"): READERS,
    ("GET", "/api/worklist/facets"): READERS,
    ("GET", "/api/me/presets"): READERS,
    ("PUT", "/api/me/presets"): READERS,
    ("GET", "/api/me/habits"): ALL,
    ("PUT", "/api/me/habits"): ALL,
    ("GET", "/api/studies/{study}/thumbnail"): READERS,
    ("GET", "/api/screening"): DOCTORS,
    ("POST", "/api/screening"): DOCTORS,
    ("GET", "/api/screening/{batch}"): DOCTORS,
    ("POST", "/api/screening/{batch}/reads"): DOCTORS,
    ("POST", "/api/screening/{batch}/close"): DOCTORS,
    ("GET", "/api/worklist/events"): READERS,
    ("GET", "/api/studies/{study}"): OPENERS,
    ("GET", "/api/studies/{study}/manifest"): OPENERS,
    ("GET", "/api/studies/{study}/outlines"): OPENERS,
    ("GET", "/api/studies/{study}/heatmap"): OPENERS,
    ("GET", "/api/studies/{study}/solids"): OPENERS,
    ("GET", "/api/studies/{study}/priors"): OPENERS,
    ("GET", "/api/studies/{study}/joined"): OPENERS,
    ("GET", "/api/studies/{study}/joined/{identity}"): OPENERS,
    ("GET", "/api/studies/{study}/joined/{identity}/pictures/{name}"): OPENERS,
    ("GET", "/api/studies/{study}/fused/{number}"): OPENERS,
    ("POST", "/api/studies/{study}/override"): {"physician", "radiologist"},
    ("POST", "/api/studies/{study}/assessment"): {"physician", "radiologist"},
    ("GET", "/api/studies/{study}/review"): OPENERS,
    ("GET", "/api/studies/{study}/review/{review}/outlines"): OPENERS,
    ("PUT", "/api/studies/{study}/review/draft"): DOCTORS,
    ("DELETE", "/api/studies/{study}/review/draft"): DOCTORS,
    ("POST", "/api/studies/{study}/review/measure"): DOCTORS,
    ("POST", "/api/studies/{study}/review/interpolate"): DOCTORS,
    ("POST", "/api/studies/{study}/review"): DOCTORS,
    ("POST", "/api/studies/{study}/facts"): DOCTORS,
    ("GET", "/api/studies/{study}/measurements"): OPENERS,
    ("PUT", "/api/studies/{study}/measurements"): DOCTORS,
    ("POST", "/api/studies/{study}/measurements/send"): DOCTORS,
    ("POST", "/api/studies/{study}/restrict"): {"data_officer"},
    ("GET", "/api/audit"): {"data_officer", "auditor"},
    ("GET", "/api/studies/{study}/report"): OPENERS,
    ("PUT", "/api/studies/{study}/report/draft"): DOCTORS,
    ("DELETE", "/api/studies/{study}/report/draft"): DOCTORS,
    ("POST", "/api/studies/{study}/report/preliminary"): DOCTORS,
    ("POST", "/api/studies/{study}/report/sign"): {"radiologist"},
    ("POST", "/api/studies/{study}/report/addendum"): {"radiologist"},
    ("GET", "/api/studies/{study}/report/versions/{identity}/{document}"): OPENERS,
    ("GET", "/api/studies/{study}/report/picture"): OPENERS,
    ("GET", "/api/studies/{study}/report/card"): OPENERS,
    ("PUT", "/api/studies/{study}/report/card"): DOCTORS,
    ("GET", "/api/studies/{study}/report/card/pdf"): OPENERS,
    ("GET", "/api/report/phrases"): DOCTORS,
    ("GET", "/api/report/phrases/all"): DOCTORS,
    ("PUT", "/api/report/phrases/{identity}"): {"radiologist"},
    ("POST", "/api/report/phrases/{identity}/retire"): {"radiologist"},
    ("GET", "/api/studies/{study}/quality"): OPENERS,
    ("POST", "/api/studies/{study}/repeat"): DOCTORS,
    ("POST", "/api/studies/{study}/repeat/{identity}/withdraw"): DOCTORS,
    ("GET", "/api/quality"): COUNTERS,
    ("GET", "/api/quality/export"): COUNTERS,
    ("GET", "/api/room"): SENDERS,
    ("GET", "/api/room/events"): SENDERS,
    ("POST", "/api/room/{identity}/acknowledge"): SENDERS,
    ("POST", "/api/room/{identity}/close"): SENDERS,
    ("POST", "/api/upload"): SENDERS,
    ("GET", "/api/quarantine"): READERS,
    ("POST", "/api/quarantine/{identity}/release"): DECIDERS,
    ("POST", "/api/quarantine/{identity}/dismiss"): DECIDERS,
    ("GET", "/api/queue"): QUEUE,
    ("POST", "/api/queue/{job_id}/resend"): IT,
    ("GET", "/api/system"): SYSTEM,
    ("GET", "/api/region"): REGION,
    ("POST", "/api/region/join"): IT,
    ("POST", "/api/region/renew-consent"): IT,
    ("POST", "/api/region/people/vouch"): IT,
    ("POST", "/api/region/alarms/{code}/seen"): IT,
    ("GET", "/api/region/roster"): DOCTORS,
    ("POST", "/api/region/keys/confirm"): DOCTORS,
    ("POST", "/api/studies/{study}/consult"): DOCTORS,
    ("POST", "/api/studies/{study}/consult/preview"): DOCTORS,
    ("PUT", "/api/consults/{consult}/draft"): DOCTORS,
    ("GET", "/api/consults/{consult}/draft"): DOCTORS,
    ("DELETE", "/api/consults/{consult}/draft"): DOCTORS,
    ("POST", "/api/consults/{consult}/alarms/{code}/seen"): DOCTORS,
    ("POST", "/api/consults/{consult}/outbox/{item}/again"): DOCTORS,
    ("POST", "/api/consults/{consult}/outbox/{item}/give-up"): DOCTORS,
    ("GET", "/api/region/outbox"): REGION,
    ("POST", "/api/region/outbox/{item}/again"): IT,
    ("POST", "/api/region/outbox/{item}/give-up"): IT,
    ("GET", "/api/consults"): IN_MEETINGS,
    ("GET", "/api/consults/events"): DOCTORS,
    ("GET", "/api/consults/{consult}"): IN_MEETINGS,
    ("POST", "/api/consults/{consult}/events"): IN_MEETINGS,
    ("POST", "/api/consults/{consult}/documents"): DOCTORS,
    ("GET", "/api/consults/{consult}/documents/{document}"): IN_MEETINGS,
    ("POST", "/api/township/upload"): TOWNSHIP,
    ("GET", "/api/township/studies"): TOWNSHIP,
    ("GET", "/api/township/roster"): TOWNSHIP,
    ("POST", "/api/township/studies/{study}/consult"): TOWNSHIP,
    ("GET", "/api/township/consults"): TOWNSHIP,
    ("POST", "/dicomweb/studies"): SENDERS,
    ("POST", "/dicomweb/studies/{study_uid}"): SENDERS,
    ("GET", "/dicomweb/studies"): READERS,
    ("GET", "/dicomweb/series"): READERS,
    ("GET", "/dicomweb/instances"): READERS,
    ("GET", "/dicomweb/studies/{study_uid}"): READERS,
    ("GET", "/dicomweb/studies/{study_uid}/metadata"): OPENERS,
    ("GET", "/dicomweb/studies/{study_uid}/series"): READERS,
    ("GET", "/dicomweb/studies/{study_uid}/instances"): READERS,
    ("GET", "/dicomweb/studies/{study_uid}/series/{series_uid}"): READERS,
    ("GET", "/dicomweb/studies/{study_uid}/series/{series_uid}/metadata"): OPENERS,
    ("GET", "/dicomweb/studies/{study_uid}/series/{series_uid}/instances"): READERS,
    ("GET", _INSTANCE): READERS,
    ("GET", _INSTANCE + "/metadata"): OPENERS,
    ("GET", _INSTANCE + "/rendered"): OPENERS,
    ("GET", _INSTANCE + "/frames/{numbers}"): OPENERS,
    ("GET", _INSTANCE + "/frames/{number}/rendered"): OPENERS,
}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    made = ApiSite(tmp_path_factory.mktemp("routes") / "box")
    made.send(chest())
    return made


def ask(site, route, role, *, csrf=True):
    method, pattern = route
    path = pattern.format(
        study=site.study(), study_uid="1.2.3", series_uid="1.2.3.1", sop_instance="1.2.3.1.1",
        numbers="1", number="1", user="nobody", identity="none", job_id="999",
        consult="c_none", document="none", name="none", batch="sb_none", review="none",
        code="E7399", item="e_none",
    )  # fmt: skip
    if method == "GET" and pattern.endswith("/events"):
        return asyncio.run(first_of_stream(site, path, role))
    client = site.client(role, csrf=csrf)
    answer = client.request(method, path, json={} if method != "GET" else None)
    code = ""
    with contextlib.suppress(ValueError, AttributeError):
        code = answer.json().get("code", "")
    return answer.status_code, code


async def first_of_stream(site, path, role):
    headers = [("Cookie", f"{COOKIE}={site.token(role)}")] if role else []
    wire = Wire(site.app, "GET", path, headers)
    wire.leave()
    site.app.state.stopping = asyncio.Event()
    await asyncio.wait_for(site.app(wire.scope, wire.incoming.get, wire.send), 10)
    code = ""
    if wire.status != 200:
        code = wire.text.split('"code":"')[1][:5]
    return wire.status, code


def routes_of(app):
    found = {}
    for route in app.routes:
        router = getattr(route, "original_router", None)
        for inner in router.routes if router else [route]:
            for method in getattr(inner, "methods", None) or ():
                if inner.path.startswith(("/api", "/dicomweb")) and method != "HEAD":
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
        elif TABLE[route] == ALL:
            assert session_of in calls
        else:
            (permission,) = permissions
            assert {role for role in ROLES if may(role, permission)} == TABLE[route], route


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("route", TABLE, ids=" ".join)
def test_role_may_or_may_not(site, route, role):
    if route == ("POST", "/api/logout"):
        status, code = ask(site, route, role)
        site.tokens.pop(role)
        assert status == 204
        return
    status, code = ask(site, route, role)
    assert status < 500
    if TABLE[route] is OPEN or role in TABLE[route]:
        assert code not in ("E6003", "E6004", "E6005"), code
        assert status != 403
    else:
        assert (status, code) == (403, "E6004")


@pytest.mark.parametrize("route", TABLE, ids=" ".join)
def test_nobody_gets_in_without_a_session(site, route):
    status, code = ask(site, route, "")
    if TABLE[route] is OPEN:
        assert (status, code) == (422, "E6008")
    else:
        assert (status, code) == (401, "E6003")


@pytest.mark.parametrize(
    "route", [r for r in TABLE if r[0] != "GET" and TABLE[r] is not OPEN], ids=" ".join
)
def test_changes_need_the_anti_forgery_token(site, route):
    role = sorted(TABLE[route])[0]
    assert ask(site, route, role, csrf=False) == (403, "E6005")
    client = site.client(role, csrf=False)
    client.headers["X-CSRF-Token"] = "0" * 32
    names = dict.fromkeys(
        ("study", "user", "identity", "consult", "document", "item", "batch"), "x"
    )
    path = route[1].format(**names, study_uid="1", job_id="1", code="E1")
    assert client.request(route[0], path, json={}).json()["code"] == "E6005"


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", ["/api/nothing", "/api/", "/dicomweb/nothing/x"])
def test_unknown_paths_of_the_interfaces_are_no_page(site, method, path):
    answer = site.client("physician").request(method, path)
    assert answer.status_code == 404
    assert answer.json()["code"] == "E6006"


def test_wrong_method_is_refused(site):
    assert site.client("physician").get("/api/logout").status_code in (404, 405)
    assert site.client("physician").delete("/api/worklist").status_code in (404, 405)
