"""C-FIND by name, number and date among 100 000 studies: the query service's own answer.

Rows are put into the view's own tables, as in ``row_list``. What is measured is the search with its
exact matching (``BoxArchive.find`` and ``match.matches``), to the end or to the service's limit;
and the same over the wire, with DCMTK's ``findscu`` minus its time for an empty answer.
"""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from edge.intake.dimse.match import matcher_of, matches
from edge.intake.dimse.ports import DimseSettings, Level
from edge.store.archive import BoxArchive
from provisioning.dcmtk import need_dcmtk
from tests.bench.appliance import Layout, make, process
from tests.bench.figure import Figure
from tests.bench.row_list import fill

LIMIT = DimseSettings.__dataclass_fields__["max_matches"].default + 1
#: (level, keyword, VR, pattern): by name in Han and letters, whole and with wildcards.
BY_NAME: tuple[tuple[Level, str, str, str], ...] = (
    ("STUDY", "PatientName", "PN", "王伟芳"),
    ("STUDY", "PatientName", "PN", "wangweifang"),
    ("STUDY", "PatientName", "PN", "WANG^WEIFANG"),
    ("STUDY", "PatientName", "PN", "=王^伟芳"),
    ("STUDY", "PatientName", "PN", "*伟芳"),
    ("STUDY", "PatientName", "PN", "王*"),
    ("STUDY", "PatientName", "PN", "wang*"),
    ("STUDY", "PatientName", "PN", "wwf"),
    ("STUDY", "PatientName", "PN", "nobody"),
    ("PATIENT", "PatientName", "PN", "zhang*"),
)
OTHERS: tuple[tuple[Level, str, str, str], ...] = (
    ("STUDY", "PatientID", "LO", "P0012345"),
    ("STUDY", "PatientID", "LO", "P00123*"),
    ("STUDY", "AccessionNumber", "SH", "A00012345"),
    ("STUDY", "StudyDate", "DA", "20260301"),
)
Asked = tuple[Level, str, str, str]


def seconds_of(archive: BoxArchive, asked: Asked) -> tuple[float, int]:
    """Return (seconds, matches) of one query, the middle one of three."""
    level, keyword, vr, pattern = asked
    matcher = matcher_of(keyword, vr, [pattern])
    matchers = [matcher] if matcher else []
    took, found = [], 0
    for _ in range(3):
        started, found = time.perf_counter(), 0
        for record in archive.find(level, matchers, LIMIT):
            found += matches(record, matchers)
            if found >= LIMIT:
                break
        took.append(time.perf_counter() - started)
    return sorted(took)[1], found


def over_the_wire(port: int, pattern: str) -> float:
    """Return the seconds of one ``findscu`` for studies of a name, the middle one of three."""
    command = [
        str(need_dcmtk("findscu")), "-S", "-aet", "STORESCU", "-aec", "XINGLIN", "127.0.0.1",
        str(port), "-k", "QueryRetrieveLevel=STUDY", "-k", f"PatientName={pattern}",
        "-k", "StudyInstanceUID",
    ]  # fmt: skip
    took = []
    for _ in range(3):
        started = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True, timeout=120)
        took.append(time.perf_counter() - started)
    return sorted(took)[1]


def _until_answered(port: int) -> None:
    for _ in range(100):
        try:
            over_the_wire(port, "nobody")
        except subprocess.CalledProcessError:
            time.sleep(0.2)
        else:
            return
    raise RuntimeError("the query service does not answer")


def measure(work: Path, quick: bool) -> list[Figure]:
    count = 20_000 if quick else 100_000
    layout = Layout.at(work / "box")
    box = make(layout)
    fill(box, count)
    archive = BoxArchive(box)
    names = {asked[3]: seconds_of(archive, asked) for asked in BY_NAME}
    others = {f"{asked[1]}={asked[3]}": seconds_of(archive, asked) for asked in OTHERS}
    with process(layout, "dimse"):
        _until_answered(layout.dimse)
        wire = {p: over_the_wire(layout.dimse, p) for p in ("nobody", "wangweifang")}
    box.close()
    return [
        _figure("C-FIND by patient name, slowest of {}", names, count, wire),
        _figure("C-FIND by number or date, slowest of {}", others, count, {}),
    ]


def _figure(
    what: str, found: dict[str, tuple[float, int]], count: int, wire: dict[str, float]
) -> Figure:
    worst = max(seconds for seconds, _ in found.values())
    pattern = max(found, key=lambda name: found[name][0])
    return Figure(
        row="cfind", what=what.format(len(found)), target="–", ok=None,
        reached=f"{1000 * worst:.1f} ms ({pattern}, {found[pattern][1]} matches)",
        data=f"{count} studies, search and exact matching, at most {LIMIT} matches, median of 3",
        detail={
            "ms": {name: round(1000 * seconds, 2) for name, (seconds, _) in found.items()},
            "matches": {name: matched for name, (_, matched) in found.items()},
            "findscu_ms": {name: round(1000 * seconds, 1) for name, seconds in wire.items()},
        },
    )  # fmt: skip
