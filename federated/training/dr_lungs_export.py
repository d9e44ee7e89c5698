"""The lung-field bundle: ONNX, metadata, card, golden set."""

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

from core.imaging.dr_lungs_network import (
    EDGES,
    INPUT_OP,
    OUTPUT_OP,
    SIDE,
    VIEWS,
    letterboxed,
    steps_out,
)
from core.models.metadata import FORMAT
from core.phantom.dr import make_dr, small_dr
from federated.training.dr_lungs import Judged, TrainedLungs
from federated.training.dr_lungs_network import OUTPUTS, LungNet, Served
from federated.training.export import without_traces

_CALIBRATION = "LCTSC S1-103 (projections), digital patients 101-106; none of them trained it"


def export_onnx(network: LungNet, path: Path) -> None:
    """Write the network with a free batch axis."""
    with warnings.catch_warnings():
        # torch 2.13 uses its own deprecated isinstance check while it copies the program.
        warnings.simplefilter("ignore", FutureWarning)
        program = torch.onnx.export(
            Served(network).eval(),
            (torch.zeros((2, 1, SIDE, SIDE)),),
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


def golden_inputs() -> NDArray[np.float32]:
    """Return (case, 1, 1, 128, 128): digital patients and noise, nobody's image."""
    rng = np.random.default_rng(20240102)
    films = [
        letterboxed(make_dr(small_dr(seed)).radiograph.pixels)[0] for seed in (301, 302, 303, 304)
    ]
    films.append(rng.random((SIDE, SIDE), dtype=np.float32))
    return np.stack(films)[:, None, None]


def write_bundle(trained: TrainedLungs, folder: Path, version: str) -> None:
    """Write the whole bundle into `folder` (made if needed; files are replaced)."""
    folder.mkdir(parents=True, exist_ok=True)
    export_onnx(trained.network, folder / "model.onnx")
    (folder / "golden.npz").write_bytes(_golden(trained.network))
    (folder / "card.md").write_text(card(trained, version), encoding="utf-8")
    names = ("card.md", "golden.npz", "model.onnx")
    digests = {n: hashlib.sha256((folder / n).read_bytes()).hexdigest() for n in names}
    metadata = bundle_metadata(version) | {"files": digests}
    text = json.dumps(metadata, ensure_ascii=False, indent=2, sort_keys=True) + "\n"
    (folder / "metadata.json").write_text(text, encoding="utf-8")


def bundle_metadata(version: str) -> dict[str, Any]:
    """Return metadata.json's content without the file hashes."""
    return {
        "format": FORMAT,
        "name": "dr_lungs",
        "version": version,
        "task": "Lung fields, kind of view and turn of a chest radiograph",
        "modalities": ["CR", "DX"],
        "intended_use": "Research and development. Not for clinical use. 仅供研究，不得用于临床。",
        "network_data_format": {
            "inputs": {"image": {"dtype": "float32", "shape": [None, 1, SIDE, SIDE]}},
            "outputs": {
                "lungs": {"dtype": "float32", "shape": [None, 2, SIDE, SIDE]},
                "view": {"dtype": "float32", "shape": [None, len(VIEWS)]},
                "yaw": {"dtype": "float32", "shape": [None, 1]},
                "missing": {"dtype": "float32", "shape": [None, len(EDGES)]},
            },
        },
        "preprocessing": {"op": INPUT_OP, "size": SIDE},
        "postprocessing": steps_out(OUTPUT_OP),
        "threshold": 0.5,
        "calibration_set": _CALIBRATION,
        "licence": {
            "name": "CC-BY-3.0",
            "text_zh": "训练数据：NIH ChestX-ray8（无使用限制）、TCIA LCTSC 与 ACRIN-NSCLC-FDG-PET"
            "（CC BY 3.0，须署名）、数字患者；仅供研究。",
            "text_en": "Trained on NIH ChestX-ray8 (no restrictions; NIH Clinical Center), TCIA "
            "LCTSC and ACRIN-NSCLC-FDG-PET (CC BY 3.0, attribution) and digital patients; "
            "research only.",
        },
        "research_only": True,
        "tolerance": {"fp32": 1e-3, "fp16": 2e-2},
    }


def card(trained: TrainedLungs, version: str) -> str:
    """Return the model card as Markdown."""
    judged, plan = trained.judged, trained.plan
    origins = ", ".join(f"{name} {count}" for name, count in sorted(trained.origins.items()))
    weights = sum(p.numel() for p in trained.network.parameters())
    return f"""# dr_lungs {version}

**仅供研究，不得用于临床。 Not for clinical use.**

正位胸片的左右肺野、投照方式（正位、侧位、转向、黑白颠倒、非胸片）、患者旋转角、各边截断的比例。
Right
and left lung field of a frontal chest radiograph, kind of view, turn of the patient about the long
axis, share of the lungs beyond each edge.

## Network

U-Net of five levels, {weights} weights, 128 x 128 ranks in, shares of the same size out; heads
on the deepest level. Trained for {plan.steps} steps of {plan.batch} pictures, seed {plan.seed}.
Half of the pictures with known lungs are cut off at one edge or more. From step {plan.relabel_at}
on the films carry the network's own outlines instead of the template's:

```
XINGLIN_DATA=… xinglin train dr-lungs --out core/models/bundles/dr_lungs
```

## Data

{origins} samples before randomising. Projections of two CT with known lungs (LCTSC S1-101 by
experts; ACRIN-NSCLC-FDG-PET 042 by `core.imaging.lungs`), digital patients, and radiographs of NIH
("No Finding" and pneumonia), outlined first by the refined template where it is sure, then by the
half-trained network (no person drew them). Opacities, effusions and white-out are painted in and
still count as lung. No picture of DA or TBX11K.

## Measured on what never trained

{_table(judged)}

Outlines on twelve real radiographs: docs/imaging/dr-quality.md.

## Known failures

- A lung that is wholly opaque is outlined where a lung usually lies.
- A picture whose probability of an upright frontal chest is under one half gets no lung fields.
- Turn: learnt from projections of two CT, does not carry over to a third; quality control measures
  it on the outlines instead.
- Mirrored pictures: a head for them did not learn (chance); the outline's heart side is used.
- Children, prone films, pneumonectomy: not measured.
"""


def _table(judged: Judged) -> str:
    rows = [
        ("Dice, projections of LCTSC S1-103, turned -20...20 degrees", judged.drr_network),
        ("the same, template without network", judged.drr_template),
        ("Dice, digital patients of other seeds", judged.phantom_network),
        ("the same, template without network", judged.phantom_template),
    ]
    lines = ["| figure | mean | worst | n |", "| --- | --- | --- | --- |"]
    lines += [
        f"| {name} | {np.mean(values):.3f} | {min(values):.3f} | {len(values)} |"
        for name, values in rows
    ]
    errors = np.abs(judged.yaw_error_deg)
    lines.append(f"| turn, absolute error in degrees | {errors.mean():.1f} | {errors.max():.1f} |")
    lines[-1] += f" {len(errors)} |"
    cut = np.abs(judged.missing_error)
    lines.append(
        "| share cut off at an edge, S1-103 cut by 0.05...0.3, absolute error "
        f"| {cut.mean():.3f} | {cut.max():.3f} | {len(cut)} |"
    )
    return "\n".join(lines)


def _golden(network: LungNet) -> bytes:
    images = golden_inputs()
    with torch.inference_mode():
        answers = [Served(network).eval()(torch.from_numpy(image)) for image in images]
    buffer = io.BytesIO()
    outputs = {
        f"out.{name}": np.stack([answer[k].numpy() for answer in answers])
        for k, name in enumerate(OUTPUTS)
    }
    np.savez_compressed(buffer, allow_pickle=False, **{"in.image": images}, **outputs)
    return buffer.getvalue()
