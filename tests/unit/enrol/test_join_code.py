"""The one-time code: printed, typed, scanned; and what is signed of a request."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.vault.enrol_errors import (
    AddressWrong,
    ClockWrong,
    CodeMistyped,
    CodeUsed,
    EnrolRefusal,
    from_details,
    to_details,
)
from core.vault.enrolment import Join, Renew, clock_wrong, prove
from core.vault.join_code import JoinCode, host_and_port, parse_code, parse_invitation

CODES = st.builds(
    lambda i, s, p: JoinCode(i.hex(), s, p),
    st.binary(min_size=5, max_size=5),
    st.binary(min_size=16, max_size=16),
    st.binary(min_size=16, max_size=16),
)
LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
GOLDEN = JoinCode("0123456789", bytes(range(16)), bytes(range(16, 32)))
GOLDEN_TEXT = "04HM-ASW9-000G-40R4-0M30-E209-185G-R38E-1W81-24GK-2GAH-C5RR-34D1-P70X-3RFG-VXQG"


@given(CODES)
@example(JoinCode("00" * 5, bytes(16), bytes(16)))
@example(JoinCode("ff" * 5, b"\xff" * 16, b"\xff" * 16))
def test_what_is_printed_is_what_is_read(code):
    text = code.text()
    assert len(text) == 79
    assert set(text) <= set(LETTERS + "-")
    assert parse_code(text) == code


@given(CODES, st.sampled_from([" ", "\t", "\n", "–", "－", "", "　"]), st.booleans())
def test_hyphens_blanks_and_case_do_not_matter(code, between, small):
    text = code.text().replace("-", between)
    text = text.lower() if small else text
    assert parse_code(text) == code


@given(CODES)
def test_letters_that_look_alike_and_wide_letters_are_read(code):
    text = code.text()
    assert parse_code(text.replace("0", "O").replace("1", "l")) == code
    wide = "".join(chr(ord(c) + 0xFEE0) if c != "-" else c for c in text)
    assert parse_code(wide) == code


@given(CODES, st.integers(0, 63), st.integers(1, 31))
def test_one_wrong_letter_is_noticed(code, place, by):
    letters = list(code.text().replace("-", ""))
    letters[place] = LETTERS[(LETTERS.index(letters[place]) + by) % 32]
    with pytest.raises(CodeMistyped):
        parse_code("".join(letters))


@given(CODES, st.integers(0, 62))
def test_two_letters_in_the_wrong_order_are_noticed(code, place):
    letters = list(code.text().replace("-", ""))
    if letters[place] == letters[place + 1]:
        return
    letters[place], letters[place + 1] = letters[place + 1], letters[place]
    with pytest.raises(CodeMistyped):
        parse_code("".join(letters))


@given(st.text(max_size=200))
@example("U" * 64)
@example("0" * 63)
@example("0" * 2000)
@example("١" * 64)
def test_anything_else_is_mistyped(text):
    with pytest.raises(CodeMistyped):
        parse_code(text)


def test_the_form_does_not_change():
    assert GOLDEN.text() == GOLDEN_TEXT
    assert parse_code(GOLDEN_TEXT) == GOLDEN


@given(CODES, st.sampled_from(["hub.example:8092", "10.0.0.1:443", "[2001:db8::1]:8092"]))
def test_a_picture_says_address_and_code(code, hub):
    assert parse_invitation("", code.picture_text(hub)) == (hub, code)
    assert parse_invitation("typed:1", code.picture_text(hub)) == ("typed:1", code)
    assert parse_invitation(hub, code.text()) == (hub, code)


@pytest.mark.parametrize("text", ["xinglin:join?", "xinglin:join?hub=a:1", "xinglin:join?code=%00"])
def test_a_broken_picture_is_refused(text):
    with pytest.raises(CodeMistyped):
        parse_invitation("", text)


def test_a_picture_without_an_address_needs_one():
    with pytest.raises(AddressWrong):
        parse_invitation("", f"xinglin:join?code={GOLDEN_TEXT}")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("hub.example", ("hub.example", 8092)),
        ("hub.example:1", ("hub.example", 1)),
        (" 10.0.0.1:65535 ", ("10.0.0.1", 65535)),
        ("[::1]:8092", ("::1", 8092)),
        ("[::1]", ("::1", 8092)),
    ],
)
def test_addresses(text, found):
    assert host_and_port(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":1",
        "a:0",
        "a:65536",
        "a:x",
        "a:-1",
        "http://a:1",
        "a b:1",
        "a/b",
        "医院:1",
        "a:１",
        "@:1",
    ],
)
def test_addresses_that_are_none(text):
    with pytest.raises(AddressWrong):
        host_and_port(text)


# -- what is signed --------------------------------------------------------------------------------

BYTES = st.binary(max_size=40)
JOINS = st.builds(
    Join, st.text(max_size=12).filter(lambda t: t.isascii()), BYTES, BYTES, BYTES, BYTES,
    st.text("abc", max_size=9), BYTES, st.integers(0, 2**50),
)  # fmt: skip


@given(JOINS, JOINS)
def test_two_requests_never_sign_the_same(first, second):
    assert (first.signed_bytes() == second.signed_bytes()) == (first == second)
    assert (prove(b"k", first) == prove(b"k", second)) == (first == second)


def test_a_join_is_no_renewal():
    join = Join("", b"", b"", b"", b"", "", b"", 0)
    renew = Renew("", "", b"", 0, b"", False, b"", "")
    assert join.signed_bytes().split(b"\n")[0] != renew.signed_bytes().split(b"\n")[0]


# -- refusals on the wire --------------------------------------------------------------------------


def test_a_refusal_survives_the_wire():
    found = from_details(to_details(CodeUsed()))
    assert isinstance(found, CodeUsed)
    told = from_details(to_details(clock_wrong(0, 600_000)))
    assert isinstance(told, ClockWrong)
    assert told.facts["hub"] == "1970-01-01T00:10:00.000+00:00"


def test_a_number_of_another_release_is_told_as_a_number():
    found = from_details('{"code": 7399, "facts": {}}')
    assert type(found) is EnrolRefusal
    assert "E7399" in found.sentence("en")


@given(st.text(max_size=80))
@example('{"code": 7311, "facts": {}}')
@example('{"code": 7311, "facts": {"minutes": {}, "hub": [], "box": null, "x": 1}}')
@example('{"code": 1e999, "facts": {}}')
@example("[" * 3000)
@example('{"code": 7300, "facts": {"number": "x"}}')
def test_what_a_hostile_wire_says_is_a_refusal_or_nothing(text):
    found = from_details(text)
    assert found is None or len(found.sentence("zh")) < 600
