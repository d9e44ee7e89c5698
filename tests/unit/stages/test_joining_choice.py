"""Which studies are brought together: never two people's, the nearest first, the same each time."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.joining.choice import Exam, Rules, contradiction, is_nobody, pairs_of
from edge.joining.stages import names_differ

RULES = Rules()
DAY = date(2026, 3, 1)


def exam(study, modality="CT", days=0, **more):
    on = DAY + timedelta(days=days)
    settings = {
        "subject": "su_1", "patient_id": "P1", "sex": "M", "birth_date": "19700101", "on": on,
        "at": f"{on:%Y%m%d}080000", "modality": modality, "modalities": frozenset({modality}),
        "result": "r1",
    } | more  # fmt: skip
    return Exam(study, **settings)


def pairs(*exams, rules=RULES):
    return {(p.task, p.study, p.other, p.refusal) for p in pairs_of(exams, rules)}


def test_a_ct_is_compared_with_the_nearest_earlier_one_in_whatever_order_they_came():
    exams = [exam("a", days=-300), exam("b", days=-90), exam("c")]
    wanted = {("follow_up", "c", "b", ""), ("follow_up", "b", "a", "")}
    assert pairs(*exams) == pairs(*reversed(exams)) == wanted


def test_two_ct_of_one_day_need_their_times():
    early = exam("a", at="20260301070000")
    assert pairs(early, exam("b")) == {("follow_up", "b", "a", "")}
    assert pairs(replace(early, at="20260301"), exam("b")) == set()
    assert pairs(replace(early, on=None, at=""), exam("b")) == set()


def test_radiograph_and_ct_within_the_sites_limit_the_nearest_one():
    films = [exam("f1", "DX", -80), exam("f2", "CR", 20), exam("f3", "DX", 91)]
    assert pairs(exam("c"), *films) == {("joint", "c", "f2", "")}
    assert pairs(exam("c"), films[0]) == {("joint", "c", "f1", "")}
    assert pairs(exam("c"), films[2]) == set()
    assert pairs(exam("c"), films[2], rules=Rules(film_ct_days=91)) == {("joint", "c", "f3", "")}
    same = [exam("f4", "DX", -5), exam("f5", "DX", 5)]
    assert pairs(exam("c"), *same) == {("joint", "c", "f5", "")}
    assert pairs(exam("c"), exam("f6", "DX", status="refused")) == set()


def test_a_pet_goes_with_the_ct_of_its_frame_else_of_its_day():
    pet = exam("p", "PT", status="not_applicable", frames=frozenset({"1.9"}))
    here, framed = exam("c1"), exam("c2", days=-3, frames=frozenset({"1.9"}))
    assert ("fusion", "c2", "p", "") in pairs(pet, here, framed)
    assert {p.shared_frame for p in pairs_of([pet, framed], RULES)} == {True}
    assert pairs(pet, here) == {("fusion", "c1", "p", "")}
    assert {p.shared_frame for p in pairs_of([pet, here], RULES)} == {False}
    assert pairs(pet, exam("c3", days=1)) == set()
    both = replace(pet, modalities=frozenset({"PT", "CT"}))
    assert pairs(both, here) == set(), "fused with its own CT already"


def test_who_contradicts_is_refused_or_passed_over_and_counted():
    woman = exam("b", days=-30, sex="F")
    assert pairs(woman, exam("c")) == {("follow_up", "c", "b", "JOIN_SEX_DIFFERS")}
    (found,) = [p for p in pairs_of([exam("a", days=-90), woman, exam("c")], RULES)
                if p.study == "c"]  # fmt: skip
    assert (found.other, found.refusal, found.left_out) == ("a", "", 1)
    older = exam("b", days=-30, birth_date="19700102")
    assert pairs(older, exam("c")) == {("follow_up", "c", "b", "JOIN_BIRTH_DATE_DIFFERS")}
    assert contradiction(exam("a", sex="O"), exam("b", birth_date="")) == ""


@pytest.mark.parametrize(
    "identity",
    ["", "  ", "0", "0000", "----", "UNKNOWN", "Anonymous", "N/A", "未知", "无名氏", "xxx"],
)
def test_an_id_that_stands_for_nobody_joins_nothing(identity):
    assert is_nobody(identity)
    assert pairs(exam("a", days=-9, patient_id=identity), exam("b", patient_id=identity)) == set()


def test_an_ordinary_id_stands_for_somebody():
    assert not any(is_nobody(one) for one in ("P1", "10", "000123", "张1", "test7"))


def test_a_failed_ct_is_compared_with_only_where_there_is_no_other():
    failed = exam("b", days=-10, status="failed")
    assert pairs(failed, exam("c")) == {("follow_up", "c", "b", "")}
    assert ("follow_up", "c", "a", "") in pairs(exam("a", days=-50), failed, exam("c"))
    ankle = exam("b", days=-10, status="not_applicable")
    assert pairs(ankle, exam("c")) == set()
    assert pairs(exam("b", days=-10, result=""), exam("c")) == set(), "not at its end yet"


def test_what_follows_from_other_results_has_another_id():
    exams = [exam("a", days=-9), exam("b")]
    (first,) = pairs_of(exams, RULES)
    assert pairs_of(list(reversed(exams)), RULES) == (first,)
    for changed in ({"result": "r2"}, {"subject": "su_2"}, {"sex": "F"}):
        (other,) = pairs_of([replace(one, **changed) for one in exams][:1] + exams[1:], RULES) or [
            None
        ]
        assert other is None or other.id != first.id
    assert pairs_of(exams, Rules(automatic=False)) == ()


people = st.tuples(
    st.sampled_from(["su_1", "su_2"]), st.sampled_from(["P1", "P2", "", "0000"]),
    st.sampled_from(["", "H1"]), st.sampled_from(["M", "F", "O", ""]),
    st.sampled_from(["19700101", "19800101", "", "1970"]),
)  # fmt: skip
studies = st.lists(
    st.tuples(
        people, st.sampled_from(["CT", "DX", "PT", "MR"]), st.integers(-200, 200),
        st.sampled_from(["ok", "failed", "refused", "not_applicable"]),
        st.sampled_from(["1.1", "1.2"]),
    ),
    max_size=9,
)  # fmt: skip


@given(studies)
@settings(max_examples=200, deadline=None)
def test_never_two_different_persons(drawn):
    exams = {}
    for n, ((subject, identity, issuer, sex, born), modality, days, status, frame) in enumerate(
        drawn
    ):
        exams[f"s{n}"] = exam(
            f"s{n}", modality, days, subject=subject, patient_id=identity, issuer=issuer, sex=sex,
            birth_date=born, status=status, frames=frozenset({frame}),
        )  # fmt: skip
    found = pairs_of(exams.values(), RULES)
    assert len({(p.task, p.study, p.other) for p in found}) == len(found)
    assert len({p.id for p in found}) == len(found)
    assert len({p.study for p in found if p.task == "follow_up"}) == sum(
        p.task == "follow_up" for p in found
    )
    for pair in found:
        one, other = exams[pair.study], exams[pair.other]
        assert one.study != other.study
        assert (one.subject, one.issuer, one.patient_id) == (
            other.subject, other.issuer, other.patient_id,
        )  # fmt: skip
        assert not is_nobody(one.patient_id)
        assert pair.refusal == contradiction(one, other)
        assert one.modality == "CT"
        if pair.task == "follow_up":
            assert other.at < one.at
        if pair.task == "joint":
            assert abs(pair.days) <= RULES.film_ct_days


@pytest.mark.parametrize(
    ("one", "other", "differ"),
    [
        ("ZHANG^SAN=张^三", "张三", False), ("ZHANG^SAN", "张^三", False), ("张^三", "李^四", True),
        ("", "李^四", False), ("ZHANG^SAN", "LI^SI", True),
    ],
)  # fmt: skip
def test_names_are_a_hint_only(one, other, differ):
    assert names_differ(one, other) is differ
