"""Model slots: the places of the product that a bundle can fill, and what it must be to fill one.

One slot has one active bundle. A slot that no analysis of this release reads (``read`` false) takes
imports, so that a bundle can be prepared and verified, but is never activated: to say "active" of
something that changes no result would mislead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from core.errors import XinglinError
from core.imaging.dr_lungs_network import EDGES, OUTPUT_OP, SIDE, VIEWS, check_steps
from core.imaging.dr_recipes import Doubt, PlainSpec, Recipe, reading_of, recipe_of
from core.imaging.lesions_patch import CHANNELS, answer_of, patch_spec
from core.imaging.location import KINDS
from core.models.bundle import Arrays
from core.models.errors import SlotMismatch, SlotUnknown
from core.models.metadata import Metadata, TensorSpec


@dataclass(frozen=True, slots=True)
class Slot:
    """One slot.

    Attributes
    ----------
    name : str
    modalities : tuple of str
        A bundle must be for at least one of them and for none besides.
    read : bool
        Whether an analysis of this release uses it.
    zh, en : str
        What it is for.
    """

    name: str
    modalities: tuple[str, ...]
    read: bool
    zh: str
    en: str


SLOTS: tuple[Slot, ...] = (
    Slot("dr_tb", ("CR", "DX"), True, "胸片：疑似肺结核", "radiograph: suspected tuberculosis"),
    Slot("dr_lungs", ("CR", "DX"), True, "胸片：肺野与体位", "radiograph: lung fields, position"),
    Slot("ct_lesions", ("CT",), True, "CT：病灶候选", "CT: lesion candidates"),
    Slot("ct_lungs", ("CT",), False, "CT：肺、肺叶", "CT: lungs and lobes"),
)


def slot_of(name: str) -> Slot:
    """Return a slot by its name.

    Raises
    ------
    SlotUnknown
    """
    for slot in SLOTS:
        if slot.name == name:
            return slot
    raise SlotUnknown(slot=name[:40], known=", ".join(one.name for one in SLOTS))


def check_slot(metadata: Metadata) -> Slot:
    """Return the slot of a bundle whose stated tensors and steps fit it.

    Raises
    ------
    SlotUnknown, SlotMismatch
    """
    slot = slot_of(metadata.slot)
    if not set(metadata.modalities) <= set(slot.modalities):
        raise SlotMismatch(slot=slot.name, what="modalities")
    if len(metadata.inputs) != 1:
        raise SlotMismatch(slot=slot.name, what="number of inputs")
    if slot.name == "dr_tb":
        _check_radiograph(slot, metadata)
    elif slot.name == "dr_lungs":
        _check_lung_fields(slot, metadata)
    elif slot.name == "ct_lesions":
        _check_candidates(slot, metadata)
    else:
        _check_volume(slot, metadata)
    return slot


def check_values(metadata: Metadata, outputs: Arrays) -> None:
    """Refuse outputs whose values cannot be what the slot calls them.

    Raises
    ------
    SlotMismatch
    """
    slot = slot_of(metadata.slot)
    if slot.name == "dr_tb":
        reading = reading_of(metadata.name, metadata.postprocessing)
        scores = outputs[reading.score]
        if reading.activation == "none" and (scores.min() < 0 or scores.max() > 1):
            raise SlotMismatch(slot=slot.name, what=f"{reading.score} outside 0...1")
        return
    for name, array in outputs.items():
        # A turn in degrees is no share, and what is missing may be negative: a margin.
        if name not in ("yaw", "missing") and (array.min() < 0 or array.max() > 1):
            raise SlotMismatch(slot=slot.name, what=f"{name} outside 0...1")


def side_of(recipe: Recipe) -> tuple[int, int]:
    """Return (channels, side in pixels) of the input that a recipe makes."""
    return (recipe.channels if isinstance(recipe, PlainSpec) else 1), recipe.size


def _check_radiograph(slot: Slot, metadata: Metadata) -> None:
    try:
        recipe = recipe_of(metadata.name, metadata.preprocessing)
        reading = reading_of(metadata.name, metadata.postprocessing)
    except XinglinError as cause:
        raise SlotMismatch(slot=slot.name, what=str(cause.facts["what"])) from cause
    channels, side = side_of(recipe)
    if not metadata.inputs[0].fits((1, channels, side, side)):
        raise SlotMismatch(slot=slot.name, what=f"input is not (1, {channels}, {side}, {side})")
    by_name = {spec.name: spec for spec in metadata.outputs}
    score = _output(slot, by_name, reading.score)
    columns = score.shape[1] if len(score.shape) == 2 else None
    if columns is None or reading.index >= columns:
        raise SlotMismatch(slot=slot.name, what=f"{reading.score} is not (image, class)")
    if reading.heat:
        heat = _output(slot, by_name, reading.heat)
        if len(heat.shape) != 4 or heat.shape[1] != 1:
            raise SlotMismatch(
                slot=slot.name, what=f"{reading.heat} is not (image, 1, row, column)"
            )
    if reading.doubt is not None:
        _check_doubt(slot, by_name, reading.doubt)


def _check_doubt(slot: Slot, by_name: dict[str, TensorSpec], doubt: Doubt) -> None:
    """(image, member), (image, 3, row, column) and (image, 1)."""
    members = _output(slot, by_name, doubt.members)
    if len(members.shape) != 2 or (members.shape[1] or 0) < 2:
        raise SlotMismatch(slot=slot.name, what=f"{doubt.members} is not (image, member)")
    marks = _output(slot, by_name, doubt.marks)
    if len(marks.shape) != 4 or marks.shape[1] != 3:
        raise SlotMismatch(slot=slot.name, what=f"{doubt.marks} is not (image, 3, row, column)")
    if _output(slot, by_name, doubt.novelty).shape[1:] != (1,):
        raise SlotMismatch(slot=slot.name, what=f"{doubt.novelty} is not (image, 1)")


def _check_candidates(slot: Slot, metadata: Metadata) -> None:
    """(candidate, 2, side, side, side) in, (candidate, class) out."""
    try:
        spec = patch_spec(metadata.name, metadata.preprocessing)
        answer = answer_of(metadata.name, metadata.postprocessing, frozenset(KINDS))
    except XinglinError as cause:
        raise SlotMismatch(slot=slot.name, what=str(cause.facts["what"])) from cause
    side = spec.side
    if not metadata.inputs[0].fits((1, CHANNELS, side, side, side)):
        raise SlotMismatch(slot=slot.name, what=f"input is not (1, {CHANNELS}, {side}³)")
    by_name = {spec.name: spec for spec in metadata.outputs}
    if not _output(slot, by_name, answer.output).fits((1, len(answer.classes))):
        raise SlotMismatch(slot=slot.name, what="output is not (candidate, class)")


def _check_lung_fields(slot: Slot, metadata: Metadata) -> None:
    """(image, 1, row, column) in; (image, 2, row, column), (image, kind), (image, 1) … out."""
    try:
        check_steps(metadata.name, metadata.preprocessing, metadata.postprocessing)
    except XinglinError as cause:
        raise SlotMismatch(slot=slot.name, what=str(cause.facts["what"])) from cause
    if not metadata.inputs[0].fits((1, 1, SIDE, SIDE)):
        raise SlotMismatch(slot=slot.name, what=f"input is not (1, 1, {SIDE}, {SIDE})")
    by_name = {spec.name: spec for spec in metadata.outputs}
    lungs = _output(slot, by_name, "lungs")
    if len(lungs.shape) != 4 or lungs.shape[1] != 2:
        raise SlotMismatch(slot=slot.name, what="lungs is not (image, 2, row, column)")
    heads = {"view": len(VIEWS), "yaw": 1}
    if metadata.postprocessing["op"] == OUTPUT_OP:
        heads["missing"] = len(EDGES)
    for name, columns in heads.items():
        if _output(slot, by_name, name).shape[1:] != (columns,):
            raise SlotMismatch(slot=slot.name, what=f"{name} is not (image, {columns})")


def _check_volume(slot: Slot, metadata: Metadata) -> None:
    """(image, 1, slice, row, column) in, a grid of shares out; window and spacing are told."""
    steps = metadata.preprocessing
    spacing = steps.get("spacing_mm")
    window: list[Any] = [steps.get("low_hu"), steps.get("high_hu")]
    if steps.get("op") != "hu_window/1" or not _numbers(window) or window[0] >= window[1]:
        raise SlotMismatch(slot=slot.name, what="preprocessing")
    if not isinstance(spacing, list) or len(spacing) != 3 or not _numbers(spacing):
        raise SlotMismatch(slot=slot.name, what="spacing_mm")
    if min(spacing) <= 0:
        raise SlotMismatch(slot=slot.name, what="spacing_mm")
    for spec in (*metadata.inputs, *metadata.outputs):
        if len(spec.shape) != 5:
            raise SlotMismatch(slot=slot.name, what=f"{spec.name[:40]} has not five axes")
    if metadata.inputs[0].shape[1] != 1:
        raise SlotMismatch(slot=slot.name, what="input channels")


def _output(slot: Slot, by_name: dict[str, TensorSpec], name: str) -> TensorSpec:
    if name not in by_name:
        raise SlotMismatch(slot=slot.name, what=f"no output {name[:40]}")
    return by_name[name]


def _numbers(values: object) -> bool:
    return isinstance(values, list | tuple) and all(
        isinstance(v, int | float) and not isinstance(v, bool) and np.isfinite(v) for v in values
    )
