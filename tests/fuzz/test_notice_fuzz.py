"""Hostile bytes instead of notices, and instead of a broker: refused by number, nothing else."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import XinglinError
from core.seals.notice import DOMAIN, Notice, open_notice, sign_notice
from core.seals.statements import sign_node
from core.vault.certificates import broker_name
from core.vault.identity import node_identity
from core.web.broker import BrokerLink, BrokerSite, Ears
from hub.registry.broker_files import keep_broker_files, keep_publisher
from tests.enrol_cases import Region
from tests.hub_cases import make_hub, migrated
from tests.sync_site import now_ms

SETTINGS = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
NODE = "ab" * 32
GOOD = Notice("opinion", "c_" + "1" * 32, "urgent", 7, "2026-11-23T03:00:00.000Z")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    return node_identity(tmp_path_factory.mktemp("notice") / "hub.key")


def refused(data: bytes, key) -> bool:
    """Say whether it was refused by a number; any other exception fails the test."""
    try:
        open_notice(data, NODE, key.id, key.key.public_key())
    except XinglinError as error:
        return 7000 <= error.code < 7200
    return False


@SETTINGS
@given(data=st.binary(max_size=3000))
def test_bytes_are_no_notice(key, data):
    assert refused(data, key)


@SETTINGS
@given(value=JSON)
def test_json_is_no_notice(key, value):
    assert refused(json.dumps(value).encode(), key)
    assert refused(json.dumps({"signature": "00" * 64, "statement": value}).encode(), key)


@SETTINGS
@given(at=st.integers(0, 5000), bit=st.integers(0, 7))
def test_one_bit_changed_is_no_notice(key, at, bit):
    data = bytearray(sign_notice(GOOD, NODE, key))
    data[at % len(data)] ^= 1 << bit
    assert refused(bytes(data), key)


@SETTINGS
@given(field=st.sampled_from(["at", "box", "consult", "kind", "seq", "urgency"]), value=JSON)
def test_what_the_hub_signed_is_looked_at_all_the_same(key, field, value):
    body = {
        "at": GOOD.at, "box": NODE, "consult": GOOD.consult, "kind": GOOD.kind, "seq": GOOD.seq,
        "urgency": GOOD.urgency, field: value,
    }  # fmt: skip
    try:
        data = sign_node(body, DOMAIN, key)
    except ValueError:
        return  # not even canonical JSON
    if not refused(data, key):
        opened = open_notice(data, NODE, key.id, key.key.public_key())
        assert isinstance(getattr(opened, field, ""), type(getattr(GOOD, field, "")))


# -- a broker that is none ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def region(tmp_path_factory):
    """A region whose clock is the real one: TLS looks at it."""
    folder = tmp_path_factory.mktemp("region")
    url = f"sqlite:///{folder / 'hub.db'}"
    migrated(url)
    site = make_hub(folder / "hub", url, now_ms)
    yield Region(site, now_ms, folder)
    site.close()


GARBAGE = {
    "closes": b"",
    "noise": b"\xff\x00\x17" * 400,
    "a server of another kind": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "refused": bytes.fromhex("2003008700"),
    "half an answer": bytes.fromhex("2003"),
    "longer than it says": bytes.fromhex("20ffffff7f00"),
    "a message before the answer": bytes.fromhex("30050001610062"),
    "properties that end early": bytes.fromhex("200700000521ffffff"),
}


@pytest.mark.parametrize("said", GARBAGE.values(), ids=GARBAGE.keys())
def test_a_broker_that_talks_nonsense_ends_the_connection_and_nothing_else(region, said):
    ended, heard = talk(region, said)
    assert not ended.worked
    assert ended.fault
    assert not heard


@settings(parent=SETTINGS, max_examples=25)
@given(said=st.binary(min_size=1, max_size=200))
def test_a_broker_of_noise(region, said):
    ended, _ = talk(region, b"\x20" + said)
    assert ended.fault


@settings(parent=SETTINGS, max_examples=25)
@given(said=st.binary(min_size=1, max_size=200))
def test_noise_after_a_good_beginning(region, said):
    ended, heard = talk(region, bytes.fromhex("2003000000") + said)
    assert ended.worked
    assert heard[0] == "open"


def talk(region, said):
    """Serve one connection with a broker's certificate and these bytes; return how it ended."""
    hub = region.site
    folder = keep_broker_files(hub, region.authority)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "broker.crt", folder / "broker.key")
    listening = socket.create_server(("127.0.0.1", 0))

    def serve():
        plain, _ = listening.accept()
        with plain, context.wrap_socket(plain, server_side=True) as tls:
            tls.recv(1000)
            with contextlib.suppress(OSError):
                tls.sendall(said)

    thread = threading.Thread(target=serve)
    thread.start()
    site = BrokerSite(
        "127.0.0.1", listening.getsockname()[1], broker_name(hub.identity.id),
        region.authority.root.public_bytes(Encoding.PEM).decode(),
        keep_publisher(hub, region.authority),
    )  # fmt: skip
    heard: list[str] = []
    ears = Ears(lambda: heard.append("open"), lambda *_: heard.append("message"))
    ended = BrokerLink(site, ears, "ab" * 16).serve()
    thread.join(30)
    listening.close()
    return ended, heard
