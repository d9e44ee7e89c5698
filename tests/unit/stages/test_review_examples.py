"""Submitted corrections as training examples: provenance, pseudonyms, sealed outlines."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from core.records.record import Draft
from edge.audit import Wanted, entries_after
from edge.review.corrections_cli import app
from edge.review.examples import Names, examples, outlined_examples
from tests.review_site import ReviewSite, accepted, disc


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    made = ReviewSite(tmp_path_factory.mktemp("examples") / "box")
    ring = {made.frame(2): [disc(44, 40, 6), disc(44, 40, 3)]}
    added = {"id": 3, "decision": "added", "kind": "cavity", "location": "left_upper_zone",
             "outlines": ring, "note": "李四的病灶"}  # fmt: skip
    client = made.client("wang")
    first = client.post(f"{made.base}/review", json={"result": 1, "lesions": [accepted(), added]})
    assert first.status_code == 201, first.text
    lesions = [{"id": 1, "decision": "rejected", "reason": "vessel"}, accepted(3)]
    body = {"result": 1, "parent": first.json()["id"], "lesions": lesions}
    assert made.client("li").post(f"{made.base}/review", json=body).status_code == 201
    return made


def test_the_version_that_rules_with_its_provenance(site):
    rejected, kept = examples(site.box)
    assert (rejected["lesion"], rejected["decision"], rejected["reason"]) == (
        1, "rejected", "vessel",
    )  # fmt: skip
    assert (rejected["before"]["kind"], rejected["after"]) == ("solid_nodule", None)
    assert (kept["lesion"], kept["decision"], kept["after"]["kind"]) == (3, "accepted", "cavity")
    made_on = kept["made_on"]
    assert (made_on["model"], made_on["model_version"], made_on["result_version"]) == (
        "fake", "1", 1,
    )  # fmt: skip
    first = next(one for one in examples(site.box, ruling_only=False) if one["version"] == 1)
    assert made_on["review"] == first["review"]
    assert (first["rules"], first["replaced_by"]) == (False, kept["review"])
    assert len(list(examples(site.box, ruling_only=False))) == 4


def test_nothing_names_a_person_and_the_box_itself_can_find_the_study(site):
    rows = list(outlined_examples(site.box, ruling_only=False))
    text = json.dumps(rows, ensure_ascii=False)
    subject = site.row("subject")[0]
    for secret in (site.study, subject, "1.2.3", "张", "P1", "wang", "李四", "医生"):
        assert secret not in text, secret
    names = Names(site.box.vault)
    assert {row["study"] for row in rows} == {names.of("study", site.study)}
    assert {row["patient"] for row in rows} == {names.of("patient", subject)}
    assert rows[0]["by"] != rows[-1]["by"]


def test_outlines_are_opened_only_for_an_export(site):
    assert not any("outlines" in row for row in examples(site.box))
    kept = next(one for one in outlined_examples(site.box) if one["lesion"] == 3)
    assert kept["slices"] == 12
    assert kept["outlines"] == {"2": [disc(44, 40, 6), disc(44, 40, 3)]}


def test_a_restricted_patient_is_left_out(site):
    subject = site.row("subject")[0]
    restrict(site, subject, restricted=True)
    try:
        assert list(examples(site.box, ruling_only=False)) == []
    finally:
        restrict(site, subject, restricted=False)


def restrict(site, subject, *, restricted):
    site.box.vault.restrict(subject, restricted=restricted)
    body = {"restricted": restricted}
    site.box.append([Draft("subject.restricted", body, subject=subject, key=subject)])


def test_the_command_lists_exports_and_leaves_a_trace(site, tmp_path):
    folder = ["--folder", str(site.box.folder)]
    listed = CliRunner().invoke(app, ["list", *folder])
    assert listed.exit_code == 0, listed.output
    assert "vessel" in listed.output
    out = tmp_path / "corrections.jsonl"
    done = CliRunner().invoke(app, ["export", *folder, "--out", str(out)])
    assert done.exit_code == 0, done.output
    rows = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert [row["lesion"] for row in rows] == [1, 3]
    acts = [
        one for one in entries_after(site.box, Wanted("access", ""), 0) if "corrections" in str(one)
    ]
    assert [one["detail"] for one in acts] == [{"decisions": 2, "study_count": 1}]
