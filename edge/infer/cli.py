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


@app.command("convert")
def convert_bundle(
    bundle: Annotated[Path, typer.Argument(help="模型包 / bundle folder")],
    out: Annotated[Path, typer.Option(help="新模型包目录 / new bundle folder")],
    calibration: Annotated[
        Path | None, typer.Option(help="INT8 校准输入 / calibration inputs, NPZ")
    ] = None,
    calibration_set: Annotated[str, typer.Option(help="校准集说明 / what they are")] = "",
    int8_tolerance: Annotated[float, typer.Option(min=1e-6, help="允许差 / allowed")] = 0.02,
) -> None:
    """为模型包加入 FP16 和 INT8 / Add FP16 and, with a calibration set, INT8 to a bundle."""
    from edge.infer.convert import Wanted, convert

    data = calibration.read_bytes() if calibration else b""
    found = convert(bundle, out, Wanted(data, calibration_set, int8_tolerance))
    for precision, parity in found.items():
        worst = max(parity.worst.values())
        print(f"{precision}: |Δ| ≤ {worst:.2e}，允许 / allowed {parity.tolerance:g}")
