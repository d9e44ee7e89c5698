"""A hospital's word for a key: a statement that one of its boxes signs after a person has looked.

Whoever answers for the box compares the fingerprint on the expert's own page with the one that the
box shows of the directory, and confirms. The box signs; the hub puts the bare signature into a new
``person`` entry, where every reader checks it again (:mod:`core.seals.directory_state`).
"""

from __future__ import annotations

from dataclasses import dataclass

from core.seals.directory_entries import ATTEST_DOMAIN, attestation_body
from core.seals.directory_state import PersonKey
from core.seals.errors import StatementMalformed
from core.seals.keybook import KeyBook
from core.seals.statements import NodeKey, open_statement, parse, sign_node

_FIELDS = {"hospital", "key", "name", "person"}


@dataclass(frozen=True, slots=True)
class Attestation:
    """What a box says of a key.

    Attributes
    ----------
    node : str
        The box that signed.
    signature : str
        128 hex: what the ``attested`` field of a directory entry holds.
    """

    person: str
    name: str
    hospital: str
    key: str
    node: str
    signature: str

    def is_of(self, known: PersonKey) -> bool:
        """Say whether it is about this key, person, name and hospital."""
        return (self.person, self.name, self.hospital, self.key) == (
            known.person,
            known.name,
            known.hospital,
            known.key,
        )


def sign_attestation(identity: NodeKey, known: PersonKey) -> bytes:
    """Return a box's signed word for a key of a person of its hospital, wire form."""
    body = attestation_body(known.person, known.name, known.hospital, known.key)
    return sign_node(body, ATTEST_DOMAIN, identity)


def open_attestation(data: bytes, keys: KeyBook) -> Attestation:
    """Return a box's word for a key.

    Raises
    ------
    StatementMalformed, SignatureWrong, SignerUnknown, SignerRevoked, DomainWrong
        If it is none, or the box may not sign.
    """
    statement = open_statement(data, keys, ATTEST_DOMAIN)
    body = statement.body
    texts = all(isinstance(one, str) for one in body.values())
    if body.keys() != _FIELDS or not texts or not statement.signer.node:
        raise StatementMalformed(fault="attestation")
    return Attestation(**body, node=statement.signer.node, signature=parse(data).signature.hex())
