"""Limits of acceptance of a chest CT. A hospital may set its own."""

from __future__ import annotations

from dataclasses import dataclass

Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class CtLimits:
    """Limits of acceptance; a hospital may set its own. A pair is (warn, reject) unless said.

    Thickness: RECIST 1.1 wants 5 mm or less (10 mm lesions), nodule work 3 mm or less. Gap: one
    missing slice is told, three or more hide a nodule. Noise: SD of tracheal air and of blood in
    the aorta, 60 HU is usual for low dose at 1 mm with a sharp kernel. Air, blood, fat: AAPM TG-66
    (air -1000 HU, loose end of daily checks), unenhanced blood 30 to 60 HU, fat -120 to -80 HU,
    each with an allowance for noise and partial volume. The rest are the project's own, fitted on
    the fitting half of ``tests/bench/ct_quality.py``.
    """

    fewest_slices: int = 20
    shortest_mm: float = 180.0
    thickness_warn_mm: float = 3.0
    thickness_reject_mm: float = 10.0
    missing_reject: int = 3
    uneven_share: float = 0.1
    uneven_reject_share: float = 0.3
    tilt_warn_deg: float = 1.0
    tilt_reject_deg: float = 30.0
    noise_warn_hu: float = 60.0
    noise_reject_hu: float = 110.0
    air_hu: float = -1000.0
    air_warn_hu: float = 60.0
    air_reject_hu: float = 150.0
    tissue_hu: Span = (-20.0, 120.0)  # low, high
    tissue_reject_hu: Span = (-150.0, 200.0)  # low, high
    cut_off_share: float = 0.35
    blood_hu: Span = (15.0, 90.0)  # low, high; above it contrast medium is assumed
    fat_hu: Span = (-140.0, -60.0)  # low, high
    density_reject_hu: float = 60.0  # beyond low or high
    sharp_frequency_per_mm: float = 0.25
    smooth_frequency_per_mm: float = 0.09
    edge_width_mm: Span = (5.0, 9.0)
    slice_jump_mm: Span = (2.5, 8.0)
    slice_jump_share: float = 0.8  # of the slice spacing; the larger limit counts
    air_streak_hu: Span = (12.0, 70.0)
    streak_hu: Span = (25.0, 60.0)
    outline_cut_share: Span = (0.05, 0.6)
    lung_cut_mm: Span = (15.0, 60.0)
    right_aorta_margin: float = 0.1
    smallest_lungs_ml: float = 1500.0
    invalid_reject_share: float = 0.01
