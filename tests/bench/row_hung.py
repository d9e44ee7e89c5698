"""What 50 hung peers cost one sender, at the appliance's real receiver."""

from __future__ import annotations

import argparse
from pathlib import Path

from tests.bench import bench_hung_peers
from tests.bench.figure import Figure


def measure(work: Path, quick: bool) -> list[Figure]:
    options = argparse.Namespace(
        sink="tests.bench.appliance:journal_sink", instances=60 if quick else 200,
        rounds=2 if quick else 7, hung=50,
    )  # fmt: skip
    found = bench_hung_peers.measure(work, options)
    lost = found["lost_percent"]
    assert isinstance(lost, float)
    return [
        Figure(
            row="hung", what="throughput lost to 50 hung peers", target="≤ 10 %", ok=lost <= 10.0,
            reached=f"{lost:.1f} %", data=f"{options.rounds} rounds by turns of {options.instances}"
            " CT slices, half the peers silent, half inside an object", detail=found,
        )
    ]  # fmt: skip
