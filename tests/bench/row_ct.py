"""From a 300-slice CT stored to its findings on the page, through a whole appliance."""

from __future__ import annotations

import datetime
import os
import time
from pathlib import Path
from typing import Any

from tests.bench.appliance import Client, Layout, make, process, storescu, until_web
from tests.bench.bench_store import until_listening
from tests.bench.figure import Figure
from tests.bench.phantoms import phantom

ENDED = ("ok", "failed", "refused", "not_applicable")


def measure(work: Path, quick: bool) -> list[Figure]:
    size = "small" if quick else "full"
    files = phantom("ct", 7, size)
    layout = Layout.at(work / "box")
    make(layout).close()
    with process(layout):
        until_listening(layout.dicom)
        until_web(layout.web)
        client = Client(layout.web).log_in()
        sending = time.perf_counter()
        storescu(layout.dicom, files)
        started = time.perf_counter()
        detail = until_found(client)
        took = time.perf_counter() - started
    analysis: dict[str, Any] = detail["analysis"]
    lesions = len(analysis["lesions"] or [])
    ok = took <= 90 and analysis["status"] == "ok"
    return [
        Figure(
            row="ct", what=f"{len(files)}-slice CT stored → findings on the page", target="≤ 90 s",
            ok=ok, reached=f"{took:.1f} s ({analysis['status']}, {lesions} lesions)",
            data=f"phantom CT ({size}), {os.cpu_count()} cores, one CT at a time",
            detail={
                "sending_s": started - sending, "stages_s": analysis["seconds"],
                "records_s": records(detail["history"]),
            },
        )
    ]  # fmt: skip


def until_found(client: Client, patience_s: float = 600.0) -> dict[str, Any]:
    """Return the study's page once its findings are measured: outlines and numbers are there."""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        rows: Any = client.json("/api/worklist?limit=50")["rows"]
        if rows and rows[0]["ai"] in ENDED:
            detail: dict[str, Any] = client.json(f"/api/studies/{rows[0]['study']}")
            kinds = {entry["kind"] for entry in detail["history"]}
            if rows[0]["ai"] != "ok" or kinds & {"measurement.saved", "report.drafted"}:
                return detail
        time.sleep(0.2)
    raise TimeoutError("findings")


def records(history: list[dict[str, Any]]) -> dict[str, float]:
    """Return seconds from the last image's record to the first of each later kind."""
    moments = [(e["kind"], datetime.datetime.fromisoformat(e["at"])) for e in history]
    last = max(at for kind, at in moments if kind == "instances.received")
    found: dict[str, float] = {}
    for kind, at in moments:
        if at > last:
            found.setdefault(kind, round((at - last).total_seconds(), 2))
    return found
