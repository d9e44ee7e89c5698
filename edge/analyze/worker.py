"""A child process that analyses one study after the other, and a parent that outlives it.

Image decoders are C libraries; hostile data can crash or hang them. The study that did so is then
``failed`` and the next one gets a fresh process.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from core.errors import Language
from core.imaging.input_errors import StudyTimeoutError, WorkerLostError
from core.imaging.study_result import failed

if TYPE_CHECKING:
    from edge.analyze.gather import Job


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """What the child needs to know.

    Attributes
    ----------
    seconds : float
        Longest silence before a study is given up; each finished stage counts as a sign of life.
    operating_point : float or None
        The least probability at which a CT lesion is reported; None for the method's own.
    """

    cache_dir: Path
    language: Language = "zh"
    override: bool = False
    seconds: float = 600.0
    operating_point: float | None = None


class Worker:
    """Runs jobs in a child process that is started when needed and replaced when lost.

    Parameters
    ----------
    progress : callable
        Told the name of each stage.
    target : callable
        The child's whole life; importable, called with its end of the pipe and the settings.
    """

    def __init__(
        self,
        settings: WorkerSettings,
        progress: Callable[[str], None],
        target: Callable[[Connection, WorkerSettings], object] | None = None,
    ) -> None:
        self._settings = settings
        self._target = target or serve
        self._progress = progress
        self._process: Any = None
        self._pipe: Connection | None = None

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def analyse(self, job: Job) -> dict[str, object]:
        """Return the result of one job in its public form."""
        language = self._settings.language
        pipe = self._pipe or self._start()
        try:
            pipe.send(job)
            while pipe.poll(self._settings.seconds):
                kind, content = pipe.recv()
                if kind == "result":
                    return dict(content)
                self._progress(content)
        except (EOFError, OSError):
            self.close()
            return failed(job.study, job.modality, WorkerLostError()).as_json(language)
        self.close()
        error = StudyTimeoutError(seconds=self._settings.seconds)
        return failed(job.study, job.modality, error).as_json(language)

    def close(self) -> None:
        """End the child process."""
        if self._pipe is not None:
            self._pipe.close()
            self._process.join(timeout=2)
            if self._process.is_alive():
                self._process.kill()
                self._process.join()
        self._pipe = self._process = None

    def _start(self) -> Connection:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        self._process = context.Process(
            target=self._target, args=(theirs, self._settings), daemon=True
        )
        self._process.start()
        theirs.close()
        self._pipe = ours
        return ours


def serve(pipe: Connection, settings: WorkerSettings) -> None:
    """Answer jobs until the parent closes the pipe (the child's whole life)."""
    quieten()
    from edge.analyze.job import Kept, run_job
    from edge.analyze.local_engines import LocalEngines

    engines = LocalEngines(settings.cache_dir, operating_point=settings.operating_point)
    kept = Kept()
    while True:
        try:
            job = pipe.recv()
        except (EOFError, OSError):
            return
        result = run_job(
            job,
            engines,
            lambda stage: pipe.send(("stage", stage)),
            override=settings.override,
            kept=kept,
        )
        pipe.send(("result", result.as_json(settings.language)))


def quieten() -> None:
    """Keep libraries off stdout and stderr: their messages quote header values.

    stdout carries results alone; C libraries that print go to stderr.
    """
    warnings.simplefilter("ignore")
    for name in ("pydicom", "PIL", "pylibjpeg"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    os.environ.setdefault("OMP_NUM_THREADS", "2")
    os.dup2(sys.stderr.fileno(), 1)
