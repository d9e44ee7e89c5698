"""A real appliance in its own processes joins a patient's radiograph and CT by itself."""

from __future__ import annotations

import time

import pytest

from provisioning.dcmtk import dcmtk_program
from tests.web_site import WebSite, phantoms

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(dcmtk_program("storescu") is None, reason="DCMTK is not installed"),
]
ENDED = ("ok", "failed", "refused", "not_applicable")


def test_radiograph_and_ct_of_one_patient_are_joined_unasked(tmp_path):
    site = WebSite(tmp_path)
    try:
        site.send(phantoms(tmp_path / "phantoms", "ct,dr", 7))
        found = joined(site)
        assert (found["task"], found["state"]) == ("joint", "ok")
        ct = site.row("CT")["study"]
        whole = site.detail(f"{ct}/joined/{found['id']}")
        assert whole["result"]["overlay"]["status"] == "ok"
        assert whole["pictures"] == ["film", "front"]
        told = site.detail(ct)["report"]["text_zh"]
        assert all(one["zh"].rstrip("。") in told for one in whole["result"]["statements"])
    finally:
        site.close()


def joined(site: WebSite) -> dict:
    """Return the first comparison that has ended."""
    until = time.monotonic() + 600
    while time.monotonic() < until:
        rows = [row for row in site.reader.worklist() if row["modality"] == "CT"]
        for row in rows:
            listed = site.detail(f"{row['study']}/joined")["rows"]
            ended = [one for one in listed if one["state"] in ENDED]
            if ended:
                return ended[0]
        time.sleep(1)
    raise AssertionError("nothing was joined")
