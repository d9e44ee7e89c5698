"""A hub where consultations can take place."""

from __future__ import annotations

import pytest

from tests.hub_consults import DEPARTMENTS, Table
from tests.hub_people import Crew


@pytest.fixture
def table(hub, hub_clock):
    """Two county boxes, an expert of each discipline, a second respiratory one, a coordinator."""
    crew = Crew(hub, hub_clock)
    made = Table(hub, crew)
    for department in DEPARTMENTS:
        crew.add("expert" if department == "respiratory" else department, department=department)
    crew.add("second")
    crew.add("stranger")
    crew.add("coordinator", "coordinator", department="")
    for user in crew.ids:
        made.give_key(user)
    hub.directory.current()
    return made
