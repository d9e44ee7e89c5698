"""One object into a box, for tests that need something there."""

from __future__ import annotations

from edge.intake.net.sink import Peer, StoreCommand
from edge.intake.sink import JournalSink
from tests.api_site import chest
from tests.input_cases import encoded

PEER = Peer("ct1", "CT1", "XINGLIN", "127.0.0.1", "a1", traits=frozenset({"modality"}))


def send(sink, dataset, step=100_000):
    """Send one data set as a peer does; return the outcome."""
    data = encoded(dataset)
    body = data[144 + int.from_bytes(data[140:144], "little") :]
    command = StoreCommand(
        str(dataset.SOPClassUID), "", str(dataset.file_meta.TransferSyntaxUID), 1, "CT1"
    )
    receipt = sink.begin(PEER, command)
    for at in range(0, len(body), step):
        receipt.write(memoryview(body)[at : at + step])
    return receipt.commit()


def send_one(box):
    """Store one slice in a box."""
    assert send(JournalSink(box, lambda: "ok"), chest()).status == 0
