"""Every written form of a review is still read: samples that are never edited."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.records.kinds import KINDS, upcast
from core.views.review import counts_of

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "records"


@pytest.mark.parametrize("version", [1, 2])
def test_each_version_reads_as_the_newest(version):
    body = json.loads((GOLDEN / f"findings.assessed-{version}.json").read_text("utf-8"))
    seen = upcast("findings.assessed", version, body)
    assert KINDS["findings.assessed"].version == 2
    assert set(seen) >= {"lesions", "predictions", "blobs", "review", "input"}
    assert set(seen["review"]) >= {"result", "parent", "supersedes", "id", "decision"}
    assert seen["review"]["name"] == "王医生"
    assert counts_of(seen["lesions"])["rejected"] == version - 1
