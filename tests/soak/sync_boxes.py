"""Many simulated boxes in one process: real certificates and links, no appliance behind them."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from dataclasses import dataclass, field
from datetime import timedelta

import grpc
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import insert

from core.seals.statements import sign_node
from core.vault.certificates import not_after_ms, not_before_ms, serial_of, sync_name
from core.vault.identity import NodeIdentity
from hub.registry.directory import HubDirectory
from hub.store.tables import CERTIFICATE, NODE
from protos.gen import sync_pb2 as pb
from protos.gen import sync_pb2_grpc as rpc
from tests.sync_site import SyncSite, now_ms


@dataclass
class SimulatedBox:
    """One box: who it is and what it shows."""

    identity: NodeIdentity
    key: bytes
    chain: bytes
    certificate: bytes
    hub: str
    latencies: list[float] = field(default_factory=list)
    accepted: set[str] = field(default_factory=set)
    sent: dict[str, float] = field(default_factory=dict)

    def hello(self) -> pb.Up:
        at = now_ms()
        body = {
            "at_ms": at, "certificate": hashlib.sha256(self.certificate).hexdigest(),
            "hub": self.hub,
        }  # fmt: skip
        said = sign_node(body, "xinglin hello v1", self.identity)
        return pb.Up(hello=pb.Hello(protocol=1, software="soak", at_ms=at, statement=said))

    def result(self) -> pb.Up:
        id_ = f"s_{os.urandom(12).hex()}"
        body = {"id": id_, "fields": {"modality": "DX", "ai": "ok", "score": "0.12"}}
        said = sign_node(body, "xinglin statistics v1", self.identity)
        self.sent[id_] = time.perf_counter()
        return pb.Up(statistics=pb.Statistics(id=id_, statement=said))


def enrol_many(site: SyncSite, count: int) -> list[SimulatedBox]:
    """Enter boxes into the registry as enrolment does, without its port."""
    hub, authority = site.site, site.region.authority
    directory = HubDirectory(hub.database, hub.identity, hub.outside.now_ms)
    boxes = []
    with hub.database.write() as sql:
        for _ in range(count):
            identity = NodeIdentity.of(Ed25519PrivateKey.generate())
            key = ec.generate_private_key(ec.SECP256R1())
            made = authority.issue_device(identity.id, key.public_key(), timedelta(hours=24))
            public = identity.key.public_key().public_bytes_raw()
            sql.execute(insert(NODE).values(
                id=identity.id, hospital=site.region.hospital, sign_public=public,
                seal_public=bytes(range(32)), joined_at=0,
            ))  # fmt: skip
            sql.execute(insert(CERTIFICATE).values(
                serial=serial_of(made), node=identity.id, not_before=not_before_ms(made),
                not_after=not_after_ms(made), der=made.public_bytes(Encoding.DER),
            ))  # fmt: skip
            body = {
                "hospital": site.region.hospital, "sign_public": public.hex(),
                "seal_public": bytes(range(32)).hex(),
            }  # fmt: skip
            directory.append_in(sql, "node", identity.id, body)
            pem = key.private_bytes(
                Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            chain = b"".join(
                c.public_bytes(Encoding.PEM) for c in (made, authority.issuing.certificate)
            )
            boxes.append(SimulatedBox(
                identity, pem, chain, made.public_bytes(Encoding.DER), hub.identity.id
            ))  # fmt: skip
    return boxes


async def live(box: SimulatedBox, port: int, root: bytes, plan: tuple[float, float, float]):
    """Be one box: (seconds to live, between heartbeats, between results)."""
    seconds, beat_s, result_s = plan
    credentials = grpc.ssl_channel_credentials(root, box.key, box.chain)
    options = [
        ("grpc.ssl_target_name_override", sync_name(box.hub)), ("grpc.enable_http_proxy", 0),
        ("grpc.use_local_subchannel_pool", 1),
    ]  # fmt: skip
    draw = int.from_bytes(os.urandom(4), "big") / 2**32
    async with grpc.aio.secure_channel(f"127.0.0.1:{port}", credentials, options) as channel:
        link = rpc.SyncStub(channel).Link()
        await link.write(box.hello())
        welcome = await link.read()
        assert welcome.HasField("welcome"), welcome

        async def listen():
            while (down := await link.read()) is not grpc.aio.EOF:
                if down.HasField("accepted"):
                    began = box.sent.pop(down.accepted.id)
                    box.latencies.append(time.perf_counter() - began)
                    box.accepted.add(down.accepted.id)

        ear = asyncio.create_task(listen())
        started = time.perf_counter()
        next_beat, next_result = started + draw * beat_s, started + draw * result_s
        while (now := time.perf_counter()) < started + seconds:
            if now >= next_beat:
                next_beat += beat_s
                await link.write(pb.Up(heartbeat=pb.Heartbeat(at_ms=now_ms())))
            if now >= next_result:
                next_result += result_s
                await link.write(box.result())
            soonest = min(next_beat, next_result, started + seconds)
            await asyncio.sleep(max(0.001, soonest - time.perf_counter()))
        ends = time.perf_counter() + 10
        while box.sent and time.perf_counter() < ends:
            await asyncio.sleep(0.02)
        ear.cancel()
        link.cancel()


async def live_all(boxes, port: int, root: bytes, plan):
    """Be all of them at once; they connect spread over a few seconds."""

    async def later(box, wait):
        await asyncio.sleep(wait)
        await live(box, port, root, plan)

    await asyncio.gather(*(later(box, 5 * n / len(boxes)) for n, box in enumerate(boxes)))
