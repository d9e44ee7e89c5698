"""A network in a process of its own, with limits: for models that nobody has trusted yet.

A network can ask for any amount of memory, loop for ever or crash its runtime. What runs at import
and as a shadow therefore runs apart, on the CPU, with a limit of memory and of time; whatever it
does, the process that analyses patients goes on.
"""

from __future__ import annotations

import multiprocessing
import resource
import threading
from dataclasses import dataclass
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any

from core.errors import XinglinError
from core.imaging.result import Sentence
from core.models.bundle import Arrays, Bundle
from core.models.engine import check_inputs, check_outputs
from core.models.errors import EngineClosed, EngineFailed, EngineOutputInvalid

_APART = Sentence(zh="在隔离进程中用 CPU 运行", en="on the CPU, in a process apart")


@dataclass(frozen=True, slots=True)
class Limits:
    """What one network may use.

    Attributes
    ----------
    start_s, run_s : float
        Longest time to load, and for one call.
    memory_bytes : int
        Address space of the process.
    """

    start_s: float = 120.0
    run_s: float = 30.0
    memory_bytes: int = 8 << 30
    threads: int = 2


class IsolatedEngine:
    """Engine port in a child process; a call that is lost ends it, the next one starts afresh."""

    def __init__(self, bundle: Bundle, limits: Limits | None = None) -> None:
        self._bundle = bundle
        self._limits = limits or Limits()
        self._process: Any = None
        self._pipe: Connection | None = None
        self._closed = False
        self._one_at_a_time = threading.Lock()
        self.name = "onnxruntime (isolated)"
        self.device = "cpu"
        self.reason = _APART

    def __enter__(self) -> IsolatedEngine:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def open(self) -> None:
        """Start the process and load the network, so that a first call is not timed with it.

        Raises
        ------
        EngineFailed
        """
        with self._one_at_a_time:
            if self._pipe is None:
                self._start()

    def infer(self, inputs: Arrays) -> Arrays:
        """Run once; see :class:`core.models.engine.Engine`.

        Raises
        ------
        EngineFailed
            Also where the process died, or did not answer in time.
        """
        with self._one_at_a_time:
            if self._closed:
                raise EngineClosed
            check_inputs(inputs, self._bundle.metadata.inputs)
            if self._pipe is None:
                self._start()
            outputs = self._answer(inputs, self._limits.run_s)
        check_outputs(outputs, self._bundle.metadata.outputs)
        return outputs

    def close(self) -> None:
        """End the process."""
        with self._one_at_a_time:
            self._closed = True
            self._end()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(theirs, self._limits), daemon=True)
        self._process.start()
        theirs.close()
        self.name = f"{self._answer(self._bundle, self._limits.start_s)}, isolated"

    def _answer(self, question: object, seconds: float) -> Any:
        assert self._pipe is not None
        try:
            self._pipe.send(question)
            if not self._pipe.poll(seconds):
                raise TimeoutError
            kind, content = self._pipe.recv()
        except TimeoutError as cause:
            self._end()
            raise EngineFailed(engine=self.name, what=f"no answer in {seconds:g} s") from cause
        except (EOFError, OSError) as cause:
            self._end()
            raise EngineFailed(engine=self.name, what="its process ended") from cause
        if kind == "output":
            raise EngineOutputInvalid(output=content)
        if kind == "failed":
            raise EngineFailed(engine=self.name, what=content)
        return content

    def _end(self) -> None:
        if self._pipe is not None:
            self._pipe.close()
            self._process.kill()
            self._process.join()
            self._process.close()
        self._pipe = self._process = None


def serve(pipe: Connection, limits: Limits) -> None:
    """Load one bundle and answer its inputs until the parent closes the pipe (the child's life)."""
    from core.models.onnx_engine import open_onnx

    engine = None
    while True:
        try:
            asked = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            if isinstance(asked, Bundle):
                resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))
                engine = open_onnx(asked, limits.threads)
                answer: tuple[str, Any] = ("ready", engine.name)
            else:
                assert engine is not None
                answer = ("outputs", engine.infer(asked))
        except EngineOutputInvalid as error:
            answer = ("output", str(error.facts["output"]))
        except XinglinError as error:
            answer = ("failed", str(error.facts.get("what", error.code)))
        except MemoryError:
            answer = ("failed", "memory")
        pipe.send(answer)
