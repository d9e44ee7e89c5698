"""The chain from arrival to drafted report, on a real box with a fake method behind the port."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.chain_site import Site


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path / "box")


def test_a_study_goes_through_every_stage(site):
    site.send()
    site.settle(6)
    assert site.kinds() == [
        "study.received", "qc.assessed", "findings.proposed", "measurement.saved", "report.drafted",
    ]  # fmt: skip
    assert site.row("ai", "qc", "lesion_count", "completeness") == ("ok", "pass", 1, "complete")
    ((result, report),) = site.box.database.query("SELECT result, report FROM result")
    lesion = json.loads(result)["lesions"][0]
    assert lesion["long_axis_mm"] == pytest.approx(np.hypot(50, 60), abs=5)
    assert lesion["volume_ml"] == pytest.approx(4 * 10 * 12 * 25 * 5 * 5 / 1000)
    labels = [one["label"] for one in json.loads(report)["objects"]]
    assert labels[:2] == ["seg", "sr"]
    assert "疑似" in json.loads(report)["text_zh"] or "结节" in json.loads(report)["text_zh"]


def test_no_finding_failed_refused_and_not_applicable_differ(tmp_path):
    seen = {}
    for answer, part in (
        ("nothing", "CHEST"),
        ("crash", "CHEST"),
        ("refuse", "CHEST"),
        ("x", "ANKLE"),
    ):
        site = Site(tmp_path / f"{answer}{part}")
        site.method.answer = answer
        site.send(body_part=part)
        site.settle(6)
        for _ in range(3):
            site.settle(60)
        seen[answer] = site.row("ai", "lesion_count", "qc")
    assert seen["nothing"] == ("ok", 0, "pass")
    assert seen["crash"][:2] == ("failed", None)
    assert seen["refuse"] == ("refused", None, "reject")
    assert seen["x"][:2] == ("not_applicable", None)


def test_a_crash_is_tried_once_more_then_shown_dead(site):
    site.method.answer = "crash"
    site.send()
    site.settle(6)
    assert site.method.calls == 1
    site.settle(120)
    assert site.method.calls == 2
    dead = [job for job in site.queue.waiting() if job.state == "dead"]
    assert [(job.stage, job.error["code"]) for job in dead] == [("inference", "E5302")]
    assert site.row("ai") == ("failed",)


def test_a_physician_overrides_a_refusal_and_it_is_marked(site):
    site.method.answer = "refuse"
    site.send()
    site.settle(6)
    assert site.row("ai", "overridden") == ("refused", 0)
    from core.records.record import Draft
    from edge.stages.study_data import StudyData

    study, subject = site.row("study", "subject")
    wish = {"id": "w1", "by": "wang", "name": "王", "at": "t", "reason": "急诊"}
    body = {"input": StudyData(site.box, study).input, "override": wish, "priority": 0}
    site.box.append(
        [Draft("processing.requested", body, subject=subject, key=study, actor="person:wang")]
    )
    site.settle()
    assert site.row("ai", "overridden", "lesion_count") == ("ok", 1, 1)
    rows = site.box.database.query(
        "SELECT version, superseded, override FROM result ORDER BY version"
    )
    assert [(v, s) for v, s, _ in rows] == [(1, 1), (2, 0)]
    assert json.loads(rows[1][2])["reason"] == "急诊"


def test_a_late_slice_runs_the_chain_again_and_supersedes_visibly(site):
    site.send(range(11))
    site.settle(6)
    assert site.row("result_version", "superseded") == (1, 0)
    site.send([11])
    assert site.row("completeness", "superseded") == ("receiving", 1)
    site.settle(6)
    assert site.row("completeness", "superseded", "result_version") == ("complete", 0, 2)
    versions = site.box.database.query("SELECT version, superseded FROM result ORDER BY version")
    assert versions == [(1, 1), (2, 0)]


def test_a_gap_waits_for_the_device_timer(site):
    site.send(missing=(5,))
    site.settle(6)
    assert site.row("completeness") == ("receiving",)
    site.settle(60)
    assert site.row("completeness") == ("complete",)
    (record,) = [r for r in site.box.records_of(site.row("study")[0]) if r.kind == "study.received"]
    assert record.body["basis"] == "timer"


def test_an_unreleased_association_waits_for_the_timer(site):
    site.send()
    site.sink._studies.clear()
    with site.box.database.transaction() as sql:
        sql.execute("UPDATE arrival SET released = 0")
    site.settle(10)
    assert site.row("completeness") == ("receiving",)
    site.settle(60)
    assert site.row("completeness") == ("complete",)


def test_mpps_count_completes_at_once(site):
    from edge.intake.dimse.ports import ProcedureStep, SeriesDone
    from edge.store.archive import BoxSteps

    site.send(missing=(5,))
    uids = tuple(f"1.2.3.{n + 1}" for n in range(12) if n != 5)
    step = ProcedureStep(
        "1.9", "COMPLETED", False, "CT1", "CT", ("1.2.3",), (), "", "", "",
        (SeriesDone("1.2.3.900", uids, ""),),
    )  # fmt: skip
    BoxSteps(site.box, site.queue).save(step)
    site.settle(0.1)
    assert site.row("completeness") == ("complete",)


def test_repeated_planning_and_restart_are_harmless(site):
    site.send()
    site.settle(6)
    before = site.kinds()
    with site.box.database.transaction() as sql:
        sql.execute("DELETE FROM cursor")
    site.settle(6)
    assert site.kinds() == before


def test_views_rebuild_to_the_same_rows_after_the_whole_chain(site):
    site.send()
    site.settle(6)
    before = site.box.views.dump()
    site.box.views.rebuild(site.box.journal, site.box.vault)
    assert site.box.views.dump() == before


def test_erased_study_leaves_jobs_rows_and_blobs_behind_nowhere(site):
    from edge.store.erase import erase_subject

    site.send()
    site.settle(6)
    subject = site.row("subject")[0]
    assert erase_subject(site.box, subject, "court") >= 12
    assert site.box.database.query("SELECT count(*) FROM study") == [(0,)]
    assert list(site.box.blobs.addresses()) == []
    site.settle(100)
    assert site.queue.waiting() == []


def test_an_urgent_peers_study_goes_first(tmp_path):
    site = Site(tmp_path / "box")
    site.send(urgent=True)
    site.settle(6)
    (record,) = [r for r in site.box.records_of(site.row("study")[0]) if r.kind == "study.received"]
    assert record.body["priority"] == 0
    rows = site.box.database.query("SELECT DISTINCT priority FROM job WHERE stage = 'inference'")
    assert rows == [(0,)]


def test_an_earlier_drafts_objects_are_never_orphans(site):
    from core.records.record import Draft
    from edge.store.erase import prune_orphans

    site.send()
    site.settle(6)
    study, subject = site.row("study", "subject")
    (found,) = [r for r in site.box.records_of(study) if r.kind == "findings.proposed"]
    review = {
        "id": "r1", "by": "wang", "name": "王^医生", "at": "2026-11-22T08:00:00+00:00",
        "decision": "accepted", "reason": "",
    }  # fmt: skip
    body = {"input": found.body["input"], "override": None, "review": review, "priority": 0}
    site.box.append([Draft("findings.assessed", body, subject=subject, key=study)])
    site.settle(1)
    drafts = [r for r in site.box.records_of(study) if r.kind == "report.drafted"]
    assert len(drafts) == 2
    before = set(site.box.blobs.addresses())
    assert prune_orphans(site.box, before) == 0
    for draft in drafts:
        assert {one["blob"] for one in draft.body["objects"]} <= set(site.box.blobs.addresses())
