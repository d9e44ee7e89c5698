"""Matching rules, one table, and the properties of wildcards."""

from __future__ import annotations

import time
from fnmatch import fnmatchcase

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.intake.dimse.match import Matcher, glob_matches, matcher_of, matches, name_matches

ZHANG = "ZHANG^SAN=张^三"


@pytest.mark.parametrize(
    ("vr", "key", "value", "found"),
    [
        ("LO", "CHEST", "chest", True),
        ("LO", "CHEST*", "Chest CT", True),
        ("LO", "*胸部*", "CT胸部平扫", True),
        ("SH", "A?1", "AB1", True),
        ("SH", "A?1", "A1", False),
        ("LO", "*", "", True),
        ("UI", "1.2", "1.2", True),
        ("UI", "1.2", "1.2.3", False),
        ("UI", "1.*", "1.2.3", False),
        ("CS", "CT\\PT", "PT", True),
        ("CS", "CT\\PT", "MR", False),
        ("DA", "20261122", "20261122", True),
        ("DA", "20261101-20261130", "20261122", True),
        ("DA", "20261101-20261130", "20261201", False),
        ("DA", "-20261122", "20261122", True),
        ("DA", "20261122-", "20261121", False),
        ("DA", "2026.11.22", "20261122", True),
        ("DA", "2026-11-22", "20261122", True),
        ("TM", "10", "105959.123", True),
        ("TM", "1000-1030", "103059", True),
        ("TM", "10:00-10:30", "103100", False),
        ("TM", "-12", "115900", True),
        ("IS", "3", 3, True),
        ("IS", "3", 30, False),
        ("DS", "2.5", 2.5, True),
    ],
)
def test_single_attribute(vr, key, value, found):
    matcher = matcher_of("Attribute", vr, key.split("\\"))
    keys = [] if matcher is None else [matcher]
    assert matches({"Attribute": value}, keys) is found


@pytest.mark.parametrize("query", [
    "张三", "张^三", "张*", "*三", "张?", "zhangsan", "ZhangSan", "zhang^san", "ZHANG^SAN",
    "zhang*", "Zhang^S*", "zs", "=张^三", "ZHANG^SAN=张^三", "zhang san", "z?", "*",
])  # fmt: skip
def test_name_is_found(query):
    matcher = matcher_of("PatientName", "PN", [query])
    assert matches({"PatientName": ZHANG}, [] if matcher is None else [matcher])


@pytest.mark.parametrize("query", ["张", "zhang", "李*", "z", "三张", "=李^*", "zhang^w*", "san*"])
def test_name_is_not_found(query):
    assert not name_matches(ZHANG, query)


def test_surname_heteronym_accents_and_unsplit_names():
    assert name_matches("单^雄信", "shan*")
    assert name_matches("尉迟恭", "yuchigong")
    assert name_matches("Müller^Zoë", "muller^zoe")
    assert name_matches("张三", "zhang*")
    assert name_matches("买买提·吐尔逊", "买买提吐尔逊")
    assert name_matches("𠮷^田", "𠮷*")


def test_absent_value_satisfies_no_matcher():
    assert not matches({}, [Matcher("StudyDate", "equal", ("20261122",))])
    assert matches({}, [])


def test_several_values_match_if_one_does():
    assert matches(
        {"ModalitiesInStudy": ["CT", "PT"]}, [Matcher("ModalitiesInStudy", "equal", ("PT",))]
    )


@settings(deadline=None, derandomize=True)
@given(st.text(st.sampled_from("ab*?"), max_size=8), st.text(st.sampled_from("ab"), max_size=8))
def test_wildcards_agree_with_fnmatch(pattern, text):
    assert glob_matches(pattern, text) == fnmatchcase(text, pattern)


def test_hostile_pattern_ends():
    start = time.perf_counter()
    assert not glob_matches("*a" * 120 + "b", "a" * 10_000)
    assert time.perf_counter() - start < 10


@settings(deadline=None, derandomize=True)
@given(st.sampled_from(["PN", "LO", "DA", "TM", "DT", "UI", "CS", "IS"]),
       st.lists(st.text(max_size=20), max_size=3), st.text(max_size=20))  # fmt: skip
def test_any_key_and_any_value_end_in_an_answer(vr, keys, value):
    matcher = matcher_of("Attribute", vr, keys)
    if matcher is not None:
        assert matches({"Attribute": value}, [matcher]) in (True, False)
