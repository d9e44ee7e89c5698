"""The walk through P-DATA-TF, cut at every place."""

import contextlib
import socket
import threading

import pytest

from edge.intake.net.errors import (
    PduMalformed,
    PduTooLong,
    PduUnexpected,
    PduUnrecognised,
    PeerAborted,
    PeerGone,
    PeerSilent,
)
from edge.intake.net.wire import PdvReader, Released, Wire, fragments
from tests.raw_peer import p_data, pdv


def ticking():
    return 0.0


def read_all(
    stream: bytes, cuts: list[int], size: int = 64
) -> tuple[list[tuple[int, int, bytes]], BaseException]:
    """Feed the stream in pieces; return the PDVs read and what ended the reading."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]

        def feed() -> None:
            with contextlib.suppress(OSError):  # the reader may have refused and gone
                for piece in pieces:
                    theirs.sendall(piece)
                theirs.shutdown(socket.SHUT_WR)

        feeder = threading.Thread(target=feed)
        feeder.start()
        wire = Wire(ours, size, ticking)
        wire.allow(5.0)
        reader = PdvReader(wire, 4096)
        found = []
        try:
            while True:
                reader.advance()
                data, left = b"", reader.length
                while left:
                    piece = bytes(wire.some(left))
                    data += piece
                    left -= len(piece)
                found.append((reader.context_id, reader.control, data))
        except (PeerGone, Released) as end:
            feeder.join()
            return found, end


STREAM = (
    p_data(pdv(1, 1, b"comm"), pdv(1, 3, b"and"))
    + p_data(pdv(1, 0, b"x" * 100))
    + p_data(pdv(1, 0, b""))
    + p_data(pdv(1, 2, b""))
    + bytes.fromhex("05000000000400000000")
)
EXPECTED = [(1, 1, b"comm"), (1, 3, b"and"), (1, 0, b"x" * 100), (1, 0, b""), (1, 2, b"")]


@pytest.mark.parametrize("cut", range(1, len(STREAM)))
def test_cut_at_every_place(cut):
    found, end = read_all(STREAM, [cut])
    assert found == EXPECTED
    assert isinstance(end, Released)


def test_one_byte_at_a_time():
    found, _ = read_all(STREAM, list(range(1, len(STREAM))), size=16)
    assert found == EXPECTED


@pytest.mark.parametrize(
    ("stream", "error"),
    [
        (bytes.fromhex("0900000000040000"), PduUnrecognised),
        (bytes.fromhex("0000000000040000"), PduUnrecognised),
        (bytes.fromhex("01000000000400000000"), PduUnexpected),
        (bytes.fromhex("0500000000080000000000000000"), PduUnexpected),
        (bytes.fromhex("07000000000400000000"), PeerAborted),
        (bytes.fromhex("0400ffffffff"), PduTooLong),
        (bytes.fromhex("040000001001"), PduTooLong),
        (bytes.fromhex("040000000000"), PduMalformed),
        (bytes.fromhex("040000000006ffffffff0100"), PduMalformed),
        (bytes.fromhex("040000000006000000010100"), PduMalformed),  # PDV length 1
        (bytes.fromhex("040000000007000000020100ff"), PduMalformed),  # a byte left over
        (bytes.fromhex("040000000006000000020104"), PduMalformed),  # unknown control bit
        (b"", PeerGone),
        (b"\4\0", PeerGone),
        (p_data(pdv(1, 0, b"abc"))[:-1], PeerGone),
    ],
)
def test_violations(stream, error):
    with pytest.raises(error):
        raise read_all(stream, [])[1]


def test_silence_is_told_from_departure():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        wire = Wire(ours, 64, ticking)
        wire.allow(0.01)
        with pytest.raises(PeerSilent):
            wire.take(1)


def test_a_deadline_holds_over_many_reads():
    moments = iter([0.0, 0.5, 1.5])
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"ab")
        wire = Wire(ours, 1, lambda: next(moments))
        wire.allow_until(1.0, 1.0)
        assert bytes(wire.take(1)) == b"a"
        assert bytes(wire.take(1)) == b"b"
        theirs.sendall(b"c")
        with pytest.raises(PeerSilent):
            wire.take(1)


@pytest.mark.parametrize("max_pdu", [0, 7, 10, 64, 10_000])
@pytest.mark.parametrize("length", [0, 1, 4, 57, 58, 59, 200])
def test_fragments_come_back_whole_and_within_the_limit(max_pdu, length):
    data = bytes(range(length % 256))[:length]
    encoded = fragments(5, command=True, data=data, max_pdu=max_pdu)
    found, _ = read_all(encoded, [], size=512)
    assert b"".join(part for _, _, part in found) == data
    assert [control for _, control, _ in found] == [1] * (len(found) - 1) + [3]
    if max_pdu:
        assert all(len(part) + 6 <= max_pdu for _, _, part in found)
