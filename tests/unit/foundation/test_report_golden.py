"""Every written form of a physician's report is still read: samples that are never edited."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.records.kinds import KINDS, upcast
from edge.report.physician.card import typed_of
from edge.report.physician.content import content_of
from edge.report.physician.words import text_of
from edge.reports.pictures import frozen
from tests.physician_cases import BOOK

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "records"


@pytest.mark.parametrize("kind", ["report.saved", "report.signed"])
@pytest.mark.parametrize("version", [1, 2])
def test_each_version_reads_as_the_newest_and_keeps_digest_and_words(kind, version):
    body = json.loads((GOLDEN / f"{kind}-{version}.json").read_text("utf-8"))
    assert KINDS[kind].version == 2
    seen = upcast(kind, version, body)["report"]
    content = content_of(seen["content"])
    assert content.digest == seen["digest"]
    assert text_of(content, BOOK, "zh") == seen["text_zh"]
    assert text_of(content, BOOK, "en") == seen["text_en"]
    assert [frame for frame, _ in frozen(seen)] == ["1.2.3/1"][: version - 1]
    assert ("signature" in seen) == (kind == "report.signed")


def test_an_addendum_and_a_card_of_the_first_release_are_read():
    body = json.loads((GOLDEN / "report.addended-1.json").read_text("utf-8"))["report"]
    assert content_of(body["content"]).digest == body["digest"]
    assert (body["to"], body["why"]) == ("rp_0123456789abcdef", "supplement")
    card = json.loads((GOLDEN / "notification.recorded-1.json").read_text("utf-8"))
    assert typed_of(card["fields"])["tb_class"] == "无病原学结果"
