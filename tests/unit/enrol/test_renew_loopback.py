"""Renewals over loopback: by themselves, late with two people, revoked, replayed, wrong clocks."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select

from core.vault.enrol_errors import (
    CertificateOfAnother,
    CertificateRevoked,
    CertificateUnknown,
    ClockWrong,
    NodeRevoked,
    NotEnrolled,
    Replayed,
    RequestMalformed,
    SignatureWrong,
    TooManyTries,
)
from core.vault.enrolment import Renew, sign
from core.vault.identity import write_secret
from edge.uplink.join import join
from edge.uplink.join_errors import NothingToConsent, NotJoined
from edge.uplink.renew import consent, consent_of, pause_ms, renew_at, standing, status_of
from hub.registry.ca_errors import DeviceUnknown, NothingToApprove
from hub.registry.devices import Devices, devices, revoke
from hub.registry.renewals import APPROVAL_MS, AskedRenewal, approve, waiting
from hub.store.tables import ATTEMPT, CERTIFICATE, HOSPITAL, RENEWAL
from tests.enrol_cases import DAY, HOUR, MINUTE, box_at
from tests.hub_cases import HubClock


@pytest.fixture
def joined(served, box):
    """A box that has joined; its clock is the hub's."""
    join(box.box, served.address, served.invite().text())
    return box


def rows(region, table):
    with region.site.database.read() as sql:
        return sql.execute(select(table)).all()


def codes(region):
    return [row.code for row in rows(region, ATTEMPT)]


def asked(region, box, key=None, **changed):
    """Return a well-made renewal; fields may be changed before it is signed."""
    fields = {
        "node": box.box.identity.id, "serial": box.credentials.device().serial,
        "csr": box.credentials.pending().csr, "at_ms": region.clock.at, "nonce": os.urandom(16),
        "local_consent": False, "recovery_public": b"", "software": "test", **changed,
    }  # fmt: skip
    renew = Renew(**fields)
    return AskedRenewal(renew, sign(key or box.box.identity.key, renew), "203.0.113.9")


# -- before the end --------------------------------------------------------------------------------


def test_a_fresh_certificate_is_left_alone(served, joined):
    first = joined.credentials.device().serial
    assert joined.renewer.step().state == "good"
    assert joined.credentials.device().serial == first
    assert len(rows(served, CERTIFICATE)) == 1


def test_it_is_renewed_by_itself(served, joined):
    device = joined.credentials.device()
    served.clock.at = renew_at(device) + 1000
    status = joined.renewer.step()
    fresh = joined.credentials.device()
    assert (status.state, status.error) == ("good", None)
    assert fresh.serial != device.serial
    assert fresh.ends_ms > device.ends_ms
    assert fresh.key_pem != device.key_pem  # a new key each time
    assert not (joined.box.folder / "uplink" / "pending.pem").exists()
    assert joined.renewer.step().serial == fresh.serial


def test_renewal_is_at_two_thirds_with_jitter(served, joined):
    device = joined.credentials.device()
    share = (renew_at(device) - device.begins_ms) / (device.ends_ms - device.begins_ms)
    assert 0.6 <= share <= 0.7334
    assert standing(device, renew_at(device) - 1) == "good"
    assert standing(device, renew_at(device)) == "due"
    assert standing(device, device.ends_ms) == "expired"
    assert standing(device, 0) == "due"  # a clock that has stopped


@pytest.mark.parametrize("failures", [0, 1, 5, 50])
def test_pauses_grow_to_half_an_hour(failures):
    assert 15_000 <= pause_ms(failures, 0) <= pause_ms(failures, 1) <= 1_800_000
    assert pause_ms(50, 1) == 1_800_000


def test_a_silent_hub_is_asked_again_later(served, joined):
    device = joined.credentials.device()
    served.stop()
    served.clock.at = renew_at(device) + 1000
    status = joined.renewer.step()
    assert (status.state, status.failures) == ("due", 1)
    assert status.error["code"] == "E7551"
    again = joined.renewer.step()  # not yet
    assert again.failures == 1
    served.clock.at = status.next_ms + 1
    assert joined.renewer.step().failures == 2
    assert joined.credentials.device().serial == device.serial


def test_where_experts_requests_go_is_told_again_with_each_renewal(served, joined):
    region = joined.credentials.region()
    joined.credentials.keep_region(replace(region, relay_address="old:1"))
    served.clock.at = renew_at(joined.credentials.device()) + 1000
    joined.renewer.step()
    assert joined.credentials.region().relay_address == ""  # the hub has no such port any more


def test_where_the_notice_broker_is_is_told_again_with_each_renewal(served, joined):
    region = joined.credentials.region()
    assert region.notice_address == ""
    joined.credentials.keep_region(replace(region, notice_address="old:1"))
    served.clock.at = renew_at(joined.credentials.device()) + 1000
    joined.renewer.step()
    assert joined.credentials.region().notice_address == ""  # the region has none any more


def test_the_new_sync_address_and_a_later_recovery_key_go_along(served, joined):
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    region = joined.credentials.region()
    joined.credentials.keep_region(replace(region, sync_address="old:1"))
    public = X25519PrivateKey.generate().public_key().public_bytes_raw()
    write_secret(joined.box.folder / "keys" / "recovery.pub", public)
    served.clock.at = renew_at(joined.credentials.device()) + 1000
    joined.renewer.step()
    assert joined.credentials.region().sync_address == region.sync_address
    assert bytes(rows(served, HOSPITAL)[0].recovery_public) == public


# -- after the end ---------------------------------------------------------------------------------


def test_a_late_renewal_needs_a_person_on_both_sides(served, joined):
    device = joined.credentials.device()
    served.clock.at = device.ends_ms + 30 * DAY
    status = joined.renewer.step()
    assert (status.state, status.waits_for) == ("waiting", "local")
    (row,) = waiting(served.site)
    assert (row["node"], row["approved_at"]) == (joined.box.identity.id, None)
    assert devices(served.site)[0]["asked_at"] == row["asked_at"]
    consent(joined.box, "it")
    assert joined.renewer.step().waits_for == "hub"
    approve(served.site, joined.box.identity.id[:16], "chief")
    served.clock.at += MINUTE
    assert joined.renewer.step().state == "good"
    assert joined.credentials.device().serial != device.serial
    assert rows(served, RENEWAL) == []
    assert consent_of(joined.box) is None


def test_the_hubs_approval_alone_is_not_enough(served, joined):
    served.clock.at = joined.credentials.device().ends_ms + DAY
    joined.renewer.step()
    approve(served.site, joined.box.identity.id, "chief")
    served.clock.at += MINUTE
    assert joined.renewer.step().waits_for == "local"
    consent(joined.box, "it")
    assert joined.renewer.step().state == "good"


def test_an_approval_does_not_last(served, joined):
    served.clock.at = joined.credentials.device().ends_ms + DAY
    joined.renewer.step()
    approve(served.site, joined.box.identity.id, "chief")
    served.clock.at += APPROVAL_MS + MINUTE
    consent(joined.box, "it")
    assert joined.renewer.step().state == "waiting"
    assert waiting(served.site)[0]["approved_at"] is None


def test_an_approval_is_for_one_key(served, joined):
    served.clock.at = joined.credentials.device().ends_ms + DAY
    joined.renewer.step()
    approve(served.site, joined.box.identity.id, "chief")
    joined.credentials.forget_pending()
    consent(joined.box, "it")
    served.clock.at += MINUTE
    assert joined.renewer.step().state == "waiting"
    assert waiting(served.site)[0]["approved_at"] is None


def test_consent_is_only_asked_for_when_it_is_late(served, joined, tmp_path):
    with pytest.raises(NothingToConsent):
        consent(joined.box, "it")
    stranger = box_at(tmp_path / "stranger", served.clock)
    with pytest.raises(NotJoined):
        consent(stranger.box, "it")
    stranger.box.close()


def test_there_must_be_something_to_approve(served, joined):
    with pytest.raises(NothingToApprove):
        approve(served.site, joined.box.identity.id, "chief")
    with pytest.raises(DeviceUnknown):
        approve(served.site, "ffffffff", "chief")
    with pytest.raises(DeviceUnknown):
        approve(served.site, joined.box.identity.id[:7], "chief")


# -- refused ---------------------------------------------------------------------------------------


def test_a_revoked_box_is_refused_everywhere(served, joined):
    from cryptography.hazmat.primitives.serialization import Encoding

    node = joined.box.identity.id
    known = Devices(served.site)
    assert not known.is_revoked(node)
    revoke(served.site, node, "chief")
    served.clock.at += 15_000
    assert known.is_revoked(node)  # within the minute, on links that are open
    with pytest.raises(NodeRevoked):
        known.check(node)
    device = joined.credentials.device()
    with pytest.raises(NodeRevoked):
        known.admit(device.certificate.public_bytes(Encoding.DER))
    served.clock.at = renew_at(device) + 1000
    status = joined.renewer.step()
    assert (status.state, status.error["code"]) == ("revoked", "E7309")
    assert served.site.directory.current().contents.nodes[node].revoked_at
    assert revoke(served.site, node, "chief") == node  # twice is once
    assert served.site.directory.current().size == 3


def test_a_late_renewal_that_waits_ends_with_a_revocation(served, joined):
    served.clock.at = joined.credentials.device().ends_ms + DAY
    joined.renewer.step()
    revoke(served.site, joined.box.identity.id, "chief")
    assert waiting(served.site) == []
    with pytest.raises(NothingToApprove):
        approve(served.site, joined.box.identity.id, "chief")


def test_a_replayed_renewal_is_refused(served, joined):
    one = asked(served, joined)
    served.port.renewals.renew(one)
    with pytest.raises(Replayed):
        served.port.renewals.renew(one)
    assert codes(served) == [7307]


def test_another_boxs_certificate_is_refused(served, joined, tmp_path):
    other = box_at(tmp_path / "other", served.clock)
    join(other.box, served.address, served.invite().text())
    stolen = other.credentials.device().serial
    with pytest.raises(CertificateOfAnother):
        served.port.renewals.renew(asked(served, joined, serial=stolen))
    with pytest.raises(SignatureWrong):  # the other's name needs the other's key
        served.port.renewals.renew(asked(served, joined, node=other.box.identity.id, serial=stolen))
    other.box.close()


def test_a_box_with_another_boxs_files_is_noticed(served, joined, tmp_path):
    """Copied certificates: the node's own key signs, and the hub does not know it."""
    thief = box_at(tmp_path / "thief", served.clock)
    folder = joined.box.folder / "uplink"
    for path in folder.iterdir():
        write_secret(thief.box.folder / "uplink" / path.name, path.read_bytes())
    served.clock.at = renew_at(joined.credentials.device()) + 1000
    status = thief.renewer.step()
    assert status.error["code"] == "E7312"  # the hub knows no such box
    thief.box.close()


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"serial": "ab"}, CertificateUnknown),
        ({"serial": "AB"}, RequestMalformed),
        ({"node": "0" * 64}, NotEnrolled),
        ({"node": "x"}, RequestMalformed),
        ({"csr": b"x"}, RequestMalformed),
        ({"nonce": b""}, RequestMalformed),
        ({"recovery_public": b"x"}, RequestMalformed),
        ({"at_ms": -5}, RequestMalformed),
    ],
)
def test_what_cannot_be_is_refused_and_written_down(served, joined, change, refusal):
    with pytest.raises(refusal):
        served.port.renewals.renew(asked(served, joined, **change))
    assert codes(served) == [refusal.code]


def test_consent_is_signed_too(served, joined):
    served.clock.at = joined.credentials.device().ends_ms + DAY
    one = asked(served, joined)
    served.port.renewals.renew(one)
    approve(served.site, joined.box.identity.id, "chief")
    forged = replace(one, renew=replace(one.renew, nonce=os.urandom(16), local_consent=True))
    with pytest.raises(SignatureWrong):
        served.port.renewals.renew(forged)


def test_a_revoked_certificate_renews_nothing(served, joined):
    with served.site.database.write() as sql:
        sql.execute(CERTIFICATE.update().values(revoked_at=1))
    with pytest.raises(CertificateRevoked):
        served.port.renewals.renew(asked(served, joined))


def test_a_lost_certificate_is_no_obstacle_to_the_key(served, joined):
    assert served.port.renewals.renew(asked(served, joined, serial="")) is not None


def test_whoever_has_no_key_is_shut_out(served, joined):
    stranger = Ed25519PrivateKey.generate()
    for _ in range(10):
        with pytest.raises(SignatureWrong):
            served.port.renewals.renew(asked(served, joined, key=stranger))
    with pytest.raises(TooManyTries):
        served.port.renewals.renew(asked(served, joined))


# -- clocks ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("minutes", [10, -10])
def test_a_clock_ten_minutes_off_is_named_and_the_box_stays(served, tmp_path, minutes):
    clock = HubClock(served.clock.at)
    box = box_at(tmp_path / "off", clock)
    join(box.box, served.address, served.invite().text())
    first = box.credentials.device()
    served.clock.at = renew_at(first) + HOUR
    clock.at = served.clock.at + minutes * MINUTE
    status = box.renewer.step()
    assert status.state == "good"
    assert status.clock["code"] == "E7311"
    assert "10" in status.clock["message_en"]
    assert box.credentials.device().serial != first.serial
    assert codes(served) == [7311]
    skew = devices(served.site)[0]["clock_skew_ms"]
    assert abs(skew - minutes * MINUTE) < MINUTE  # the list of boxes shows it
    clock.at = served.clock.at = renew_at(box.credentials.device()) + HOUR
    assert box.renewer.step().clock is None
    box.box.close()


def test_a_clock_that_has_stopped_is_told(served, tmp_path):
    clock = HubClock(served.clock.at)
    box = box_at(tmp_path / "stopped", clock)
    join(box.box, served.address, served.invite().text())
    clock.at = 1_000  # the battery is empty: 1970
    served.clock.at = renew_at(box.credentials.device()) + HOUR
    first = box.credentials.device().serial
    status = box.renewer.step()
    assert (status.clock["code"], status.error) == ("E7311", None)
    assert box.credentials.device().serial != first
    box.box.close()


def test_a_refused_clock_is_not_shown_again_at_its_hour(served, joined):
    early = asked(served, joined, at_ms=served.clock.at + 10 * MINUTE)
    with pytest.raises(ClockWrong):
        served.port.renewals.renew(early)
    served.clock.at += 10 * MINUTE
    with pytest.raises(Replayed):
        served.port.renewals.renew(early)


def test_an_idle_box_writes_nothing(served, joined):
    joined.renewer.step()
    before = status_of(joined.box).at
    served.clock.at += MINUTE
    joined.renewer.step()
    assert status_of(joined.box).at == before
