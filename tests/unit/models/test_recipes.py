"""The ways a radiograph becomes an input and outputs become a score, as bundles state them."""

from __future__ import annotations

import numpy as np
import pytest

from core.imaging.dr import DrOptions, analyse_dr
from core.imaging.dr_chest import ChestBox
from core.imaging.dr_errors import BundleNotForRadiographs
from core.imaging.dr_recipes import PlainSpec, Reading, input_of, reading_of, recipe_of, score_of
from core.imaging.volume import Radiograph
from core.models.bundle import Bundle, Golden, load, shipped
from core.models.candidate import candidate_of
from core.models.errors import EngineOutputInvalid
from core.models.onnx_engine import open_onnx
from core.models.package import read_package
from tests.dr_cases import chest_pixels
from tests.model_cases import FACTS, write_foreign

STEPS = FACTS["preprocessing"]
WHOLE = ChestBox(0, 0, 64, 64)


def foreign(folder, **facts) -> Bundle:
    found = candidate_of(read_package(write_foreign(folder, **facts)))
    return Bundle(found.metadata, found.files["model.onnx"], None, Golden({}, {}), "", "d")


def test_the_plain_way_stretches_and_standardises():
    pixels = np.tile(np.linspace(100, 900, 64, dtype=np.float32), (64, 1))
    spec = PlainSpec(32, 3, 1, 0.0, 100.0, 0.5, 0.25)
    made = input_of(pixels, WHOLE, spec)
    assert made.shape == (1, 3, 32, 32)
    assert made.dtype == np.float32
    assert (made.min(), made.max()) == pytest.approx((-2, 2))
    assert np.array_equal(made[0, 0], made[0, 2])
    shifted = input_of(pixels * 3 + 70, WHOLE, spec)
    assert shifted == pytest.approx(made, abs=1e-4)


def test_the_crop_is_the_chest_or_the_whole_image():
    pixels = np.zeros((64, 64), np.float32)
    pixels[:, 32:] = 1
    right = ChestBox(0, 44, 64, 64)
    cropped = input_of(pixels, right, PlainSpec(32, 1, 1, 0.0, 100.0, 0.0, 1.0))
    whole = input_of(pixels, right, PlainSpec(32, 1, 0, 0.0, 100.0, 0.0, 1.0))
    assert np.ptp(cropped) < 0.01
    assert np.ptp(whole) == 1


@pytest.mark.parametrize(
    "change",
    [{"size": 31}, {"size": "a"}, {"channels": 2}, {"deviation": -1}, {"mean": float("inf")},
     {"low_percentile": 99.5}, {"more": 1}, {"chest_crop": True}],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
def test_steps_that_make_no_sense_are_refused(change):
    with pytest.raises(BundleNotForRadiographs):
        recipe_of("x", {**STEPS, **change})


def test_a_score_is_read_as_the_bundle_says():
    outputs = {"p": np.array([[0.0, np.log(3.0)]], np.float32)}
    assert score_of(outputs, Reading("p", index=1)) == pytest.approx(np.log(3.0))
    assert score_of(outputs, Reading("p", activation="sigmoid", index=1)) == pytest.approx(0.75)
    assert score_of(outputs, Reading("p", activation="softmax", index=1)) == pytest.approx(0.75)
    steep = {"p": np.array([[1e30]], np.float32)}
    assert score_of(steep, Reading("p", activation="sigmoid")) == pytest.approx(1.0)


@pytest.mark.parametrize(
    "steps",
    [{"op": "score/2", "score": "p"}, {"op": "score/1", "score": "p"},
     {"op": "score/1", "score": "p", "activation": "none", "index": -1},
     {"op": "score/1", "score": 3, "activation": "none", "index": 0},
     {"op": "score_and_heat/1", "score": "p", "heat": "h", "index": 0}, {}],
    ids=["unknown", "short", "negative", "no name", "too much", "empty"],
)  # fmt: skip
def test_a_reading_that_makes_no_sense_is_refused(steps):
    with pytest.raises(BundleNotForRadiographs):
        reading_of("x", steps)


def test_a_network_of_others_is_analysed_and_has_no_heat_map(tmp_path):
    bundle = foreign(tmp_path)
    found = analyse_dr(Radiograph(chest_pixels(256), 8), open_onnx(bundle, 1), bundle)
    assert found.status == "ok"
    assert found.tb is not None
    assert 0 < found.tb.score < 1
    assert (found.tb.model, found.tb.threshold) == ("acme_cxr", 0.5)
    assert (found.heat_map, found.regions) == (None, None)


def test_a_score_outside_its_range_is_an_error_and_no_number(tmp_path):
    reading = {"op": "score/1", "score": "p", "activation": "none", "index": 0}
    low = {**STEPS, "mean": 2.0}
    bundle = foreign(tmp_path, postprocessing=reading, preprocessing=low)
    with pytest.raises(EngineOutputInvalid):
        analyse_dr(
            Radiograph(chest_pixels(256), 8), open_onnx(bundle, 1), bundle, DrOptions(override=True)
        )


def test_the_shipped_bundle_reads_as_before():
    bundle = load(shipped("dr_tb"))
    found = analyse_dr(Radiograph(chest_pixels(256), 8), open_onnx(bundle, 1), bundle)
    assert found.tb is not None
    assert found.heat_map is not None
    assert found.heat_map.shape == (256, 256)
