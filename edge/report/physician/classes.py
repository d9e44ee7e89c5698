"""Classification (WS 196-2017), diagnostic tier (WS 288-2017) and severity, with their rules. Pure.

WS 196-2017, 3: latent infection; active tuberculosis by site (3.2.2), bacteriology (3.2.3), drug
resistance (3.2.4) and history of treatment (3.2.5); inactive tuberculosis. WS 288-2017 knows three
tiers: suspected, clinically diagnosed, confirmed.

The rules that are kept here, whoever fills the form:

1. Imaging alone never sets more than "suspected".
2. "Clinically diagnosed" names at least one fact beside imaging; "confirmed" names a positive
   bacteriological, molecular or pathological result (WS 288-2017, 5.3). Which combinations the
   standard's item lists demand in detail is for the physician: its full text is not coded here.
3. Every fact has a source: a record, or the person who says it. None is inferred from an image.
4. Bacteriology, drug resistance and treatment history are never filled by the box.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from edge.report.physician.errors import ContentWrong, TierNeedsBasis

Pair = tuple[str, str]

STATES: Final[dict[str, Pair]] = {
    "": ("未分类", "not classified"),
    "latent": ("结核分枝杆菌潜伏感染者", "latent infection"),
    "active": ("活动性结核病", "active tuberculosis"),
    "inactive": ("非活动性结核病", "inactive tuberculosis"),
}
SITES: Final[dict[str, Pair]] = {
    "": ("未分类", "not classified"),
    "primary": ("原发性肺结核", "primary pulmonary tuberculosis"),
    "haematogenous": ("血行播散性肺结核", "haematogenous pulmonary tuberculosis"),
    "secondary": ("继发性肺结核", "secondary pulmonary tuberculosis"),
    "tracheobronchial": ("气管、支气管结核", "tracheobronchial tuberculosis"),
    "pleurisy": ("结核性胸膜炎", "tuberculous pleurisy"),
    "extrapulmonary": ("肺外结核", "extrapulmonary tuberculosis"),
}
BACTERIOLOGY: Final[dict[str, Pair]] = {
    "": ("未填", "not stated"),
    "smear_positive": ("涂片阳性", "smear positive"),
    "smear_negative": ("涂片阴性", "smear negative"),
    "culture_positive": ("培养阳性", "culture positive"),
    "culture_negative": ("培养阴性", "culture negative"),
    "molecular_positive": ("分子生物学阳性", "molecular positive"),
    "not_examined": ("未痰检", "sputum not examined"),
}
RESISTANCE: Final[dict[str, Pair]] = {
    "": ("未填", "not stated"),
    "sensitive": ("非耐药", "not resistant"),
    "mono": ("单耐药", "mono-resistant"),
    "poly": ("多耐药", "poly-resistant"),
    "mdr": ("耐多药", "multidrug-resistant"),
    "xdr": ("广泛耐药", "extensively drug-resistant"),
    "rr": ("利福平耐药", "rifampicin-resistant"),
}
HISTORY: Final[dict[str, Pair]] = {
    "": ("未填", "not stated"),
    "initial": ("初治", "initial treatment"),
    "retreatment": ("复治", "retreatment"),
}
TIERS: Final[dict[str, Pair]] = {
    "": ("未分级", "no tier"),
    "suspected": ("疑似病例", "suspected case"),
    "clinical": ("临床诊断病例", "clinically diagnosed case"),
    "confirmed": ("确诊病例", "confirmed case"),
}
#: What a tier may rest on. Only ``imaging`` can come from this box.
BASES: Final[dict[str, Pair]] = {
    "imaging": ("影像学表现", "imaging"),
    "symptoms": ("可疑症状", "symptoms"),
    "contact": ("接触史", "contact with a case"),
    "tst": ("结核菌素皮肤试验", "tuberculin skin test"),
    "igra": ("γ-干扰素释放试验", "interferon-gamma release assay"),
    "antibody": ("结核抗体", "antibody"),
    "bronchoscopy": ("支气管镜检查", "bronchoscopy"),
    "extrapulmonary": ("肺外组织病理", "extrapulmonary histology"),
    "excluded": ("排除其他肺部疾病", "other lung disease excluded"),
    "smear_positive": ("痰涂片阳性", "smear positive"),
    "culture_positive": ("分枝杆菌培养阳性", "culture positive"),
    "molecular_positive": ("分子生物学检查阳性", "molecular test positive"),
    "pathology": ("病理学检查阳性", "histology positive"),
}
_PROOF: Final = frozenset({"smear_positive", "culture_positive", "molecular_positive", "pathology"})
SCALES: Final[dict[str, Pair]] = {
    "timika": (
        "Timika 评分（Ralph 等，Thorax 2010；65:863）：受累肺野百分比，有空洞加 40",
        "Timika score (Ralph et al., Thorax 2010;65:863): per cent of lung affected, plus 40 for a "
        "cavity",
    ),
    "nta": (
        "NTA 病变范围（1961，按体积）",
        "NTA extent of disease (1961, by volume)",
    ),
    "crrs": (
        "CRRS 胸片判读记录（Den Boon 等，IJTLD 2005；9:1088）",
        "CRRS reading (Den Boon et al., IJTLD 2005;9:1088)",
    ),
    "score": (
        "胸片计分（Pinto 等，PLoS ONE 2013；8:e54235）：≥2 分提示肺结核",
        "Chest radiograph score (Pinto et al., PLoS ONE 2013;8:e54235): 2 or more suggests "
        "tuberculosis",
    ),
}
#: Items of the radiograph score and their points.
SCORE: Final[dict[str, tuple[str, str, int]]] = {
    "upper_opacity": ("上叶大片影", "large upper-lobe opacity", 2),
    "cavity": ("空洞", "cavity", 2),
    "effusion": ("单侧胸腔积液", "unilateral pleural effusion", 1),
    "adenopathy": ("肺门或纵隔淋巴结肿大", "hilar or mediastinal adenopathy", 2),
}
CRRS: Final[dict[str, Pair]] = {
    "unreadable": ("不可判读", "unreadable"),
    "normal": ("未见异常", "normal"),
    "tb": ("有异常，符合结核", "abnormal, consistent with tuberculosis"),
    "other": ("有异常，不符合结核", "abnormal, not consistent with tuberculosis"),
}


@dataclass(frozen=True, slots=True)
class Basis:
    """One fact that a tier rests on, and where it comes from (a record, or who says so)."""

    code: str
    source: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Classification:
    """The coded fields; "" is "not filled"."""

    state: str = ""
    site: str = ""
    bacteriology: str = ""
    resistance: str = ""
    history: str = ""
    tier: str = ""
    basis: tuple[Basis, ...] = ()


@dataclass(frozen=True, slots=True)
class Severity:
    """A scale's value and where it comes from.

    Attributes
    ----------
    scale : {"timika", "nta", "crrs", "score"}
    value : str
        A number, or a code of the scale; of the score the items that are present, by comma.
    source : str
        ``measurement``, or ``person:<user>``.
    note_zh, note_en : str
        How the value departs from the published method; "" where it does not.
    """

    scale: str
    value: str
    source: str
    note_zh: str = ""
    note_en: str = ""
    confirmed: bool = False


def code_tables() -> dict[str, list[dict[str, str]]]:
    """Return every table of codes as a form shows it: code, Chinese, English."""
    tables: dict[str, Mapping[str, tuple[str, str] | tuple[str, str, int]]] = {
        "state": STATES, "site": SITES, "bacteriology": BACTERIOLOGY, "resistance": RESISTANCE,
        "history": HISTORY, "tier": TIERS, "basis": BASES, "scale": SCALES, "crrs": CRRS,
        "score": SCORE,
    }  # fmt: skip
    return {
        name: [{"code": code, "zh": words[0], "en": words[1]} for code, words in table.items()]
        for name, table in tables.items()
    }


def check_tier(found: Classification) -> None:
    """Refuse a tier or state without its basis (rules 1 to 3).

    Raises
    ------
    TierNeedsBasis
    """
    codes = {one.code for one in found.basis if one.source}
    beyond_imaging = codes - {"imaging"}
    if found.tier == "suspected" and not codes:
        raise TierNeedsBasis
    if found.tier == "clinical" and not beyond_imaging:
        raise TierNeedsBasis
    if found.tier == "confirmed" and not codes & _PROOF:
        raise TierNeedsBasis
    if found.state == "active" and found.tier not in ("clinical", "confirmed"):
        raise TierNeedsBasis


def classification_of(data: Mapping[str, Any]) -> Classification:
    """Return the classification of a JSON object. Raises ContentWrong."""
    tables = {
        "state": STATES, "site": SITES, "bacteriology": BACTERIOLOGY, "resistance": RESISTANCE,
        "history": HISTORY, "tier": TIERS,
    }  # fmt: skip
    chosen: dict[str, str] = {}
    for name, table in tables.items():
        value = data.get(name, "")
        if not isinstance(value, str) or value not in table:
            raise ContentWrong(field=f"classification.{name}")
        chosen[name] = value
    rows = data.get("basis") or []
    if not isinstance(rows, list | tuple) or len(rows) > len(BASES):
        raise ContentWrong(field="classification.basis")
    return Classification(**chosen, basis=tuple(_basis(row) for row in rows))


def _basis(row: Any) -> Basis:
    if not isinstance(row, Mapping) or row.get("code") not in BASES:
        raise ContentWrong(field="classification.basis")
    source, detail = row.get("source", ""), row.get("detail", "")
    if not isinstance(source, str) or not isinstance(detail, str) or len(source + detail) > 500:
        raise ContentWrong(field="classification.basis")
    return Basis(str(row["code"]), source, detail)


def points_of(value: str) -> int:
    """Return the radiograph score's points of its items."""
    return sum(SCORE[item][2] for item in set(filter(None, value.split(","))))


def attributed(
    found: Classification, user: str, before: Classification | None = None
) -> Classification:
    """Return the classification whose facts are said by who says them.

    What a person enters is theirs: the name of another stays only where the version before has it.
    """
    known = {(one.code, one.source) for one in (before.basis if before else ())}

    def held(one: Basis) -> Basis:
        theirs = not one.source.startswith("person:") or (one.code, one.source) in known
        return one if theirs else replace(one, source=f"person:{user}")

    return replace(found, basis=tuple(held(one) for one in found.basis))


def severity_of(row: Any) -> Severity:
    """Return a severity of a JSON object. Raises ContentWrong."""
    if not isinstance(row, Mapping) or row.get("scale") not in SCALES:
        raise ContentWrong(field="severity")
    words = [str(row.get(name, "")) for name in ("value", "source", "note_zh", "note_en")]
    if any(len(word) > 300 for word in words):
        raise ContentWrong(field="severity")
    if row["scale"] == "crrs" and words[0] not in CRRS:
        raise ContentWrong(field="severity.value")
    if row["scale"] == "timika" and not _timika(words[0]):
        raise ContentWrong(field="severity.value")
    if row["scale"] == "score" and not set(filter(None, words[0].split(","))) <= SCORE.keys():
        raise ContentWrong(field="severity.value")
    value, source, note_zh, note_en = words
    confirmed = bool(row.get("confirmed"))
    return Severity(str(row["scale"]), value, source, note_zh, note_en, confirmed)


def _timika(value: str) -> bool:
    try:
        return 0 <= float(value) <= 140
    except ValueError:
        return False
