"""Identifiers with wrong VRs, wrong lengths and wrong text end in an answer or a typed refusal."""

from __future__ import annotations

import io
import struct
import warnings

from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.dataset import Dataset

from core.errors import XinglinError
from edge.intake.dimse.commitment import read_answer, read_request
from edge.intake.dimse.match import matches
from edge.intake.dimse.mpps import read_step
from edge.intake.dimse.query import parse_query, response, retrieve_keys

TAGS = [
    0x00080005, 0x00080018, 0x00080020, 0x00080052, 0x00081195, 0x00081197, 0x00081198, 0x00081199,
    0x00081150, 0x00081155, 0x00100010, 0x00100020, 0x0020000D, 0x0020000E, 0x00400252, 0x00400270,
    0x00400340, 0x00280010, 0x00091001,
]  # fmt: skip
SHORT = [b"CS", b"LO", b"PN", b"UI", b"DA", b"IS", b"DS", b"AT", b"SH"]
VALUES = st.one_of(
    st.sampled_from([b"STUDY ", b"IMAGE ", b"COMPLETED ", b"1.2\\1.3 ", b"*", b"", b"zhang*",
                     "张三".encode("gbk"), b"\x1b$)A\xd5\xc5", b"ISO_IR 192", b"KLINGON "]),
    st.binary(max_size=24),
)  # fmt: skip


@st.composite
def content(draw, depth: int = 2) -> bytes:
    out = b""
    for tag in sorted(draw(st.lists(st.sampled_from(TAGS), max_size=6, unique=True))):
        head = struct.pack("<HH", tag >> 16, tag & 0xFFFF)
        if depth and draw(st.booleans()):
            inner = draw(content(depth - 1))
            item = b"\xfe\xff\x00\xe0" + struct.pack("<I", len(inner)) + inner
            out += head + b"SQ\0\0" + struct.pack("<I", len(item)) + item
            continue
        value = draw(VALUES)
        value += b" " * (len(value) % 2)
        out += head + draw(st.sampled_from(SHORT)) + struct.pack("<H", len(value)) + value
    return out


def read(data: bytes) -> Dataset | None:
    prefix = b"\x08\x00\x00\x00UL\x04\x00\0\0\0\0"
    try:
        return dcmread(io.BytesIO(prefix + data), force=True)
    except (TypeError, ValueError):
        return None  # pydicom itself gives up; the service answers "unable to process"


@settings(max_examples=60, deadline=None, derandomize=True)
@given(content())
def test_hostile_identifiers(data):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = read(data)
        if dataset is None:
            return
        for root in (True, False):
            try:
                query = parse_query(dataset, patient_root=root)
                record = {
                    "PatientName": "张^三",
                    "StudyInstanceUID": "1.2",
                    "StudyDate": "20261122",
                }
                assert matches(record, query.matchers) in (True, False)
                response(query, record, "XINGLIN", "ISO_IR 192")
            except XinglinError:
                pass
            try:
                _, keys = retrieve_keys(dataset, patient_root=root)
                assert all(keys.values())
            except XinglinError:
                pass


@settings(max_examples=60, deadline=None, derandomize=True)
@given(content())
def test_hostile_steps_and_commitments(data):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = read(data)
        if dataset is None:
            return
        for reader in (read_request, read_answer):
            reader(dataset)
        read_step(dataset, "1.2", "SENDER", created=True)
