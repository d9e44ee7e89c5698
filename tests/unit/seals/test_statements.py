"""Signed statements: canonical, of one signer, of one kind."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.records.canonical import from_bytes, to_bytes
from core.seals.directory import verify_directory
from core.seals.errors import DomainWrong, SignatureWrong, SignerUnknown, StatementMalformed
from core.seals.statements import open_statement, parse, sign_node, sign_person
from tests.seal_site import EXPERT, MEMBER, P256_ORDER, A, node_key, region

DOMAIN = "xinglin consult event v1"
BOX = node_key(f"{A} box")
LOG = region()
BOOK = verify_directory(LOG.data(), LOG.head(), LOG.hub_public).book()


def by_expert(body: dict) -> bytes:
    return sign_person(body, DOMAIN, EXPERT.id, EXPERT.key, EXPERT.sign)


# Whole numbers beyond 2**53 - 1 are no JSON numbers to RFC 8785, however they are written.
EXACT = 2**53 - 1
numbers = st.integers(-EXACT, EXACT) | st.floats(-EXACT, EXACT)
leaves = st.none() | st.booleans() | numbers | st.text(max_size=8)
json_values = st.recursive(
    leaves,
    lambda one: st.lists(one, max_size=3) | st.dictionaries(st.text(max_size=4), one, max_size=3),
    max_leaves=8,
)


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.text(max_size=5), json_values, max_size=4))
def test_what_is_signed_comes_back(body):
    for data in (sign_node(body, DOMAIN, BOX), by_expert(body)):
        statement = open_statement(data, BOOK, DOMAIN)
        assert to_bytes(statement.body) == to_bytes(body)
        assert len(statement.sha256) == 64


def test_any_flipped_bit_is_refused():
    for data in (sign_node({"a": 1}, DOMAIN, BOX), by_expert({"a": 1})):
        for at in range(len(data)):
            bad = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
            with pytest.raises((StatementMalformed, SignatureWrong, SignerUnknown, DomainWrong)):
                open_statement(bad, BOOK, DOMAIN)


def test_another_domain_and_another_signer_are_refused():
    with pytest.raises(DomainWrong):
        open_statement(sign_node({}, "xinglin wraps v1", BOX), BOOK, DOMAIN)
    with pytest.raises(SignerUnknown):
        open_statement(sign_node({}, DOMAIN, node_key("stranger")), BOOK)
    with pytest.raises(SignerUnknown):
        open_statement(sign_person({}, DOMAIN, EXPERT.id, MEMBER.key, MEMBER.sign), BOOK)
    with pytest.raises(SignatureWrong):
        open_statement(sign_person({}, DOMAIN, EXPERT.id, EXPERT.key, MEMBER.sign), BOOK)


def test_the_twin_of_a_signature_gives_the_statement_no_second_name():
    data = by_expert({"text": "无空洞"})
    outer = json.loads(data)
    r, s = outer["signature"][:64], int(outer["signature"][64:], 16)
    twin = to_bytes({**outer, "signature": f"{r}{P256_ORDER - s:064x}"})
    assert twin != data
    assert open_statement(twin, BOOK).sha256 == open_statement(data, BOOK).sha256


@pytest.mark.parametrize(
    "spoil",
    [
        lambda o: {**o, "more": 1},
        lambda o: {**o, "signature": o["signature"].upper()},
        lambda o: {**o, "signature": o["signature"][:-2]},
        lambda o: {**o, "signature": 5},
        lambda o: {**o, "statement": []},
        lambda o: {**o, "statement": {**o["statement"], "body": []}},
        lambda o: {**o, "statement": {**o["statement"], "domain": ""}},
        lambda o: {**o, "statement": {**o["statement"], "signer": {}}},
        lambda o: {**o, "statement": {**o["statement"], "signer": {"node": 5}}},
        lambda o: {**o, "statement": {**o["statement"], "signer": {"node": "a", "person": "b"}}},
        lambda o: {"statement": o["statement"]},
    ],
)
def test_other_shapes_are_refused(spoil):
    data = to_bytes(spoil(from_bytes(sign_node({"é": 1}, DOMAIN, BOX))))
    with pytest.raises(StatementMalformed):
        parse(data)


def test_only_the_canonical_spelling_is_a_statement():
    data = sign_node({"b": 1, "a": "é"}, DOMAIN, BOX)
    text = data.decode()
    for other in (
        " " + text,
        text.replace('"b":1', '"b":1.0'),
        text.replace("é", "\\u00e9"),
        text.replace('"b":1', '"b":1,"b":1'),
        text.replace('"b":1', '"b":NaN'),
        text.replace('"b":1', '"b":9007199254740993'),
        text.replace("é", "\\ud800"),
        "[" * 200_000,
        '{"signature":' * 50_000,
        "x" * (1 << 21),
    ):
        with pytest.raises(StatementMalformed):
            parse(other.encode())


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_bytes_that_are_no_statement_are_refused(data):
    with pytest.raises(StatementMalformed):
        parse(data)
