"""Sealed objects and wrapped keys: bound to what they are, where they belong and for whom."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.blobs import envelope
from core.seals.consult_key import (
    RECOVERY,
    Wrap,
    WrapSet,
    read_wraps,
    sign_wraps,
    unwrap,
    wrap,
    wrap_for,
)
from core.seals.errors import (
    AddressMismatch,
    InlineTooLong,
    ObjectDamaged,
    PublicKeyInvalid,
    SignatureWrong,
    StatementMalformed,
    SuiteUnknown,
    WrapBroken,
)
from core.seals.keybook import FixedKeys, fingerprint, raw_public
from core.seals.objects import (
    INLINE_LIMIT,
    ObjectContext,
    Opener,
    Sealer,
    address_of,
    open_inline,
    open_whole,
    seal,
    seal_inline,
    sealed_length,
)
from core.seals.statements import open_statement, sign_node, sign_person
from tests.seal_site import CONSULT, EXPERT, MEMBER, A, node_key, secret, x25519_key

KEY, SALT = secret("consult key"), secret("salt")
HERE = ObjectContext(CONSULT, 1, "o_" + "2" * 32, "frames", {"study": 1, "frames": [0, 8]})
BOX = node_key(f"{A} box")
STEP = 1024 + envelope.TAG


def sealed_small(plain: bytes, context: ObjectContext = HERE, salt: bytes = SALT) -> bytes:
    sealer = Sealer(KEY, salt, context, 10)
    return b"".join([sealer.header, *sealer.update(plain), sealer.final()])


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 5000), st.integers(0, 5200), st.integers(0, 5200))
def test_any_range_comes_back(length, offset, count):
    plain = bytes(n % 251 for n in range(length))
    sealed = sealed_small(plain)
    assert len(sealed) == sealed_length(length, 10)
    opener = Opener(KEY, lambda at, n: sealed[at : at + n], len(sealed), HERE)
    assert opener.length == length
    assert opener.read(offset, count) == plain[offset : offset + count]
    assert open_whole(sealed, KEY, HERE, address_of(sealed)) == plain


@pytest.mark.parametrize(
    "other",
    [
        dataclasses.replace(HERE, consult="c_" + "3" * 32),
        dataclasses.replace(HERE, epoch=2),
        dataclasses.replace(HERE, object="o_" + "3" * 32),
        dataclasses.replace(HERE, kind="report"),
        dataclasses.replace(HERE, position={"study": 1, "frames": [8, 8]}),
        dataclasses.replace(HERE, position={}),
    ],
)
def test_an_object_opens_in_its_own_place_only(other):
    with pytest.raises(ObjectDamaged):
        open_whole(sealed_small(b"x" * 3000), KEY, other)
    with pytest.raises(ObjectDamaged):
        open_inline(seal_inline(b"text", KEY, SALT, HERE), KEY, other)


def test_a_blob_at_rest_is_no_sealed_object():
    with pytest.raises(ObjectDamaged):
        open_whole(envelope.seal(b"x", KEY, SALT), KEY, HERE)


def test_cut_reordered_spliced_flipped_and_rekeyed_are_refused():
    sealed = sealed_small(bytes(range(256)) * 16)
    body, header = sealed[envelope.HEADER :], sealed[: envelope.HEADER]
    other = sealed_small(b"y" * 4096, HERE, secret("other salt"))
    bad = {
        "cut to chunks": header + body[: 2 * STEP],
        "cut in a chunk": sealed[:-20],
        "header only": header,
        "nothing": b"",
        "swapped": header + body[STEP : 2 * STEP] + body[:STEP] + body[2 * STEP :],
        "doubled": header + body[:STEP] + body,
        "appended": sealed + body[:STEP],
        "commitment of another": other[: envelope.HEADER] + body,
    }
    bad |= {
        f"bit of byte {at}": sealed[:at] + bytes([sealed[at] ^ 0x80]) + sealed[at + 1 :]
        for at in [*range(0, envelope.HEADER), *range(envelope.HEADER, len(sealed), 97)]
    }
    for name, data in bad.items():
        with pytest.raises((ObjectDamaged, SuiteUnknown)):
            open_whole(data, KEY, HERE)
        with pytest.raises(AddressMismatch):
            open_whole(data, KEY, HERE, address_of(sealed)), name
    with pytest.raises(ObjectDamaged, match="key"):
        open_whole(sealed, secret("another key"), HERE)


def test_chunks_of_another_object_under_the_same_key_are_refused():
    there = dataclasses.replace(HERE, object="o_" + "9" * 32)
    other = sealed_small(b"z" * 4096, there, secret("other salt"))
    sealed = sealed_small(b"x" * 4096)
    at = envelope.HEADER + STEP
    with pytest.raises(ObjectDamaged):
        open_whole(sealed[:at] + other[at : at + STEP] + sealed[at + STEP :], KEY, HERE)


def test_an_unknown_suite_is_a_refusal_of_its_own():
    sealed = bytearray(seal(b"x", KEY, SALT, HERE))
    sealed[3] = 0x02
    with pytest.raises(SuiteUnknown):
        open_whole(bytes(sealed), KEY, HERE)


def test_inline_text_has_a_limit():
    assert (
        open_inline(seal_inline("无空洞".encode(), KEY, SALT, HERE), KEY, HERE).decode() == "无空洞"
    )
    with pytest.raises(InlineTooLong):
        seal_inline(b"x" * (INLINE_LIMIT * 3 // 4), KEY, SALT, HERE)
    for text in ("", "!", "A" * 9):
        with pytest.raises(ObjectDamaged):
            open_inline(text, KEY, HERE)


def place(recipient: str = EXPERT.id, epoch: int = 1, consult: str = CONSULT) -> dict:
    return {"recipient": recipient, "epoch": epoch, "consult": consult}


def test_a_wrap_opens_for_its_recipient_in_its_place_only():
    sealed = wrap(KEY, EXPERT.agree_public, **place())
    assert unwrap(sealed, EXPERT.agree, **place()) == KEY
    for wrong in (place(epoch=2), place(MEMBER.id), place(consult="c_" + "0" * 32)):
        with pytest.raises(WrapBroken):
            unwrap(sealed, EXPERT.agree, **wrong)
    with pytest.raises(WrapBroken):
        unwrap(sealed, MEMBER.agree, **place())
    for at in range(1, len(sealed), 5):
        bad = sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]
        with pytest.raises(WrapBroken):
            unwrap(bad, EXPERT.agree, **place())
    for cut in (sealed[:1], sealed[:-1], sealed + b"\0"):
        with pytest.raises(WrapBroken):
            unwrap(cut, EXPERT.agree, **place())


def test_nodes_and_recovery_keys_have_the_other_suite():
    private = x25519_key("recovery")
    public = raw_public(private.public_key())
    sealed = wrap(KEY, public, **place(RECOVERY))
    assert sealed[0] == 2
    assert unwrap(sealed, private, **place(RECOVERY)) == KEY
    with pytest.raises(SuiteUnknown):
        unwrap(b"\x01" + sealed[1:], private, **place(RECOVERY))
    with pytest.raises(SuiteUnknown):
        unwrap(sealed, EXPERT.agree, **place(RECOVERY))
    with pytest.raises(SuiteUnknown):
        unwrap(b"", private, **place(RECOVERY))
    with pytest.raises(WrapBroken):  # a point of small order agrees on nothing
        wrap(KEY, b"\0" * 32, **place(RECOVERY))
    for raw in (b"", b"\x04" * 65, b"x" * 31):
        with pytest.raises(PublicKeyInvalid):
            wrap(KEY, raw, **place())
    with pytest.raises(ValueError, match="32 bytes"):
        wrap(b"short", public, **place())


def test_a_wrap_set_is_the_boxs_word():
    book = FixedKeys(
        {BOX.id: BOX.key.public_key()}, {(EXPERT.id, EXPERT.key): EXPERT.sign.public_key()}
    )
    people = [(one.id, one.agree_public) for one in (EXPERT, MEMBER)]
    wraps = WrapSet(CONSULT, 2, wrap_for(KEY, people, consult=CONSULT, epoch=2), ("p_gone",))
    data = sign_wraps(wraps, BOX)
    read = read_wraps(open_statement(data, book))
    assert read == wraps
    mine = read.of(EXPERT.id)
    assert mine is not None
    assert mine.fingerprint == fingerprint(EXPERT.agree_public)
    assert unwrap(mine.sealed, EXPERT.agree, **place(epoch=2)) == KEY
    assert read.of("p_gone") is None
    with pytest.raises(SignatureWrong):
        open_statement(data.replace(b"p_gone", b"p_back"), book)
    body, domain = open_statement(data, book).body, "xinglin wraps v1"
    others = [
        sign_person(body, domain, EXPERT.id, EXPERT.key, EXPERT.sign),
        sign_node(body, "another", BOX),
        sign_node({}, domain, BOX),
        sign_node({**body, "epoch": 0}, domain, BOX),
        sign_node({**body, "wraps": [{"sealed": "!"}]}, domain, BOX),
    ]
    for other in others:
        with pytest.raises(StatementMalformed):
            read_wraps(open_statement(other, book))


def test_two_wraps_of_one_key_share_no_bytes():
    first, second = (wrap(KEY, EXPERT.agree_public, **place()) for _ in range(2))
    assert first[1:66] != second[1:66]
    assert Wrap(EXPERT.id, "", first) != Wrap(EXPERT.id, "", second)
