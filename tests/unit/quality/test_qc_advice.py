"""What to do: every coded reason has an advice in both languages, and none is for a code gone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from core.imaging import ct_origin, ct_qc_texts, dr_evidence, dr_novelty, dr_origin, pet_qc
from core.imaging.dr_sentences import codes
from core.imaging.qc_advice import _OF_CODES, ADVICE, UNREADABLE, advice_of, asked_automatically

IMAGING = Path(__file__).parents[3] / "core" / "imaging"
CODES = {
    *codes(), *dr_origin._TEXTS, *ct_qc_texts.TEXTS, *ct_origin._TEXTS, *pet_qc.TEXTS,
    dr_novelty.OUTSIDE, dr_novelty.NOT_TOLD, dr_evidence.OUTSIDE, "PT_CT_UNUSABLE",
}  # fmt: skip


def test_every_code_has_one_advice():
    assert set(ADVICE) == CODES
    named = [code for some in _OF_CODES.values() for code in some]
    assert len(named) == len(set(named))


def test_no_code_of_the_rules_is_unknown_here():
    written = set()
    for path in IMAGING.glob("*qc*.py"):
        written |= set(re.findall(r'"((?:DR|CT|PT)_[A-Z_]{3,})"', path.read_text(encoding="utf-8")))
    # Prefixes that a rule completes are no codes.
    assert {code for code in written if not any(one.startswith(f"{code}_") for one in ADVICE)} <= (
        set(ADVICE)
    )


def test_advice_is_said_in_both_languages_and_never_the_reason_again():
    for code, advice in [
        *ADVICE.items(),
        ("unreadable", UNREADABLE),
        ("E3050", advice_of("E3050")),
    ]:
        assert re.search(r"[\u4e00-\u9fff]", advice.text.zh), code
        assert advice.text.zh.endswith("。"), code
        assert re.fullmatch(r"[\x20-\x7e°]+\.", advice.text.en), code


@pytest.mark.parametrize(
    ("refused", "asked"),
    [
        ((), ""),
        (("DR_BLUR",), "repeat"),
        (("DR_CUT_BASES", "DR_CLIPPED_LOW"), "repeat"),
        (("DR_POLARITY",), "resend"),
        (("DR_EXPOSURE_HIGH",), ""),
        (("DR_BODY_PART",), ""),
        (("CT_MOTION",), ""),
        (("CT_THICKNESS_UNFIT",), ""),
        (("CT_SLICE_GAP", "CT_MOTION"), "resend"),
        (("FROM_A_LATER_VERSION",), ""),
    ],
)
def test_a_new_exposure_is_asked_for_only_where_nothing_else_mends_it(refused, asked):
    assert asked_automatically(refused) == asked


def test_no_ct_or_pet_is_exposed_again_without_a_physician():
    assert {c for c in ADVICE if ADVICE[c].action == "repeat" and not c.startswith("DR_")} == set()
