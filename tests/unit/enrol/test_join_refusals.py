"""What a hub refuses of joins: used, expired, guessed, replayed, withdrawn, revoked, too often."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import select, update

from core.journal.seal import open_record
from core.vault.enrol_errors import (
    ClockWrong,
    CodeExpired,
    CodeUsed,
    CodeWithdrawn,
    CodeWrong,
    EnrolRefusal,
    NodeOfAnotherHospital,
    NodeRevoked,
    Replayed,
    RequestMalformed,
    SignatureWrong,
    TooManyTries,
)
from core.vault.enrolment import prove, sign
from core.vault.identity import NodeIdentity
from core.vault.join_code import JoinCode
from hub.registry.attempts import MOST_REFUSALS, WINDOW_MS, address_of
from hub.registry.ca_errors import HospitalUnknown, InviteLifeWrong, InviteUnknown
from hub.registry.devices import revoke
from hub.registry.hospitals import add_hospital
from hub.registry.invites import LONGEST_MS, SHORTEST_MS, invitations, invite, withdraw
from hub.store.tables import ATTEMPT, CERTIFICATE, INVITE, NODE
from tests.enrol_cases import DAY, MINUTE, asked_join


def csr_of(key=None) -> bytes:
    key = key or ec.generate_private_key(ec.SECP256R1())
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return request.sign(key, SHA256()).public_bytes(Encoding.DER)


@pytest.fixture
def node():
    return NodeIdentity.of(Ed25519PrivateKey.generate())


@pytest.fixture
def ask(region, node):
    """Ask the hub to join a node with a code."""

    def ask(code, identity=node, csr=None, **changed):
        asked = asked_join(identity, code, csr or csr_of(), region.clock.at, **changed)
        return region.port.enrolment.join(asked)

    return ask


def refusals(region):
    with region.site.database.read() as sql:
        return [row.code for row in sql.execute(select(ATTEMPT).order_by(ATTEMPT.c.id))]


def count(region, table):
    with region.site.database.read() as sql:
        return len(sql.execute(select(table)).all())


def test_a_well_made_join_is_answered(region, ask, node):
    joined = ask(region.invite())
    assert joined.hospital == region.hospital
    assert refusals(region) == []


def test_a_used_code_is_refused(region, ask):
    code = region.invite()
    ask(code)
    with pytest.raises(CodeUsed):
        ask(code, NodeIdentity.of(Ed25519PrivateKey.generate()))
    with pytest.raises(CodeUsed):  # the same box, but with another key
        ask(code)
    assert refusals(region) == [7303, 7303]
    assert count(region, CERTIFICATE) == 1


def test_a_used_code_of_long_ago_is_refused_to_its_own_box(region, ask):
    code, csr = region.invite(), csr_of()
    ask(code, csr=csr)
    region.clock.at += 61 * MINUTE
    with pytest.raises(CodeUsed):
        ask(code, csr=csr)


def test_a_replayed_request_is_refused(region, node):
    asked = asked_join(node, region.invite(), csr_of(), region.clock.at)
    region.port.enrolment.join(asked)
    with pytest.raises(Replayed):
        region.port.enrolment.join(asked)
    assert refusals(region) == [7307]


@pytest.mark.parametrize(("life", "late"), [(SHORTEST_MS, 1000), (LONGEST_MS, 1000)])
def test_an_expired_code_is_refused(region, ask, life, late):
    code = region.invite(life_ms=life)
    region.clock.at += life + late
    with pytest.raises(CodeExpired):
        ask(code)
    assert refusals(region) == [7304]
    assert count(region, NODE) == 0


def test_a_code_is_good_until_its_last_minute(region, ask):
    code = region.invite(life_ms=SHORTEST_MS)
    region.clock.at += SHORTEST_MS - MINUTE
    ask(code)


@pytest.mark.parametrize("life", [SHORTEST_MS - 1, LONGEST_MS + 1, 0, -1])
def test_codes_live_ten_minutes_to_seven_days(region, life):
    with pytest.raises(InviteLifeWrong):
        region.invite(life_ms=life)


def test_codes_are_for_known_hospitals(region):
    with pytest.raises(HospitalUnknown):
        region.invite("乙县医院")


def test_a_guess_says_nothing(region, ask):
    """Unknown code, wrong secret, used or expired one: before the proof all look alike."""
    used, old = region.invite(), region.invite(life_ms=SHORTEST_MS)
    ask(used)
    region.clock.at += SHORTEST_MS + 1000
    said = set()
    for known in (used, old, region.invite(), JoinCode("00" * 5, bytes(16), region.authority.pin)):
        with pytest.raises(CodeWrong) as caught:
            ask(JoinCode(known.invite, os.urandom(16), known.pin))
        said.add(str(caught.value))
    assert len(said) == 1


def test_five_wrong_proofs_kill_a_code(region, ask):
    code = region.invite()
    wrong = JoinCode(code.invite, bytes(16), code.pin)
    for _ in range(5):
        with pytest.raises(CodeWrong):
            ask(wrong)
    with pytest.raises(CodeWithdrawn):
        ask(code)
    (kept,) = invitations(region.site)
    assert (kept["failures"], kept["state"]) == (5, "withdrawn")


def test_four_wrong_proofs_do_not(region, ask):
    code = region.invite()
    for _ in range(4):
        with pytest.raises(CodeWrong):
            ask(JoinCode(code.invite, bytes(16), code.pin))
    ask(code)


def test_a_withdrawn_code_is_refused(region, ask):
    code = region.invite()
    withdraw(region.site, code.invite, "tester")
    with pytest.raises(CodeWithdrawn):
        ask(code)
    with pytest.raises(InviteUnknown):
        withdraw(region.site, code.invite, "tester")


def test_an_address_that_guesses_is_shut_out(region, ask):
    code = region.invite()
    for n in range(MOST_REFUSALS):
        with pytest.raises(CodeWrong):
            ask(JoinCode(f"{n:010x}", bytes(16), code.pin))
    with pytest.raises(TooManyTries):
        ask(code)
    region.clock.at += WINDOW_MS + 1000
    ask(code)


def test_a_flood_fills_no_disk(region, ask):
    pin = region.authority.pin
    for n in range(60):
        with pytest.raises(EnrolRefusal):
            ask(JoinCode(f"{n:010x}", bytes(16), pin))
    assert len(refusals(region)) == 2 * MOST_REFUSALS


def test_every_refusal_is_in_the_access_journal(region, ask):
    with pytest.raises(CodeWrong):
        ask(JoinCode("ab" * 5, bytes(16), region.authority.pin))
    records = [open_record(s, region.site.secrets) for s in region.site.access.read(0, 100)]
    last = records[-1].body
    assert last["action"] == "join refused"
    assert (last["who"], last["address"], last["code"]) == ("ab" * 5, "203.0.113.9", "E7302")


@pytest.mark.parametrize("minutes", [-10, 10, -600_000])
def test_a_wrong_clock_is_named_and_the_code_stays_good(region, ask, minutes):
    code = region.invite()
    at = region.clock.at + minutes * MINUTE
    with pytest.raises(ClockWrong) as caught:
        ask(code, at_ms=at)
    assert caught.value.facts["minutes"] == abs(minutes)
    assert str(caught.value.facts["hub"]).startswith("2027-01-15T08:0")
    ask(code)


def test_a_clock_that_is_four_minutes_off_is_no_obstacle(region, ask):
    ask(region.invite(), at_ms=region.clock.at - 4 * MINUTE)


def test_a_signature_of_another_key_is_refused(region, node):
    other = NodeIdentity.of(Ed25519PrivateKey.generate())
    code = region.invite()
    asked = asked_join(node, code, csr_of(), region.clock.at)
    with pytest.raises(SignatureWrong):
        region.port.enrolment.join(replace(asked, signature=sign(other.key, asked.join)))
    region.port.enrolment.join(asked)


@pytest.mark.parametrize("field", ["csr", "seal_public", "recovery_public", "nonce", "software"])
def test_a_field_changed_on_the_way_is_refused(region, node, field):
    code = region.invite()
    asked = asked_join(node, code, csr_of(), region.clock.at)
    value = "other" if field == "software" else csr_of() if field == "csr" else os.urandom(32)
    value = value[:16] if field == "nonce" else value
    changed = replace(asked, join=replace(asked.join, **{field: value}))
    with pytest.raises(CodeWrong):
        region.port.enrolment.join(changed)
    # Who knows the secret but not the node's key cannot either.
    changed = replace(changed, proof=prove(code.secret, changed.join))
    with pytest.raises(SignatureWrong):
        region.port.enrolment.join(changed)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sign_public", b""), ("sign_public", bytes(31)), ("seal_public", bytes(33)),
        ("recovery_public", b"x"), ("nonce", bytes(15)), ("csr", b""), ("csr", bytes(5000)),
        ("csr", b"no request"), ("at_ms", -1), ("at_ms", 2**52), ("software", "x" * 65),
        ("software", "a\nb"), ("invite", "x" * 10), ("invite", "A" * 10),
        ("seal_public", bytes(32)), ("recovery_public", bytes(32)),
    ],
)  # fmt: skip
def test_malformed_fields_are_named(region, node, field, value):
    code = region.invite()
    if field == "invite":
        asked = asked_join(node, code, csr_of(), region.clock.at)
        asked = replace(asked, join=replace(asked.join, invite=value))
    else:
        fields = {"csr": csr_of(), "now": region.clock.at, field: value}
        asked = asked_join(node, code, **fields)
    with pytest.raises(RequestMalformed) as caught:
        region.port.enrolment.join(asked)
    assert caught.value.facts["field"] == field
    assert count(region, NODE) == 0


@pytest.mark.parametrize(
    "key",
    [
        lambda: ec.generate_private_key(ec.SECP384R1()),
        lambda: rsa.generate_private_key(65537, 2048),
    ],
    ids=["P-384", "RSA"],
)
def test_only_p256_keys_are_certified(region, ask, key):
    with pytest.raises(RequestMalformed):
        ask(region.invite(), csr=csr_of(key()))


def test_a_request_that_does_not_prove_its_key_is_refused(region, ask):
    csr = bytearray(csr_of())
    csr[-1] ^= 1
    with pytest.raises(RequestMalformed):
        ask(region.invite(), csr=bytes(csr))


def test_a_revoked_box_does_not_join_again(region, ask, node):
    ask(region.invite())
    revoke(region.site, node.id[:12], "tester")
    with pytest.raises(NodeRevoked):
        ask(region.invite())


def test_a_box_of_another_hospital_is_refused(region, ask):
    ask(region.invite())
    other = add_hospital(region.site, "乙县医院")
    with pytest.raises(NodeOfAnotherHospital):
        ask(region.invite(other))


def test_nothing_is_half_done(region, ask, node):
    """The directory refuses the key: neither node, certificate nor use of the code remains."""
    code = region.invite()
    with pytest.raises(RequestMalformed):
        ask(code, seal_public=bytes(32))
    assert (count(region, NODE), count(region, CERTIFICATE)) == (0, 0)
    assert region.site.directory.current().size == 1
    ask(code)


def test_two_boxes_at_once_and_one_code(region):
    """Of many that come at the same moment with one code, one joins."""
    code = region.invite()
    nodes = [NodeIdentity.of(Ed25519PrivateKey.generate()) for _ in range(6)]
    asked = [asked_join(one, code, csr_of(), region.clock.at) for one in nodes]

    def outcome(one):
        try:
            region.port.enrolment.join(one)
        except CodeUsed:
            return "used"
        return "joined"

    with ThreadPoolExecutor(6) as pool:
        found = sorted(pool.map(outcome, asked))
    assert found == ["joined"] + ["used"] * 5
    assert count(region, NODE) == 1


def test_a_secret_is_wrapped_in_the_table(region):
    code = region.invite()
    with region.site.database.read() as sql:
        kept = bytes(sql.execute(select(INVITE.c.secret)).scalar_one())
    assert code.secret not in kept
    with region.site.database.write() as sql:
        sql.execute(update(INVITE).values(id="cd" * 5))
    with pytest.raises(Exception, match="E7603"):  # bound to its invitation
        region.port.enrolment.join(
            asked_join(
                NodeIdentity.of(Ed25519PrivateKey.generate()),
                JoinCode("cd" * 5, code.secret, code.pin), csr_of(), region.clock.at,
            )
        )  # fmt: skip


def test_lists_hold_no_secret(region):
    region.invite()
    (row,) = invitations(region.site)
    assert "secret" not in row
    assert row["hospital_name"] == "甲县医院"
    assert row["state"] == "open"
    assert (
        invite(region.site, region.authority.pin, "甲县医院", DAY, "x").hospital == row["hospital"]
    )


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("ipv4:203.0.113.9:4711", "203.0.113.9"),
        ("ipv6:[2001:db8:1:2:3:4:5:6]:4711", "2001:db8:1:2::/64"),
        ("ipv6:%5B2001:db8:1:2:3:4:5:7%5D:9", "2001:db8:1:2::/64"),
        ("ipv6:[::ffff:203.0.113.9]:1", "203.0.113.9"),
        ("unix:/tmp/x", "unix"),
        ("", ""),
    ],
)
def test_addresses_of_peers(peer, address):
    assert address_of(peer) == address
