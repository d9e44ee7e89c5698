"""Association PDUs from hostile and from ordinary bytes."""

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.intake.net.errors import CalledTitleRefused, PduMalformed
from edge.intake.net.pdu import (
    ContextAnswer,
    Roles,
    decode_request,
    encode_abort,
    encode_accept,
    encode_reject,
    encode_release_reply,
)
from tests.raw_peer import CT, EXPLICIT, IMPLICIT, Hello, context, item, role

GOOD = Hello(user_items=(role(CT, 1, 0),)).encode()[6:]


def test_decodes_an_ordinary_request():
    request = decode_request(GOOD)
    assert (request.calling_ae, request.called_ae) == ("CT1", "XINGLIN")
    assert request.max_pdu == 16384
    assert request.contexts[1].abstract_syntax == CT
    assert request.contexts[1].transfer_syntaxes == (EXPLICIT, IMPLICIT)
    assert request.roles == {CT: Roles(scu=True, scp=False)}


def test_a_malformed_role_is_left_out():
    assert not decode_request(Hello(user_items=(item(0x54, b"\xff\xff1"),)).encode()[6:]).roles


def test_unknown_items_are_ignored_as_the_standard_asks():
    odd = Hello(user_items=(item(0x7E, b"new"),), more_items=(item(0x99, b"what"),))
    assert decode_request(odd.encode()[6:]).contexts == decode_request(GOOD).contexts


@pytest.mark.parametrize(
    "hello",
    [
        Hello(contexts=(context(2, CT, IMPLICIT),)),  # even id
        Hello(contexts=(context(1, CT, IMPLICIT), context(1, CT, EXPLICIT))),  # twice
        Hello(contexts=(context(1, "not-a-uid", IMPLICIT),)),
        Hello(contexts=(context(1, CT, "../../etc/passwd"),)),
        Hello(contexts=(context(1, "1." + "2" * 70, IMPLICIT),)),
        Hello(contexts=(item(0x20, b"\1"),)),
        Hello(contexts=tuple(context(1, CT, IMPLICIT) for _ in range(129))),
        Hello(calling=b""),
        Hello(called=b"\xff\xfe"),
        Hello(calling=b"A\\B"),
        Hello(calling=b"A\nB"),
    ],
)
def test_refuses_what_contradicts_itself(hello):
    with pytest.raises(PduMalformed):
        decode_request(hello.encode()[6:])


@pytest.mark.parametrize("cut", range(0, len(GOOD), 7))
def test_truncated_anywhere(cut):
    try:
        decode_request(GOOD[:cut])
    except PduMalformed:
        return
    # A cut between two items leaves a shorter but well-formed request.
    assert cut >= 68


@given(st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), max_size=8))
def test_flipped_bytes_decode_or_are_refused(changes):
    body = bytearray(GOOD)
    for place, value in changes:
        body[place] = value
    with contextlib.suppress(PduMalformed):
        decode_request(bytes(body))


@given(st.binary(max_size=400))
def test_any_tail_decodes_or_is_refused(tail):
    with contextlib.suppress(PduMalformed):
        decode_request(GOOD[:68] + tail)


def test_accept_echoes_the_reserved_fields_and_names_each_context():
    encoded = encode_accept(
        GOOD, (ContextAnswer(1, 0, IMPLICIT), ContextAnswer(3, 3, EXPLICIT)), {}, 131072
    )
    assert encoded[0] == 2
    assert struct.unpack(">I", encoded[2:6])[0] == len(encoded) - 6
    assert encoded[10:74] == GOOD[4:68]
    assert encoded.count(b"\x51\0\0\4" + struct.pack(">I", 131072)) == 1


def test_the_short_pdus_are_the_bytes_of_the_standard():
    assert encode_reject(CalledTitleRefused(called="X")) == bytes.fromhex("03000000000400010107")
    assert encode_abort(2, 6) == bytes.fromhex("07000000000400000206")
    assert encode_abort(0, 6) == bytes.fromhex("07000000000400000000")
    assert encode_release_reply() == bytes.fromhex("06000000000400000000")
