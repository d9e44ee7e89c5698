"""In-house MDT without a hub, and the interface of the county's page and of township hospitals."""

from __future__ import annotations

import io
import json

import pytest
from pydicom import dcmread

from core.consult.chain import next_link
from core.seals.keybook import FixedKeys
from core.seals.statements import open_statement
from edge.consult.book import kept
from tests.api_site import ApiSite, chest
from tests.consult_site import EXPERT, REQUEST, Reader, ask, opinion
from tests.input_cases import encoded

XSS = '"><script>alert(1)</script>'


@pytest.fixture
def site(tmp_path):
    made = ApiSite(tmp_path / "box")
    made.send(chest(1), chest(2))
    return made


def convene(site, **more):
    asked = {
        "kind": "mdt", "house": True, "urgency": "routine", "purpose": f"术前讨论 {XSS}",
        "summary": "", "consent": {"reference": "院内-7"},
        "people": [
            {"user": "radiologist", "part": "chair", "discipline": "imaging"},
            {"user": "surgeon", "part": "member", "discipline": "thoracic_surgery"},
        ], **more,
    }  # fmt: skip
    return site.client("physician").post(f"/api/studies/{site.study()}/consult", json=asked)


def say(site, role, consult, kind, **more):
    return site.client(role).post(f"/api/consults/{consult}/events", json={"kind": kind, **more})


def test_an_in_house_meeting_needs_no_hub(site):
    consult = convene(site).json()["consult"]
    words = {"impression": "可手术", "advice": "VATS", "findings": {}, "dissent": False}
    assert say(site, "radiologist", consult, "accepted").status_code == 202
    first = say(site, "radiologist", consult, "opinion", words=words, discipline="imaging")
    assert first.status_code == 202, first.json()
    dissent = {**words, "impression": XSS, "dissent": True}
    said = say(site, "surgeon", consult, "opinion", words=dissent, discipline="thoracic_surgery")
    assert said.status_code == 202
    again = say(site, "surgeon", consult, "opinion", words=words, discipline="thoracic_surgery")
    assert (again.status_code, again.json()["code"]) == (409, "E7207")
    early = say(site, "surgeon", consult, "summary", text="我来总结")
    assert (early.status_code, early.json()["code"]) == (403, "E7205")
    one = say(site, "radiologist", consult, "summary", text="…", opinions=[first.json()["event"]])
    assert (one.status_code, one.json()["code"]) == (409, "E7210")
    assert say(site, "radiologist", consult, "summary", text="同意手术").status_code == 202
    assert say(site, "radiologist", consult, "completed").status_code == 202
    case = site.client("physician").get(f"/api/consults/{consult}").json()
    assert case["row"]["place"] == "completed"
    assert [o["signature"]["state"] for o in case["opinions"]] == ["session"] * 3
    assert case["opinions"][1]["opened"]["impression"] == XSS
    assert case["opinions"][1]["opened"]["dissent"] is True
    assert case["request"]["purpose"].endswith(XSS)
    assert case["may"] == ["message", "removed"]  # to whoever asked, after its end


def test_its_events_are_chained_and_signed_by_the_box(site):
    consult = convene(site).json()["consult"]
    say(site, "radiologist", consult, "accepted")
    keys = FixedKeys({site.box.identity.id: site.box.identity.key.public_key()})
    rows = site.box.database.query(
        "SELECT seq, statement, at, actor, link FROM consult_event WHERE consult = ? ORDER BY n",
        (consult,),
    )
    before = ""
    for seq, text, at, actor, link in rows:
        statement = open_statement(text.encode(), keys)
        assert statement.body["by"].startswith("u_")
        before = next_link(before, seq, statement.sha256, at, actor)
        assert before == link
    assert [r[3][:2] for r in rows][1] == "u_"


def test_who_does_not_sit_in_it_sees_and_says_nothing(site):
    asked = [{"user": "radiologist", "part": "chair"}]
    consult = convene(site, people=asked).json()["consult"]
    assert site.client("surgeon").get(f"/api/consults/{consult}").status_code == 404
    assert site.client("surgeon").get("/api/consults").json()["rows"] == []
    assert say(site, "surgeon", consult, "message", text="?").status_code == 404
    assert say(site, "physician", consult, "accepted").status_code == 403
    # Who asked may bring others in, by account.
    assert say(site, "physician", consult, "invited", person="surgeon",
               discipline="thoracic_surgery").status_code == 202  # fmt: skip
    assert len(site.client("surgeon").get("/api/consults").json()["rows"]) == 1
    assert say(site, "physician", consult, "removed", person="surgeon").status_code == 202
    assert site.client("surgeon").get(f"/api/consults/{consult}").status_code == 404


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"consent": {}}, "E7902"),
        ({"consent": {"reference": " "}}, "E7902"),
        ({"purpose": " "}, "E7903"),
        ({"urgency": "now"}, "E7903"),
        ({"deadline_at": "tomorrow"}, "E7903"),
        ({"deadline_at": "2026-13-01T00:00:00.000Z"}, "E7903"),
        ({"people": []}, "E7904"),
        ({"people": ["nobody"]}, "E7903"),
        ({"people": [{"user": "surgeon", "part": "member"}]}, "E7903"),
        ({"people": ["surgeon", "surgeon"]}, "E7903"),
        ({"include": {"priors": ["st_0"]}}, "E7903"),
        ({"extra": 1}, "E6008"),
        ({"house": False, "people": ["p_" + "1" * 16]}, "E7901"),
    ],
)
def test_what_a_request_must_say(site, more, code):
    answer = convene(site, **more)
    assert answer.json()["code"] == code
    assert answer.status_code in (409, 422)


def test_a_draft_saves_itself_and_ends_with_the_request(box):
    client, study = box.api.client("physician"), box.api.study()
    box.api.app.state.desks.use(box.desk)
    consult = "c_" + "3" * 32
    draft = {"study": study, "body": {"purpose": "写到一半"}}
    assert client.put(f"/api/consults/{consult}/draft", json=draft).status_code == 200
    other = box.api.client("radiologist").put(f"/api/consults/{consult}/draft", json=draft)
    assert other.status_code == 404
    assert client.put("/api/consults/c_short/draft", json=draft).status_code == 422
    [kept_draft] = client.get("/api/consults").json()["drafts"]
    assert kept_draft["body"] == {"purpose": "写到一半"}
    pdf = {"file": ("检验单.pdf", b"%PDF-1.4 x", "application/pdf")}
    document = client.post(f"/api/consults/{consult}/documents", files=pdf).json()["documents"][0]
    evil = {"file": ("x.html", b"<script>alert(1)</script>", "application/pdf")}
    assert client.post(f"/api/consults/{consult}/documents", files=evil).json()["code"] == "E7907"
    include = {**REQUEST["include"], "documents": [document]}
    asked = {**REQUEST, "consult": consult, "include": include}
    made = client.post(f"/api/studies/{study}/consult", json=asked)
    assert made.json() == {"consult": consult}
    assert client.get("/api/consults").json()["drafts"] == []
    assert client.put(f"/api/consults/{consult}/draft", json=draft).status_code == 409
    assert client.post(f"/api/studies/{study}/consult", json=asked).status_code == 409
    shown = client.get(f"/api/consults/{consult}/documents/{document}")
    assert shown.content == b"%PDF-1.4 x"
    assert shown.headers["content-security-policy"].startswith("sandbox")
    assert client.get(f"/api/consults/{consult}/documents/0").status_code == 404
    box.exchange()
    case = Reader(EXPERT, box.hub).case(consult)
    assert [o["kind"] for o in case["objects"]].count("document") == 1


def test_the_case_on_the_page(box, hub):
    consult = ask(box)
    box.api.app.state.desks.use(box.desk)
    client = box.api.client("radiologist")
    reader = Reader(EXPERT, hub)
    hub.accept(reader.say(consult, "accepted"))
    signed = reader.say(consult, "opinion", opinion(hub, consult), discipline="respiratory")
    hub.accept(signed)
    box.exchange()
    row = client.get("/api/consults?state=in-progress").json()["rows"][0]
    assert row["owner_name"] == "专家e"
    assert row["to_hospital_name"] == "市胸科医院"
    sent = client.post(f"/api/consults/{consult}/events", json={"kind": "message", "text": "谢谢"})
    assert sent.status_code == 202
    case = client.get(f"/api/consults/{consult}").json()
    assert [p["opened"] for p in case["pending"]] == [{"text": "谢谢"}]
    assert case["opinions"][0]["signature"] == {"state": "verified", "error": None}
    assert case["opinions"][0]["digest"] == hub.states[consult].signed[0].digest
    assert set(case["opinions"][0]["papers"]) == {"opinion_pdf", "opinion_sr"}
    assert "message" in case["may"]
    assert "opinion" not in case["may"]
    box.exchange()
    case = client.get(f"/api/consults/{consult}").json()
    assert case["pending"] == []
    [opened] = box.post.access.values()  # once a log-in, whoever it was by an opaque id
    assert b"radiologist" in opened  # the role
    assert "某".encode() not in opened
    assert case["events"][-1]["opened"] == {"text": "谢谢"}
    refused = client.post(f"/api/consults/{consult}/events", json={"kind": "accepted"})
    assert (refused.status_code, refused.json()["code"]) == (403, "E7205")
    roster = client.get("/api/region/roster").json()
    assert roster["departments"][0]["people"]
    assert roster["mdt"][0]["discipline"] == "respiratory"


def test_a_restricted_patient_s_consultation_is_hidden(box):
    consult = ask(box)
    box.api.app.state.desks.use(box.desk)
    client = box.api.client("physician")
    box.api.restrict()
    assert client.get("/api/consults").json()["rows"] == []
    assert client.get(f"/api/consults/{consult}").status_code == 404
    assert client.post(f"/api/consults/{consult}/events",
                       json={"kind": "message", "text": "x"}).status_code == 404  # fmt: skip


def test_an_opinion_is_a_document_for_the_pacs(box, hub):
    consult = ask(box)
    reader = Reader(EXPERT, hub)
    hub.accept(reader.say(consult, "accepted"))
    words = opinion(hub, consult, impression=f"{XSS} 龘 \x00\n第二行", unknown={"x": ["一", 2]})
    hub.accept(reader.say(consult, "opinion", words, discipline="respiratory"))
    box.exchange()
    study = box.api.study()
    rows = box.box.database.query("SELECT label, blob FROM consult_object ORDER BY label")
    files = {}
    for label, blob in rows:
        with box.box.blobs.open(blob, box.box.vault.key(study)) as sealed:
            files[label] = dcmread(io.BytesIO(sealed.read()))
    pdf, sr = files["opinion_pdf"], files["opinion_sr"]
    assert pdf.EncapsulatedDocument.startswith(b"%PDF-")
    assert (pdf.Modality, str(pdf.PatientID)) == ("DOC", "P001")
    assert pdf.StudyInstanceUID == sr.StudyInstanceUID == "1.2.3"
    texts = " ".join(str(item.get("TextValue", "")) for item in sr.ContentSequence)
    digest = kept(box.box, consult).state.signed[0].digest
    assert digest in texts
    assert "继发" not in texts
    assert "龘" in texts
    assert sr.VerificationFlag == "VERIFIED"


# -- a township hospital ---------------------------------------------------------------------------


def test_a_township_hospital_sends_and_sees_its_own_only(box, hub):
    box.api.app.state.desks.use(box.desk)
    client = box.api.client("township")
    one = encoded(chest(1, study="7.7", patient="T1"))
    answer = client.post("/api/township/upload", files={"file": ("a.dcm", one)})
    assert answer.json()["accepted"] == 1
    [mine] = client.get("/api/township/studies").json()["rows"]
    assert mine["patient_id"] == "T1"
    foreign = client.post(f"/api/township/studies/{box.api.study()}/consult", json=REQUEST)
    assert (foreign.status_code, foreign.json()["code"]) == (404, "E7913")
    prior = {**REQUEST, "include": {"priors": [box.api.study()]}}
    assert client.post(f"/api/township/studies/{mine['study']}/consult",
                       json=prior).status_code == 404  # fmt: skip
    made = client.post(f"/api/township/studies/{mine['study']}/consult", json=REQUEST)
    consult = made.json()["consult"]
    box.exchange()
    case = Reader(EXPERT, hub).case(consult)
    assert case["requester"]["hospital"] == "township 某"
    assert kept(box.box, consult).request["source"] == "township 某"
    [row] = client.get("/api/township/consults").json()["rows"]
    assert row["place"] == "requested"
    for path in ("/api/worklist", "/api/consults", f"/api/studies/{mine['study']}"):
        assert client.get(path).status_code == 403
    ask(box)
    assert len(client.get("/api/township/consults").json()["rows"]) == 1
    assert json.dumps(row)
