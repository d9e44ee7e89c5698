"""What the hub tells its broker: which rows, which boxes, which files; on both databases."""

from __future__ import annotations

import stat
from types import SimpleNamespace

import pytest
from cryptography import x509
from sqlalchemy import insert, update

from core.seals.notice import Notice, open_notice
from core.vault.certificates import broker_name, sync_name
from core.web.broker import BrokerLink, BrokerSite, Ears, Said
from hub.downlink.chain import append_notice, chain_ends
from hub.downlink.mqtt import Notifier, notifier_of
from hub.downlink.notify import due, due_after
from hub.errors import HubSettingsWrong
from hub.registry.broker_files import acl, keep_broker_files, keep_publisher, revoked_serials
from hub.registry.hospitals import add_hospital
from hub.settings import parse
from hub.store.tables import CERTIFICATE, EVENT, NODE
from tests.broker_site import consult_row
from tests.enrol_cases import DAY, Region

C1, C2 = "c_" + "1" * 32, "c_" + "2" * 32
A, B = "aa" * 32, "bb" * 32


@pytest.fixture
def region(hub, hub_clock, tmp_path):
    return Region(hub, hub_clock, tmp_path)


def add_node(hub, node, hospital, **more):
    with hub.database.write() as sql:
        sql.execute(
            insert(NODE).values(
                id=node, hospital=hospital, sign_public=b"", seal_public=b"", joined_at=1, **more
            )
        )


def add_certificate(hub, serial, node, **more):
    values = {"not_before": 0, "not_after": hub.outside.now_ms() + DAY, "der": b"", **more}
    with hub.database.write() as sql:
        sql.execute(insert(CERTIFICATE).values(serial=f"{serial:x}", node=node, **values))


def row(hub, hospital, consult=C1, urgency="emergency", n=1):
    return consult_row(SimpleNamespace(site=hub), hospital, consult, urgency, n)


# -- rows --------------------------------------------------------------------------------------


def test_each_hospitals_boxes_hear_of_their_own_rows(region):
    hub, other = region.site, add_hospital(region.site, "乙县医院")
    add_node(hub, A, region.hospital)
    add_node(hub, B, other)
    before = chain_ends(hub)
    first, second = row(hub, region.hospital), row(hub, other, C2, "routine")
    found = {one.hospital: one for one in due(hub, before)}
    mine, theirs = found[region.hospital], found[other]
    assert (mine.nodes, mine.upto) == ((A,), first)
    assert [(n.consult, n.kind, n.urgency, n.seq) for n in mine.notices] == [
        (C1, "opinion", "emergency", first)
    ]
    assert (theirs.nodes, theirs.notices[0].urgency, theirs.upto) == ((B,), "routine", second)
    assert not due(hub, chain_ends(hub))


def test_what_the_box_has_acknowledged_is_not_said(region):
    hub = region.site
    add_node(hub, A, region.hospital)
    row(hub, region.hospital)
    later = row(hub, region.hospital, n=2)
    with hub.database.write() as sql:
        sql.execute(update(EVENT).where(EVENT.c.seq == 1).values(delivered_at=5))
    (found,) = due(hub, {})
    assert [one.seq for one in found.notices] == [later]
    assert found.upto == later


def test_a_revoked_box_is_told_nothing(region):
    hub = region.site
    add_node(hub, A, region.hospital)
    add_node(hub, B, region.hospital, revoked_at=7)
    row(hub, region.hospital)
    (found,) = due(hub, {})
    assert found.nodes == (A,)


def test_after_a_long_silence_only_the_newest_are_said(region):
    hub = region.site
    add_node(hub, A, region.hospital)
    last = [row(hub, region.hospital, n=n) for n in range(1, 71)][-1]
    (found,) = due(hub, {})
    assert len(found.notices) == 50
    assert found.notices[-1].seq == found.upto == last


def test_other_rows_are_said_without_a_consultation(region):
    hub = region.site
    add_node(hub, A, region.hospital)
    with hub.database.write() as sql:
        append_notice(hub, sql, region.hospital, {"kind": "duty", "people": ["p_1"]})
    (found,) = due(hub, {})
    (said,) = found.notices
    assert (said.kind, said.consult, said.urgency) == ("duty", "", "")
    assert said.at.endswith("Z")


# -- saying it ---------------------------------------------------------------------------------


class FakeLink:
    """A broker's connection that answers what the test says."""

    def __init__(self):
        self.said: list[tuple[str, bytes, Said]] = []

    def say(self, topic, payload, expiry_s):
        assert expiry_s > 0
        one = Said()
        self.said.append((topic, payload, one))
        return one

    def answer(self, fault=""):
        for _, _, one in self.said:
            one.answered, one.fault = True, fault
        taken, self.said = self.said, []
        return taken


def notifier(hub) -> Notifier:
    made = Notifier(hub, lambda: None)
    made._told = chain_ends(hub)
    return made


def test_a_notice_is_signed_for_its_box_and_said_once(region):
    hub, link = region.site, FakeLink()
    add_node(hub, A, region.hospital)
    voice = notifier(hub)
    seq = row(hub, region.hospital)
    voice._turn(link)
    voice._turn(link)  # the broker has not answered: nothing more is said meanwhile
    ((topic, data, _),) = link.answer()
    assert topic == f"xinglin/{hub.identity.id[:16]}/box/{A}/notice"
    notice = open_notice(data, A, hub.identity.id, hub.identity.key.public_key())
    assert (notice.consult, notice.seq) == (C1, seq)
    voice._turn(link)
    assert not link.said


def test_what_a_broken_connection_did_not_bring_over_is_said_again(region):
    hub, link = region.site, FakeLink()
    add_node(hub, A, region.hospital)
    voice = notifier(hub)
    row(hub, region.hospital)
    voice._turn(link)
    voice._opened()  # another connection
    again = FakeLink()
    voice._turn(again)
    assert len(again.said) == 1


def test_what_nobody_heard_is_said_again_until_it_is_there(region, monkeypatch):
    hub, link = region.site, FakeLink()
    monkeypatch.setattr("hub.downlink.mqtt._AGAIN_S", 0.0)
    add_node(hub, A, region.hospital)
    voice = notifier(hub)
    row(hub, region.hospital)
    voice._turn(link)
    for _ in range(3):
        assert len(link.answer("No matching subscribers")) == 1
        voice._turn(link)
    link.answer("No matching subscribers")
    with hub.database.write() as sql:
        sql.execute(update(EVENT).values(delivered_at=5))
    voice._turn(link)
    assert not link.said
    assert not voice._unheard


def test_one_row_alone_can_be_looked_at_again(region):
    hub = region.site
    add_node(hub, A, region.hospital)
    first = row(hub, region.hospital)
    row(hub, region.hospital, n=2)
    assert [one.seq for one in due_after(hub, region.hospital, first - 1, 1).notices] == [first]


def test_without_settings_or_authority_there_is_no_notifier(hub, hub_clock, tmp_path):
    assert notifier_of(hub) is None
    assert notifier_of(Region(hub, hub_clock, tmp_path).site) is None


# -- files -------------------------------------------------------------------------------------


def test_the_brokers_files_are_written_once_and_when_something_changed(region):
    hub = region.site
    folder = keep_broker_files(hub, region.authority)
    files = {one.name: one.stat() for one in folder.iterdir()}
    assert set(files) == {"region.crt", "broker.crt", "broker.key", "revoked.crl", "acl"}
    assert {stat.S_IMODE(one.st_mode) for one in files.values()} == {0o640}
    keep_broker_files(hub, region.authority)
    assert {one.name: one.stat().st_ino for one in folder.iterdir()} == {
        name: one.st_ino for name, one in files.items()
    }
    add_node(hub, A, region.hospital)
    add_certificate(hub, 0xABC, A, revoked_at=9)
    keep_broker_files(hub, region.authority)
    changed = {n for n, one in files.items() if (folder / n).stat().st_ino != one.st_ino}
    assert changed == {"revoked.crl"}


def test_the_list_names_what_is_revoked_and_has_not_ended(region):
    hub = region.site
    add_node(hub, A, region.hospital)
    add_certificate(hub, 1, A)
    add_certificate(hub, 2, A, revoked_at=9)
    add_certificate(hub, 3, A, revoked_at=9, not_after=10)
    assert revoked_serials(hub) == [2]
    path = keep_broker_files(hub, region.authority) / "revoked.crl"
    crl = x509.load_pem_x509_crl(path.read_bytes())
    assert [one.serial_number for one in crl] == [2]
    assert crl.is_signature_valid(region.authority.issuing.key.public_key())
    hub.outside.now_ms.at += 2 * DAY  # a broker refuses everybody once its list is old
    keep_broker_files(hub, region.authority)
    assert x509.load_pem_x509_crl(path.read_bytes()).last_update_utc > crl.last_update_utc


def test_a_damaged_list_is_written_anew(region):
    path = keep_broker_files(region.site, region.authority) / "revoked.crl"
    path.write_bytes(b"nothing")
    keep_broker_files(region.site, region.authority)
    assert x509.load_pem_x509_crl(path.read_bytes()).next_update_utc is not None


def test_what_the_hub_shows_is_a_client_and_the_broker_a_server(region):
    hub = region.site
    own = keep_publisher(hub, region.authority)
    assert stat.S_IMODE(own.stat().st_mode) == 0o600
    client, issuing = x509.load_pem_x509_certificates(own.read_bytes())
    folder = keep_broker_files(hub, region.authority)
    server = x509.load_pem_x509_certificates((folder / "broker.crt").read_bytes())[0]
    for one, name, use in (
        (client, sync_name(hub.identity.id), "clientAuth"),
        (server, broker_name(hub.identity.id), "serverAuth"),
    ):
        assert one.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value == name
        (found,) = one.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        assert found._name == use
        one.verify_directly_issued_by(issuing)


def test_the_acl_gives_the_hub_and_each_box_their_own(hub):
    text = acl(hub.identity.id)
    root = f"xinglin/{hub.identity.id[:16]}/box"
    assert f"user {sync_name(hub.identity.id)}\ntopic write {root}/+/notice\n" in text
    assert f"pattern read {root}/%u/notice\n" in text
    assert f"pattern write {root}/%u/telemetry\n" in text
    assert len(text.splitlines()) == 6


def test_settings_of_the_broker():
    assert parse("").notice_address == ""
    made = parse('address = "hub.example"\n[mqtt]\nhost = "127.0.0.1"\n')
    assert made.notice_address == "hub.example:8883"
    made = parse('[mqtt]\nhost = "x"\nport = 1\naddress = "mq.example:99"\n')
    assert made.notice_address == "mq.example:99"
    with pytest.raises(HubSettingsWrong):
        parse('[mqtt]\ncertificate = "x"\n')


def test_end_before_serve_ends_it(region):
    site = BrokerSite("127.0.0.1", 1, "x", "no certificate", region.site.folder)
    link = BrokerLink(site, Ears(), "ab" * 16)
    link.end()
    assert not link.serve().worked
    link.end()  # afterwards too


def test_notices_are_routing_facts():
    assert set(Notice.__slots__) == {"kind", "consult", "urgency", "seq", "at"}
