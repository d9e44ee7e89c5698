"""Opening a person's recovery blob with the hospital's printed key, and wrapping it afresh."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from core.records.record import Draft
from core.seals.person import recover, wrap
from core.vault.errors import RecoveryKeyWrong
from edge.backup.recovery import public_of
from edge.backup.run import recovery_public
from edge.store.box import Box


@dataclass(frozen=True, slots=True)
class Recovered:
    """Keys under a new passphrase.

    Attributes
    ----------
    person, key : str
        Whose, and which.
    wrapped : bytes
        What the person takes back to the portal.
    """

    person: str
    key: str
    wrapped: bytes


def recover_keys(box: Box, recovery: bytes, secret: bytes, passphrase: str, by: str) -> Recovered:
    """Open a person's recovery blob and wrap the keys under a new passphrase, on the record.

    Parameters
    ----------
    recovery : bytes
        The blob as the portal hands it to its person.
    secret : bytes
        32 bytes of the hospital's printed recovery key.
    by : str
        Who keeps the printed key and does this.

    Raises
    ------
    NoRecoveryKey, RecoveryKeyWrong
        If none was printed here, or the typed one is not this hospital's.
    PersonKeysBroken, SuiteUnknown
        If the blob is sealed to another key, or changed.
    PassphraseWeak
        If the new passphrase is too short.
    """
    if public_of(secret) != recovery_public(box.folder):
        raise RecoveryKeyWrong
    secrets = recover(recovery, X25519PrivateKey.from_private_bytes(secret))
    wrapped = wrap(secrets, passphrase, box.outside.randomness)
    body = {
        "action": "person keys recovered",
        "key": secrets.key,
        "person": secrets.person,
        "user": by,
    }
    box.access.append([Draft("audit.logged", body, actor=f"person:{by}")])
    return Recovered(secrets.person, secrets.key, wrapped)
