"""Hostile bytes at the enrolment port: every answer is a numbered refusal, nothing is kept."""

from __future__ import annotations

import json
import os
import socket
import ssl

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, select

from core.vault.enrolment import Join, Renew, prove, sign
from core.vault.identity import NodeIdentity
from edge.uplink.certificates import enrol_options
from hub.store.tables import ATTEMPT, CERTIFICATE, INVITE, NODE
from protos.gen import enrol_pb2 as pb
from tests.enrol_cases import Region
from tests.hub_cases import HubClock, make_hub, migrated

SETTINGS = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
BYTES = st.one_of(st.binary(max_size=80), st.sampled_from([bytes(16), bytes(32), b"\xff" * 32]))
TEXTS = st.one_of(st.text(max_size=80), st.sampled_from(["ab" * 5, "ab" * 32, "0", ""]))
NUMBERS = st.integers(-(2**63), 2**63 - 1)
JOINS = st.builds(
    pb.JoinRequest, invite=TEXTS, secret_proof=BYTES, csr=BYTES, sign_public=BYTES,
    seal_public=BYTES, node_signature=BYTES, software=TEXTS, recovery_public=BYTES, nonce=BYTES,
    at_ms=NUMBERS,
)  # fmt: skip
RENEWS = st.builds(
    pb.RenewRequest, node=TEXTS, serial=TEXTS, csr=BYTES, at_ms=NUMBERS, nonce=BYTES,
    signature=BYTES, local_consent=st.booleans(), recovery_public=BYTES, software=TEXTS,
)  # fmt: skip


@pytest.fixture(scope="module")
def region(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fuzz")
    url = f"sqlite:///{folder / 'hub.db'}"
    migrated(url)
    clock = HubClock()
    made = Region(make_hub(folder / "hub", url, clock), clock, folder).serve()
    yield made
    made.stop()
    made.site.close()


@pytest.fixture(scope="module")
def channel(region):
    trusted = grpc.ssl_channel_credentials(
        region.authority.enrol.certificate.public_bytes(Encoding.PEM)
    )
    with grpc.secure_channel(region.address, trusted, options=enrol_options()) as made:
        yield made


@pytest.fixture
def ask(region, channel):
    """Send raw bytes to a method; return the number of the refusal, or the status' name."""

    def ask(method: str, data: bytes):
        call = channel.unary_unary(f"/xinglin.v1.Enrolment/{method}")
        with region.site.database.write() as sql:
            sql.execute(delete(ATTEMPT))  # each example by itself, not the address's limit
        with pytest.raises(grpc.RpcError) as caught:
            call(data, timeout=20)
        try:
            return json.loads(caught.value.details())["code"]
        except (ValueError, KeyError, TypeError):
            return caught.value.code().name

    return ask


def kept(region):
    with region.site.database.read() as sql:
        return [
            sql.execute(select(func.count()).select_from(table)).scalar()
            for table in (NODE, CERTIFICATE)
        ]


@SETTINGS
@given(request_=JOINS)
def test_any_join_is_refused_by_number(region, ask, request_):
    assert 7300 <= ask("Join", request_.SerializeToString()) < 7350
    assert kept(region) == [0, 0]


@SETTINGS
@given(request_=RENEWS)
def test_any_renewal_is_refused_by_number(region, ask, request_):
    assert 7300 <= ask("Renew", request_.SerializeToString()) < 7350
    assert kept(region) == [0, 0]


@SETTINGS
@given(method=st.sampled_from(["Join", "Renew"]), data=st.binary(max_size=300))
def test_any_bytes_are_refused(region, ask, method, data):
    assert 7300 <= ask(method, data) < 7350
    assert kept(region) == [0, 0]


@SETTINGS
@given(data=st.data())
def test_whoever_holds_a_code_sends_what_they_like(region, ask, data):
    """Proved and signed, but hostile inside: a refusal, or a certificate of a well-made request."""
    node = NodeIdentity.of(Ed25519PrivateKey.from_private_bytes(data.draw(st.just(bytes(32)))))
    code = region.invite()
    join = Join(
        invite=code.invite, csr=data.draw(st.binary(max_size=200)),
        sign_public=node.key.public_key().public_bytes_raw(), seal_public=bytes(range(1, 33)),
        recovery_public=data.draw(st.sampled_from([b"", bytes(range(32)), b"\xff" * 32])),
        software=data.draw(st.text(max_size=30)), nonce=os.urandom(16),
        at_ms=data.draw(st.integers(0, 2**53 - 1)),
    )  # fmt: skip
    sent = pb.JoinRequest(
        invite=join.invite, secret_proof=prove(code.secret, join), csr=join.csr,
        sign_public=join.sign_public, seal_public=join.seal_public,
        node_signature=sign(node.key, join), software=join.software,
        recovery_public=join.recovery_public, nonce=join.nonce, at_ms=join.at_ms,
    )  # fmt: skip
    assert ask("Join", sent.SerializeToString()) in (7308, 7311)
    assert kept(region) == [0, 0]
    with region.site.database.read() as sql:
        assert sql.execute(
            select(INVITE.c.used_at).where(INVITE.c.id == code.invite)
        ).scalar_one() is None  # fmt: skip


def test_an_oversize_message_is_refused_unread(ask):
    huge = pb.JoinRequest(csr=bytes(100_000)).SerializeToString()
    for _ in range(12):  # and the connection goes on
        assert ask("Join", huge) == "RESOURCE_EXHAUSTED"
    assert ask("Join", b"") == 7308


def test_an_unknown_method_is_refused(channel):
    call = channel.unary_unary("/xinglin.v1.Sync/Link")
    with pytest.raises(grpc.RpcError) as caught:
        call(b"", timeout=20)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_the_port_speaks_nothing_without_tls(region):
    with (
        grpc.insecure_channel(region.address) as plain,
        pytest.raises(grpc.RpcError) as caught,
    ):
        plain.unary_unary("/xinglin.v1.Enrolment/Join")(b"", timeout=5)
    assert caught.value.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_old_tls_is_refused(region, version):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = context.maximum_version = version
    context.set_ciphers("ALL:@SECLEVEL=0")
    host, _, port = region.address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=10) as plain, pytest.raises(OSError):  # noqa: PT011 any end of the handshake
        context.wrap_socket(plain)


def test_what_is_signed_covers_every_field():
    """A field that is added to a message is either signed or the signature itself."""
    own = {"secret_proof", "node_signature", "signature"}
    for message, kind in ((pb.JoinRequest, Join), (pb.RenewRequest, Renew)):
        fields = {field.name for field in message.DESCRIPTOR.fields} - own
        assert fields == set(kind.__dataclass_fields__)
