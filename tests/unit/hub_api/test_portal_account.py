"""Signing in by HTTP, keys, directory, accounts, audit, hostile input: on both databases."""

from __future__ import annotations

import pyotp
import pytest

from core.journal.seal import open_record
from core.seals.directory import verify_directory
from core.seals.text import to_base64url
from hub.api.context import COOKIE
from tests.hub_people import PASSWORD, BrowserKey
from tests.hub_portal import PortalSite

NEW = "another long password"


@pytest.fixture
def portal(hub, hub_clock, tmp_path):
    dist = tmp_path / "dist"
    (dist / "assets").mkdir(parents=True)
    (dist / "portal.html").write_text('<script nonce="__CSP_NONCE__"></script>')
    return PortalSite(hub, hub_clock, dist, roles=("expert",))


def code(answer):
    return answer.json()["code"]


def log_in(client, user="expert", password=PASSWORD, **more):
    return client.post("/api/login", json={"user": user, "password": password, **more})


def now(portal, user="expert"):
    portal.clock.at += 30_000
    return portal.crew.code(portal.crew.secrets[user])


def test_log_in_gives_a_cookie_scripts_cannot_read(portal):
    client = portal.client()
    assert code(log_in(client)) == "E6002"
    assert code(log_in(client, otp="000000")) == "E6014"
    answer = log_in(client, otp=now(portal))
    assert answer.status_code == 200
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    me = answer.json()
    assert (me["user"], me["role"], me["key"]) == ("expert", "expert", None)
    assert me["hospital"] == portal.crew.hospital
    assert {"consult.read", "key.own"} <= set(me["permissions"])
    assert client.get("/api/me").json() == me
    assert log_in(portal.client(), otp=portal.crew.code(portal.crew.secrets["expert"])).json()[
        "code"
    ] == "E7611"  # fmt: skip


def test_a_new_account_sets_password_and_second_factor(portal):
    portal.crew.add("li", must_change=True)
    client = portal.client()
    me = log_in(client, "li").json()
    assert [me["must_change"], me["must_set_otp"]] == [True, True]
    client.headers["X-CSRF-Token"] = me["csrf"]
    assert code(client.get("/api/directory")) == "E6015"
    assert client.post("/api/me/password", json={"old": PASSWORD, "new": NEW}).status_code == 204
    assert code(client.get("/api/directory")) == "E7610"
    secret = client.post("/api/me/otp").json()["secret"]
    shown = pyotp.TOTP(secret).at(portal.clock.at // 1000)
    assert client.put("/api/me/otp", json={"secret": secret, "otp": shown}).status_code == 204
    assert client.get("/api/directory").status_code == 200


def test_log_out_ends_the_session_itself(portal):
    client = portal.client("expert")
    assert client.post("/api/logout").status_code == 204
    again = portal.client()
    again.cookies.set(COOKIE, portal.tokens["expert"])
    assert code(again.get("/api/me")) == "E6003"


def test_a_key_by_http(portal):
    client, key = portal.client("expert"), BrowserKey()
    assert code(client.get("/api/me/key")) == "E7615"
    assert client.post("/api/me/key", json=key.form).status_code == 201
    kept = client.get("/api/me/key").json()
    assert {name: kept[name] for name in key.form} == key.form
    assert client.get("/api/me").json()["key"]["id"] == key.id
    shown = client.get("/api/directory").json()
    entries = [one.encode() for one in shown["entries"]]
    public = bytes.fromhex(shown["hub_public"])
    found = verify_directory(entries, shown["head"].encode(), public)
    assert found.recipient(portal.crew.ids["expert"]).key == key.id
    later = client.get("/api/directory", params={"after": found.size}).json()
    assert (later["entries"], later["head"]) == ([], shown["head"])
    assert client.delete("/api/me/key").status_code == 204
    assert code(client.get("/api/me/key")) == "E7615"
    assert code(client.post("/api/me/key", json=key.form)) == "E7614"
    assert code(client.post("/api/me/key", json=key.form | {"id": "0" * 64})) == "E7613"


def test_a_key_is_wrapped_anew_and_stays_the_same(portal):
    client, key = portal.client("expert"), BrowserKey()
    person = portal.crew.ids["expert"]
    fresh = to_base64url(key.wrapped_for(person, "a new and long passphrase"))
    assert code(client.put("/api/me/key", json={"wrapped": fresh})) == "E7615"
    client.post("/api/me/key", json=key.form)
    size = portal.site.directory.current().size
    for wrong in (
        "", "=", to_base64url(b"{}"), to_base64url(key.wrapped_for("p_other", "a long passphrase")),
        to_base64url(BrowserKey().wrapped_for(person, "a long passphrase")),
    ):  # fmt: skip
        assert code(client.put("/api/me/key", json={"wrapped": wrong})) == "E7613"
    assert client.get("/api/me/key").json()["wrapped"] == key.form["wrapped"]
    assert client.put("/api/me/key", json={"wrapped": fresh}).status_code == 204
    kept = client.get("/api/me/key").json()
    assert (kept["id"], kept["wrapped"], kept["recovery"]) == (key.id, fresh, key.form["recovery"])
    assert portal.site.directory.current().size == size  # nobody need look at it


def test_who_replaces_a_second_factor_shows_the_one_in_force(portal):
    client = portal.client("expert")
    offered = client.post("/api/me/otp").json()
    assert offered["replaces"] is True
    body = {"secret": offered["secret"], "otp": portal.crew.code(offered["secret"])}
    assert code(client.put("/api/me/otp", json=body)) == "E6014"
    portal.clock.at += 30_000
    body["otp"] = portal.crew.code(offered["secret"])
    body["current"] = portal.crew.code(portal.crew.secrets["expert"])
    assert client.put("/api/me/otp", json=body).status_code == 204


def test_administration_by_http(portal):
    portal.enter("hub_admin")
    client = portal.client("hub_admin")
    county = client.post("/api/admin/hospitals", json={"name": "<img src=x onerror=alert(1)>"})
    hospital = county.json()["id"]
    form = {"user": "wang", "name": "王 <script>", "role": "expert", "password": PASSWORD,
            "hospital": hospital, "department": "imaging", "title": "chief"}  # fmt: skip
    made = client.post("/api/admin/people", json=form)
    person = made.json()["id"]
    assert code(client.post("/api/admin/people", json=form)) == "E6009"
    duty = {"hospital": hospital, "department": "imaging", "people": [person]}
    assert client.put("/api/duty", json=duty).status_code == 204
    (row,) = client.get("/api/duty").json()["rows"]
    assert row["people"] == [{"id": person, "name": "王 <script>", "title": "chief", "key": None}]
    assert client.put(f"/api/admin/people/{person}", json={"active": False}).status_code == 204
    assert client.get("/api/duty").json()["rows"] == []
    listed = client.get("/api/admin/people")
    assert "argon2" not in listed.text
    assert listed.headers["content-type"] == "application/json"
    own = f"/api/admin/people/{portal.crew.ids['hub_admin']}"
    assert code(client.put(own, json={"active": False})) == "E6012"
    assert code(client.put(own, json={"role": "auditor"})) == "E6012"
    policy = f"/api/admin/hospitals/{hospital}/policy"
    assert client.put(policy, json={"fields": ["qc_verdict"]}).status_code == 204
    assert len(client.get("/api/admin/hospitals").json()["rows"]) == 2


def test_acts_are_in_the_access_journal_and_the_auditor_reads_them(portal):
    client = portal.client()
    log_in(client, "my secret password", "x")
    log_in(client, password="wrong password")
    log_in(client, otp=now(portal))
    bodies = [open_record(s, portal.site.secrets).body for s in portal.site.access.read(0, 50)]
    assert [b["action"] for b in bodies] == ["login failed", "login failed", "login"]
    assert [b.get("account") for b in bodies] == ["unknown", "expert", None]
    assert "my secret password" not in str(bodies)
    portal.enter("auditor")
    auditor = portal.client("auditor")
    first = auditor.get("/api/audit", params={"limit": 2}).json()
    rest = auditor.get("/api/audit", params={"before": first["next"]}).json()
    actions = [row["body"]["action"] for row in first["rows"] + rest["rows"]]
    assert actions == ["login", "login failed", "login failed"]
    assert auditor.get("/api/audit").json()["rows"][0]["body"]["action"] == "journal read"
    assert auditor.get("/api/audit", params={"journal": "clinical"}).json()["rows"] == []


def test_the_database_holds_no_secret_in_clear(portal):
    client = portal.client("expert")
    client.post("/api/me/key", json=BrowserKey().form)
    names = [portal.tokens["expert"], portal.crew.secrets["expert"], PASSWORD]
    with portal.site.database.read() as sql:
        from hub.store.tables import METADATA

        text = "".join(
            repr([bytes(v) if isinstance(v, memoryview) else v for v in row])
            for table in METADATA.sorted_tables
            for row in sql.execute(table.select())
        )
    assert all(name not in text for name in names)


@pytest.mark.parametrize(
    "body",
    [
        b'{"user": "\\ud800", "password": "\\udfff"}',
        b'{"user": "a\\u0000b", "password": "x"}',
        b'{"user": 1, "password": []}',
        b"[]",
        b"{",
        b"\xff\xfe",
        b'{"user": "' + b"x" * 60_000 + b'", "password": "y"}',
        b"[" * 30_000,
    ],
)
def test_hostile_log_ins_are_refused_with_a_code(portal, body):
    answer = portal.client().post(
        "/api/login", content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code in (400, 401, 422)
    assert answer.json()["code"].startswith("E60")


@pytest.mark.parametrize("cookie", ["", "x", "é", "0" * 64, "a" * 5000, "'; DROP TABLE session"])
def test_hostile_cookies(portal, cookie):
    client = portal.client()
    headers = [(b"Cookie", f"{COOKIE}={cookie}".encode())]
    assert code(client.get("/api/me", headers=headers)) == "E6003"


def test_a_form_larger_than_any_form_is_not_read(portal):
    headers = {"Content-Type": "application/json"}
    answer = portal.client().post("/api/login", content=b"x" * 70_000, headers=headers)
    assert (answer.status_code, code(answer)) == (413, "E6013")


@pytest.mark.parametrize(
    ("path", "status"), [("/", 200), ("/case/x", 200), ("/api/me", 401), ("/api/none", 404)]
)
def test_headers_of_every_answer(portal, path, status):
    answer = portal.client().get(path)
    assert answer.status_code == status
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe-inline" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "access-control-allow-origin" not in answer.headers
    if path.startswith("/api"):
        assert answer.headers["cache-control"] == "no-store"


def test_who_asks_before_signing_in_learns_the_region_only(portal):
    answer = portal.client().get("/api/about").json()
    assert answer == {"region": "测试", "hub": portal.site.identity.id, "oidc": False}
    assert code(portal.client().get("/api/oidc/login")) == "E7620"
