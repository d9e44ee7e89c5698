"""From a trained head to a bundle folder: ONNX, metadata, card, golden set."""

from __future__ import annotations

import hashlib
import io
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from core.imaging.dr_input import as_preprocessing
from core.imaging.dr_recipes import DOUBT_OP
from core.models.metadata import FORMAT
from federated.training.card import model_card
from federated.training.dr_tb import INPUT, Trained
from federated.training.network import FINE, TbNetwork

CALIBRATION_SET = "DA (NITRD New Delhi) training split, 52 TB + 52 non-TB, out-of-fold, 5 x 3"
GOLDEN_SEED = 20240101
OUTPUTS = ("score", "heat", "marks", "members", "novelty")


def network_of(trained: Trained) -> TbNetwork:
    """Return the whole network, ready to infer."""
    network = TbNetwork(trained.head, trained.lesions)
    network.eval()
    return network


def answers_of(
    trained: Trained, inputs: NDArray[np.float32], batch: int = 16
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the network's scores and distances from training, each (image,)."""
    network = network_of(trained)
    parts = []
    with torch.inference_mode():
        for start in range(0, len(inputs), batch):
            score, _, _, _, novelty = network(torch.from_numpy(inputs[start : start + batch]))
            parts.append(torch.cat([score, novelty], 1).numpy())
    both = np.concatenate(parts).astype(np.float64)
    return both[:, 0], both[:, 1]


def golden_inputs() -> NDArray[np.float32]:
    """Return synthetic (case, 1, 1, 256, 256) inputs: no patient's image leaves with a bundle."""
    generator = np.random.default_rng(GOLDEN_SEED)
    ramp = np.linspace(-1, 1, INPUT.size, dtype=np.float32)
    rows, columns = np.meshgrid(ramp, ramp, indexing="ij")
    noise = generator.standard_normal((INPUT.size, INPUT.size)).astype(np.float32)
    stripes = np.sin(24 * np.pi * rows + 4 * columns) + 0.2 * noise
    blobs = np.where(np.hypot(rows + 0.4, columns - 0.4) < 0.25, 1.0, -0.3)
    cases = (0.1 * noise, noise, stripes, blobs + 0.3 * noise, stripes * blobs)
    return np.stack(cases).astype(np.float32)[:, None, None]


def export_network(network: TbNetwork, path: Path) -> None:
    """Write the network with a free batch axis (input `image`; outputs :data:`OUTPUTS`)."""
    example = torch.zeros((2, 1, INPUT.size, INPUT.size))
    with warnings.catch_warnings():
        # torch 2.13 uses its own deprecated isinstance check while it copies the program.
        warnings.simplefilter("ignore", FutureWarning)
        program = torch.onnx.export(
            network,
            (example,),
            input_names=["image"],
            output_names=list(OUTPUTS),
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            opset_version=18,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    program.save(str(path), external_data=False)
    path.write_bytes(without_traces(path.read_bytes()))


def without_traces(model: bytes) -> bytes:
    """Return an ONNX model without the exporter's notes: they hold paths of the machine it ran on.

    The same model then has the same bytes wherever it was trained.
    """
    import onnx

    proto = onnx.load_from_string(model)
    del proto.metadata_props[:]
    parts: list[Any] = [proto.graph, *proto.functions]
    for graph in (proto.graph, *proto.functions):
        parts += graph.node
    parts += [*proto.graph.value_info, *proto.graph.input, *proto.graph.output]
    parts += proto.graph.initializer
    for part in parts:
        part.doc_string = ""
        del part.metadata_props[:]
    onnx.checker.check_model(proto)
    stripped: bytes = proto.SerializeToString(deterministic=True)
    return stripped


def write_bundle(trained: Trained, folder: Path, version: str) -> None:
    """Write the whole bundle into `folder` (made if needed; files are replaced)."""
    folder.mkdir(parents=True, exist_ok=True)
    export_network(network_of(trained), folder / "model.onnx")
    (folder / "golden.npz").write_bytes(_golden(trained))
    (folder / "card.md").write_text(model_card(trained, version), encoding="utf-8")
    names = ("card.md", "golden.npz", "model.onnx")
    digests = {n: hashlib.sha256((folder / n).read_bytes()).hexdigest() for n in names}
    metadata = bundle_metadata(trained, version) | {"files": digests}
    text = json.dumps(metadata, ensure_ascii=False, indent=2, sort_keys=True) + "\n"
    (folder / "metadata.json").write_text(text, encoding="utf-8")


def bundle_metadata(trained: Trained, version: str) -> dict[str, Any]:
    """Return metadata.json's content without the file hashes."""
    side = INPUT.size
    return {
        "format": FORMAT,
        "name": "dr_tb",
        "version": version,
        "task": "Suspicion of pulmonary tuberculosis on a frontal chest radiograph",
        "modalities": ["CR", "DX"],
        "intended_use": "Research and development. Not for clinical use. 仅供研究，不得用于临床。",
        "network_data_format": {
            "inputs": {"image": {"dtype": "float32", "shape": [None, 1, side, side]}},
            "outputs": {
                "score": {"dtype": "float32", "shape": [None, 1]},
                "heat": {"dtype": "float32", "shape": [None, 1, FINE, FINE]},
                "marks": {"dtype": "float32", "shape": [None, 3, FINE, FINE]},
                "members": {"dtype": "float32", "shape": [None, len(trained.head.members)]},
                "novelty": {"dtype": "float32", "shape": [None, 1]},
            },
        },
        "preprocessing": as_preprocessing(INPUT),
        "postprocessing": {
            "op": DOUBT_OP,
            **{name: name for name in OUTPUTS},
            "interval_reach": trained.coverage.reach,
            "novelty_limit": round(trained.novelty_limit, 4),
            "affected_level": trained.marks.affected_level,
            "cavity_level": trained.marks.cavity_level,
        },
        "threshold": trained.validation.threshold,
        "calibration_set": CALIBRATION_SET,
        "licence": {
            "name": "LicenseRef-Research-Only",
            "text_zh": "权重由仅供学术使用的数据训练，只限研究；与代码的 Apache-2.0 许可分开。",
            "text_en": "Weights trained on data published for academic use: research only; "
            "apart from the code's Apache-2.0.",
        },
        "research_only": True,
        # The score keeps the narrow limit; a map to look at and the heads whose spread is told
        # (log odds, not probabilities) may differ by more.
        "tolerance": {"fp32": 1e-3, "fp16": 5e-3, "fp16.heat": 0.02, "fp16.members": 0.02},
    }


def _golden(trained: Trained) -> bytes:
    images = golden_inputs()
    network = network_of(trained)
    with torch.inference_mode():
        answers = [network(torch.from_numpy(image)) for image in images]
    outputs = {
        f"out.{name}": np.stack([answer[number].numpy() for answer in answers])
        for number, name in enumerate(OUTPUTS)
    }
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **{"in.image": images}, **outputs)
    return buffer.getvalue()
