"""Everything that the quality of a CT is measured by, in one table. Pure.

The chain calls this once, after the lungs were found; ``ct_qc`` then judges the numbers. Works on
the 2 mm grid, and at full resolution in small boxes or slice by slice: no copy of the volume.
"""

from __future__ import annotations

from core.imaging.ct_grid import Grid, PatientView
from core.imaging.ct_qc_field import field_metrics
from core.imaging.ct_qc_metal import metal_metrics
from core.imaging.ct_qc_motion import motion_metrics
from core.imaging.ct_qc_values import value_metrics
from core.imaging.lungs import LungMap


def quality_metrics(view: PatientView, grid: Grid, lungs: LungMap) -> dict[str, float]:
    """Return quality numbers by name with unit; what could not be measured is left out.

    Parameters
    ----------
    view : PatientView
        Hounsfield units at full resolution, (up, back, left).
    grid : Grid
        The whole view at about 2 mm.
    lungs : LungMap
        Lungs, airways and body on that grid; empty labels leave out what needs lungs.
    """
    out = field_metrics(grid, lungs)
    out |= metal_metrics(view, lungs)
    if not lungs.lungs.any():
        return out
    out |= value_metrics(view, grid, lungs)
    out |= motion_metrics(view, grid, lungs)
    return out
