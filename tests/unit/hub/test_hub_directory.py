"""The hub appends to the key directory, and a box that follows accepts it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from core.seals.directory import Directory, Head, check_witness, witness
from core.seals.directory_entries import hospital_body, node_body
from core.seals.errors import (
    DirectoryForked,
    DirectoryMalformed,
    SignatureWrong,
    SignerUnknown,
    WitnessConflict,
)
from core.seals.keybook import raw_public
from core.vault.identity import NodeIdentity
from hub.registry.directory import HubDirectory
from hub.store.tables import DIRECTORY, HOSPITAL, NODE


def box_of(hub, hospital="h_a"):
    """Put a hospital and a box into tables and directory; return the box's identity."""
    node = NodeIdentity.of(Ed25519PrivateKey.generate())
    sign = raw_public(node.key.public_key())
    seal = raw_public(X25519PrivateKey.generate().public_key())
    with hub.database.write() as sql:
        sql.execute(HOSPITAL.insert().values(id=hospital, name="甲", policy="{}", created_at=1))
        sql.execute(
            NODE.insert().values(
                id=node.id, hospital=hospital, sign_public=sign, seal_public=seal, joined_at=1
            )
        )
        hub.directory.append_in(sql, "hospital", hospital, hospital_body("甲", b""))
        hub.directory.append_in(sql, "node", node.id, node_body(hospital, sign, seal))
    return node


def pinned(hub):
    return Directory.of(raw_public(hub.identity.key.public_key()))


def follow(hub, known):
    shown = hub.directory.show(known.size)
    return known.extend(shown.entries, shown.head)


def test_a_box_follows(hub):
    empty = follow(hub, pinned(hub))
    assert empty.size == 0
    node = box_of(hub)
    first = follow(hub, empty)
    assert first.size == 2
    assert raw_public(first.book().node(node.id)) == raw_public(node.key.public_key())
    with hub.database.write() as sql:
        hub.directory.append_in(sql, "revoked", node.id, {"node": node.id})
    assert follow(hub, first).size == 3
    assert follow(hub, follow(hub, first)).size == 3  # nothing new: the same head
    assert hub.directory.current().size == 3


def test_what_a_box_would_refuse_is_not_written(hub):
    with hub.database.write() as sql, pytest.raises(DirectoryMalformed):
        hub.directory.append_in(sql, "node", "0" * 64, node_body("h_none", b"1" * 32, b"2" * 32))
    with hub.database.write() as sql, pytest.raises(DirectoryMalformed):
        hub.directory.append_in(sql, "hospital", "h_a", {"name": "x"})
    assert hub.directory.current().size == 0


def test_an_append_that_is_rolled_back_was_never_there(hub):
    def crash():
        with hub.database.write() as sql:
            hub.directory.append_in(sql, "hospital", "h_a", hospital_body("甲", b""))
            assert hub.directory.current_in(sql).size == 1
            raise RuntimeError

    with pytest.raises(RuntimeError):
        crash()
    assert hub.directory.current().size == 0
    box_of(hub)
    assert follow(hub, pinned(hub)).size == 2


def test_two_processes_append_one_log(hub):
    other = HubDirectory(hub.database, hub.identity, hub.outside.now_ms)

    def append(n):
        with hub.database.write() as sql:
            one = (hub.directory, other)[n % 2]
            one.append_in(sql, "hospital", f"h_{n:x}", hospital_body(f"医院 {n}", b""))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(append, range(24)))
    assert follow(hub, pinned(hub)).size == 24
    assert other.current().head == hub.directory.current().head


def test_witnesses_are_kept_and_handed_on(hub):
    node = box_of(hub)
    seen = follow(hub, pinned(hub))
    for at in ("2027-01-01T00:00:00.000Z", "2027-01-01T00:01:00.000Z"):
        with hub.database.write() as sql:
            hub.directory.keep_witness_in(sql, node.id, witness(seen, at, node))
    (kept,) = hub.directory.show(0).witnesses
    assert check_witness(seen, kept) == (node.id, Head(2, seen.link(2), at))


def test_a_witness_of_another_history_is_handed_on_too(hub):
    node = box_of(hub)
    seen = follow(hub, pinned(hub))
    forked = replace(seen, links=(seen.links[0], "f" * 64), head=Head(2, "f" * 64, ""))
    with hub.database.write() as sql:
        hub.directory.keep_witness_in(sql, node.id, witness(forked, "2027", node))
    (kept,) = hub.directory.show(0).witnesses
    with pytest.raises(WitnessConflict):
        check_witness(seen, kept)


def test_nobody_witnesses_for_another(hub):
    node, other = box_of(hub), NodeIdentity.of(Ed25519PrivateKey.generate())
    seen = follow(hub, pinned(hub))
    with hub.database.write() as sql:
        with pytest.raises(SignerUnknown):
            hub.directory.keep_witness_in(sql, node.id, witness(seen, "2027", other))
        with pytest.raises(SignerUnknown):
            hub.directory.keep_witness_in(sql, other.id, witness(seen, "2027", node))
        broken = witness(seen, "2027", node).replace(b'"size":2', b'"size":1')
        with pytest.raises(SignatureWrong):
            hub.directory.keep_witness_in(sql, node.id, broken)
    assert hub.directory.show(0).witnesses == ()


def test_a_database_changed_by_hand_is_noticed(hub):
    box_of(hub)
    with hub.database.write() as sql:
        row = sql.execute(DIRECTORY.select().where(DIRECTORY.c.seq == 1)).one()
        changed = bytes(row.entry).replace("甲".encode(), "丙".encode())
        sql.execute(DIRECTORY.update().where(DIRECTORY.c.seq == 1).values(entry=changed))
    with pytest.raises(DirectoryForked):
        hub.directory.current()
