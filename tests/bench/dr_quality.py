"""Quality control of radiographs against known faults: the tables of docs/imaging/dr-quality.md.

    XINGLIN_DATA=… python -m tests.bench.dr_quality --half report --count 12 --stepped 4

`da` is halved: limits were set on the even pictures, the table is of the odd ones. Pictures are
brought to 512 columns before they are spoilt; the untouched rows are at their own size. Turned and
lateral patients are projections of LCTSC S1-103, which trained nothing, and digital patients.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import sys
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr
from skimage.transform import resize

from core.imaging.dr_chest import fit_chest
from core.imaging.dr_lungs import LungFields, lung_fields
from core.imaging.dr_lungs_network import LungNetwork
from core.imaging.dr_qc import assess_fitted
from core.imaging.result import QcResult
from core.imaging.volume import Radiograph
from core.models.bundle import load, shipped
from core.models.onnx_engine import open_onnx
from federated.training.dr_data import ARCHIVES, data_folder, decode
from federated.training.dr_lungs_bodies import Body, ct_folder, lctsc_body, phantom_body
from federated.training.dr_lungs_drr import Pose, project
from federated.training.dr_lungs_samples import reported
from federated.training.stats import auc, share_interval
from tests.bench.dr_degrade import FAULTS, Fault

YAWS_DEG = (0.0, 10.0, 20.0)
PHANTOM_SEEDS = (111, 112)


@dataclass(frozen=True)
class Row:
    """One assessed picture."""

    group: str
    step: float
    picture: str
    rejected: tuple[str, ...]
    warned: tuple[str, ...]
    metrics: dict[str, float]


def network() -> LungNetwork:
    """Return the shipped lung network on one thread."""
    bundle = load(shipped("dr_lungs"))
    return LungNetwork(open_onnx(bundle, threads=1), bundle)


def judged(pixels: np.ndarray, by: LungNetwork) -> tuple[QcResult, LungFields]:
    """Return the verdict and the lung fields."""
    picture = np.ascontiguousarray(pixels, np.float32)
    chest = fit_chest(picture)
    lungs = lung_fields(picture, chest, by)
    return assess_fitted(Radiograph(picture, bits_stored=8), chest, None, lungs), lungs


def row_of(group: str, step: float, picture: str, pixels: np.ndarray, by: LungNetwork) -> Row:
    qc, _ = judged(pixels, by)
    codes = {s: tuple(r.code for r in qc.reasons if r.severity == s) for s in ("reject", "warn")}
    noted = tuple(r.code for r in qc.reasons if r.severity == "info")
    return Row(group, step, picture, codes["reject"], codes["warn"] + noted, dict(qc.metrics))


def pictures(name: str, half: str) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the pictures of one half: `da` by its order, the others by patient."""
    archive, manifest = ARCHIVES[name]
    folder = data_folder()
    with (folder / manifest).open(encoding="utf-8", newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row["set"] == name]
    with zipfile.ZipFile(folder / archive) as container:
        for number, row in enumerate(rows):
            odd = number % 2 == 1
            ours = odd if name == "da" else reported(row["group_id"])
            if half == "all" or ours == (half == "report"):
                yield row["member"], decode(container.read(row["member"]))


def small(pixels: np.ndarray) -> np.ndarray:
    """Return the picture at 512 columns."""
    if pixels.shape[1] <= 512:
        return pixels
    shape = (round(pixels.shape[0] * 512 / pixels.shape[1]), 512)
    return resize(pixels, shape, order=1, preserve_range=True, anti_aliasing=True).astype(
        np.float32
    )


def spoilt_rows(half: str, count: int, stepped: int, only: str, by: LungNetwork) -> Iterator[Row]:
    """Yield `count` pictures with each fault; the first `stepped` of them at every step."""
    chosen = list(pictures("da", half))
    step = max(1, len(chosen) // count)
    for number, (name, pixels) in enumerate(chosen[::step][:count]):
        picture = small(pixels)
        _, lungs = judged(picture, by)
        yield row_of("untouched 512", 0.0, name, picture, by)
        for fault_name, fault in FAULTS.items():
            if not fault_name.startswith(tuple(only.split(","))):
                continue
            for level in fault.steps:
                if number >= stepped and level != fault.repeat_at:
                    continue
                rng = np.random.default_rng([number, round(level * 100)])
                spoilt = fault.apply(picture, level, lungs.mask, rng)
                yield row_of(fault_name, level, name, spoilt, by)


def shown(body: Body, pose: Pose) -> np.ndarray:
    """Return a projection as an 8-bit picture of about 512 rows."""
    path = project(body, pose).path
    low, high = np.percentile(path, (1, 99.7))
    grey = np.clip((path - low) / (high - low), 0, 1) ** 0.8 * 255
    shape = (512, round(512 * path.shape[1] / path.shape[0]))
    return resize(grey, shape, order=1, preserve_range=True).astype(np.float32)


def pose_rows(by: LungNetwork) -> Iterator[Row]:
    rng = np.random.default_rng(5)
    bodies = {"s1-103": lctsc_body(ct_folder(), "s1-103")}
    bodies |= {f"phantom-{seed}": phantom_body(seed, "normal") for seed in PHANTOM_SEEDS}
    for name, body in bodies.items():
        for repeat in range(4 if name == "s1-103" else 2):
            pitch, height = float(rng.uniform(-5, 5)), float(rng.uniform(0.9, 1.1))
            for yaw in YAWS_DEG:
                turn = yaw * (-1 if repeat % 2 else 1)
                picture = shown(body, Pose(turn, pitch, height))
                yield row_of("turned patient, deg", yaw, f"{name}/{repeat}", picture, by)
            side = 90.0 if repeat % 2 else -90.0
            picture = shown(body, Pose(side + float(rng.uniform(-15, 15)), pitch, height))
            yield row_of("lateral", 1.0, f"{name}/{repeat}", picture, by)
    for number in range(8):
        plane = bodies["s1-103"].hu[10 + 16 * number]
        grey = (np.clip(plane, -1000, 400) + 1000) / 1400 * 255
        yield row_of(
            "no chest radiograph", 1.0, f"ct slice {number}", grey.repeat(3, 0).repeat(3, 1), by
        )


def strange_rows(by: LungNetwork) -> Iterator[Row]:
    """Photographs, textures and noise: scikit-image's pictures, other DICOM objects."""
    from pydicom import dcmread
    from skimage import data

    for name in ("astronaut", "brick", "camera", "cat", "coffee", "coins", "grass", "gravel",
                 "horse", "moon", "page", "text", "clock", "hubble_deep_field"):  # fmt: skip
        try:
            picture = np.asarray(getattr(data, name)(), np.float32)
        except (OSError, ModuleNotFoundError, ValueError):
            continue  # not in the wheel: it would have to be fetched
        grey = picture.mean(2) if picture.ndim == 3 else picture
        yield row_of("no chest radiograph", 1.0, name, grey * (255 / max(1.0, grey.max())), by)
    rng = np.random.default_rng(3)
    for number in range(6):
        noise = rng.random((256, 256)) if number < 3 else np.cumsum(rng.normal(size=(256, 256)), 1)
        grey = (noise - noise.min()) / np.ptp(noise) * 255
        yield row_of("no chest radiograph", 1.0, f"noise {number}", grey, by)
    archive = data_folder().parent / "dicom" / "pydicom_samples.zip"
    with zipfile.ZipFile(archive) as held:
        for name in held.namelist():
            if Path(name).name in {"CT_small.dcm", "MR_small.dcm", "US1_J2KR.dcm", "RG3_J2KR.dcm"}:
                picture = np.asarray(dcmread(io.BytesIO(held.read(name))).pixel_array, np.float32)
                grey = picture.mean(2) if picture.ndim == 3 else picture
                grey = grey.repeat(-(-128 // grey.shape[0]), 0).repeat(-(-128 // grey.shape[1]), 1)
                scaled = (grey - grey.min()) / max(1.0, float(np.ptp(grey))) * 255
                yield row_of("no chest radiograph", 1.0, Path(name).name, scaled, by)


#: Untouched sets: both halves of `da`; of the others the patients that trained and fitted nothing.
#: `tbx11k_tb`, `nih_pneumonia` and `covid_cxr` are diseased, many of them portable films.
SETS = (("da", "fit"), ("da", "report"), ("nih_normal", "report"), ("tbx11k_tb", "report"),
        ("nih_pneumonia", "report"), ("covid_cxr", "report"))  # fmt: skip


def untouched_rows(half: str, count: int, by: LungNetwork) -> Iterator[Row]:
    """Yield at most about `count` pictures of each set at their own size."""
    for name, part in SETS if half == "report" else (("da", "fit"), ("tbx11k_tb", "fit")):
        chosen = list(pictures(name, part))
        for member, pixels in chosen[:: max(1, len(chosen) // count)]:
            yield row_of(f"untouched {name}, {part} half", 0.0, member, pixels, by)


def value_of(row: Row, metric: str, sign: int) -> float:
    """Return the metric, greater worse; a picture that was rejected before it was measured is."""
    value = row.metrics.get(metric)
    if value is None:
        return 1e9 if row.rejected else -1e9
    return sign * abs(value) if metric == "turn_shift" else sign * value


def table(rows: list[Row]) -> Iterator[str]:
    clean = [r for r in rows if r.group == "untouched 512"]
    straight = [r for r in rows if r.group == "turned patient, deg" and r.step == 0.0]
    yield "| fault | metric | steps | AUC at step | Spearman | coded | rejected | code |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    posed = {
        "turned patient, deg": Fault("DR_ROTATED", "turn_shift", 1, YAWS_DEG, 20.0, _none),
        "lateral": Fault("DR_VIEW_LATERAL", "lateral_probability", 1, (1,), 1, _none),
        "no chest radiograph": Fault("DR_NOT_CHEST", "other_probability", 1, (1,), 1, _none),
    }
    for name, fault in {**FAULTS, **posed}.items():
        found = [r for r in rows if r.group == name]
        if found:
            base = straight if name in ("turned patient, deg",) else [*clean, *straight]
            yield _line(name, fault, found, clean if name in FAULTS else base)


def _none(p: np.ndarray, _s: float, _m: np.ndarray, _g: np.random.Generator) -> np.ndarray:
    return p


def _line(name: str, fault: Fault, found: list[Row], clean: list[Row]) -> str:
    negatives = [value_of(r, fault.metric, fault.sign) for r in clean]
    asked = [r for r in found if r.step == fault.repeat_at]
    positives = [value_of(r, fault.metric, fault.sign) for r in asked]
    scores = np.array(positives + negatives)
    truth = np.arange(len(scores)) < len(positives)
    means = [
        float(np.median([value_of(r, fault.metric, fault.sign) for r in found if r.step == s]))
        for s in fault.steps
    ]
    start = float(np.median(negatives))
    monotone = "–"
    if len(fault.steps) > 1:
        monotone = f"{spearmanr([0, *fault.steps], [start, *means]).statistic:.2f}"
    coded = sum(fault.code in (*r.rejected, *r.warned) for r in asked)
    refused = sum(bool(r.rejected) for r in asked)
    named = sum(fault.code in r.rejected for r in asked)
    steps = " ".join(f"{s:g}" for s in fault.steps)
    return (
        f"| {name} | {fault.metric} | {steps}; repeat at {fault.repeat_at:g} "
        f"| {auc(truth, scores):.3f} | {monotone} | {coded}/{len(asked)} "
        f"| {named}/{len(asked)} by it, {refused} in all | {fault.code} |"
    )


def untouched_table(rows: list[Row]) -> Iterator[str]:
    yield "| untouched | pictures | rejected | share (95 % interval) | codes | warned |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for name in sorted({r.group for r in rows if r.group.startswith("untouched")}):
        found = [r for r in rows if r.group == name]
        refused = np.array([bool(r.rejected) for r in found])
        codes = dict(Counter(code for r in found for code in r.rejected))
        warned = dict(Counter(code for r in found for code in r.warned))
        yield (
            f"| {name} | {len(found)} | {int(refused.sum())} | {share_interval(refused)} "
            f"| {codes} | {warned} |"
        )


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("--half", default="report", choices=("fit", "report"))
    asked.add_argument("--count", type=int, default=20)
    asked.add_argument("--untouched", type=int, default=52)
    asked.add_argument("--stepped", type=int, default=6)
    asked.add_argument("--only", default="", help="beginnings of faults' names, by comma")
    asked.add_argument("--parts", default="untouched,spoilt,pose,strange")
    asked.add_argument("--out", default="")
    given = asked.parse_args()
    by = network()
    makers = {
        "untouched": lambda: untouched_rows(given.half, given.untouched, by),
        "spoilt": lambda: spoilt_rows(given.half, given.count, given.stepped, given.only, by),
        "pose": lambda: pose_rows(by),
        "strange": lambda: strange_rows(by),
    }
    rows = [row for part in given.parts.split(",") for row in makers[part]()]
    if given.out:
        text = "\n".join(json.dumps(row.__dict__) for row in rows)
        Path(given.out).write_text(text + "\n", encoding="utf-8")
    for line in (*table(rows), "", *untouched_table(rows)):
        sys.stdout.write(line + "\n")


if __name__ == "__main__":
    main()
