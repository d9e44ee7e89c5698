"""Every refusal of the product: numbered once, in its package's range, in both languages."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest

from core.errors import XinglinError
from provisioning import errors_doc
from provisioning.errors_doc import RANGES, document, facts_of, range_of, refusals


@pytest.fixture(scope="module")
def every() -> list[type[XinglinError]]:
    errors_doc.import_everything()
    return refusals()


def test_there_are_refusals_of_every_range(every: list[type[XinglinError]]) -> None:
    used = {range_of(one) for one in every}
    assert {r.package for r in RANGES} == {r.package for r in used if r is not None}


def test_a_number_stands_for_one_refusal(every: list[type[XinglinError]]) -> None:
    counts = Counter(one.code for one in every)
    assert not {code for code, count in counts.items() if count > 1}


def test_a_refusal_says_its_own_number_and_sentences(every: list[type[XinglinError]]) -> None:
    inherited = [
        f"{one.__module__}.{one.__name__}"
        for one in every
        if not {"code", "zh", "en"} <= set(vars(one))
    ]
    assert not inherited


def test_a_number_is_in_the_range_of_its_package(every: list[type[XinglinError]]) -> None:
    assert not [f"E{one.code} {one.__module__}" for one in every if range_of(one) is None]


def test_ranges_do_not_overlap() -> None:
    ordered = sorted(RANGES, key=lambda r: r.first)
    assert all(one.last < two.first for one, two in pairwise(ordered))


def test_both_sentences_name_the_same_facts(every: list[type[XinglinError]]) -> None:
    # A fact in each language's own words (what_zh, what_en) is one fact.
    differing = []
    for one in every:
        zh = {name.removesuffix("_zh") for name in facts_of(one.zh)}
        en = {name.removesuffix("_en") for name in facts_of(one.en)}
        if zh != en:
            differing.append((one.code, zh, en))
    assert not differing


def test_the_chinese_is_chinese_and_the_english_is_not(every: list[type[XinglinError]]) -> None:
    def has_han(text: str) -> bool:
        return any("\u4e00" <= character <= "\u9fff" for character in text)

    assert not [one.code for one in every if not has_han(one.zh) or has_han(one.en)]


def test_the_table_in_the_documents_is_up_to_date(every: list[type[XinglinError]]) -> None:
    found = errors_doc.DOCUMENT.read_text(encoding="utf-8")
    assert found == document(every), "run: python -m provisioning.errors_doc"


def test_ranges_stand_in_the_docstring_of_errors() -> None:
    import core.errors

    text = core.errors.__doc__ or ""
    assert not [r.package for r in RANGES if f"{r.first}-{r.last}" not in text]
