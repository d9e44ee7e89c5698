"""HPKE against RFC 9180's own vectors, through a reference written from its text."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.seals import hpke
from core.seals.keybook import raw_public
from tests import hpke_reference as rfc

GOLDEN = Path(__file__).resolve().parents[2] / "golden/seals/rfc9180.json"
VECTORS = json.loads(GOLDEN.read_text(encoding="utf-8"))["vectors"]
SUITES = {rfc.P256: hpke.PEOPLE, rfc.X25519: hpke.NODES}


def hexed(vector: dict, *names: str) -> list[bytes]:
    return [bytes.fromhex(vector[name]) for name in names]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: f"kem {v['kem_id']:#06x}")
def test_the_vectors_hold(vector):
    kem = vector["kem_id"]
    info, sk_r, sk_e, pk_r, enc = hexed(vector, "info", "skRm", "skEm", "pkRm", "enc")
    secret, key, nonce = hexed(vector, "shared_secret", "key", "base_nonce")
    recipient, ephemeral = rfc.private_of(kem, sk_r), rfc.private_of(kem, sk_e)
    assert raw_public(recipient.public_key()) == pk_r
    assert raw_public(ephemeral.public_key()) == enc
    assert rfc.schedule(kem, secret, info) == (key, nonce)
    for seq, one in enumerate(vector["encryptions"]):
        plain, aad, sealed = hexed(one, "pt", "aad", "ct")
        assert rfc.encrypt(key, nonce, seq, aad, plain) == sealed
    # The product's library has no associated data: the same key and first nonce, without.
    ours = rfc.seal(kem, ephemeral, pk_r, info, b"plain")
    assert ours == enc + rfc.encrypt(key, nonce, 0, b"", b"plain")
    assert hpke.unseal(bytes([SUITES[kem]]) + ours, recipient, info) == b"plain"


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: f"kem {v['kem_id']:#06x}")
def test_what_the_product_seals_is_what_the_rfc_says(vector):
    kem = vector["kem_id"]
    recipient = rfc.private_of(kem, bytes.fromhex(vector["skRm"]))
    sealed = hpke.seal(b"plain", raw_public(recipient.public_key()), b"info")
    assert sealed[0] == SUITES[kem]
    assert rfc.unseal(kem, recipient, sealed[1:], b"info") == b"plain"
