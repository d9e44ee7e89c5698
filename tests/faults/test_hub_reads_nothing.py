"""The hub reads nothing: a consultation goes round, and then everything of the hub is searched.

Memory as a core dump would hold it, the database's files, sealed objects, half-sent ones, logs and
temporary files: none of the strings that identify the patient or tell the case, no pixel, no key.
In the same search what the hub does know must be found, so that the search can fail.
"""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from sqlalchemy import text

from edge.consult.book import grants_of, kept
from edge.consult.papers import keep_document
from edge.consult.post import Saying, send
from edge.consult.requests import Asker, request, save_draft
from hub.outside import real_outside
from hub.site import open_hub
from hub.store.database import open_database
from tests.hub_processes import Process
from tests.input_cases import image
from tests.leaks import Search, forms, stopped
from tests.region_site import PASSPHRASE, County, Founded

DOCTOR = Asker("physician", "端木医生甲乙", "physician")
PATIENT = {
    "name": "欧阳文彬", "pinyin": "OUYANG^WENBIN", "patient id": "ZYH-7731-00948",
    "accession": "ACC-55120-Q7", "birth date": "19580317",
    "study uid": "1.2.826.0.1.3680043.9.7731.20261122.5",
    "series uid": "1.2.826.0.1.3680043.9.7731.20261122.6",
    "instance uid": "1.2.826.0.1.3680043.9.7731.20261122.7",
    "description": "胸部平扫高分辨重建", "referring": "呼延主治医师", "ward": "呼吸三病区十七床",
}  # fmt: skip
TOLD = {
    "purpose": "右上肺厚壁空洞性质待定", "summary": "咳嗽三周伴午后低热盗汗",
    "consent": "同意书甲字第零四一七号",
    "document title": "痰涂片抗酸染色报告", "document": "%PDF-1.4 acid-fast bacilli two plus",
    "question": "请补充既往糖尿病病史", "answer": "空腹血糖九点六毫摩尔",
    "message": "家属今天下午可以到院沟通",
    "impression": "考虑继发性肺结核活动期", "advice": "建议痰分子检测并转诊定点医院",
    "opinion text": "左下叶卫星灶亦支持上述判断", "user": "端木医生甲乙",
}  # fmt: skip
_WINDOW = 48


def slices():
    """Return two small slices: smooth enough to be coded, noisy enough to be known again."""
    draw = np.random.default_rng(20261122)
    rows, columns = np.mgrid[:96, :96]
    for number in (1, 2):
        pixels = 1000 + rows * 7 + columns * 3 + draw.integers(0, 30, (96, 96)) + number
        yield image(
            pixels.astype(np.uint16), SpecificCharacterSet="ISO_IR 192",
            StudyInstanceUID=PATIENT["study uid"], SeriesInstanceUID=PATIENT["series uid"],
            SOPInstanceUID=f"{PATIENT['instance uid']}.{number}",
            PatientName=f"{PATIENT['pinyin']}={PATIENT['name'][:2]}^{PATIENT['name'][2:]}",
            PatientID=PATIENT["patient id"], PatientBirthDate=PATIENT["birth date"],
            PatientSex="M", StudyDate="20261122", AccessionNumber=PATIENT["accession"],
            StudyDescription=PATIENT["description"], SeriesDescription=PATIENT["description"],
            ReferringPhysicianName=PATIENT["referring"], PatientComments=PATIENT["ward"],
            SeriesNumber=1, InstanceNumber=number,
        )  # fmt: skip


class Round:
    """A consultation that goes round: asked, opened, asked back, answered, judged, returned."""

    def __init__(self, region, county):
        self.region, self.county = region, county
        self.expert, self.second = region.experts.values()
        self.frames: list[bytes] = []

    def run(self):
        county, expert, second = self.county, self.expert, self.second
        expert.make_key()
        second.make_key()
        county.trust({one.id: one.key.id for one in (expert, second)})
        self.consult = consult = self._ask()
        county.until(lambda: expert.get("/api/consults").json()["rows"], "the request")
        county.until(lambda: expert.keys(consult) and second.keys(consult), "the key")
        self._open()
        expert.say(consult, "accepted")
        expert.say(consult, "information.asked", {"text": TOLD["question"]})
        county.until(lambda: self._kinds()[-1:] == ["information.asked"], "the question")
        self._answer()
        self._say("removed", None, person=second.id)
        county.until(lambda: set(expert.keys(consult)) == {1, 2}, "the second epoch")
        self._say("message", {"text": TOLD["message"]})
        county.until(lambda: expert.events(consult)[-1]["kind"] == "message", "the message")
        assert expert.hear(consult, expert.events(consult)[-1])["text"] == TOLD["message"]
        self._judge()

    def _ask(self):
        county, study = self.county, self.county.api.study(PATIENT["study uid"])
        asked = {
            "kind": "consultation", "to_hospital": self.region.province,
            "to_department": "respiratory", "to_level": "chief", "urgency": "urgent",
            "deadline_at": "", "purpose": TOLD["purpose"], "summary": TOLD["summary"],
            "people": [{"person": one.id} for one in (self.expert, self.second)],
            "consent": {"reference": TOLD["consent"], "at": "2026-11-22"},
            "include": {"laboratory": True},
        }  # fmt: skip
        draft = save_draft(county.desk, study, asked, DOCTOR)
        paper = keep_document(county.desk, draft, TOLD["document title"],
                              TOLD["document"].encode(), DOCTOR.user)  # fmt: skip
        asked |= {"consult": draft, "include": {"laboratory": True, "documents": [paper]}}
        return request(county.desk, county.api.site.queue, study, asked, DOCTOR)

    def _open(self):
        """Open everything that was sent, as the expert's page does."""
        expert, consult = self.expert, self.consult
        index = expert.index(consult)
        assert index["patient"]["id"] == PATIENT["patient id"]
        assert index["purpose"] == TOLD["purpose"]
        wanted = {one["address"] for one in index["objects"]}

        def arrived():
            return wanted <= {one["address"] for one in expert.case(consult)["objects"]}

        self.county.until(arrived, "every object")
        opened = {one["kind"]: expert.open(consult, one) for one in index["objects"]}
        assert TOLD["document"].encode() in opened["document"]
        self.frames = [opened["frames"], *(bytes(one.PixelData) for one in slices())]

    def _answer(self):
        body = {"kind": "information.given", "text": TOLD["answer"], "documents": []}
        answer = self.county.api.client("physician").post(
            f"/api/consults/{self.consult}/events", json=body
        )
        assert answer.status_code == 202, answer.text
        self.county.until(lambda: self._kinds()[-1:] == ["information.given"], "the answer")

    def _say(self, kind, words, **facts):
        found = kept(self.county.box, self.consult)
        saying = Saying(kind, DOCTOR.user, "u_" + "0" * 16, words, facts)
        send(self.county.desk, found, saying)
        self.county.until(lambda: self._kinds()[-1:] == [kind], kind)

    def _judge(self):
        county, expert, consult = self.county, self.expert, self.consult
        case = kept(county.box, consult).state.case
        words = {"impression": TOLD["impression"], "findings": {}, "advice": TOLD["advice"],
                 "text": TOLD["opinion text"], "discipline": "respiratory", "dissent": False,
                 "basis": [], "case": case}  # fmt: skip
        self.signed = expert.say(consult, "opinion", words, discipline="respiratory")
        expert.say(consult, "completed")
        county.until(lambda: self._kinds()[-1:] == ["completed"], "the end")
        [opinion] = [e for e in county.events(consult) if e.kind == "opinion"]
        assert opinion.opened["impression"] == TOLD["impression"]
        assert opinion.digest == self.signed
        assert county.region()["alarms"] == []

    def _kinds(self):
        return [one.kind for one in self.county.events(self.consult)]

    def keys(self):
        """Return every secret key of the county and of the experts."""
        box = self.county.box
        study = self.county.api.study(PATIENT["study uid"])
        grants = grants_of(box, study, self.consult).keys
        assert set(grants) == {1, 2}
        found = {f"consultation key {epoch}": key for epoch, key in grants.items()}
        found |= {"study key": box.vault.key(study), "node key": box.vault.key("node"),
                  "box key": (box.folder / "keys" / "box.key").read_bytes(),
                  "box identity": box.identity.key.private_bytes_raw()}  # fmt: skip
        for one in (self.expert, self.second):
            for name in ("agree", "sign"):
                number = getattr(one.key, name).private_numbers().private_value
                found[f"{name} key of {one.id}"] = number.to_bytes(32, "big")
        return found

    def own_key(self):
        """Return the hub's own key, which it holds to work."""
        site = open_hub(self.region.folder, real_outside())
        key = site.identity.key.private_bytes_raw()
        site.close()
        return key

    def secrets(self):
        """Return what nobody at the hub may read."""
        pixels = {
            f"frame {n} at {at}": data[at : at + _WINDOW]
            for n, data in enumerate(self.frames)
            for at in range(0, len(data) - _WINDOW, 997)
        }
        return {**PATIENT, **TOLD, "passphrase": PASSPHRASE, **self.keys(), **pixels}


@pytest.fixture
def flow(hub_url, tmp_path):
    region = Founded(tmp_path, hub_url)
    temp = tmp_path / "temp"
    temp.mkdir()
    log = tmp_path / "hub.log"
    hub = Process(region.folder, {"TMPDIR": str(temp), "PYTHONDEVMODE": ""}, log)
    county = None
    try:
        address = f"127.0.0.1:{hub.ports['enrol']}"
        county = County(tmp_path / "box", address, region.code, list(slices()))
        county.connect_to(hub.ports["sync"])
        county.up()
        for one in region.experts.values():
            one.connect(hub.url)
        made = Round(region, county)
        made.hub, made.temp, made.log, made.url = hub, temp, log, hub_url
        yield made
    finally:
        for one in region.experts.values():
            if one.client is not None:
                one.close()
        if county is not None:
            county.close()
        hub.process.kill()
        hub.process.communicate()


def places(flow, request):
    """Return where the hub keeps anything, by name, as it lies on the disk now."""
    root = flow.region.folder
    if flow.url.startswith("sqlite"):
        database = list(root.parent.glob("hub.db*"))
    else:
        _checkpoint(flow.url)
        database = [request.getfixturevalue("postgres").folder]
    return {"database": database, "hub": [root], "temp": [flow.temp], "log": [flow.log]}


def _checkpoint(url):
    database = open_database(url)
    with database.engine.connect() as sql:
        sql.execution_options(isolation_level="AUTOCOMMIT").execute(text("CHECKPOINT"))
    database.close()


def in_places(search, found):
    """Return what stands where."""
    return {
        name: set().union(
            *(search.in_file(one) if one.is_file() else search.in_folder(one) for one in paths)
        )
        for name, paths in found.items()
    }


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read through /proc")
def test_nothing_of_a_patient_can_be_read_at_the_hub(flow, request):
    flow.run()
    secrets = flow.secrets()
    assert len(PATIENT) + len(TOLD) >= 20
    search = Search(secrets)
    consult, expert = flow.consult, flow.expert
    known = Search({"consult": consult, "expert": expert.id, "own key": flow.own_key()})
    with stopped(flow.hub.process.pid):
        leaked, size = search.in_memory(flow.hub.process.pid)
        seen, _ = known.in_memory(flow.hub.process.pid)
        found = places(flow, request)
        assert in_places(search, found) == {name: set() for name in found}
        clear = in_places(known, found)
    assert size > 30_000_000
    assert leaked == set()
    code, out, _ = flow.hub.end()
    assert code == 0
    found = places(flow, request)
    assert in_places(search, found) == {name: set() for name in found}
    assert search.look(out) == set()
    # What the hub does hold is found by the same search.
    assert {name.partition(" (")[0] for name in seen} == {"consult", "expert", "own key"}
    assert "consult (utf-8)" in clear["database"]
    assert flow.log.stat().st_size > 0
    sealed = [path for path in (flow.region.folder / "objects").rglob("*") if path.is_file()]
    own = Search({"sealed": sealed[0].read_bytes()[100:160]})
    assert in_places(own, found)["hub"]


def test_the_search_finds_every_form_in_memory_and_files(tmp_path):
    """The search itself: what a process holds in any form is found, whatever it did before."""
    secrets = {"name": "欧阳文彬", "key": os.urandom(32), "id": "ZYH-7731-00948"}
    search = Search(secrets)
    program = (
        "import sys; held = sys.stdin.buffer.read(int(sys.argv[1]));"
        "print('held', flush=True); sys.stdin.buffer.read()"
    )
    for name, secret in secrets.items():
        for form, said in forms(secret).items():
            expected = f"{name} ({said})"
            assert expected in search.look(b"x" * 7 + form + b"y"), said
            (tmp_path / "file").write_bytes(b"ab" * 5000 + form)
            assert expected in search.in_file(tmp_path / "file")
    held = os.urandom(3_000_000) + secrets["key"][::-1] + os.urandom(100)
    with subprocess.Popen(
        [sys.executable, "-c", program, str(len(held))], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as child:  # fmt: skip
        child.stdin.write(held)
        child.stdin.flush()
        assert child.stdout.readline() == b"held\n"
        with stopped(child.pid):
            found, _ = search.in_memory(child.pid)
        child.stdin.close()
    assert found == {"key (reversed)"}
