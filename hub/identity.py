"""The hub's own keys: an Ed25519 key it is known by, and a 32-byte key that wraps secrets.

The wrapping key protects what the database must hold but a copy of it must not give away: second
factors, invitation secrets, bodies of the hub's access journal. It opens nothing of a patient.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from core.vault.errors import KeyUnknown
from core.vault.identity import NodeIdentity, box_key, derive, node_identity
from hub.errors import SecretBroken

_NONCE = 12


@dataclass(frozen=True, slots=True)
class Secrets:
    """Wraps secrets under the hub's key; also the keyring of its own journals."""

    hub_key: bytes
    randomness: Callable[[int], bytes]

    def wrap(self, plain: bytes, purpose: str) -> bytes:
        """Return nonce ‖ ciphertext, bound to a purpose such as ``otp p_…``."""
        nonce = self.randomness(_NONCE)
        return nonce + self._cipher().encrypt(nonce, plain, purpose.encode())

    def unwrap(self, wrapped: bytes, purpose: str) -> bytes:
        """Return the secret.

        Raises
        ------
        SecretBroken
            If it was changed or wrapped for another purpose.
        """
        try:
            return self._cipher().decrypt(wrapped[:_NONCE], wrapped[_NONCE:], purpose.encode())
        except (InvalidTag, ValueError):
            raise SecretBroken(purpose=purpose.partition(" ")[0]) from None

    def key(self, key_id: str) -> bytes:
        """Return the key of the hub's own records; see :class:`core.journal.seal.Keyring`.

        Raises
        ------
        KeyUnknown
            For any other: the hub holds no key of a study.
        """
        if key_id != "node":
            raise KeyUnknown(key=key_id[:24])
        return derive(self.hub_key, "hub records v1")

    def _cipher(self) -> AESGCM:
        return AESGCM(derive(self.hub_key, "hub secrets v1"))


def hub_identity(folder: Path) -> NodeIdentity:
    """Return the hub's identity, made at first start."""
    return node_identity(folder / "keys" / "node.key")


def hub_secrets(folder: Path, randomness: Callable[[int], bytes]) -> Secrets:
    """Return the hub's wrapping of secrets, its key made at first start."""
    return Secrets(box_key(folder / "keys" / "hub.key", randomness), randomness)
