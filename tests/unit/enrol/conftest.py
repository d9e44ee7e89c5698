"""Fixtures: a region whose hub runs on both kinds of database."""

from __future__ import annotations

import pytest

from tests.enrol_cases import Region, box_at


@pytest.fixture
def region(hub, hub_clock, tmp_path):
    """A hub with its authority and one hospital; the port is served where the test asks for it."""
    made = Region(hub, hub_clock, tmp_path)
    yield made
    made.stop()


@pytest.fixture
def served(region):
    """The region with its enrolment port open."""
    return region.serve()


@pytest.fixture
def box(tmp_path, hub_clock):
    """A box whose clock is the hub's."""
    made = box_at(tmp_path / "box", hub_clock)
    yield made
    made.box.close()
