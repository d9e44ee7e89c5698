"""A bundle in further precisions: made on the CPU, held against the golden set, served in turn."""

from __future__ import annotations

import io

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from core.models.bundle import load
from core.models.errors import NetworkNotConvertible
from core.models.parity import compare
from core.models.precision import half_network, int8_network
from edge.infer.convert import Wanted, calibration_cases, convert
from edge.infer.engines import choose_engine
from edge.infer.errors import CalibrationWrong, ConversionDiffers
from tests.fake_gpu import FakeGpu
from tests.tiny_bundle import SIDE, seal, tiny_onnx, write_tiny


def conv_onnx() -> bytes:
    """heat = 2 x image, by a convolution; score = sigmoid(mean of the image)."""
    shape = ["batch", 1, SIDE, SIDE]
    nodes = [
        helper.make_node("Conv", ["image", "kernel"], ["heat"], kernel_shape=[1, 1]),
        helper.make_node("ReduceMean", ["image", "axes"], ["mean"], keepdims=0),
        helper.make_node("Sigmoid", ["mean"], ["score"]),
    ]
    graph = helper.make_graph(
        nodes, "conv",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["batch", 1]),
         helper.make_tensor_value_info("heat", TensorProto.FLOAT, shape)],
        [helper.make_tensor("kernel", TensorProto.FLOAT, [1, 1, 1, 1], [2.0]),
         helper.make_tensor("axes", TensorProto.INT64, [2], [2, 3])],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 10
    return model.SerializeToString()


@pytest.fixture
def folder(tmp_path):
    made = write_tiny(tmp_path / "plain")
    (made / "model.onnx").write_bytes(conv_onnx())
    seal(made)
    return made


def images(count=8, dtype=np.float32, scale=1.0):
    return np.random.default_rng(3).standard_normal((count, 1, SIDE, SIDE)).astype(dtype) * scale


def npz(**arrays) -> bytes:
    out = io.BytesIO()
    np.savez(out, **arrays)
    return out.getvalue()


def test_both_forms_are_made_held_and_served(folder, tmp_path):
    said = convert(folder, tmp_path / "all", Wanted(npz(image=images()), "noise", 0.05))
    assert set(said) == {"fp16", "int8"}
    assert 0 < said["int8"].worst["heat"] < 0.05
    bundle = load(tmp_path / "all")
    assert bundle.model == load(folder).model
    assert bundle.metadata.tolerance["int8"] == 0.05
    kinds = {node.op_type for node in onnx.load_from_string(bundle.model_int8).graph.node}
    assert {"QuantizeLinear", "DequantizeLinear"} <= kinds
    engine = choose_engine(bundle, tmp_path / "cache", door=lambda: FakeGpu(typed=True))
    assert "int8" in engine.name
    engine.close()


def test_int8_beyond_its_tolerance_gives_way_to_fp16(folder, tmp_path):
    convert(folder, tmp_path / "all", Wanted(npz(image=images()), "noise", 0.05))
    door = lambda: FakeGpu(typed=True, error={"int8": 0.2})  # noqa: E731 one line says it
    engine = choose_engine(load(tmp_path / "all"), tmp_path / "cache", door=door)
    assert "fp16" in engine.name
    engine.close()


def test_a_form_that_differs_too_much_is_not_written(folder, tmp_path):
    # Ranges of hardly anything: everything else is cut off.
    narrow = Wanted(npz(image=images(scale=np.float32(1e-3))), "nothing", 0.02)
    with pytest.raises(ConversionDiffers):
        convert(folder, tmp_path / "all", narrow)
    assert not (tmp_path / "all").exists()


@pytest.mark.parametrize(
    "data",
    [b"", b"no archive", npz(picture=images()), npz(image=images(0)), npz(image=np.float32(1)),
     npz(image=images(dtype=np.float64)), npz(image=images()[:, :, :5]),
     npz(image=images() * np.float32("nan"))],
    ids=["empty", "text", "name", "none", "scalar", "double", "shape", "nan"],
)  # fmt: skip
def test_a_calibration_set_that_is_none_is_refused(folder, data):
    with pytest.raises(CalibrationWrong):
        calibration_cases(data, load(folder).metadata.inputs)


def test_what_is_no_network_is_refused():
    for make in (half_network, lambda data: int8_network(data, [{"image": images(1)}])):
        with pytest.raises(NetworkNotConvertible):
            make(b"\x00 no network")
    with pytest.raises(NetworkNotConvertible):
        int8_network(tiny_onnx(), [])


def test_an_output_may_have_a_tolerance_of_its_own(folder, tmp_path):
    want = [{"score": np.array([0.5], np.float32), "heat": np.array([1.0], np.float32)}]
    have = [{"score": np.array([0.5], np.float32), "heat": np.array([1.01], np.float32)}]
    assert not compare(have, want, 5e-3).passed
    assert compare(have, want, 5e-3, of_output={"heat": 0.02}).passed
    assert not compare(have, want, 5e-3, of_output={"score": 0.02}).passed
    seal(folder, tolerance={"fp32": 1e-3, "fp16": 5e-3, "fp16.heat": 0.1})
    engine = choose_engine(
        load(folder), tmp_path / "cache", door=lambda: FakeGpu(error={"fp16": 4e-3})
    )
    assert "fp16" in engine.name
    engine.close()


def test_masks_agree_by_their_cut_and_not_by_their_shares():
    want = [{"mask": np.array([[0.1, 0.4, 0.9, 0.8]], np.float32)}]
    near = [{"mask": np.array([[0.0, 0.3, 0.7, 0.6]], np.float32)}]
    assert compare(near, want, 1e-3, masks=True).passed
    assert not compare(near, want, 1e-3).passed
    other = [{"mask": np.array([[0.1, 0.6, 0.9, 0.8]], np.float32)}]
    judged = compare(other, want, 1.0, masks=True)
    assert (judged.passed, round(judged.dice["mask"], 3)) == (False, 0.8)
    missing = compare([{}], want, 1.0, masks=True)
    assert (missing.passed, missing.dice["mask"]) == (False, 0.0)
    empty = [{"mask": np.zeros((1, 4), np.float32)}]
    assert compare(empty, empty, 1e-3, masks=True).passed
