"""Chains against signed heads: edit, removal, truncation, fork and forged heads are named."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from core.audit.errors import ExportBroken
from core.audit.export import Export, Opening, lines_of
from core.audit.verifying import Chain, Witness, is_genuine, verify_all
from core.journal.chain import Kept, Unread
from core.journal.checkpoint import Checkpoint, sign
from core.journal.store import MemoryJournal, Writer
from core.records.record import Draft
from core.seals.keybook import raw_public
from core.vault.identity import NodeIdentity

AT = "2026-11-23T00:00:00.000Z"


class Keys:
    def key(self, _):
        return bytes(32)


class Side:
    """One writer's access journal, and what it signs of it."""

    def __init__(self, records=6, seed=1):
        self.identity = NodeIdentity.of(Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32))
        self.nonce = 0
        writer = Writer(self.identity.id, Keys(), lambda: 1_800_000_000_000, self.random)
        self.journal = MemoryJournal(writer, "access")
        self.add(records)

    def random(self, n):
        self.nonce += 1
        return self.nonce.to_bytes(n, "big")

    def add(self, count, word="a"):
        for n in range(count):
            self.journal.append([Draft("audit.logged", {"action": word, "n": n})])

    @property
    def rows(self):
        return list(self.journal.kept(self.identity.id))

    @property
    def publics(self):
        return {self.identity.id: raw_public(self.identity.key.public_key())}

    def head(self, seq=0, by="other"):
        head = self.journal.head(self.identity.id)
        seq = seq or head.seq
        link = self.rows[seq - 1].link
        checkpoint = Checkpoint("access", self.identity.id, seq, link.hex(), AT)
        return Witness(sign(checkpoint, self.identity.key), by)

    def verdict(self, rows, *witnesses, publics=None):
        chain = Chain("access", self.identity.id, rows)
        return verify_all([chain], witnesses, self.publics if publics is None else publics)


def faults(verdict):
    return [(f.seq, f.fault, f.by) for f in verdict.findings]


def test_a_whole_chain():
    side = Side()
    verdict = side.verdict(side.rows, side.head(), side.head(3))
    assert (verdict.records, verdict.witnessed, verdict.findings) == (6, 2, ())


def test_what_is_done_to_it_is_named():
    side = Side()
    rows, head = side.rows, side.head()
    edited = [*rows[:2], replace(rows[2], sealed=rows[2].sealed + b"x"), *rows[3:]]
    assert (3, "changed", "") in faults(side.verdict(edited, head))
    removed = [*rows[:2], *rows[3:]]
    assert faults(side.verdict(removed, head)) == [(3, "removed", "")]
    assert faults(side.verdict(rows[:4], head)) == [(5, "truncated", "other")]
    assert faults(side.verdict([], head)) == [(1, "truncated", "other")]
    swapped = [rows[0], replace(rows[2], seq=2), replace(rows[1], seq=3), *rows[3:]]
    assert {f for _, f, _ in faults(side.verdict(swapped, head))} == {"reordered"}
    assert faults(side.verdict([*rows[:3], Unread(side.identity.id, 4, 6)], head)) == [
        (4, "unreadable", "")
    ]


def test_a_chain_written_anew_is_a_fork_to_whoever_saw_the_first():
    side, anew = Side(), Side(0)
    seen = side.head(4, "county")
    anew.add(6, "b")
    assert faults(side.verdict(anew.rows)) == []  # by itself it is sound
    assert faults(side.verdict(anew.rows, seen)) == [(4, "forked", "county")]


def test_a_chain_that_is_gone_altogether():
    side = Side()
    verdict = verify_all([], [side.head(by="county")], side.publics)
    assert faults(verdict) == [(1, "truncated", "county")]


def test_a_head_is_believed_by_its_writers_signature_only():
    side, other = Side(), Side(seed=2)
    forged = Witness(sign(side.head().head, other.identity.key), "county")
    assert faults(side.verdict(side.rows, forged)) == [(6, "unsigned", "county")]
    swapped = {side.identity.id: other.publics[other.identity.id]}
    assert not is_genuine(side.head().head, swapped)  # the id is not this key's
    assert not is_genuine(side.head().head, {})
    assert is_genuine(side.head().head, side.publics)


def exported(side, witnesses=(), rows=None):
    opening = Opening(side.identity.id, "box", AT, side.publics, tuple(witnesses))
    chain = Chain("access", side.identity.id, side.rows if rows is None else rows)
    return list(lines_of(opening, [chain]))


def read(lines):
    found = Export(lines)
    verdict = verify_all(found.chains(), found.opening.witnesses, found.opening.publics)
    return found, verdict


def test_an_export_verifies_without_the_side_that_made_it():
    side = Side()
    found, verdict = read(exported(side, [side.head()]))
    assert (found.whole, verdict.records, verdict.findings) == (True, 6, ())
    assert (found.opening.node, found.opening.side) == (side.identity.id, "box")
    assert found.opening.witnesses == (side.head(),)


def test_an_export_that_was_cut_or_edited():
    side = Side()
    lines = exported(side, [side.head()])
    found, verdict = read(lines[:-2])
    assert not found.whole
    assert faults(verdict) == [(6, "truncated", "other")]
    row = json.loads(lines[4])
    row["row"]["sealed"] = "AAAA"
    found, verdict = read([*lines[:4], json.dumps(row), *lines[5:]])
    assert faults(verdict) == [(2, "changed", "")]
    found, _ = read([*lines[:4], *lines[5:]])
    assert not found.whole


@pytest.mark.parametrize(
    "lines",
    [[], ["{}"], ["[]"], ["x"], ['{"audit":"other"}'],
     ['{"audit":"xinglin audit v1"}', '{"head":{}}'],
     ['{"audit":"xinglin audit v1"}', '{"public":{"node":"a","key":"zz"}}']],
)  # fmt: skip
def test_what_is_no_export(lines):
    with pytest.raises(ExportBroken):
        read(lines)


@given(st.lists(st.text() | st.sampled_from(exported(Side(3), [Side(3).head()])), max_size=12))
def test_any_lines_are_an_export_or_a_refusal(lines):
    with contextlib.suppress(ExportBroken):
        read(['{"audit":"xinglin audit v1"}', *lines])


def test_many_chains_in_one_pass():
    first, second = Side(3), Side(4, seed=2)
    opening = Opening("x", "hub", AT, first.publics | second.publics,
                      (first.head(), second.head()))  # fmt: skip
    chains = [Chain("access", one.identity.id, one.rows) for one in (first, second)]
    found, verdict = read(list(lines_of(opening, chains)))
    assert (found.whole, verdict.records, verdict.findings) == (True, 7, ())
    assert isinstance(first.rows[0], Kept)
