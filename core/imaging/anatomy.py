"""Anatomy of one chest CT on the 2 mm grid: airways, vessels, bones, heart, lobes, segments.

Everything here is a landmark for places and distances, none of it is a diagnosis. Axis order (up,
back, left), see ``ct_grid``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from core.imaging.airways import find_airways
from core.imaging.ct_grid import Grid, Hounsfield, Mask, PatientView, bounding_box, close
from core.imaging.lobes import LOBES, SEGMENTS, find_lobes, find_segments
from core.imaging.lungs import AIRWAYS, LEFT, RIGHT, Labels, LungMap
from core.imaging.result import Sentence
from core.imaging.thorax import RIBS, carina_level, find_bones, find_heart, frame_of
from core.imaging.vessels import find_vessels

FAR_MM = 1000.0

# Structures that a lesion's distance is stated to; what is not listed has no name here. An artery
# is not told from a vein, nor a segmental bronchus from its neighbour.
TUBE_NAMES: dict[str, Sentence] = {
    "trachea": Sentence("气管", "trachea"),
    "right_main_bronchus": Sentence("右主支气管", "right main bronchus"),
    "left_main_bronchus": Sentence("左主支气管", "left main bronchus"),
    "right_upper_lobe_bronchus": Sentence("右肺上叶支气管", "bronchus of the right upper lobe"),
    "right_middle_lobe_bronchus": Sentence("右肺中叶支气管", "bronchus of the right middle lobe"),
    "right_lower_lobe_bronchus": Sentence("右肺下叶支气管", "bronchus of the right lower lobe"),
    "left_upper_lobe_bronchus": Sentence("左肺上叶支气管", "bronchus of the left upper lobe"),
    "left_lower_lobe_bronchus": Sentence("左肺下叶支气管", "bronchus of the left lower lobe"),
    "right_hilar_vessel": Sentence("右肺门血管", "vessel of the right hilum"),
    "left_hilar_vessel": Sentence("左肺门血管", "vessel of the left hilum"),
    "right_upper_lobe_vessel": Sentence("右肺上叶血管", "vessel of the right upper lobe"),
    "right_middle_lobe_vessel": Sentence("右肺中叶血管", "vessel of the right middle lobe"),
    "right_lower_lobe_vessel": Sentence("右肺下叶血管", "vessel of the right lower lobe"),
    "left_upper_lobe_vessel": Sentence("左肺上叶血管", "vessel of the left upper lobe"),
    "left_lower_lobe_vessel": Sentence("左肺下叶血管", "vessel of the left lower lobe"),
    "great_vessel": Sentence("纵隔大血管", "great vessel of the mediastinum"),
}
_BRONCHI = tuple(name for name in TUBE_NAMES if "bronchus" in name or name == "trachea")
_VESSELS = tuple(name for name in TUBE_NAMES if "vessel" in name)


@dataclass(frozen=True, slots=True)
class Nearby:
    """What lies around one place.

    Attributes
    ----------
    lobe, segment : str
        Codes of ``lobes.LOBES`` and ``Segment.code``; "" outside the lungs.
    pleura_mm : float
        Depth under the lung's surface (fissures not counted); 0 outside the lungs.
    vessel, bronchus : str
        Key of ``TUBE_NAMES``; "" where none was found.
    vessel_mm, bronchus_mm : float
        Distance to it (to its edge), millimetres; ``FAR_MM`` where none was found.
    """

    lobe: str
    segment: str
    pleura_mm: float
    vessel: str
    vessel_mm: float
    bronchus: str
    bronchus_mm: float


@dataclass(frozen=True, eq=False)
class Anatomy:
    """Structures on the working grid (about 2 mm).

    Attributes
    ----------
    airways, vessels, heart, great_vessels : (up, back, left) bool
        ``vessels`` are those inside and at the root of the lungs.
    bones : (up, back, left) uint8
        1 ribs, 2 spine, 3 sternum, 4 shoulder blades and clavicles.
    lobes : (up, back, left) uint8
        1 RUL, 2 RML, 3 RLL, 4 LUL, 5 LLL.
    segments : (up, back, left) uint8 or None
        1…18, ``lobes.SEGMENTS``: approximate, by direction from each lobe's hilum.
    fissures_seen : dict
        Share of each fissure that was seen and not interpolated (``lobes.LobeMap.seen``).
    bronchus_names, vessel_names : (up, back, left) uint8
        1-based place in ``BRONCHI`` and ``VESSELS``, 0 where there is none.
    lungs : (up, back, left) uint8
        As given: 1 right, 2 left, 3 trachea and main bronchi.
    spacing_mm : (3,) float
    """

    airways: Mask
    vessels: Mask
    heart: Mask
    great_vessels: Mask
    bones: Labels
    lobes: Labels
    segments: Labels | None
    fissures_seen: dict[str, float]
    bronchus_names: Labels
    vessel_names: Labels
    lungs: Labels
    spacing_mm: tuple[float, float, float]

    @property
    def ribs(self) -> Mask:
        """Ribs without spine, sternum and shoulder girdle."""
        return np.asarray(self.bones == RIBS)

    def pleura_mm(self) -> Hounsfield:
        """Return the depth under the lung's surface at every voxel, 0 outside the lungs."""
        lung = np.asarray((self.lungs == RIGHT) | (self.lungs == LEFT))
        out = np.zeros(lung.shape, dtype=np.float32)
        if not lung.any():
            return out
        box = bounding_box(lung, (1, 1, 1))
        # Airways and vessels inside do not end the lung.
        whole = close(lung[box], 6.0, self.spacing_mm)
        out[box] = ndimage.distance_transform_edt(whole, sampling=self.spacing_mm) * lung[box]
        return out

    def nearest(self, indices: NDArray[np.float64]) -> list[Nearby]:
        """Describe places.

        Parameters
        ----------
        indices : (n, 3) float
            Fractional indices (up, back, left) on the working grid.
        """
        at = np.asarray(indices, dtype=np.float64).reshape(-1, 3)
        whole = np.clip(np.rint(at), 0, np.array(self.lobes.shape) - 1).astype(np.intp)
        depth = self.pleura_mm()
        tubes = [
            _nearest_tube(at, labels, names, self.spacing_mm)
            for labels, names in ((self.vessel_names, _VESSELS), (self.bronchus_names, _BRONCHI))
        ]
        found = []
        for number, place in enumerate(map(tuple, whole)):
            segment = 0 if self.segments is None else int(self.segments[place])
            (vessel, vessel_mm), (bronchus, bronchus_mm) = tubes[0][number], tubes[1][number]
            found.append(
                Nearby(
                    LOBES.get(int(self.lobes[place]), ""),
                    SEGMENTS[segment].code if segment else "",
                    float(depth[place]),
                    vessel,
                    vessel_mm,
                    bronchus,
                    bronchus_mm,
                )
            )
        return found


def find_anatomy(view: PatientView, coarse: Grid, lungs: LungMap) -> Anatomy:
    """Return the anatomy of a chest.

    Parameters
    ----------
    view : PatientView
    coarse : Grid
        About 2 mm, of the whole view.
    lungs : LungMap
        On ``coarse``, with at least one lung voxel.
    """
    labels, spacing = lungs.labels, coarse.spacing_mm
    airways = find_airways(view, coarse, labels)
    # Nothing is looked for far from the lungs: what is cut away costs as much as what is kept.
    box = bounding_box(lungs.lungs, _margin(spacing))
    near = LungMap(labels[box], lungs.body[box])
    voxels = np.ascontiguousarray(coarse.voxels[box])
    vessels = find_vessels(voxels, near.labels, spacing)
    frame = frame_of(near.labels)
    bones = find_bones(voxels, near, frame, spacing)
    heart, great = find_heart(voxels, near, bones, frame, spacing)
    lobes = find_lobes(voxels, near.labels, vessels, spacing)
    segments = find_segments(lobes.lobes, near.labels, spacing)
    bronchi = _named_bronchi(airways[box], near.labels, lobes.lobes, spacing)
    tubes = _named_vessels(vessels, great, lobes.lobes, near.labels)

    def whole(part: NDArray[Any]) -> NDArray[Any]:
        out = np.zeros(labels.shape, dtype=part.dtype)
        out[box] = part
        return out

    return Anatomy(
        airways=airways,
        vessels=whole(vessels),
        heart=whole(heart),
        great_vessels=whole(great),
        bones=whole(bones),
        lobes=whole(lobes.lobes),
        segments=whole(segments),
        fissures_seen=lobes.seen,
        bronchus_names=whole(bronchi),
        vessel_names=whole(tubes),
        lungs=labels,
        spacing_mm=spacing,
    )


def _margin(spacing_mm: tuple[float, float, float]) -> tuple[int, int, int]:
    """Return 15 mm up and down and 45 mm sideways: ribs and shoulder blades are inside."""
    return round(15 / spacing_mm[0]), round(45 / spacing_mm[1]), round(45 / spacing_mm[2])


def _named_bronchi(
    airways: Mask, lungs: Labels, lobes: Labels, spacing_mm: tuple[float, float, float]
) -> Labels:
    """Name airways: trachea above the carina, main bronchi by side, the others by their lobe."""
    out = np.zeros(airways.shape, dtype=np.uint8)
    if not airways.any():
        return out
    carina = carina_level(lungs)
    levels = np.flatnonzero(airways.any(axis=(1, 2)))
    split = float(levels[0]) if carina is None else carina
    middle = float(np.argwhere(airways & (lungs == AIRWAYS))[:, 2].mean())
    points = np.nonzero(airways)
    side_right = points[2] < middle
    codes = np.where(side_right, _code(_BRONCHI, "right_main_bronchus"), 0)
    codes = np.where(side_right, codes, _code(_BRONCHI, "left_main_bronchus"))
    lobe = _nearest_label(lobes, airways, spacing_mm, 4.0)
    for number, name in LOBES.items():
        codes[lobe == number] = _code(_BRONCHI, f"{name}_bronchus")
    codes[points[0] >= split] = np.where(
        lobe[points[0] >= split] > 0, codes[points[0] >= split], _code(_BRONCHI, "trachea")
    )
    out[points] = codes
    return out


def _named_vessels(vessels: Mask, great: Mask, lobes: Labels, lungs: Labels) -> Labels:
    """Name vessels by the lobe they run in, at the root by side."""
    out = np.zeros(vessels.shape, dtype=np.uint8)
    out[great] = _code(_VESSELS, "great_vessel")
    both = np.flatnonzero(((lungs == RIGHT) | (lungs == LEFT)).any(axis=(0, 1)))
    middle = float(both.mean()) if len(both) else vessels.shape[2] / 2
    points = np.nonzero(vessels)
    right = points[2] < middle
    codes = np.where(
        right, _code(_VESSELS, "right_hilar_vessel"), _code(_VESSELS, "left_hilar_vessel")
    )
    lobe = lobes[points]
    for number, name in LOBES.items():
        codes[lobe == number] = _code(_VESSELS, f"{name}_vessel")
    out[points] = codes
    return out


def _code(names: tuple[str, ...], name: str) -> int:
    return names.index(name) + 1


def _nearest_label(
    labels: Labels, where: Mask, spacing_mm: tuple[float, float, float], reach_mm: float
) -> NDArray[np.uint8]:
    """Return the label within a distance of each true voxel, 0 where none is so near."""
    away, nearest = ndimage.distance_transform_edt(
        labels == 0, sampling=spacing_mm, return_indices=True
    )
    found = labels[tuple(nearest)][where]
    return np.asarray(np.where(away[where] <= reach_mm, found, 0), dtype=np.uint8)


def _nearest_tube(
    places: NDArray[np.float64],
    labels: Labels,
    names: tuple[str, ...],
    spacing_mm: tuple[float, float, float],
) -> list[tuple[str, float]]:
    """Return (name, distance to the edge) of the nearest named voxel of each place."""
    points = np.argwhere(labels > 0)
    if not len(points):
        return [("", FAR_MM)] * len(places)
    step = np.asarray(spacing_mm)
    found = []
    for place in places:
        away = np.linalg.norm((points - place) * step, axis=1)
        best = int(away.argmin())
        name = names[int(labels[tuple(points[best])]) - 1]
        found.append((name, max(0.0, float(away[best]) - float(step.mean()) / 2)))
    return found
