"""The region's certificates: profiles, the root kept apart, what a stolen key cannot do."""

from __future__ import annotations

import stat
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from core.vault.certificates import (
    check_chain,
    instant,
    node_of,
    not_after_ms,
    pin_of_certificate,
    sync_name,
)
from core.vault.enrol_errors import CertificateUnknown
from hub.registry import ca
from hub.registry.authority import (
    RootKeyFile,
    create_authority,
    open_authority,
    renew_issuing,
)
from hub.registry.ca_errors import (
    AuthorityDamaged,
    AuthorityMissing,
    IssuingEnded,
    RootKeyExists,
    RootKeyWrong,
)
from hub.registry.devices import Devices
from tests.enrol_cases import DAY

NODE = "ab" * 32
YEAR = 365 * DAY


def key():
    return ec.generate_private_key(ec.SECP256R1())


def value(certificate, kind):
    return certificate.extensions.get_extension_for_class(kind).value


@pytest.fixture
def leaf(region):
    return region.authority.issue_device(NODE, key().public_key(), timedelta(hours=24))


def test_profiles(region, leaf):
    authority = region.authority
    root, issuing = authority.root, authority.issuing.certificate
    assert value(root, x509.BasicConstraints).path_length == 1
    assert (root.not_valid_after_utc - root.not_valid_before_utc).days >= 20 * 365
    assert value(issuing, x509.BasicConstraints).path_length == 0
    constraints = value(issuing, x509.NameConstraints)
    assert [str(n.value) for n in constraints.permitted_subtrees] == ["xinglin.internal"]
    assert len(constraints.excluded_subtrees) == 2
    assert value(leaf, x509.BasicConstraints).ca is False
    assert list(value(leaf, x509.ExtendedKeyUsage)) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert node_of(leaf) == NODE
    server = authority.server().certificate
    assert list(value(server, x509.ExtendedKeyUsage)) == [ExtendedKeyUsageOID.SERVER_AUTH]
    names = value(server, x509.SubjectAlternativeName).get_values_for_type(x509.DNSName)
    assert names == [sync_name(region.site.identity.id)]
    check_chain([leaf, issuing], root)
    check_chain([server, issuing], root)


def test_a_foreign_verifier_accepts_the_server(region):
    """The policy of RFC 5280 as another library applies it."""
    authority = region.authority
    policy = x509.verification.PolicyBuilder().store(x509.verification.Store([authority.root]))
    verifier = policy.time(instant(region.clock.at)).build_server_verifier(
        x509.DNSName(sync_name(region.site.identity.id))
    )
    server = authority.server().certificate
    chain = verifier.verify(server, [authority.issuing.certificate])
    assert len(chain) == 3


@pytest.mark.parametrize("name", ["example.com", "xinglin.internal.example.com"])
def test_the_issuing_key_serves_no_other_name(region, name):
    authority = region.authority
    thief = key()
    subject = ca.Subject(
        name, thief.public_key(), (x509.DNSName(name),), ExtendedKeyUsageOID.SERVER_AUTH
    )
    made = ca.make_leaf(authority.issuing, subject, region.clock.at, timedelta(days=1), 7)
    policy = x509.verification.PolicyBuilder().store(x509.verification.Store([authority.root]))
    verifier = policy.time(instant(region.clock.at)).build_server_verifier(x509.DNSName(name))
    with pytest.raises(x509.verification.VerificationError):
        verifier.verify(made, [authority.issuing.certificate])


def test_a_certificate_that_the_hub_did_not_write_down_opens_nothing(region, leaf):
    """Made with a stolen issuing key: its chain is right, and it is refused."""
    with pytest.raises(CertificateUnknown):
        Devices(region.site).admit(leaf.public_bytes(Encoding.DER))
    server = region.authority.server().certificate
    for der in (b"", b"x", server.public_bytes(Encoding.DER)):
        with pytest.raises(CertificateUnknown):
            Devices(region.site).admit(der)


def test_the_hub_works_without_the_root_key(region, leaf):
    region.root_key.path.unlink()
    again = open_authority(region.site.folder, region.site.identity.id, region.site.outside)
    check_chain([leaf, again.issuing.certificate], again.root)
    again.issue_device(NODE, key().public_key(), timedelta(hours=1))
    folder = region.authority.folder
    for path in folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        if b"PRIVATE" in path.read_bytes():
            made = x509.load_pem_x509_certificate(path.read_bytes())
            assert made.public_key() != again.root.public_key()


def test_the_root_key_renews_the_issuing_certificate(region):
    region.clock.at += 4 * YEAR
    before = not_after_ms(region.authority.issuing.certificate)
    again = renew_issuing(region.authority, "测试", region.root_key)
    assert not_after_ms(again.issuing.certificate) > before
    assert again.pin == region.authority.pin  # codes and boxes that were off stay good
    leaf = again.issue_device(NODE, key().public_key(), timedelta(hours=24))
    check_chain([leaf, region.authority.issuing.certificate], again.root)


def test_another_key_does_not(region, tmp_path):
    from cryptography.hazmat.primitives.serialization import NoEncryption, PrivateFormat

    wrong = tmp_path / "wrong.key"
    wrong.write_bytes(key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    for path in (wrong, tmp_path / "none"):
        with pytest.raises(RootKeyWrong):
            renew_issuing(region.authority, "测试", RootKeyFile(path))


def test_a_passphrase_guards_the_root_key(region, tmp_path):
    site = region.site
    file = RootKeyFile(tmp_path / "guarded.key", "杏林 passphrase")
    made = create_authority(tmp_path / "hub2", site.identity.id, "x", file, site.outside)
    assert b"ENCRYPTED" in file.path.read_bytes()
    with pytest.raises(RootKeyWrong):
        renew_issuing(made, "x", RootKeyFile(file.path, "wrong"))
    with pytest.raises(RootKeyWrong):
        renew_issuing(made, "x", RootKeyFile(file.path))
    renew_issuing(made, "x", file)


def test_a_root_key_is_never_overwritten(region):
    with pytest.raises(RootKeyExists):
        create_authority(
            region.site.folder, region.site.identity.id, "x", region.root_key, region.site.outside
        )


def test_an_ended_issuing_certificate_says_so(region):
    region.clock.at += 5 * YEAR + DAY
    with pytest.raises(IssuingEnded):
        region.authority.issue_device(NODE, key().public_key(), timedelta(hours=1))


def test_no_certificate_outlasts_its_issuer(region):
    leaf = region.authority.issue_device(NODE, key().public_key(), timedelta(days=9000))
    assert leaf.not_valid_after_utc == region.authority.issuing.certificate.not_valid_after_utc


def test_the_server_certificate_renews_itself(region):
    first = region.authority.server()
    assert region.authority.server().certificate == first.certificate
    region.clock.at += 21 * DAY
    second = region.authority.server()
    assert second.certificate != first.certificate
    assert not_after_ms(second.certificate) > not_after_ms(first.certificate)


def test_the_enrolment_certificate_has_no_end(region):
    certificate = region.authority.enrol.certificate
    assert certificate.not_valid_after_utc.year == 9999
    assert certificate.not_valid_before_utc.year == 1970
    assert pin_of_certificate(certificate) == region.authority.pin
    assert len(region.authority.pin) == 16


@pytest.mark.parametrize("name", ["issuing.pem", "enrol.pem", "root.crt"])
def test_a_damaged_folder_is_named(region, name):
    site = region.site
    path = region.authority.folder / name
    path.write_bytes(b"damaged")
    with pytest.raises(AuthorityDamaged, match=name):
        open_authority(site.folder, site.identity.id, site.outside)
    path.unlink()
    with pytest.raises((AuthorityDamaged, AuthorityMissing)):
        open_authority(site.folder, site.identity.id, site.outside)


def test_a_foreign_root_is_noticed(region, tmp_path):
    site = region.site
    other = create_authority(
        tmp_path / "other", site.identity.id, "x", RootKeyFile(tmp_path / "o.key"), site.outside
    )
    (region.authority.folder / "root.crt").write_bytes((other.folder / "root.crt").read_bytes())
    with pytest.raises(AuthorityDamaged):
        open_authority(site.folder, site.identity.id, site.outside)


@pytest.mark.parametrize("bad", ["short", "two", "other"])
def test_a_device_certificate_names_one_node(region, bad):
    names = {
        "short": (NODE[:10], [f"xinglin:node:{NODE[:10]}"]),
        "two": (NODE, [f"xinglin:node:{NODE}", f"xinglin:node:{'cd' * 32}"]),
        "other": (NODE, [f"xinglin:node:{'cd' * 32}"]),
    }[bad]
    subject = ca.Subject(
        names[0], key().public_key(),
        tuple(x509.UniformResourceIdentifier(one) for one in names[1]),
        ExtendedKeyUsageOID.CLIENT_AUTH,
    )  # fmt: skip
    made = ca.make_leaf(region.authority.issuing, subject, region.clock.at, timedelta(days=1), 7)
    with pytest.raises(CertificateUnknown):
        node_of(made)
