"""Log-in, lockout, second factor, idle time, and what ends a session."""

from __future__ import annotations

import pyotp
import pytest

from core.web.people import IDLE_MS, LONGEST_MS
from edge.api.context import COOKIE
from tests.api_site import PASSWORD, ApiSite

NEW = "another long password"


@pytest.fixture
def site(tmp_path):
    return ApiSite(tmp_path / "box", roles=("physician", "device_it"))


def log_in(client, user="physician", password=PASSWORD, **more):
    return client.post("/api/login", json={"user": user, "password": password, **more})


def code(answer):
    return answer.json()["code"]


def test_log_in_gives_a_cookie_scripts_cannot_read(site):
    client = site.client()
    answer = log_in(client)
    assert answer.status_code == 200
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    me = answer.json()
    assert (me["user"], me["role"]) == ("physician", "physician")
    assert "worklist.read" in me["permissions"]
    assert "users.manage" not in me["permissions"]
    assert client.get("/api/me").json() == me
    assert client.cookies[COOKIE] not in site.box.database.query("SELECT token FROM session")


def test_log_out_ends_the_session_itself(site):
    client = site.client("physician")
    token = client.cookies[COOKIE]
    assert client.post("/api/logout").status_code == 204
    again = site.client()
    again.cookies.set(COOKIE, token)
    assert code(again.get("/api/me")) == "E6003"


@pytest.mark.parametrize("user", ["physician", "nobody"])
def test_wrong_password_and_unknown_user_get_the_same_answer(site, user):
    answer = log_in(site.client(), user, "wrong password")
    assert (answer.status_code, code(answer)) == (401, "E6001")


def test_lockout_doubles_with_each_failure(site):
    client = site.client()
    for _ in range(5):
        assert code(log_in(client, password="wrong")) == "E6001"
    assert code(log_in(client)) == "E6001"  # locked: the right password does not help
    waits = []
    for _ in range(4):
        ((until,),) = site.box.database.query(
            "SELECT locked_until FROM person WHERE user = 'physician'"
        )
        waits.append(round((until - site.clock.at) / 1000))
        site.clock.at = until + 1
        log_in(client, password="wrong")
    assert waits == [4, 8, 16, 32]
    site.clock.at += 3_600_000
    assert log_in(client).status_code == 200
    assert site.box.database.query("SELECT failures FROM person WHERE user = 'physician'") == [(0,)]


def test_lock_does_not_last_longer_than_a_quarter_of_an_hour(site):
    for _ in range(30):
        log_in(site.client(), password="wrong")
        site.clock.at += 15 * 60_000 + 1000
    assert log_in(site.client()).status_code == 200


def test_second_factor_is_asked_for_once_it_is_set(site):
    client = site.client("physician")
    secret = client.post("/api/me/otp").json()["secret"]

    def now():
        return pyotp.TOTP(secret).at(site.clock.at // 1000)

    assert code(client.put("/api/me/otp", json={"secret": secret, "otp": "000000"})) == "E6014"
    assert log_in(site.client()).status_code == 200  # not in force yet
    assert client.put("/api/me/otp", json={"secret": secret, "otp": now()}).status_code == 204
    assert code(log_in(site.client())) == "E6002"
    assert code(log_in(site.client(), otp="１２３４５６")) == "E6014"
    assert code(log_in(site.client(), password="wrong", otp=now())) == "E6001"
    assert log_in(site.client(), otp=now()).status_code == 200
    old = now()
    site.clock.at += 120_000
    assert code(log_in(site.client(), otp=old)) == "E6014"


def test_wrong_codes_lock_as_wrong_passwords_do(site):
    secret = pyotp.random_base32()
    site.people.confirm_otp("physician", secret, pyotp.TOTP(secret).at(site.clock.at // 1000))
    for _ in range(5):
        assert code(log_in(site.client(), otp="000000")) == "E6014"
    assert code(log_in(site.client(), otp=pyotp.TOTP(secret).at(site.clock.at // 1000))) == "E6001"


@pytest.mark.parametrize("secret", ["", "A", "AAAAAAAA", "not base 32, 1890 !!!!!!!!!!!!!!!!!"])
def test_a_weak_or_empty_secret_is_no_second_factor(site, secret):
    try:
        otp = pyotp.TOTP(secret).at(site.clock.at // 1000)
    except ValueError:
        otp = "000000"
    answer = site.client("physician").put("/api/me/otp", json={"secret": secret, "otp": otp})
    assert code(answer) == "E6008"


def test_idle_sessions_end_and_used_ones_go_on(site):
    client = site.client("physician")
    for _ in range(4):
        site.clock.at += IDLE_MS - 60_000
        assert client.get("/api/me").status_code == 200
    site.clock.at += IDLE_MS + 1000
    assert code(client.get("/api/me")) == "E6003"


def test_no_session_outlasts_a_shift(site):
    client = site.client("physician")
    for _ in range(LONGEST_MS // 1_200_000):
        site.clock.at += 1_200_000
        last = client.get("/api/me").status_code
    assert last == 401


def test_own_new_password_ends_the_other_sessions(site):
    here, there = site.client(), site.client()
    here.headers["X-CSRF-Token"] = log_in(here).json()["csrf"]
    log_in(there)
    assert code(here.post("/api/me/password", json={"old": "wrong", "new": NEW})) == "E6001"
    assert code(here.post("/api/me/password", json={"old": PASSWORD, "new": "short"})) == "E6007"
    assert there.get("/api/me").status_code == 200
    done = here.post("/api/me/password", json={"old": PASSWORD, "new": NEW})
    assert done.status_code == 204
    assert here.get("/api/me").status_code == 200
    assert code(there.get("/api/me")) == "E6003"
    assert log_in(site.client()).status_code == 401
    assert log_in(site.client(), password=NEW).status_code == 200


@pytest.mark.parametrize(
    ("change", "ends"),
    [
        ({"password": NEW}, True),
        ({"role": "auditor"}, True),
        ({"active": False}, True),
        ({"name": "王"}, False),
    ],
)
def test_what_device_it_changes_on_an_account(site, change, ends):
    client = site.client("physician")
    answer = site.client("device_it").put("/api/users/physician", json=change)
    assert answer.status_code == 204
    assert (client.get("/api/me").status_code == 401) == ends


def test_accounts_are_added_and_listed_without_secrets(site):
    it = site.client("device_it")
    body = {"user": "wang", "name": "王", "role": "physician", "password": PASSWORD}
    assert it.post("/api/users", json=body).status_code == 201
    assert code(it.post("/api/users", json=body)) == "E6009"
    assert code(it.post("/api/users", json=body | {"user": "x", "role": "god"})) == "E6008"
    assert code(it.post("/api/users", json=body | {"user": "x", "password": "kurz"})) == "E6007"
    assert code(it.put("/api/users/nobody", json={"name": "x"})) == "E6006"
    listed = it.get("/api/users")
    assert "wang" in [row["user"] for row in listed.json()["rows"]]
    assert "argon2" not in listed.text
    assert log_in(site.client(), "wang").json()["must_change"] is True


def test_administrative_acts_are_in_the_access_journal(site):
    log_in(site.client())
    site.client("device_it").put("/api/users/physician", json={"password": NEW})
    from core.journal.seal import open_record

    bodies = [open_record(s, site.box.vault).body for s in site.box.access.read(0, 50)]
    assert [b["action"] for b in bodies] == ["login", "user changed"]
    assert NEW not in str(bodies)


def test_language_is_kept(site):
    client = site.client("physician")
    assert client.put("/api/me/language", json={"language": "en"}).status_code == 204
    assert client.get("/api/me").json()["language"] == "en"
    assert code(client.put("/api/me/language", json={"language": "<b>"})) == "E6008"


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
def test_hostile_log_ins_are_refused_with_a_code(site, body):
    answer = site.client().post(
        "/api/login", content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code in (400, 401, 422)
    assert answer.json()["code"].startswith("E60")


def test_a_form_larger_than_any_form_is_not_read(site):
    def endless():
        for _ in range(1000):
            yield b"x" * 1024

    for content in (b"x" * 70_000, endless()):
        answer = site.client().post(
            "/api/login", content=content, headers={"Content-Type": "application/json"}
        )
        assert answer.status_code in (400, 413)
        assert answer.json()["code"] in ("E6013", "E6008")
