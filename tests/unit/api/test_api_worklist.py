"""The list, live changes, one study: filters, paging, hostile text, what a page is given."""

from __future__ import annotations

import asyncio
import io

import numpy as np
import pytest
from PIL import Image

from core.blobs.disk import put
from core.blobs.errors import BlobMissing
from edge.api.context import COOKIE
from tests.api_site import ApiSite, Wire, chest, events_of

_ROLES = ("physician", "radiologist", "data_officer")
PATIENTS = [
    # study, name, id, sex, date, modality, AE is CT1
    ("1.2.1", "ZHANG^SAN=张^三", "P001", "M", "20261101", "CT"),
    ("1.2.2", "SHAN^XIONGXIN=单^雄信", "P-002.7", "F", "20261102", "DX"),
    ("1.2.3", "OUYANG^XIU=欧阳^修", "H0003", "M", "20261103", "CR"),
    ("1.2.4", "Müller^Jürgen", "GAST%_1", "O", "20261104", "CT"),
    ("1.2.5", "ZHANG^SI=张^四", "P001B", "F", "20261105", "CT"),
]


@pytest.fixture(scope="module")
def listed(tmp_path_factory):
    site = ApiSite(tmp_path_factory.mktemp("list") / "box", roles=_ROLES)
    for study, name, patient, sex, date, modality in PATIENTS:
        site.send(
            chest(
                study=study, name=name, patient=patient, PatientSex=sex, StudyDate=date,
                Modality=modality, InstitutionName="县人民医院" if sex == "F" else "乡卫生院",
            )
        )  # fmt: skip
    qc = {"verdict": "reject", "reasons": [], "metrics": {}}
    site.result("1.2.1", qc={"verdict": "pass", "reasons": []}, lesions=[])
    site.result("1.2.2", status="refused", qc=qc)
    return site


@pytest.fixture
def site(tmp_path):
    return ApiSite(tmp_path / "box", roles=_ROLES)


def studies(site, role="physician", **filters):
    answer = site.client(role).get("/api/worklist", params=filters)
    assert answer.status_code == 200, answer.text
    rows = answer.json()["rows"]
    assert answer.json()["total"] == len(rows)
    return sorted(row["study_uid"][-1] for row in rows)


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({}, "12345"),
        ({"q": "张"}, "15"),
        ({"q": "张三"}, "1"),
        ({"q": "三"}, "1"),
        ({"q": "zhangs"}, "15"),
        ({"q": "Zhang San"}, "1"),
        ({"q": "sxx"}, "2"),
        ({"q": "shanxiong"}, "2"),
        ({"q": "danxiong"}, ""),
        ({"q": "ouyang"}, "3"),
        ({"q": "oyx"}, "3"),
        ({"q": "Müller"}, "4"),
        ({"q": "p001"}, "15"),
        ({"q": "P-002.7"}, "2"),
        ({"q": "acc1.2.3"}, "3"),
        ({"q": "%"}, ""),
        ({"q": "_"}, ""),
        ({"q": "' OR 1=1 --"}, ""),
        ({"q": " "}, "12345"),
        ({"modality": "CT"}, "145"),
        ({"modality": "MR"}, ""),
        ({"qc": "pass"}, "1"),
        ({"qc": "reject"}, "2"),
        ({"qc": "pending"}, "345"),
        ({"ai": "ok"}, "1"),
        ({"ai": "refused"}, "2"),
        ({"ai": "waiting"}, "345"),
        ({"ai": "running"}, ""),
        ({"sex": "F"}, "25"),
        ({"from": "20261103"}, "345"),
        ({"to": "2026-11-02"}, "12"),
        ({"from": "20261102", "to": "20261104"}, "234"),
        ({"source": "CT1"}, "12345"),
        ({"source": "县人民"}, "25"),
        ({"source": "%"}, ""),
        ({"modality": "CT", "sex": "F", "q": "zs"}, "5"),
        ({"completeness": "complete"}, ""),
    ],
    ids=str,
)
def test_filters(listed, filters, found):
    assert "".join(studies(listed, **filters)) == found


@pytest.mark.parametrize(
    "wrong",
    [
        {"from": "yesterday"}, {"to": "²²²²²²²²"}, {"after": "x"}, {"limit": "0"},
        {"limit": "201"}, {"limit": "9" * 5000}, {"from": "2026-1-1"},
    ],
    ids=str,
)  # fmt: skip
def test_wrong_filters_are_named(listed, wrong):
    answer = listed.client("physician").get("/api/worklist", params=wrong)
    assert answer.status_code == 422
    assert answer.json()["code"] == "E6008"


def test_paging_has_no_gap_and_no_repeat_while_studies_arrive(site):
    for n in range(1, 8):
        site.send(chest(study=f"1.5.{n}"))
    client, seen, after, extra = site.client("physician"), [], "", 100
    for _ in range(20):
        page = client.get("/api/worklist", params={"limit": 2, "after": after}).json()
        seen += [row["study_uid"] for row in page["rows"]]
        site.send(chest(study=f"1.5.{extra}"), chest(2, study="1.5.3"))
        extra += 1
        after = page["next"]
        if after is None:
            break
    assert seen == [f"1.5.{n}" for n in range(7, 0, -1)]


def test_a_row_is_what_the_page_was_promised(listed):
    (row,) = listed.client("physician").get("/api/worklist", params={"q": "张三"}).json()["rows"]
    assert set(row) == {
        "study", "study_uid", "patient_name", "patient_id", "sex", "birth_date", "study_date",
        "study_time", "modality", "description", "accession", "manufacturer", "model", "station",
        "institution", "source_ae", "series_count", "instance_count", "completeness", "qc", "ai",
        "tb_score", "tb_positive", "lesion_count", "delivery", "superseded", "overridden",
        "text_repaired", "identity_corrected", "received_at", "updated_at", "modalities",
        "department", "report", "finding", "screening", "result_version", "urgent", "repeat",
        "thumbnail",
    }  # fmt: skip
    assert (row["patient_name"], row["sex"], row["source_ae"]) == ("张三", "M", "CT1")
    assert (row["instance_count"], row["lesion_count"], row["superseded"]) == (1, 0, False)
    assert row["study"].startswith("st_")
    assert "P001" not in row["study"]


def test_hostile_text_cannot_disturb_the_list(site):
    site.send(
        chest(
            name="<script>alert(1)</script>\u202egnp.exe", patient="P\u0007\u202e1",
            InstitutionName="x\r\nSet-Cookie: a=b", StudyDescription="'); DROP TABLE study;--",
        )
    )  # fmt: skip
    answer = site.client("physician").get("/api/worklist")
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    (row,) = answer.json()["rows"]
    for value in row.values():
        assert not set(str(value)) & set("\u202e\u0007\r\n")
    assert "<script>" in row["patient_name"]  # the page escapes; text is not rewritten
    assert row["description"] == "'); DROP TABLE study;--"


def test_surgeons_list_is_empty_for_want_of_the_right(listed):
    listed.people.add("surgeon", "s", "surgeon", "a long password", must_change=False)
    assert listed.client("surgeon").get("/api/worklist").status_code == 403


def stream(site, role="physician", last=None):
    headers = [("Cookie", f"{COOKIE}={site.token(role)}")]
    if last is not None:
        headers.append(("Last-Event-ID", last))
    site.app.state.stopping = asyncio.Event()
    wire = Wire(site.app, "GET", "/api/worklist/events", headers)
    return wire, asyncio.create_task(site.app(wire.scope, wire.incoming.get, wire.send))


def test_a_change_reaches_the_page_and_a_reader_goes_on_where_it_was(site):
    async def talk():
        wire, task = stream(site)
        await wire.until("hello")
        site.send(chest())
        await wire.until("张三")
        (event,) = events_of(wire)
        assert event["row"]["study_uid"] == "1.2.3"
        assert event["study"] == event["row"]["study"]
        position = wire.text.split("id: ")[1].split("\n")[0]
        wire.leave()
        await asyncio.wait_for(task, 10)
        site.send(chest(study="1.9", name="LI^SI=李^四"))
        later, task = stream(site, last=position)
        await later.until("李四")
        assert "张三" not in later.text
        later.leave()
        await asyncio.wait_for(task, 10)

    asyncio.run(talk())


@pytest.mark.parametrize("end", ["log out", "role", "idle", "shutdown"])
def test_the_stream_ends_with_the_session(site, end):
    async def talk():
        wire, task = stream(site)
        await wire.until("hello")
        if end == "log out":
            site.people.log_out(site.tokens["physician"])
        elif end == "role":
            site.people.change("physician", {"role": "auditor"})
        elif end == "idle":
            site.clock.at += 31 * 60_000
        else:
            site.app.state.stopping.set()
        site.send(chest())
        await asyncio.wait_for(task, 10)
        assert "张三" not in wire.text

    asyncio.run(talk())


def test_a_strange_last_event_id_is_no_fault(site):
    async def talk():
        wire, task = stream(site, last="²" * 9 + "9" * 40)
        await wire.until("hello")
        wire.leave()
        await asyncio.wait_for(task, 10)

    asyncio.run(talk())


def test_study_page(listed):
    client = listed.client("physician")
    page = client.get(f"/api/studies/{listed.study('1.2.1')}").json()
    assert set(page) >= {
        "row", "series", "analysis", "results", "deliveries", "history", "text_repairs",
    }  # fmt: skip
    assert page["analysis"]["status"] == "ok"
    assert page["analysis"]["lesions"] == []
    (series,) = page["series"]
    assert (series["series_uid"], series["instances"], series["chosen"]) == ("1.2.1.1", 1, False)
    (version,) = page["results"]
    assert (version["version"], version["superseded"], version["override"]) == (1, False, None)
    assert [entry["kind"] for entry in page["history"]] == [
        "instances.received", "findings.proposed",
    ]  # fmt: skip
    for entry in page["history"]:
        assert entry["text_zh"]
        assert entry["text_en"]
        assert entry["at"].startswith("2023-11-14T")
    waiting = client.get(f"/api/studies/{listed.study('1.2.5')}").json()
    assert waiting["analysis"] is None
    assert client.get("/api/studies/st_0").json()["code"] == "E6006"


def test_looking_is_recorded_once_a_session(site):
    from core.journal.seal import open_record

    site.send(chest())
    study, client = site.study(), site.client("physician")
    for path in ("", "/manifest", "/outlines", "/heatmap", ""):
        client.get(f"/api/studies/{study}{path}")
    site.client("radiologist").get(f"/api/studies/{study}/heatmap")
    seen = [open_record(s, site.box.vault).body for s in site.box.access.read(0, 50)]
    assert [(b["user"], b["study"]) for b in seen] == [("physician", study), ("radiologist", study)]


def test_manifest_is_sorted_and_without_bulk(site):
    slices = [
        chest(n, ImagePositionPatient=[0, 0, 10.0 * z], ImageOrientationPatient=[1, 0, 0, 0, 1, 0])
        for n, z in ((1, 2), (2, 0), (3, 1))
    ]
    site.send(*slices)
    document = site.client("physician").get(f"/api/studies/{site.study()}/manifest").json()
    (series,) = document["series"]
    uids = [one["00080018"]["Value"][0] for one in series["instances"]]
    assert uids == ["1.2.3.1.2", "1.2.3.1.3", "1.2.3.1.1"]
    assert all("7FE00010" not in one for one in series["instances"])
    assert series["instances"][0]["00100010"]["Value"][0]["Ideographic"] == "张^三"
    assert series["instances"][0]["00083002"]["Value"] == ["1.2.840.10008.1.2.1"]


def test_manifest_is_kept_and_sent_packed(site):
    site.send(*(chest(n) for n in range(1, 41)))
    client, path = site.client("physician"), f"/api/studies/{site.study()}/manifest"
    plain = client.get(path, headers={"Accept-Encoding": "identity"})
    packed = client.get(path, headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.json() == plain.json()
    assert int(packed.headers["content-length"]) * 10 < int(plain.headers["content-length"])
    (kept,) = site.box.database.query("SELECT blob FROM manifest")
    assert client.get(path).json() == plain.json()
    # One from before manifests were packed is made anew, and its blob goes.
    study, key = site.study(), site.box.vault.key(site.study())
    old = put(site.box.blobs, plain.content, key, b"1" * 32)
    with site.box.database.transaction() as sql:
        sql.execute("UPDATE manifest SET blob = ? WHERE study = ?", (old, study))
    assert client.get(path).json() == plain.json()
    (again,) = site.box.database.query("SELECT blob FROM manifest")
    assert again[0] not in (old, kept[0])
    with pytest.raises(BlobMissing):
        site.box.blobs.open(old, key)


def test_override_is_recorded_with_person_and_reason(site):
    site.send(chest())
    site.result(status="refused", qc={"verdict": "reject", "reasons": []})
    study, client = site.study(), site.client("physician")
    path = f"/api/studies/{study}/override"
    for wrong in ({}, {"reason": "  "}, {"reason": "x" * 501}, {"reason": "\ud800"[:0]}):
        assert client.post(path, json=wrong).json()["code"] == "E6008"
    assert client.post(path, json={"reason": " 急诊 "}).status_code == 202
    record = [r for r in site.box.records_of(study) if r.kind == "processing.requested"][-1]
    assert record.header.actor == "person:physician"
    assert record.body["override"]["reason"] == "急诊"
    row = client.get("/api/worklist").json()["rows"][0]
    assert (row["overridden"], row["ai"]) == (True, "waiting")
    assert client.post("/api/studies/st_0/override", json={"reason": "x"}).status_code == 404


def test_heat_map_and_outlines(site):
    site.send(chest())
    client, study = site.client("physician"), site.study()
    for picture in ("heatmap", "outlines"):
        assert client.get(f"/api/studies/{study}/{picture}").status_code == 404
    heat = np.zeros((4, 6), np.float32)
    heat[1, 2], heat[0, 0] = 1.0, np.nan
    out = io.BytesIO()
    np.savez(out, heat_map=heat)
    key = site.box.vault.key(study)
    lines = {"1.2.3.1.1/1": [{"lesion": 1, "points": [[1.5, 2.0], [3, 4]]}]}
    import json

    blobs = {
        "heat_map": put(site.box.blobs, out.getvalue(), key, bytes(32)),
        "outlines": put(site.box.blobs, json.dumps(lines).encode(), key, bytes([1] * 32)),
    }
    site.result(
        blobs=blobs, series={"series_uid": "1.2.3.1"}, lesions=[{"id": 1, "kind": "cavity"}]
    )
    answer = client.get(f"/api/studies/{study}/heatmap")
    assert answer.headers["content-type"] == "image/png"
    alpha = np.asarray(Image.open(io.BytesIO(answer.content)))[..., 3]
    assert alpha.shape == (4, 6)
    assert alpha[1, 2] == alpha.max() > 0
    assert alpha[0, 0] == alpha[3, 3] == 0
    found = client.get(f"/api/studies/{study}/outlines").json()
    assert found["series_uid"] == "1.2.3.1"
    assert found["version"] == 1
    assert found["lines"]["1.2.3.1.1/1"] == [
        {"lesion": 1, "kind": "cavity", "points": [[1.5, 2.0], [3, 4]]}
    ]


def test_queue_and_system_pages(site):
    from edge.stages.queue import URGENT, JobSpec

    site.people.add("device_it", "i", "device_it", "a long password", must_change=False)
    site.site.queue.put([JobSpec("complete", "k", "st_1", URGENT)])
    site.clock.at += 5000
    it = site.client("device_it")
    (row,) = it.get("/api/queue").json()["rows"]
    assert (row["stage"], row["priority"], row["state"]) == ("complete", "urgent", "waiting")
    assert 4 < row["age_s"] < 7
    assert it.post(f"/api/queue/{row['id']}/resend").status_code in (202, 404)
    assert it.post(f"/api/queue/{10**30}/resend").json()["code"] == "E6008"
    system = it.get("/api/system").json()
    assert set(system) >= {"node", "version", "disk", "heads", "peers", "models", "backup"}
    assert system["disk"]["free"] > 0
    assert [peer["name"] for peer in system["peers"]] == ["ct1"]
