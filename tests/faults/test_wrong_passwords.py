"""A thousand wrong passwords at the portal: few are looked at, all are recorded, nobody gets in."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from core.journal.seal import open_record
from hub.registry.sessions import MOST_FAILURES
from tests.hub_cases import HubClock, make_hub, migrated
from tests.hub_people import PASSWORD
from tests.hub_portal import PortalSite

MINUTE = 60_000
#: Cheap refusals take milliseconds: what holds the machine is what is looked at.
_LOOKED_AT_MOST = MOST_FAILURES + 8  # those that come in the same moment


@pytest.fixture
def portal(tmp_path):
    url = f"sqlite:///{tmp_path / 'hub.db'}"
    migrated(url)
    clock = HubClock()
    site = make_hub(tmp_path / "hub", url, clock)
    yield PortalSite(site, clock, roles=("expert", "auditor"))
    site.close()


def recorded(portal):
    """Return the bodies of the access journal's rows on log-ins that failed."""
    site, found, position = portal.site, [], 0
    while page := site.access.read(position, 500):
        position = page[-1].position
        found += [open_record(one, site.secrets).body for one in page]
    return [one for one in found if one.get("action") == "login failed"]


def test_a_thousand_wrong_passwords_open_nothing_and_are_on_record(portal, monkeypatch):
    looked_at = []
    fits = type(portal.crew.passwords).fits

    def counted(self, kept, password):
        looked_at.append(password)
        return fits(self, kept, password)

    monkeypatch.setattr(type(portal.crew.passwords), "fits", counted)
    with portal.client() as client, ThreadPoolExecutor(4) as pool:

        def guess(n):
            form = {"user": "expert", "password": f"guess number {n}"}
            answer = client.post("/api/login", json=form)
            return answer.status_code, answer.json()["code"]

        outcomes = Counter(pool.map(guess, range(1000)))
        assert all(status in (401, 429) for status, _ in outcomes), outcomes
        assert sum(outcomes.values()) == 1000
        assert len(looked_at) <= _LOOKED_AT_MOST
        right = {"user": "expert", "password": PASSWORD, "otp": "000000"}
        assert client.post("/api/login", json=right).status_code in (401, 429)
        assert "set-cookie" not in client.post("/api/login", json=right).headers
    rows = recorded(portal)
    assert len(rows) == 1002
    assert {one["account"] for one in rows} == {"expert"}
    assert not any("guess number" in str(one) for one in rows)
    portal.clock.at += 16 * MINUTE
    token, _ = portal.crew.log_in("expert")
    assert token
