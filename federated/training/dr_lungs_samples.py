"""Training samples of the lung-field network: pictures with known lungs, and pictures of none.

Known: projections of two CT and of digital patients. Real radiographs (NIH "No Finding" and
pneumonia, patients that no table reports on) bring what projections lack, real detectors, arms,
collimation, portable films: labelled by the refined template where it is sure of itself, later by
the half-trained network (`dr_lungs.relabelled`). No picture of `da` or TBX11K trains this.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi
from skimage.transform import resize

from core.imaging.dr_chest import fit_chest
from core.imaging.dr_lungs import fields_of_template
from core.imaging.dr_lungs_network import SIDE, VIEWS
from core.phantom.patients import Case
from federated.training.dr_data import decode, members
from federated.training.dr_lungs_bodies import Body, acrin_body, lctsc_body, phantom_body
from federated.training.dr_lungs_drr import Pose, project

Floats = NDArray[np.float32]
FILM = "nih"
FILM_SETS = ("nih_normal", "nih_pneumonia")
FRONTAL, LATERAL, TURNED, REVERSED, OTHER = range(len(VIEWS))
#: Digital patients that train; every other seed may be reported on.
PHANTOM_SEEDS = tuple(range(9000, 9010))
_CASES: tuple[Case, ...] = ("normal", "tb", "nodules", "showcase")
_SURE = 0.54
#: Samples are kept at twice the network's side, so that a part cut out of one is still sharp.
KEPT_SIDE = 2 * SIDE
Window = tuple[float, float, float, float]


@dataclass(frozen=True)
class Sample:
    """One picture before it is randomised.

    Attributes
    ----------
    image : (256, 256) float32
        0...1, dense anatomy high, padded with 0.
    field : (256, 256) uint8 or None
        1 right lung, 2 left; None where nobody knows.
    view : int
        Index into VIEWS.
    yaw_deg : float
        NaN where nobody knows.
    origin : str
    window : (4,) float
        Top, left, bottom, right of the picture within the padding.
    """

    image: Floats
    field: NDArray[np.uint8] | None
    view: int
    yaw_deg: float
    origin: str
    window: Window = (0.0, 0.0, float(KEPT_SIDE), float(KEPT_SIDE))


def reported(group: str) -> bool:
    """Say whether a patient is kept for reporting (a third of them, by a hash of the name)."""
    return zlib.crc32(group.encode()) % 3 == 0


def squared(
    image: Floats, field: NDArray[np.uint8] | None
) -> tuple[Floats, NDArray[np.uint8] | None, Window]:
    """Return picture and field at 256 x 256 and the picture's window in it.

    Proportions are kept, values stretched to 0...1.
    """
    rows, columns = image.shape
    scale = KEPT_SIDE / max(rows, columns)
    shape = (max(1, round(rows * scale)), max(1, round(columns * scale)))
    small = ndi.gaussian_filter(image, 0.4 / scale) if scale < 1 else image
    small = resize(small, shape, order=1, preserve_range=True, anti_aliasing=False)
    low, high = np.percentile(small, (0.5, 99.5))
    top, left = (KEPT_SIDE - shape[0]) // 2, (KEPT_SIDE - shape[1]) // 2
    place = (slice(top, top + shape[0]), slice(left, left + shape[1]))
    frame = np.zeros((KEPT_SIDE, KEPT_SIDE), np.float32)
    frame[place] = np.clip((small - low) / max(float(high - low), 1e-6), 0.0, 1.0)
    window = (float(top), float(left), float(top + shape[0]), float(left + shape[1]))
    if field is None:
        return frame, None, window
    marked = np.zeros((KEPT_SIDE, KEPT_SIDE), np.uint8)
    marked[place] = resize(field, shape, order=0, preserve_range=True, anti_aliasing=False)
    return frame, marked, window


def projected(body: Body, pose: Pose, view: int, origin: str) -> Sample:
    """Return one projection as a sample; only frontal ones have a known field."""
    shown = project(body, pose)
    rows, columns = shown.path.shape
    square = (round(rows * shown.pixel_mm[0]), round(columns * shown.pixel_mm[1]))
    path = resize(shown.path, square, order=1, preserve_range=True, anti_aliasing=False)
    field = resize(shown.field, square, order=0, preserve_range=True, anti_aliasing=False)
    # Films are blacker than linear: a console's curve lies between path and transmission.
    image, marked, window = squared(path.astype(np.float32), field if view == FRONTAL else None)
    yaw = pose.yaw_deg if view == FRONTAL else float("nan")
    return Sample(image, marked, view, yaw, origin, window)


def random_pose(rng: np.random.Generator, yaw_deg: float) -> Pose:
    """Return a pose with this turn, otherwise at random."""
    return Pose(
        yaw_deg=yaw_deg,
        pitch_deg=float(rng.uniform(-12, 12)),
        height=float(rng.uniform(0.72, 1.15)),
        depth=float(rng.uniform(0.9, 1.1)),
        width=float(rng.uniform(0.9, 1.1)),
    )


def samples_of_body(
    body: Body, origin: str, counts: tuple[int, int], rng: np.random.Generator
) -> Iterator[Sample]:
    """Yield (frontal, lateral) numbers of projections of one body."""
    for number in range(counts[0]):
        # Half nearly straight, half turned by up to 25 degrees.
        reach = 6.0 if number % 2 else 25.0
        pose = random_pose(rng, float(rng.uniform(-reach, reach)))
        yield projected(body, pose, FRONTAL, origin)
    for number in range(counts[1]):
        side = 90.0 if number % 2 else -90.0
        pose = random_pose(rng, side + float(rng.uniform(-20, 20)))
        yield projected(body, pose, LATERAL, origin)


def axial_slices(body: Body, origin: str, rng: np.random.Generator, count: int) -> Iterator[Sample]:
    """Yield CT slices: a chest, and no radiograph."""
    for _ in range(count):
        plane = body.hu[int(rng.integers(5, len(body.hu) - 5))]
        low, high = (-1000.0, 400.0) if rng.random() < 0.5 else (-160.0, 240.0)
        image, _, window = squared(np.clip(plane, low, high), None)
        yield Sample(image, None, OTHER, float("nan"), origin, window)


def radiographs(folder: Path) -> Iterator[Sample]:
    """Yield the NIH pictures that may train; unsure ones without a field, for the view alone."""
    for name in FILM_SETS:
        for encoded, _, group in members(folder, name):
            if reported(group):
                continue
            pixels = decode(encoded)
            chest = fit_chest(pixels)
            if chest.score < 0.6:
                continue
            found = fields_of_template(pixels, chest)
            image, field, window = squared(pixels, found.mask)
            sure = found.confidence >= _SURE
            yield Sample(image, field if sure else None, FRONTAL, float("nan"), FILM, window)


def all_samples(
    radiograph_folder: Path, scans: Path, seed: int, say: Callable[[str], None]
) -> list[Sample]:
    """Return every sample that trains.

    Raises
    ------
    TrainingDataMissing
    """
    rng = np.random.default_rng([seed, 1])
    made: list[Sample] = []
    for name, body in (("s1-101", lctsc_body(scans, "s1-101")), ("acrin-042", acrin_body(scans))):
        made += samples_of_body(body, name, (30, 10), rng)
        made += axial_slices(body, name, rng, 12)
        say(f"{name}: {len(made)} samples")
    for number, phantom_seed in enumerate(PHANTOM_SEEDS):
        body = phantom_body(phantom_seed, _CASES[number % len(_CASES)])
        made += samples_of_body(body, f"phantom-{phantom_seed}", (4, 2), rng)
        made += axial_slices(body, "phantom", rng, 2)
    say(f"digital patients: {len(made)} samples")
    made += radiographs(radiograph_folder)
    say(f"radiographs: {len(made)} samples")
    return made
