"""The acceptance test's judgement: what a box made of a phantom, held against the truth. Pure.

Each check gives a :class:`Step`: passed, failed, or not judged (with the reason). The shell that
sends and asks is in ``accept_run``; the wires are in ``accept_wire``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import dist
from typing import Any

#: A lesion of at least this longest axis must be found; smaller ones are reported only.
MIN_AXIS_MM = 10.0
#: How far a finding may be off its truth: this, or half the lesion's longest axis if that is more.
MAX_OFFSET_MM = 10.0

ENDED = frozenset({"ok", "failed", "refused", "not_applicable"})
SETTLED = frozenset({"confirmed", "unconfirmed", "refused"})


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the checklist.

    Attributes
    ----------
    study : str
        ``ct``, ``dr``, or "" for the box itself.
    ok : bool or None
        None: there was nothing to judge, and ``detail_zh`` says why.
    seconds : float or None
        Since the last image was acknowledged (sending: since it began).
    """

    study: str
    key: str
    ok: bool | None
    zh: str
    en: str
    detail_zh: str = ""
    detail_en: str = ""
    seconds: float | None = None

    def line(self) -> str:
        """Return the line as a person reads it."""
        mark = {True: "✓", False: "✗", None: "–"}[self.ok]
        took = "" if self.seconds is None else f"  {self.seconds:.1f} s"
        detail = "".join(
            f"{opening}{text}"
            for opening, text in (("：", self.detail_zh), (" / ", self.detail_en))
            if text
        )
        study = f"[{self.study.upper()}] " if self.study else ""
        return f"{mark} {study}{self.zh} / {self.en}{detail}{took}"

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        took = None if self.seconds is None else round(self.seconds, 3)
        return {**asdict(self), "seconds": took}


@dataclass(frozen=True, slots=True)
class Hit:
    """A true lesion and the finding that hit it, if one did."""

    truth: Mapping[str, Any]
    offset_mm: float | None


def hits(
    truth: Sequence[Mapping[str, Any]],
    found: Sequence[Mapping[str, Any]],
    min_axis_mm: float = MIN_AXIS_MM,
) -> list[Hit]:
    """Return every true lesion of some size with the offset of the nearest finding that hits it.

    A finding hits if its centre lies within :data:`MAX_OFFSET_MM` or half of the true lesion's
    longest axis. One finding may hit several lesions: coalesced disease is found, not missed.

    Parameters
    ----------
    truth, found : sequences of mappings
        With ``centroid_mm`` (LPS) and, for the truth, ``long_axis_mm``.
    """
    out = []
    for lesion in truth:
        if lesion["long_axis_mm"] < min_axis_mm:
            continue
        reach = max(MAX_OFFSET_MM, lesion["long_axis_mm"] / 2)
        offsets = [dist(lesion["centroid_mm"], one["centroid_mm"]) for one in found]
        near = min((one for one in offsets if one <= reach), default=None)
        out.append(Hit(lesion, near))
    return out


def judge_received(row: Mapping[str, Any] | None, sent: int, seconds: float) -> Step:
    """Every image sent is listed and the study is complete."""
    count = row["instance_count"] if row else 0
    complete = row is not None and row["completeness"] == "complete"
    return Step(
        "", "received", complete and count == sent, "接收完整", "received, complete",
        f"{count}/{sent} 幅{'' if complete else '，未完成'}",
        f"{count}/{sent} images{'' if complete else ', not complete'}", seconds,
    )  # fmt: skip


def judge_name(row: Mapping[str, Any], person_name: str) -> Step:
    """The Chinese name stands on the list as it was sent; the name itself is not repeated here."""
    wanted = _letters(person_name.partition("=")[2] or person_name)
    ok = _letters(str(row["patient_name"])) == wanted
    return Step("", "text", ok, "中文姓名显示正确", "Chinese name shown as sent")


def judge_display(manifest: Mapping[str, Any], sent: int) -> Step:
    """The viewer gets every image."""
    count = sum(len(one["instances"]) for one in manifest.get("series", []))
    return Step(
        "", "display", count >= sent, "阅片清单", "images listed for the viewer",
        f"{count}/{sent}", "",
    )  # fmt: skip


def judge_quality(analysis: Mapping[str, Any] | None, seconds: float | None) -> Step:
    """Quality control has judged, and does not refuse a faultless phantom."""
    qc = (analysis or {}).get("qc") or {}
    verdict = qc.get("verdict", "none")
    codes = ", ".join(str(one["code"]) for one in qc.get("reasons", []))
    return Step(
        "", "quality", verdict in ("pass", "warn"), "质控", "quality control",
        f"{verdict}{f'（{codes}）' if codes else ''}", "", seconds,
    )  # fmt: skip


def judge_status(analysis: Mapping[str, Any] | None, seconds: float) -> Step:
    """The analysis ended, and well."""
    status = (analysis or {}).get("status", "none")
    reason = (analysis or {}).get("reason") or {}
    return Step(
        "", "analysis", status == "ok", "分析", "analysis", status, str(reason.get("code", "")),
        seconds,
    )  # fmt: skip


def judge_lesions(
    truth: Sequence[Mapping[str, Any]], analysis: Mapping[str, Any], min_share: float
) -> Step:
    """Of the true lesions of 10 mm and more, enough are found."""
    judged = hits(truth, analysis.get("lesions") or [])
    found = [one for one in judged if one.offset_mm is not None]
    missed = ", ".join(
        f"{one.truth['kind']} {one.truth['long_axis_mm']:.0f} mm"
        for one in judged
        if one.offset_mm is None
    )
    share = len(found) / len(judged) if judged else 1.0
    total = len(analysis.get("lesions") or [])
    return Step(
        "", "findings", share >= min_share, "病灶检出（≥10 mm）", "lesions of 10 mm and more found",
        f"{len(found)}/{len(judged)}，共提示 {total} 处{f'，漏检 {missed}' if missed else ''}",
        f"{total} marks in all{f', missed {missed}' if missed else ''}",
    )  # fmt: skip


def judge_score(analysis: Mapping[str, Any]) -> Step:
    """A radiograph has a score with everything it needs to be judged later.

    Whether the score is right is not judged: the classifier learned from patients, not phantoms.
    """
    tb = analysis.get("tb") or {}
    needed = ("score", "threshold", "positive", "model", "version", "calibration_set")
    missing = [name for name in needed if tb.get(name) is None]
    score = tb.get("score")
    ok = not missing and isinstance(score, int | float) and 0 <= score <= 1
    detail = f"{score:.3f}（阈值 {tb['threshold']:.3f}）" if ok else f"缺 {', '.join(missing)}"
    model = f"{tb.get('model')} {tb.get('version')}" if ok else f"lacks {', '.join(missing)}"
    return Step("", "findings", ok, "结核评分", "TB score with model and threshold", detail, model)


def judge_delivery(
    row: Mapping[str, Any], deliveries: Sequence[Mapping[str, Any]], required: bool, seconds: float
) -> Step:
    """Results are confirmed by the PACS, or there is a stated reason why not."""
    state = str(row["delivery"])
    labels = sorted({str(one["label"]) for one in deliveries if one["label"] != "image"})
    if state == "none" and not required:
        return Step(
            "", "delivery", None, "送达 PACS", "delivered to the PACS",
            "未发送：未设置目的地，或设置为审核后发送",
            "not sent: no destination is set, or results wait for review",
        )  # fmt: skip
    results = [one for one in deliveries if one["label"] != "image"]
    ok = state in ("confirmed", "unconfirmed") and bool(results)
    return Step(
        "", "delivery", ok, "送达 PACS", "delivered to the PACS",
        f"{state}{f'（{chr(12289).join(labels)}）' if labels else ''}", "", seconds,
    )  # fmt: skip


def passed(steps: Sequence[Step]) -> bool:
    """Return whether nothing failed."""
    return bool(steps) and all(step.ok is not False for step in steps)


def _letters(name: str) -> str:
    return "".join(c for c in name if not c.isspace() and c not in "^=")
