"""One service and one receiver for a file of tests, emptied before each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydicom.uid import (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

from tests.dimse_cases import Box, Receiver, running


@pytest.fixture(scope="module")
def shared_box() -> Iterator[Box]:
    yield from running()


@pytest.fixture
def box(shared_box: Box) -> Box:
    for kept in (shared_box.log.events, shared_box.steps.saved, shared_box.answers.taken):
        kept.clear()
    shared_box.peers.clear()
    return shared_box


@pytest.fixture
def receiver(shared_receiver: Receiver) -> Receiver:
    shared_receiver.stored.clear()
    shared_receiver.reports.clear()
    shared_receiver.reported.clear()
    return shared_receiver


@pytest.fixture(scope="module")
def shared_receiver() -> Iterator[Receiver]:
    one = Receiver(ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless)
    yield one
    one.stop()
