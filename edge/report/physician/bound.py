"""What the box offers: bound statements made from results and records. Pure.

Every statement carries the measurements that it states; the same input gives the same keys, so that
a draft can be held against a later measurement (:mod:`edge.report.physician.refresh`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from core.imaging.case import CaseFindings
from core.imaging.location import KINDS
from core.imaging.result import Lesion, TbScore
from edge.report.case import CaseResult
from edge.report.codes import kind_code, site_code
from edge.report.physician.classes import Severity
from edge.report.physician.content import Section, Statement
from edge.report.physician.wording import place_of
from edge.report.text_film import film_notes

_ORDER: Final = tuple(KINDS)
#: What decides most stands first.
_FIRST: Final = ("miliary", "cavity", "tree_in_bud", "consolidation", "mass")
_NODULAR: Final = frozenset({"solid_nodule", "ground_glass_nodule", "part_solid_nodule", "mass"})
_TB_LIKE: Final = frozenset({"cavity", "tree_in_bud", "miliary"})
_OUTSIDE: Final = frozenset({"pleural_effusion", "pleural_thickening", "lymph_node"})
_LOBES_TOLD: Final = 3


@dataclass(frozen=True, slots=True)
class Exam:
    """What records say of an examination; "" and 0 where they say nothing.

    ``prior`` holds ``study``, ``modality`` and ``date`` of the newest earlier chest examination.
    ``changes`` are finished sentences of a follow-up comparison with their sources.
    """

    modality: str = ""
    date: str = ""
    series: str = ""
    images: int = 0
    thickness_mm: float = 0.0
    prior: Mapping[str, str] | None = None
    changes: tuple[Mapping[str, Any], ...] = ()


def offered(case: CaseResult | None, exam: Exam) -> tuple[Statement, ...]:
    """Return the statements of a study, in the order of the report; ``None``: no result yet.

    Raises
    ------
    UnknownLesionCode
    """
    told = [_technique(exam), *_comparison(exam)]
    if case is None or case.status != "ok":
        return tuple(told + ([] if case is None else _quality(case)))
    if case.tb is not None:
        told += _film(case.tb)
    elif case.lesions is not None:
        told += _ct(case.lesions, case.ct)
    told += [
        _made("findings", f"note:{n}", "finding.note", {"zh": x.zh, "en": x.en}, ("case.notes",))
        for n, x in enumerate(case.notes)
    ]
    told += _quality(case)
    order: tuple[Section, ...] = ("technique", "comparison", "findings", "impression", "advice")
    return tuple(sorted(told, key=lambda one: order.index(one.section)))


def offered_severity(case: CaseResult | None) -> tuple[Severity, ...]:
    """Return the scales that the result fills; a person confirms each."""
    if case is None or case.status != "ok":
        return ()
    if case.tb is not None:
        value = case.tb.extra.get("timika")
        if value is None:
            return ()
        return (
            Severity(
                "timika", f"{value:.0f}", "measurement",
                "受累范围由 AI 热图估计，非人工目测；该评分源自涂阳成人",
                "extent estimated from the AI's map, not read by eye; derived in smear-positive "
                "adults",
            ),
        )  # fmt: skip
    if case.ct is None or case.ct.severity == "none":
        return ()
    return (Severity("nta", case.ct.severity, "measurement", "按 CT 体积", "by CT volume"),)


def _made(
    section: Section,
    key: str,
    template: str,
    arguments: Mapping[str, Any],
    sources: Sequence[str],
) -> Statement:
    return Statement(
        key=key, section=section, way="bound", template=template, arguments=dict(arguments),
        sources=tuple(sources), origin="ai",
    )  # fmt: skip


def _technique(exam: Exam) -> Statement:
    arguments = {
        "modality": exam.modality, "date": exam.date, "series": exam.series,
        "images": exam.images, "thickness_mm": exam.thickness_mm,
    }  # fmt: skip
    return Statement(
        key="technique", section="technique", way="bound", template="technique.exam",
        arguments={name: value for name, value in arguments.items() if value or name == "modality"},
        sources=("record.study", "record.series"), origin="record",
    )  # fmt: skip


def _comparison(exam: Exam) -> list[Statement]:
    if exam.prior is None:
        return [
            Statement(
                key="comparison:none", section="comparison", way="bound",
                template="comparison.none", sources=("record.patient",), origin="record",
            )
        ]  # fmt: skip
    told = [
        # That a person compared, a person says: unconfirmed until then.
        _made(
            "comparison", f"comparison:{exam.prior['study']}", "comparison.prior", exam.prior,
            (f"record.{exam.prior['study']}",),
        )
    ]  # fmt: skip
    for one in exam.changes:
        words = {"zh": one["zh"], "en": one["en"]}
        told.append(_made("findings", str(one["key"]), "comparison.change", words, one["sources"]))
    return told


def _place(lesion: Lesion) -> str:
    lobe = lesion.codes.get("lobe", "")
    try:
        place_of(lobe)
    except KeyError:
        site_code(lesion.location)
        return lesion.location
    return lobe


def _rank(kind: str) -> tuple[int, int]:
    kind_code(kind)
    return (_FIRST.index(kind) if kind in _FIRST else len(_FIRST), _ORDER.index(kind))


def _groups(lesions: Sequence[Lesion]) -> list[tuple[str, str, list[Lesion]]]:
    def key(lesion: Lesion) -> tuple[tuple[int, int], str]:
        return _rank(lesion.kind), _place(lesion)

    ordered = sorted(lesions, key=lambda x: (*key(x), -x.long_axis_mm, x.id))
    return [
        (group[0].kind, place, group)
        for (_, place), group in ((k, list(g)) for k, g in groupby(ordered, key=key))
    ]


def _ct(lesions: Sequence[Lesion], case: CaseFindings | None) -> list[Statement]:
    if not lesions:
        return [
            _made("findings", "clear", "finding.clear", {}, ("case.outcome",)),
            _made("impression", "impression:clear", "impression.clear", {}, ("case.outcome",)),
            _made("advice", "advice:symptoms", "advice.symptoms", {}, ("case.outcome",)),
        ]
    groups = _groups([x for x in lesions if x.kind not in _OUTSIDE])
    told = [_finding(kind, place, group) for kind, place, group in groups]
    told += _outside(lesions)
    told += _summary(case)
    told += _impressions(groups, lesions)
    return told + _activity(case) + _advice(lesions)


def _finding(kind: str, place: str, group: Sequence[Lesion]) -> Statement:
    first = group[0]
    arguments: dict[str, Any] = {
        "kind": kind, "place": place, "count": len(group),
        "long_mm": round(first.long_axis_mm, 1), "short_mm": round(first.short_axis_mm, 1),
    }  # fmt: skip
    sources = [f"L{x.id}.location" for x in group]
    sources += [f"L{first.id}.long_axis_mm", f"L{first.id}.short_axis_mm"]
    if kind == "cavity" and first.extra.get("wall_mean_mm") is not None:
        arguments["wall_mm"] = round(first.extra["wall_mean_mm"], 1)
        sources.append(f"L{first.id}.wall_mean_mm")
    if kind in _NODULAR:
        arguments["mean_hu"] = round(first.mean_hu)
        sources.append(f"L{first.id}.mean_hu")
        for name in ("shape", "margin"):
            if first.codes.get(name):
                arguments[name] = first.codes[name]
                sources.append(f"L{first.id}.{name}")
    return _made("findings", f"lesions:{kind}:{place}", "finding.lesions", arguments, sources)


def _side(lesion: Lesion) -> str:
    return "right" if "right" in lesion.location else "left"


def _outside(lesions: Sequence[Lesion]) -> list[Statement]:
    told = []
    for side in ("right", "left"):
        fluid = [x for x in lesions if x.kind == "pleural_effusion" and _side(x) == side]
        if fluid:
            volume = round(sum(x.volume_ml for x in fluid), 1)
            told.append(
                _made(
                    "findings", f"effusion:{side}", "finding.effusion",
                    {"side": side, "volume_ml": volume}, [f"L{x.id}.volume_ml" for x in fluid],
                )
            )  # fmt: skip
        thick = [x for x in lesions if x.kind == "pleural_thickening" and _side(x) == side]
        if thick:
            told.append(
                _made(
                    "findings", f"pleura:{side}", "finding.pleura", {"side": side},
                    [f"L{x.id}.kind" for x in thick],
                )
            )  # fmt: skip
    nodes = sorted((x for x in lesions if x.kind == "lymph_node"), key=lambda x: -x.short_axis_mm)
    if nodes:
        arguments = {"count": len(nodes), "short_mm": round(nodes[0].short_axis_mm, 1)}
        sources = [f"L{nodes[0].id}.short_axis_mm", *(f"L{x.id}.kind" for x in nodes)]
        told.append(_made("findings", "nodes", "finding.nodes", arguments, sources))
    return told


def _summary(case: CaseFindings | None) -> list[Statement]:
    if case is None or case.burden_percent is None:
        return []
    lobes = sorted(case.burden_by_lobe.items(), key=lambda item: -item[1])
    arguments = {
        "burden_percent": round(case.burden_percent, 1), "severity": case.severity,
        "lobes": [[name, round(part)] for name, part in lobes if part >= 0.5][:_LOBES_TOLD],
    }  # fmt: skip
    sources = ("case.burden_percent", "case.severity")
    return [_made("findings", "extent", "finding.extent", arguments, sources)]


def _impressions(
    groups: Sequence[tuple[str, str, list[Lesion]]], lesions: Sequence[Lesion]
) -> list[Statement]:
    told = []
    for name, kinds in (
        ("tb", _TB_LIKE), ("infection", frozenset({"consolidation"})), ("nodules", _NODULAR),
        ("old", frozenset({"calcification"})),
    ):  # fmt: skip
        chosen = [one for one in groups if one[0] in kinds]
        if chosen:
            places = [{"kind": k, "place": p, "count": len(g)} for k, p, g in chosen]
            sources = [f"L{x.id}.kind" for _, _, group in chosen for x in group]
            told.append(
                _made(
                    "impression", f"impression:{name}", f"impression.{name}", {"places": places},
                    sources,
                )
            )  # fmt: skip
    fluid = [x for x in lesions if x.kind == "pleural_effusion"]
    if fluid:
        sides = [side for side in ("right", "left") if any(_side(x) == side for x in fluid)]
        places = [{"kind": "pleural_effusion", "place": side, "count": 1} for side in sides]
        told.append(
            _made(
                "impression", "impression:effusion", "impression.effusion", {"places": places},
                [f"L{x.id}.kind" for x in fluid],
            )
        )  # fmt: skip
    return told


def _activity(case: CaseFindings | None) -> list[Statement]:
    if case is None or not case.activity:
        return []
    signs = [sign.code for sign in case.activity]
    numbers = dict.fromkeys(n for sign in case.activity for n in sign.lesions)
    sources = [f"L{n}.kind" for n in numbers] or ["case.activity"]
    return [
        _made("impression", "impression:activity", "impression.activity", {"signs": signs}, sources)
    ]


def _advice(lesions: Sequence[Lesion]) -> list[Statement]:
    kinds = {x.kind for x in lesions}
    told = []
    for name, wanted in (
        ("sputum", _TB_LIKE | {"consolidation"}), ("mass", frozenset({"mass"})),
        ("nodules", _NODULAR - {"mass"}), ("effusion", frozenset({"pleural_effusion"})),
    ):  # fmt: skip
        found = [x for x in lesions if x.kind in wanted]
        if found:
            sources = [f"L{x.id}.kind" for x in found]
            told.append(_made("advice", f"advice:{name}", f"advice.{name}", {}, sources))
    if told or not kinds:
        return told
    sources = [f"L{x.id}.kind" for x in lesions]
    return [_made("advice", "advice:correlate", "advice.correlate", {}, sources)]


def _film(tb: TbScore) -> list[Statement]:
    numbers = {
        "score": round(tb.score, 2), "threshold": round(tb.threshold, 2), "positive": tb.positive,
    }  # fmt: skip
    told = [_made("findings", "score", "finding.score", numbers, ("tb.score", "tb.threshold"))]
    told += [
        _made("findings", f"film:{n}", "finding.note", {"zh": note.zh, "en": note.en}, note.sources)
        for n, note in enumerate(film_notes(tb))
    ]
    name = "film" if tb.positive else "film_below"
    told.append(
        _made("impression", f"impression:{name}", f"impression.{name}", {}, ("tb.positive",))
    )
    advice = "sputum" if tb.positive else "symptoms"
    return [*told, _made("advice", f"advice:{advice}", f"advice.{advice}", {}, ("tb.positive",))]


def _quality(case: CaseResult) -> list[Statement]:
    if case.qc is None or case.qc.verdict == "pass":
        return []
    told = [
        Statement(
            key=f"qc:{reason.code}", section="technique", way="bound", template="finding.note",
            arguments={
                "zh": f"图像质量提示：{reason.message_zh.rstrip('。')}。",
                "en": f"Image quality: {reason.message_en.rstrip('.')}.",
            },
            sources=(f"qc.{reason.code}",), origin="record",
        )
        for reason in case.qc.reasons
        if reason.severity != "info"
    ]  # fmt: skip
    if case.qc.verdict == "reject":
        told.append(
            Statement(
                key="advice:repeat", section="advice", way="bound", template="advice.repeat",
                sources=("qc.verdict",), origin="record",
            )
        )  # fmt: skip
    return told
