"""The acceptance test passes on a good box, and each fault of a box fails its own line."""

from __future__ import annotations

import json
from datetime import datetime

import httpx
import pytest
from pydicom import dcmread

from core.phantom.accept import hits, judge_lesions, passed
from core.phantom.accept_run import Bench, Clock, Plan, accept
from core.phantom.accept_wire import DicomAddress, DicomModality, HttpPage, Login
from core.phantom.errors import BoxRefusedDicom, BoxRefusedPage
from core.phantom.identity import patient_identity
from core.phantom.studies import Order, make_study

SEED = 7
AT = datetime.fromisoformat("2026-03-02T09:00:00")
TB = {
    "score": 0.7, "threshold": 0.5, "positive": True, "model": "m", "version": "1",
    "calibration_set": "c",
}  # fmt: skip


class Box:
    """A box at its real interfaces: it takes objects, and answers the page's requests in JSON."""

    def __init__(self, **faults):
        self.faults = faults
        self.time = 0.0
        self.paths = []
        self.uid = ""
        self.modality = ""

    # -- as the DICOM node ----------------------------------------------------------------------
    def echo(self):
        if "echo" in self.faults:
            raise BoxRefusedDicom(fault="no connection")

    def send(self, paths):
        self.paths = list(paths)
        head = dcmread(paths[0], stop_before_pixels=True)
        self.uid, self.modality = str(head.StudyInstanceUID), str(head.Modality)
        self.sent_at = self.time
        return [self.faults.get("status", 0)] * len(paths)

    # -- as the page ----------------------------------------------------------------------------
    def __call__(self, request):
        path = request.url.path
        if path == "/api/login":
            body = json.loads(request.content)
            if body["password"] != "right":
                return httpx.Response(401, json={"code": "E6001"})
            return httpx.Response(200, json={}, headers={"set-cookie": "session=1"})
        assert "session=1" in request.headers["cookie"]
        if path == "/api/worklist":
            return httpx.Response(200, json={"rows": [self.row(), {"study_uid": "other"}]})
        if path.endswith("/manifest"):
            return httpx.Response(200, json={"series": [{"instances": [{}] * len(self.paths)}]})
        return httpx.Response(200, json=self.detail())

    def row(self):
        age = self.time - self.sent_at
        name = patient_identity(SEED).name.partition("=")[2].replace("^", "")
        row = {
            "study": "st_1", "study_uid": self.uid, "patient_name": name,
            "instance_count": len(self.paths),
            "completeness": "complete" if age > 3 else "receiving",
            "qc": "pass" if age > 4 else "pending", "ai": "ok" if age > 6 else "running",
            "delivery": "confirmed" if age > 9 else "pending",
        }  # fmt: skip
        return row | self.faults.get("row", {})

    def detail(self):
        analysis = {"status": "ok", "reason": None, "qc": {"verdict": "pass", "reasons": []}}
        analysis["tb" if self.modality == "DX" else "lesions"] = (
            TB if self.modality == "DX" else self.faults.get("lesions", self.truth)
        )
        label = {"label": "SR", "state": "confirmed"}
        return {"analysis": analysis | self.faults.get("analysis", {}), "deliveries": [label]}

    @property
    def truth(self):
        return json.loads((self.paths[0].parent / "truth.json").read_text())["lesions"]

    # -- and as the clock -----------------------------------------------------------------------
    def sleep(self, seconds):
        self.time += seconds


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Return a small radiograph, made once: it is the box that is tested here."""
    order = Order("dr", SEED, "tb", "small", AT)
    return make_study(order, tmp_path_factory.mktemp("phantom"))


def run(box, study, kinds=("dr",), password="right", **plan):
    made = Plan(kinds, SEED, "tb", "small", AT, timeout_s=60, **plan)
    page = HttpPage("http://box", Login("doctor", password), httpx.MockTransport(box))
    said = []
    bench = Bench(
        box, page, Clock(lambda: box.time, box.sleep), study[0][0], said.append,
        lambda _order, _folder: study,
    )  # fmt: skip
    steps = accept(made, bench)
    assert said == steps
    return {step.key: step for step in steps}, passed(steps)


def test_a_good_box_passes_with_the_seconds_of_each_stage(study):
    steps, good = run(Box(), study)
    assert good
    assert list(steps) == [
        "echo", "login", "sent", "received", "text", "quality", "analysis", "findings", "display",
        "delivery",
    ]  # fmt: skip
    assert [steps[k].seconds for k in ("received", "quality", "analysis", "delivery")] == [
        3.5, 4.5, 6.5, 9.5,
    ]  # fmt: skip
    assert steps["received"].line().startswith("✓ [DR] 接收完整")


@pytest.mark.parametrize(
    ("faults", "key"),
    [
        ({"echo": 1}, "echo"),
        ({"status": 0xA700}, "sent"),
        ({"row": {"instance_count": 0}}, "received"),
        ({"row": {"completeness": "receiving"}}, "received"),
        ({"row": {"patient_name": "ÕÅÈý"}}, "text"),
        ({"analysis": {"qc": {"verdict": "reject", "reasons": [{"code": "Q1"}]}}}, "quality"),
        ({"analysis": {"status": "failed", "reason": {"code": "E3001"}}}, "analysis"),
        ({"row": {"ai": "running"}}, "analysis"),
        ({"analysis": {"tb": {**TB, "threshold": None}}}, "findings"),
        ({"analysis": {"tb": {**TB, "score": 1.5}}}, "findings"),
        ({"row": {"delivery": "failed"}}, "delivery"),
        ({"row": {"delivery": "pending"}}, "delivery"),
    ],
)
def test_each_fault_fails_its_own_line(study, faults, key):
    steps, good = run(Box(**faults), study)
    assert not good
    assert next(k for k, step in steps.items() if step.ok is False) == key
    assert "✗" in steps[key].line()


def test_wrong_password_stops_before_anything_is_sent(study):
    box = Box()
    steps, good = run(box, study, password="wrong")
    assert (good, list(steps), box.paths) == (False, ["echo", "login"], [])
    assert "E6001" in steps["login"].detail_en


def test_no_destination_is_not_judged_unless_it_is_required(study):
    faults = {"row": {"delivery": "none"}}
    steps, good = run(Box(**faults), study)
    assert (good, steps["delivery"].ok) == (True, None)
    steps, good = run(Box(**faults), study, delivery_required=True)
    assert (good, steps["delivery"].ok) == (False, False)


def test_a_hit_is_near_or_inside_and_small_lesions_are_not_asked_for():
    truth = [
        {"kind": "cavity", "centroid_mm": (0.0, 0.0, 0.0), "long_axis_mm": 40.0},
        {"kind": "solid_nodule", "centroid_mm": (50.0, 0.0, 0.0), "long_axis_mm": 12.0},
        {"kind": "solid_nodule", "centroid_mm": (90.0, 0.0, 0.0), "long_axis_mm": 9.9},
    ]
    found = [{"centroid_mm": (0.0, 19.0, 0.0)}, {"centroid_mm": (50.0, 10.5, 0.0)}]
    assert [one.offset_mm for one in hits(truth, found)] == [19.0, None]
    step = judge_lesions(truth, {"lesions": found}, 0.8)
    assert step.ok is False
    assert "1/2" in step.detail_zh
    assert "solid_nodule 12 mm" in step.detail_zh
    assert judge_lesions(truth, {"lesions": found}, 0.5).ok
    assert judge_lesions([], {"lesions": None}, 0.8).ok


def test_nobody_there_is_a_typed_refusal():
    with pytest.raises(BoxRefusedDicom):
        DicomModality(DicomAddress("127.0.0.1", 1)).echo()
    with pytest.raises(BoxRefusedPage):
        HttpPage("http://127.0.0.1:1", Login("a", "b")).log_in()
    page = HttpPage(
        "http://x", Login("a", "b"), httpx.MockTransport(lambda _r: httpx.Response(502, text="<"))
    )
    with pytest.raises(BoxRefusedPage, match="HTTP 502"):
        page.get("/api/me")
