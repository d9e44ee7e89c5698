"""Journal: append of a received instance with its view, and verification of all records."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.records.record import Draft
from edge.journal_cli import verify_box
from edge.store.box import Box, open_box, real_outside
from tests.bench.appliance import Layout, make
from tests.bench.figure import Figure, milliseconds, percentile


def body_of(study_uid: str, number: int) -> dict[str, Any]:
    """Return a record's body as the receiver makes it for one CT slice."""
    uid = f"{study_uid}.1.{number}"
    return {
        "study_uid": study_uid, "sender": "CT1", "route": "c-store", "origin": "modality",
        "patient": {"PatientName": "李^四", "PatientID": f"P{study_uid[-6:]}", "PatientSex": "M"},
        "study": {"StudyDate": "20260101", "StudyTime": "120000", "Manufacturer": "Bench",
                  "StationName": "CT1", "AccessionNumber": "A1", "InstitutionName": "县医院"},
        "series": {f"{study_uid}.1": {"SeriesNumber": 1, "SeriesDescription": "Thorax",
                                      "Modality": "CT", "SliceThickness": 1.25}},
        "repairs": [],
        "instances": [{
            "sop_instance": uid, "sop_class": "1.2.840.10008.5.1.4.1.1.2",
            "series_uid": f"{study_uid}.1", "modality": "CT",
            "transfer_syntax": "1.2.840.10008.1.2.1", "blob": f"{number:064x}", "bytes": 526_000,
            "digest": f"{number:064x}", "data_offset": 330, "pixel_offset": 1400, "invalid": [],
            "attributes": {"InstanceNumber": number, "Rows": 512, "Columns": 512,
                           "ImagePositionPatient": [0, 0, number], "PixelSpacing": [0.7, 0.7],
                           "ImageOrientationPatient": [1, 0, 0, 0, 1, 0], "BitsAllocated": 16},
        }],
    }  # fmt: skip


def appends(box: Box, count: int) -> list[float]:
    """Return seconds of each append: 300 instances a study, one record each."""
    seconds = []
    ref = None
    for number in range(count):
        study_uid = f"1.2.826.0.1.{1000 + number // 300}"
        if number % 300 == 0:
            ref = box.vault.open_study(study_uid, "", f"P{study_uid[-6:]}")
        assert ref is not None
        draft = Draft(
            "instances.received", body_of(study_uid, number), subject=ref.subject, key=ref.study,
            actor="peer:bench",
        )  # fmt: skip
        started = time.perf_counter()
        box.append([draft])
        seconds.append(time.perf_counter() - started)
    return seconds


@contextlib.contextmanager
def housekeeping(folder: Path) -> Iterator[None]:
    """Carry the log into the file as the appliance's supervisor does, every two seconds."""
    stop = threading.Event()

    def keep() -> None:
        box = open_box(folder, real_outside())
        while not stop.wait(2.0):
            box.database.checkpoint()
        box.close()

    thread = threading.Thread(target=keep)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def measure(work: Path, quick: bool) -> list[Figure]:
    count, many = (300, 20_000) if quick else (5000, 200_000)
    box = make(Layout.at(work / "box"))
    with housekeeping(box.folder):
        seconds = appends(box, count)
    p99 = percentile(seconds, 0.99)
    for at in range(0, many, 2000):
        box.access.append(
            [
                Draft("audit.logged", {"action": "bench", "n": n}, actor="person:bench")
                for n in range(at, min(at + 2000, many))
            ]
        )
    box.keep_heads()
    started = time.perf_counter()
    found = verify_box(box)
    took = time.perf_counter() - started
    records = found["records"]
    assert isinstance(records, int)
    assert records >= count + many
    assert found["faults"] == []
    box.close()
    rate = records / took
    return [
        Figure(
            row="journal", what="journal append, p50 / p99", target="p99 ≤ 2 ms", ok=p99 <= 0.002,
            reached=milliseconds(seconds),
            data=f"{count} records of one CT slice each, hot views in the transaction, one writer",
            detail={"p99_ms": 1000 * p99, "p999_ms": 1000 * percentile(seconds, 0.999)},
        ),
        Figure(
            row="journal", what="journal verify", target="≥ 100 000 records/s", ok=rate >= 1e5,
            reached=f"{rate:,.0f} records/s", detail={"seconds": took},
            data=f"{records} records of both journals, signed heads compared",
        ),
    ]  # fmt: skip
