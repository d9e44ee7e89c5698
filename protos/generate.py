"""Generate protos/gen from protos/*.proto: ``python -m protos.generate [FOLDER]``."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def generate(out: Path) -> list[Path]:
    """Write the generated modules as ``out/protos/gen/*`` and return their paths."""
    from grpc_tools import protoc

    names = sorted(path.name for path in HERE.glob("*.proto"))
    out.mkdir(parents=True, exist_ok=True)
    code = protoc.main(
        [
            "protoc",
            f"-Iprotos/gen={HERE}",  # so that the modules import each other as protos.gen.…
            f"--python_out={out}",
            f"--pyi_out={out}",
            f"--grpc_python_out={out}",
            *(f"protos/gen/{name}" for name in names),
        ]
    )
    if code:
        raise RuntimeError(f"protoc: exit code {code}")
    return sorted((out / "protos" / "gen").glob("*_pb2*"))


if __name__ == "__main__":
    generate(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parent)
