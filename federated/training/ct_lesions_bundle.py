"""From a trained lesion network to a bundle folder: ONNX, metadata, card, golden set."""

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

from core.imaging.lesions_patch import CHANNELS, CLASSES_OP
from core.models.metadata import FORMAT
from federated.training.ct_lesions import TrainedLesions
from federated.training.ct_lesions_card import lesion_card
from federated.training.ct_lesions_data import CALIBRATION, CLASSES, PATCH, TRAINING
from federated.training.ct_lesions_network import Calibrated
from federated.training.export import without_traces

GOLDEN_SEED = 20240102


def calibration_set() -> str:
    """Return where the threshold comes from, in words."""
    scans = " + ".join(plan.background for plan in CALIBRATION)
    return (
        f"lesions of the training generator, other seeds, in {len(CALIBRATION)} scans ({scans}; "
        "real = LCTSC S1-101, lung cancer): no tuberculosis CT"
    )


def golden_inputs() -> NDArray[np.float32]:
    """Return synthetic (case, 1, 2, 32, 32, 32) inputs: no patient's image leaves with a bundle."""
    rng = np.random.default_rng(GOLDEN_SEED)
    line = np.arange(PATCH.side) - PATCH.side // 2
    away = np.sqrt(line[:, None, None] ** 2 + line[:, None] ** 2 + line**2)
    tube = np.sqrt(line[:, None] ** 2 + line**2 + 0 * line[:, None, None])
    shapes = [away <= 2, away <= 5, (away <= 9) & (away > 6), tube <= 2]
    cases = []
    for mask in shapes:
        density = np.clip(0.1 + 0.6 * mask + rng.normal(0, 0.02, away.shape), 0, 1)
        cases.append(np.stack([density, (away <= 10) & mask]))
    return np.asarray(cases, dtype=np.float32)[:, None]


def export_lesions(network: Calibrated, path: Path) -> None:
    """Write the network with a free batch axis (input ``patch``, output ``kinds``)."""
    example = torch.zeros((2, CHANNELS, PATCH.side, PATCH.side, PATCH.side))
    with warnings.catch_warnings():
        # torch 2.13 uses its own deprecated isinstance check while it copies the program.
        warnings.simplefilter("ignore", FutureWarning)
        program = torch.onnx.export(
            network.eval(),
            (example,),
            input_names=["patch"],
            output_names=["kinds"],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            opset_version=18,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    program.save(str(path), external_data=False)
    path.write_bytes(without_traces(path.read_bytes()))


def write_lesion_bundle(trained: TrainedLesions, folder: Path, version: str) -> None:
    """Write the whole bundle into ``folder`` (made if needed; files are replaced)."""
    folder.mkdir(parents=True, exist_ok=True)
    network = Calibrated(trained.network, trained.slope, trained.offset).eval()
    export_lesions(network, folder / "model.onnx")
    (folder / "golden.npz").write_bytes(_golden(network))
    card = lesion_card(trained, version, calibration_set(), len(TRAINING))
    (folder / "card.md").write_text(card, encoding="utf-8")
    names = ("card.md", "golden.npz", "model.onnx")
    digests = {n: hashlib.sha256((folder / n).read_bytes()).hexdigest() for n in names}
    metadata = lesion_metadata(trained.threshold, trained.rules_weight, version) | {
        "files": digests
    }
    text = json.dumps(metadata, ensure_ascii=False, indent=2, sort_keys=True) + "\n"
    (folder / "metadata.json").write_text(text, encoding="utf-8")


def lesion_metadata(threshold: float, rules_weight: float, version: str) -> dict[str, Any]:
    """Return metadata.json's content without the file hashes."""
    side = PATCH.side
    return {
        "format": FORMAT,
        "name": "ct_lesions",
        "version": version,
        "task": "False-positive reduction and kind of lesion candidates on chest CT",
        "modalities": ["CT"],
        "intended_use": "Research and development. Not for clinical use. 仅供研究，不得用于临床。",
        "network_data_format": {
            "inputs": {"patch": {"dtype": "float32", "shape": [None, CHANNELS, side, side, side]}},
            "outputs": {"kinds": {"dtype": "float32", "shape": [None, len(CLASSES)]}},
        },
        "preprocessing": PATCH.stated(),
        "postprocessing": {
            "op": CLASSES_OP,
            "output": "kinds",
            "classes": list(CLASSES),
            "rules_weight": round(rules_weight, 4),
        },
        "threshold": threshold,
        "calibration_set": calibration_set(),
        "licence": {
            "name": "CC-BY-3.0",
            "text_zh": "权重由数字体模与 TCIA LCTSC S1-101（CC BY 3.0）训练；使用时注明该来源。",
            "text_en": "Weights trained on digital phantoms and TCIA LCTSC S1-101 (CC BY 3.0): "
            "name that source.",
        },
        "research_only": True,
        "tolerance": {"fp32": 1e-3, "fp16": 5e-3},
    }


def _golden(network: Calibrated) -> bytes:
    patches = golden_inputs()
    with torch.inference_mode():
        answers = [network(torch.from_numpy(patch)).numpy() for patch in patches]
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer, allow_pickle=False, **{"in.patch": patches, "out.kinds": np.stack(answers)}
    )
    return buffer.getvalue()
