"""What kind of picture it is, told by the lung network and by the template together. Pure."""

from __future__ import annotations

from core.imaging.dr_chest import ChestFit
from core.imaging.dr_limits import DrLimits
from core.imaging.dr_lungs_network import NetworkAnswer
from core.imaging.dr_sentences import above, reason
from core.imaging.result import Reason


def judged_view(
    answer: NetworkAnswer, chest: ChestFit, limits: DrLimits, metrics: dict[str, float]
) -> list[Reason]:
    """Return why a picture is no upright frontal chest; () for one that is.

    The most probable kind decides which reason is given. Reversed polarity needs the template to
    agree: a network alone could take a strange console for it.
    """
    views = answer.views
    metrics |= {f"{name}_probability": share for name, share in views.items()}
    gain = chest.inverted_score - chest.score
    metrics["reversed_gain"] = gain
    by = limits
    if views["turned"] > by.turned_reject:
        # Before polarity: upside down, the dark abdomen of a reversed picture is what matches.
        share = views["turned"]
        return [reason("DR_TURNED", "reject", "turned_probability", share, by.turned_reject)]
    sure = views["reversed"] > by.reversed_reject and gain > 0
    if sure or (gain >= by.polarity_margin and chest.inverted_score >= by.chest_reject):
        return [reason("DR_POLARITY", "reject", "reversed_gain", gain, by.polarity_margin)]
    kind = max(("lateral", "turned", "other"), key=lambda name: views[name])
    share = views[kind]
    if kind == "turned":
        return above("DR_TURNED", "turned_probability", share, by.turned_warn, by.turned_reject)
    if kind == "lateral" and share > by.lateral_reject:
        name = "lateral_probability"
        return [reason("DR_VIEW_LATERAL", "reject", name, share, by.lateral_reject)]
    if kind == "other" and share > by.other_reject:
        return [reason("DR_NOT_CHEST", "reject", "other_probability", share, by.other_reject)]
    if chest.score < by.chest_reject:
        return [reason("DR_NOT_CHEST", "reject", "chest_match", chest.score, by.chest_reject)]
    return []
