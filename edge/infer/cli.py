"""`xinglin gpu …`: what the GPU of this box can do."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="GPU 推理 / GPU inference", no_args_is_help=True)


@app.callback()
def main() -> None:
    """GPU 推理 / GPU inference."""


@app.command("check")
def check(
    bundle: Annotated[Path | None, typer.Option(help="模型包 / bundle folder")] = None,
    cache: Annotated[Path | None, typer.Option(help="引擎缓存 / engine cache folder")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="计时次数 / timed runs")] = 10,
) -> None:
    """检查 GPU、版本、引擎、一致性和速度，输出 JSON / Print device, versions, parity, speed."""
    from core.models.bundle import load, shipped
    from edge.infer.check import gpu_report

    loaded = load(bundle or shipped("dr_tb"))
    with tempfile.TemporaryDirectory() as scratch:
        report = gpu_report(loaded, cache or Path(scratch), rounds)
    print(json.dumps(report, ensure_ascii=False, indent=2))
