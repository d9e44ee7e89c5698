"""The physician's report as coded content: what is offered, its words, its rules."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.imaging.result import QcResult, Reason, TbScore
from edge.report.case import CaseResult
from edge.report.physician.bound import Exam, offered, offered_severity
from edge.report.physician.classes import Basis, Classification, check_tier
from edge.report.physician.content import (
    Content,
    Statement,
    content_of,
    kept_to_offer,
    statement_json,
)
from edge.report.physician.errors import ContentWrong, PhraseWrong, TierNeedsBasis
from edge.report.physician.phrases import FIRST, filled, phrase_of
from edge.report.physician.prompts import Known, prompts
from edge.report.physician.reading import mentions, sizes_mm
from edge.report.physician.refresh import changes, renewed, stale
from edge.report.physician.words import said, text_of
from tests.physician_cases import BOOK, CAVITY, EXAM, TREE, ct_case, free, written

PRIOR = replace(EXAM, prior={"study": "st_old", "modality": "CT", "date": "20260501"})


def test_a_ct_reads_like_a_radiologists_report():
    text = text_of(Content(offered(ct_case(), EXAM)), BOOK, "zh")
    assert "【影像所见】\n右肺上叶见空洞影，大小约 23 mm × 18 mm，平均壁厚约 4.2 mm。" in text
    assert "左下肺野见树芽征，范围约 31 mm × 20 mm。" in text
    assert "1. 右肺上叶空洞、左下肺野树芽征，疑似肺结核，请结合临床及病原学检查。" in text
    assert "1. 建议结合症状及接触史，行痰涂片、分枝杆菌培养及核酸检测" in text
    assert "2026年11月20日胸部 CT 检查，阅片序列“肺窗 1.25”，280 幅，层厚 1.25 mm。" in text


def test_english_comes_from_the_same_content():
    text = text_of(Content(offered(ct_case(), EXAM)), BOOK, "en")
    assert (
        "Right upper lobe: cavity, about 23 mm × 18 mm, mean wall thickness about 4.2 mm." in text
    )
    assert (
        "Cavity in the right upper lobe; tree-in-bud in the left lower zone: tuberculosis" in text
    )


def test_every_offered_statement_names_its_sources_and_is_unconfirmed():
    for one in offered(ct_case(), EXAM):
        assert one.sources
        assert one.way == "bound"
        assert one.unconfirmed == (one.origin == "ai")
        assert one.origin == ("record" if one.section in ("technique", "comparison") else "ai")
    long_axis = next(o for o in offered(ct_case(), EXAM) if o.key.startswith("lesions:cavity"))
    assert "L3.long_axis_mm" in long_axis.sources


def test_the_ai_never_says_more_than_suspected():
    for case in (ct_case(), film(0.9), film(0.1), ct_case(())):
        for one in said(Content(offered(case, EXAM)), BOOK):
            if one.section == "impression" and "结核" in one.zh:
                assert any(word in one.zh for word in ("疑似", "待排", "不能据此", "未见")), one.zh
            assert "确诊" not in one.zh


def film(score: float) -> CaseResult:
    tb = TbScore(
        score, 0.5, score >= 0.5, "m", "1", "set", {"timika": 62.0, "affected_percent": 22}
    )
    return CaseResult("ok", tb=tb if score >= 0.5 else replace(tb, extra={}))


def test_a_radiographs_timika_score_says_how_it_was_got():
    (one,) = offered_severity(film(0.9))
    assert (one.scale, one.value, one.confirmed) == ("timika", "62", False)
    assert "非人工目测" in one.note_zh
    assert offered_severity(film(0.1)) == ()
    (extent,) = offered_severity(ct_case())
    assert extent.scale == "nta"


def test_a_refused_study_offers_its_reason_and_nothing_of_lesions():
    reason = Reason("CT_SLICE_GAP", "reject", "层面缺失，请补传。", "Slices are missing; resend.")
    case = CaseResult("refused", qc=QcResult("reject", (reason,)))
    made = {one.key for one in offered(case, EXAM)}
    assert made == {"technique", "comparison:none", "qc:CT_SLICE_GAP", "advice:repeat"}


def test_json_round_trip_and_hash():
    content = Content(offered(ct_case(), PRIOR), Classification(tier="suspected"))
    assert content_of(content.as_json()) == content
    assert content_of(content.as_json()).digest == content.digest
    assert replace(content, dismissed=("x",)).digest != content.digest


@pytest.mark.parametrize(
    "wrong",
    [
        {"statements": [{"key": "a", "section": "nowhere", "way": "free"}]},
        {"statements": [{"key": "", "section": "findings", "way": "free"}]},
        {"statements": [{"key": "a", "section": "findings", "way": "free", "text": "x" * 4001}]},
        {"statements": [{"key": "a", "section": "findings", "way": "free", "text": "\0"}]},
        {"statements": [{"key": "a", "section": "findings", "way": "free"}] * 2},
        {"statements": "no"},
        {"other": 1},
        {"classification": {"tier": "certain"}},
        {"severity": [{"scale": "timika", "value": "200"}]},
        {"severity": [{"scale": "crrs", "value": "maybe"}]},
        {"dismissed": [1]},
    ],
)  # fmt: skip
def test_wrong_content_is_refused_by_name(wrong):
    with pytest.raises(ContentWrong):
        content_of(wrong)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=8),
                    lambda x: st.lists(x, max_size=3) | st.dictionaries(
                        st.sampled_from(["statements", "key", "section", "way", "text", "basis"]),
                        x, max_size=4), max_leaves=12))  # fmt: skip
def test_hostile_content_is_content_or_refused(data):
    if isinstance(data, dict):
        try:
            content = content_of(data)
        except ContentWrong:
            return
        assert content_of(content.as_json()) == content


def test_a_page_cannot_change_what_a_bound_statement_says():
    offer = offered(ct_case(), EXAM)
    cavity = next(o for o in offer if o.key.startswith("lesions:cavity"))
    forged = replace(cavity, arguments={**cavity.arguments, "long_mm": 5.0}, confirmed=True)
    content = kept_to_offer(Content((forged,)), offer)
    assert stale(content, offer) == (cavity.key,)
    dressed = replace(cavity, origin="person", sources=(), confirmed=False)
    (held,) = kept_to_offer(Content((dressed,)), offer).statements
    assert held == cavity
    assert held.unconfirmed


def test_a_new_measurement_says_what_changed_and_asks_again():
    before = offered(ct_case(), EXAM)
    content = Content(tuple(replace(one, confirmed=True) for one in before))
    larger = replace(CAVITY, long_axis_mm=27.4)
    now = offered(ct_case((larger, TREE)), EXAM)
    (change,) = changes(content, now)
    assert (change.what, change.numbers) == ("changed", (("long_mm", 23.0, 27.4),))
    assert "23 mm × 18 mm" in change.before_zh
    assert "27 mm × 18 mm" in change.after_zh
    again = renewed(content, now)
    assert [one.key for one in again.unconfirmed] == [change.key]
    assert changes(again, now) == ()


def test_a_lesion_gone_takes_its_statement_and_a_new_one_is_offered():
    content = Content(offered(ct_case((CAVITY,)), EXAM))
    now = offered(ct_case((TREE,)), EXAM)
    found = {(c.what, c.key.split(":")[0]) for c in changes(content, now)}
    assert ("gone", "lesions") in found
    assert ("new", "lesions") in found
    assert changes(renewed(content, now), now) == ()


def test_what_a_person_took_out_or_reworded_stays_so():
    offer = offered(ct_case(), EXAM)
    cavity, *rest = [o for o in offer if o.section == "findings"]
    others = tuple(o for o in offer if o.key != cavity.key)
    content = Content(others, dismissed=(cavity.key,))
    assert changes(content, offer) == ()
    reworded = Content((*others, replace(free("f1", "右上叶厚壁空洞。"), replaces=cavity.key)))
    assert changes(reworded, offer) == ()
    assert rest


def test_free_words_stay_in_their_language_and_say_so():
    content = Content((free("a", "纵隔居中。"),))
    assert text_of(content, BOOK, "zh").endswith("纵隔居中。")
    assert text_of(content, BOOK, "en").endswith("[original text] 纵隔居中。")


def test_phrases_fill_in_both_languages_and_show_gaps():
    phrase = next(p for p in FIRST if p.abbreviation == "jj")
    words = filled(phrase, {"lobe": "右肺上叶", "size": "12", "margin": "毛刺"})
    assert words.zh == "右肺上叶见结节影，大小约 12 mm，边缘毛刺。"
    assert words.en == "Nodule in the right upper lobe, about 12 mm, spiculated margin."
    assert "____" in filled(phrase, {}).zh
    with pytest.raises(ContentWrong):
        filled(phrase, {"lobe": "肝"})
    with pytest.raises(ContentWrong):
        filled(phrase, {"size": "十二"})


def test_every_first_phrase_is_sound():
    for one in FIRST:
        assert phrase_of(one.as_json(), one.id, one.version) == one
    assert len({p.abbreviation for p in FIRST}) == len(FIRST)


@pytest.mark.parametrize(
    "change",
    [{"section": "x"}, {"zh": ""}, {"en": "no {field}"}, {"fields": [{"name": "9"}]},
     {"abbreviation": " "}, {"fields": [{"name": "a", "kind": "choice"}]}],
)  # fmt: skip
def test_an_unsound_phrase_is_refused(change):
    with pytest.raises(PhraseWrong):
        phrase_of({**FIRST[0].as_json(), **change}, "x", 1)


IMAGING = Basis("imaging", "measurement")


@pytest.mark.parametrize(
    ("tier", "basis", "state", "allowed"),
    [
        ("", (), "", True),
        ("suspected", (IMAGING,), "", True),
        ("suspected", (), "", False),
        ("clinical", (IMAGING,), "", False),
        ("clinical", (IMAGING, Basis("symptoms", "person:chen")), "active", True),
        ("clinical", (IMAGING, Basis("symptoms", "")), "", False),  # without a source it is nothing
        ("confirmed", (IMAGING, Basis("symptoms", "person:chen")), "", False),
        ("confirmed", (Basis("molecular_positive", "person:chen"),), "active", True),
        ("suspected", (IMAGING,), "active", False),
    ],
)
def test_imaging_alone_never_exceeds_suspected(tier, basis, state, allowed):
    found = Classification(state=state, tier=tier, basis=basis)
    if allowed:
        check_tier(found)
    else:
        with pytest.raises(TierNeedsBasis):
            check_tier(found)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("右肺上叶见空洞影，大小约 23 mm × 18 mm。", [23.0, 18.0]),
        ("大小约 2.3cm×1.8cm", [23.0, 18.0]),
        ("壁厚约 4 mm，层厚 1.25 mm", []),
        ("约 15 毫米", [15.0]),
    ],
)
def test_sizes_are_read_and_thickness_is_none(text, expected):
    assert sizes_mm(text) == expected


def test_mentions_know_side_and_denial():
    one, two = mentions("右肺上叶见空洞影，左侧胸腔未见积液。")
    assert (one.kind, one.sides, one.denied) == ("cavity", {"right"}, False)
    assert (two.kind, two.sides, two.denied) == ("pleural_effusion", {"left"}, True)


def names(content: Content, case=None, prior: str = "") -> set[str]:
    case = case or ct_case()
    known = Known(offered(case, PRIOR if prior else EXAM), case.lesions, prior, BOOK)
    return {one.name.split(":")[0] for one in prompts(content, known)}


def test_a_sound_report_has_no_prompt_but_hints():
    content = written(ct_case(), EXAM)
    assert names(content) == {"unread"}
    extra = tuple(
        free(f"f{n}", t) for n, t in enumerate(("纵隔居中。", "心影不大。", "骨质未见破坏。"))
    )
    assert names(replace(content, statements=content.statements + extra)) == set()


def test_cavity_and_tree_in_bud_without_sputum_are_asked_for():
    content = written(ct_case(), EXAM)
    without = tuple(o for o in content.statements if o.key != "advice:sputum")
    known = Known(offered(ct_case(), EXAM), ct_case().lesions, "", BOOK)
    found = prompts(replace(content, statements=without, dismissed=("advice:sputum",)), known)
    one = next(p for p in found if p.name == "sputum")
    assert one.level == "warn"
    assert one.insert is not None
    assert one.insert.template == "advice.sputum"
    assert "空洞与树芽征" in one.reason.zh


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("右肺上叶空洞，大小约 35 mm。", "size"),
        ("左肺上叶空洞，大小约 23 mm。", "side"),
        ("双肺未见空洞及结节。", "denied"),
        ("右肺上叶空洞，大小约 2.2 cm × 1.8 cm，壁厚 6 mm。", ""),
        ("右肺上叶空洞。", ""),
        ("右肺未见积液。", ""),
    ],
)
def test_words_against_the_table(text, what):
    content = written(ct_case(), EXAM)
    with_text = replace(content, statements=(*content.statements, free("f", text)))
    assert names(with_text) - {"unread"} == ({what} if what else set())


def test_findings_and_impression_on_different_sides():
    base = written(ct_case(), EXAM)
    wrong = free("i", "左肺上叶空洞，疑似肺结核。", "impression")
    assert "mismatch" in names(replace(base, statements=(*base.statements, wrong)))


def test_a_prior_that_nobody_compared_is_asked_for():
    content = written(ct_case(), EXAM)
    assert "comparison" in names(content, prior="2026-05-01 CT")
    compared = (*content.statements, free("c", "与 2026-05-01 CT 对照。", "comparison"))
    assert "comparison" not in names(replace(content, statements=compared), prior="2026-05-01 CT")


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("确诊肺结核。", "block"),
        ("右上肺结核。", "warn"),
        ("疑似肺结核。", ""),
        ("肺结核待排。", ""),
    ],
)
def test_words_beyond_suspected_are_caught(text, level):
    content = Content((free("i", text, "impression"),))
    known = Known((), None, "", BOOK)
    found = {p.level for p in prompts(content, known) if p.name.startswith("certainty")}
    assert found == ({level} if level else set())
    tier = Classification(tier="confirmed", basis=(Basis("pathology", "person:x"),))
    found = prompts(replace(content, classification=tier), known)
    assert not any(p.name.startswith("certainty") for p in found)


def test_unconfirmed_and_stale_block():
    offer = offered(ct_case(), EXAM)
    known = Known(offer, ct_case().lesions, "", BOOK)
    blocks = {p.name for p in prompts(Content(offer), known) if p.level == "block"}
    assert blocks == {"unconfirmed"}
    late = Known(offered(ct_case((TREE,)), EXAM), (TREE,), "", BOOK)
    blocks = {p.name for p in prompts(written(ct_case(), EXAM), late) if p.level == "block"}
    assert "stale" in blocks


def test_an_empty_report_is_said_to_be_empty():
    known = Known((), None, "", BOOK)
    assert [p.name for p in prompts(Content(), known)] == ["impression"]


def test_statement_json_has_every_field():
    row = statement_json(Statement("k", "findings", "free"))
    assert set(row) == set(Statement.__dataclass_fields__)


def test_no_prior_says_so_and_a_prior_is_the_ais_claim_until_confirmed():
    none = next(o for o in offered(None, Exam("CT")) if o.section == "comparison")
    assert (none.template, none.origin) == ("comparison.none", "record")
    prior = next(o for o in offered(None, PRIOR) if o.section == "comparison")
    assert prior.unconfirmed
    assert said(Content((prior,)), BOOK)[0].zh == "与 2026年5月1日胸部 CT 对照。"
