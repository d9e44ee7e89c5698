"""What 50 hung peers cost the others: throughput of one sender with and without them, by turns.

    python -m tests.bench.bench_hung_peers [--sink module:factory] [--rounds 5] [--hung 50]

Half of the hung peers are silent after negotiation, half stopped inside an object. Prints JSON.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import sys
import tempfile
from pathlib import Path

from tests.bench import bench_store
from tests.raw_peer import Hello, RawPeer, p_data, pdv, store_request


def hang(port: int, number: int) -> RawPeer:
    peer = RawPeer(port)
    peer.associate(Hello(calling=f"HUNG{number}".encode()))
    if number % 2:
        peer.send(p_data(pdv(3, 3, store_request()), pdv(3, 0, bytes(10_000))))
    return peer


def measure(work: Path, options: argparse.Namespace) -> dict[str, object]:
    series = work / "series"
    bench_store.write_ct(series, options.instances, 1)
    folder = work / "store"
    folder.mkdir()
    free: list[float] = []
    beset: list[float] = []
    with bench_store.ours(folder, options, 1) as server:
        port = server.port
        bench_store.send(port, [series])  # warm
        for _ in range(options.rounds):
            free.append(bench_store.send(port, [series]))
            with contextlib.ExitStack() as stack:
                for number in range(options.hung):
                    stack.enter_context(hang(port, number))
                beset.append(bench_store.send(port, [series]))
    ratio = statistics.median(beset) / statistics.median(free)
    return {
        "what": f"instances per second of one sender, without and with {options.hung} hung peers",
        "free": [round(v, 1) for v in free],
        "beset": [round(v, 1) for v in beset],
        "ratio": round(ratio, 3),
        "lost_percent": round(100 * (1 - ratio), 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sink", default="edge.intake.net.sink_files:file_sink")
    parser.add_argument("--instances", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--hung", type=int, default=50)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-hung-") as work:
        sys.stdout.write(json.dumps(measure(Path(work), options), indent=2) + "\n")


if __name__ == "__main__":
    main()
