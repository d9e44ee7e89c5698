"""DCMTK's programs are found though pynetdicom's namesakes stand first on the PATH."""

import os
import sysconfig

import pytest

from provisioning.dcmtk import dcmtk_program, need_dcmtk


def test_the_environments_own_scripts_are_passed_over(tmp_path):
    real = tmp_path / "storescu"
    real.write_text("#!/bin/sh\n")
    real.chmod(0o755)
    path = os.pathsep.join([sysconfig.get_path("scripts"), "", str(tmp_path)])
    assert dcmtk_program("storescu", {"PATH": path}) == str(real)
    assert dcmtk_program("storescu", {"PATH": sysconfig.get_path("scripts")}) is None


def test_a_missing_program_is_named():
    with pytest.raises(FileNotFoundError, match="Debian package dcmtk"):
        need_dcmtk("no-such-program")
