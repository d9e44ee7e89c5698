"""`xinglin train …`: training from the command line."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from federated.errors import TrainingToolMissing

app = typer.Typer(help="训练模型 / Train models", no_args_is_help=True)


@app.callback()
def main() -> None:
    """训练模型 / Train models."""


@app.command("dr-tb")
def dr_tb(
    out: Annotated[Path, typer.Option(help="模型包目录 / bundle folder to write")],
    version: Annotated[str, typer.Option(help="版本 / version")] = "0.3.0",
    transfer: Annotated[bool, typer.Option(help="外部数据表 / transfer table")] = True,
    kept: Annotated[Path | None, typer.Option(help="保留裁剪图的目录 / keeps crops here")] = None,
) -> None:
    """胸片结核分类器 / Radiograph tuberculosis classifier (data: XINGLIN_DATA)."""
    for package in ("torch", "onnx", "onnxscript", "sklearn"):
        if find_spec(package) is None:
            raise TrainingToolMissing(package=package)
    from federated.training.dr_data import Source, data_folder
    from federated.training.dr_tb import INPUT, train
    from federated.training.export import write_bundle

    source = Source(data_folder(), INPUT, kept)
    trained = train(source, lambda line: print(line, file=sys.stderr), transfer)
    write_bundle(trained, out, version)
    found = trained.validation
    print(f"AUC {found.auc} threshold {found.threshold} sensitivity {found.sensitivity}")
    print(f"specificity {found.specificity}")
    for row in trained.transfer:
        print(f"{row.name} {row.images} positive {row.positive} outside {row.outside:.3f}")
    for probe in trained.probes:
        print(f"{probe.what}: {probe.balanced_accuracy:.3f} (chance {probe.chance:.2f})")


@app.command("dr-lungs")
def dr_lungs(
    out: Annotated[Path, typer.Option(help="模型包目录 / bundle folder to write")],
    version: Annotated[str, typer.Option(help="版本 / version")] = "0.2.1",
) -> None:
    """胸片肺野 / Radiograph lung fields, kind of view, what is cut off (data: XINGLIN_DATA)."""
    for package in ("torch", "onnx", "onnxscript"):
        if find_spec(package) is None:
            raise TrainingToolMissing(package=package)
    from federated.training.dr_data import data_folder
    from federated.training.dr_lungs import train
    from federated.training.dr_lungs_export import write_bundle

    trained = train(data_folder(), lambda line: print(line, file=sys.stderr))
    write_bundle(trained, out, version)
    print(trained.judged)


@app.command("ct-lesions")
def ct_lesions(
    out: Annotated[Path, typer.Option(help="模型包目录 / bundle folder to write")],
    version: Annotated[str, typer.Option(help="版本 / version")] = "0.2.0",
) -> None:
    """CT 病灶候选的判别网络 / Network that rates CT lesion candidates (data: XINGLIN_DATA)."""
    for package in ("torch", "onnx", "onnxscript"):
        if find_spec(package) is None:
            raise TrainingToolMissing(package=package)
    from federated.training.ct_lesions import train
    from federated.training.ct_lesions_bundle import write_lesion_bundle
    from federated.training.ct_lesions_data import data_folder

    trained = train(data_folder(), lambda line: print(line, file=sys.stderr))
    write_lesion_bundle(trained, out, version)
    print(f"AUC {trained.auc:.4f} threshold {trained.threshold} sensitivity {trained.sensitivity}")
