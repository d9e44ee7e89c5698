"""A backup is of one moment: heads signed after it do not go along."""

from __future__ import annotations

import json

from core.records.record import Draft
from edge.backup import snapshot as snap
from tests.chain_site import Site


def test_heads_signed_after_the_snapshot_stay_behind(tmp_path):
    box = Site(tmp_path / "box").box
    box.append([Draft("model.activated", {"name": "a", "version": "1"}, subject="m_a")])
    box.keep_heads()
    moment = snap.take(box)
    before, _ = snap.key_set(box, moment)
    assert [row[2] for row in json.loads(before)["vault"]["head"]] == [1]
    box.append([Draft("model.activated", {"name": "a", "version": "2"}, subject="m_a")])
    box.keep_heads()
    after, _ = snap.key_set(box, moment)
    assert json.loads(after)["vault"]["head"] == []
