"""The consultation key: 32 bytes per epoch, wrapped for each recipient by the owning box.

A wrap is bound by HPKE's ``info`` to consultation, epoch, recipient and the recipient's public key,
so that it opens in no other place. HPKE's base mode does not say who sealed; therefore wraps count
only inside a *wrap set*, a statement signed by the box. A removal makes a new epoch for what comes
after it; adding a person wraps every epoch that they may read. Pixels are never sealed again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core.records.canonical import Json, to_bytes
from core.seals import hpke
from core.seals.errors import StatementMalformed, WrapBroken
from core.seals.keybook import fingerprint, raw_public
from core.seals.statements import NodeKey, Statement, sign_node
from core.seals.text import from_base64url, to_base64url

KEY = 32
DOMAIN = "xinglin wraps v1"
RECOVERY = "recovery"  # the recipient's name of the hospital's recovery key


@dataclass(frozen=True, slots=True)
class Wrap:
    """The key, sealed to one recipient."""

    recipient: str
    fingerprint: str
    sealed: bytes


@dataclass(frozen=True, slots=True)
class WrapSet:
    """What a box states: wraps of one epoch, and who was removed before it."""

    consult: str
    epoch: int
    wraps: tuple[Wrap, ...]
    removed: tuple[str, ...]

    def of(self, recipient: str) -> Wrap | None:
        """Return a recipient's wrap, if there is one."""
        return next((one for one in self.wraps if one.recipient == recipient), None)


def new_key(randomness: Callable[[int], bytes]) -> bytes:
    """Return a fresh consultation key."""
    return randomness(KEY)


def info(public: bytes, consult: str, epoch: int, recipient: str) -> bytes:
    """Return HPKE's ``info`` of a wrap."""
    return to_bytes(
        {
            "consult": consult,
            "epoch": epoch,
            "fingerprint": fingerprint(public),
            "kind": "consult key v1",
            "recipient": recipient,
        }
    )


def wrap(key: bytes, recipient_public: bytes, *, consult: str, epoch: int, recipient: str) -> bytes:
    """Seal a consultation key to a recipient.

    Parameters
    ----------
    key : bytes
        32 bytes.
    recipient_public : bytes
        Raw: 65 bytes (a person's P-256 agreement key) or 32 (X25519 of a node or recovery key).
    recipient : str
        Person id, node id, or ``"recovery"``.

    Raises
    ------
    PublicKeyInvalid
        If the bytes are no public key.
    """
    if len(key) != KEY:
        raise ValueError("a consultation key has 32 bytes")
    return hpke.seal(key, recipient_public, info(recipient_public, consult, epoch, recipient))


def unwrap(
    sealed: bytes, private: hpke.SealPrivateKey, *, consult: str, epoch: int, recipient: str
) -> bytes:
    """Open a wrap and return the consultation key.

    Raises
    ------
    SuiteUnknown, WrapBroken
        If it was sealed with another suite, to another key, for another place, or changed.
    """
    public = raw_public(private.public_key())
    key = hpke.unseal(sealed, private, info(public, consult, epoch, recipient))
    if len(key) != KEY:
        raise WrapBroken
    return key


def wrap_for(
    key: bytes, recipients: Sequence[tuple[str, bytes]], *, consult: str, epoch: int
) -> tuple[Wrap, ...]:
    """Wrap a key for several recipients, each an id and a raw public key."""
    return tuple(
        Wrap(one, fingerprint(raw), wrap(key, raw, consult=consult, epoch=epoch, recipient=one))
        for one, raw in recipients
    )


def sign_wraps(wraps: WrapSet, identity: NodeKey) -> bytes:
    """Return a box's signed wrap set."""
    body: Json = {
        "consult": wraps.consult,
        "epoch": wraps.epoch,
        "removed": list(wraps.removed),
        "wraps": [
            {
                "fingerprint": one.fingerprint,
                "recipient": one.recipient,
                "sealed": to_base64url(one.sealed),
            }
            for one in wraps.wraps
        ],
    }
    return sign_node(body, DOMAIN, identity)


def read_wraps(statement: Statement) -> WrapSet:
    """Return the wrap set that a verified statement says.

    Raises
    ------
    StatementMalformed
        If the statement is another one, or not signed by a node.
    """
    body = statement.body
    if statement.domain != DOMAIN or not statement.signer.node:
        raise StatementMalformed(fault="wraps")
    try:
        wraps = tuple(
            Wrap(str(w["recipient"]), str(w["fingerprint"]), from_base64url(w["sealed"]))
            for w in body["wraps"]
        )
        removed = tuple(str(one) for one in body["removed"])
        if type(body["epoch"]) is not int or body["epoch"] < 1:
            raise StatementMalformed(fault="epoch")
        return WrapSet(str(body["consult"]), body["epoch"], wraps, removed)
    except (KeyError, TypeError, ValueError):
        raise StatementMalformed(fault="wraps") from None
