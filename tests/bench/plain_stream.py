"""The peer: a plain gRPC stream over the same TLS, in its own process.

It throws the bytes away: the hardest peer there is. With a folder, it keeps each object there in a
file and syncs that before it answers, which is the least that anybody can do who takes objects for
good; no names, no hashes, no rows, no resuming.
``python -m tests.bench.plain_stream KEY CHAIN ROOT [FOLDER]`` prints its port; PEM files.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc

from protos.gen import sync_pb2 as pb
from protos.gen import sync_pb2_grpc as rpc

OPTIONS = (("grpc.max_receive_message_length", 2 << 20),)
PIECE = 1 << 20


class Drain(rpc.SyncServicer):
    """Counts what comes, answers once."""

    def __init__(self, folder: Path | None):
        self.folder = folder

    def Link(self, messages, context):
        count, kept, objects = 0, None, 0
        for up in messages:
            count += len(up.put.data)
            if self.folder:
                if up.put.index == 0:
                    _sync(kept)
                    kept = (self.folder / str(objects)).open("wb", buffering=0)
                    objects += 1
                kept.write(up.put.data)
        _sync(kept)
        yield pb.Down(credit=pb.Credit(bytes=count))


def _sync(file):
    if file:
        os.fsync(file.fileno())
        file.close()


def main():
    key, chain, root = (Path(one).read_bytes() for one in sys.argv[1:4])
    kept = Path(sys.argv[4]) if len(sys.argv) > 4 else None
    server = grpc.server(ThreadPoolExecutor(4), options=OPTIONS)
    rpc.add_SyncServicer_to_server(Drain(kept), server)
    credentials = grpc.ssl_server_credentials([(key, chain)], root, require_client_auth=True)
    sys.stdout.write(f"{server.add_secure_port('127.0.0.1:0', credentials)}\n")
    sys.stdout.flush()
    server.start()
    threading.Event().wait()


class PlainServer:
    """The program above, from a benchmark."""

    def __init__(self, folder: Path, tls, keep: bool = False):
        paths = []
        for name, data in (("key", tls.key), ("chain", tls.chain), ("root", tls.root)):
            path = folder / f"plain-{name}.pem"
            path.write_bytes(data)
            paths.append(str(path))
        if keep:
            (folder / "plain-kept").mkdir()
            paths.append(str(folder / "plain-kept"))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.plain_stream", *paths],
            stdout=subprocess.PIPE, text=True, cwd=Path(__file__).resolve().parents[2],
        )  # fmt: skip
        self.port = int(self.process.stdout.readline())

    def send(self, credentials, objects: list[bytes]) -> int:
        """Stream the objects in pieces of 1 MiB; return how many bytes the server counted."""

        def pieces():
            for data in objects:
                for at in range(0, len(data), PIECE):
                    yield pb.Up(put=pb.Put(index=at, data=data[at : at + PIECE]))

        options = [*credentials.channel_options(), *OPTIONS]
        made = credentials.channel_credentials()
        with grpc.secure_channel(f"127.0.0.1:{self.port}", made, options) as channel:
            return sum(down.credit.bytes for down in rpc.SyncStub(channel).Link(pieces()))

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


if __name__ == "__main__":
    main()
