"""A tiny bundle for tests: score = sigmoid(mean of the image), heat = 2 x image."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

SIDE = 32


def tiny_onnx(gain: float = 1.0) -> bytes:
    shape = ["batch", 1, SIDE, SIDE]
    nodes = [
        helper.make_node("Mul", ["image", "gain"], ["scaled"]),
        helper.make_node("ReduceMean", ["scaled", "axes"], ["mean"], keepdims=0),
        helper.make_node("Sigmoid", ["mean"], ["score"]),
        helper.make_node("Mul", ["image", "two"], ["heat"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)],
        [
            helper.make_tensor_value_info("score", TensorProto.FLOAT, ["batch", 1]),
            helper.make_tensor_value_info("heat", TensorProto.FLOAT, shape),
        ],
        [
            helper.make_tensor("gain", TensorProto.FLOAT, [], [gain]),
            helper.make_tensor("two", TensorProto.FLOAT, [], [2.0]),
            helper.make_tensor("axes", TensorProto.INT64, [2], [2, 3]),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 10
    onnx.checker.check_model(model)
    return model.SerializeToString()


def golden() -> dict[str, np.ndarray]:
    images = np.random.default_rng(7).standard_normal((3, 1, 1, SIDE, SIDE)).astype(np.float32)
    scores = 1 / (1 + np.exp(-images.mean((3, 4))))
    return {"in.image": images, "out.score": scores, "out.heat": images * 2}


def metadata() -> dict[str, Any]:
    plane = [None, 1, SIDE, SIDE]
    return {
        "format": "xinglin-bundle/1",
        "name": "tiny",
        "version": "1.2.3",
        "task": "test",
        "modalities": ["CR"],
        "network_data_format": {
            "inputs": {"image": {"dtype": "float32", "shape": plane}},
            "outputs": {
                "score": {"dtype": "float32", "shape": [None, 1]},
                "heat": {"dtype": "float32", "shape": plane},
            },
        },
        "preprocessing": {
            "op": "chest_crop_local_contrast/1",
            "size": SIDE,
            "grow_top": 0.0,
            "grow_bottom": 0.0,
            "grow_side": 0.0,
            "blur_px": 4.0,
            "floor": 0.15,
        },
        "postprocessing": {"op": "score_and_heat/1", "score": "score", "heat": "heat"},
        "threshold": 0.4,
        "calibration_set": "none",
        "licence": {"name": "Apache-2.0", "text_zh": "测试", "text_en": "test"},
        "research_only": True,
        "intended_use": "Research only, not for clinical use. 仅供研究，不得用于临床。",
        "tolerance": {"fp32": 1e-3, "fp16": 5e-3},
    }


def write_tiny(folder: Path, **changes: Any) -> Path:
    """Write the bundle; `changes` replace keys of metadata.json (None removes one)."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(tiny_onnx())
    (folder / "card.md").write_text("# tiny\n", encoding="utf-8")
    np.savez(folder / "golden.npz", **golden())
    seal(folder, **changes)
    return folder


def seal(folder: Path, **changes: Any) -> None:
    names = sorted(f.name for f in folder.iterdir() if f.name != "metadata.json")
    files = {n: hashlib.sha256((folder / n).read_bytes()).hexdigest() for n in names}
    content = metadata() | {"files": files} | changes
    content = {key: value for key, value in content.items() if value is not None}
    (folder / "metadata.json").write_text(json.dumps(content), encoding="utf-8")
