"""DCMTK's programs, told apart from pynetdicom's of the same names.

pynetdicom installs console scripts called ``storescu``, ``echoscu``, ``findscu`` … beside the
interpreter, with other options. Whoever has the virtual environment first on the PATH would get
those.
"""

from __future__ import annotations

import os
import shutil
import sysconfig
from collections.abc import Mapping
from pathlib import Path


def dcmtk_program(name: str, environment: Mapping[str, str] = os.environ) -> str | None:
    """Return where DCMTK's program of this name is, or None if it is not installed."""
    own = Path(sysconfig.get_path("scripts")).resolve()
    folders = environment.get("PATH", os.defpath).split(os.pathsep)
    others = [folder for folder in folders if folder and Path(folder).resolve() != own]
    return shutil.which(name, path=os.pathsep.join(others))


def need_dcmtk(name: str) -> str:
    """Return where DCMTK's program of this name is.

    Raises
    ------
    FileNotFoundError
        It is not installed (Debian package dcmtk).
    """
    found = dcmtk_program(name)
    if found is None:
        raise FileNotFoundError(f"{name} (Debian package dcmtk)")
    return found
