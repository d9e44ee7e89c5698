"""The hub's word is taken however many records of other kinds lie before it."""

from __future__ import annotations

from edge.consult.inbox import take
from tests.api_site import chest
from tests.consult_site import ask


def test_images_that_arrive_meanwhile_do_not_end_the_taking(box):
    ask(box)
    box.api.send(*(chest(n, study="7.7") for n in range(1, 8)))
    assert take(box.desk, batch=3) == 3  # a full batch: there is more
    while take(box.desk, batch=3):
        pass
    assert take(box.desk, batch=3) == 0
