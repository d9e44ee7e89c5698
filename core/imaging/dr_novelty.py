"""Whether a radiograph is like those that the classifier was taught with. Pure.

The network measures its features' distance from those of the taught images, in standard deviations
(principal axes and what is left over: the normal model of Tipping & Bishop, 1999). The limit is
calibrated on left-out images of the taught sources and stated by the bundle. Beyond it the score
may still be right, but nothing was measured there: the answer says so. The same holds where the
picture matches no frontal chest: every taught image did, and what the network sees is cut out by
that match.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.imaging.result import Reason

OUTSIDE = "DR_TB_OUTSIDE_TRAINING"
NOT_TOLD = "DR_TB_TRAINING_NOT_TOLD"


@dataclass(frozen=True, slots=True)
class Familiarity:
    """How far an image is from the taught ones.

    Attributes
    ----------
    distance, limit : float
        Of its features, in deviations of the taught ones.
    chest_match, least_match : float
        How well a frontal chest was found (`dr_chest.ChestFit`), and how well it must be.
    """

    distance: float
    limit: float
    chest_match: float = 1.0
    least_match: float = 0.0

    @property
    def outside(self) -> bool:
        """Tell whether the image is outside of what was taught."""
        return not (self.distance <= self.limit and self.chest_match >= self.least_match)


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
    told = ("training_distance_sd", familiarity.distance, familiarity.limit)
    if familiarity.distance <= familiarity.limit:
        told = ("chest_match", familiarity.chest_match, familiarity.least_match)
    return Reason(
        OUTSIDE,
        "warn",
        "该影像与训练所用影像差别较大，评分的可靠程度未知，请以医师阅片为准。",
        "This image differs from those the model was trained with: how far the score can be relied "
        "on is not known. Rely on a physician's reading.",
        *told,
    )
