"""A revoked box is out everywhere within a minute: what is open, what runs, what begins."""

from __future__ import annotations

import grpc
import pytest
from sqlalchemy import insert

from core.seals.errors import SignerRevoked
from core.seals.statements import open_statement, sign_node
from edge.uplink.status import kept_status
from hub.downlink import server, session
from hub.registry import devices
from hub.registry.devices import revoke
from hub.registry.hospitals import add_hospital
from hub.store.tables import ATTACHED, CONSULT
from protos.gen import sync_pb2 as pb
from protos.gen import sync_pb2_grpc as rpc
from tests.sync_site import SyncBox, SyncSite, running, sealed, until

MINUTE_S = 60


def test_the_intervals_add_up_to_less_than_a_minute():
    """What is looked at every so often, and what is believed for so long."""
    open_link = server._ADMIT_S + session._LOOK_S
    a_message = devices.CACHE_MS / 1000
    assert open_link + a_message < MINUTE_S
    assert 3 * open_link < MINUTE_S  # with room for a busy machine


@pytest.fixture
def site(tmp_path):
    made = SyncSite(tmp_path / "site").start()
    yield made
    made.stop()


def test_a_download_that_runs_is_broken_off(site, tmp_path, monkeypatch):
    monkeypatch.setattr(devices, "CACHE_MS", 0)
    box = SyncBox(site, tmp_path / "box")
    with running(box):
        data = sealed(40_000_000)
        address = box.outbox.put_object(data, "c_1")
        box.up()
        until(box.empty, 60)
        box.down()
        with site.site.database.write() as sql:
            sql.execute(insert(CONSULT).values(
                id="c_1", kind="consultation", hospital=site.region.hospital, urgency="urgent",
                state="requested", changed_at=0, folded="{}",
            ))  # fmt: skip
            sql.execute(insert(ATTACHED).values(consult="c_1", address=address, event="e_1"))
        made = box.credentials
        with grpc.secure_channel(
            f"127.0.0.1:{site.port}", made.channel_credentials(), made.channel_options()
        ) as channel:
            parts = rpc.SyncStub(channel).Fetch(pb.FetchRequest(address=bytes.fromhex(address)))
            got = [next(parts)]
            revoke(site.site, box.node, "tester")
            with pytest.raises(grpc.RpcError) as refusal:
                got.extend(parts)
        assert refusal.value.details() == "E7309"
        assert sum(len(part.data) for part in got) < len(data)


def test_nothing_of_it_is_believed_by_others(site, tmp_path):
    box = SyncBox(site, tmp_path / "box")
    other = SyncBox(site, tmp_path / "other", add_hospital(site.site, "乙县医院"))
    with running(box, other):
        said = sign_node({"n": 1}, "xinglin test v1", box.box.identity)
        assert open_statement(said, site.site.directory.current().book()).body == {"n": 1}
        other.up()
        until(lambda: (found := kept_status(other.box)) and found.state == "open")
        revoke(site.site, box.node, "tester")

        def gone():
            """The other hospital's box has the revocation: it came over the open link."""
            rows = other.box.database.query("SELECT entry FROM directory_entry ORDER BY seq")
            return rows and b'"revoked"' in bytes(rows[-1][0])

        until(gone, MINUTE_S)
        with pytest.raises(SignerRevoked):
            open_statement(said, site.site.directory.current().book())
        box.up()
        until(lambda: (found := kept_status(box.box)) and found.state == "refused")
        assert "E7309" in kept_status(box.box).last_error["message_en"]
