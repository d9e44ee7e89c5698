"""A data set of odd length goes out even: PS3.5 7.1.1."""

from __future__ import annotations

import struct

from pydicom.uid import ExplicitVRLittleEndian, RLELossless

from edge.report.recode import dataset_of, even


def odd_data_set():
    name = b"\x10\x00\x10\x00PN\x04\x00A^B "
    return name + b"\xe0\x7f\x10\x00OB\x00\x00" + struct.pack("<I", 3) + b"\x01\x02\x03"


def test_an_odd_last_value_is_padded_inside_its_length():
    sent = even(odd_data_set(), ExplicitVRLittleEndian)
    assert len(sent) % 2 == 0
    assert dataset_of(sent, ExplicitVRLittleEndian).PixelData == b"\x01\x02\x03\x00"


def test_an_even_data_set_is_not_touched():
    data = odd_data_set() + b"\x00"
    assert even(data, ExplicitVRLittleEndian) is data


def test_what_cannot_be_parsed_gets_one_nul():
    assert even(b"\xff" * 7, RLELossless) == b"\xff" * 7 + b"\0"
