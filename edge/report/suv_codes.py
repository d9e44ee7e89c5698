"""Codes of uptake numbers: SUVbw (126401, DCM) with UCUM's annotated unit, PS3.16 CID 7464-7469.

Where a number depends on a contour, the contour is the measurement's method (code of our own).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pydicom.sr.coding import Code

from edge.report import codes as own

SUVBW: Final = Code("126401", "DCM", "SUVbw")
SUV_UNIT: Final = Code("{SUVbw}g/ml", "UCUM", "Standardized Uptake Value body weight")
ML: Final = Code("ml", "UCUM", "ml")
GRAM: Final = Code("g", "UCUM", "g")
MAXIMUM: Final = Code("56851009", "SCT", "Maximum")
PEAK: Final = Code("126031", "DCM", "Peak Value Within ROI")
METABOLIC_VOLUME: Final = Code("126032", "DCM", "Metabolic Volume")
GLYCOLYSIS: Final = Code("126033", "DCM", "Total Lesion Glycolysis")
CONTOUR_41: Final = own.own("contour_41", "Isocontour at 41 percent of the maximum")
CONTOUR_2_5: Final = own.own("contour_suv_2_5", "Isocontour at SUVbw 2.5")


@dataclass(frozen=True, slots=True)
class UptakeCode:
    """How one number of ``Lesion.extra`` is coded."""

    name: Code
    unit: Code
    derivation: Code | None = None
    method: Code | None = None


UPTAKE_CODES: Final[dict[str, UptakeCode]] = {
    "suv_max": UptakeCode(SUVBW, SUV_UNIT, MAXIMUM),
    "suv_peak": UptakeCode(SUVBW, SUV_UNIT, PEAK),
    "suv_mean": UptakeCode(SUVBW, SUV_UNIT, own.MEAN),
    "suv_mean_41": UptakeCode(SUVBW, SUV_UNIT, own.MEAN, CONTOUR_41),
    "metabolic_volume_41_ml": UptakeCode(METABOLIC_VOLUME, ML, None, CONTOUR_41),
    "metabolic_volume_suv_2_5_ml": UptakeCode(METABOLIC_VOLUME, ML, None, CONTOUR_2_5),
    "total_lesion_glycolysis_41_g": UptakeCode(GLYCOLYSIS, GRAM, None, CONTOUR_41),
}
