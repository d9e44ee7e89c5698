"""Saved measurements: whose they are, versions, two windows, the box's own numbers, erasure."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from core.records.kinds import KINDS, upcast
from edge.api.history import history_of
from edge.store.erase import erase_subject
from tests.api_site import SETTINGS, ApiSite, chest

_ROLES = ("physician", "radiologist", "radiographer")
GOLDEN = Path(__file__).parents[2] / "golden" / "records"
PEER = '[[peers]]\nname = "pacs"\nae_title = "PACS"\nhost = "127.0.0.1"\nport = 1\n'
GEOMETRY = {
    "PixelSpacing": [0.5, 0.8], "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
    "ImagePositionPatient": [0, 0, 0], "RescaleSlope": 1, "RescaleIntercept": -1024,
}  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    settings = SETTINGS + PEER + '[delivery]\ndestination = "pacs"\n'
    return ApiSite(tmp_path_factory.mktemp("measured") / "box", roles=_ROLES, settings=settings)


@pytest.fixture
def study(site):
    ((count,),) = site.box.database.query("SELECT count(*) FROM study")
    uid = f"1.2.{count + 1}"
    site.send(chest(study=uid, patient=uid, **GEOMETRY))
    return site.study(uid)


def length(name="a1", points=((2, 2), (5, 6)), frame=None, **more):
    return {"id": name, "frame": frame, "kind": "length", "points": points, **more}


class Desk:
    """One person at one study."""

    def __init__(self, site, study, role="physician"):
        self._client = site.client(role)
        self._path = f"/api/studies/{study}/measurements"
        ((sop,),) = site.box.database.query(
            "SELECT sop_instance FROM instance WHERE study = ?", (study,)
        )
        self.frame = f"{sop}/1"

    def read(self):
        return self._client.get(self._path).json()

    def put(self, version, *measures):
        said = [{**one, "frame": one.get("frame") or self.frame} for one in measures]
        return self._client.put(self._path, json={"version": version, "measures": said})

    def send(self, version):
        return self._client.post(f"{self._path}/send", json={"version": version})


def records(site, study, kind="measurements.drawn"):
    return [r.body for r in site.box.records_of(study) if r.kind == kind]


def test_numbers_are_the_boxs_own_and_the_version_grows(site, study):
    desk = Desk(site, study)
    assert desk.read()["mine"]["version"] == 0
    box = {"id": "b1", "kind": "rectangle", "points": [[1, 1], [4, 3]], "note": " 病灶 "}
    answer = desk.put(0, length(), box)
    assert answer.status_code == 200, answer.text
    mine = answer.json()["mine"]
    assert mine["version"] == 1
    assert mine["name"] == "physician 某"
    first, second = mine["measures"]
    assert first["numbers"] == {
        "length": {"value": round(math.hypot(3 * 0.8, 4 * 0.5), 4), "unit": "mm"}
    }
    assert second["note"] == "病灶"
    # Rows 1 to 3, columns 1 to 4 of 20: stored 20 * row + column + 1, minus 1024.
    assert second["numbers"]["mean"] == {"value": 20 * 2 + 2.5 + 1 - 1024, "unit": "HU"}
    assert second["numbers"]["area"] == {"value": pytest.approx(3 * 0.8 * 2 * 0.5), "unit": "mm2"}
    assert second["numbers"]["count"]["value"] == 12


def test_a_save_records_only_what_changed(site, study):
    desk = Desk(site, study)
    desk.put(0, length("a1"), length("a2", ((0, 0), (1, 1))))
    desk.put(1, length("a1"), length("a2", ((0, 0), (2, 2))), length("a3"))
    same = desk.put(2, length("a1"), length("a2", ((0, 0), (2, 2))), length("a3")).json()
    assert same["mine"]["version"] == 2, "the same list again is no new version"
    last = desk.put(2, length("a3"), length("a1", note="看这里")).json()["mine"]
    assert [one["id"] for one in last["measures"]] == ["a1", "a3"], "in the order of drawing"
    said = [([one["id"] for one in r["set"]], r["removed"]) for r in records(site, study)]
    assert said == [(["a1", "a2"], []), (["a2", "a3"], []), (["a1"], ["a2"])]
    assert [(r["parent"], r["version"]) for r in records(site, study)] == [(0, 1), (1, 2), (2, 3)]
    assert history_of(site.box, study)[-1]["text_zh"] == "测量已保存，第 3 版（physician 某）"


def test_another_window_is_told_and_both_stay(site, study):
    desk, window = Desk(site, study), Desk(site, study)
    assert desk.put(0, length("a1")).status_code == 200
    late = window.put(0, length("b1"))
    assert (late.status_code, late.json()["code"]) == (409, "E5451")
    assert [one["id"] for one in desk.read()["mine"]["measures"]] == ["a1"]
    assert window.put(1, length("a1"), length("b1")).json()["mine"]["version"] == 2


def test_everybody_has_a_list_of_their_own(site, study):
    mine, theirs = Desk(site, study), Desk(site, study, "radiologist")
    mine.put(0, length("a1"))
    theirs.put(0, length("a1", ((0, 0), (0, 4))))
    seen = theirs.read()
    assert seen["mine"]["measures"][0]["numbers"]["length"]["value"] == 2.0
    (other,) = seen["others"]
    assert (other["name"], other["version"], len(other["measures"])) == ("physician 某", 1, 1)
    only = Desk(site, study, "radiographer")
    assert len(only.read()["others"]) == 2
    assert only.read()["may"] is False
    assert only.put(0, length("c1")).status_code == 403


@pytest.mark.parametrize(
    ("drawing", "code"),
    [
        (length(frame="1.2.3.9/1"), "E5452"),
        (length(frame="FRAME/2"), "E5452"),
        (length(points=[[1, 2]]), "E5452"),
        (length(points=[[1, 2], [1e9, 0]]), "E5452"),
        ({**length(), "kind": "guess"}, "E5452"),
        (length("../x"), "E5452"),
    ],
)
def test_a_drawing_that_lies_nowhere_is_refused(site, study, drawing, code):
    desk = Desk(site, study)
    drawing = dict(drawing)
    if drawing["frame"] == "FRAME/2":
        drawing["frame"] = desk.frame.replace("/1", "/2")
    answer = desk.put(0, length("ok"), drawing)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert desk.read()["mine"]["version"] == 0


def test_too_many_are_refused(site, study):
    answer = Desk(site, study).put(0, *(length(f"a{n}") for n in range(301)))
    assert (answer.status_code, answer.json()["code"]) == (422, "E5453")


def test_sending_wants_something_new_and_the_version_on_the_screen(site, study):
    desk = Desk(site, study)
    assert desk.send(1).json()["code"] == "E5451"
    desk.put(0, length("a1"))
    assert desk.send(1).json()["mine"] | {"measures": []} == desk.read()["mine"] | {"measures": []}
    assert (desk.read()["mine"]["sent_version"], desk.read()["mine"]["state"]) == (1, "pending")
    assert desk.send(1).json()["code"] == "E5454"
    desk.put(1, length("a1", note="改"))
    assert desk.send(1).json()["code"] == "E5451"
    assert desk.send(2).status_code == 202
    assert [r["version"] for r in records(site, study, "measurements.sent")] == [1, 2]


def test_a_rebuild_gives_the_same_lists_and_erasure_none(site, study):
    desk = Desk(site, study)
    desk.put(0, length("a1"), length("a2"))
    desk.put(1, length("a2"))
    before = site.box.views.dump()
    site.box.views.rebuild(site.box.journal, site.box.vault)
    assert site.box.views.dump() == before
    ((subject,),) = site.box.database.query("SELECT subject FROM study WHERE study = ?", (study,))
    erase_subject(site.box, subject, "test")
    for table in ("measurement", "measurement_list", "measurement_object"):
        assert not site.box.database.query(f"SELECT 1 FROM {table} WHERE study = ?", (study,))


@pytest.mark.parametrize("name", ["drawn", "sent", "issued"])
def test_the_records_of_version_1_read_as_they_were_written(name):
    kind = KINDS[f"measurements.{name}"]
    golden = json.loads((GOLDEN / f"measurements.{name}-1.json").read_text(encoding="utf-8"))
    assert (kind.version, kind.scope, kind.journal) == (1, "study", "clinical")
    assert upcast(kind.name, 1, golden) == golden


def test_records_keep_the_fields_of_their_golden_samples(site, study):
    desk = Desk(site, study)
    desk.put(0, length("a1"))
    desk.send(1)
    for name in ("drawn", "sent"):
        golden = json.loads((GOLDEN / f"measurements.{name}-1.json").read_text(encoding="utf-8"))
        (body,) = records(site, study, f"measurements.{name}")
        assert set(body) == set(golden)
        for one, old in zip(body.get("set", []), golden.get("set", []), strict=True):
            assert set(one) == set(old)
