"""Real radiographs: untouched images are not rejected, gross faults are, the score's direction."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage as ndi

from core.imaging.dr import analyse_dr
from core.imaging.dr_qc import assess_dr
from core.imaging.volume import Radiograph
from core.models.bundle import load, shipped
from core.models.onnx_engine import open_onnx

_DATA = os.environ.get("XINGLIN_DATA")
pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(_DATA is None, reason="XINGLIN_DATA is not set: no real radiographs"),
]


def _images(archive: str, step: int) -> list[np.ndarray]:
    with zipfile.ZipFile(Path(str(_DATA)) / "cxr" / archive) as container:
        names = sorted(n for n in container.namelist() if n.endswith(".jpg"))[::step]
        return [
            np.asarray(Image.open(io.BytesIO(container.read(n))).convert("L"), np.float32)
            for n in names
        ]


def test_untouched_images_are_not_rejected():
    pictures = _images("da.zip", 13) + _images("nih_normal.zip", 50)
    verdicts = [assess_dr(Radiograph(p, 8)).verdict for p in pictures]
    assert verdicts.count("reject") == 0


def test_spoilt_images_are_rejected():
    for pixels in _images("da.zip", 35):
        width = pixels.shape[1]
        for spoilt in (
            ndi.gaussian_filter(pixels, 3 * width / 512),
            np.round(pixels * 0.15),
            np.clip(pixels * 1.6, 0, 255),
        ):
            assert assess_dr(Radiograph(spoilt.astype(np.float32), 8)).verdict == "reject"


def test_scores_order_the_classes():
    """On images that trained the weights, so no accuracy: it shows that the whole path is wired."""
    bundle = load(shipped("dr_tb"))
    engine = open_onnx(bundle, threads=1)
    with zipfile.ZipFile(Path(str(_DATA)) / "cxr" / "da.zip") as container:
        names = sorted(n for n in container.namelist() if n.endswith(".jpg"))

        def mean_score(sign: str) -> float:
            scores = []
            for name in [n for n in names if sign in n][::13]:
                picture = Image.open(io.BytesIO(container.read(name))).convert("L")
                radiograph = Radiograph(np.asarray(picture, np.float32), 8)
                found = analyse_dr(radiograph, engine, bundle)
                assert found.status == "ok"
                scores.append(found.tb.score)
            return float(np.mean(scores))

        assert mean_score("px") > mean_score("nx") + 0.3
