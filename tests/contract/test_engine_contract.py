"""One suite for the engine port: ONNX Runtime, TensorRT on a fake driver, TensorRT on a GPU."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from core.models.bundle import load
from core.models.errors import EngineClosed, EngineInputRefused, EngineOutputInvalid
from core.models.onnx_engine import open_onnx
from core.models.parity import check_parity
from edge.infer.cache import PlanCache
from edge.infer.engines import choose_engine
from edge.infer.errors import GpuUnavailable
from edge.infer.isolated import IsolatedEngine, Limits
from edge.infer.tensorrt_engine import open_tensorrt
from tests.fake_gpu import FakeGpu
from tests.tiny_bundle import SIDE, write_tiny


@pytest.fixture
def bundle(tmp_path):
    return load(write_tiny(tmp_path / "bundle"))


def _real_gpu(bundle, folder):
    from edge.infer._cuda import open_driver

    try:
        driver = open_driver()
    except GpuUnavailable as why:
        pytest.skip(f"no GPU here: {why}")
    return open_tensorrt(bundle, driver, PlanCache(folder), "fp32")


_KINDS = {
    "onnx": lambda bundle, folder: open_onnx(bundle, threads=1),
    "isolated": lambda bundle, folder: IsolatedEngine(bundle, Limits(start_s=300, run_s=300)),
    "tensorrt-fake": lambda bundle, folder: open_tensorrt(
        bundle, FakeGpu(), PlanCache(folder), "fp32"
    ),
    "chosen-fake-gpu": lambda bundle, folder: choose_engine(bundle, folder, door=FakeGpu),
    "tensorrt-real": _real_gpu,
}


@pytest.fixture(
    params=[
        "onnx",
        "isolated",
        "tensorrt-fake",
        "chosen-fake-gpu",
        pytest.param("tensorrt-real", marks=pytest.mark.gpu),
    ]
)
def engine(request, bundle, tmp_path):
    opened = _KINDS[request.param](bundle, tmp_path / "cache")
    yield opened
    opened.close()


def _image(batch=1, value=0.25):
    return {"image": np.full((batch, 1, SIDE, SIDE), value, np.float32)}


def test_says_who_it_is(engine):
    assert engine.name
    assert engine.device
    assert engine.reason.zh
    assert engine.reason.en


def test_gives_the_golden_outputs(engine, bundle):
    parity = check_parity(engine, bundle)
    assert parity.passed
    assert parity.cases == 3
    assert set(parity.worst) == {"score", "heat"}


def test_batch_axis_is_free_and_outputs_are_float32(engine):
    outputs = engine.infer(_image(batch=3))
    assert outputs["score"].shape == (3, 1)
    assert outputs["heat"].dtype == np.float32
    assert outputs["score"][0, 0] == pytest.approx(1 / (1 + np.exp(-0.25)), abs=1e-4)


def test_same_input_same_numbers_and_input_untouched(engine):
    given = {"image": np.random.default_rng(1).random((1, 1, SIDE, SIDE)).astype(np.float32)}
    kept = given["image"].copy()
    first, second = engine.infer(given), engine.infer(given)
    assert np.array_equal(first["heat"], second["heat"])
    assert np.array_equal(kept, given["image"])


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"image": np.zeros((1, 1, SIDE, SIDE), np.float64)},
        {"image": np.zeros((1, 1, SIDE, SIDE + 1), np.float32)},
        {"image": np.zeros((0, 1, SIDE, SIDE), np.float32)},
        {"image": np.zeros((1, SIDE, SIDE), np.float32)},
        {"image": np.full((1, 1, SIDE, SIDE), np.nan, np.float32)},
        {"picture": np.zeros((1, 1, SIDE, SIDE), np.float32)},
        {**_image(), "more": np.zeros(1, np.float32)},
    ],
)
def test_refuses_what_the_bundle_does_not_state(engine, wrong):
    with pytest.raises(EngineInputRefused):
        engine.infer(wrong)


def test_infinite_answer_is_an_error_not_a_number(engine):
    with pytest.raises(EngineOutputInvalid):
        engine.infer(_image(value=np.finfo(np.float32).max))


def test_threads_get_their_own_answers(engine):
    def ask(value):
        return float(engine.infer(_image(value=value))["heat"].mean())

    values = [index / 16 for index in range(16)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(ask, values)) == pytest.approx([2 * v for v in values], abs=1e-5)


def test_closed_is_closed_and_closing_twice_is_fine(engine):
    engine.close()
    engine.close()
    with pytest.raises(EngineClosed):
        engine.infer(_image())
