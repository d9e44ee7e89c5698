"""ONNX Runtime against PyTorch eager: the radiograph network, same weights, same threads."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.bench.figure import Figure, percentile

THREADS = 2


def _median_pair(
    one: Callable[[], object], other: Callable[[], object], rounds: int
) -> tuple[list[float], list[float]]:
    """Time both in turn, so that what else the machine does falls on both alike."""
    one(), other()
    first: list[float] = []
    second: list[float] = []
    for _ in range(rounds):
        for what, into in ((one, first), (other, second)):
            started = time.perf_counter()
            what()
            into.append(time.perf_counter() - started)
    return first, second


def measure(work: Path, quick: bool) -> list[Figure]:
    import onnxruntime as ort
    import torch

    from federated.training.dr_lesion_net import LesionNet
    from federated.training.dr_tb import INPUT
    from federated.training.export import OUTPUTS, export_network
    from federated.training.network import TbNetwork, blank_head

    torch.set_num_threads(THREADS)
    torch.manual_seed(0)
    network = TbNetwork(blank_head(), LesionNet().eval())
    network.eval()
    export_network(network, work / "model.onnx")
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = THREADS, 1
    session = ort.InferenceSession(work / "model.onnx", options, ["CPUExecutionProvider"])
    image = np.random.default_rng(0).standard_normal((1, 1, INPUT.size, INPUT.size))
    image = image.astype(np.float32)
    tensor = torch.from_numpy(image)

    def eager() -> None:
        with torch.inference_mode():
            network(tensor)

    ours, theirs = _median_pair(
        lambda: session.run(list(OUTPUTS), {"image": image}), eager, 15 if quick else 60
    )
    ratio = statistics.median(theirs) / statistics.median(ours)
    reached = (
        f"{1000 * percentile(ours, 0.5):.1f} ms against {1000 * percentile(theirs, 0.5):.1f} ms"
    )
    return [
        Figure(
            row="ort", what="ONNX Runtime against PyTorch eager, radiograph network",
            target="≥ 1.5 ×", ok=ratio >= 1.5, ratio=ratio, reached=reached,
            data=f"one 256 × 256 image, {THREADS} threads each, medians of {len(ours)}, in turn",
            detail={"onnxruntime_s": ours, "torch_s": theirs, "torch": torch.__version__},
        )
    ]  # fmt: skip
