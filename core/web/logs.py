"""Logs that may leave the hospital: key=value lines, and no patient in any of them.

Our own events carry facts that we chose. What libraries say is built from the objects they handle
(pydicom's warnings quote values, highdicom logs source UIDs, pynetdicom prints identifiers, an
exception's text quotes its input), so of theirs only who spoke, how loud and where is written.
"""

from __future__ import annotations

import logging
import re
import sys
import threading
import traceback
import warnings
from collections.abc import MutableMapping
from pathlib import PurePath
from types import TracebackType
from typing import Any, TextIO

import structlog

_LONGEST = 200
#: A DICOM UID: at least five numbers; an address of a network has four.
_UID = re.compile(r"\d+(?:\.\d+){4,}")
#: Speak of processes and ports only.
_TRUSTED = ("uvicorn.error", "uvicorn.server")
_LOUD = ("pydicom", "pynetdicom", "highdicom", "PIL", "httpx", "asyncio", "multipart")


def set_up_logs(stream: TextIO | None = None) -> None:
    """Set up logging for this process; call it first, once.

    Parameters
    ----------
    stream : text file or None
        Where lines go; standard error where None, so that standard output stays for results.
    """
    out = stream or sys.stderr
    structlog.configure(
        processors=[
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            safe_event,
            structlog.processors.LogfmtRenderer(
                key_order=["timestamp", "level", "event"], bool_as_flag=False
            ),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(out),
        cache_logger_on_first_use=False,
    )
    handler = LibraryHandler()
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    for name in _LOUD:
        library = logging.getLogger(name)
        library.handlers, library.propagate = [], True
        library.setLevel(logging.ERROR)
    warnings.showwarning = _warned
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread


def safe_event(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Structlog processor: exceptions by type and place, long values cut, UIDs taken out."""
    error = event.pop("exc_info", None)
    event.pop("stack_info", None)
    if error is True:
        error = sys.exc_info()[1]
    elif isinstance(error, tuple):
        error = error[1]
    if isinstance(error, BaseException):
        event["exception"] = described(error)
    for key, value in list(event.items()):
        event[key] = safe_value(value)
    return event


def safe_value(value: Any) -> Any:
    """Return a value as it may stand in a log."""
    if value is None or isinstance(value, bool | int | float):
        return value
    text = described(value) if isinstance(value, BaseException) else str(value)
    text = _UID.sub("[uid]", text)
    text = "".join(c if c.isprintable() else " " for c in text[: _LONGEST + 1])
    return text[:_LONGEST] + "…" if len(text) > _LONGEST else text


def described(error: BaseException) -> str:
    """Return an exception's type, our code if it has one, and the last places; never its text."""
    code = getattr(error, "code", None)
    name = type(error).__name__ + (f" E{code}" if isinstance(code, int) else "")
    places = [
        f"{PurePath(frame.filename).name}:{frame.lineno}"
        for frame in traceback.extract_tb(error.__traceback__)[-4:]
    ]
    return " ".join([name, *reversed(places)])


class LibraryHandler(logging.Handler):
    """Turns records of the standard library's logging into events of ours."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write who spoke and where; what was said only for those who speak of no patient."""
        log = structlog.get_logger()
        facts: dict[str, Any] = {
            "logger": record.name, "at": f"{PurePath(record.pathname).name}:{record.lineno}",
        }  # fmt: skip
        if record.exc_info and record.exc_info[1]:
            facts["exc_info"] = record.exc_info[1]
        event = "library message"
        if record.name in _TRUSTED and not record.exc_info:
            event = record.getMessage()
        log.log(max(record.levelno, logging.INFO), event, **facts)


def _warned(
    message: Warning | str,  # noqa: ARG001 quotes what it warns of
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,  # noqa: ARG001 the hook's form
    line: str | None = None,  # noqa: ARG001 the hook's form
) -> None:
    place = f"{PurePath(filename).name}:{lineno}"
    structlog.get_logger().warning("library warning", category=category.__name__, at=place)


def _uncaught(
    _kind: type[BaseException], error: BaseException, _trace: TracebackType | None
) -> None:
    structlog.get_logger().error("process failed", exc_info=error)


def _uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None and not isinstance(args.exc_value, SystemExit):
        structlog.get_logger().error("thread failed", exc_info=args.exc_value)
