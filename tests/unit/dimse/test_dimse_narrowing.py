"""Searches are narrowed by tables first: never fewer than match, and the answer stays the same."""

from __future__ import annotations

import io
import sqlite3

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import dcmread, dcmwrite

from core.dicom.names import matched_text
from core.views.tokens import tokens_of
from edge.intake.dimse.match import Matcher, matcher_of, matches, name_matches, needle_of
from edge.intake.net.sink import Ending, Peer, StoreCommand
from edge.store.archive import BoxArchive, _narrowed
from tests.chain_site import Site, ct_slice

_LETTERS = "张三仇尉迟伟ab zÉüſßK·'^=-,1？"
NAMES = st.text(st.sampled_from(_LETTERS), max_size=8) | st.text(max_size=8)
PATTERNS = st.text(st.sampled_from(_LETTERS + "*?"), max_size=6) | st.text(max_size=5)


def _database(name: str, patient_id: str, accession: str) -> sqlite3.Connection:
    sql = sqlite3.connect(":memory:")
    sql.execute("CREATE TABLE study_name (study, text)")
    sql.execute("CREATE TABLE study_token (token, study)")
    sql.execute("INSERT INTO study_name VALUES ('st', ?)", (matched_text(name),))
    tokens, _ = tokens_of(name, patient_id, accession)
    sql.executemany("INSERT INTO study_token VALUES (?, 'st')", [(t,) for t in tokens])
    return sql


def _kept(sql: sqlite3.Connection, matcher: Matcher) -> bool:
    narrowed = _narrowed(matcher)
    return narrowed is None or bool(sql.execute(*narrowed).fetchall())


@settings(deadline=None, derandomize=True, max_examples=400)
@given(NAMES, PATTERNS)
def test_whatever_matches_a_name_has_its_needle(name, pattern):
    if name_matches(name, pattern):
        assert needle_of(pattern) in matched_text(name)


@settings(deadline=None, derandomize=True, max_examples=400)
@given(NAMES, st.data())
def test_a_pattern_made_of_the_name_finds_it(name, data):
    """Cut out of the name itself, so that most of them match."""
    letters = [data.draw(st.sampled_from([c, c, c, "*", "?"])) for c in name]
    pattern = "".join(letters)
    matcher = matcher_of("PatientName", "PN", [pattern])
    if matcher is not None and matches({"PatientName": name}, [matcher]):
        assert _kept(_database(name, "", ""), matcher)


@settings(deadline=None, derandomize=True, max_examples=400)
@given(st.sampled_from(["PatientID", "AccessionNumber"]), NAMES, st.data())
def test_a_number_that_matches_is_kept(keyword, value, data):
    swap = [data.draw(st.sampled_from([c, c.upper(), c.lower(), "*", "?"])) for c in value]
    matcher = matcher_of(keyword, "LO", ["".join(swap)])
    if matcher is not None and matches({keyword: value}, [matcher]):
        sql = _database("", *((value, "") if keyword == "PatientID" else ("", value)))
        assert _kept(sql, matcher)


PATIENTS = [
    ("ZHANG^SAN=张^三", "P1", "A1"),
    ("张三丰", "p1x", "A2"),
    ("WANG^WEI=王^伟=王^伟", "P 2", "a2"),
    ("单^雄信", "Q-3", "A30"),
    ("Müller^Zoë", "Q3", "A31"),
    ("买买提·吐尔逊", "P10", "B1"),
    ("", "P11", ""),
]
QUERIES = [
    ("PatientName", "PN", q)
    for q in (
        "张三", "张*", "*三*", "zhangsan", "zhang*", "zs", "z*", "ZHANG^S*", "=张^三", "==王^*",
        "shan*", "muller^zoe", "*吐尔逊", "wang?wei", "?", "??", "nobody", "王伟", "Z*=*三",
    )
] + [
    (keyword, vr, q)
    for keyword, vr in (("PatientID", "LO"), ("AccessionNumber", "SH"))
    for q in ("P1", "p1", "P1*", "*1", "Q?3", "p 2", "A3*", "a2", "x", "*-*")
]  # fmt: skip


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    site = Site(tmp_path_factory.mktemp("narrowing") / "box")
    peer = Peer("ct1", "CT1", "XINGLIN", "127.0.0.1", "a1", traits=frozenset({"modality"}))
    for number, (name, patient_id, accession) in enumerate(PATIENTS):
        ds = dcmread(io.BytesIO(ct_slice(number)), force=True)
        ds.StudyInstanceUID, ds.SeriesInstanceUID = f"1.2.3.{number}", f"1.2.3.{number}.1"
        ds.PatientName, ds.PatientID, ds.AccessionNumber = name, patient_id, accession
        out = io.BytesIO()
        dcmwrite(out, ds, implicit_vr=False, little_endian=True)
        receipt = site.sink.begin(
            peer, StoreCommand(ds.SOPClassUID, "", ds.file_meta.TransferSyntaxUID, 1, "CT1")
        )
        receipt.write(memoryview(out.getvalue()))
        assert receipt.commit().status == 0
    site.sink.ended(peer, Ending.RELEASED)
    return BoxArchive(site.box)


@pytest.mark.parametrize("level", ["STUDY", "SERIES", "IMAGE"])
@pytest.mark.parametrize(("keyword", "vr", "query"), QUERIES)
def test_the_answer_is_that_of_a_full_scan(archive, level, keyword, vr, query):
    matcher = matcher_of(keyword, vr, [query])
    keys = [] if matcher is None else [matcher]
    everything = [r for r in archive.find(level, [], 100) if matches(r, keys)]
    narrowed = [r for r in archive.find(level, keys, 100) if matches(r, keys)]
    assert narrowed == everything


def test_some_of_those_queries_find_something_and_few_rows_are_read(archive):
    matcher = matcher_of("PatientName", "PN", ["zhangsan"])
    read = list(archive.find("STUDY", [matcher], 100))
    assert [r["PatientID"] for r in read] == ["p1x", "P1"]  # 张三丰 is read, and then no match
    found = {q for k, v, q in QUERIES if _found(archive, k, v, q)}
    assert {"张三", "zs", "shan*", "muller^zoe", "p1", "A3*", "*1", "Z*=*三"} <= found
    assert not {"nobody", "x"} & found


def _found(archive, keyword, vr, query):
    matcher = matcher_of(keyword, vr, [query])
    return matcher and [r for r in archive.find("STUDY", [matcher], 9) if matches(r, [matcher])]


def test_a_date_is_answered_by_index(archive):
    for query, count in (("20261122", len(PATIENTS)), ("20261123", 0), ("2026.11.22", 7)):
        matcher = matcher_of("StudyDate", "DA", [query])
        assert len(list(archive.find("STUDY", [matcher], 100))) == count
