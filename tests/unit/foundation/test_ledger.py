"""The arrival ledger: torn tails are forgiven, damage is told, what is needed stays."""

from __future__ import annotations

import itertools
import os
import random
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from edge.intake import ledger as module
from edge.intake.ledger import PAGE, Ledger, pages_of, read_contents, seal_frame

KEY = b"k" * 32
SMALL = 8 * PAGE


@pytest.fixture
def ledger(tmp_path):
    made = Ledger(tmp_path / "intake", KEY, os.urandom, SMALL)
    yield made
    made.close(remove=False)


def contents(ledger, data=None, key=KEY):
    data = ledger.path.read_bytes() if data is None else data
    return read_contents(bytes(data), AESGCM(key), ledger.path.name)


def test_what_was_written_is_read_in_order(ledger):
    assert [ledger.write(b"one", 1), ledger.write(b"two", 1), ledger.write(b"", 1)] == [1, 2, 3]
    found = contents(ledger)
    assert found.plains == (b"one", b"two", b"")
    assert not found.damaged


def test_an_empty_ledger_holds_nothing(ledger):
    assert contents(ledger).plains == ()
    assert not contents(ledger).damaged


def test_a_file_of_other_bytes_is_damage_not_an_empty_ledger(ledger):
    ledger.write(b"one", 1)
    noise = random.Random(1).randbytes(SMALL)
    found = contents(ledger, noise)
    assert found.plains == ()
    assert found.damaged


def test_what_has_its_record_is_not_read_again(ledger):
    ledger.write(b"one", 1)
    ledger.write(b"two", 2)
    assert contents(ledger).plains == (b"two",)


def test_nothing_readable_is_on_the_disk(ledger):
    ledger.write(b"PatientID 4711", 1)
    assert b"4711" not in ledger.path.read_bytes()
    assert ledger.path.stat().st_mode & 0o077 == 0


def test_a_torn_last_frame_is_forgiven(ledger):
    ledger.write(b"one", 1)
    before = bytearray(ledger.path.read_bytes())
    ledger.write(os.urandom(2 * PAGE), 1)
    after = ledger.path.read_bytes()
    # Power loss leaves any of the 512-byte sectors of the last write, in any order.
    sectors = range(2 * PAGE, 5 * PAGE, 512)
    for lost in itertools.chain(sectors, (None,)):
        torn = bytearray(before)
        for at in sectors:
            if lost is not None and at != lost:
                torn[at : at + 512] = after[at : at + 512]
        found = contents(ledger, torn)
        assert (found.plains[0], found.damaged) == (b"one", False)


def test_a_damaged_frame_before_another_is_told(ledger):
    for plain in (b"one", b"two", b"three"):
        ledger.write(plain, 1)
    data = bytearray(ledger.path.read_bytes())
    data[2 * PAGE + 45] ^= 1
    found = contents(ledger, data)
    assert found.plains == (b"one", b"three")
    assert found.damaged


def test_frames_of_which_the_first_two_do_not_open_are_damage(ledger):
    ledger.write(b"one", 1)
    ledger.write(b"two", 1)
    data = bytearray(ledger.path.read_bytes())
    data[PAGE + 45] ^= 1
    data[2 * PAGE + 45] ^= 1
    assert contents(ledger, data).damaged
    assert contents(ledger, key=b"q" * 32).damaged


def test_frames_of_another_file_do_not_open(ledger):
    ledger.write(b"one", 1)
    ledger.write(b"two", 1)
    found = read_contents(ledger.path.read_bytes(), AESGCM(KEY), "other.ledger")
    assert found.plains == ()
    assert found.damaged


def test_the_file_is_used_round_and_round(ledger):
    for number in range(1, 200):
        needed = max(1, number - 2)
        assert ledger.write(b"%d" % number, needed) == number
        found = contents(ledger)
        assert found.plains == tuple(b"%d" % n for n in range(needed, number + 1))
        assert not found.damaged
    assert ledger.path.stat().st_size == SMALL


def test_a_full_file_says_so_and_goes_on_when_less_is_needed(ledger):
    written = 0
    while ledger.write(b"x" * PAGE, 1) is not None:
        written += 1
    assert 2 <= written <= SMALL // PAGE // 2
    assert len(contents(ledger).plains) == written
    index = ledger.write(b"next", ledger.next_index)
    assert index is not None
    assert [plain for plain in contents(ledger).plains if plain] == [b"next"]
    assert not contents(ledger).damaged


def test_no_write_touches_what_the_frame_before_it_needs(ledger):
    """Whatever of a write gets to the disk, all that was durable and is still needed is read."""
    seed = random.Random(7)
    needed, checked = 1, 0
    for number in range(600):
        before, kept = ledger.path.read_bytes(), contents(ledger).plains
        if number % 3 == 0:
            needed = min(ledger.next_index, needed + seed.randrange(4))
        index = ledger.next_index
        ledger.write(seed.randbytes(16 + seed.randrange(2 * PAGE)), needed)
        if ledger.next_index != index + 1:
            continue  # none, or two writes one after the other
        after = ledger.path.read_bytes()
        torn = bytearray(before)
        for at in range(0, len(torn), 512):
            if seed.random() < 0.5:
                torn[at : at + 512] = after[at : at + 512]
        found = contents(ledger, torn)
        assert not found.damaged
        assert set(contents(ledger).plains) & set(kept) <= set(found.plains)
        checked += 1
    assert checked > 100


def test_after_a_failed_write_nothing_is_written(ledger, monkeypatch):
    ledger.write(b"one", 1)

    def fails(_handle):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(module.os, "fdatasync", fails)
    with pytest.raises(OSError, match="Input/output"):
        ledger.write(b"two", 1)
    monkeypatch.undo()
    assert ledger.broken
    with pytest.raises(OSError, match="broken"):
        ledger.write(b"three", 1)


def test_a_frame_is_whole_pages():
    cipher = AESGCM(KEY)
    for length in (0, 1, PAGE - 60, PAGE - 59, PAGE, 3 * PAGE):
        frame = seal_frame(cipher, "x", (1, 1), bytes(length), bytes(12))
        assert len(frame) == pages_of(length) * PAGE


def test_a_ledger_that_cannot_be_made_leaves_nothing(tmp_path, monkeypatch):
    def full(*_arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.os, "pwrite", full)
    with pytest.raises(OSError, match="No space"):
        Ledger(tmp_path, KEY, os.urandom, SMALL)
    assert list(Path(tmp_path).iterdir()) == []
