"""The directory of public keys: what a hub may show, and what it may not."""

from __future__ import annotations

import dataclasses

import pytest

from core.records.canonical import to_bytes
from core.seals.directory import (
    Directory,
    check_own,
    check_witness,
    verify_directory,
    witness,
)
from core.seals.directory_entries import GENESIS, Entry, read_entry
from core.seals.errors import (
    DirectoryForked,
    DirectoryIncomplete,
    DirectoryMalformed,
    DirectoryRewound,
    HeadUnsigned,
    KeyRetired,
    OwnKeySwapped,
    RecipientUnknown,
    SignatureWrong,
    SignerRevoked,
    SignerUnknown,
    WitnessConflict,
)
from core.seals.keybook import raw_public
from tests.seal_site import (
    EXPERT,
    MEMBER,
    A,
    B,
    Log,
    PersonPair,
    at_time,
    node_key,
    region,
    x25519_key,
)

BOX_A, BOX_B = node_key(f"{A} box"), node_key(f"{B} box")


def opened(log: Log) -> Directory:
    return verify_directory(log.data(), log.head(), log.hub_public)


def test_a_directory_grows_and_says_who_is_who():
    log = region()
    early = verify_directory(log.data(4), log.head(4), log.hub_public)
    full = early.extend(log.data()[4:], log.head())
    assert full == opened(log)
    assert full.contents.hospitals[B].name == "市胸科医院"
    assert full.recipient(EXPERT.id).agree_public == EXPERT.agree_public
    assert full.recipient(EXPERT.id).attested == BOX_B.id
    assert full.recipient(MEMBER.id).attested == ""
    assert full.changed_keys(0) == ()
    assert full.extend([], log.head()) == full
    assert full.extend(log.data(), log.head()) == full


def test_a_swapped_key_is_a_fork():
    log, evil = region(), Log()
    directory = opened(log)
    evil.hospital(A, "甲县人民医院")
    evil.hospital(B, "市胸科医院")
    evil.node(A)
    evil.node(B)
    evil.person(PersonPair.of(EXPERT.id, "hub's own"), B)
    evil.person(MEMBER, B)
    with pytest.raises(DirectoryForked):
        directory.extend([], evil.head())
    with pytest.raises(DirectoryForked):
        directory.extend(evil.data(), evil.head())
    evil.node(A)
    with pytest.raises(DirectoryForked):
        directory.extend(evil.data()[6:], evil.head())
    with pytest.raises(DirectoryForked):
        directory.extend([], evil.head(5))


def test_a_shorter_directory_is_refused():
    log = region()
    with pytest.raises(DirectoryRewound):
        opened(log).extend([], log.head(5))


def test_a_head_of_another_hub_is_refused():
    log, other = region(), Log(node_key("another hub"))
    with pytest.raises(HeadUnsigned):
        Directory.of(log.hub_public).extend(log.data(), other.head())
    forged = log.head().replace(log.hub.id.encode(), other.hub.id.encode())
    with pytest.raises(HeadUnsigned):
        Directory.of(log.hub_public).extend(log.data(), forged)
    with pytest.raises(HeadUnsigned):
        Directory.of(log.hub_public).extend(log.data(), witness(opened(log), at_time(1), log.hub))


def test_missing_and_surplus_entries_are_refused():
    log = region()
    empty = Directory.of(log.hub_public)
    with pytest.raises(DirectoryIncomplete):
        empty.extend(log.data(5), log.head())
    with pytest.raises(DirectoryIncomplete):
        empty.extend(log.data(), log.head(5))
    with pytest.raises(DirectoryMalformed):
        empty.extend([*log.data(4), log.data()[5], log.data()[4]], log.head())


def test_another_box_that_saw_another_directory_is_heard():
    log, evil = region(), Log()
    evil.hospital(A, "甲县人民医院")
    evil.node(A)
    directory, other = opened(log), opened(evil)
    assert check_witness(directory, witness(directory, at_time(9), BOX_B))[0] == BOX_B.id
    with pytest.raises(WitnessConflict):
        check_witness(directory, witness(other, at_time(9), BOX_A))
    log.person(PersonPair.of("p_" + "7" * 16), A)
    _, ahead = check_witness(directory, witness(opened(log), at_time(9), BOX_B))
    assert ahead.size > directory.size
    stranger = node_key("nobody")
    with pytest.raises(SignerUnknown):
        check_witness(directory, witness(directory, at_time(9), stranger))
    data = bytearray(witness(directory, at_time(9), BOX_B))
    data[15] = ord("0") if data[15] != ord("0") else ord("1")
    with pytest.raises(SignatureWrong):
        check_witness(directory, bytes(data))


def test_a_changed_key_is_reported_and_old_statements_still_verify():
    log = region()
    before = opened(log)
    new = PersonPair.of(EXPERT.id, "2")
    log.person(new, B, BOX_B)
    log.add("retired", EXPERT.id, {"key": EXPERT.key})
    after = before.extend(log.data()[6:], log.head())
    (change,) = after.changed_keys(before.size)
    assert (change.id, change.old, change.new) == (EXPERT.id, EXPERT.key, new.key)
    assert after.changed_keys(after.size) == ()
    assert after.recipient(EXPERT.id).key == new.key
    with pytest.raises(KeyRetired):
        after.book().person(EXPERT.id, EXPERT.key)
    assert after.book(at_time(6)).person(EXPERT.id, EXPERT.key)
    with pytest.raises(KeyRetired):
        after.book(at_time(7)).person(EXPERT.id, EXPERT.key)
    assert after.book().person(EXPERT.id, new.key)


def test_revoked_people_and_nodes_sign_and_receive_no_more():
    log = region()
    log.add("revoked", MEMBER.id, {"person": MEMBER.id})
    log.add("revoked", BOX_A.id, {"node": BOX_A.id})
    directory = opened(log)
    with pytest.raises(RecipientUnknown):
        directory.recipient(MEMBER.id)
    with pytest.raises(SignerRevoked):
        directory.book().person(MEMBER.id, MEMBER.key)
    with pytest.raises(SignerRevoked):
        directory.book().node(BOX_A.id)
    assert directory.book(at_time(5)).node(BOX_A.id)
    assert directory.book(at_time(5)).person(MEMBER.id, MEMBER.key)
    assert directory.book().node(log.hub.id)


def test_a_retired_last_key_leaves_nobody_to_seal_to():
    log = region()
    log.add("retired", MEMBER.id, {"key": MEMBER.key})
    with pytest.raises(RecipientUnknown):
        opened(log).recipient(MEMBER.id)
    log.person(MEMBER, B)
    with pytest.raises(DirectoryMalformed):
        opened(log)


def spoiled(body: dict, **changes: str) -> dict:
    return {**body, **changes}


@pytest.mark.parametrize(
    "changes",
    [
        {"hospital": "h_unknown"},
        {"key": "0" * 64},
        {"agree_public": "04" + "0" * 128},
        {"sign_public": "00"},
        {"sign_public": "Z"},
        {"attested": "0" * 128},
        {"attested": "0"},
        {"extra": "field"},
    ],
)
def test_entries_that_break_a_rule_are_refused(changes):
    log = region()
    log.add("person", EXPERT.id, spoiled(log.entries[4].body, **changes))
    with pytest.raises(DirectoryMalformed):
        opened(log)


def test_a_node_entry_must_name_its_own_key_and_stay_in_its_hospital():
    for subject, changes in [
        ("0" * 64, {}),
        (BOX_A.id, {"hospital": B}),
        (BOX_A.id, {"seal_public": "00"}),
    ]:
        log = region()
        log.add("node", subject, spoiled(log.entries[2].body, **changes))
        with pytest.raises(DirectoryMalformed):
            opened(log)


def test_an_attestation_by_another_hospitals_box_is_refused():
    log = region()
    log.person(MEMBER, B, BOX_A)
    with pytest.raises(DirectoryMalformed, match="attested"):
        opened(log)


def test_a_hub_that_swaps_the_recovery_key_is_noticed_by_the_box():
    log = region()
    recovery = raw_public(x25519_key(f"{A} recovery").public_key())
    check_own(opened(log), A, recovery, BOX_A.id)
    with pytest.raises(OwnKeySwapped):
        check_own(opened(log), A, recovery, BOX_B.id)
    log.add("hospital", A, spoiled(log.entries[0].body, recovery_public="09" + "0" * 62))
    assert opened(log).changed_keys(0)[0].kind == "hospital"
    with pytest.raises(OwnKeySwapped):
        check_own(opened(log), A, recovery, BOX_A.id)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        b'{"seq": 1}',
        b"[" * 100_000,
        b"x" * 20_000,
        to_bytes({"at": "", "body": {}, "id": "x", "kind": "retired", "prev": GENESIS, "seq": 1}),
    ],
)
def test_entries_that_are_none_are_refused(data):
    with pytest.raises(DirectoryMalformed):
        read_entry(data)


def test_an_entry_reads_back():
    entry = Entry(1, GENESIS, at_time(1), "retired", "p_1", {"key": "k"})
    assert read_entry(entry.to_bytes()) == entry
    assert dataclasses.replace(entry, seq=2).link != entry.link
