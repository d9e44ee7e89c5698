"""Where a lesion lies, as a code: side and third of lung height, or the pleura of a side.

Thirds of the lung's height stand for upper, middle and lower zone as in chest-radiograph reading
(WHO/Union zones); they are not lobes, and are never called so.
"""

from __future__ import annotations

import numpy as np

from core.imaging.ct_grid import Mask
from core.imaging.lungs import LEFT, RIGHT, Labels
from core.imaging.result import Sentence

LOCATIONS: dict[str, Sentence] = {
    "right_upper_zone": Sentence("右上肺野", "right upper zone"),
    "right_middle_zone": Sentence("右中肺野", "right middle zone"),
    "right_lower_zone": Sentence("右下肺野", "right lower zone"),
    "left_upper_zone": Sentence("左上肺野", "left upper zone"),
    "left_middle_zone": Sentence("左中肺野", "left middle zone"),
    "left_lower_zone": Sentence("左下肺野", "left lower zone"),
    "pleural_right": Sentence("右侧胸膜腔", "right pleural space"),
    "pleural_left": Sentence("左侧胸膜腔", "left pleural space"),
    "mediastinum_right": Sentence("右侧纵隔", "right mediastinum"),
    "mediastinum_left": Sentence("左侧纵隔", "left mediastinum"),
}

KINDS: dict[str, Sentence] = {
    "solid_nodule": Sentence("实性结节", "solid nodule"),
    "ground_glass_nodule": Sentence("磨玻璃结节", "ground-glass nodule"),
    "part_solid_nodule": Sentence("部分实性结节", "part-solid nodule"),
    "mass": Sentence("肿块", "mass"),
    "cavity": Sentence("空洞", "cavity"),
    "consolidation": Sentence("实变", "consolidation"),
    "tree_in_bud": Sentence("树芽征", "tree-in-bud"),
    "calcification": Sentence("钙化灶", "calcification"),
    "pleural_effusion": Sentence("胸腔积液", "pleural effusion"),
    "miliary": Sentence("粟粒样结节", "miliary nodules"),
    "fibrosis": Sentence("纤维化或支气管扩张征象", "fibrotic or bronchiectatic change"),
    "pleural_thickening": Sentence("胸膜增厚", "pleural thickening"),
    "lymph_node": Sentence("纵隔淋巴结增大", "enlarged mediastinal lymph node"),
}
# Kinds that do not lie in the lung, and the space they lie in.
OUTSIDE: dict[str, str] = {
    "pleural_effusion": "pleural",
    "pleural_thickening": "pleural",
    "lymph_node": "mediastinum",
}


def side_of(mask: Mask, lungs: Labels) -> int:
    """Return RIGHT or LEFT: the lung that most of the mask lies in, else the nearer by column."""
    counts = [int((lungs[mask] == label).sum()) for label in (RIGHT, LEFT)]
    if counts[0] != counts[1]:
        return RIGHT if counts[0] > counts[1] else LEFT
    column = float(np.flatnonzero(mask.any(axis=(0, 1))).mean())
    middles = {}
    for label in (RIGHT, LEFT):
        columns = np.flatnonzero((lungs == label).any(axis=(0, 1)))
        if len(columns):
            middles[label] = abs(float(columns.mean()) - column)
    return min(middles, key=lambda label: middles[label]) if middles else RIGHT


def location_of(level: float, side: int, lungs: Labels, pleural: bool = False) -> str:
    """Return the location's code.

    Parameters
    ----------
    level : float
        Height of the lesion's centroid, index along the first axis of ``lungs`` (upwards).
    side : int
        RIGHT or LEFT.
    lungs : (up, back, left) uint8
        Lung labels; the thirds are those of this side's own height.
    pleural : bool
        The lesion lies in the pleural space.
    """
    name = "right" if side == RIGHT else "left"
    if pleural:
        return f"pleural_{name}"
    levels = np.flatnonzero((lungs == side).any(axis=(1, 2)))
    if not len(levels):
        levels = np.arange(lungs.shape[0])
    share = (level + 0.5 - levels[0]) / (levels[-1] + 1 - levels[0])
    zone = "upper" if share >= 2 / 3 else "middle" if share >= 1 / 3 else "lower"
    return f"{name}_{zone}_zone"


def location_outside(kind: str, side: int) -> str:
    """Return the code of the place of a kind that lies outside the lungs (``OUTSIDE``)."""
    return f"{OUTSIDE[kind]}_{'right' if side == RIGHT else 'left'}"
