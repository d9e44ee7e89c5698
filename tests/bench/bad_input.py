"""What every analysis answers to bad and unusual input: the table of docs/imaging.md.

    XINGLIN_DATA=… python -m tests.bench.bad_input [ct] [pet] [dr] [-WORD …]

Only studies whose name holds one of the words, if any is given.

Each file is made, written, and analysed as `xinglin analyze` does. An answer is silent where the
study is "ok" without a warning that the clean one does not carry as well, and yet its numbers are
not the clean one's: no such answer may stand.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from edge.analyze.gather import Refused, gather
from edge.analyze.job import run_job
from edge.analyze.local_engines import LocalEngines
from tests.bench.bad_input_ct import Made, ct_studies, pet_studies
from tests.bench.bad_input_dr import dr_studies

Result = dict[str, Any]
_KINDS: dict[str, Callable[[Path], Iterator[Made]]] = {
    "ct": ct_studies,
    "pet": pet_studies,
    "dr": dr_studies,
}


def answer(made: Made, engines: LocalEngines) -> Result:
    """Return the public result of the first study under a folder."""
    for found in gather([made.folder], "DX" if made.name.startswith("picture") else ""):
        if isinstance(found, Refused):
            code = f"E{found.error.code}"
            return {"status": "failed", "reason": {"code": code}, "qc": None, "seconds": {}}
        return run_job(found, engines, lambda _stage: None, override=False).as_json("en")
    return {"status": "nothing", "reason": None, "qc": None, "seconds": {}}


def codes_of(result: Result) -> list[str]:
    """Return the codes that lower the confidence or refuse, of the study and of its PET."""
    found = [result["reason"]["code"]] if result.get("reason") else []
    for part in (result.get("qc"), (result.get("pet") or {}).get("qc")):
        if part:
            found += [r["code"] for r in part["reasons"] if r["severity"] != "info"]
    return list(dict.fromkeys(found))


def numbers_of(result: Result) -> str:
    """Return what the study said in numbers, short."""
    if result["status"] != "ok":
        return ""
    if result.get("tb"):
        tb = result["tb"]
        low, high = tb["interval"] or (0, 1)
        return f"score {tb['score']:.2f} ({low:.2f}-{high:.2f})"
    metrics = result["qc"]["metrics"]
    lungs = [metrics.get(f"{side}_lung_ml") or 0.0 for side in ("right", "left")]
    kinds = [f"{one['codes'].get('lobe', one['location'])}" for one in result["lesions"] or ()]
    said = f"lungs {lungs[0]:.0f} + {lungs[1]:.0f} ml, lesions {sorted(kinds)}"
    pet = result.get("pet")
    if pet:
        suv = [one.get("suv_max") for one in pet.get("lesions") or () if isinstance(one, dict)]
        said += f", PET {pet['status']} {suv}"
    return said


def main(arguments: list[str]) -> None:
    """Print one line per study."""
    kinds = [one for one in arguments if not one.startswith("-")]
    words = [one[1:] for one in arguments if one.startswith("-")]
    folder = Path(tempfile.mkdtemp(prefix="bad-input-"))
    engines = LocalEngines(folder / "cache")
    try:
        for kind in kinds or list(_KINDS):
            (folder / kind).mkdir()
            for made in _KINDS[kind](folder / kind):
                if words and not any(word in made.name for word in words):
                    shutil.rmtree(made.folder)
                    continue
                result = answer(made, engines)
                seconds = sum(s for stage, s in result["seconds"].items() if "." not in stage)
                verdict = result["qc"]["verdict"] if result["qc"] else "-"
                codes = ", ".join(codes_of(result)) or "-"
                sys.stdout.write(
                    f"{made.name} | {result['status']} | {verdict} | {codes} |"
                    f" {numbers_of(result)} | {seconds:.0f} s\n"
                )
                sys.stdout.flush()
                shutil.rmtree(made.folder)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main(sys.argv[1:])
