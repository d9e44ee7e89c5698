"""What a draft says of the comparisons that its study carries. Pure; never more than suspected."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from edge.report.text import ReportSentence

#: Changes that are named one by one; the others are counted in the conclusion.
_NAMED = 5
_TOLD = ("growth", "regression")


def sentences_of(comparisons: Iterable[dict[str, Any]]) -> tuple[ReportSentence, ...]:
    """Return the findings' sentences of comparisons as the view holds them."""
    made: list[ReportSentence] = []
    for one in sorted(comparisons, key=lambda c: (_ORDER.index(c["task"]), c["other"])):
        made += _TASKS[one["task"]](one) if one["status"] == "ok" else _not_done(one)
    return tuple(made)


def _not_done(one: dict[str, Any]) -> list[ReportSentence]:
    """Say why nothing was compared; a failure and a refusal do not read alike."""
    if one["status"] == "not_applicable":
        return []
    zh, en = _NAMES[one["task"]]
    failed = one["status"] == "failed"
    reason = one["reason"] or {"message_zh": "", "message_en": "", "code": ""}
    why_zh, why_en = reason["message_zh"].rstrip("。"), reason["message_en"].rstrip(".")
    verb = ("未能完成", "could not be done") if failed else ("未作", "was not made")
    told = _said(one, f"{zh}{verb[0]}：{why_zh}。", f"{en} {verb[1]}: {why_en}.")
    return [told, *_more(one)]


def _follow_up(one: dict[str, Any]) -> list[ReportSentence]:
    found = one["result"]
    on, days = _date(found["prior"]["study_date"]), one["days"]
    ago = ("", "") if days is None else (f"，相隔 {days} 天", f", {days} days before")
    out = [
        _said(
            one,
            f"与既往 CT（{on}{ago[0]}）对比：{found['conclusion_zh']}。",
            f"Against the earlier CT ({on}{ago[1]}): {found['conclusion_en']}.",
        )
    ]
    changed = [c for c in found["changes"] if c["verdict"] in _TOLD and c["current_ids"]]
    changed.sort(key=lambda c: -abs(c["volume_change"] or 0.0))
    out += [_changed(one, change) for change in changed[:_NAMED]]
    out += [
        _said(one, f"{r['message_zh'].rstrip('。')}。", f"{r['message_en'].rstrip('.')}.")
        for r in found["reasons"]
        if r["severity"] != "info"
    ]
    return [*out, _said(one, f"{found['note_zh']}。", f"{found['note_en']}."), *_more(one)]


def _changed(one: dict[str, Any], change: dict[str, Any]) -> ReportSentence:
    ids = [f"L{number}" for number in change["current_ids"]]
    volumes = [f"{change[name]:.2f}" for name in ("volume_prior_ml", "volume_current_ml")]
    share = change["volume_change"]
    by_zh = "" if share is None else f"（{100 * share:+.0f}%）"
    by_en = "" if share is None else f" ({100 * share:+.0f} %)"
    return _said(
        one,
        f"{'、'.join(ids)}：{change['verdict_zh']}，体积 {' → '.join(volumes)} mL{by_zh}。",
        f"{', '.join(ids)}: {change['verdict_en']}, volume {' to '.join(volumes)} mL{by_en}.",
    )


def _joint(one: dict[str, Any]) -> list[ReportSentence]:
    out = [
        _said(one, f"{said['zh'].rstrip('。')}。", f"{said['en'].rstrip('.')}.")
        for said in one["result"]["statements"]
    ]
    return [*out, *_more(one)]


def _fusion(one: dict[str, Any]) -> list[ReportSentence]:
    out = [_said(one, said["zh"], said["en"]) for said in one["result"]["sentences"]]
    return [*out, *_more(one)]


def _more(one: dict[str, Any]) -> list[ReportSentence]:
    return [
        _said(one, f"{note['message_zh'].rstrip('。')}。", f"{note['message_en'].rstrip('.')}.")
        for note in one["notes"]
        if note["code"] != "JOIN_FRAMES_DIFFER"  # the fusion's own sentence says it with numbers
    ]


def _said(one: dict[str, Any], zh: str, en: str) -> ReportSentence:
    return ReportSentence("findings", zh, en, (f"comparison.{one['task']}.{one['id']}",))


def _date(text: str) -> str:
    return f"{text[:4]}-{text[4:6]}-{text[6:]}" if len(text) == 8 else "—"


_ORDER: Sequence[str] = ("follow_up", "joint", "fusion")
_NAMES = {
    "follow_up": ("与既往 CT 的自动对比", "Automatic comparison with the earlier CT"),
    "joint": ("胸片与 CT 的合并", "Joining radiograph and CT"),
    "fusion": ("PET 与 CT 的融合", "Fusing PET and CT"),
}
_TASKS = {"follow_up": _follow_up, "joint": _joint, "fusion": _fusion}
