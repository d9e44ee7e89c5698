"""A slow line in a process: ``python -m tests.bench.slow_line PORT BITS_PER_S RTT_S``."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator

from tests.bench.appliance import ROOT
from tests.nasty_proxy import Line, NastyProxy


@contextlib.contextmanager
def slow_line(port: int, bits_per_s: float, rtt_s: float) -> Iterator[int]:
    """Return the port of a line to another port; all connections share its rate."""
    command = [
        sys.executable,
        "-m",
        "tests.bench.slow_line",
        str(port),
        str(bits_per_s),
        str(rtt_s),
    ]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True, cwd=ROOT
    )
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline())
    finally:
        process.terminate()
        process.wait(20)


def main() -> None:
    port, bits, rtt = int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
    proxy = NastyProxy(port, Line(bits_per_s=bits, rtt_s=rtt, shared=True))
    sys.stdout.write(f"{proxy.port}\n")
    sys.stdout.flush()
    sys.stdin.read()  # until whoever started this is gone


if __name__ == "__main__":
    main()
