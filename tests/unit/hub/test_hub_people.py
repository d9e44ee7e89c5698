"""Accounts, log-in, second factor, lockout, sessions, keys, rosters: on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pyotp
import pytest

from core.journal.seal import open_record
from core.web.access import IDLE_MS, LONGEST_MS
from core.web.errors import (
    Conflict,
    InputWrong,
    LoginWrong,
    NotFound,
    NotLoggedIn,
    OtpNeeded,
    OtpWrong,
    PasswordWeak,
    UserExists,
)
from hub.registry import duty
from hub.registry.errors import (
    HospitalExists,
    KeyTaken,
    KeyWrong,
    NoHospital,
    NoKey,
    OidcUnknownPerson,
    OtpUsed,
    PersonRevoked,
    TooManyTries,
)
from hub.registry.hospitals import add_hospital, hospitals, set_policy, set_recovery
from hub.registry.keys import PersonKeys, read_key
from hub.registry.sessions import MOST_FAILURES, NewOtp
from hub.store.tables import ATTEMPT, PERSON, SESSION
from tests.hub_people import ADDRESS, PASSWORD, BrowserKey, Crew

NEW = "another long password"


@pytest.fixture
def crew(hub, hub_clock):
    return Crew(hub, hub_clock)


def row_of(crew, user):
    with crew.site.database.read() as sql:
        return sql.execute(PERSON.select().where(PERSON.c.user == user)).one()


def test_who_has_no_second_factor_is_told_to_set_one(crew):
    crew.add("li")
    token, session = crew.log_in("li")
    assert session.must_set_otp
    crew.sessions.confirm_otp(token, otp_of(crew, secret := pyotp.random_base32()))
    assert not crew.sessions.session(token).must_set_otp
    assert secret.encode() not in bytes(row_of(crew, "li").otp)


def otp_of(crew, secret, current=""):
    return NewOtp(secret, crew.code(secret), current, ADDRESS)


def test_both_factors_are_needed(crew):
    crew.ready("li")
    with pytest.raises(OtpNeeded):
        crew.log_in("li", otp="")
    with pytest.raises(OtpWrong):
        crew.log_in("li", otp="000000")
    with pytest.raises(LoginWrong):
        crew.log_in("li", password="wrong password")
    token, session = crew.log_in("li")
    assert crew.sessions.session(token) == session
    assert (session.user, session.role, session.hospital) == ("li", "expert", crew.hospital)
    assert not session.must_set_otp


def test_a_code_is_taken_once(crew):
    crew.ready("li")
    crew.clock.at += 60_000
    code = crew.code(crew.secrets["li"])
    crew.log_in("li", otp=code)
    with pytest.raises(OtpUsed):
        crew.log_in("li", otp=code)
    before = pyotp.TOTP(crew.secrets["li"]).at(crew.clock.at // 1000 - 30)
    with pytest.raises(OtpUsed):
        crew.log_in("li", otp=before)


@pytest.mark.parametrize("user", ["li", "nobody"])
def test_wrong_password_and_unknown_user_get_the_same_answer(crew, user):
    crew.add("li")
    with pytest.raises(LoginWrong):
        crew.log_in(user, "wrong password")


def test_lockout_doubles_and_ends(crew):
    crew.add("li")
    for _ in range(5):
        with pytest.raises(LoginWrong):
            crew.log_in("li", "wrong password")
    with pytest.raises(LoginWrong):
        crew.log_in("li")  # locked: the right password does not help
    waits = []
    for _ in range(4):
        until = row_of(crew, "li").locked_until
        waits.append(round((until - crew.clock.at) / 1000))
        crew.clock.at = until + 1
        with pytest.raises(LoginWrong):
            crew.log_in("li", "wrong password")
    assert waits == [4, 8, 16, 32]
    crew.clock.at += 3_600_000
    crew.log_in("li")
    assert row_of(crew, "li").failures == 0


def test_a_thousand_wrong_passwords(crew):
    crew.add("li")
    refusals = {}

    def guess(n):
        try:
            crew.log_in("li", f"guess {n} guess", address=f"198.51.100.{n % 2}")
        except (LoginWrong, TooManyTries) as error:
            return type(error)

    with ThreadPoolExecutor(8) as pool:
        for kind in pool.map(guess, range(1000)):
            refusals[kind] = refusals.get(kind, 0) + 1
    assert sum(refusals.values()) == 1000
    assert row_of(crew, "li").failures == 5  # five were looked at, however many came at once
    with crew.site.database.read() as sql:
        assert len(sql.execute(ATTEMPT.select()).all()) == refusals[LoginWrong]
    with pytest.raises(LoginWrong):
        crew.log_in("li")
    crew.clock.at += 15 * 60_000
    crew.log_in("li")


def test_an_address_that_guesses_names_is_shut_out_for_a_while(crew):
    crew.add("li")
    for n in range(MOST_FAILURES):
        with pytest.raises(LoginWrong):
            crew.log_in(f"user{n}", "wrong password")
    with pytest.raises(TooManyTries):
        crew.log_in("li")
    crew.log_in("li", address="203.0.113.9")
    crew.clock.at += 11 * 60_000
    crew.log_in("li")


def test_names_that_were_typed_are_not_kept(crew):
    with pytest.raises(LoginWrong):
        crew.log_in("my secret password", "x")
    with crew.site.database.read() as sql:
        (row,) = sql.execute(ATTEMPT.select()).all()
    assert row.who == "unknown"


def test_knowing_the_password_does_not_help_to_guess_the_code(crew):
    crew.ready("li")
    for _ in range(5):
        with pytest.raises(OtpWrong):
            crew.log_in("li", otp="000000")
        with pytest.raises((OtpNeeded, LoginWrong)):
            crew.log_in("li", otp="")
    assert row_of(crew, "li").failures == 5
    assert row_of(crew, "li").locked_until > crew.clock.at


def test_asking_for_the_code_costs_no_try(crew):
    crew.ready("li")
    for _ in range(10):
        with pytest.raises(OtpNeeded):
            crew.log_in("li", otp="")
    crew.log_in("li")


def test_a_second_factor_is_changed_with_the_old_one_only(crew):
    token, _ = crew.ready("li")
    new = pyotp.random_base32()
    for _ in range(3):
        with pytest.raises(OtpWrong):
            crew.sessions.confirm_otp(token, otp_of(crew, new, "000000"))
    crew.clock.at += 30_000
    current = crew.code(crew.secrets["li"])
    crew.sessions.confirm_otp(token, otp_of(crew, new, current))
    crew.secrets["li"] = new
    crew.log_in("li")
    for bad in ("", "A" * 8, "not base 32, 1890 !!!!!!!!!!!!!!!!!"):
        with pytest.raises(InputWrong):
            crew.sessions.confirm_otp(token, NewOtp(bad, "000000", "", ADDRESS))


def test_sessions_idle_and_end(crew):
    token, _ = crew.ready("li")
    for _ in range(4):
        crew.clock.at += IDLE_MS - 60_000
        crew.sessions.session(token)
    crew.clock.at += IDLE_MS + 1000
    with pytest.raises(NotLoggedIn):
        crew.sessions.session(token)
    token, _ = crew.log_in("li")
    for _ in range(LONGEST_MS // 1_200_000):
        crew.sessions.session(token)
        crew.clock.at += 1_200_000
    with pytest.raises(NotLoggedIn):
        crew.sessions.session(token)
    crew.sessions.sweep()
    with crew.site.database.read() as sql:
        assert sql.execute(SESSION.select()).all() == []


def test_a_stolen_database_opens_no_session(crew):
    token, _ = crew.ready("li")
    with crew.site.database.read() as sql:
        kept = [row.token for row in sql.execute(SESSION.select())]
    assert token not in kept
    for one in kept:
        with pytest.raises(NotLoggedIn):
            crew.sessions.session(one)


def test_looking_is_no_activity(crew):
    token, _ = crew.ready("li")
    assert crew.sessions.holds(token, "consult.read")
    assert not crew.sessions.holds(token, "people.manage")
    crew.clock.at += IDLE_MS - 1000
    assert crew.sessions.holds(token, "consult.read")
    crew.clock.at += 2000
    assert not crew.sessions.holds(token, "consult.read")


def test_own_new_password_ends_other_sessions(crew):
    here, _ = crew.ready("li")
    there, _ = crew.log_in("li")
    with pytest.raises(LoginWrong):
        crew.sessions.set_password(here, "wrong password", NEW, ADDRESS)
    with pytest.raises(PasswordWeak):
        crew.sessions.set_password(here, PASSWORD, "short", ADDRESS)
    crew.sessions.set_password(here, PASSWORD, NEW, ADDRESS)
    crew.sessions.session(here)
    with pytest.raises(NotLoggedIn):
        crew.sessions.session(there)
    crew.log_in("li", NEW)


@pytest.mark.parametrize(
    ("change", "ends"),
    [({"password": NEW}, True), ({"role": "auditor"}, True), ({"active": False}, True),
     ({"otp": ""}, True), ({"hospital": ""}, True), ({"name": "王"}, False)],
)  # fmt: skip
def test_what_an_administrator_changes(crew, change, ends):
    token, session = crew.ready("li")
    crew.people.change(session.person, change)
    if ends:
        with pytest.raises(NotLoggedIn):
            crew.sessions.session(token)
    else:
        crew.sessions.session(token)


@pytest.mark.parametrize(
    "change",
    [{"role": "god"}, {"title": "x"}, {"department": "A B"}, {"name": " "}, {"hospital": "h_no"},
     {"failures": 3}, {"otp": "x"}, {"name": "a\u202eb"}],
)  # fmt: skip
def test_what_no_administrator_changes(crew, change):
    crew.add("li")
    with pytest.raises(InputWrong):
        crew.people.change(crew.ids["li"], change)
    with pytest.raises(NotFound):
        crew.people.change("p_none", {"name": "x"})


def test_new_accounts_are_checked_and_listed_without_secrets(crew):
    crew.ready("li")
    with pytest.raises(UserExists):
        crew.add("li")
    with pytest.raises(InputWrong):
        crew.add("x", "god")
    with pytest.raises(PasswordWeak):
        crew.add("x", password="short")
    with pytest.raises(InputWrong):
        crew.add("x", hospital="h_none")
    (listed,) = crew.people.list()
    assert (listed["user"], listed["otp"], listed["key"]) == ("li", True, None)
    assert "argon2" not in str(listed)


def test_an_initial_password_must_change(crew):
    crew.add("li", must_change=True)
    assert crew.log_in("li")[1].must_change


# -- identity provider -----------------------------------------------------------------------------


def test_a_provider_without_a_second_factor_leaves_ours_to_be_shown(crew):
    crew.ready("li", oidc_subject="sub-1")
    token, session = crew.sessions.log_in_by_provider("sub-1", second_factor=False)
    assert session.must_show_otp
    with pytest.raises(OtpWrong):
        crew.sessions.confirm(token, "000000", ADDRESS)
    crew.clock.at += 30_000
    crew.sessions.confirm(token, crew.code(crew.secrets["li"]), ADDRESS)
    assert not crew.sessions.session(token).must_show_otp


def test_a_provider_with_a_second_factor_is_believed(crew):
    crew.add("li", password="", oidc_subject="sub-1", must_change=True)
    _, session = crew.sessions.log_in_by_provider("sub-1", second_factor=True)
    assert [session.must_set_otp, session.must_show_otp, session.must_change] == [False] * 3
    with pytest.raises(LoginWrong):
        crew.log_in("li", "")
    with pytest.raises(OidcUnknownPerson):
        crew.sessions.log_in_by_provider("sub-2", second_factor=True)
    crew.people.change(crew.ids["li"], {"active": False})
    with pytest.raises(OidcUnknownPerson):
        crew.sessions.log_in_by_provider("sub-1", second_factor=True)
    with pytest.raises(UserExists):
        crew.add("other", oidc_subject="sub-1")


# -- keys ------------------------------------------------------------------------------------------


def test_a_key_is_announced_changed_and_retired(crew):
    person, keys = crew.add("li"), PersonKeys(crew.site)
    first, second = BrowserKey(), BrowserKey()
    with pytest.raises(NoKey):
        keys.current(person)
    keys.register(person, read_key(first.form))
    assert crew.site.directory.current().recipient(person).key == first.id
    keys.register(person, read_key(first.form | {"wrapped": "bmV3"}))
    assert bytes(keys.current(person).wrapped) == b"new"
    keys.register(person, read_key(second.form))
    now = crew.site.directory.current()
    assert now.recipient(person).key == second.id
    assert [(c.old, c.new) for c in now.changed_keys(0)] == [(first.id, second.id)]
    assert keys.retire(person) == second.id
    with pytest.raises(NoKey):
        keys.retire(person)
    with pytest.raises(KeyTaken):
        keys.register(person, read_key(second.form))
    kinds = [e.kind for e in map(_entry, crew.site.directory.current().entries)]
    assert kinds == ["hospital", "person", "retired", "person", "retired"]


def _entry(data):
    from core.seals.directory_entries import read_entry

    return read_entry(data)


def test_a_key_is_one_persons(crew):
    keys, key = PersonKeys(crew.site), BrowserKey()
    keys.register(crew.add("li"), read_key(key.form))
    with pytest.raises(KeyTaken):
        keys.register(crew.add("wang"), read_key(key.form))
    with pytest.raises(NoHospital):
        keys.register(crew.add("zhao", hospital=""), read_key(BrowserKey().form))


@pytest.mark.parametrize(
    "wrong",
    [{"id": "0" * 64}, {"id": "x"}, {"agree_public": "04" + "00" * 64}, {"sign_public": ""},
     {"wrapped": ""}, {"wrapped": "="}, {"recovery": "A" * 30_000}, {"attested": "zz"}],
)  # fmt: skip
def test_what_is_no_key(wrong):
    with pytest.raises(KeyWrong):
        read_key(BrowserKey().form | wrong)


def test_an_attestation_that_is_none_is_refused(crew):
    with pytest.raises(KeyWrong):
        PersonKeys(crew.site).register(
            crew.add("li"), read_key(BrowserKey().form | {"attested": "00" * 64})
        )


def test_the_directory_follows_the_account(crew):
    person = crew.add("li")
    PersonKeys(crew.site).register(person, read_key(BrowserKey().form))
    crew.people.change(person, {"name": "李四", "department": "imaging"})
    found = crew.site.directory.current().recipient(person)
    assert (found.name, found.department) == ("李四", "imaging")
    assert crew.site.directory.current().changed_keys(0) == ()
    crew.people.change(person, {"active": False})
    assert person in crew.site.directory.current().contents.revoked
    with pytest.raises(PersonRevoked):
        crew.people.change(person, {"active": True})
    other = crew.add("wang")
    crew.people.change(other, {"active": False})
    crew.people.change(other, {"active": True})


# -- hospitals and rosters -------------------------------------------------------------------------


def notices(crew, hospital):
    journal = crew.site.journal(hospital)
    rows = journal.read(0, 100)
    return [open_record(s, None).body for s in rows if s.header.writer == journal.writer]


def test_a_duty_roster_reaches_every_box(crew):
    county = add_hospital(crew.site, "县医院")
    li, wang = crew.add("li"), crew.add("wang")
    PersonKeys(crew.site).register(li, read_key(key := BrowserKey().form))
    duty.set_duty(crew.site, crew.hospital, "respiratory", [li, wang, li])
    expected = {"kind": "duty", "hospital": crew.hospital, "department": "respiratory",
                "people": sorted([li, wang])}  # fmt: skip
    assert notices(crew, county) == notices(crew, crew.hospital) == [expected]
    (place,) = duty.roster(crew.site)
    assert {p["id"]: p["key"] for p in place["people"]} == {li: key["id"], wang: None}
    crew.people.change(wang, {"department": "imaging"})
    assert notices(crew, county)[-1]["people"] == [li]
    late = add_hospital(crew.site, "后来的医院")  # its first box hears of who is on duty already
    assert [n["people"] for n in notices(crew, late)] == [[li]]
    duty.set_duty(crew.site, crew.hospital, "respiratory", [])
    assert [n["people"] for n in notices(crew, late)] == [[li], []]


def test_only_experts_of_the_department_are_on_duty(crew):
    crew.add("li")
    crew.add("admin", "hub_admin")
    crew.add("far", department="imaging")
    for people in ([crew.ids["admin"]], [crew.ids["far"]], ["p_none"], ["x"] * 2):
        with pytest.raises(InputWrong):
            duty.set_duty(crew.site, crew.hospital, "respiratory", people)
    with pytest.raises(InputWrong):
        duty.set_duty(crew.site, crew.hospital, "", [])


def test_hospitals(crew):
    with pytest.raises(HospitalExists):
        add_hospital(crew.site, "省胸科医院")
    with pytest.raises(InputWrong):
        add_hospital(crew.site, " ")
    set_policy(crew.site, crew.hospital, {"fields": ["tb.positive"]})
    with pytest.raises(NotFound):
        set_policy(crew.site, "h_none", {})
    with pytest.raises(InputWrong):
        set_policy(crew.site, crew.hospital, {"fields": ["x" * 20_000]})
    with pytest.raises(InputWrong):
        set_recovery(crew.site, crew.hospital, b"short")
    (listed,) = hospitals(crew.site)
    assert (listed["boxes"], listed["recovery"]) == (0, False)
    assert listed["policy"] == {"fields": ["tb.positive"]}


def test_a_recovery_key_is_set_once_and_told_to_everybody(crew):
    key = bytes(range(32))
    set_recovery(crew.site, crew.hospital, key)
    with pytest.raises(Conflict):
        set_recovery(crew.site, crew.hospital, key[::-1])
    with pytest.raises(NotFound):
        set_recovery(crew.site, "h_none", key)
    far = add_hospital(crew.site, "有专家没有设备", key)
    known = crew.site.directory.current().contents.hospitals
    assert [known[h].recovery_public for h in (crew.hospital, far)] == [key, key]
