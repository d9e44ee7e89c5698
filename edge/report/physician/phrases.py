"""Phrase templates of the department: an abbreviation, words with fields, filled by Tab. Pure.

A template has a version; a statement names the version that it was filled from, and old versions
are kept. Its Chinese and English words hold the same ``{fields}``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, get_args

from core.imaging.result import Sentence
from edge.report.physician.content import SECTIONS, Section
from edge.report.physician.errors import ContentWrong, PhraseWrong

FieldKind = Literal["text", "number", "choice"]
_FIELD: Final = re.compile(r"\{([a-z][a-z0-9_]{0,23})\}")
_LONGEST: Final = 1000


@dataclass(frozen=True, slots=True)
class Option:
    """One choice of a field, in both languages."""

    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class PhraseField:
    """A field to fill: what it is called, and what it takes."""

    name: str
    zh: str
    en: str
    kind: FieldKind = "text"
    options: tuple[Option, ...] = ()


@dataclass(frozen=True, slots=True)
class Phrase:
    """One version of a template; ``abbreviation`` is what is typed to get it."""

    id: str
    version: int
    abbreviation: str
    section: Section
    zh: str
    en: str
    fields: tuple[PhraseField, ...] = ()

    @property
    def name(self) -> str:
        """Return how a statement names it."""
        return f"{self.id}@{self.version}"

    def as_json(self) -> dict[str, Any]:
        """Return the template in JSON types."""
        return asdict(self)


Phrasebook = Mapping[str, Phrase]


def filled(phrase: Phrase, arguments: Mapping[str, Any]) -> Sentence:
    """Return the words of a filled template; an empty field stays a visible gap.

    Raises
    ------
    ContentWrong
        If a choice is none of the field's, or a number is none.
    """
    zh, en = {}, {}
    for one in phrase.fields:
        value = str(arguments.get(one.name, "")).strip()
        if one.kind == "choice" and value:
            known = next((o for o in one.options if value in (o.zh, o.en)), None)
            if known is None:
                raise ContentWrong(field=one.name)
            zh[one.name], en[one.name] = known.zh, known.en
            continue
        if one.kind == "number" and value and not re.fullmatch(r"\d{1,5}(\.\d{1,3})?", value):
            raise ContentWrong(field=one.name)
        zh[one.name] = en[one.name] = value[:200] or "____"
    return Sentence(_put(phrase.zh, zh), _put(phrase.en, en))


def _put(words: str, values: Mapping[str, str]) -> str:
    return _FIELD.sub(lambda found: values.get(found[1], "____"), words)


def phrase_of(data: Mapping[str, Any], id_: str, version: int) -> Phrase:
    """Return the template of a form.

    Raises
    ------
    PhraseWrong
        Naming what is wrong.
    """
    section = data.get("section")
    if section not in SECTIONS:
        raise PhraseWrong(field="section")
    words = {name: data.get(name, "") for name in ("abbreviation", "zh", "en")}
    for name, value in words.items():
        if not isinstance(value, str) or not value.strip() or len(value) > _LONGEST:
            raise PhraseWrong(field=name)
    rows = data.get("fields") or []
    if not isinstance(rows, list | tuple) or len(rows) > 12:
        raise PhraseWrong(field="fields")
    fields = tuple(_field(row) for row in rows)
    names = {one.name for one in fields}
    for name in ("zh", "en"):
        if set(_FIELD.findall(words[name])) != names:
            raise PhraseWrong(field=name)
    return Phrase(
        id_, version, words["abbreviation"].strip()[:20].lower(), section,
        words["zh"].strip(), words["en"].strip(), fields,
    )  # fmt: skip


def _field(row: Any) -> PhraseField:
    if not isinstance(row, Mapping) or row.get("kind", "text") not in get_args(FieldKind):
        raise PhraseWrong(field="fields")
    name = str(row.get("name", ""))
    if not _FIELD.fullmatch("{" + name + "}"):
        raise PhraseWrong(field="fields.name")
    options = tuple(
        Option(str(one.get("zh", ""))[:60], str(one.get("en", ""))[:60])
        for one in row.get("options") or []
        if isinstance(one, Mapping)
    )
    if row.get("kind") == "choice" and not options:
        raise PhraseWrong(field=name)
    return PhraseField(
        name, str(row.get("zh", ""))[:40] or name, str(row.get("en", ""))[:40] or name,
        row.get("kind", "text"), options,
    )  # fmt: skip


_SIDE: Final = PhraseField(
    "side", "侧别", "side", "choice",
    (Option("右", "right"), Option("左", "left"), Option("双", "both")),
)  # fmt: skip
_LOBE: Final = PhraseField(
    "lobe", "肺叶", "lobe", "choice",
    (
        Option("右肺上叶", "right upper lobe"), Option("右肺中叶", "right middle lobe"),
        Option("右肺下叶", "right lower lobe"), Option("左肺上叶", "left upper lobe"),
        Option("左肺下叶", "left lower lobe"), Option("双肺", "lungs"),
    ),
)  # fmt: skip
_SIZE: Final = PhraseField("size", "大小 mm", "size in mm", "number")

#: What a fresh box begins with; a department edits them.
FIRST: Final[tuple[Phrase, ...]] = (
    Phrase("lungs-clear", 1, "sfqx", "findings", "双肺纹理清晰，肺野内未见明确实质性病变。",
           "Lung markings are clear; no parenchymal lesion."),
    Phrase("mediastinum", 1, "zg", "findings",
           "纵隔居中，纵隔及双肺门未见明显增大淋巴结，气管及主支气管通畅。",
           "The mediastinum is central; no enlarged mediastinal or hilar node; trachea and main "
           "bronchi are patent."),
    Phrase("heart", 1, "xy", "findings", "心影大小、形态未见明显异常。",
           "The heart is of normal size and shape."),
    Phrase("pleura", 1, "xm", "findings", "双侧胸膜未见增厚，双侧胸腔未见积液。",
           "No pleural thickening and no effusion on either side."),
    Phrase("bones", 1, "gg", "findings", "扫描范围内胸廓诸骨未见明确骨质破坏。",
           "No bone destruction in the thoracic cage as far as included."),
    Phrase("nodule", 1, "jj", "findings", "{lobe}见结节影，大小约 {size} mm，边缘{margin}。",
           "Nodule in the {lobe}, about {size} mm, {margin} margin.",
           (_LOBE, _SIZE,
            PhraseField("margin", "边缘", "margin", "choice",
                        (Option("光整", "smooth"), Option("毛糙", "ill-defined"),
                         Option("分叶", "lobulated"), Option("毛刺", "spiculated"))))),
    Phrase("cavity", 1, "kd", "findings", "{lobe}见空洞影，大小约 {size} mm，壁厚约 {wall} mm，"
           "内壁{inner}。",
           "Cavity in the {lobe}, about {size} mm, wall about {wall} mm, inner surface {inner}.",
           (_LOBE, _SIZE, PhraseField("wall", "壁厚 mm", "wall in mm", "number"),
            PhraseField("inner", "内壁", "inner surface", "choice",
                        (Option("光滑", "smooth"), Option("不规则", "irregular"))))),
    Phrase("effusion", 1, "jy", "findings", "{side}侧胸腔见{amount}积液影。",
           "{amount} pleural effusion, {side}.",
           (_SIDE, PhraseField("amount", "量", "amount", "choice",
                               (Option("少量", "Small"), Option("中等量", "Moderate"),
                                Option("大量", "Large"))))),
    Phrase("tb-suspected", 1, "ysjh", "impression",
           "{lobe}病变，疑似肺结核，请结合临床及病原学检查。",
           "Lesions of the {lobe}: tuberculosis is suspected; correlate with clinical and "
           "bacteriological findings.", (_LOBE,)),
    Phrase("old-lesion", 1, "cj", "impression", "{lobe}陈旧性病灶。", "Old lesions of the {lobe}.",
           (_LOBE,)),
    Phrase("no-disease", 1, "zc", "impression", "胸部未见明确异常。",
           "No definite abnormality of the chest."),
    Phrase("recheck", 1, "fc", "advice", "建议 {months} 个月后复查。",
           "Follow-up in {months} months.",
           (PhraseField("months", "月数", "months", "number"),)),
    Phrase("sputum", 1, "tj", "advice", "建议行痰涂片、分枝杆菌培养及核酸检测。",
           "Sputum smear, mycobacterial culture and molecular test are advised."),
)  # fmt: skip
