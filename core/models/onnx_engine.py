"""ONNX Runtime on the CPU: the engine that is always there."""

from __future__ import annotations

from typing import Any

import numpy as np

from core.imaging.result import Sentence
from core.models.bundle import Arrays, Bundle
from core.models.engine import check_inputs, check_outputs
from core.models.errors import EngineClosed, EngineFailed

REQUESTED = Sentence(zh="按要求使用 CPU(ONNX Runtime)", en="CPU (ONNX Runtime) as requested")


class OnnxEngine:
    """Engine port on ONNX Runtime's CPU provider. Use :func:`open_onnx` to make one."""

    def __init__(self, bundle: Bundle, session: Any, name: str, reason: Sentence) -> None:
        self._bundle = bundle
        self._session: Any | None = session
        self.name = name
        self.device = "cpu"
        self.reason = reason

    def infer(self, inputs: Arrays) -> Arrays:
        """Run once; see :class:`core.models.engine.Engine`."""
        session = self._session
        if session is None:
            raise EngineClosed
        metadata = self._bundle.metadata
        check_inputs(inputs, metadata.inputs)
        names = [spec.name for spec in metadata.outputs]
        try:
            answers = session.run(names, inputs)
        except _runtime_errors() as cause:
            raise EngineFailed(engine=self.name, what=type(cause).__name__) from cause
        outputs = {n: np.asarray(a, np.float32) for n, a in zip(names, answers, strict=True)}
        check_outputs(outputs, metadata.outputs)
        return outputs

    def close(self) -> None:
        """Release the session."""
        self._session = None


def open_onnx(bundle: Bundle, threads: int = 2, reason: Sentence = REQUESTED) -> OnnxEngine:
    """Open the bundle with ONNX Runtime on `threads` CPU threads.

    Raises
    ------
    EngineFailed
        The runtime cannot load the network, or its tensors are not what the metadata states.
    """
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = max(1, threads)
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    name = f"onnxruntime {ort.__version__}"
    try:
        session = ort.InferenceSession(bundle.model, options, providers=["CPUExecutionProvider"])
    except _runtime_errors() as cause:
        raise EngineFailed(engine=name, what=type(cause).__name__) from cause
    has = {i.name for i in session.get_inputs()}, {o.name for o in session.get_outputs()}
    states = bundle.metadata
    if has != ({s.name for s in states.inputs}, {s.name for s in states.outputs}):
        raise EngineFailed(engine=name, what="tensor names")
    return OnnxEngine(bundle, session, name, reason)


def _runtime_errors() -> tuple[type[Exception], ...]:
    # ONNX Runtime's exceptions have no common base but Exception; name those a model can cause.
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    names = [
        *("Fail", "InvalidArgument", "InvalidGraph", "InvalidProtobuf", "RuntimeException"),
        *("NotImplemented", "EPFail", "NoSuchFile", "NoModel", "EngineError"),
    ]
    found = (getattr(state, name, None) for name in names)
    return (*(kind for kind in found if kind is not None), RuntimeError, ValueError)
