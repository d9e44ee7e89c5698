"""Who saw what, when; failed log-ins; hiding a patient and showing again, by whom and why."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from core.journal.chain import Fault
from core.journal.store import faults
from edge.journal_cli import app
from tests.api_site import PASSWORD, ApiSite, chest


@pytest.fixture
def site(tmp_path):
    made = ApiSite(tmp_path / "box", roles=("physician", "data_officer", "auditor"))
    made.send(chest())
    return made


def audit(site, **query):
    answer = site.client("auditor").get("/api/audit", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_look_at_a_study_is_told_with_person_and_time(site):
    study = site.study()
    site.client("physician").get(f"/api/studies/{study}")
    (row,) = audit(site, study=study)["rows"]
    assert (row["user"], row["kind"], row["studies"]) == ("physician", "study.viewed", [study])
    assert row["at"].startswith("2023-11-14T")


def test_pages_go_back_in_time_without_gap(site):
    for n in range(7):
        site.site.note(None, f"act {n}", {})
    first = audit(site, limit=3)
    second = audit(site, limit=3, before=first["next"])
    third = audit(site, limit=3, before=second["next"])
    told = [row["action"] for page in (first, second, third) for row in page["rows"]]
    assert told == [f"act {n}" for n in reversed(range(7))]
    assert third["next"] is None
    assert audit(site)["rows"][0]["action"] == "journal read"


def test_the_clinical_journal_shows_no_identity(site):
    text = json.dumps(audit(site, journal="clinical"), ensure_ascii=False)
    assert "instances.received" in text
    for secret in ("ZHANG", "张", "P001", "ACC1.2.3", "1.2.3.1"):
        assert secret not in text


def test_failed_log_ins_are_recorded_and_only_names_of_accounts(site):
    client = site.client()
    for user in ("physician", "my secret password"):
        wrong = {"user": user, "password": "not the password"}
        assert client.post("/api/login", json=wrong).status_code == 401
    page = audit(site)
    assert [(row["action"], row["user"]) for row in page["rows"]] == [
        ("login failed", "unknown"),
        ("login failed", "physician"),
    ]
    assert "secret" not in json.dumps(page)
    assert PASSWORD not in json.dumps(page)


def test_hiding_and_showing_again_is_recorded_in_both_journals(site):
    study = site.study()
    officer, physician = site.client("data_officer"), site.client("physician")
    body = {"restricted": True, "reason": "患者要求"}
    assert officer.post(f"/api/studies/{study}/restrict", json=body).json() == {"restricted": True}
    assert physician.get(f"/api/studies/{study}").status_code == 404
    body = {"restricted": False, "reason": "撤回"}
    assert officer.post(f"/api/studies/{study}/restrict", json=body).status_code == 200
    assert physician.get(f"/api/studies/{study}").status_code == 200
    subject = site.box.vault.study("1.2.3").subject
    records = [r for r in site.box.records_of(subject) if r.kind == "subject.restricted"]
    assert [r.body for r in records] == [
        {"restricted": True, "reason": "患者要求"},
        {"restricted": False, "reason": "撤回"},
    ]
    assert {r.header.actor for r in records} == {"person:data_officer"}
    told = [r for r in audit(site, study=study)["rows"] if r["action"] == "subject restricted"]
    assert [r["detail"]["restricted"] for r in told] == [False, True]
    assert not [one for one in faults(site.box.journal) if isinstance(one, Fault)]


@pytest.mark.parametrize(
    "body", [{"restricted": True, "reason": " "}, {"restricted": "yes", "reason": "x"}, {}]
)
def test_hiding_needs_a_reason(site, body):
    answer = site.client("data_officer").post(f"/api/studies/{site.study()}/restrict", json=body)
    assert answer.status_code == 422


def test_the_command_shows_the_same(site):
    study = site.study()
    site.client("physician").get(f"/api/studies/{study}")
    site.client("auditor").get("/api/audit")

    def show(*more):
        ran = CliRunner().invoke(app, ["show", "--folder", str(site.box.folder), *more])
        return ran.exit_code, ran.stdout

    code, text = show("--study", "1.2.3", "--json")
    assert (code, [row["user"] for row in json.loads(text)]) == (0, ["physician"])
    assert [r["action"] for r in json.loads(show("--json", "--after", "1")[1])] == ["journal read"]
    assert len(json.loads(show("--json", "--limit", "1")[1])) == 1
    assert "physician" in show()[1]
    assert show("--journal", "clinical")[0] == 0
    assert show("--journal", "other")[0] == 2
    assert show("--study", "9.9.9")[0] == 2
