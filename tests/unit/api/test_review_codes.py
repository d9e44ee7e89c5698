"""What the page can say in a review, and what the server takes: the same codes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from edge.review.reasons import FACTS, LESION_REASONS, PREDICTION_REASONS

WEB = Path(__file__).resolve().parents[3] / "web" / "src"


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_code_has_words_on_the_page_and_no_word_is_without_a_code(language):
    texts = json.loads((WEB / "i18n" / f"review.{language}.json").read_text(encoding="utf-8"))

    def codes(prefix: str) -> set[str]:
        return {key.removeprefix(prefix) for key in texts if key.startswith(prefix)}

    assert codes("review.reason.") == set(LESION_REASONS)
    assert codes("review.against.") == set(PREDICTION_REASONS)
    assert codes("facts.value.") == {value for one in FACTS.values() for value in one if value}
    assert set(FACTS) <= codes("facts.")


def test_the_form_of_facts_offers_what_the_server_takes():
    text = (WEB / "review" / "facts.ts").read_text(encoding="utf-8")
    offered = {
        code: tuple(re.findall(r"'(\w+)'", values))
        for code, values in re.findall(r"^  (\w+): \[(.*)\],$", text, re.MULTILINE)
    }
    assert offered == {code: tuple(v for v in one if v) for code, one in FACTS.items()}
