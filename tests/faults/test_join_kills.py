"""Joining with a box or a hub that is killed at any step: the code is used once, and not wasted."""

from __future__ import annotations

import os
import signal

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import event, select

from core.seals.directory import verify_directory
from core.seals.keybook import raw_public
from core.vault.identity import NodeIdentity
from edge.store.box import create_box, open_box, real_outside
from edge.uplink.certificates import Credentials
from edge.uplink.join_errors import AlreadyJoined
from hub.outside import Outside
from hub.registry.authority import open_authority
from hub.registry.devices import Devices
from hub.registry.enrol import Enrolment
from hub.site import open_hub
from hub.store.tables import CERTIFICATE, CHAIN, DIRECTORY, INVITE, NODE, NONCE
from tests.enrol_cases import Region, asked_join
from tests.hub_cases import make_hub, migrated
from tests.join_edge import STEPS, run_join
from tests.sync_site import now_ms

TABLES = (NODE, CERTIFICATE, DIRECTORY, CHAIN, NONCE)


def rows(site, table):
    with site.database.read() as sql:
        return sql.execute(select(table)).all()


# -- the box ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def region(tmp_path_factory):
    folder = tmp_path_factory.mktemp("joins")
    url = f"sqlite:///{folder / 'hub.db'}"
    migrated(url)
    made = Region(make_hub(folder / "hub", url, now_ms), now_ms, folder).serve()
    yield made
    made.stop()
    made.site.close()


@pytest.mark.parametrize("step", STEPS)
def test_a_box_that_is_killed_while_it_joins_joins_with_the_same_code(region, tmp_path, step):
    folder, code = tmp_path / "box", region.invite()
    create_box(folder, "", real_outside()).close()
    before = len(rows(region.site, CERTIFICATE))
    assert run_join(folder, region.address, code.text(), step) == (-signal.SIGKILL, "")
    credentials = Credentials(folder / "uplink")
    kept = credentials.pending().csr if step != "request forgotten" else b""
    joined = step in ("region kept", "request forgotten")
    assert credentials.joined is joined
    again = run_join(folder, region.address, code.text())
    # Where it has joined already, the sentence says so and nothing is changed.
    assert again == (0, f"E{AlreadyJoined.code}" if joined else region.hospital)
    device = credentials.device()
    assert len(rows(region.site, CERTIFICATE)) == before + 1  # one, however often it was asked for
    if kept:  # the key that was made first is the one in force
        assert x509.load_der_x509_csr(kept).public_key() == device.certificate.public_key()
    box = open_box(folder, real_outside())
    node = box.identity.id
    box.close()
    der = device.certificate.public_bytes(Encoding.DER)
    assert Devices(region.site).admit(der).node == node
    [used] = [row for row in rows(region.site, INVITE) if row.id == code.invite]
    assert used.used_by == node
    if step == "answered":  # and the code opens nothing for anybody else
        create_box(tmp_path / "other", "", real_outside()).close()
        assert run_join(tmp_path / "other", region.address, code.text()) == (0, "E7303")


# -- the hub ---------------------------------------------------------------------------------------


class Hub:
    """A hub that judges joins; each judgement may be made in a child that dies on the way."""

    def __init__(self, site, clock, folder):
        self.region = Region(site, clock, folder)
        self.node = NodeIdentity.of(Ed25519PrivateKey.generate())
        key = ec.generate_private_key(ec.SECP256R1())
        request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
        self.csr = request.sign(key, SHA256()).public_bytes(Encoding.DER)

    def asked(self, code):
        return asked_join(self.node, code, self.csr, self.region.clock.at)

    def die_at(self, code, statement):
        """Join in a child that is killed after its n-th statement; return whether it was."""
        asked, site = self.asked(code), self.region.site
        child = os.fork()
        if child == 0:  # pragma: no cover the parent's coverage ends here
            try:
                own = open_hub(site.folder, Outside(site.outside.now_ms, os.urandom))
                authority = open_authority(own.folder, own.identity.id, own.outside)
                count = [0]

                def after(*_):
                    count[0] += 1
                    if count[0] == statement:
                        os.kill(os.getpid(), signal.SIGKILL)

                event.listen(own.database.engine, "after_cursor_execute", after)
                Enrolment(own, authority).join(asked)
                os._exit(0)
            finally:
                os._exit(1)
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            assert os.WTERMSIG(status) == signal.SIGKILL
            return True
        assert os.WEXITSTATUS(status) == 0
        return False

    def counts(self):
        return [len(rows(self.region.site, table)) for table in TABLES]


def test_a_hub_that_is_killed_at_any_statement_of_a_join_has_all_of_it_or_nothing(
    hub, hub_clock, tmp_path
):
    made = Hub(hub, hub_clock, tmp_path)
    site, code = made.region.site, made.region.invite()
    before, statement = made.counts(), 1
    while made.die_at(code, statement):
        assert made.counts() == before, statement
        [invite] = rows(site, INVITE)
        assert (invite.used_at, invite.failures) == (None, 0), statement
        statement += 1
    assert statement > 10
    # It was committed and the answer was lost: the same box asks again with the same code.
    after = made.counts()
    assert all(more > less for more, less in zip(after, before, strict=True))
    answer = made.region.port.enrolment.join(made.asked(code))
    [kept] = rows(site, CERTIFICATE)
    assert answer.certificate.public_bytes(Encoding.DER) == bytes(kept.der)
    assert made.counts()[:3] == after[:3]
    shown = site.directory.show(0)
    public = raw_public(site.identity.key.public_key())
    assert made.node.id in verify_directory(shown.entries, shown.head, public).contents.nodes
