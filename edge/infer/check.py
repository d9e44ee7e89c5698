"""What `xinglin gpu check` reports: device, versions, engine, parity, speed. As plain data."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from core.models.bundle import Bundle
from core.models.engine import Engine
from core.models.onnx_engine import open_onnx
from core.models.parity import check_parity
from edge.infer.engines import DriverDoor, _real_door, choose_engine
from edge.infer.errors import GpuUnavailable


def gpu_report(
    bundle: Bundle, cache_dir: Path, rounds: int = 10, door: DriverDoor | None = None
) -> dict[str, Any]:
    """Open the chosen engine and the CPU one, compare both with the golden set, time them."""
    report: dict[str, Any] = {
        "bundle": {"name": bundle.metadata.name, "version": bundle.metadata.version},
        "gpu": None,
        "gpu_error": None,
    }
    try:
        report["gpu"] = asdict((door or _real_door)().describe())
    except GpuUnavailable as cause:
        report["gpu_error"] = cause.as_json()
    chosen = choose_engine(bundle, cache_dir, door=door)
    report["chosen"] = _measure(chosen, bundle, rounds)
    chosen.close()
    cpu = open_onnx(bundle)
    report["cpu"] = _measure(cpu, bundle, rounds)
    cpu.close()
    return report


def _measure(engine: Engine, bundle: Bundle, rounds: int) -> dict[str, Any]:
    half = "fp16" in engine.name
    parity = check_parity(engine, bundle, "fp16" if half else "fp32")
    inputs, _ = bundle.golden.case(0)
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        engine.infer(inputs)
        times.append(time.perf_counter() - started)
    return {
        "engine": engine.name,
        "device": engine.device,
        "reason_zh": engine.reason.zh,
        "reason_en": engine.reason.en,
        "parity": asdict(parity),
        "median_ms": round(sorted(times)[len(times) // 2] * 1000, 3),
    }
