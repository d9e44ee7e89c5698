"""A hub with experts, and a county's box that holds a small CT."""

import pytest

from tests.api_site import chest
from tests.consult_site import COORDINATOR, EXPERT, MEMBER, SECOND, Box, Hub


@pytest.fixture
def hub():
    made = Hub()
    for pair in (EXPERT, SECOND):
        made.person(pair)
    made.person(MEMBER, department="imaging")
    made.person(COORDINATOR, role="coordinator", department="")
    return made


@pytest.fixture
def box(tmp_path, hub):
    made = Box(tmp_path / "a", hub)
    made.api.send(*(chest(n) for n in range(1, 4)))
    made.api.send(chest(1, study="1.2.4"))
    return made
