"""Networks of somebody else, sound and hostile, for the import's tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from onnx import ModelProto, TensorProto, helper

SIDE = 32
USE = "Research only, not for clinical use. 仅供研究，不得用于临床。"
FACTS: dict[str, Any] = {
    "name": "acme_cxr",
    "version": "1.0.0",
    "slot": "dr_tb",
    "task": "suspected tuberculosis",
    "threshold": 0.5,
    "calibration_set": "somewhere, 400 + 400",
    "intended_use": USE,
    "licence": {"name": "MIT", "text_zh": "麻省理工许可", "text_en": "MIT licence"},
    "preprocessing": {
        "op": "resize_standardise/1", "size": SIDE, "channels": 1, "chest_crop": 1,
        "low_percentile": 1.0, "high_percentile": 99.0, "mean": 0.5, "deviation": 0.25,
    },
    "postprocessing": {"op": "score/1", "score": "p", "activation": "sigmoid", "index": 0},
}  # fmt: skip


def network(
    nodes: list[Any] | None = None,
    weights: dict[str, Any] | None = None,
    shape: tuple[Any, ...] = ("n", 1, SIDE, SIDE),
    domains: tuple[str, ...] = ("",),
) -> ModelProto:
    """Return a network image → p; by default the mean of the image times a gain."""
    if nodes is None:
        nodes = [
            helper.make_node("ReduceMean", ["image", "axes"], ["mean"], keepdims=0),
            helper.make_node("Mul", ["mean", "gain"], ["p"]),
        ]
    values = {"axes": np.array([2, 3], np.int64), "gain": np.float32(4.0)}
    values |= {key: np.asarray(value) for key, value in (weights or {}).items()}
    graph = helper.make_graph(
        nodes,
        "foreign",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("p", TensorProto.FLOAT, ("n", 1))],
        [_tensor(name, array) for name, array in values.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid(d, 18) for d in domains])
    model.ir_version = 10
    return model


def _tensor(name: str, array: np.ndarray) -> TensorProto:
    kind = helper.np_dtype_to_tensor_dtype(array.dtype)
    return helper.make_tensor(name, kind, array.shape, array.tobytes(), raw=True)


def write_foreign(
    folder: Path,
    model: ModelProto | bytes | None = None,
    without: tuple[str, ...] = (),
    **facts: Any,
) -> Path:
    """Write model.onnx and model.json; `facts` replace keys, `without` takes some away."""
    folder.mkdir(parents=True, exist_ok=True)
    data = network() if model is None else model
    (folder / "model.onnx").write_bytes(
        data if isinstance(data, bytes) else data.SerializeToString()
    )
    told = {key: value for key, value in {**FACTS, **facts}.items() if key not in without}
    (folder / "model.json").write_text(json.dumps(told, ensure_ascii=False), encoding="utf-8")
    return folder


def golden_of(side: int = SIDE, off: float = 0.0) -> dict[str, np.ndarray]:
    """Return golden cases of :func:`network`; `off` falsifies the outputs."""
    images = np.random.default_rng(5).normal(1.0, 1.0, (2, 1, 1, side, side)).astype(np.float32)
    return {"in.image": images, "out.p": images.mean((3, 4)) * np.float32(4.0) + np.float32(off)}


def write_golden(folder: Path, off: float = 0.0) -> Path:
    """Put a golden set beside a network."""
    np.savez(folder / "golden.npz", **golden_of(off=off))
    return folder


def endless() -> ModelProto:
    """Return a network that never answers."""
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["go_on"]),
         helper.make_node("Identity", ["kept"], ["next"])],
        "body",
        [helper.make_tensor_value_info("turn", TensorProto.INT64, ()),
         helper.make_tensor_value_info("go", TensorProto.BOOL, ()),
         helper.make_tensor_value_info("kept", TensorProto.FLOAT, ("n", 1))],
        [helper.make_tensor_value_info("go_on", TensorProto.BOOL, ()),
         helper.make_tensor_value_info("next", TensorProto.FLOAT, ("n", 1))],
    )  # fmt: skip
    nodes = [
        helper.make_node("ReduceMean", ["image", "axes"], ["mean"], keepdims=0),
        helper.make_node("Loop", ["turns", "yes", "mean"], ["p"], body=body),
    ]
    return network(nodes, {"turns": np.int64(2**62), "yes": np.array(True)})


def greedy() -> ModelProto:
    """Return a network that asks for a terabyte."""
    nodes = [
        helper.make_node("ReduceMean", ["image", "axes"], ["mean"], keepdims=0),
        helper.make_node("Expand", ["mean", "wide"], ["huge"]),
        helper.make_node("ReduceMax", ["huge"], ["most"], keepdims=1),
        helper.make_node("Mul", ["mean", "most"], ["p"]),
    ]
    return network(nodes, {"wide": np.array([2**30, 256], np.int64)})


def not_a_number() -> ModelProto:
    """Return a network that answers NaN."""
    nodes = [
        helper.make_node("ReduceMean", ["image", "axes"], ["mean"], keepdims=0),
        helper.make_node("Sub", ["mean", "mean"], ["zero"]),
        helper.make_node("Div", ["zero", "zero"], ["p"]),
    ]
    return network(nodes)
