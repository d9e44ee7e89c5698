"""Which series (CT) or which image (radiograph) of a study is analysed, and why. Pure rules.

CT, in this order:

1. Left out: everything that is no CT image (reports, segmentations, presentation states, PET, dose
   pages, secondary captures), localisers, reformats and projections (MIP, MPR, 3D), planes that are
   not axial, fewer than ``LEAST_SLICES`` slices, body parts that are no chest.
2. Of the rest the best by: chest named · original before derived · covers ``WHOLE_CHEST_MM`` ·
   slices up to 1.5, 3, 5 mm, then thicker · soft or standard kernel before lung or bone kernel
   (Hounsfield units of small lesions are less noisy) · without contrast before with · more slices ·
   lower series number.

Radiographs: left out are other body parts and lateral views; then images meant for presentation
before raw ones, frontal view named before unnamed, higher acquisition number (a repeat replaces).

Sources: PS3.3 C.7.6.1.1.2 and C.8.2.1.1.1 (Image Type), C.8.15.2 (enhanced CT); coverage and
thickness as in the ACR-SPR-STR practice parameter for thoracic CT.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.imaging.result import Sentence

LEAST_SLICES = 12
WHOLE_CHEST_MM = 200.0
AXIAL_COSINE = 0.8

CT_CLASSES = frozenset(
    {"1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.2.1", "1.2.840.10008.5.1.4.1.1.2.2"}
)
CT_MODALITIES = frozenset({"CT"})
RADIOGRAPH_MODALITIES = frozenset({"DX", "CR", "DR", "RG"})
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"

_CHEST = ("chest", "thorax", "thora", "lung", "pulm", "cxr", "胸", "肺", "肋")
_NOT_CHEST_WORDS = (
    "abdomen only", "brain", "head", "skull", "pelvis", "knee", "foot", "teeth", "dental",
    "颅", "头", "盆腔", "膝", "腹部", "踝",
)  # fmt: skip
_NOT_CHEST_PARTS = frozenset(
    {"HEAD", "BRAIN", "SKULL", "NECK", "HEADNECK", "PELVIS", "ABDOMEN", "LIVER", "KIDNEY",
     "PANCREAS", "KNEE", "ANKLE", "FOOT", "HAND", "WRIST", "ELBOW", "HIP", "LEG", "ARM",
     "EXTREMITY", "BREAST", "CSPINE", "LSPINE", "SSPINE", "JAW", "SINUS", "EYE", "ORBIT",
     "PROSTATE", "UTERUS", "BLADDER", "FINGER", "TOE", "FEMUR", "TIBIA", "HUMERUS", "FOREARM",
     "SHOULDER", "TEETH", "DENTAL"}
)  # fmt: skip
_LOCALISER_WORDS = ("scout", "localizer", "localiser", "topogram", "surview", "scanogram", "定位")
_DOSE_WORDS = ("dose", "patient protocol", "smart prep", "剂量", "monitoring", "premonitoring")
_PROJECTIONS = frozenset(
    {"MIP", "MINIP", "MPR", "REFORMATTED", "PROJECTION", "PROJECTION IMAGE", "VRT", "CPR", "3D",
     "VOLUME_RENDERED", "SCREEN SAVE", "SCREENSAVE", "CSA MIP", "CSA MPR", "AVERAGE",
     "PERFUSION", "RCBF", "RCBV", "MTT"}
)  # fmt: skip
_PROJECTION_WORDS = ("mip", "mpr", "vrt", "3d ", "reformat", "重建三维", "冠状", "矢状", "coronal",
                     "sagittal")  # fmt: skip
_SHARP_WORDS = ("lung", "bone", "sharp", "edge", "detail")
_LATERAL = frozenset({"LL", "RL", "LAT", "LATERAL", "LLD", "RLD"})
_LATERAL_WORDS = ("lateral", " lat ", "侧位", "侧卧")
_FRONTAL_WORDS = ("frontal", " pa ", " ap ", "正位", "正侧", "后前")


@dataclass(frozen=True, slots=True)
class SeriesSummary:
    """What the rules see of one series (CT) or of one image (radiograph, with ``sop_uid``).

    Attributes
    ----------
    slices : int
        Images or frames at different places.
    extent_mm : float
        Distance between the first and last slice along their normal.
    normal_z : float or None
        Absolute cosine between slice normal and the patient's long axis; ``None`` if unknown.
    series_described : str
        Series description alone, lower case: the study's may name both views ("胸部正侧位").
    described : str
        Study, series and protocol descriptions, lower case.
    """

    series_uid: str
    modality: str
    sop_class: str
    number: int = 0
    sop_uid: str | None = None
    slices: int = 1
    extent_mm: float = 0.0
    thickness_mm: float | None = None
    normal_z: float | None = None
    kernel: str = ""
    contrast: bool = False
    image_type: tuple[str, ...] = ()
    body_part: str = ""
    view: str = ""
    intent: str = ""
    acquisition: int = 0
    conversion: str = ""
    has_pixels: bool = True
    series_described: str = ""
    described: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """The series (and, for a radiograph, the image) to analyse, or why there is none.

    Attributes
    ----------
    series_uid, sop_uid : str or None
        Both ``None`` if nothing is to be analysed; ``sop_uid`` only for radiographs.
    modality : str
        Of the choice; of the study's first series where nothing was chosen.
    reason_code : str
        ``SERIES_*`` for a choice, ``NOT_APPLICABLE_*`` otherwise.
    excluded : tuple of (str, str)
        (series UID, code) of every series left out.
    """

    series_uid: str | None
    modality: str
    reason_code: str
    reason: Sentence
    sop_uid: str | None = None
    excluded: tuple[tuple[str, str], ...] = ()


NOT_CHOSEN: dict[str, Sentence] = {
    "NOT_APPLICABLE_EMPTY": Sentence("检查中没有图像", "The study holds no images"),
    "NOT_APPLICABLE_MODALITY": Sentence(
        "检查中没有 CT 或 X 线片图像", "The study holds neither CT nor radiographs"
    ),
    "NOT_APPLICABLE_BODY_PART": Sentence(
        "检查部位不是胸部", "The examined body part is not the chest"
    ),
    "NOT_APPLICABLE_LATERAL": Sentence(
        "只有侧位片，分析需要正位胸片", "Only lateral views; a frontal chest view is needed"
    ),
    "NOT_APPLICABLE_SERIES": Sentence(
        "没有可分析的轴位 CT 序列（仅有定位像、剂量页、重建或层数过少）",
        "No axial CT series to analyse (only localisers, dose pages, reformats or too few slices)",
    ),
    "NOT_APPLICABLE_DERIVED": Sentence(
        "只有二次采集或派生图像", "Only secondary captures or derived images"
    ),
}


def choose_series(series: Sequence[SeriesSummary]) -> Choice:
    """Return what to analyse of a study, CT before radiographs."""
    if not series:
        return _none("NOT_APPLICABLE_EMPTY", "", ())
    ct = [one for one in series if one.modality in CT_MODALITIES]
    films = [one for one in series if one.modality in RADIOGRAPH_MODALITIES]
    others = tuple((o.series_uid, "MODALITY") for o in series if o not in ct and o not in films)
    choice = _choose_ct(ct, others) if ct else None
    if films and (choice is None or choice.series_uid is None):
        film = _choose_film(films, others)
        if film.series_uid is not None or choice is None:
            return film
    if choice is not None:
        return choice
    return _none("NOT_APPLICABLE_MODALITY", series[0].modality, others)


def why_not_ct(one: SeriesSummary) -> str | None:
    """Return the code of the rule that leaves this CT series out, or ``None``."""
    words = set(one.image_type)
    own = one.series_described
    rules = (
        ("NO_PIXELS", not one.has_pixels or one.sop_class not in CT_CLASSES),
        ("BODY_PART", not _may_be_chest(one)),
        ("LOCALIZER", "LOCALIZER" in words or _any(_LOCALISER_WORDS, own)),
        ("DOSE_PAGE", _any(_DOSE_WORDS, own) and one.slices < LEAST_SLICES),
        ("PROJECTION", bool(words & _PROJECTIONS) or _any(_PROJECTION_WORDS, own)),
        ("NOT_AXIAL", one.normal_z is None or one.normal_z < AXIAL_COSINE),
        ("FEW_SLICES", one.slices < LEAST_SLICES),
    )
    return next((code for code, applies in rules if applies), None)


def why_not_radiograph(one: SeriesSummary) -> str | None:
    """Return the code of the rule that leaves this radiograph out, or ``None``."""
    rules = (
        ("NO_PIXELS", not one.has_pixels),
        ("SECONDARY", _is_capture(one)),
        ("BODY_PART", not _may_be_chest(one)),
        ("LATERAL", _is_lateral(one)),
    )
    return next((code for code, applies in rules if applies), None)


def _choose_ct(ct: Sequence[SeriesSummary], others: tuple[tuple[str, str], ...]) -> Choice:
    left_out = [(one.series_uid, code) for one in ct if (code := why_not_ct(one))]
    names = {uid for uid, _ in left_out}
    fit = [one for one in ct if one.series_uid not in names]
    excluded = (*others, *left_out)
    if not fit:
        codes = {code for _, code in left_out}
        beside = {"BODY_PART", "LOCALIZER", "DOSE_PAGE", "NO_PIXELS"}
        body_only = "BODY_PART" in codes and codes <= beside
        code = "NOT_APPLICABLE_BODY_PART" if body_only else "NOT_APPLICABLE_SERIES"
        return _none(code, "CT", excluded)
    best = max(fit, key=_ct_rank)
    code = "SERIES_ONLY_AXIAL_CT" if len(fit) == 1 else "SERIES_BEST_AXIAL_CT"
    facts = _ct_facts(best)
    lead = (
        Sentence("唯一符合条件的轴位 CT 序列", "The only axial CT series that qualifies")
        if len(fit) == 1
        else Sentence(f"{len(fit)} 个轴位 CT 序列中最合适的", f"Best of {len(fit)} axial CT series")
    )
    sentence = Sentence(f"{lead.zh}：{facts.zh}", f"{lead.en}: {facts.en}")
    return Choice(best.series_uid, "CT", code, sentence, None, excluded)


def _ct_rank(one: SeriesSummary) -> tuple[float, ...]:
    derived = "DERIVED" in one.image_type[:1] or "SECONDARY" in one.image_type[1:2]
    return (
        _any(_CHEST, _says(one)),
        not derived,
        one.extent_mm >= WHOLE_CHEST_MM,
        -_thickness_class(one.thickness_mm),
        not _is_sharp(one.kernel),
        not one.contrast,
        one.slices,
        -one.number,
    )


def _thickness_class(thickness_mm: float | None) -> int:
    if thickness_mm is None or thickness_mm <= 0:
        return 3
    return sum(thickness_mm > limit for limit in (1.5, 3.0, 5.0))


def _is_sharp(kernel: str) -> bool:
    """Names of makers: words (GE), B50-B90 and Br/Bl/Hr 54… (Siemens), FC5x, L (Philips)."""
    name = kernel.lower().strip()
    digits = "".join(c for c in name if c.isdigit())[:2]
    numbered = name[:1] in ("b", "h", "q", "i") and digits.isdigit() and int(digits) >= 50
    return _any(_SHARP_WORDS, name) or numbered or name in ("l", "yc", "yd") or name[:3] == "fc5"


def _ct_facts(one: SeriesSummary) -> Sentence:
    thick = "?" if one.thickness_mm is None else f"{one.thickness_mm:g}"
    kernel_zh = "锐利卷积核" if _is_sharp(one.kernel) else "软组织/标准卷积核"
    kernel_en = "sharp kernel" if _is_sharp(one.kernel) else "soft or standard kernel"
    if not one.kernel:
        kernel_zh, kernel_en = "卷积核未知", "kernel unknown"
    return Sentence(
        f"{one.slices} 层，层厚 {thick} mm，范围 {one.extent_mm:.0f} mm，{kernel_zh}，"
        f"{'增强' if one.contrast else '平扫或未注明增强'}",
        f"{one.slices} slices, {thick} mm thick, covering {one.extent_mm:.0f} mm, {kernel_en}, "
        f"{'with contrast' if one.contrast else 'no contrast stated'}",
    )


def _choose_film(films: Sequence[SeriesSummary], others: tuple[tuple[str, str], ...]) -> Choice:
    judged = [(one, why_not_radiograph(one)) for one in films]
    fit = [one for one, code in judged if code is None]
    excluded = (*others, *((one.sop_uid or one.series_uid, code) for one, code in judged if code))
    if not fit:
        codes = {code for _, code in judged}
        for code, result in (
            ("LATERAL", "NOT_APPLICABLE_LATERAL"),
            ("BODY_PART", "NOT_APPLICABLE_BODY_PART"),
            ("SECONDARY", "NOT_APPLICABLE_DERIVED"),
        ):
            if code in codes:
                return _none(result, films[0].modality, excluded)
        return _none("NOT_APPLICABLE_EMPTY", films[0].modality, excluded)
    best = max(fit, key=_film_rank)
    if len(fit) == 1:
        code, sentence = (
            "SERIES_ONLY_RADIOGRAPH",
            Sentence("唯一的胸部 X 线片", "The only radiograph"),
        )
    else:
        code = "SERIES_BEST_RADIOGRAPH"
        sentence = Sentence(
            f"{len(fit)} 幅胸部 X 线片中最合适的：供显示、正位、最后一次采集",
            f"Best of {len(fit)} radiographs: for presentation, frontal, acquired last",
        )
    return Choice(best.series_uid, best.modality, code, sentence, best.sop_uid, excluded)


def _film_rank(one: SeriesSummary) -> tuple[float, ...]:
    return (
        "PROCESSING" not in one.intent,
        not one.sop_class.startswith(_SECONDARY_CAPTURE),
        one.view in ("PA", "AP"),
        _any(_CHEST, _says(one)),
        one.view == "PA",
        one.acquisition,
        one.number,
    )


def _is_capture(one: SeriesSummary) -> bool:
    """Screen shots are out; wrapped pictures and digitised films are radiographs all the same."""
    if one.conversion in ("DF", "DI") or "PICTURE" in one.image_type:
        return False
    return one.sop_class.startswith(_SECONDARY_CAPTURE) or "SCREEN SAVE" in one.image_type


def _is_lateral(one: SeriesSummary) -> bool:
    """View Position decides; only without it the series description."""
    if one.view:
        return one.view in _LATERAL
    own = f" {one.series_described} "
    return _any(_LATERAL_WORDS, own) and not _any(_FRONTAL_WORDS, own)


def _may_be_chest(one: SeriesSummary) -> bool:
    """Chest named anywhere: yes. Another part named: no. Nothing named: the pixels will tell."""
    if _any(_CHEST, _says(one)):
        return True
    part = one.body_part.replace(" ", "")
    return part not in _NOT_CHEST_PARTS and not _any(_NOT_CHEST_WORDS, one.described)


def _says(one: SeriesSummary) -> str:
    return f"{one.body_part.lower()} {one.described}"


def _any(words: tuple[str, ...], text: str) -> bool:
    return any(word in text for word in words)


def _none(code: str, modality: str, excluded: tuple[tuple[str, str], ...]) -> Choice:
    return Choice(None, modality, code, NOT_CHOSEN[code], None, excluded)
