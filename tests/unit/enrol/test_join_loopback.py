"""A real join over loopback gRPC, and everything that must be refused on the way."""

from __future__ import annotations

import contextlib
import socket
import stat
import threading

import pytest
from sqlalchemy import select

from core.seals.directory import verify_directory
from core.vault.certificates import node_of
from core.vault.enrol_errors import CodeMistyped, CodeUsed, CodeWrong
from core.vault.join_code import JoinCode
from edge.uplink.enrol_client import enrol_client
from edge.uplink.join import join, join_request
from edge.uplink.join_errors import AlreadyJoined, HubUnreachable, ServerNotPinned
from hub.registry.devices import Devices
from hub.store.tables import ATTEMPT, CERTIFICATE, HOSPITAL, INVITE, NODE
from tests.enrol_cases import Region, box_at
from tests.hub_cases import make_hub, migrated


def rows(site, table):
    with site.database.read() as sql:
        return sql.execute(select(table)).all()


def test_a_box_joins(served, box):
    code = served.invite()
    told = join(box.box, served.address, code.text(), by="it")
    assert told.hospital == served.hospital
    assert told.hospital_name == "甲县医院"
    assert told.hub == served.site.identity.id
    device = box.credentials.device()
    assert node_of(device.certificate) == box.box.identity.id
    assert device.ends_ms - device.begins_ms == 24 * 3_600_000 + 15 * 60_000
    (node,) = rows(served.site, NODE)
    (kept,) = rows(served.site, CERTIFICATE)
    (used,) = rows(served.site, INVITE)
    assert (node.id, node.hospital) == (box.box.identity.id, served.hospital)
    assert (kept.serial, used.used_by) == (device.serial, node.id)
    shown = served.site.directory.show(0)
    directory = verify_directory(shown.entries, shown.head, bytes.fromhex(told.hub_sign_public))
    assert directory.contents.nodes[node.id].seal_public == bytes(node.seal_public)
    assert (directory.size, directory.head.head) == (told.directory_size, told.directory_head)


def test_secrets_are_their_owners_alone(served, box):
    join(box.box, served.address, served.invite().text())
    for folder in (box.box.folder / "uplink", box.box.folder / "keys", served.authority.folder):
        for path in folder.iterdir():
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert not (box.box.folder / "uplink" / "pending.pem").exists()
    assert b"PRIVATE" not in b"".join(bytes(r.der) for r in rows(served.site, CERTIFICATE))


def test_the_caller_is_admitted_by_its_certificate(served, box):
    from cryptography.hazmat.primitives.serialization import Encoding

    join(box.box, served.address, served.invite().text())
    der = box.credentials.device().certificate.public_bytes(Encoding.DER)
    caller = Devices(served.site).admit(der)
    assert (caller.node, caller.hospital) == (box.box.identity.id, served.hospital)


def test_a_used_code_is_refused_to_another_box(served, box, tmp_path, hub_clock):
    code = served.invite()
    join(box.box, served.address, code.text())
    second = box_at(tmp_path / "second", hub_clock)
    with pytest.raises(CodeUsed):
        join(second.box, served.address, code.text())
    assert not second.credentials.joined
    second.box.close()


def test_a_lost_answer_is_asked_for_anew(served, box):
    code = served.invite()
    with enrol_client(served.address, code.pin.hex()) as client:
        lost = client.join(join_request(box.box, code, box.credentials.pending()))
    assert not box.credentials.joined
    join(box.box, served.address, code.text())
    (kept,) = rows(served.site, CERTIFICATE)
    assert box.credentials.device().serial == kept.serial
    assert bytes(kept.der) == lost.chain[0]


def test_a_picture_names_the_address(served, box):
    join(box.box, "", served.invite().picture_text(served.address))
    assert box.credentials.region().enrol_address == served.address


def test_a_joined_box_stays_unless_told(served, box):
    join(box.box, served.address, served.invite().text())
    with pytest.raises(AlreadyJoined):
        join(box.box, served.address, served.invite().text())
    first = box.credentials.device().serial
    join(box.box, served.address, served.invite().text(), again=True)
    assert box.credentials.device().serial != first
    assert len(rows(served.site, NODE)) == 1
    assert served.site.directory.current().size == 2  # nothing new to say of the box


def test_another_server_is_noticed_before_anything_is_sent(served, box, tmp_path, hub_clock):
    """Whoever stands in between has another key: the code names the right one."""
    url = f"sqlite:///{tmp_path / 'evil.db'}"
    migrated(url)
    evil = Region(make_hub(tmp_path / "evil", url, hub_clock), hub_clock, tmp_path / "e").serve()
    try:
        with pytest.raises(ServerNotPinned):
            join(box.box, evil.address, served.invite().text())
        assert not rows(evil.site, ATTEMPT)
    finally:
        evil.stop()
        evil.site.close()


def test_a_guessed_secret_is_refused(served, box):
    right = served.invite()
    wrong = JoinCode(right.invite, bytes(16), right.pin)
    with pytest.raises(CodeWrong):
        join(box.box, served.address, wrong.text())
    (kept,) = rows(served.site, ATTEMPT)
    assert (kept.what, kept.who, kept.code) == ("join", right.invite, 7302)
    assert kept.address == "127.0.0.1"
    join(box.box, served.address, right.text())


def test_a_mistyped_code_sends_nothing(served, box):
    text = served.invite().text()
    wrong = ("0" if text[0] != "0" else "1") + text[1:]
    with pytest.raises(CodeMistyped):
        join(box.box, served.address, wrong)
    assert not rows(served.site, ATTEMPT)


def test_nobody_answers(box, served):
    code = served.invite().text()
    served.stop()
    with pytest.raises(HubUnreachable):
        join(box.box, served.address, code)


def test_the_recovery_key_goes_along_once(served, box, tmp_path, hub_clock):
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    from core.vault.identity import write_secret

    public = X25519PrivateKey.generate().public_key().public_bytes_raw()
    write_secret(box.box.folder / "keys" / "recovery.pub", public)
    join(box.box, served.address, served.invite().text())
    assert bytes(rows(served.site, HOSPITAL)[0].recovery_public) == public
    contents = served.site.directory.current().contents
    assert contents.hospitals[served.hospital].recovery_public == public
    other = box_at(tmp_path / "other", hub_clock)
    another = X25519PrivateKey.generate().public_key().public_bytes_raw()
    write_secret(other.box.folder / "keys" / "recovery.pub", another)
    join(other.box, served.address, served.invite().text())
    assert bytes(rows(served.site, HOSPITAL)[0].recovery_public) == public
    other.box.close()


def test_a_line_that_turns_to_another_server_after_the_look_is_noticed(
    served, box, tmp_path, hub_clock
):
    """The first connection reaches the hub and shows its certificate, the next somebody else."""
    url = f"sqlite:///{tmp_path / 'evil.db'}"
    migrated(url)
    evil = Region(make_hub(tmp_path / "evil", url, hub_clock), hub_clock, tmp_path / "e").serve()
    with Turning([served.address, evil.address]) as line:
        code = served.invite()
        with pytest.raises(HubUnreachable):
            join(box.box, line.address, code.text())
    assert not rows(evil.site, ATTEMPT)
    assert not rows(evil.site, NODE)
    assert not box.credentials.joined
    evil.stop()
    evil.site.close()
    join(box.box, served.address, code.text())  # and the code is still good


class Turning:
    """A relay: the first connection goes to the first target, all others to the last."""

    def __init__(self, targets):
        self._targets = list(targets)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._open = []

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        for one in [self._listener, *self._open]:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                target = self._targets.pop(0) if len(self._targets) > 1 else self._targets[0]
                host, _, port = target.rpartition(":")
                far = socket.create_connection((host, int(port)))
                self._open += [near, far]
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self._pump, args=(one, other), daemon=True).start()

    def _pump(self, one, other):
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)
