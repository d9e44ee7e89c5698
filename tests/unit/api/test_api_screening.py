"""The screening mode: a batch, decisions as records, undo, what stands, what the reader may see."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.records.kinds import KINDS, upcast
from edge.api.history import history_of
from edge.store.erase import erase_subject
from tests.api_site import SETTINGS, ApiSite, chest

_ROLES = ("physician", "radiologist", "radiographer")
GOLDEN = Path(__file__).parents[2] / "golden" / "records" / "screening.read-1.json"
TB = {"score": 0.9, "threshold": 0.4, "positive": True, "model": "m", "version": "1",
      "calibration_set": "c"}  # fmt: skip


@pytest.fixture
def site(tmp_path):
    site = ApiSite(tmp_path / "box", roles=_ROLES)
    for n in range(4):
        site.send(chest(study=f"1.4.{n}", patient=f"P{n}", Modality="DX"))
        complete(site, f"1.4.{n}")
    site.send(chest(study="1.4.9", patient="P9", Modality="CT"))
    complete(site, "1.4.9")
    site.send(chest(study="1.4.8", patient="P8", Modality="DX"))  # still arriving
    site.result("1.4.3", tb=TB)
    return site


def complete(site, study_uid):
    from core.records.record import Draft

    ref = site.box.vault.study(study_uid)
    body = {"input": "i", "basis": "quiet", "instances": 1}
    site.box.append([Draft("study.received", body, subject=ref.subject, key=ref.study)])


def begin(site, role="physician", **filters):
    answer = site.client(role).post("/api/screening", json={"filters": filters})
    assert answer.status_code == 201, answer.text
    return answer.json()


def whole(site, batch, role="physician"):
    return site.client(role).get(f"/api/screening/{batch}").json()


def read(site, batch, study, decision, supersedes="", role="physician", **more):
    body = {"study": study, "decision": decision, "supersedes": supersedes, **more}
    return site.client(role).post(f"/api/screening/{batch}/reads", json=body)


def records(site, study):
    return [r for r in site.box.records_of(study) if r.kind == "screening.read"]


def test_a_batch_holds_the_complete_radiographs_of_the_filter_in_its_order(site):
    batch = begin(site, sort="patient", q="zhang")
    assert batch["tally"] == {"normal": 0, "suspicious": 0, "repeat": 0, "left": 4, "total": 4}
    assert batch["query"] == "sort=patient", "no search for a person is kept"
    items = whole(site, batch["batch"])["items"]
    assert [one["study_uid"] for one in items] == [f"1.4.{n}" for n in range(4)]
    refused = site.client("physician").post(
        "/api/screening", json={"filters": {"institution": "nowhere"}}
    )
    assert (refused.status_code, refused.json()["code"]) == (422, "E6008")


def test_the_ai_is_hidden_until_the_reader_has_decided(site):
    batch = begin(site)["batch"]
    first = whole(site, batch)["items"][0]
    assert first["study_uid"] == "1.4.3"
    assert first["ai"] is None
    assert not {"tb_score", "tb_positive", "finding", "ai_state", "lesion_count"} & set(first)
    answer = read(site, batch, first["study"], "normal", result_version=1).json()
    assert answer["item"]["ai"]["tb_score"] == 0.9
    assert answer["item"]["ai"]["finding"] == "suspected"
    assert answer["tally"]["normal"] == 1
    # Another reader of the same study has not decided: nothing is shown to them.
    other = begin(site, "radiologist", screening="normal,")
    assert all(one["ai"] is None for one in whole(site, other["batch"], "radiologist")["items"])


def test_a_changed_mind_is_a_record_that_says_the_ai_had_been_seen(site):
    batch = begin(site)["batch"]
    study = whole(site, batch)["items"][0]["study"]
    first = read(site, batch, study, "normal", result_version=1).json()["item"]["read"]
    assert first["ai_shown"] is False
    second = read(site, batch, study, "suspicious", first["id"], result_version=1)
    assert second.json()["item"]["read"]["ai_shown"] is True
    bodies = [record.body for record in records(site, study)]
    assert [one["decision"] for one in bodies] == ["normal", "suspicious"]
    assert bodies[1]["supersedes"] == bodies[0]["id"]
    assert [one["result_version"] for one in bodies] == [1, 1]
    row = site.client("physician").get("/api/worklist", params={"screening": "suspicious"}).json()
    assert [one["study"] for one in row["rows"]] == [study]
    said = [entry["text_zh"] for entry in history_of(site.box, study)]
    assert said[-1] == "筛查判读：可疑（physician 某）"


def test_undo_takes_back_and_leaves_both_records(site):
    batch = begin(site)["batch"]
    study = whole(site, batch)["items"][1]["study"]
    first = read(site, batch, study, "repeat").json()["item"]["read"]
    undone = read(site, batch, study, "", first["id"]).json()
    assert undone["item"]["read"] is None
    assert undone["tally"]["left"] == 4
    assert [r.body["decision"] for r in records(site, study)] == ["repeat", ""]
    again = read(site, batch, study, "", "")
    assert again.status_code == 422
    assert read(site, batch, study, "normal").status_code == 201


def test_two_readers_are_told_and_nothing_is_recorded_twice(site):
    batch = begin(site)["batch"]
    other = begin(site, "radiologist")["batch"]
    study = whole(site, batch)["items"][0]["study"]
    assert read(site, other, study, "suspicious", role="radiologist").status_code == 201
    late = read(site, batch, study, "normal")
    assert (late.status_code, late.json()["code"]) == (409, "E6017")
    assert "radiologist 某" in late.json()["message_zh"]
    assert len(records(site, study)) == 1
    now = whole(site, batch)["items"][0]["read"]
    assert now["decision"] == "suspicious"
    assert read(site, batch, study, "normal", now["id"]).status_code == 201


def test_after_a_crash_the_batch_goes_on_and_a_closed_one_takes_nothing(site):
    batch = begin(site)["batch"]
    study = whole(site, batch)["items"][0]["study"]
    read(site, batch, study, "normal")
    client = site.client("physician")
    (found,) = client.get("/api/screening").json()["batches"]
    assert (found["batch"], found["tally"]["left"]) == (batch, 3)
    assert site.client("radiologist").get("/api/screening").json()["batches"] == []
    assert site.client("radiologist").get(f"/api/screening/{batch}").status_code == 404
    assert client.post(f"/api/screening/{batch}/close").json()["closed"]
    assert client.post(f"/api/screening/{batch}/close").json()["closed"]
    assert client.get("/api/screening").json()["batches"] == []
    refused = read(site, batch, study, "repeat")
    assert (refused.status_code, refused.json()["code"]) == (409, "E6012")
    begun = begin(site)
    assert begun["tally"]["total"] == 3, "what was decided is not read again"


def test_what_is_not_in_the_batch_or_may_not_be_seen_is_not_found(site):
    batch = begin(site)["batch"]
    assert read(site, batch, site.study("1.4.9"), "normal").status_code == 404
    hidden = site.study("1.4.2")
    site.restrict("1.4.2")
    assert read(site, batch, hidden, "normal").status_code == 404
    assert len(whole(site, batch)["items"]) == 3
    erase_subject(site.box, site.box.vault.study("1.4.1").subject, "test")
    assert len(whole(site, batch)["items"]) == 2
    assert whole(site, batch)["tally"]["total"] == 2
    assert read(site, batch, "st_0", "normal").status_code == 404
    wrong = read(site, batch, site.study("1.4.0"), "tuberculosis")
    assert wrong.status_code == 422


@pytest.mark.parametrize(("setting", "first", "second"), [("before", True, True),
                                                         ("never", False, False)])  # fmt: skip
def test_the_site_says_when_the_ai_is_shown(tmp_path, setting, first, second):
    settings = f'{SETTINGS}\n[screening]\nai = "{setting}"\n'
    site = ApiSite(tmp_path / "box", roles=_ROLES, settings=settings)
    site.send(chest(study="1.4.0", Modality="DX"))
    complete(site, "1.4.0")
    site.result("1.4.0", tb=TB)
    batch = begin(site)["batch"]
    (item,) = whole(site, batch)["items"]
    assert (item["ai"] is not None) is first
    answer = read(site, batch, item["study"], "normal").json()["item"]
    assert (answer["ai"] is not None) is second
    assert answer["read"]["ai_shown"] is first


def test_the_record_of_version_1_reads_as_it_was_written():
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    kind = KINDS["screening.read"]
    assert (kind.version, kind.scope, kind.journal) == (1, "study", "clinical")
    assert upcast("screening.read", 1, golden) == golden
    assert set(golden) == {
        "id", "by", "name", "at", "decision", "result_version", "ai_shown", "batch", "supersedes",
    }  # fmt: skip
