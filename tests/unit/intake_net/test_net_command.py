"""Command sets: PS3.7 6.3.1 and annex E."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.intake.net.command import (
    Field,
    Operation,
    decode_command,
    encode_command,
    is_uid,
    printable,
    response_to,
)
from edge.intake.net.errors import CommandMalformed

ECHO_RQ = bytes.fromhex(  # as DCMTK's echoscu sends it
    "00000000040000003800000000000200120000 00312e322e3834302e31303030382e312e3100"
    "0000000102000000300000001001020000000100000000080200000001 01"
)


def test_reads_what_dcmtk_sends():
    command = decode_command(ECHO_RQ)
    assert command.operation == Operation.C_ECHO_RQ
    assert command.text(Field.AFFECTED_SOP_CLASS) == "1.2.840.10008.1.1"
    assert command.number(Field.MESSAGE_ID) == 1
    assert not command.has_data_set


def test_encoding_equals_dcmtks_bytes():
    fields = {
        Field.AFFECTED_SOP_CLASS: "1.2.840.10008.1.1",
        Field.COMMAND: Operation.C_ECHO_RQ,
        Field.MESSAGE_ID: 1,
        Field.DATA_SET_TYPE: 0x0101,
    }
    assert encode_command(fields) == ECHO_RQ


@pytest.mark.parametrize(
    "encoded",
    [
        ECHO_RQ[:-1],
        ECHO_RQ + b"\0",
        struct.pack("<HHI", 8, 0x100, 2) + b"\0\0",  # another group
        struct.pack("<HHI", 0, 0x100, 0xFFFFFFFF),  # undefined length
        struct.pack("<HHIHHHIH", 0, 0x110, 2, 1, 0, 0x100, 2, 1),  # out of order
        struct.pack("<HHIH", 0, 0x100, 2, 1) * 2,  # twice
    ],
)
def test_refuses_malformed(encoded):
    with pytest.raises(CommandMalformed):
        decode_command(encoded)


@given(st.binary(max_size=200))
def test_any_bytes_decode_or_are_refused(encoded):
    try:
        command = decode_command(encoded)
        command.number(Field.COMMAND, 0)
        command.text(Field.AFFECTED_SOP_INSTANCE)
    except CommandMalformed:
        pass


def test_absent_and_misshapen_numbers_are_refused():
    command = decode_command(struct.pack("<HHI", 0, 0x110, 1) + b"\1")
    with pytest.raises(CommandMalformed):
        command.number(Field.MESSAGE_ID)
    with pytest.raises(CommandMalformed):
        command.number(Field.COMMAND)
    assert command.number(Field.PRIORITY, 0) == 0


def test_response_echoes_uids_bytewise_and_cleans_the_comment():
    odd = decode_command(
        struct.pack("<HHI", 0, 2, 4) + b"1.\xff\0" + struct.pack("<HHIH", 0, 0x110, 2, 9)
    )
    fields = response_to(odd, Operation.C_STORE_RSP, 0xA700, "满 full" * 40)
    assert fields[Field.AFFECTED_SOP_CLASS] == b"1.\xff"
    assert fields[Field.MESSAGE_ID_RESPONDED_TO] == 9
    comment = fields[Field.ERROR_COMMENT]
    assert isinstance(comment, str)
    assert len(comment) == 64
    assert comment.startswith("? full")


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("1.2.3", True),
        ("2.25." + "9" * 59, True),
        ("2.25." + "9" * 60, False),
        ("", False),
        ("1..2", False),
        ("1.2.", False),
        ("../etc", False),
        ("1.2\n", False),
        ("١.٢", False),
    ],
)
def test_uid_form(text, valid):
    assert is_uid(text) is valid


def test_printable_hides_what_a_log_could_choke_on():
    assert printable(b"A\n\x1b[31m\xe4") == "A??[31m?"
