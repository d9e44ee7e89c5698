"""Sending as a modality does: DCMTK's storescu, each transfer syntax as it is in the file."""

from __future__ import annotations

import io
import os
import subprocess
from collections import defaultdict
from pathlib import Path

from core.dicom.parse import parse_dicom
from core.dicom.pixels import transfer_syntax_of
from provisioning.dcmtk import need_dcmtk

#: storescu's option for each transfer syntax it can propose.
_OPTIONS = {
    "1.2.840.10008.1.2": "-xi",
    "1.2.840.10008.1.2.1": "-xe",
    "1.2.840.10008.1.2.2": "-xb",
    "1.2.840.10008.1.2.1.99": "-xd",
    "1.2.840.10008.1.2.4.50": "-xy",
    "1.2.840.10008.1.2.4.51": "-xx",
    "1.2.840.10008.1.2.4.70": "-xs",
    "1.2.840.10008.1.2.4.80": "-xt",
    "1.2.840.10008.1.2.4.81": "-xu",
    "1.2.840.10008.1.2.4.90": "-xv",
    "1.2.840.10008.1.2.4.91": "-xw",
    "1.2.840.10008.1.2.5": "-xr",
}


def send(folder: Path, port: int) -> list[str]:
    """Send a folder's files and return what storescu complained of.

    Files in a transfer syntax that storescu cannot propose (HTJ2K) are named, not sent.
    """
    groups: dict[str, list[str]] = defaultdict(list)
    complaints = []
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            groups[_syntax(path)].append(str(path))
    for syntax, files in sorted(groups.items()):
        option = _OPTIONS.get(syntax)
        if option is None:
            complaints.append(f"storescu cannot propose {syntax} ({len(files)})")
            continue
        for at in range(0, len(files), 500):
            complaints += _storescu(option, files[at : at + 500], port)
    return complaints


def _storescu(option: str, files: list[str], port: int) -> list[str]:
    command = [
        need_dcmtk("storescu"), "-aet", "MODALITY", "-aec", "XINGLIN", "-pdu", "131072", "-R",
        "-nh", option, "127.0.0.1", str(port), *files,
    ]  # fmt: skip
    environment = {**os.environ, "TCP_NODELAY": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    lines = [line for line in done.stderr.splitlines() if line.startswith(("E:", "F:"))]
    if done.returncode and not lines:
        lines = [f"storescu: exit code {done.returncode}"]
    return lines[:3]


def _syntax(path: Path) -> str:
    size = path.stat().st_size
    with path.open("rb") as stream:
        data = stream.read(min(size, 1 << 16))
    dataset = parse_dicom(io.BytesIO(data), len(data), keywords=("SOPClassUID",))
    return transfer_syntax_of(dataset) or "1.2.840.10008.1.2"
