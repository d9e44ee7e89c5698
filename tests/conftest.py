"""Fixtures for tests that run on every database of the hub."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

from tests.hub_cases import HubClock, make_hub, migrated
from tests.postgres import Postgres, programs

# How long a draw takes is the machine's load, not the code's fault.
settings.register_profile("loaded", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("loaded")


def pytest_make_parametrize_id(config, val, argname):
    """Bytes are named by their size.

    The workers of one run must collect the same names, and packed or random bytes made at import
    differ from worker to worker.
    """
    return f"{argname}{len(val)}" if isinstance(val, bytes | bytearray) else None


@pytest.fixture(scope="session")
def postgres():
    """A PostgreSQL cluster of this test run's own."""
    found = programs()
    if found is None:
        pytest.skip("PostgreSQL is not installed (apt: postgresql)")
    cluster = Postgres(found)
    yield cluster
    cluster.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def hub_url(request, tmp_path):
    """URL of a fresh, migrated hub database; each test runs on both kinds."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'hub.db'}"
        migrated(url)
        yield url
        return
    postgres = request.getfixturevalue("postgres")
    url = postgres.fresh(migrated)
    yield url
    postgres.drop(url)


@pytest.fixture
def hub_clock():
    """The hub's clock, which the test moves."""
    return HubClock()


@pytest.fixture
def hub(hub_url, hub_clock, tmp_path):
    """An opened hub in a folder of its own, on both kinds of database."""
    site = make_hub(tmp_path / "hub", hub_url, hub_clock)
    yield site
    site.close()
