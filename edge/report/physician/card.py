"""The notifiable-disease card (中华人民共和国传染病报告卡) of pulmonary tuberculosis. Pure.

Fields as on the card of 2019 (国卫办疾控函〔2019〕296号, annex 2); starred ones are mandatory.
Tuberculosis is a class B disease: patients and suspected patients are reported within 24 hours of
the diagnosis (传染病信息报告管理规范, time limits of classes B and C). Nothing is guessed: a
field is filled from a record or by a person, and what is empty is shown as empty. The box sends
nothing to the national system: it prepares the card, says when it is due, keeps who reported it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from edge.report.physician.classes import Classification
from edge.report.physician.errors import ContentWrong

State = Literal["none", "suggested", "due", "prepared", "reported", "not_needed"]
HOURS: Final = 24
_LONGEST: Final = 300

#: name → (Chinese, English, mandatory on the card)
FIELDS: Final[dict[str, tuple[str, str, bool]]] = {
    "report_kind": ("报卡类别", "Kind of report", True),
    "name": ("姓名", "Name", True),
    "guardian": ("患儿家长姓名", "Guardian's name", False),
    "id_number": ("有效证件号", "Identity document", True),
    "sex": ("性别", "Sex", True),
    "birth_date": ("出生日期", "Date of birth", True),
    "employer": ("工作单位（学校）", "Employer or school", False),
    "telephone": ("联系电话", "Telephone", True),
    "belongs_to": ("病人属于", "Patient belongs to", True),
    "address": ("现住址（详填）", "Present address", True),
    "population": ("人群分类", "Occupation group", True),
    "case_class": ("病例分类", "Case class", True),
    "onset_date": ("发病日期", "Date of onset", True),
    "diagnosis_time": ("诊断日期", "Date and hour of diagnosis", True),
    "death_date": ("死亡日期", "Date of death", False),
    "disease": ("传染病名称", "Disease", True),
    "tb_class": ("肺结核分类", "Class of tuberculosis", True),
    "unit": ("报告单位", "Reporting unit", True),
    "unit_telephone": ("报告单位联系电话", "Unit's telephone", False),
    "doctor": ("填卡医生", "Doctor", True),
    "filled_on": ("填卡日期", "Date of the card", True),
    "remark": ("备注", "Remark", False),
}
CASE_CLASSES: Final = {
    "suspected": "疑似病例", "clinical": "临床诊断病例", "confirmed": "确诊病例",
}  # fmt: skip
#: Since 2019-05-01 (国卫办疾控函〔2019〕296号).
TB_CLASSES: Final = ("利福平耐药", "病原学阳性", "病原学阴性", "无病原学结果")
#: What the card lets one choose from, as printed on it.
CHOICES: Final[dict[str, tuple[str, ...]]] = {
    "report_kind": ("初次报告", "订正报告"),
    "sex": ("男", "女"),
    "belongs_to": (
        "本县区", "本市其他县区", "本省其他地市", "外省", "港澳台", "外籍",
    ),
    "population": (
        "幼托儿童", "散居儿童", "学生（大中小学）", "教师", "保育员及保姆", "餐饮食品业",
        "商业服务", "医务人员", "工人", "民工", "农民", "牧民", "渔（船）民", "干部职员",
        "离退人员", "家务及待业", "其他", "不详",
    ),
    "case_class": tuple(CASE_CLASSES.values()),
    "tb_class": TB_CLASSES,
}  # fmt: skip
_SEX: Final = {"M": "男", "F": "女"}
_POSITIVE: Final = frozenset({"smear_positive", "culture_positive", "molecular_positive"})
_NEGATIVE: Final = frozenset({"smear_negative", "culture_negative", "molecular_negative"})


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the card with where its value comes from ("" while it is empty)."""

    name: str
    zh: str
    en: str
    mandatory: bool
    value: str
    source: str


@dataclass(frozen=True, slots=True)
class Basis:
    """What the card is prefilled from.

    ``facts`` are the case's recorded facts (code, value, on_date, source); ``diagnosed_at`` is when
    a person set the tier, None while nobody has; ``today`` is the day on which the card is filled.
    """

    name: str
    sex: str
    birth_date: str
    unit: str
    doctor: str
    classification: Classification
    facts: Sequence[Mapping[str, Any]] = ()
    diagnosed_at: datetime | None = None
    today: str = ""


def prefilled(basis: Basis, typed: Mapping[str, str]) -> tuple[Field, ...]:
    """Return the card's fields: what a person typed rules, then what records say, else empty."""
    known = {"name": (basis.name, "record.patient"), "unit": (basis.unit, "record.settings"),
             "doctor": (basis.doctor, "record.report"),
             "disease": ("肺结核（乙类）", "record.report")}  # fmt: skip
    if basis.sex in _SEX:
        known["sex"] = (_SEX[basis.sex], "record.patient")
    if len(basis.birth_date) == 8:
        known["birth_date"] = (_day(basis.birth_date), "record.patient")
    if basis.classification.tier:
        known["case_class"] = (CASE_CLASSES[basis.classification.tier], "record.report")
    if basis.diagnosed_at is not None:
        known["diagnosis_time"] = (f"{basis.diagnosed_at:%Y-%m-%d %H}时", "record.report")
    if basis.today:
        known["filled_on"] = (basis.today, "record.clock")
    known |= _from_facts(basis)
    return tuple(
        Field(name, zh, en, mandatory, *_chosen(name, typed, known))
        for name, (zh, en, mandatory) in FIELDS.items()
    )


def _chosen(
    name: str, typed: Mapping[str, str], known: Mapping[str, tuple[str, str]]
) -> tuple[str, str]:
    if typed.get(name):
        return typed[name], "person"
    return known.get(name, ("", ""))


def _from_facts(basis: Basis) -> dict[str, tuple[str, str]]:
    """Return what recorded facts of the case fill: onset, and the class by bacteriology."""
    found: dict[str, tuple[str, str]] = {}
    for fact in basis.facts:
        if fact["code"] == "onset" and (fact.get("on_date") or fact.get("value")):
            found["onset_date"] = (str(fact.get("on_date") or fact["value"]), "record.fact")
    result = tb_class(basis.classification, basis.facts)
    if result:
        found["tb_class"] = (result, "record.fact")
    return found


def tb_class(found: Classification, facts: Sequence[Mapping[str, Any]]) -> str:
    """Return the card's class of tuberculosis; "" where neither form nor record says anything.

    Rifampicin resistance comes before bacteriology, as the notice orders; it is never read from an
    image.
    """
    if found.resistance in ("rr", "mdr", "xdr"):
        return TB_CLASSES[0]
    values = {str(f["value"]) for f in facts if f["code"] == "bacteriology"} | {found.bacteriology}
    if values & _POSITIVE:
        return TB_CLASSES[1]
    if values & _NEGATIVE:
        return TB_CLASSES[2]
    if values & {"not_examined", "not_done"}:
        return TB_CLASSES[3]
    return ""


def missing(fields: Sequence[Field]) -> tuple[str, ...]:
    """Return the names of mandatory fields that are empty."""
    return tuple(one.name for one in fields if one.mandatory and not one.value)


def due_at(diagnosed_at: datetime) -> datetime:
    """Return when the card is due: 24 hours after the diagnosis."""
    return diagnosed_at + timedelta(hours=HOURS)


def overdue(state: State, due: datetime | None, now: datetime) -> bool:
    """Return whether the 24 hours are over and nobody has recorded that the card was reported."""
    return due is not None and state in ("due", "prepared") and now > due


def state_of(recorded: str, tier: str, suspected: bool) -> State:
    """Return the card's state.

    Parameters
    ----------
    recorded : str
        What a person recorded last: ``prepared``, ``reported``, ``not_needed`` or "".
    tier : str
        The newest version's diagnostic tier, which only a person sets.
    suspected : bool
        The report says "suspected" without a tier: the card is suggested, nothing runs out yet.
    """
    if recorded in ("reported", "not_needed"):
        return "reported" if recorded == "reported" else "not_needed"
    if recorded == "prepared":
        return "prepared"
    if tier:
        return "due"
    return "suggested" if suspected else "none"


def typed_of(data: Mapping[str, Any]) -> dict[str, str]:
    """Return a person's entries of a form. Raises ContentWrong."""
    typed: dict[str, str] = {}
    for name, value in data.items():
        if name not in FIELDS or not isinstance(value, str) or len(value) > _LONGEST:
            raise ContentWrong(field=str(name)[:40])
        if value.strip():
            typed[name] = value.strip()
    for name, allowed in CHOICES.items():
        if name in typed and typed[name] not in allowed:
            raise ContentWrong(field=name)
    return typed


STATES: Final[dict[State, tuple[str, str]]] = {
    "none": ("未触发", "not called for"),
    "suggested": ("建议填报", "suggested"),
    "due": ("待报告", "to be reported"),
    "prepared": ("已填写，待报告", "filled in, to be reported"),
    "reported": ("已报告", "reported"),
    "not_needed": ("无需报告", "not needed"),
}


def card_rows(fields: Sequence[Field]) -> tuple[tuple[str, ...], ...]:
    """Return the printed card's cells, heads first; what is empty is said to be empty."""
    sources = {"": "", "person": "医师填写"}
    heads = ("项目（*必填）", "内容", "来源")
    return (
        heads,
        *(
            (
                f"{one.zh}{'*' if one.mandatory else ''}",
                one.value or ("（空，须填写）" if one.mandatory else "—"),
                sources.get(one.source, "本机记录"),
            )
            for one in fields
        ),
    )


def _day(text: str) -> str:
    return f"{text[:4]}-{text[4:6]}-{text[6:]}"
