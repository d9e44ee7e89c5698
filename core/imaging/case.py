"""What the findings of one CT amount to for the patient: suspicion, extent, severity, activity.

Never more than "suspected" (疑似): an image alone sets no higher tier (WS 288-2017). The suspicion
is a logistic sum over signs. Which signs count, and in which order, follows the CT literature (Im
et al., Radiology 186:653, 1993: tree-in-bud, cavities, consolidation, upper lobes); the weights are
set by hand and looked over on phantoms. There is no CT of tuberculosis with truth here: **the
number was never validated on patients** and says only how the method weighs its own findings.

Severity follows the extent classes of the National Tuberculosis Association (Diagnostic Standards,
1961), with volumes for its words. Features seen more often in drug-resistant disease (Kim et al., J
Comput Assist Tomogr 28:366, 2004: several, thick-walled cavities) are for research: resistance is
decided by the laboratory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, prod, sqrt
from typing import Any

from core.imaging.location import OUTSIDE
from core.imaging.measure_place import LobeShare
from core.imaging.result import Lesion

MODEL = "xinglin-ct-case"
VERSION = "0.1.0"
CALIBRATION_SET = "weights set by hand, signs from literature, phantoms only (no tuberculosis CT)"
THRESHOLD = 0.5
# Of each weight, one standard deviation: how little is known of it.
WEIGHT_SD_SHARE = 0.35
BIAS = -2.0
WEIGHTS: dict[str, float] = {
    "cavity": 1.6,
    "tree_in_bud": 1.8,
    "miliary": 1.6,
    "consolidation": 0.9,
    "upper_zone": 0.7,
    "several_kinds": 0.6,
    "bilateral": 0.3,
    "fibrosis": 0.4,
    "lymph_node": 0.4,
    "effusion": 0.3,
    "calcification": 0.2,
    "lone_nodule_or_mass": -0.6,
}
TB_KINDS = frozenset({"cavity", "tree_in_bud", "consolidation", "miliary"})
NODULAR = frozenset({"solid_nodule", "ground_glass_nodule", "part_solid_nodule", "mass"})
HEALED = frozenset({"calcification", "fibrosis", "pleural_thickening"})
THICK_WALL_MM = 3.0
MANY_LOBES = 3
DESTROYED_SHARE = 0.5
# A lesion that takes less of a lobe than this does not involve it.
INVOLVED_SHARE = 0.005
# NTA 1961: cavities of 4 cm together, or dense disease beyond a third of one lung, are far
# advanced; without a cavity and within about the apex (a tenth of both lungs) it is minimal.
FAR_CAVITY_MM = 40.0
FAR_DENSE_PERCENT = 100.0 / 6.0
MINIMAL_PERCENT = 10.0
DENSE = frozenset({"consolidation", "mass", "cavity"})


@dataclass(frozen=True, slots=True)
class Sign:
    """One sign with the lesions that show it; ``weight`` is its pull on the logit, else 0."""

    code: str
    lesions: tuple[int, ...]
    weight: float = 0.0


@dataclass(frozen=True, slots=True)
class CaseFindings:
    """One patient's CT summed up.

    Attributes
    ----------
    suspicion : float
        0 to 1, not validated on patients; ``interval`` is its 95 % interval by the uncertainty of
        the findings and of the weights.
    threshold : float
    suspected : bool
        Above the threshold: "suspected", never more.
    basis : tuple of Sign
        What the suspicion rests on, the strongest first.
    counts : dict
        Lesions by kind.
    bilateral, cavitary : bool
    burden_percent : float or None
        Of both lungs' volume; None where the lungs' volume is unknown. ``burden_by_kind`` and
        ``burden_by_lobe`` (per cent of that lobe; empty where lobes were not determined) likewise.
    severity : str
        ``none``, ``minimal``, ``moderately_advanced``, ``far_advanced``.
    activity : tuple of Sign
        Signs seen in active disease, and ``healed_only`` (calcified or fibrotic, nothing else).
        A stable image is not inactive disease.
    resistance : tuple of Sign
        Research only: features described more often in drug-resistant tuberculosis.
    """

    suspicion: float
    interval: tuple[float, float]
    threshold: float
    suspected: bool
    basis: tuple[Sign, ...]
    counts: dict[str, int]
    bilateral: bool
    cavitary: bool
    burden_percent: float | None
    burden_by_kind: dict[str, float]
    burden_by_lobe: dict[str, float]
    severity: str
    activity: tuple[Sign, ...] = ()
    resistance: tuple[Sign, ...] = ()


@dataclass(frozen=True, slots=True)
class LungVolumes:
    """Volumes that burdens are held against, millilitres; lobes by code, empty where unknown."""

    lungs_ml: float
    lobes_ml: dict[str, float]


def sum_up(
    lesions: Sequence[Lesion], volumes: LungVolumes, shares: Sequence[LobeShare] = ()
) -> CaseFindings:
    """Return the case-level findings. Pure.

    Parameters
    ----------
    lesions : sequence of Lesion
    volumes : LungVolumes
    shares : sequence of LobeShare
        How much of each lesion lies in each lobe; empty where lobes were not determined.
    """
    inside = [x for x in lesions if x.kind not in OUTSIDE]
    sides = {side for side in ("right", "left") for x in inside if x.location.startswith(side)}
    bilateral = len(sides) == 2
    basis, suspicion, interval = _suspicion(lesions)
    by_lobe = _by_lobe(inside, volumes, shares)
    lungs = volumes.lungs_ml
    by_kind = _by_kind(inside, lungs)
    burden = sum(by_kind.values()) if lungs > 0 else None
    return CaseFindings(
        suspicion=suspicion,
        interval=interval,
        threshold=THRESHOLD,
        suspected=suspicion >= THRESHOLD,
        basis=basis,
        counts=_counts(lesions),
        bilateral=bilateral,
        cavitary=any(x.kind == "cavity" for x in lesions),
        burden_percent=burden,
        burden_by_kind=by_kind,
        burden_by_lobe=by_lobe,
        severity=_severity(inside, by_kind, burden),
        activity=_activity(lesions),
        resistance=_resistance(inside, by_lobe),
    )


def case_json(case: CaseFindings | None) -> dict[str, object] | None:
    """Return the public form: JSON types only, with model, version, threshold, calibration set."""
    if case is None:
        return None
    return {
        "suspicion": round(case.suspicion, 4),
        "interval": [round(end, 4) for end in case.interval],
        "threshold": case.threshold,
        "suspected": case.suspected,
        "basis": [_sign_json(sign) for sign in case.basis],
        "counts": dict(case.counts),
        "bilateral": case.bilateral,
        "cavitary": case.cavitary,
        "burden_percent": None if case.burden_percent is None else round(case.burden_percent, 3),
        "burden_by_kind": {k: round(v, 3) for k, v in case.burden_by_kind.items()},
        "burden_by_lobe": {k: round(v, 3) for k, v in case.burden_by_lobe.items()},
        "severity": case.severity,
        "activity": [_sign_json(sign) for sign in case.activity],
        "resistance": [_sign_json(sign) for sign in case.resistance],
        "method": {
            "model": MODEL,
            "version": VERSION,
            "threshold": case.threshold,
            "calibration_set": CALIBRATION_SET,
            "validated": False,
        },
    }


def _sign_json(sign: Sign) -> dict[str, object]:
    return {"code": sign.code, "lesions": list(sign.lesions), "weight": round(sign.weight, 3)}


def _suspicion(
    lesions: Sequence[Lesion],
) -> tuple[tuple[Sign, ...], float, tuple[float, float]]:
    """Return the signs, the logistic of their sum, and its interval.

    A sign is present as surely as at least one of its lesions is real; the interval adds the
    variance of that to the weights' own (delta method on the logit).
    """
    total, variance = BIAS, (WEIGHT_SD_SHARE * BIAS) ** 2
    basis = []
    for code, chosen in _signs(lesions).items():
        if not chosen:
            continue
        weight = WEIGHTS[code]
        sure = 1 - prod(1 - x.probability for x in chosen)
        total += weight * sure
        variance += weight**2 * sure * (1 - sure) + (WEIGHT_SD_SHARE * weight * sure) ** 2
        basis.append(Sign(code, tuple(x.id for x in chosen), weight * sure))
    basis.sort(key=lambda sign: -abs(sign.weight))
    spread = 1.96 * sqrt(variance)
    ends = (_logistic(total - spread), _logistic(total + spread))
    return tuple(basis), _logistic(total), ends


def _signs(lesions: Sequence[Lesion]) -> dict[str, list[Lesion]]:
    def of(*kinds: str) -> list[Lesion]:
        return [x for x in lesions if x.kind in kinds]

    tb_like = [x for x in lesions if x.kind in TB_KINDS]
    nodular = [x for x in lesions if x.kind in NODULAR]
    kinds = {x.kind for x in tb_like}
    sides = {x.location.split("_")[0] for x in tb_like}
    return {
        "cavity": of("cavity"),
        "tree_in_bud": of("tree_in_bud"),
        "miliary": of("miliary"),
        "consolidation": of("consolidation"),
        "upper_zone": [x for x in tb_like if "upper_zone" in x.location],
        "several_kinds": tb_like if len(kinds) > 1 else [],
        "bilateral": tb_like if len(sides & {"right", "left"}) == 2 else [],
        "fibrosis": of("fibrosis"),
        "lymph_node": of("lymph_node"),
        "effusion": of("pleural_effusion"),
        "calcification": of("calcification"),
        "lone_nodule_or_mass": nodular if nodular and not tb_like else [],
    }


def _counts(lesions: Sequence[Lesion]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for lesion in lesions:
        counts[lesion.kind] = counts.get(lesion.kind, 0) + 1
    return counts


def _by_kind(inside: Sequence[Lesion], lungs_ml: float) -> dict[str, float]:
    out: dict[str, float] = {}
    if lungs_ml <= 0:
        return out
    for lesion in inside:
        out[lesion.kind] = out.get(lesion.kind, 0.0) + 100.0 * lesion.volume_ml / lungs_ml
    return out


def _by_lobe(
    inside: Sequence[Lesion], volumes: LungVolumes, shares: Sequence[LobeShare]
) -> dict[str, float]:
    by_id = {lesion.id: lesion.volume_ml for lesion in inside}
    out = {name: 0.0 for name, ml in volumes.lobes_ml.items() if ml > 0}
    for share in shares:
        for name, part in share.shares.items():
            if name in out:
                out[name] += 100.0 * part * by_id.get(share.lesion, 0.0) / volumes.lobes_ml[name]
    return {name: min(100.0, value) for name, value in out.items()}


def _severity(inside: Sequence[Lesion], by_kind: dict[str, float], burden: float | None) -> str:
    if not inside:
        return "none"
    cavities = sum(x.long_axis_mm for x in inside if x.kind == "cavity")
    dense = sum(by_kind.get(kind, 0.0) for kind in DENSE)
    if cavities >= FAR_CAVITY_MM or dense > FAR_DENSE_PERCENT or (burden or 0.0) > 50.0:
        return "far_advanced"
    if cavities > 0 or (burden or 0.0) > MINIMAL_PERCENT:
        return "moderately_advanced"
    return "minimal"


def _activity(lesions: Sequence[Lesion]) -> tuple[Sign, ...]:
    signs = [
        Sign(kind, tuple(x.id for x in lesions if x.kind == kind))
        for kind in ("cavity", "tree_in_bud", "miliary", "consolidation", "pleural_effusion")
        if any(x.kind == kind for x in lesions)
    ]
    if lesions and all(x.kind in HEALED for x in lesions):
        signs.append(Sign("healed_only", tuple(x.id for x in lesions)))
    return tuple(signs)


def _resistance(inside: Sequence[Lesion], by_lobe: dict[str, float]) -> tuple[Sign, ...]:
    """Return the features of drug-resistant disease that are there. Research only."""
    cavities = [x for x in inside if x.kind == "cavity"]
    thick = [x.id for x in cavities if x.extra.get("wall_mean_mm", 0.0) >= THICK_WALL_MM]
    involved = [name for name, part in by_lobe.items() if part >= 100 * INVOLVED_SHARE]
    everyone = tuple(x.id for x in inside)
    signs = []
    if thick:
        signs.append(Sign("thick_walled_cavity", tuple(thick)))
    if len(cavities) > 1:
        signs.append(Sign("multiple_cavities", tuple(x.id for x in cavities)))
    if len(involved) > MANY_LOBES:
        signs.append(Sign("more_than_three_lobes", everyone))
    if any(part >= 100 * DESTROYED_SHARE for part in by_lobe.values()):
        signs.append(Sign("destroyed_lobe", everyone))
    return tuple(signs)


def _logistic(value: float) -> float:
    return 1 / (1 + exp(-value))


def case_from_json(body: dict[str, Any] | None) -> CaseFindings | None:
    """Return the case-level findings from their public form."""
    if body is None:
        return None
    names = {
        "suspicion", "threshold", "suspected", "counts", "bilateral", "cavitary",
        "burden_percent", "burden_by_kind", "burden_by_lobe", "severity",
    }  # fmt: skip

    def signs(name: str) -> tuple[Sign, ...]:
        return tuple(Sign(x["code"], tuple(x["lesions"]), x["weight"]) for x in body[name])

    low, high = body["interval"]
    return CaseFindings(
        interval=(float(low), float(high)),
        basis=signs("basis"),
        activity=signs("activity"),
        resistance=signs("resistance"),
        **{name: body[name] for name in names},
    )
