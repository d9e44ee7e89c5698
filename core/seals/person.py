"""A person's own keys, as the browser makes them: wrapped by a passphrase, sealed for recovery.

Two blobs leave the browser. ``wrapped``: both private halves (PKCS#8) under AES-256-GCM with a key
from Argon2id over the passphrase, parameters beside it. ``recovery``: the same sealed with HPKE to
the recovery key of the person's hospital, whose private half is on paper there. The hub keeps both
and can open neither; a forgotten passphrase is the hospital's to mend, never the hub's alone::

    {"box": {"kdf": {…}, "key", "kind": "person keys v1", "nonce", "person", "suite": 1}, "sealed"}
    {"box": {"fingerprint", "hospital", "key", "kind": "person recovery v1", "person"}, "sealed"}

The canonical bytes of ``box`` are the associated data, or HPKE's ``info``. Pure: randomness is an
argument. Twin: ``web/src/seals/person.ts``.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from core.records.canonical import Json, from_bytes, to_bytes
from core.seals import hpke
from core.seals.errors import PassphraseWeak, PersonKeysBroken, SuiteUnknown, WrapBroken
from core.seals.keybook import fingerprint, person_key_id, raw_public
from core.seals.text import from_base64url, from_hex, to_base64url

LEAST_PASSPHRASE = 12
_SUITE = 1
_LEAST_KIB, _MOST_KIB = 19 * 1024, 1024 * 1024


@dataclass(frozen=True, slots=True)
class Cost:
    """What Argon2id costs: memory, passes, lanes."""

    memory_kib: int
    passes: int
    lanes: int


STANDARD = Cost(64 * 1024, 3, 4)  # RFC 9106, second recommended choice


@dataclass(frozen=True, slots=True)
class PersonSecrets:
    """A person's private halves.

    Attributes
    ----------
    person, key : str
        Person id; key id, which commits to both public halves.
    """

    person: str
    key: str
    agree: EllipticCurvePrivateKey
    sign: EllipticCurvePrivateKey


def wrap(
    secrets: PersonSecrets,
    passphrase: str,
    randomness: Callable[[int], bytes],
    cost: Cost = STANDARD,
) -> bytes:
    """Wrap private halves under a passphrase.

    Raises
    ------
    PassphraseWeak
        If it has fewer than 12 characters.
    """
    if len(unicodedata.normalize("NFKC", passphrase)) < LEAST_PASSPHRASE:
        raise PassphraseWeak(least=LEAST_PASSPHRASE)
    salt, nonce = randomness(16), randomness(12)
    kdf: Json = {
        "lanes": cost.lanes,
        "memory_kib": cost.memory_kib,
        "name": "argon2id",
        "passes": cost.passes,
        "salt": salt.hex(),
    }
    box: Json = {
        "kdf": kdf,
        "key": secrets.key,
        "kind": "person keys v1",
        "nonce": nonce.hex(),
        "person": secrets.person,
        "suite": _SUITE,
    }
    sealed = AESGCM(_stretch(passphrase, kdf)).encrypt(nonce, _plain(secrets), to_bytes(box))
    return to_bytes({"box": box, "sealed": to_base64url(sealed)})


def unwrap(wrapped: bytes, passphrase: str) -> PersonSecrets:
    """Open wrapped private halves.

    Raises
    ------
    SuiteUnknown
        If another algorithm wrapped them.
    PersonKeysBroken
        If the passphrase is another one or the bytes were changed.
    """
    try:
        box, sealed = _read(wrapped, "person keys v1")
        if box["suite"] != _SUITE or box["kdf"]["name"] != "argon2id":
            raise SuiteUnknown(suite=str(box["suite"]), what="person")
        nonce = from_hex(box["nonce"], 12)
        plain = AESGCM(_stretch(passphrase, box["kdf"])).decrypt(nonce, sealed, to_bytes(box))
        return _secrets(plain, box)
    except (ValueError, KeyError, TypeError, InvalidTag):
        raise PersonKeysBroken from None


def whose(wrapped: bytes) -> tuple[str, str]:
    """Return (person, key) that wrapped private halves say they are of, without opening them.

    Raises
    ------
    PersonKeysBroken
        If they are none.
    """
    try:
        box, _ = _read(wrapped, "person keys v1")
        person, key = box["person"], box["key"]
        if not isinstance(person, str) or not isinstance(key, str):
            raise TypeError
    except (ValueError, KeyError, TypeError):
        raise PersonKeysBroken from None
    return person, key


def seal_for_recovery(secrets: PersonSecrets, hospital: str, recovery_public: bytes) -> bytes:
    """Seal private halves to a hospital's recovery key (X25519, raw)."""
    box: Json = {
        "fingerprint": fingerprint(recovery_public),
        "hospital": hospital,
        "key": secrets.key,
        "kind": "person recovery v1",
        "person": secrets.person,
    }
    sealed = hpke.seal(_plain(secrets), recovery_public, to_bytes(box))
    return to_bytes({"box": box, "sealed": to_base64url(sealed)})


def recover(recovery: bytes, private: X25519PrivateKey) -> PersonSecrets:
    """Open a recovery blob with the hospital's printed recovery key.

    Raises
    ------
    PersonKeysBroken
        If it is sealed to another key, or changed.
    SuiteUnknown
        If it is sealed with another suite.
    """
    try:
        box, sealed = _read(recovery, "person recovery v1")
        return _secrets(hpke.unseal(sealed, private, to_bytes(box)), box)
    except (ValueError, KeyError, TypeError, WrapBroken):
        raise PersonKeysBroken from None


def _stretch(passphrase: str, kdf: Json) -> bytes:
    within = (
        _LEAST_KIB <= kdf["memory_kib"] <= _MOST_KIB
        and 1 <= kdf["passes"] <= 64
        and 1 <= kdf["lanes"] <= 16
    )
    if not within:
        raise ValueError("parameters beyond reason")
    return Argon2id(
        salt=from_hex(kdf["salt"], 16),
        length=32,
        iterations=kdf["passes"],
        lanes=kdf["lanes"],
        memory_cost=kdf["memory_kib"],
    ).derive(unicodedata.normalize("NFKC", passphrase).encode())


def _plain(secrets: PersonSecrets) -> bytes:
    def der(key: EllipticCurvePrivateKey) -> str:
        return to_base64url(key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))

    return to_bytes({"agree": der(secrets.agree), "sign": der(secrets.sign)})


def _read(data: bytes, kind: str) -> tuple[Json, bytes]:
    outer = from_bytes(data)
    if to_bytes(outer) != data or outer["box"]["kind"] != kind:
        raise ValueError("another form")
    return outer["box"], from_base64url(outer["sealed"])


def _secrets(plain: bytes, box: Json) -> PersonSecrets:
    halves = from_bytes(plain)
    agree, sign = (_load(from_base64url(halves[name])) for name in ("agree", "sign"))
    key = person_key_id(raw_public(agree.public_key()), raw_public(sign.public_key()))
    if key != box["key"]:
        raise ValueError("another key")
    return PersonSecrets(box["person"], key, agree, sign)


def _load(der: bytes) -> EllipticCurvePrivateKey:
    key = load_der_private_key(der, None)
    if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
        raise ValueError("not P-256")
    return key
