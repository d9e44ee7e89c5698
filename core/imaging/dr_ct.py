"""A chest radiograph and a CT of one patient laid upon each other. Pure.

The CT is projected (`drr`), the chest is found in both pictures by the same template (`dr_chest`),
the two are aligned by an affine map on locally normalised density (SimpleITK, correlation), for a
few poses of the patient; the pose that agrees best is taken. CT lesions are shown on the radiograph
with an ellipse that holds them with a stated probability, radiograph regions on the CT as rays. Low
agreement is refused: two pictures of different people, or of another part, give no overlay.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import SimpleITK as sitk  # noqa: N813  # the name its documentation uses
from numpy.typing import NDArray
from scipy import ndimage

from core.imaging.ct_grid import Grid, cut_grid, patient_view
from core.imaging.dr_chest import ChestBox, equalise, fit_chest
from core.imaging.drr import Beam, Image, Pose, Projection, attenuation_of, project, projection_of
from core.imaging.register import Frame, Points, frame_of
from core.imaging.volume import Radiograph, Volume

EDGE_MM = 3.0
WORK_SIDE = 256


@dataclass(frozen=True, slots=True)
class DrCtSettings:
    """Numbers of the method.

    Attributes
    ----------
    rolls_deg, tilts_deg : tuple of float
        Poses that are tried.
    agreement : float
        Least agreement that is trusted.
    sigma_mm : (across, along) float
        Standard deviation of a projected lesion's place from pose, breath and posture, at the
        patient: measured, see docs/imaging/dr-ct.md.
    confidence : float
        Of the ellipse.
    """

    rolls_deg: tuple[float, ...] = (-6.0, -3.0, 0.0, 3.0, 6.0)
    tilts_deg: tuple[float, ...] = (-5.0, 0.0, 5.0)
    agreement: float = 0.70
    sigma_mm: tuple[float, float] = (6.0, 9.0)
    confidence: float = 0.95


@dataclass(frozen=True)
class DrCtMap:
    """How CT points fall on the radiograph.

    Attributes
    ----------
    projection : Projection
    frame : Frame
        Of the CT's working grid.
    matrix, shift : (2, 2), (2,) ndarray
        DRR (row, column) -> radiograph (row, column), full-size pixels.
    agreement : float
        Correlation of locally normalised density over the chest, -1…1.
    film_mm : float
        Millimetres at the patient per pixel of the radiograph, by the fit.
    shape_px : (rows, columns) int
        Of the radiograph.
    """

    projection: Projection
    frame: Frame
    matrix: NDArray[np.float64]
    shift: Points
    agreement: float
    film_mm: float
    shape_px: tuple[int, int]

    def to_film(self, points_lps: Points) -> Points:
        """Return (n, 2) fractional (row, column) of (n, 3) LPS points."""
        seen = self.projection.to_pixels(self.frame.from_lps(np.asarray(points_lps, np.float64)))
        return np.asarray(seen @ self.matrix.T + self.shift)

    def ray_of(self, pixel: tuple[float, float], depths_mm: NDArray[np.float64]) -> Points:
        """Return (n, 3) LPS points of a radiograph pixel's ray, at places along the beam."""
        seen = np.linalg.solve(self.matrix, np.asarray(pixel, dtype=np.float64) - self.shift)
        return self.frame.to_lps(self.projection.ray((float(seen[0]), float(seen[1])), depths_mm))


@dataclass(frozen=True)
class _Side:
    """A picture made ready: locally normalised, and where the chest is in it."""

    image: Image
    box: ChestBox
    score: float
    scale: float = 1.0
    mask: NDArray[np.bool_] = field(default_factory=lambda: np.zeros((0, 0), bool))


def map_dr_ct(
    radiograph: Radiograph,
    volume: Volume,
    beam: Beam | None = None,
    settings: DrCtSettings | None = None,
) -> DrCtMap:
    """Return the best map of a CT onto a radiograph, with its agreement (which may be low).

    Parameters
    ----------
    radiograph : Radiograph
        Frontal; dense anatomy high.
    volume : Volume
        CT of the whole chest, Hounsfield units.
    beam : Beam or None
        None = from the radiograph's tags where they say, else 1.8 m PA.
    """
    settings = settings or DrCtSettings()
    beam = beam or beam_of(radiograph)
    view = patient_view(volume)
    grid = cut_grid(view, EDGE_MM)
    density = attenuation_of(grid.voxels)
    film = _film_side(radiograph)
    best: tuple[float, Projection, sitk.Transform] | None = None
    for pose in _poses(settings):
        projection = projection_of(_shape(grid), grid.spacing_mm, beam, pose)
        if best is not None and pose.tilt_deg and not _worth(best, pose):
            continue
        side = _drr_side(project(density, grid.spacing_mm, projection))
        transform = _aligned(side, film)
        score = _agreement(side, film, transform)
        if best is None or score > best[0]:
            best = (score, projection, transform)
    assert best is not None
    matrix, shift = _matrix_of(best[2], film.scale)
    mm = beam.pixel_mm / float(best[1].magnification(np.zeros(1))[0])
    scale = float(np.sqrt(abs(np.linalg.det(matrix))))
    return DrCtMap(
        best[1],
        frame_of(volume, view, grid),
        matrix,
        shift,
        best[0],
        mm / max(scale, 1e-6),
        (int(radiograph.pixels.shape[0]), int(radiograph.pixels.shape[1])),
    )


def beam_of(radiograph: Radiograph) -> Beam:
    """Return the beam by the radiograph's tags: source distance and view; 1.8 m PA where unsaid."""
    stated = radiograph.tags.get("DistanceSourceToDetector")
    known = isinstance(stated, float | int) and 800 <= float(stated) <= 4000
    sid = float(stated) if known and stated is not None else 1800.0
    ap = str(radiograph.tags.get("ViewPosition", "")).upper() == "AP"
    return Beam(sid_mm=sid, view="AP" if ap else "PA")


def _poses(settings: DrCtSettings) -> list[Pose]:
    """Return the poses in the order in which they are tried: straight first, then turned."""
    rolls = [Pose(roll, 0.0) for roll in sorted(settings.rolls_deg, key=abs)]
    leaning = [tilt for tilt in settings.tilts_deg if tilt]
    return rolls + [Pose(roll, tilt) for tilt in leaning for roll in settings.rolls_deg]


def _worth(best: tuple[float, Projection, sitk.Transform], pose: Pose) -> bool:
    """Tilts are tried at the best roll alone."""
    return best[1].pose.roll_deg == pose.roll_deg


def _shape(grid: Grid) -> tuple[int, int, int]:
    a, b, c = grid.voxels.shape
    return int(a), int(b), int(c)


def _film_side(radiograph: Radiograph) -> _Side:
    pixels = radiograph.pixels
    step = max(1.0, max(pixels.shape) / WORK_SIDE)
    small = pixels
    if step > 1.0:
        small = ndimage.gaussian_filter(pixels, 0.4 * step)
        small = ndimage.zoom(small, 1 / step, order=1, grid_mode=True, mode="nearest")
    return _side(small.astype(np.float32), pixels.shape[0] / small.shape[0])


def _drr_side(image: Image) -> _Side:
    return _side(image, 1.0)


def _side(image: Image, scale: float) -> _Side:
    fit = fit_chest(image)
    box = fit.box
    mask = np.zeros(image.shape, dtype=bool)
    rows = slice(max(0, int(box.top)), max(0, int(np.ceil(box.bottom))))
    columns = slice(max(0, int(box.left)), max(0, int(np.ceil(box.right))))
    mask[rows, columns] = True
    return _Side(_local(equalise(image), box), box, fit.score, scale, mask)


def _local(image: Image, box: ChestBox) -> Image:
    """Return density against its surroundings, by the surroundings' contrast: no grey-scale left.

    The surroundings are a sixth of the chest's width: lungs, heart and domes stay, exposure goes.
    """
    wide = max(4.0, box.width / 6)
    mean = ndimage.gaussian_filter(image, wide, mode="nearest")
    spread = np.sqrt(ndimage.gaussian_filter((image - mean) ** 2, wide, mode="nearest"))
    fine = ndimage.gaussian_filter(image, max(0.7, box.width / 160), mode="nearest")
    return ((fine - mean) / np.maximum(spread, 0.02)).astype(np.float32)


def _aligned(drr: _Side, film: _Side) -> sitk.Transform:
    """Return the affine map of DRR pixels to (small) film pixels, (x, y) as SimpleITK has it."""
    start = sitk.AffineTransform(2)
    across, down = film.box.width / drr.box.width, film.box.height / drr.box.height
    start.SetMatrix([across, 0.0, 0.0, down])
    centre = ((drr.box.left + drr.box.right) / 2, (drr.box.top + drr.box.bottom) / 2)
    there = ((film.box.left + film.box.right) / 2, (film.box.top + film.box.bottom) / 2)
    start.SetCenter(centre)
    start.SetTranslation([b - a for a, b in zip(centre, there, strict=True)])
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsCorrelation()
    method.SetMetricFixedMask(sitk.GetImageFromArray(drr.mask.astype(np.uint8)))
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=2.0, minStep=0.02, numberOfIterations=120
    )
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel([4, 2, 1])
    method.SetSmoothingSigmasPerLevel([3.0, 1.0, 0.0])
    method.SetInitialTransform(start, inPlace=False)
    fixed, moving = sitk.GetImageFromArray(drr.image), sitk.GetImageFromArray(film.image)
    return method.Execute(fixed, moving)


def _agreement(drr: _Side, film: _Side, transform: sitk.Transform) -> float:
    fixed = sitk.GetImageFromArray(drr.image)
    moving = sitk.GetImageFromArray(film.image)
    laid = sitk.GetArrayFromImage(
        sitk.Resample(moving, fixed, transform, sitk.sitkLinear, float("nan"))
    )
    both = drr.mask & np.isfinite(laid)
    if both.sum() < 0.5 * drr.mask.sum():
        return -1.0
    return float(np.corrcoef(drr.image[both], laid[both])[0, 1])


def _matrix_of(transform: sitk.Transform, scale: float) -> tuple[NDArray[np.float64], Points]:
    """Return the map of DRR (row, column) to full-size film (row, column)."""

    def film(row: float, column: float) -> Points:
        x, y = transform.TransformPoint((column, row))
        # Pixel centres: a small pixel covers ``scale`` full ones.
        return np.array([(y + 0.5) * scale - 0.5, (x + 0.5) * scale - 0.5])

    shift = film(0.0, 0.0)
    return np.stack([film(1.0, 0.0) - shift, film(0.0, 1.0) - shift], axis=1), shift
