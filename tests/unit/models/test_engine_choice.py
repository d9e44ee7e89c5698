"""Which engine serves, why, and what happens when the GPU fails. On the fake driver."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import onnx
import pytest

from core.models.bundle import load, shipped
from core.models.errors import EngineFailed
from core.models.onnx_engine import open_onnx
from core.models.parity import check_parity, compare
from core.models.precision import half_network
from edge.infer._cuda import open_driver
from edge.infer.cache import PlanCache
from edge.infer.check import gpu_report
from edge.infer.driver import BuildSpec, cache_key, shape_range
from edge.infer.engines import choose_engine
from edge.infer.errors import GpuUnavailable
from tests.fake_gpu import FakeGpu
from tests.tiny_bundle import SIDE, seal, tiny_onnx, write_tiny


@pytest.fixture
def bundle(tmp_path):
    return load(write_tiny(tmp_path / "bundle"))


def _no_gpu():
    raise GpuUnavailable(what="no CUDA device")


def half(network):
    weights = onnx.load_from_string(network).graph.initializer
    return any(w.data_type == onnx.TensorProto.FLOAT16 for w in weights)


def _image():
    return {"image": np.full((1, 1, SIDE, SIDE), 0.5, np.float32)}


def test_no_gpu_means_onnx_runtime_and_says_why(bundle, tmp_path):
    engine = choose_engine(bundle, tmp_path, door=_no_gpu)
    assert engine.device == "cpu"
    assert engine.name.startswith("onnxruntime")
    assert "no CUDA device" in engine.reason.en
    assert "CPU" in engine.reason.zh


def test_fp16_serves_where_it_agrees(bundle, tmp_path):
    engine = choose_engine(bundle, tmp_path, door=lambda: FakeGpu(error={"fp16": 4e-3}))
    assert "fp16" in engine.name
    assert engine.device.startswith("cuda")
    assert "parity" in engine.reason.en


def test_fp32_serves_where_fp16_disagrees(bundle, tmp_path):
    gpu = FakeGpu(error={"fp16": 6e-3})
    engine = choose_engine(bundle, tmp_path, door=lambda: gpu)
    assert "fp32" in engine.name
    assert gpu.closed == 1


def test_cpu_serves_where_the_gpu_disagrees(bundle, tmp_path):
    gpu = FakeGpu(error={"fp16": 0.1, "fp32": 2e-3})
    engine = choose_engine(bundle, tmp_path, door=lambda: gpu)
    assert engine.device == "cpu"
    assert "parity failed" in engine.reason.en
    assert "黄金样本不一致" in engine.reason.zh
    assert gpu.closed == 2


def test_cpu_serves_where_nothing_builds(bundle, tmp_path):
    engine = choose_engine(bundle, tmp_path, door=lambda: FakeGpu(refuses=("fp16", "fp32")))
    assert engine.device == "cpu"
    assert "fake refusal" in engine.reason.en


def test_typed_tensorrt_gets_the_bundles_fp16_network_or_one_made_of_fp32(tmp_path):
    folder = write_tiny(tmp_path / "bundle")
    gpu = FakeGpu(typed=True)
    engine = choose_engine(load(folder), tmp_path / "a", door=lambda: gpu)
    assert "fp16" in engine.name
    engine.close()
    choose_engine(load(folder), tmp_path / "a", door=lambda: gpu).close()
    assert gpu.builds == 1  # made twice, the same bytes
    assert [half(network) for network in gpu.networks] == [True]
    (folder / "model_fp16.onnx").write_bytes(tiny_onnx())
    seal(folder)
    brought = FakeGpu(typed=True)
    choose_engine(load(folder), tmp_path / "b", door=lambda: brought).close()
    assert brought.networks == [tiny_onnx()]


def test_a_network_without_an_fp16_form_serves_in_fp32(bundle, tmp_path):
    broken = replace(bundle, model_fp16=b"")
    refuse = FakeGpu(typed=True, refuses=("fp16",))
    engine = choose_engine(broken, tmp_path, door=lambda: refuse)
    assert "fp32" in engine.name
    engine.close()


@pytest.mark.parametrize("name", ["dr_tb", "dr_lungs", "ct_lesions"])
def test_every_shipped_network_keeps_its_golden_outputs_in_fp16(name):
    """What a box makes of it for TensorRT 11, here run by ONNX Runtime on the CPU."""
    shipped_bundle = load(shipped(name))
    engine = open_onnx(replace(shipped_bundle, model=half_network(shipped_bundle.model)), 1)
    assert check_parity(engine, shipped_bundle, "fp16").passed
    engine.close()


def test_a_lost_gpu_costs_no_study(bundle, tmp_path):
    gpu = FakeGpu(dies_after=bundle.golden.cases + 1)
    engine = choose_engine(bundle, tmp_path, door=lambda: gpu)
    first = engine.infer(_image())
    second = engine.infer(_image())  # the GPU fails here; the CPU answers
    assert np.allclose(first["heat"], second["heat"])
    assert engine.device == "cpu"
    assert "OUT_OF_MEMORY" in engine.reason.en
    assert gpu.closed == 1


def test_plans_are_built_once_and_kept_by_key(bundle, tmp_path):
    gpu = FakeGpu()
    choose_engine(bundle, tmp_path, door=lambda: gpu).close()
    choose_engine(bundle, tmp_path, door=lambda: gpu).close()
    assert gpu.builds == 1
    newer = FakeGpu(tensorrt_version="11.4.0")
    choose_engine(bundle, tmp_path, door=lambda: newer).close()
    assert newer.builds == 1


def test_a_damaged_plan_is_built_anew(bundle, tmp_path):
    gpu = FakeGpu()
    choose_engine(bundle, tmp_path, door=lambda: gpu).close()
    plan = next(tmp_path.glob("*.plan"))
    plan.write_bytes(plan.read_bytes()[:-1])
    choose_engine(bundle, tmp_path, door=lambda: gpu).close()
    assert gpu.builds == 2
    assert gpu.timing_seen == [b"", b"t"]


def test_a_kept_plan_that_no_longer_opens_is_built_anew(bundle, tmp_path):
    gpu = FakeGpu()
    spec = BuildSpec("fp16", bundle.metadata.inputs)
    PlanCache(tmp_path).put(cache_key(gpu.describe(), bundle.model, spec), "plan", b"old plan")
    engine = choose_engine(bundle, tmp_path, door=lambda: gpu)
    assert "fp16" in engine.name
    assert gpu.builds == 1


def test_cache_key_follows_everything_that_matters(bundle):
    base, spec = FakeGpu().describe(), BuildSpec("fp32", bundle.metadata.inputs)
    keys = {
        cache_key(base, b"a", spec),
        cache_key(base, b"b", spec),
        cache_key(FakeGpu(tensorrt_version="11").describe(), b"a", spec),
        cache_key(base, b"a", BuildSpec("fp16", bundle.metadata.inputs)),
        cache_key(base, b"a", BuildSpec("fp32", bundle.metadata.inputs, max_batch=4)),
    }
    assert len(keys) == 5
    assert cache_key(base, b"a", spec) in keys


def test_shape_range_opens_only_the_free_axis(bundle):
    lowest, usual, largest = shape_range(bundle.metadata.inputs[0], 8)
    assert lowest == usual == (1, 1, SIDE, SIDE)
    assert largest == (8, 1, SIDE, SIDE)


@pytest.mark.skipif(find_spec("pycuda") is not None, reason="pycuda is installed here")
def test_the_real_door_is_closed_without_a_gpu():
    with pytest.raises(GpuUnavailable) as refused:
        open_driver()
    assert "pycuda" in str(refused.value.facts["what"])


def test_parity_counts_missing_misshaped_and_nan_as_infinite():
    want = [{"a": np.ones((1, 2), np.float32)}]
    for bad in ({}, {"a": np.ones((2, 1), np.float32)}, {"a": np.full((1, 2), np.nan, np.float32)}):
        result = compare([bad], want, 1.0)
        assert not result.passed
        assert result.worst["a"] == float("inf")
    assert compare([{"a": np.full((1, 2), 1.0005, np.float32)}], want, 1e-3).passed
    assert not compare([{"a": np.full((1, 2), 1.002, np.float32)}], want, 1e-3).passed


def test_parity_is_relative_above_one():
    want = [{"a": np.array([200.0], np.float32)}]
    assert compare([{"a": np.array([200.1], np.float32)}], want, 1e-3).passed
    assert not compare([{"a": np.array([200.5], np.float32)}], want, 1e-3).passed


def test_a_network_that_is_no_onnx_is_a_typed_error(tmp_path):
    folder = write_tiny(tmp_path)
    (folder / "model.onnx").write_bytes(b"not a network")
    seal(folder)
    with pytest.raises(EngineFailed):
        open_onnx(load(folder))


def test_gpu_report_has_both_engines(bundle, tmp_path):
    report = gpu_report(bundle, tmp_path, rounds=1, door=FakeGpu)
    assert report["gpu"]["device"] == "Fake L4"
    engines = report["engines"]
    assert {"tensorrt fp16", "tensorrt fp32", "onnxruntime cpu"} <= set(engines)
    assert engines["tensorrt fp16"]["parity"]["passed"]
    assert engines["tensorrt int8"]["error"]["code"] == "E4201", "the bundle brings none"
    assert set(engines["tensorrt fp32"]["median_ms_by_batch"]) == {"1", "8"}
    assert engines["onnxruntime cpu"]["device"] == "cpu"
    assert "fp16" in report["chosen"]["engine"]
    without = gpu_report(bundle, tmp_path, rounds=1, door=_no_gpu)
    assert without["gpu_error"]["code"] == "E4200"


def test_the_shipped_bundle_passes_parity_here():
    bundle = load(shipped("dr_tb"))
    engine = open_onnx(bundle, threads=1)
    assert check_parity(engine, bundle).passed
    engine.close()
