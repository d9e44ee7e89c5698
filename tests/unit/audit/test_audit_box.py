"""The box's side offline: its own journals, and what its heads prove of the hub's."""

from __future__ import annotations

import json

import pytest
from sqlcipher3 import dbapi2
from typer.testing import CliRunner

from core.records.record import Draft
from provisioning.audit.cli import app
from provisioning.audit.source import open_source
from tests.api_site import ApiSite, chest
from tests.balp_cases import check_r4

RUN = CliRunner()


@pytest.fixture
def site(tmp_path):
    made = ApiSite(tmp_path / "box", roles=("physician",))
    made.send(chest(1), chest(2))
    made.client("physician").get(f"/api/studies/{made.study()}")
    made.box.keep_heads()
    yield made
    made.box.close()


def verify(*arguments):
    answer = RUN.invoke(app, ["verify", "--json", *map(str, arguments)])
    assert answer.exception is None or isinstance(answer.exception, SystemExit), answer.exception
    return json.loads(answer.stdout)


def test_a_whole_box_and_its_export(site, tmp_path):
    shown = verify(site.box.folder)
    assert (shown["side"], shown["findings"], shown["witnessed"]) == ("box", [], 2)
    path = tmp_path / "box.jsonl"
    assert RUN.invoke(app, ["export", str(site.box.folder), "--out", str(path)]).exit_code == 0
    assert verify("--export", path)["findings"] == []
    assert "ZHANG" not in path.read_text()


def test_a_record_that_was_edited_is_named(site):
    with site.box.database.transaction() as sql:
        sql.execute("UPDATE record_access SET sealed = zeroblob(40) WHERE seq = 1")
    found = verify(site.box.folder)["findings"]
    assert [(f["journal"], f["seq"], f["fault"]) for f in found] == [("access", 1, "changed")]


def test_who_saw_what_as_fhir(site, tmp_path):
    site.box.access.append(
        [Draft("audit.logged", {"action": "dimse move", "peer": "PACS", "studies": [site.study()],
                                "count": 2}, actor="peer:PACS")]
    )  # fmt: skip
    path = tmp_path / "events.ndjson"
    RUN.invoke(app, ["export", str(site.box.folder), "--fhir", "--out", str(path)])
    events = [json.loads(line) for line in path.read_text().splitlines()]
    for event in events:
        check_r4(event)
    text = path.read_text()
    assert "IHE.BasicAudit.PatientRead" in text
    assert "PrivacyDisclosure.Source" in text
    assert "P001" not in text
    assert "张" not in text
    patients = [e["what"]["identifier"]["value"] for event in events for e in event["entity"]
                if e["type"]["code"] == "1"]  # fmt: skip
    assert set(patients) == {site.box.vault.study("1.2.3").subject}


def test_it_opens_what_is_there(site):
    source = open_source(site.box.folder)
    assert {chain.journal for chain in source.chains()} == {"clinical", "access"}
    assert source.findings() == []
    source.close()
    assert dbapi2
