"""Who sits in an open in-house meeting opens its study, and nothing else; the journal says why."""

from __future__ import annotations

import pytest

from core.journal.seal import open_record
from tests.api_site import ApiSite, chest

FRAME = "/dicomweb/studies/1.2.3/series/1.2.3.1/instances/1.2.3.1.1/frames/1"
ANY = {"Accept": 'multipart/related; type="application/octet-stream"; transfer-syntax=*'}


@pytest.fixture
def site(tmp_path):
    made = ApiSite(tmp_path / "box")
    made.send(chest(1), chest(2))
    made.send(chest(1, study="1.2.4", patient="P002"))
    return made


def convene(site, *people):
    asked = {
        "kind": "mdt", "house": True, "urgency": "routine", "purpose": "术前讨论",
        "consent": {"reference": "院内-7"}, "people": list(people),
    }  # fmt: skip
    answer = site.client("physician").post(f"/api/studies/{site.study()}/consult", json=asked)
    assert answer.status_code == 201, answer.json()
    return answer.json()["consult"]


def say(site, role, consult, kind, **more):
    return site.client(role).post(f"/api/consults/{consult}/events", json={"kind": kind, **more})


def paths(site):
    study = f"/api/studies/{site.study()}"
    return (study, f"{study}/manifest", FRAME, FRAME + "/rendered",
            "/dicomweb/studies/1.2.3/metadata")  # fmt: skip


def opened(site, user="surgeon"):
    return [
        {"study": one.body["study"], "consult": one.body.get("consult", "")}
        for one in (open_record(s, site.box.vault) for s in site.box.access.read(0, 1000))
        if one.kind == "study.viewed" and one.body["user"] == user
    ]


def statuses(site, role="surgeon"):
    client = site.client(role)
    return {client.get(path, headers=ANY).status_code for path in paths(site)}


def test_the_seat_opens_the_study_while_the_meeting_is_open(site):
    assert statuses(site) == {404}
    consult = convene(site, "radiologist", "surgeon")
    assert statuses(site) == {200}
    assert opened(site) == [{"study": site.study(), "consult": consult}]
    other = site.study("1.2.4")
    assert site.client("surgeon").get(f"/api/studies/{other}").status_code == 404
    for path in ("/api/worklist", "/dicomweb/studies", "/dicomweb/studies/1.2.3",
                 "/dicomweb/studies/1.2.3/series"):  # fmt: skip
        assert site.client("surgeon").get(path).status_code == 403
    say(site, "radiologist", consult, "accepted")
    say(site, "radiologist", consult, "opinion", discipline="imaging",
        words={"impression": "可手术", "advice": "", "findings": {}, "dissent": False})  # fmt: skip
    say(site, "radiologist", consult, "summary", text="同意手术")
    assert statuses(site) == {200}
    assert say(site, "radiologist", consult, "completed").status_code == 202
    assert statuses(site) == {404}  # the meeting has ended


def test_who_is_removed_sees_the_images_no_longer(site):
    consult = convene(site, "radiologist", "surgeon")
    assert statuses(site) == {200}
    assert say(site, "physician", consult, "removed", person="surgeon").status_code == 202
    assert statuses(site) == {404}
    assert say(site, "physician", consult, "invited", person="surgeon").status_code == 202
    assert statuses(site) == {200}


def test_a_restricted_patient_stays_hidden_from_the_seat(site):
    convene(site, "radiologist", "surgeon")
    site.restrict()
    assert statuses(site) == {404}


def test_a_reader_s_view_names_no_meeting(site):
    convene(site, "radiologist", "surgeon")
    assert statuses(site, "radiographer") == {200}
    assert opened(site, "radiographer") == [{"study": site.study(), "consult": ""}]


def test_colleagues_may_be_named_by_their_opaque_id_as_the_page_does(site):
    people = site.client("physician").get("/api/region/roster").json()["colleagues"]
    ids = [one["person"] for one in people if one["user"] in ("radiologist", "surgeon")]
    assert all(one.startswith("u_") for one in ids)
    consult = convene(site, *ids)
    parties = site.client("physician").get(f"/api/consults/{consult}").json()["parties"]
    assert [p["part"] for p in parties] == ["chair", "member"]
