"""Every route of a case × everybody who might ask for it: own, another's, one that is not.

Who has no part is told the same as for a consultation that does not exist. A route that is not in
the table fails.
"""

from __future__ import annotations

import pytest

from hub.registry.roles import ROLES
from hub.store.tables import EVENT
from tests.hub_case_site import CaseSite
from tests.hub_cases import HubClock, make_hub, migrated

NOBODY = "c_" + "0" * 32
C, A = "/api/consults/{consult}", "/api/consults/{consult}/objects/{address}"
CASE = ("GET", C)
EVENTS = ("POST", C + "/events")
SEEN = ("POST", C + "/seen")
HERE = ("POST", C + "/presence")
MDT = ("POST", C + "/mdt")
FETCH = ("GET", A)
ROUTES = (CASE, EVENTS, SEEN, HERE, MDT, FETCH)
#: Who asks → the status for the case that is under way, by route.
STRANGER = dict.fromkeys(ROUTES, (404, "E7701"))
REFUSED = dict.fromkeys(ROUTES, (403, "E6004"))
PARTY = {CASE: (200, ""), EVENTS: (201, ""), SEEN: (204, ""), HERE: (204, ""), MDT: (200, ""),
         FETCH: (200, "")}  # fmt: skip
TABLE = {
    "expert": PARTY,
    "unwrapped": PARTY | {FETCH: (404, "E7701")},
    "other": STRANGER,
    "removed": STRANGER,
    "duty": STRANGER,  # on duty for another department
    "coordinator": PARTY | {EVENTS: (409, "E7205"), FETCH: (403, "E6004")},
    "hub_admin": REFUSED,
    "device_it": REFUSED,
    "auditor": REFUSED,
    "": dict.fromkeys(ROUTES, (401, "E6003")),
}
#: The request that waits in the department of ``duty``; ``expert`` was asked by name.
WAITING = {
    "expert": PARTY | {EVENTS: (201, ""), FETCH: (404, "E7701")},
    "duty": PARTY | {EVENTS: (409, "E7205"), FETCH: (404, "E7701")},
    "unwrapped": STRANGER,
    "other": STRANGER,
    "removed": STRANGER,
}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder, clock = tmp_path_factory.mktemp("idor"), HubClock()
    url = f"sqlite:///{folder / 'hub.db'}"
    migrated(url)
    opened = make_hub(folder / "hub", url, clock)
    yield CaseSite(opened, clock)
    opened.close()


def ask(site, user, route, consult, address=""):
    method, pattern = route
    body = None
    if route == EVENTS:
        signer = user if user in site.table.keys else "expert"
        known = consult if consult != NOBODY else site.case.consult
        body = site.signed(signer, consult=known)
        if consult == NOBODY:
            body = site.signed(signer, consult=NOBODY)
    elif method == "POST":
        body = {"seq": 1}
    path = pattern.format(consult=consult, address=address or site.case.address)
    answer = site.client(user).request(method, path, json=body)
    refused = answer.status_code >= 400
    return answer.status_code, answer.json().get("code", "") if refused else ""


def test_every_route_of_a_case_is_in_the_table(site):
    there = set()
    for route in site.app.routes:
        router = getattr(route, "original_router", None)
        for inner in router.routes if router else [route]:
            if "{consult}" in getattr(inner, "path", ""):
                there |= {(method, inner.path) for method in inner.methods}
    assert there == set(ROUTES)
    assert set(ROLES) <= set(TABLE)


@pytest.mark.parametrize("route", ROUTES, ids=" ".join)
@pytest.mark.parametrize("user", TABLE)
def test_own_and_others_case(site, user, route):
    events = len(site.table.rows(EVENT, consult=site.case.consult))
    expected = TABLE[user][route]
    assert ask(site, user, route, site.case.consult) == expected
    more = len(site.table.rows(EVENT, consult=site.case.consult)) - events
    assert more == (1 if expected == (201, "") else 0)


@pytest.mark.parametrize("route", ROUTES, ids=" ".join)
@pytest.mark.parametrize("user", WAITING)
def test_a_request_that_waits_in_a_department(site, user, route):
    assert ask(site, user, route, site.case.waiting) == WAITING[user][route]


@pytest.mark.parametrize("route", ROUTES, ids=" ".join)
@pytest.mark.parametrize("user", [user for user in TABLE if user not in ("", *ROLES)] + ["expert"])
def test_what_does_not_exist_looks_like_what_is_not_theirs(site, user, route):
    assert ask(site, user, route, NOBODY) == (404, "E7701")


@pytest.mark.parametrize("user", ["expert", "other", "removed", "duty", "unwrapped"])
def test_objects_are_fetched_through_their_own_case_only(site, user):
    case = site.case
    crossed = [(case.consult, case.others_address), (case.other, case.address)]
    for consult, address in [*crossed, (case.consult, "ab" * 32), (case.consult, "..%2f..")]:
        status, _ = ask(site, user, FETCH, consult, address)
        assert status in (404, 422)
    mine = {"expert": case.consult, "other": case.other}.get(user)
    for consult, address in ((case.consult, case.address), (case.other, case.others_address)):
        status, _ = ask(site, user, FETCH, consult, address)
        assert status == (200 if consult == mine else 404)


def test_nobody_sends_what_another_signed_nor_into_another_case(site):
    client = site.client("expert")
    path = f"/api/consults/{site.case.consult}/events"
    stolen = client.post(path, json=site.signed("unwrapped"))
    assert (stolen.status_code, stolen.json()["code"]) == (403, "E7702")
    elsewhere = client.post(path, json=site.signed("expert", consult=site.case.other))
    assert (elsewhere.status_code, elsewhere.json()["code"]) == (409, "E7202")
    for text in ("", "{}", "null", "[" * 5000, '{"signature":"00","statement":{}}', "\ud800"):
        answer = client.post(path, content=b'{"statement": "' + text.encode("utf-8", "replace")
                             .replace(b'"', b'\\"') + b'"}',
                             headers={"content-type": "application/json"})  # fmt: skip
        assert 400 <= answer.status_code < 500


def test_each_sees_their_own_list(site):
    case = site.case
    expected = {
        "expert": {case.consult, case.waiting}, "unwrapped": {case.consult}, "removed": set(),
        "other": {case.other}, "duty": {case.waiting},
        "coordinator": {case.consult, case.other, case.waiting},
    }  # fmt: skip
    for user, ids in expected.items():
        rows = site.client(user).get("/api/consults").json()["rows"]
        assert {row["id"] for row in rows} == ids, user


def test_who_assigns_sees_how_it_goes_and_nothing_of_what_is_said(site):
    answer = site.client("coordinator").get(f"/api/consults/{site.case.consult}").json()
    assert (answer["way"], answer["wraps"], answer["objects"]) == ("routing", [], [])
    spoken = [e for e in answer["events"] if e["kind"] == "message"]
    assert spoken
    assert {e["statement"] for e in spoken} == {""}
    assert all(e["link"] and e["actor_name"] for e in answer["events"])


def test_a_party_gets_only_their_own_wraps(site):
    answer = site.client("expert").get(f"/api/consults/{site.case.consult}").json()
    assert [one["epoch"] for one in answer["wraps"]] == [1, 2]
    assert [one["address"] for one in answer["objects"]] == [site.case.address]
    waits = site.client("unwrapped").get(f"/api/consults/{site.case.consult}").json()
    assert waits["wraps"] == []


def test_the_journal_says_who_opened_downloaded_and_was_denied(site):
    for user, route in (("expert", CASE), ("expert", FETCH), ("other", CASE), ("auditor", CASE)):
        ask(site, user, route, site.case.consult)
    rows = site.client("auditor").get("/api/audit", params={"limit": 500}).json()["rows"]
    told = {(one["body"]["action"], one["body"]["user"], one["body"].get("why", ""))
            for one in rows if one["body"].get("consult") == site.case.consult}  # fmt: skip
    ids = site.crew.ids
    assert ("consult opened", ids["expert"], "takes part") in told
    assert ("objects downloaded", ids["expert"], "takes part") in told
    assert ("consult denied", ids["other"], "") in told
    assert ("consult denied", ids["auditor"], "") in told
    assert ("consult opened", ids["coordinator"], "assigns") in told
