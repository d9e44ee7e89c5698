"""Hub processes: two on one database serve at once, either may be killed; one stops gracefully."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import httpx
import pyotp
import pytest

from core.journal.chain import Head, verify
from core.seals.directory import verify_directory
from core.seals.keybook import raw_public
from core.web.access import Passwords
from hub.outside import real_outside
from hub.registry.authority import RootKeyFile, create_authority
from hub.registry.hospitals import add_hospital
from hub.registry.people import NewPerson, People
from hub.registry.sessions import NewOtp, Sessions, Try
from hub.site import open_hub
from tests.hub_cases import make_hub
from tests.hub_processes import running
from tests.postgres import Postgres, programs

PASSWORD = "a long password"


@pytest.fixture
def folder(hub_url, tmp_path):
    outside = real_outside()
    site = make_hub(tmp_path / "hub", hub_url, outside.now_ms)
    create_authority(
        site.folder, site.identity.id, "测试", RootKeyFile(tmp_path / "root.key"), outside
    )
    site.close()
    return tmp_path / "hub"


def admin_of(folder):
    """Add an administrator and three hospitals; return (token, csrf, hospital)."""
    site = open_hub(folder, real_outside())
    passwords = Passwords(os.urandom)
    hospital = add_hospital(site, "甲")
    add_hospital(site, "乙")
    add_hospital(site, "丙")
    people, sessions = People(site, passwords), Sessions(site, passwords)
    people.add(NewPerson("root", "管理员", "hub_admin", PASSWORD, must_change=False))
    token, session = sessions.log_in(Try("root", PASSWORD, "", "test"))
    secret = pyotp.random_base32()
    sessions.confirm_otp(token, NewOtp(secret, pyotp.TOTP(secret).now(), "", "test"))
    site.close()
    return token, session.csrf, hospital


def browser(process, token, csrf):
    return httpx.Client(
        base_url=process.url, cookies={"xl_portal": token}, headers={"X-CSRF-Token": csrf},
        timeout=30,
    )  # fmt: skip


def check(folder):
    """Verify every chain and the directory; return how many duty notices each hospital has."""
    site = open_hub(folder, real_outside())
    counts = []
    for journal in (site.access, site.journal("")):
        for writer in journal.writers():
            (head,) = list(verify(journal.kept(writer)))
            assert isinstance(head, Head)
            if "/" in writer:
                counts.append(head.seq)
    shown = site.directory.show(0)
    verify_directory(shown.entries, shown.head, raw_public(site.identity.key.public_key()))
    site.close()
    return counts


def test_two_processes_serve_at_once_and_either_may_be_killed(folder):
    token, csrf, hospital = admin_of(folder)
    stop, answered, broken = threading.Event(), [0, 0], []

    def work(n, process):
        with browser(process, token, csrf) as client:
            while not stop.is_set():
                body = {"hospital": hospital, "department": "imaging", "people": []}
                try:
                    answer = client.put("/api/duty", json=body)
                except httpx.TransportError:
                    return  # its process was killed
                if answer.status_code != 204:
                    broken.append(answer.text)
                answered[n] += 1

    def until(condition):
        ends = time.monotonic() + 240  # a machine that does much else
        while not condition():
            assert time.monotonic() < ends, (answered, broken)
            time.sleep(0.01)

    with running(folder, 2) as (one, two):
        threads = [
            threading.Thread(target=work, args=(n, p)) for n, p in ((0, one), (1, two), (1, two))
        ]
        for thread in threads:
            thread.start()
        until(lambda: min(answered) >= 5)
        one.end(signal.SIGKILL)
        sofar = answered[1]
        until(lambda: answered[1] >= sofar + 5)
        with running(folder, 1) as (again,), browser(again, token, csrf) as client:
            assert client.get("/api/me").json()["user"] == "root"
        stop.set()
        for thread in threads:
            thread.join()
    assert broken == []
    counts = check(folder)
    assert len(set(counts)) == 1
    # What was answered is there; what was not answered may be.
    assert sum(answered) <= counts[0] <= sum(answered) + 1


def test_it_stops_gracefully(folder):
    with running(folder, 1) as (one,):
        assert httpx.get(f"{one.url}/api/about").json()["region"] == "测试"
        assert {name for name, port in one.ports.items() if port} == {"portal", "sync", "enrol"}
        code, _, err = one.end()
    assert code == 0, err.decode()
    assert b"failed" not in err


def test_a_taken_port_is_said(folder, tmp_path):
    with running(folder, 1) as (one,):
        command = [sys.executable, "-m", "core.cli", "hub", "serve", "--folder", str(folder),
                   "--portal-port", str(one.ports["portal"])]  # fmt: skip
        found = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert found.returncode != 0
    assert found.stdout == b""


@pytest.fixture
def own_postgres():
    found = programs()
    if found is None:
        pytest.skip("PostgreSQL is not installed (apt: postgresql)")
    cluster = Postgres(found)
    yield cluster
    cluster.stop()


def test_a_database_that_was_away_is_found_again(own_postgres, tmp_path):
    outside = real_outside()
    make_hub(tmp_path / "hub", own_postgres.empty(), outside.now_ms).close()
    token, csrf, _ = admin_of(tmp_path / "hub")
    with running(tmp_path / "hub", 1) as (one,), browser(one, token, csrf) as client:
        assert client.get("/api/me").status_code == 200
        own_postgres.crash()
        gone = client.get("/api/me")
        assert (gone.status_code, gone.json()["code"]) == (503, "E7606")
        own_postgres.start()
        assert client.get("/api/me").json()["user"] == "root"
        assert one.process.poll() is None
