"""FROC and CPM against curves worked out by hand."""

import numpy as np
import pytest

from tests.bench.froc import RATES, FalseFind, Scan, Target, cpm, cpm_interval, sensitivities


def scan(hits, false, size=8.0):
    return Scan(
        "s",
        tuple(Target("solid_nodule", size, p) for p in hits),
        tuple(FalseFind("solid_nodule", p) for p in false),
    )


def test_nothing_false_gives_every_hit_at_every_rate():
    assert cpm([scan([0.9, 0.2], [])]) == 1.0


def test_a_miss_is_never_counted():
    assert cpm([scan([0.9, 0.0], [])]) == 0.5


def test_the_curve_of_two_scans():
    scans = [scan([0.9, 0.5], [0.7, 0.3]), scan([0.6], [0.55])]
    # Rates 1/8 and 1/4 allow no false candidate in two scans, 1/2 one, 1 two, the rest all three.
    expected = [1 / 3, 1 / 3, 2 / 3, 1.0, 1.0, 1.0, 1.0]
    assert sensitivities(scans) == pytest.approx(expected)
    assert len(RATES) == 7


def test_ties_fall_together():
    assert sensitivities([scan([0.5], [0.5])], [0.5]) == [0.0]


def test_sizes_leave_the_false_candidates():
    cut = scan([0.9], [0.8], size=4.0).sized(6.0)
    assert cut.targets == ()
    assert len(cut.false) == 1


def test_the_interval_holds_the_value_and_repeats():
    rng = np.random.default_rng(3)
    scans = [scan(rng.random(4), rng.random(3)) for _ in range(6)]
    low, high = cpm_interval(scans, rounds=50)
    assert low <= cpm(scans) <= high
    assert (low, high) == cpm_interval(scans, rounds=50)
