"""One contract for every journal store; run against memory, SQLite and the hub's databases."""

from __future__ import annotations

import itertools
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from core.journal.chain import Fault, Head, Unread, verify
from core.journal.database import Database
from core.journal.errors import JournalDamaged, SealBroken, UnknownKind
from core.journal.salvage import MOST_LOST
from core.journal.seal import open_clear, open_record
from core.journal.store import MemoryJournal, SqliteJournal, Writer, faults
from core.records.record import GENESIS, Draft
from hub.store.database import open_database
from hub.store.journal import SqlJournal
from hub.store.tables import CHAIN

KEYS = {"node": b"n" * 32, "st_a": b"a" * 32, "st_b": b"b" * 32, "su_x": b"x" * 32}


class Keys:
    def key(self, key_id):
        return KEYS[key_id]


def writer(name="w1", start=1_700_000_000_000):
    clock = itertools.count(start)
    return Writer(name * 8, Keys(), lambda: next(clock), os.urandom)


class JournalContract:
    def make(self, tmp_path, who=None, on_append=None, journal="clinical"):
        raise NotImplementedError

    def test_appends_are_linked_and_open_again(self, tmp_path):
        store = self.make(tmp_path)
        first = store.append([Draft("study.received", {"n": 1}, "su_x", "st_a")])
        second = store.append(
            [
                Draft("qc.assessed", {"n": 2, "名": "张三"}, "su_x", "st_a"),
                Draft("model.activated", {"name": "m"}, "m_x"),
            ]
        )
        assert [r.header.seq for r in first + second] == [1, 2, 3]
        kept = list(store.kept("w1" * 8))
        headers = [record.header for record in first + second]
        assert headers[0].prev == GENESIS
        assert [h.prev for h in headers[1:]] == [k.link.hex() for k in kept[:2]]
        opened = [open_record(s, Keys()) for s in store.read(0, 10)]
        assert [r.body for r in opened] == [{"n": 1}, {"n": 2, "名": "张三"}, {"name": "m"}]
        assert opened == first + second

    def test_plaintext_is_nowhere(self, tmp_path):
        store = self.make(tmp_path)
        store.append([Draft("study.received", {"name": "SECRETNAME"}, "su_x", "st_a")])
        for kept in store.kept("w1" * 8):
            assert b"SECRETNAME" not in kept.header + kept.sealed

    def test_clock_never_goes_back(self, tmp_path):
        times = iter([5000, 4000, 4001, 9000])
        who = Writer("w1" * 8, Keys(), lambda: next(times), os.urandom)
        store = self.make(tmp_path, who)
        clocks = [
            store.append([Draft("study.received", {}, "", "st_a")])[0].header.clock
            for _ in range(4)
        ]
        assert clocks == sorted(clocks)
        assert len(set(clocks)) == 4

    def test_all_or_none(self, tmp_path):
        store = self.make(tmp_path)
        with pytest.raises(UnknownKind):
            store.append([Draft("study.received", {}, "", "st_a"), Draft("no.such", {})])
        assert store.head("w1" * 8) == Head("w1" * 8, 0, b"")
        assert store.read(0, 10) == []

    def test_failing_view_undoes_the_append(self, tmp_path):
        def broken(_records):
            raise RuntimeError("view")

        store = self.make(tmp_path, on_append=broken)
        with pytest.raises(RuntimeError):
            store.append([Draft("study.received", {}, "", "st_a")])
        assert store.read(0, 10) == []
        assert store.head("w1" * 8).seq == 0

    def test_kind_of_the_other_journal_is_refused(self, tmp_path):
        with pytest.raises(UnknownKind):
            self.make(tmp_path).append([Draft("study.viewed", {})])
        self.make(tmp_path, journal="access").append([Draft("study.viewed", {})])

    def test_groups_are_ordered_by_clock_writer_seq(self, tmp_path):
        store = self.make(tmp_path)
        other = MemoryJournal(writer("w0", 1_600_000_000_000))
        other.append([Draft("qc.assessed", {"from": "other"}, "su_x", "st_a")])
        store.append([Draft("study.received", {"from": "own"}, "su_x", "st_a")])
        store.append([Draft("study.received", {}, "", "st_b")])
        adopted = store.adopt(other.kept("w0" * 8))
        assert [s.header.writer for s in adopted] == ["w0" * 8]
        bodies = [open_record(s, Keys()).body["from"] for s in store.of_key("st_a")]
        assert bodies == ["other", "own"]
        assert [s.order for s in store.of_subject("su_x")] == [
            s.order for s in store.of_key("st_a")
        ]
        assert store.adopt(other.kept("w0" * 8)) == []
        assert sorted(store.writers()) == ["w0" * 8, "w1" * 8]

    def test_adopt_refuses_what_does_not_continue(self, tmp_path):
        other = MemoryJournal(writer("w2"))
        other.append([Draft("qc.assessed", {"n": n}, "", "st_a") for n in range(3)])
        rows = list(other.kept("w2" * 8))
        for bad in (
            [rows[1]],
            [rows[0], rows[2]],
            [type(rows[0])(rows[0].writer, 1, rows[0].header, rows[0].sealed + b"x", rows[0].link)],
        ):
            store = self.make(tmp_path)
            with pytest.raises(JournalDamaged):
                store.adopt(bad)

    def test_sound_chain_verifies_to_its_head(self, tmp_path):
        store = self.make(tmp_path)
        store.append([Draft("study.received", {"n": n}, "", "st_a") for n in range(5)])
        (head,) = list(faults(store))
        assert head == store.head("w1" * 8)
        assert head.seq == 5

    def test_body_is_bound_to_its_header(self, tmp_path):
        store = self.make(tmp_path)
        store.append(
            [
                Draft("study.received", {"n": 1}, "", "st_a"),
                Draft("study.received", {"n": 2}, "", "st_a"),
            ]
        )
        one, two = store.read(0, 2)
        swapped = type(one)(one.position, one.header, one.header_bytes, two.sealed, one.link)
        with pytest.raises(SealBroken):
            open_record(swapped, Keys())

    def test_clear_kinds_are_read_without_a_key(self, tmp_path):
        store = self.make(tmp_path)
        (record,) = store.append([Draft("hub.event", {"consult": "c_1"}, "c_1", "st_a")])
        assert record.header.key == "clear"
        (sealed,) = store.read(0, 10)
        assert sealed.sealed == b'\x00{"consult":"c_1"}'
        assert open_record(sealed, None) == record
        (head,) = list(faults(store))
        assert head.seq == 1

    def test_the_kind_decides_what_is_clear_never_the_suite_byte(self, tmp_path):
        store = self.make(tmp_path)
        store.append([Draft("hub.event", {"n": 1}), Draft("qc.assessed", {"n": 2}, "", "st_a")])
        clear, closed = store.read(0, 2)
        for bad in (
            replace(closed, sealed=clear.sealed),
            replace(clear, sealed=closed.sealed),
            replace(clear, sealed=b"\x00[]"),
            replace(clear, sealed=b""),
        ):
            with pytest.raises(SealBroken):
                open_record(bad, Keys())
        with pytest.raises(SealBroken):
            open_clear(closed)


class TestMemory(JournalContract):
    def make(self, tmp_path, who=None, on_append=None, journal="clinical"):
        return MemoryJournal(who or writer(), journal, on_append)


class TestSqlite(JournalContract):
    def make(self, tmp_path, who=None, on_append=None, journal="clinical"):
        number = len(list(tmp_path.iterdir()))
        database = Database(tmp_path / f"{number}.db", b"k" * 32)
        store = SqliteJournal(database, who or writer(), journal, on_append)
        store.create()
        return store

    def test_two_connections_share_one_chain(self, tmp_path):
        path = tmp_path / "shared.db"
        stores = []
        for _ in range(2):
            store = SqliteJournal(Database(path, b"k" * 32), writer())
            store.create()
            stores.append(store)
        for n in range(10):
            stores[n % 2].append([Draft("study.received", {"n": n}, "", "st_a")])
        (head,) = list(faults(stores[0]))
        assert isinstance(head, Head)
        assert head.seq == 10

    def test_file_holds_no_plaintext(self, tmp_path):
        store = self.make(tmp_path)
        store.append([Draft("study.received", {"name": "SECRETNAME"}, "su_x", "st_a")])
        assert all(b"study.received" not in p.read_bytes() for p in tmp_path.iterdir())

    @pytest.mark.parametrize(
        ("damage", "kind", "seq"),
        [
            (
                "UPDATE record_clinical SET sealed = substr(sealed, 1, 20) || x'00'"
                " || substr(sealed, 22) WHERE seq = 3",
                "changed",
                3,
            ),
            (
                "UPDATE record_clinical SET header = replace(header, 'st_a', 'st_b') WHERE seq = 2",
                "changed",
                2,
            ),
            ("DELETE FROM record_clinical WHERE seq = 4", "removed", 4),
            ("DELETE FROM record_clinical WHERE seq = 1", "removed", 1),
            (
                "UPDATE record_clinical SET kind = 'x', subject = 'y', key = 'st_z', clock = '0'"
                " WHERE seq = 5",
                "columns",
                5,
            ),
            ("UPDATE record_clinical SET kind = 'qc.assessed' WHERE seq = 2", "columns", 2),
            ("UPDATE record_clinical SET subject = 'su_y' WHERE seq = 2", "columns", 2),
            ("UPDATE record_clinical SET key = x'00' WHERE seq = 2", "columns", 2),
            ("UPDATE record_clinical SET clock = '0' WHERE seq = 2", "columns", 2),
            ("UPDATE record_clinical SET seq = 'six' WHERE seq = 6", "columns", 6),
        ],
    )
    def test_damage_is_named(self, tmp_path, damage, kind, seq):
        database = Database(tmp_path / "d.db", b"k" * 32)
        store = SqliteJournal(database, writer())
        store.create()
        store.append([Draft("study.received", {"n": n}, "", "st_a") for n in range(6)])
        with database.transaction() as sql:
            assert sql.execute(damage).rowcount == 1
        assert Fault("w1" * 8, seq, kind) in list(faults(store))

    def test_reordered_records_are_named(self, tmp_path):
        database = Database(tmp_path / "d.db", b"k" * 32)
        store = SqliteJournal(database, writer())
        store.create()
        store.append([Draft("study.received", {"n": n}, "", "st_a") for n in range(4)])
        with database.transaction() as sql:
            sql.execute("UPDATE record_clinical SET seq = 100 WHERE seq = 2")
            sql.execute("UPDATE record_clinical SET seq = 2 WHERE seq = 3")
            sql.execute("UPDATE record_clinical SET seq = 3 WHERE seq = 100")
        found = [f for f in faults(store) if isinstance(f, Fault)]
        assert {(f.seq, f.kind) for f in found} >= {(2, "reordered"), (3, "reordered")}

    def test_the_columns_do_not_travel(self, tmp_path):
        store = self.make(tmp_path)
        store.append([Draft("study.received", {"n": 1}, "su_x", "st_a")])
        (row,) = store.kept("w1" * 8)
        memory = MemoryJournal(writer("w2"))
        memory.adopt([row])
        assert list(memory.kept("w1" * 8)) == [row]


class TestHub(JournalContract):
    @pytest.fixture(autouse=True)
    def _databases(self, hub_url, request):
        self.url, self.opened = hub_url, []
        yield
        for database in self.opened:
            database.close()

    def make(self, tmp_path, who=None, on_append=None, journal="clinical"):
        del tmp_path
        self.opened.append(open_database(self.url))
        store = SqlJournal(self.opened[-1], who or writer(), journal, on_append)
        with self.opened[-1].write() as sql:  # a fresh store, as the other makers give
            sql.execute(CHAIN.delete())
        return store

    def test_many_threads_share_one_chain(self, tmp_path):
        stores = [self.make(tmp_path), self.make(tmp_path)]
        with ThreadPoolExecutor(8) as pool:
            drafts = [Draft("study.received", {"n": n}, "", "st_a") for n in range(40)]
            list(pool.map(lambda n: stores[n % 2].append([drafts[n]]), range(40)))
        (head,) = list(faults(stores[0]))
        assert isinstance(head, Head)
        assert head.seq == 40

    def test_damage_is_named(self, tmp_path):
        store = self.make(tmp_path)
        store.append([Draft("study.received", {"n": n}, "", "st_a") for n in range(6)])
        with self.opened[-1].write() as sql:
            sql.execute(CHAIN.update().where(CHAIN.c.seq == 2).values(kind="qc.assessed"))
            sql.execute(CHAIN.update().where(CHAIN.c.seq == 3).values(sealed=b"\x01junk"))
            sql.execute(CHAIN.delete().where(CHAIN.c.seq == 5))
        found = [(f.seq, f.kind) for f in faults(store) if isinstance(f, Fault)]
        assert found == [(2, "columns"), (3, "changed"), (5, "removed")]


PAGE = 4096
COUNT = 600


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / "d.db"
    database = Database(path, b"k" * 32)
    store = SqliteJournal(database, writer())
    store.create()
    store.append([Draft("study.received", {"text": "y" * 300}, "", "st_a") for _ in range(COUNT)])
    database.query("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    return path.read_bytes()


class TestDamagedFile:
    """Flipped bits in the file: what can be read is verified, what cannot is named."""

    def damaged(self, tmp_path, whole, *pages):
        data = bytearray(whole)
        for page in pages:
            data[page * PAGE + 1000] ^= 1
        path = tmp_path / "d.db"
        path.write_bytes(data)
        return SqliteJournal(Database(path, b"k" * 32), writer())

    def found(self, store, at_least=COUNT):
        return list(verify(store.survey("w1" * 8, at_least)))

    def test_whole_file_is_sound(self, tmp_path, whole):
        (head,) = self.found(self.damaged(tmp_path, whole))
        assert head.seq == COUNT

    def test_one_page_costs_its_records_only(self, tmp_path, whole):
        store = self.damaged(tmp_path, whole, len(whole) // PAGE // 2)
        rows = list(store.survey("w1" * 8, COUNT))
        (lost,) = [row for row in rows if isinstance(row, Unread)]
        assert 1 < lost.first <= lost.last < COUNT
        assert len(rows) - 1 == COUNT - (lost.last - lost.first + 1)
        fault, head = verify(rows)
        assert fault == Fault("w1" * 8, lost.first, "unreadable")
        assert head.seq == COUNT

    def test_two_places_are_two_faults(self, tmp_path, whole):
        pages = len(whole) // PAGE
        store = self.damaged(tmp_path, whole, pages // 3, 2 * pages // 3)
        first, second, head = self.found(store)
        assert (first.kind, second.kind, head.seq) == ("unreadable", "unreadable", COUNT)
        assert 1 < first.seq < second.seq < COUNT

    def test_damage_and_tampering_are_told_apart(self, tmp_path, whole):
        store = self.damaged(tmp_path, whole)
        with store._database.transaction() as sql:
            sql.execute("UPDATE record_clinical SET kind = 'x' WHERE seq = 9")
            sql.execute("DELETE FROM record_clinical WHERE seq = 590")
        store._database.query("PRAGMA wal_checkpoint(TRUNCATE)")
        store._database.close()
        again = tmp_path / "again"
        again.mkdir()
        data = (tmp_path / "d.db").read_bytes()
        found = self.found(self.damaged(again, data, len(data) // PAGE // 2))
        kinds = [(f.kind, f.seq) for f in found if isinstance(f, Fault)]
        assert kinds[0] == ("columns", 9)
        assert kinds[1][0] == "unreadable"
        assert kinds[2] == ("removed", 590)

    def test_every_page_is_a_fault_or_not_of_this_chain_and_never_a_crash(self, tmp_path, whole):
        unread = 0
        for page in range(1, len(whole) // PAGE, 3):
            found = self.found(self.damaged(tmp_path, whole, page), at_least=10)
            assert isinstance(found[-1], Head)
            kinds = {f.kind for f in found[:-1]}
            assert kinds <= {"unreadable"}
            unread += bool(kinds)
            for left in ("d.db-wal", "d.db-shm"):
                (tmp_path / left).unlink(missing_ok=True)
        assert unread > len(whole) // PAGE // 3 // 2

    def test_a_lost_table_reaches_to_the_signed_head(self, tmp_path, whole):
        store = self.damaged(tmp_path, whole, *range(1, len(whole) // PAGE))
        rows = list(store.survey("w1" * 8, MOST_LOST * 2))
        assert rows == [Unread("w1" * 8, 1, MOST_LOST * 2)]
