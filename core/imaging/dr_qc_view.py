"""What kind of picture it is, told by the lung network and by the template together. Pure."""

from __future__ import annotations

from core.imaging.dr_chest import ChestFit
from core.imaging.dr_limits import DrLimits
from core.imaging.dr_lungs_network import NetworkAnswer
from core.imaging.dr_sentences import above, reason
from core.imaging.result import Reason


def judged_view(
    answer: NetworkAnswer,
    chest: ChestFit,
    turned: float,
    limits: DrLimits,
    metrics: dict[str, float],
) -> list[Reason]:
    """Return why a picture is no upright frontal chest; () for one that is.

    Parameters
    ----------
    turned : float
        Best template match of the picture turned by 90, 180 or 270 degrees; -1 where the upright
        match is good and it was not asked.

    Upside down or reversed, each needs that the other explains less: the dark abdomen of a
    reversed picture matches much as an upright chest does.
    """
    views, by = answer.views, limits
    gain = chest.inverted_score - chest.score
    turn_gain = turned - chest.score if turned >= by.chest_reject else 0.0
    metrics |= {f"{name}_probability": share for name, share in views.items()}
    metrics |= {"reversed_gain": gain, "turned_gain": turn_gain}
    reverse = gain >= by.polarity_margin and chest.inverted_score >= by.chest_reject
    if reverse and chest.inverted_score >= turned:
        return [reason("DR_POLARITY", "reject", "reversed_gain", gain, by.polarity_margin)]
    if turn_gain > by.chest_turned_reject:
        limit = by.chest_turned_reject
        return [reason("DR_TURNED", "reject", "turned_gain", turn_gain, limit)]
    for name, code, limit in (
        ("lateral", "DR_VIEW_LATERAL", by.lateral_reject),
        ("other", "DR_NOT_CHEST", by.other_reject),
    ):
        if views[name] > limit:
            return [reason(code, "reject", f"{name}_probability", views[name], limit)]
    share = views["turned"]
    found = above("DR_TURNED", "turned_probability", share, by.turned_warn, by.turned_reject)
    if not found and chest.score < by.chest_reject:
        return [reason("DR_NOT_CHEST", "reject", "chest_match", chest.score, by.chest_reject)]
    return found
