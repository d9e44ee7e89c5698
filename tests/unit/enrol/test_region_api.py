"""The box's page: joining, the certificate's state, a late renewal's consent."""

from __future__ import annotations

import pytest

from core.seals.keybook import spoken
from core.vault.join_code import JoinCode
from edge.audit import Wanted, entries_after
from edge.uplink.alarms import Alarms
from edge.uplink.directory import BoxDirectory
from edge.uplink.join import credentials_of
from edge.uplink.join_errors import CertificatesDamaged
from edge.uplink.renew import Renewer
from hub.registry.keys import PersonKeys, read_key
from hub.registry.renewals import approve
from tests.api_site import ApiSite
from tests.enrol_cases import DAY, MINUTE
from tests.hub_people import BrowserKey, Crew


@pytest.fixture
def page(tmp_path, served):
    """An appliance whose web application is asked; its clock is the hub's."""
    made = ApiSite(tmp_path / "appliance", roles=("device_it", "physician", "radiographer"))
    made.clock.at = served.clock.at
    yield made
    made.box.close()


def test_a_box_that_has_not_joined_says_so(page):
    shown = page.client("device_it").get("/api/region").json()
    assert shown["joined"] is False
    assert shown["certificate"] is None
    assert shown["link"]["state"] == "idle"
    assert shown["node"] == page.box.identity.id


def test_joining_on_the_page(page, served):
    client = page.client("device_it")
    answer = client.post(
        "/api/region/join", json={"address": served.address, "code": served.invite().text()}
    )
    assert answer.status_code == 201
    assert answer.json()["hospital_name"] == "甲县医院"
    shown = page.client("physician").get("/api/region").json()
    assert shown["joined"] is True
    assert shown["hospital"]["name"] == "甲县医院"
    assert shown["certificate"]["state"] == "good"
    assert shown["certificate"]["not_after"] > shown["certificate"]["renew_at"]
    again = client.post(
        "/api/region/join", json={"address": served.address, "code": served.invite().text()}
    )
    assert again.json()["code"] == "E7552"


def test_refusals_reach_the_page_in_both_languages(page, served):
    client = page.client("device_it")
    code = served.invite()
    cases = [
        (served.address, "0000", "E7301"),
        (served.address, JoinCode(code.invite, bytes(16), code.pin).text(), "E7302"),
        ("127.0.0.1:1", code.text(), "E7551"),
        ("http://x", code.text(), "E7318"),
        (served.address, JoinCode(code.invite, code.secret, bytes(16)).text(), "E7550"),
    ]
    for address, text, number in cases:
        answer = client.post("/api/region/join", json={"address": address, "code": text})
        assert answer.status_code == 422
        said = answer.json()
        assert said["code"] == number
        assert said["message_zh"] != said["message_en"]
    assert client.get("/api/region").json()["joined"] is False


@pytest.mark.parametrize("role", ["physician", "radiographer"])
def test_only_device_it_joins_and_agrees(page, role):
    client = page.client(role)
    assert client.post("/api/region/join", json={"code": "x"}).json()["code"] == "E6004"
    assert client.post("/api/region/renew-consent").json()["code"] == "E6004"


def test_a_late_renewal_by_two_clicks(page, served):
    client = page.client("device_it")
    early = client.post("/api/region/renew-consent")
    assert early.json()["code"] == "E7553"
    client.post("/api/region/join", json={"code": served.invite().picture_text(served.address)})
    assert client.post("/api/region/renew-consent").json()["code"] == "E7556"
    renewer = _renewer(page)
    page.clock.at = served.clock.at = served.clock.at + 30 * DAY
    client = _again(page)
    assert renewer.step().state == "waiting"
    shown = client.get("/api/region").json()["certificate"]
    assert (shown["state"], shown["waits_for"]) == ("waiting", "local")
    assert client.post("/api/region/renew-consent").status_code == 202
    approve(served.site, page.box.identity.id, "chief")
    page.clock.at += MINUTE
    assert renewer.step().state == "good"
    shown = client.get("/api/region").json()["certificate"]
    assert (shown["state"], shown["consent"]) == ("good", None)


def test_alarms_are_seen_by_a_person(page):
    Alarms(page.box.database, page.clock).sound(CertificatesDamaged(what="x"))
    client = page.client("device_it")
    assert client.get("/api/region").json()["alarms"][0]["code"] == "E7555"
    assert client.post("/api/region/alarms/E7555/seen").status_code == 422
    why = {"reason": "已检查"}
    assert client.post("/api/region/alarms/E7555/seen", json=why).status_code == 204
    assert client.get("/api/region").json()["alarms"][0]["seen_by"] == "device_it"
    assert client.post("/api/region/alarms/E7555/seen", json=why).status_code == 404


def test_damaged_files_are_told_not_thrown(page, served):
    client = page.client("device_it")
    client.post("/api/region/join", json={"code": served.invite().picture_text(served.address)})
    (page.box.folder / "uplink" / "device.pem").write_bytes(b"damaged")
    shown = client.get("/api/region").json()
    assert shown["certificate"]["state"] == "damaged"
    assert shown["certificate"]["error"]["code"] == "E7555"


def _renewer(page):
    from edge.uplink.join import credentials_of

    return Renewer(page.box, credentials_of(page.box))


def _again(page):
    """Sign in anew: a month has passed."""
    page.tokens.clear()
    return page.client("device_it")


def test_the_hospitals_people_and_their_keys_on_the_page(page, served):
    client = page.client("device_it")
    assert (
        client.post("/api/region/people/vouch", json={"person": "p", "key": "k"}).json()["code"]
        == "E7901"
    )
    client.post("/api/region/join", json={"code": served.invite().picture_text(served.address)})
    assert client.get("/api/region").json()["people"] == []
    crew = Crew(served.site, served.clock)
    key = BrowserKey()
    person = crew.add("zhang", hospital=served.hospital)
    PersonKeys(served.site).register(person, read_key(key.form))
    shown = served.site.directory.show(0)
    told = credentials_of(page.box).region()
    BoxDirectory(page.box, told).extend(shown.entries, shown.head)
    (row,) = client.get("/api/region").json()["people"]
    assert (row["name"], row["print"], row["state"]) == ("zhang 某", spoken(key.id), "unconfirmed")
    wrong = client.post("/api/region/people/vouch", json={"person": person, "key": "0" * 64})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "E7530")
    right = {"person": person, "key": key.id}
    for role in ("physician", "radiographer"):
        refused = page.client(role).post("/api/region/people/vouch", json=right)
        assert refused.json()["code"] == "E6004"
    assert client.post("/api/region/people/vouch", json=right).status_code == 202
    (row,) = page.client("physician").get("/api/region").json()["people"]
    assert row["state"] == "sending"
    noted = [one for one in entries_after(page.box, Wanted(), 0) if "vouched" in one["action"]]
    assert [(one["user"], one["detail"]["person"]) for one in noted] == [("device_it", person)]
