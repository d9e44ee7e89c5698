"""How likely a candidate is a lesion: gates, then one monotone logistic per kind.

Derived on the project's phantoms (exact truth) and looked over on three real chest CT (two LCTSC,
one ACRIN-NSCLC): there is no tuberculosis CT among them, so a probability here orders candidates
and carries no clinical sensitivity. The set is named in ``CALIBRATION_SET`` and goes with every
result.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.imaging.lesions_field import THICK_SLICE_MM, Candidate

METHOD = "xinglin-ct-classical"
METHOD_VERSION = "0.5.0"
CALIBRATION_SET = (
    "set by hand on phantoms (seeds 101-110 last) + 3 public lung-cancer CT (no tuberculosis CT)"
)


@dataclass(frozen=True, slots=True)
class Term:
    """One feature's pull: (value - middle) / width, signed, clipped to +-3."""

    name: str
    middle: float
    width: float


@dataclass(frozen=True, slots=True)
class Rule:
    """Gates (feature, least, greatest) that must hold, and the logistic's terms."""

    gates: tuple[tuple[str, float, float], ...]
    bias: float
    terms: tuple[Term, ...]


ANY = float("inf")
# Log odds lost by a candidate that misses a gate by the whole of its limit: fitted by no one, it
# only has to order what a physician asks to see beyond the usual.
GATE_PULL = 4.0

# Seen in less than this many slices a nodule is not told from a vessel that was cut across; a
# vessel smeared by a thick slice looks like ground glass.
SLICES_SOLID = 1.5
SLICES_HAZY = 2.2

NODULE = Rule(
    gates=(
        ("diameter_mm", 4.0, 45.0),
        ("slices", SLICES_SOLID, ANY),
        ("contrast_hu", 300.0, ANY),
        ("roundness", 0.3, ANY),
        ("middle_ratio", 0.6, ANY),
        ("least_ratio", 0.45, ANY),
        ("attached", 0.0, 0.16),
        ("hilum_mm", 12.0, ANY),
        ("medial_mm", 4.0, ANY),
        ("wall_contact", 0.0, 0.42),
    ),
    bias=-2.6,
    terms=(
        Term("diameter_mm", 6.0, 2.0),
        Term("roundness", 0.45, 0.12),
        Term("middle_ratio", 0.75, 0.12),
        Term("attached", 0.08, -0.04),
        Term("least_ratio", 0.6, 0.12),
    ),
)
# A dense fleck needs less size: nothing else in a lung reaches its density.
CALCIFIED = Rule(
    gates=(
        ("diameter_mm", 2.5, 45.0),
        ("peak_hu", 250.0, ANY),
        ("roundness", 0.3, ANY),
        ("middle_ratio", 0.45, ANY),
        ("attached", 0.0, 0.2),
        ("wall_contact", 0.0, 0.25),  # else it is a rib
        ("hilum_mm", 12.0, ANY),
        ("medial_mm", 4.0, ANY),
    ),
    bias=0.5,
    terms=(
        Term("diameter_mm", 4.0, 2.0),
        Term("roundness", 0.45, 0.15),
        Term("attached", 0.1, -0.05),
    ),
)
GROUND_GLASS = Rule(
    gates=(
        ("diameter_mm", 7.0, 32.0),  # the largest scale looks for 31 mm
        ("slices", SLICES_HAZY, ANY),
        ("contrast_hu", 120.0, ANY),
        ("strength", 90.0, ANY),
        ("roundness", 0.3, ANY),
        ("middle_ratio", 0.6, ANY),
        ("least_ratio", 0.45, ANY),
        ("attached", 0.0, 0.19),
        ("hilum_mm", 12.0, ANY),
        ("medial_mm", 8.0, ANY),
        ("wall_contact", 0.0, 0.3),
    ),
    bias=-2.6,
    terms=(
        Term("diameter_mm", 11.0, 2.0),
        Term("strength", 130.0, 40.0),
        Term("roundness", 0.5, 0.15),
        Term("middle_ratio", 0.75, 0.12),
        Term("attached", 0.1, -0.05),
    ),
)
# Vessels run through ground glass and out of it: what is even over some volume is no fork of
# vessels, however much hangs on it. Set on phantoms 105-107.
GROUND_GLASS_EVEN = Rule(
    gates=(
        ("diameter_mm", 9.0, 40.0),
        *GROUND_GLASS.gates[1:6],
        ("least_ratio", 0.45, ANY),
        ("attached", 0.0, 0.4),
        *GROUND_GLASS.gates[8:],
    ),
    bias=-0.5,
    terms=(
        Term("even_ml", 0.4, 0.15),
        Term("strength", 120.0, 40.0),
        Term("roundness", 0.5, 0.15),
        Term("middle_ratio", 0.75, 0.12),
    ),
)
EVEN_ML = 0.3
# Close to the main bronchi stand the hilar vessels, on a diaphragm's dome the wide closing: what is
# left of both by these gates is small; a hilar mass below 14 mm from a bronchus is missed.
OPACITY_HILUM_MM = 14.0
OPACITY = Rule(
    gates=(
        ("contact", 0.38, ANY),
        ("floor", 0.0, 0.72),
        ("hilum_mm", OPACITY_HILUM_MM, ANY),
        ("least_ratio", 0.2, ANY),
    ),
    bias=0.5,
    terms=(
        Term("volume_ml", 2.0, 2.0),
        Term("hilum_mm", 20.0, 10.0),
        Term("contact", 0.5, 0.15),
        Term("least_ratio", 0.45, 0.15),
    ),
)
# At the mediastinum a lesion must be compact: vessels and the heart's angles are flat or long.
OPACITY_MEDIAL = Rule(
    gates=(*OPACITY.gates[:3], ("least_ratio", 0.42, ANY)),
    bias=0.8,
    terms=OPACITY.terms,
)
# Well inside the lung no hilar vessel reaches: nearness to a bronchus says nothing there.
OPACITY_FREE = Rule(
    gates=(*OPACITY.gates[:2], *OPACITY.gates[3:]), bias=OPACITY.bias, terms=OPACITY.terms
)
# No vessel is as large as this and mostly surrounded by air: it may come nearer to a bronchus.
OPACITY_LARGE = Rule(
    gates=(
        ("contact", 0.5, ANY),
        ("floor", 0.0, 0.72),
        ("hilum_mm", 7.0, ANY),
        ("least_ratio", 0.42, ANY),
    ),
    bias=OPACITY.bias,
    terms=OPACITY.terms,
)
LARGE_ML = 12.0
MEDIAL_MM = 6.0
FREE_MM = 18.0
CAVITY = Rule(
    gates=(
        ("enclosed", 0.55, ANY),
        ("least_ratio", 0.35, ANY),
        ("lumen_ml", 0.04, 400.0),
        ("hilum_mm", 6.0, ANY),
        ("wall_ml", 0.1, ANY),
    ),
    bias=0.5,
    terms=(
        Term("enclosed", 0.75, 0.12),
        Term("least_ratio", 0.55, 0.15),
        Term("lumen_ml", 0.3, 0.3),
    ),
)
# A round pocket of this size is no bronchus cut along or across, however near one runs.
CAVITY_ROUND = Rule(
    gates=(*CAVITY.gates[:3], CAVITY.gates[4]), bias=CAVITY.bias, terms=CAVITY.terms
)
ROUND_LUMEN_ML = 0.5
ROUND_LEAST_RATIO = 0.6
# A thick slice blurs roof and floor of a cavity: less of its wall is seen, so its air must be more.
CAVITY_THICK_SLICE = Rule(
    gates=(
        ("enclosed", 0.38, ANY),
        CAVITY.gates[1],
        ("lumen_ml", 0.5, 400.0),
        *CAVITY.gates[3:],
    ),
    bias=CAVITY.bias,
    terms=(Term("enclosed", 0.5, 0.12), *CAVITY.terms[1:]),
)
# Where vessels fork the same numbers are met: alone the rule reports only what is beyond any fork
# of the phantoms it was set on (101-104), and leaves the rest to the network.
BUDS = Rule(
    gates=(("score", 0.08, ANY),),
    bias=-3.0,
    terms=(Term("score", 0.25, 0.08), Term("evenness", 0.75, 0.15), Term("count", 6.0, 3.0)),
)
EFFUSION = Rule(
    gates=(("lung_contact", 0.15, ANY), ("rib_contact", 0.1, ANY), ("dependent", 0.9, ANY)),
    bias=0.5,
    terms=(
        Term("volume_ml", 40.0, 30.0),
        Term("lung_contact", 0.3, 0.1),
        Term("rib_contact", 0.3, 0.15),
    ),
)

# Healthy lung has 90 to 240 round ends of vessels per litre at 2 mm slices (one patient 280),
# miliary lung 320 and more (phantoms 101-108). At 3 mm vessels cut slantwise are as round: 250 to
# 340 against 350 and more (109, 110). Set to miss few: a miliary patient missed is worse than one
# more patient looked at. At 5 mm a miliary nodule is no longer seen: it is never told there.
MILIARY = Rule(
    gates=(("least_per_litre", 100.0, ANY), ("slice_mm", 0.0, THICK_SLICE_MM)),
    bias=0.0,
    terms=(Term("per_litre", 280.0, 20.0), Term("least_per_litre", 230.0, 40.0)),
)
MILIARY_3_MM = Rule(
    gates=MILIARY.gates,
    bias=0.0,
    terms=(Term("per_litre", 335.0, 20.0), Term("least_per_litre", 300.0, 40.0)),
)
MILIARY_SLICE_MM = 2.5
FIBROSIS = Rule(
    gates=(
        ("volume_ml", 3.0, ANY),
        ("spread_hu", 110.0, 240.0),  # more: vessels in healthy lung
        ("dark_share", 0.03, ANY),
        ("dense_share", 0.02, 0.4),
    ),
    bias=0.0,
    terms=(
        Term("spread_hu", 220.0, -30.0),
        Term("dark_share", 0.045, 0.015),
        Term("volume_ml", 5.0, 3.0),
    ),
)
# Enlarged by RECIST 1.1 from 10 mm in the short axis.
NODE = Rule(
    gates=(
        ("short_mm", 10.0, 40.0),
        ("attached", 0.0, 0.34),
        ("middle_ratio", 0.62, ANY),
        ("least_ratio", 0.5, ANY),
        ("mean_hu", -10.0, 110.0),
        ("roundness", 0.42, ANY),
        ("height", 0.4, 1.0),
    ),
    bias=-0.3,
    terms=(
        Term("attached", 0.22, -0.06),
        Term("least_ratio", 0.62, 0.08),
        Term("short_mm", 11.0, 2.0),
    ),
)
THICKENING = Rule(
    gates=(
        ("excess_mm", 3.5, ANY),
        ("fluid_share", 0.0, 0.5),
        ("height_mm", 16.0, ANY),
        ("height", 0.2, 0.85),
        ("mean_hu", 5.0, 75.0),
    ),
    bias=0.0,
    terms=(
        Term("excess_mm", 5.0, 1.5),
        Term("volume_ml", 5.0, 3.0),
        Term("fluid_share", 0.3, -0.15),
    ),
)

RULES: dict[str, Rule] = {
    "solid_nodule": NODULE,
    "calcification": CALCIFIED,
    "part_solid_nodule": GROUND_GLASS,
    "ground_glass_nodule": GROUND_GLASS,
    "ground_glass_even": GROUND_GLASS_EVEN,
    "mass": OPACITY,
    "consolidation": OPACITY,
    "opacity": OPACITY,
    "opacity_medial": OPACITY_MEDIAL,
    "opacity_free": OPACITY_FREE,
    "opacity_large": OPACITY_LARGE,
    "cavity": CAVITY,
    "cavity_round": CAVITY_ROUND,
    "cavity_thick_slice": CAVITY_THICK_SLICE,
    "tree_in_bud": BUDS,
    "pleural_effusion": EFFUSION,
    "miliary": MILIARY,
    "miliary_3_mm": MILIARY_3_MM,
    "fibrosis": FIBROSIS,
    "lymph_node": NODE,
    "pleural_thickening": THICKENING,
}


def probability(candidate: Candidate) -> float:
    """Return 0…1; under one half where a gate does not hold, the less the further it is missed.

    So the usual operating point reports what passes every gate, and a lower one opens the gates in
    the order of how nearly a candidate passed.
    """
    rule = RULES[rule_name(candidate)]
    total = rule.bias + sum(term_values(candidate))
    missed = sum(_missed(candidate.features[gate[0]], gate) for gate in _gates(candidate))
    if missed:
        total = min(total, 0.0) - GATE_PULL * (0.1 + missed)
    return float(1 / (1 + np.exp(-np.clip(total, -30, 30))))


def passes(candidate: Candidate) -> bool:
    """Return whether every gate of the candidate's rule holds."""
    gates = _gates(candidate)
    return all(low <= candidate.features[name] <= high for name, low, high in gates)


def _gates(candidate: Candidate) -> tuple[tuple[str, float, float], ...]:
    """Return the gates that hold for a candidate.

    Well inside the lung a followed bronchus is near many places, but no hilar vessel is: what is
    small and stands free there is not asked how near a bronchus it lies.
    """
    gates = RULES[rule_name(candidate)].gates
    free = candidate.features.get("medial_mm", 0.0) >= FREE_MM
    if free and "attached" in candidate.features:
        return tuple(gate for gate in gates if gate[0] != "hilum_mm")
    return gates


def _missed(value: float, gate: tuple[str, float, float]) -> float:
    """Return by which share of its limit a gate is missed, 0 where it holds, at most 2."""
    _, low, high = gate
    short = (low - value) / max(abs(low), 1e-6) if value < low else 0.0
    over = (value - high) / max(abs(high), 1e-6) if value > high else 0.0
    return float(min(2.0, short + over))


def term_values(candidate: Candidate) -> list[float]:
    """Return the pulls of the rule's terms, in their order, each within +-3."""
    return [
        float(np.clip((candidate.features[term.name] - term.middle) / term.width, -3, 3))
        for term in RULES[rule_name(candidate)].terms
    ]


def rule_name(candidate: Candidate) -> str:
    """Return the rule's name: opacities are judged by how they were found, not by their kind."""
    slice_mm = candidate.features.get("slice_mm", 0.0)
    if candidate.kind == "miliary":
        return "miliary_3_mm" if slice_mm > MILIARY_SLICE_MM else "miliary"
    if slice_mm > THICK_SLICE_MM:
        return "cavity_thick_slice"
    if "buds" in candidate.features:
        even = candidate.features.get("even_ml", 0.0) >= EVEN_ML
        return "ground_glass_even" if even else "ground_glass_nodule"
    if candidate.lumen is not None and _is_round(candidate.features):
        return "cavity_round"
    if "fill" not in candidate.features:
        return candidate.kind
    medial_mm = candidate.features["medial_mm"]
    if medial_mm >= FREE_MM:
        return "opacity_free"
    if medial_mm < MEDIAL_MM:
        return "opacity_medial"
    near = candidate.features["hilum_mm"] < OPACITY_HILUM_MM
    return "opacity_large" if near and candidate.features["volume_ml"] >= LARGE_ML else "opacity"


def _is_round(features: dict[str, float]) -> bool:
    """Return whether a pocket of air is too large and too round for a bronchus."""
    return features["lumen_ml"] >= ROUND_LUMEN_ML and features["least_ratio"] >= ROUND_LEAST_RATIO
