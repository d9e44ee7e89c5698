"""The TensorRT engine: the engine port on the GPU driver port."""

from __future__ import annotations

import threading

import numpy as np

from core.imaging.result import Sentence
from core.models.bundle import Arrays, Bundle
from core.models.engine import check_inputs, check_outputs
from core.models.errors import EngineClosed, EngineFailed, NetworkNotConvertible
from core.models.metadata import TensorSpec
from edge.infer.cache import PlanCache
from edge.infer.driver import (
    BuildSpec,
    GpuDriver,
    GpuInfo,
    PlanRunner,
    Precision,
    cache_key,
    timing_key,
)
from edge.infer.errors import EngineBuildFailed, GpuFailed

REQUESTED = Sentence(zh="按要求使用 GPU(TensorRT)", en="GPU (TensorRT) as requested")


class TensorRtEngine:
    """Runs a plan; one call at a time on the device. Use :func:`open_tensorrt` to make one."""

    def __init__(
        self, bundle: Bundle, runner: PlanRunner, info: GpuInfo, precision: Precision, most: int
    ) -> None:
        self._bundle = bundle
        self._runner: PlanRunner | None = runner
        self._most = most
        self._one_at_a_time = threading.Lock()
        self.precision = precision
        self.name = f"tensorrt {info.tensorrt_version} {precision}"
        self.device = f"cuda:0 {info.device}"
        self.reason = REQUESTED

    def infer(self, inputs: Arrays) -> Arrays:
        """Run once; see :class:`core.models.engine.Engine`."""
        metadata = self._bundle.metadata
        with self._one_at_a_time:
            if self._runner is None:
                raise EngineClosed
            check_inputs(inputs, metadata.inputs)
            try:
                answers = self._runner.run(in_batches(inputs, metadata.inputs, self._most))
            except GpuFailed as cause:
                raise EngineFailed(engine=self.name, what=str(cause.facts["what"])) from cause
        outputs = joined(answers)
        check_outputs(outputs, metadata.outputs)
        return {spec.name: outputs[spec.name] for spec in metadata.outputs}

    def close(self) -> None:
        """Free the device's memory."""
        with self._one_at_a_time:
            runner, self._runner = self._runner, None
        if runner is not None:
            runner.close()


def open_tensorrt(
    bundle: Bundle, driver: GpuDriver, cache: PlanCache, precision: Precision
) -> TensorRtEngine:
    """Take the plan from the cache or build it, and open it.

    Raises
    ------
    EngineBuildFailed
        TensorRT refuses the network, or it has no FP16 form.
    GpuFailed
        The freshly built plan does not open.
    """
    info = driver.describe()
    network = _network_for(bundle, driver, precision)
    spec = BuildSpec(precision, bundle.metadata.inputs)
    key = cache_key(info, network, spec)
    plan = cache.get(key, "plan")
    if plan is not None:
        try:
            return TensorRtEngine(bundle, driver.open(plan), info, precision, spec.max_batch)
        except GpuFailed:
            # A plan that no longer opens (say, after a repair of the driver) is built anew below.
            plan = None
    timing = timing_key(info, bundle.model)
    built = driver.build(network, spec, cache.get(timing, "timing") or b"")
    cache.put(key, "plan", built.plan)
    cache.put(timing, "timing", built.timing_cache)
    return TensorRtEngine(bundle, driver.open(built.plan), info, precision, spec.max_batch)


def in_batches(inputs: Arrays, specs: tuple[TensorSpec, ...], most: int) -> list[Arrays]:
    """Cut inputs along their first axis into parts of at most ``most``, where that axis is free.

    Parameters
    ----------
    inputs : Arrays
        As the bundle states them, all with the same length along the first axis.
    most : int
        The largest batch the plan was built for.
    """
    lengths = {len(inputs[spec.name]) for spec in specs}
    if len(lengths) != 1 or any(spec.shape[0] is not None for spec in specs):
        return [inputs]
    (length,) = lengths
    starts = range(0, length, most)
    return [{name: a[start : start + most] for name, a in inputs.items()} for start in starts]


def joined(answers: list[Arrays]) -> Arrays:
    """Return the parts' outputs as one, float32."""
    names = answers[0].keys()
    parts = {name: [np.asarray(one[name], np.float32) for one in answers] for name in names}
    return {n: p[0] if len(p) == 1 else np.concatenate(p) for n, p in parts.items()}


def _network_for(bundle: Bundle, driver: GpuDriver, precision: Precision) -> bytes:
    if precision == "int8":
        if bundle.model_int8 is None:
            raise EngineBuildFailed(what="the bundle has no INT8 network")
        return bundle.model_int8
    if precision == "fp32" or not driver.needs_typed_network():
        return bundle.model
    # TensorRT 11 wants FP16 as a network. Bundles need not carry it twice: it follows from FP32,
    # the same bytes each time, and is held against the golden set like every other engine.
    return bundle.model_fp16 or _halved(bundle.model)


def _halved(network: bytes) -> bytes:
    from core.models.precision import half_network  # heavy; only a GPU box needs it

    try:
        return half_network(network)
    except NetworkNotConvertible as cause:
        raise EngineBuildFailed(what=f"no FP16 form: {cause}") from cause
