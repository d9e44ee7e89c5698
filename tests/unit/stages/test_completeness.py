"""When a study is complete: the rules one by one."""

from __future__ import annotations

import pytest

from edge.stages.completeness import Arrival, decide, has_gap


def arrival(**changes):
    plain = {
        "last_ms": 100_000, "now_ms": 100_000, "received": 10, "released": True, "expected": None,
        "pacs_counts": (), "has_gap": False,
    }  # fmt: skip
    return Arrival(**{**plain, **changes})


@pytest.mark.parametrize(
    ("changes", "basis"),
    [
        ({"expected": 10}, "mpps"),
        ({"expected": 11}, None),
        ({"expected": 11, "now_ms": 106_000}, None),  # quiet, but more is announced
        ({"expected": 11, "now_ms": 160_000}, "timer"),
        ({"pacs_counts": (10, 10)}, "pacs"),
        ({"pacs_counts": (10,)}, None),  # asked once only
        ({"pacs_counts": (9, 10)}, None),  # still growing
        ({"pacs_counts": (12, 12)}, None),  # the PACS has more than we
        ({"pacs_counts": (0, 0)}, None),  # the PACS does not know it
        ({"now_ms": 104_999}, None),
        ({"now_ms": 105_000}, "quiet"),
        ({"now_ms": 105_000, "released": False}, None),
        ({"now_ms": 105_000, "has_gap": True}, None),
        ({"now_ms": 160_000, "has_gap": True, "released": False}, "timer"),
    ],
)
def test_rules(changes, basis):
    assert decide(arrival(**changes), 5.0, 60.0).basis == basis


def test_waiting_never_sleeps_past_the_timer():
    decision = decide(arrival(now_ms=159_900, released=False), 5.0, 60.0)
    assert 159_900 < decision.again_ms <= 160_000


def test_gap_is_a_step_beyond_half_again_the_median():
    axial = [1, 0, 0, 0, 1, 0]
    even = [[0, 0, 5.0 * n] for n in range(8)]
    assert not has_gap(even, [axial] * 8)
    assert has_gap(even[:3] + even[4:], [axial] * 7)
    assert not has_gap(even[:2], [axial] * 2)
    scout = [[0, 0, 999.0]]
    assert not has_gap(even + scout, [axial] * 8 + [[0, 1, 0, 0, 0, -1]])
