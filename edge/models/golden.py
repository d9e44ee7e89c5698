"""The golden test at import, and golden sets for models that came without one.

What is made here comes from seeded digital patients; its outputs are the network's own. It proves
that the network repeats itself on this and later machines, and nothing about whether it is right.
"""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from core.errors import XinglinError
from core.imaging.lesions_patch import patch_spec
from core.models.bundle import Arrays, Bundle, Golden
from core.models.candidate import Candidate
from core.models.errors import GoldenFailed
from core.models.facts import PARITY_LIMITS
from core.models.metadata import Metadata, TensorSpec
from core.models.parity import check_parity, compare
from core.models.slots import check_values
from edge.infer.isolated import IsolatedEngine, Limits

_SEEDS = (11, 23, 37)
_BODY = 23
_FREE_AXIS = 64


def check_golden(bundle: Bundle, limits: Limits | None = None) -> dict[str, float]:
    """Run a bundle's golden set apart; return the largest difference by output.

    Raises
    ------
    GoldenFailed, SlotMismatch
    """
    with IsolatedEngine(bundle, limits) as engine:
        try:
            parity = check_parity(engine, bundle)
        except XinglinError as cause:
            raise GoldenFailed(what=cause.sentence("en")) from cause
    worst = max(parity.worst.values(), default=float("inf"))
    if not parity.passed:
        raise GoldenFailed(what=f"{worst:.2e} > {parity.tolerance:.0e}")
    check_values(bundle.metadata, bundle.golden.outputs)
    return parity.worst


def made_golden(candidate: Candidate, limits: Limits | None = None) -> bytes:
    """Make a golden set: run the network twice, each time in a fresh process with other threads.

    Raises
    ------
    GoldenFailed
        It fails, answers with no numbers, or not twice the same.
    SlotMismatch
        Its answers cannot be what the slot calls them.
    """
    limits = limits or Limits()
    inputs = [
        {candidate.metadata.inputs[0].name: array} for array in golden_inputs(candidate.metadata)
    ]
    rounds = [_answers(_unsealed(candidate), inputs, limits) for _ in range(2)]
    parity = compare(rounds[1], rounds[0], PARITY_LIMITS["fp32"])
    if not parity.passed:
        raise GoldenFailed(what="two runs of the same input differ")
    for outputs in rounds[0]:
        check_values(candidate.metadata, outputs)
    arrays = {f"in.{name}": np.stack([one[name] for one in inputs]) for name in inputs[0]}
    arrays |= {f"out.{name}": np.stack([one[name] for one in rounds[0]]) for name in rounds[0][0]}
    out = io.BytesIO()
    np.savez_compressed(out, **arrays)  # type: ignore[arg-type]  # numpy's stub wants allow_pickle
    return out.getvalue()


def golden_inputs(metadata: Metadata) -> Iterator[NDArray[np.float32]]:
    """Yield seeded inputs as the slot's analysis would make them from digital patients."""
    spec = metadata.inputs[0]
    if metadata.slot == "dr_tb":
        yield from _radiographs(metadata)
    elif metadata.slot == "ct_lesions":
        yield from _patches(metadata)
    else:
        yield from _volumes(metadata, spec)


def _radiographs(metadata: Metadata) -> Iterator[NDArray[np.float32]]:
    """One digital patient, taken three times: well, turned over, and with little exposure."""
    from core.imaging.dr_chest import fit_chest
    from core.imaging.dr_recipes import input_of, recipe_of
    from core.phantom.dr import make_dr, small_dr

    recipe = recipe_of(metadata.name, metadata.preprocessing)
    well = make_dr(small_dr(_BODY)).radiograph.pixels
    noise = np.random.default_rng(_BODY).normal(0.0, 0.05 * float(well.std()), well.shape)
    for pixels in (well, well[:, ::-1], 0.5 * well + noise):
        picture = np.ascontiguousarray(pixels, dtype=np.float32)
        yield input_of(picture, fit_chest(picture).box, recipe)


def _patches(metadata: Metadata) -> Iterator[NDArray[np.float32]]:
    """Balls of several sizes in noisy air, with their masks."""
    spec = patch_spec(metadata.name, metadata.preprocessing)
    line = np.arange(spec.side) - spec.side // 2
    away = np.sqrt(line[:, None, None] ** 2 + line[:, None] ** 2 + line**2)
    for seed, radius in zip(_SEEDS, (1.5, 4.0, 9.0), strict=True):
        noise = np.random.default_rng(seed).normal(0.0, 0.03, away.shape)
        ball = (away <= radius).astype(np.float32)
        density = np.clip(0.1 + 0.6 * ball + noise, 0.0, 1.0)
        yield np.stack([density, ball])[None].astype(np.float32)


def _volumes(metadata: Metadata, spec: TensorSpec) -> Iterator[NDArray[np.float32]]:
    """Smooth seeded shapes in HU, windowed: nothing reads these slots yet, so no anatomy is due."""
    from scipy.ndimage import gaussian_filter

    shape = tuple(
        axis or (1 if place == 0 else _FREE_AXIS) for place, axis in enumerate(spec.shape)
    )
    low, high = (float(metadata.preprocessing[key]) for key in ("low_hu", "high_hu"))
    for seed in _SEEDS:
        noise = np.random.default_rng(seed).standard_normal(shape)
        smooth = gaussian_filter(noise, (0, 0, 2, 2, 2))
        hu = -600.0 + 600.0 * smooth / max(float(smooth.std()), 1e-6)
        yield ((np.clip(hu, low, high) - low) / (high - low)).astype(np.float32)


def _answers(bundle: Bundle, inputs: list[Arrays], limits: Limits) -> list[Arrays]:
    try:
        with IsolatedEngine(bundle, limits) as engine:
            return [engine.infer(one) for one in inputs]
    except XinglinError as cause:
        raise GoldenFailed(what=cause.sentence("en")) from cause


def _unsealed(candidate: Candidate) -> Bundle:
    """Return the bundle as far as it goes without a golden set: enough to run it."""
    return Bundle(
        metadata=candidate.metadata,
        model=candidate.files["model.onnx"],
        model_fp16=None,
        golden=Golden({}, {}),
        card="",
        digest="",
    )
