"""Whether a radiograph is like those that the classifier was taught with. Pure.

The network measures its features' distance from those of the taught images, in standard deviations
(principal axes and what is left over: the normal model of Tipping & Bishop, 1999). The limit is
calibrated on left-out images of the taught sources and stated by the bundle. Beyond it the score
may still be right, but nothing was measured there: the answer says so.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.imaging.result import Reason

OUTSIDE = "DR_TB_OUTSIDE_TRAINING"
NOT_TOLD = "DR_TB_TRAINING_NOT_TOLD"


@dataclass(frozen=True, slots=True)
class Familiarity:
    """Distance from the taught images and the limit; both in deviations of the taught ones."""

    distance: float
    limit: float

    @property
    def outside(self) -> bool:
        """Tell whether the image is outside of what was taught."""
        return not self.distance <= self.limit


def reason_of(familiarity: Familiarity | None) -> Reason | None:
    """Return what a physician must be told; None where the image is familiar."""
    if familiarity is None:
        return Reason(
            NOT_TOLD,
            "info",
            "该模型不说明影像是否在其训练范围内。",
            "This model does not tell whether an image is like those it was trained with.",
        )
    if not familiarity.outside:
        return None
    return Reason(
        OUTSIDE,
        "warn",
        "该影像与训练所用影像差别较大，评分的可靠程度未知，请以医师阅片为准。",
        "This image differs from those the model was trained with: how far the score can be relied "
        "on is not known. Rely on a physician's reading.",
        "training_distance_sd",
        familiarity.distance,
        familiarity.limit,
    )
