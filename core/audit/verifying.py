"""Chains held against themselves and against signed heads, pure: what is wrong is named.

A chain proves by itself that nothing in it was edited, removed or moved. That its end was not cut
off, or the whole thing written anew, only a signed head shows that is kept elsewhere: by the side
itself outside the journal, or by the other side, which has witnessed it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from core.journal.chain import Fault, Head, Kept, Unread, compare, verify
from core.journal.checkpoint import Checkpoint, is_signed_by
from core.seals.errors import PublicKeyInvalid
from core.seals.keybook import ed25519_public, node_id


@dataclass(frozen=True, slots=True)
class Chain:
    """One writer's chain of one journal, in order of seq."""

    journal: str
    writer: str
    rows: Iterable[Kept | Unread]


@dataclass(frozen=True, slots=True)
class Witness:
    """A signed head, and who has kept it: a node's id."""

    head: Checkpoint
    by: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong.

    Attributes
    ----------
    fault : str
        ``changed``, ``removed``, ``reordered``, ``header``, ``columns``, ``unreadable``;
        ``truncated`` or ``forked`` against a signed head; ``unsigned``: a head whose signature is
        not its writer's.
    by : str
        Whose witness shows it; "" where the chain itself does.
    """

    journal: str
    writer: str
    seq: int
    fault: str
    by: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the verification of one side found."""

    records: int
    heads: tuple[tuple[str, Head], ...]
    witnessed: int
    findings: tuple[Finding, ...]


def verify_all(
    chains: Iterable[Chain], witnesses: Iterable[Witness], publics: Mapping[str, bytes]
) -> Verdict:
    """Verify every chain in one pass, and hold each against every head that anybody kept of it.

    Parameters
    ----------
    witnesses : iterable of Witness
        Only of chains that must be here; one whose chain is missing says ``truncated``.
    publics : mapping
        Node id to raw Ed25519 key. A key counts only where the id is its hash.
    """
    signed: dict[tuple[str, str], list[Witness]] = {}
    findings: list[Finding] = []
    for one in witnesses:
        kept = one.head
        if is_genuine(kept, publics):
            signed.setdefault((kept.journal, kept.writer), []).append(one)
        else:
            findings.append(Finding(kept.journal, kept.writer, kept.seq, "unsigned", one.by))
    count = sum(map(len, signed.values()))
    heads: list[tuple[str, Head]] = []
    for chain in chains:
        mine = signed.pop((chain.journal, chain.writer), [])
        head, found = _verify_one(chain, mine)
        findings += found
        heads.append((chain.journal, head))
    for (journal, writer), left in signed.items():
        findings += [Finding(journal, writer, 1, "truncated", one.by) for one in left]
    return Verdict(sum(h.seq for _, h in heads), tuple(heads), count, tuple(findings))


def is_genuine(head: Checkpoint, publics: Mapping[str, bytes]) -> bool:
    """Say whether a head is signed by the node that writes the chain (or leads its name)."""
    node = head.writer.partition("/")[0]
    raw = publics.get(node, b"")
    if not raw or node_id(raw) != node:
        return False
    try:
        return is_signed_by(head, ed25519_public(raw))
    except PublicKeyInvalid:
        return False


def _verify_one(chain: Chain, witnesses: list[Witness]) -> tuple[Head, list[Finding]]:
    wanted = {one.head.seq for one in witnesses}
    links: dict[int, bytes | None] = {}
    head, findings = Head(chain.writer, 0, b""), []
    for one in verify(_watched(chain.rows, wanted, links)):
        if isinstance(one, Fault):
            findings.append(Finding(chain.journal, chain.writer, one.seq, one.kind))
        else:
            head = Head(chain.writer, one.seq, one.link)
    for witness in witnesses:
        seq, link = witness.head.seq, bytes.fromhex(witness.head.link)
        if seq in links and links[seq] is None:
            continue  # named as unreadable already
        fault = compare(head, seq, link, links.get(seq))
        if fault is not None:
            findings.append(Finding(chain.journal, chain.writer, fault.seq, fault.kind, witness.by))
    return head, findings


def _watched(
    rows: Iterable[Kept | Unread], wanted: set[int], links: dict[int, bytes | None]
) -> Iterator[Kept | Unread]:
    """Pass rows through, remembering the links that a witness speaks of: None where unreadable."""
    for row in rows:
        if isinstance(row, Kept):
            if row.seq in wanted:
                links[row.seq] = row.link
        else:
            links.update(dict.fromkeys(wanted & set(range(row.first, row.last + 1))))
        yield row
