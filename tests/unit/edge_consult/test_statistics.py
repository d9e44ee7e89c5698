"""Nothing but listed, coarse fields can leave, whatever the source holds."""

from __future__ import annotations

import json
import re
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from core.seals.statements import parse
from edge.consult.statistics import FIELDS, Source, statistic
from tests.consult_site import Box
from tests.seal_site import A

RESULT = {
    "study": "1.2.840.99", "status": "ok", "qc": {"verdict": "warn", "reasons": [
        {"code": "CT_THICK", "message": "张三的层厚"}]},
    "tb": {"score": 0.93, "positive": True, "model": "dr-tb", "version": "1.0.2"},
    "lesions": [{"id": 1, "kind": "cavity", "location": "右上叶", "extra": {"name": "张三"}},
                {"id": 2, "kind": "张三"}],
    "method": {"model": "ct-rules", "version": "0.3"},
}  # fmt: skip
SOURCE = Source("CT", "M", "19600615", "20261122", RESULT, "accepted")

_SCALAR = re.compile(
    r"\d{4}-\d\d|\d{1,2}-\d{1,2}|80\+|0\.\d-(0\.\d|1\.0)|[A-Z]{1,2}|M|F|O|ok|failed|refused"
    r"|not_applicable|pass|warn|reject|accepted|rejected"
)


def test_each_field_is_coarse():
    assert statistic(SOURCE, FIELDS) == {
        "month": "2026-11", "modality": "CT", "sex": "M", "age_band": "60-69", "status": "ok",
        "qc_verdict": "warn", "qc_codes": ["CT_THICK"], "tb_positive": True,
        "tb_score_band": "0.9-1.0", "lesion_count": 2, "lesion_kinds": {"cavity": 1},
        "model": "ct-rules", "model_version": "0.3", "review": "accepted",
    }  # fmt: skip


def test_only_what_the_policy_lists():
    assert statistic(SOURCE, frozenset()) == {}
    assert statistic(SOURCE, frozenset({"sex", "patient_name", "study"})) == {"sex": "M"}


def test_the_old_are_one_band_and_a_birthday_is_not_told():
    assert statistic(replace(SOURCE, birth_date="19200101"), FIELDS)["age_band"] == "80+"
    day_before = statistic(replace(SOURCE, birth_date="19561123"), FIELDS)["age_band"]
    assert day_before == "60-69"
    assert "age_band" not in statistic(replace(SOURCE, birth_date="1960"), FIELDS)


TEXT = st.text(max_size=30) | st.sampled_from(["张三", "20261122", "CT\n", "M ", "19600615\n"])
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(["code", "kind", "verdict", "score", "positive", "model", "version"])
        | TEXT, inner, max_size=5),
    max_leaves=20,
)  # fmt: skip
RESULTS = st.dictionaries(
    st.sampled_from(["qc", "tb", "lesions", "method", "status"]) | TEXT, ANY, max_size=6
)


@settings(max_examples=500, deadline=None, derandomize=True)
@given(TEXT, TEXT, TEXT, TEXT, RESULTS, TEXT)
def test_nothing_else_can_leave(modality, sex, born, seen, result, review):
    made = statistic(Source(modality, sex, born, seen, result, review), FIELDS)
    assert set(made) <= FIELDS
    for name, value in made.items():
        if name in ("model", "model_version"):
            assert re.fullmatch(r"[A-Za-z0-9._+-]{1,40}", value)
        elif name == "qc_codes":
            assert all(re.fullmatch(r"[A-Z][A-Z0-9_.-]*", code) for code in value)
        elif name == "lesion_kinds":
            assert all(re.fullmatch(r"[a-z_]+", kind) for kind in value)
        elif isinstance(value, bool | int):
            assert 0 <= value < 1000
        else:
            assert _SCALAR.fullmatch(value), (name, value)
    json.dumps(made, allow_nan=False)


def test_pseudonyms_are_the_hospital_s_own(tmp_path, hub):
    from tests.api_site import chest
    from tests.seal_site import B

    bodies = []
    for hospital in (A, B):
        box = Box(tmp_path / hospital, hub, hospital)
        box.api.send(chest())
        fields = replace(box.box.settings.statistics, fields=("sex", "month"))
        object.__setattr__(
            box.box, "settings", replace(box.box.settings, statistics=fields)
        )  # fmt: skip
        box.api.result(**{k: v for k, v in RESULT.items() if k != "status"})
        box.run("statistics")
        [wire] = box.post.statistics.values()
        bodies.append(parse(wire).statement.body)
    first, second = bodies
    assert first["fields"] == second["fields"] == {"sex": "M", "month": "2026-11"}
    assert first["study"] != second["study"]
    assert first["patient"] != second["patient"]
    text = json.dumps(bodies)
    for secret in ("P001", "1.2.3", "ZHANG", "st_", "su_"):
        assert secret not in text


def test_without_a_policy_nothing_leaves(box):
    box.api.result(**{k: v for k, v in RESULT.items() if k != "status"})
    box.run("statistics")
    assert box.post.statistics == {}
