"""Every row of the table of numbers, each against its peer in the same run.

    python -m tests.bench [ROW …] [--quick] [--date YYYY-MM-DD] [--out docs]

Rows: store wado journal dr ct list cfind hung sync portal memory. Without one, all but
the full size of ``memory`` run.
Writes docs/benchmarks.json (all that was measured; rows that did not run keep their last figures)
and the tables of docs/benchmarks.md between its two markers.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.bench.figure import Figure, table

ROWS = (
    "store", "wado", "journal", "list", "cfind", "hung", "dr", "ct", "sync", "portal", "memory",
    "analyze", "ort", "measures", "review", "viewer",
)  # fmt: skip
BEGIN, END = "<!-- figures -->\n", "<!-- /figures -->\n"


def versions() -> str:
    """Return what the figures depend on, in short."""
    names = ("cryptography", "pydicom", "sqlcipher3-wheels", "uvicorn", "onnxruntime")
    ours = ", ".join(f"{name} {version(name)}" for name in names)
    return f"Python {platform.python_version()}, {ours}, {_first_line('Orthanc', '--version')}"


def _first_line(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return f"no {command[0]}"
    return (done.stdout or done.stderr).splitlines()[0].strip()


def run_row(name: str, folder: Path | None, quick: bool) -> list[Figure]:
    """Run one row in a folder of its own that is removed afterwards."""
    module = importlib.import_module(f"tests.bench.row_{name}")
    with tempfile.TemporaryDirectory(prefix=f"bench-{name}-", dir=folder) as work:
        found: list[Figure] = module.measure(Path(work), quick)
    return found


def write(out: Path, figures: list[Figure], conditions: dict[str, dict[str, Any]]) -> None:
    """Merge into benchmarks.json and put the tables into benchmarks.md."""
    path = out / "benchmarks.json"
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    fresh = {one.row for one in figures}
    all_figures = [one for one in kept.get("figures", []) if one["row"] not in fresh]
    all_figures += [one.as_json() for one in figures]
    all_figures.sort(key=lambda one: ROWS.index(one["row"]) if one["row"] in ROWS else 99)
    merged = {**kept.get("conditions", {}), **conditions}
    ordered = {
        row: merged[row] for row in (*ROWS, *sorted(set(merged) - set(ROWS))) if row in merged
    }
    document = {"figures": all_figures, "conditions": ordered}
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    page = out / "benchmarks.md"
    text = page.read_text(encoding="utf-8") if page.exists() else f"# Benchmarks\n\n{BEGIN}{END}"
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    tables = table(all_figures, ordered)
    page.write_text(f"{before}{BEGIN}\n{tables}\n{END}{after}", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="*", choices=[*ROWS, []], metavar="ROW")
    parser.add_argument("--quick", action="store_true", help="small sizes, one round")
    parser.add_argument("--date", default="", help="written into the table")
    parser.add_argument("--out", type=Path, default=Path("docs"))
    parser.add_argument("--folder", type=Path, default=None, help="where the stores write")
    options = parser.parse_args()
    figures: list[Figure] = []
    conditions: dict[str, dict[str, Any]] = {}
    failed: list[str] = []
    for name in options.rows or ROWS:
        before = os.getloadavg()[0]
        try:
            found = run_row(name, options.folder, options.quick)
        except Exception as error:  # noqa: BLE001 edge of the process: the other rows still run
            failed.append(name)
            sys.stderr.write(f"{name}: {type(error).__name__}: {error}\n")
            continue
        figures += found
        conditions[name] = {
            "date": options.date, "cores": os.cpu_count(), "load_before": before,
            "load_after": os.getloadavg()[0], "versions": versions(), "quick": options.quick,
            "command": f"python -m tests.bench {name}{' --quick' if options.quick else ''}",
        }  # fmt: skip
        for one in found:
            mark = {True: "ok", False: "NOT REACHED", None: ""}[one.ok]
            sys.stdout.write(f"{one.what}: {one.reached} (target {one.target}) {mark}\n")
            sys.stdout.flush()
        write(options.out, figures, conditions)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
