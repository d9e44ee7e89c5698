"""No patient in a log: what libraries and exceptions say of the golden patient stays inside."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from edge.logs import described, safe_value

ROOT = Path(__file__).parents[3]
SECRETS = ("ZHANGXYZ", "张某某", "PID-7788", "1.2.840.99.77.55.33", "19700203")

START = """
import logging, sys, threading, warnings
from edge.logs import set_up_logs
set_up_logs()
import structlog
NAME, PID, UID = "ZHANGXYZ^SAN=张某某", "PID-7788", "1.2.840.99.77.55.33"
BIRTH = "19700203"
"""
SAYINGS = {
    "library": """
for name in ("pydicom", "pynetdicom.acse", "highdicom.seg.sop", "PIL.Image", "some.other"):
    for level in (logging.INFO, logging.WARNING, logging.ERROR):
        logging.getLogger(name).log(level, "source %s of " + NAME, UID)
""",
    "pydicom": """
from pydicom import Dataset, config
from pydicom.dataelem import DataElement
config.settings.reading_validation_mode = config.WARN
DataElement(0x00100030, "DA", BIRTH + PID, validation_mode=config.WARN)
DataElement(0x0020000D, "UI", UID + ".0" * 40, validation_mode=config.WARN)
config.debug(True)
logging.getLogger("pydicom").setLevel(logging.WARNING)
""",
    "warnings": """
warnings.simplefilter("always")
warnings.warn(f"patient {NAME} {PID}", UserWarning, stacklevel=1)
""",
    "exception": """
try:
    raise ValueError(f"cannot decode {NAME} {PID} {UID}")
except ValueError as error:
    structlog.get_logger().error("failed", exc_info=True)
    structlog.get_logger().error("failed", exc_info=error, error=error)
    logging.getLogger("uvicorn.error").error("Exception in ASGI application", exc_info=True)
    logging.getLogger("x").exception("broken " + NAME)
""",
    "thread": """
def work():
    raise KeyError(NAME + PID)
thread = threading.Thread(target=work)
thread.start()
thread.join()
""",
    "uncaught": "raise RuntimeError(NAME + PID + UID + BIRTH)",
    "own": """
structlog.get_logger("x").warning("kept", study=UID, note="line\\nbreak " + UID + "\\x1b[31m")
""",
}


def spoken(code):
    return subprocess.run(
        [sys.executable, "-c", START + code], capture_output=True, text=True, cwd=ROOT,
        check=False, timeout=60,
    )  # fmt: skip


@pytest.mark.parametrize("kind", SAYINGS)
def test_nothing_of_the_patient_is_written(kind):
    done = spoken(SAYINGS[kind])
    assert done.returncode == (1 if kind == "uncaught" else 0), done.stderr
    assert done.stdout == ""
    assert done.stderr.strip(), "something is said, or nobody could find the fault"
    for secret in SECRETS:
        assert secret not in done.stderr
    for line in done.stderr.splitlines():
        assert line.startswith("timestamp=2")
        assert " level=" in line
        assert line.isprintable()


def test_place_and_type_of_a_fault_are_written():
    line = spoken(SAYINGS["exception"]).stderr.splitlines()[0]
    assert "event=failed" in line
    assert "ValueError" in line
    assert "<string>" in line


def test_our_own_errors_say_their_code_and_not_their_facts():
    from core.blobs.errors import BlobMissing

    assert described(BlobMissing(address="abc")).startswith("BlobMissing E")
    assert "abc" not in described(BlobMissing(address="abc"))


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (3, 3),
        (True, True),
        ("192.168.1.20", "192.168.1.20"),
        ("0.1.0", "0.1.0"),
        ("uid 1.2.840.10008.1.2 end", "uid [uid] end"),
        ("x" * 500, "x" * 200 + "…"),
        ("a\r\nb", "a  b"),
    ],
)
def test_values(value, shown):
    assert safe_value(value) == shown
