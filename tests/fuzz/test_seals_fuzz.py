"""Whatever bytes come, seals answer with content or with a refusal of their own."""

from __future__ import annotations

import json
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import XinglinError
from core.seals import consult_key, objects, person
from core.seals.directory import check_witness, verify_directory
from core.seals.directory_entries import read_entry
from core.seals.statements import open_statement
from core.seals.text import from_base64url
from tests.seal_site import EXPERT

GOLDEN = json.loads(
    (Path(__file__).parents[1] / "golden/seals/seals.json").read_text(encoding="utf-8")
)
KEY = bytes.fromhex(GOLDEN["key"])
HERE = objects.ObjectContext(**GOLDEN["objects"]["context"])
DIRECTORY = verify_directory(
    [one.encode() for one in GOLDEN["directory"]["entries"]],
    GOLDEN["directory"]["head"].encode(),
    bytes.fromhex(GOLDEN["directory"]["hub_public"]),
)
PRINTED = X25519PrivateKey.from_private_bytes(bytes.fromhex(GOLDEN["expert"]["recovery_private"]))

#: Where, how many bytes go, what comes in their place.
Edit = tuple[float, int, bytes]
edits = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 4), st.binary(max_size=4)), min_size=1, max_size=4
)


def edited(data: bytes, changes: list[Edit]) -> bytes:
    for where, gone, come in changes:
        at = int(where * len(data))
        data = data[:at] + come + data[at + gone :]
    return data


def answers(call, *given_to_it) -> object:
    try:
        return call(*given_to_it)
    except XinglinError as refusal:
        return refusal


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(GOLDEN["statements"]["good"]), edits)
def test_statements(one, changes):
    good = one["text"].encode()
    data = edited(good, changes)
    found = answers(open_statement, data, DIRECTORY.book())
    if data != good and not isinstance(found, XinglinError):
        assert found.sha256 == one["sha256"]  # the twin of an ECDSA signature at most


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(GOLDEN["objects"]["good"]), edits)
def test_objects(one, changes):
    good = from_base64url(one["sealed"])
    data = edited(good, changes)
    if data != good:
        assert isinstance(answers(objects.open_whole, data, KEY, HERE), XinglinError)


@settings(max_examples=200, deadline=None)
@given(edits)
def test_wraps(changes):
    good = from_base64url(GOLDEN["wraps"]["good"]["sealed"])
    data = edited(good, changes)

    def unwrap() -> bytes:
        return consult_key.unwrap(data, EXPERT.agree, **GOLDEN["wraps"]["good"]["place"])

    if data != good:
        assert isinstance(answers(unwrap), XinglinError)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(GOLDEN["directory"]["entries"]), edits)
def test_directory_entries(entry, changes):
    data = edited(entry.encode(), changes)
    answers(read_entry, data)
    if data != entry.encode():
        found = answers(DIRECTORY.extend, [data], GOLDEN["directory"]["head"].encode())
        assert isinstance(found, XinglinError)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([GOLDEN["directory"]["head"], GOLDEN["wraps"]["sets"]["good"]]), edits)
def test_heads_witnesses_and_wrap_sets(text, changes):
    data = edited(text.encode(), changes)
    answers(DIRECTORY.extend, [], data)
    answers(check_witness, DIRECTORY, data)
    found = answers(open_statement, data, DIRECTORY.book())
    if not isinstance(found, XinglinError):
        answers(consult_key.read_wraps, found)


@settings(max_examples=150, deadline=None)
@given(edits)
def test_a_persons_recovery_blob(changes):
    good = from_base64url(GOLDEN["expert"]["recovery"])
    data = edited(good, changes)
    if data != good:
        assert isinstance(answers(person.recover, data, PRINTED), XinglinError)


@settings(max_examples=25, deadline=None)
@given(edits)
def test_a_persons_wrapped_keys(changes):
    good = from_base64url(GOLDEN["expert"]["wrapped"])
    data = edited(good, changes)
    if data != good:
        found = answers(person.unwrap, data, GOLDEN["expert"]["passphrase"])
        assert isinstance(found, XinglinError)
