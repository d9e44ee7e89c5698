"""A person's keys: the passphrase and the hospital's printed key open them, nothing else."""

from __future__ import annotations

import os

import pytest

from core.records.canonical import from_bytes, to_bytes
from core.seals.errors import PassphraseWeak, PersonKeysBroken, SuiteUnknown
from core.seals.keybook import raw_public
from core.seals.person import PersonSecrets, recover, seal_for_recovery, unwrap, wrap
from tests.seal_site import EXPERT, B, x25519_key

PASSPHRASE = "杏林春暖 correct horse"
SECRETS = PersonSecrets(EXPERT.id, EXPERT.key, EXPERT.agree, EXPERT.sign)
RECOVERY = x25519_key(f"{B} recovery")


@pytest.fixture(scope="module")
def wrapped():
    return wrap(SECRETS, PASSPHRASE, os.urandom)


def public(secrets: PersonSecrets) -> tuple[bytes, bytes]:
    return raw_public(secrets.agree.public_key()), raw_public(secrets.sign.public_key())


def test_the_passphrase_opens_in_every_unicode_form(wrapped):
    for spelling in (PASSPHRASE, PASSPHRASE.replace("horse", "ｈorse")):
        opened = unwrap(wrapped, spelling)
        assert (opened.person, opened.key) == (EXPERT.id, EXPERT.key)
        assert public(opened) == public(SECRETS)


def test_another_passphrase_and_changed_bytes_are_refused(wrapped):
    with pytest.raises(PersonKeysBroken):
        unwrap(wrapped, PASSPHRASE + "!")
    outer = from_bytes(wrapped)

    def spoilt(**box) -> bytes:
        return to_bytes({**outer, "box": {**outer["box"], **box}})

    kdf = outer["box"]["kdf"]
    for data in (
        spoilt(person="p_other"),
        spoilt(key="0" * 64),
        spoilt(nonce="0" * 24),
        spoilt(kind="person recovery v1"),
        spoilt(kdf={**kdf, "passes": 1}),
        spoilt(kdf={**kdf, "memory_kib": 8}),
        spoilt(kdf={**kdf, "memory_kib": 1 << 40}),
        spoilt(kdf={**kdf, "salt": ""}),
        to_bytes({**outer, "sealed": "AAAA"}),
        wrapped[:-1],
        b"",
        b"[]",
    ):
        with pytest.raises(PersonKeysBroken):
            unwrap(data, PASSPHRASE)
    for data in (spoilt(suite=2), spoilt(kdf={**kdf, "name": "scrypt"})):
        with pytest.raises(SuiteUnknown):
            unwrap(data, PASSPHRASE)


def test_a_short_passphrase_wraps_nothing():
    with pytest.raises(PassphraseWeak):
        wrap(SECRETS, "elevenchars", os.urandom)


def test_the_hospitals_printed_key_recovers_and_no_other():
    blob = seal_for_recovery(SECRETS, B, raw_public(RECOVERY.public_key()))
    opened = recover(blob, RECOVERY)
    assert public(opened) == public(SECRETS)
    with pytest.raises(PersonKeysBroken):
        recover(blob, x25519_key("another hospital"))
    outer = from_bytes(blob)
    for name in ("person", "key", "hospital", "fingerprint"):
        with pytest.raises(PersonKeysBroken):
            recover(to_bytes({**outer, "box": {**outer["box"], name: "x"}}), RECOVERY)
    again = wrap(opened, "a fresh passphrase", os.urandom)
    assert public(unwrap(again, "a fresh passphrase")) == public(SECRETS)
