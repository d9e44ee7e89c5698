"""The shadow report's numbers, against counts made by hand."""

from __future__ import annotations

import pytest

from edge.models.agreement import Answer, Pair, agreement
from edge.models.report_text import report_lines


def pair(study, active, shadow, thresholds=(0.5, 0.5)):
    return Pair(
        study, Answer(active, thresholds[0], 0.1, "a"), Answer(shadow, thresholds[1], 0.3, "s")
    )


def test_kappa_is_cohens():
    # Cohen's own layout: 20 both, 5 only first, 10 only second, 15 neither: kappa 0.4.
    cells = [(0.9, 0.9)] * 20 + [(0.9, 0.1)] * 5 + [(0.1, 0.9)] * 10 + [(0.1, 0.1)] * 15
    table = agreement([pair(f"st_{n}", *scores) for n, scores in enumerate(cells)])
    assert table["n"] == 50
    assert table["kappa"] == pytest.approx(0.4)
    assert table["table"] == {
        "both_positive": 20, "only_active": 5, "only_shadow": 10, "both_negative": 15,
    }  # fmt: skip
    assert table["mean_abs_difference"] == pytest.approx(15 * 0.8 / 50)


def test_kappa_is_not_made_up_where_it_is_not_defined():
    assert agreement([pair("a", 0.1, 0.2), pair("b", 0.2, 0.1)])["kappa"] is None
    assert agreement([])["kappa"] is None
    assert agreement([])["mean_abs_difference"] is None


def test_flips_are_counted_per_threshold_and_each_at_its_own():
    pairs = [pair("st_a", 0.45, 0.55), pair("st_b", 0.45, 0.35), pair("st_c", 0.9, 0.95)]
    rows = {row["threshold"]: row for row in agreement(pairs)["flips"]}
    assert (rows[0.5]["to_positive"], rows[0.5]["to_negative"]) == (1, 0)
    assert rows[0.5]["examples"] == ["st_a"]
    assert (rows[0.4]["to_positive"], rows[0.4]["to_negative"]) == (0, 1)
    assert (rows[0.9]["to_positive"], rows[0.9]["to_negative"]) == (0, 0)
    own = agreement([pair("st_d", 0.4, 0.4, (0.334, 0.5))])
    assert own["own_thresholds"]["to_negative"] == 1
    assert all(row["to_negative"] == 0 for row in own["flips"])
    assert {0.334, 0.5} <= {row["threshold"] for row in own["flips"]}


def test_examples_are_the_widest_and_few():
    pairs = [pair(f"st_{n}", 0.4, 0.5 + n / 100) for n in range(20)]
    assert agreement(pairs)["own_thresholds"]["examples"] == [f"st_{n}" for n in range(19, 14, -1)]


def test_failures_are_counted_by_their_number_and_compared_with_nothing():
    lost = Pair("st_x", Answer(0.9, 0.5, 0.1), None, "E4013")
    table = agreement([lost, pair("st_y", 0.9, 0.8)])
    assert (table["n"], table["failures"]) == (1, {"E4013": 1})
    assert table["seconds"] == {"active": 0.1, "shadow": 0.3}


def test_the_text_says_it_in_two_languages_and_says_what_it_is_not():
    run = {"id": 3, "slot": "dr_tb", "name": "acme", "version": "1.0.0", "digest": "ab" * 32,
           "state": "ended"}  # fmt: skip
    for pairs in ([], [pair("st_a", 0.45, 0.55)]):
        text = "\n".join(report_lines(run, agreement(pairs)))
        assert "不说明谁对" in text
        assert "not which one is right" in text
    assert "st_a" in text
