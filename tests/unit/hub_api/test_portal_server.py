"""The portal as its own server: TLS, who is believed about addresses, graceful end."""

from __future__ import annotations

import datetime
import socket
import ssl
import threading
import time
from contextlib import contextmanager

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from hub.api.serve import portal_for, server_for
from hub.store.tables import ATTEMPT
from tests.hub_cases import make_hub, migrated

WRONG = {"user": "nobody", "password": "wrong password"}


def certificate(folder):
    """Write a self-signed certificate for 127.0.0.1; return (certificate, key) paths."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "hub")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "hub.crt", folder / "hub.key.pem"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return paths


@pytest.fixture
def hub_of(tmp_path, hub_clock):
    made = []

    def make(more):
        url = f"sqlite:///{tmp_path / 'hub.db'}"
        migrated(url)
        made.append(make_hub(tmp_path / "hub", url, hub_clock, more))
        return made[-1]

    yield make
    for site in made:
        site.close()


@contextmanager
def serving(site):
    """Run the portal of a hub in a thread; yields its port."""
    with httpx.Client() as client, socket.create_server(("127.0.0.1", 0)) as listening:
        server = server_for(portal_for(site, client))
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        ends = time.monotonic() + 30
        while not server.started:
            assert time.monotonic() < ends
            time.sleep(0.01)
        try:
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(30)
        assert not thread.is_alive()


def addresses(site):
    with site.database.read() as sql:
        return [row.address for row in sql.execute(ATTEMPT.select())]


@pytest.mark.parametrize(
    ("proxies", "seen"), [("[]", "127.0.0.1"), ('["127.0.0.1"]', "203.0.113.7")]
)
def test_a_forwarded_address_is_believed_of_a_known_proxy_only(hub_of, proxies, seen):
    site = hub_of(f"[portal]\nproxies = {proxies}\n")
    with serving(site) as port:
        answer = httpx.post(
            f"http://127.0.0.1:{port}/api/login", json=WRONG,
            headers={"X-Forwarded-For": "203.0.113.7"},
        )  # fmt: skip
    assert answer.json()["code"] == "E6001"
    assert addresses(site) == [seen]
    assert "server" not in answer.headers


def test_over_tls_the_cookie_is_secure(hub_of, tmp_path, hub_clock):
    from tests.hub_people import Crew

    crt, key = certificate(tmp_path)
    site = hub_of(f'[portal]\ncertificate = "{crt}"\nkey = "{key}"\n')
    crew = Crew(site, hub_clock)
    crew.add("li")
    trust = ssl.create_default_context(cafile=str(crt))
    with serving(site) as port, httpx.Client(verify=trust) as client:
        form = {"user": "li", "password": "a long password"}
        answer = client.post(f"https://localhost:{port}/api/login", json=form)
    assert "secure" in answer.headers["set-cookie"].lower()
