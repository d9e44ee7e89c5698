"""Which engine serves a bundle: TensorRT where it gives the same numbers, else ONNX Runtime."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from core.errors import XinglinError
from core.imaging.result import Sentence
from core.models.bundle import Arrays, Bundle
from core.models.engine import Engine
from core.models.errors import EngineFailed
from core.models.onnx_engine import open_onnx
from core.models.parity import check_parity
from edge.infer.cache import PlanCache
from edge.infer.driver import GpuDriver, Precision
from edge.infer.errors import EngineBuildFailed, GpuFailed, GpuUnavailable
from edge.infer.tensorrt_engine import TensorRtEngine, open_tensorrt

DriverDoor = Callable[[], GpuDriver]
_GPU_TROUBLE = (GpuUnavailable, EngineBuildFailed, GpuFailed, EngineFailed)


class FallingBackEngine:
    """TensorRT that becomes ONNX Runtime, for good, at the first failure of the GPU.

    The call that met the failure is answered by the CPU, so no study is lost to a lost GPU;
    ``reason`` says from then on what happened.
    """

    def __init__(self, first: Engine, open_second: Callable[[Sentence], Engine]) -> None:
        self._current = first
        self._open_second: Callable[[Sentence], Engine] | None = open_second
        self._switching = threading.Lock()

    @property
    def name(self) -> str:
        return self._current.name

    @property
    def device(self) -> str:
        return self._current.device

    @property
    def reason(self) -> Sentence:
        return self._current.reason

    def infer(self, inputs: Arrays) -> Arrays:
        """Run once; see :class:`core.models.engine.Engine`."""
        engine = self._current
        try:
            return engine.infer(inputs)
        except EngineFailed as cause:
            if not self._switch(engine, cause):
                raise
        return self._current.infer(inputs)

    def close(self) -> None:
        """Release whichever engine serves now."""
        self._open_second = None
        self._current.close()

    def _switch(self, failed: Engine, cause: XinglinError) -> bool:
        with self._switching:
            if self._current is not failed:
                return True  # another thread has switched already
            if self._open_second is None:
                return False
            said = Sentence(
                zh=f"GPU 出错，已改用 CPU（ONNX Runtime）：{cause.sentence('zh')}",
                en=f"The GPU failed; now on the CPU (ONNX Runtime): {cause.sentence('en')}",
            )
            self._current, self._open_second = self._open_second(said), None
        failed.close()  # a lost device cannot be tidied up: closing says nothing (see PlanRunner)
        return True


def choose_engine(
    bundle: Bundle, cache_dir: Path, threads: int = 2, door: DriverDoor | None = None
) -> Engine:
    """Return the engine that serves `bundle` on this machine; ``.reason`` says why this one.

    TensorRT (INT8 where the bundle brings it, FP16, then FP32) serves only after it has given the
    golden outputs within the bundle's tolerance on this very GPU.

    Parameters
    ----------
    cache_dir : Path
        Where built engines are kept.
    threads : int
        CPU threads, where it is the CPU.
    door : callable or None
        Opens the GPU driver; None for the real one.

    Raises
    ------
    EngineFailed
        Not even ONNX Runtime can load the network.
    """
    try:
        driver = (door or _real_door)()
    except GpuUnavailable as cause:
        return open_onnx(bundle, threads, _on_cpu(cause.sentence("zh"), cause.sentence("en")))
    notes: list[Sentence] = []
    for precision in _precisions(bundle):
        engine = _try_gpu(bundle, driver, PlanCache(cache_dir), precision, notes)
        if engine is not None:
            return FallingBackEngine(engine, lambda said: open_onnx(bundle, threads, said))
    zh = ";".join(note.zh for note in notes)
    return open_onnx(bundle, threads, _on_cpu(zh, "; ".join(note.en for note in notes)))


def _real_door() -> GpuDriver:
    from edge.infer._cuda import open_driver

    return open_driver()


def _precisions(bundle: Bundle) -> tuple[Precision, ...]:
    """Return what to try, the fastest first.

    INT8 only where the bundle carries that network and states how much it may differ.
    """
    quantised = bundle.model_int8 is not None and "int8" in bundle.metadata.tolerance
    return ("int8", "fp16", "fp32") if quantised else ("fp16", "fp32")


def _try_gpu(
    bundle: Bundle,
    driver: GpuDriver,
    cache: PlanCache,
    precision: Precision,
    notes: list[Sentence],
) -> TensorRtEngine | None:
    try:
        engine = open_tensorrt(bundle, driver, cache, precision)
    except _GPU_TROUBLE as cause:
        notes.append(Sentence(f"{precision}：{cause.sentence('zh')}", f"{precision}: {cause}"))
        return None
    try:
        parity = check_parity(engine, bundle, precision)
    except XinglinError as cause:
        engine.close()
        notes.append(Sentence(f"{precision}：{cause.sentence('zh')}", f"{precision}: {cause}"))
        return None
    worst = max(parity.worst.values(), default=float("inf"))
    facts = f"{worst:.2e} / {parity.tolerance:.0e}"
    if not parity.passed:
        engine.close()
        notes.append(
            Sentence(
                f"{precision} 与黄金样本不一致（{facts}）", f"{precision} parity failed ({facts})"
            )
        )
        return None
    engine.reason = Sentence(
        zh=f"GPU（TensorRT {precision}），黄金样本一致（{facts}）",
        en=f"GPU (TensorRT {precision}), parity with the golden set ({facts})",
    )
    return engine


def _on_cpu(zh: str, en: str) -> Sentence:
    return Sentence(zh=f"使用 CPU(ONNX Runtime):{zh}", en=f"CPU (ONNX Runtime): {en}")
