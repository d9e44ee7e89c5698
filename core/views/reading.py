"""What people and the AI have said of a study, as the list shows it: report, finding, screening.

Pure pieces of the study view's fold.
"""

from __future__ import annotations

from typing import Any

from core.views.base import Change, Row, State, Table, Upsert

#: States of a report in the order in which they are reached.
REPORT_STATES = ("none", "drafted", "preliminary", "signed", "addended")
#: Ranks of ``study.finding``: what "positive first" sorts by.
FINDINGS = ("none", "clear", "lesions", "suspected")
#: One row per decision of the screening mode; a withdrawn one stays and says what replaced it.
SCREENING = Table(
    "screening_read",
    {
        "id": str, "grp": str, "study": str, "at": str, "by": str, "name": str, "decision": str,
        "result_version": int, "ai_shown": int, "batch": str, "supersedes": str,
        "superseded_by": str,
    },
    ("id",),
    (("study", "at"), ("batch",)),
)  # fmt: skip

_REPORT_OF_KIND = {
    "report.drafted": "drafted", "report.saved": "preliminary", "report.signed": "signed",
}  # fmt: skip


def report_state(before: str, kind: str, body: dict[str, Any]) -> str:
    """Return a report's state after a record.

    The AI's draft never takes a person's report back. ``report.addended`` is also how an opinion of
    a consultation is kept (its body names the consultation): that is no addendum to a report, and
    without a signed report there is none to add to.
    """
    if kind == "report.addended":
        added = "consult" not in body and before in ("signed", "addended")
        return "addended" if added else before
    after = _REPORT_OF_KIND.get(kind, before)
    return max(before, after, key=REPORT_STATES.index)


def finding_of(result: dict[str, Any]) -> int:
    """Return the rank in :data:`FINDINGS` of an AI result; never more than "suspected".

    A radiograph is judged by its score, a CT by the case: lesions alone are not a suspicion.
    """
    if result.get("status") != "ok":
        return 0
    tb, case, lesions = result.get("tb"), result.get("case"), result.get("lesions")
    if (tb and tb["positive"]) or (case and case.get("suspected")):
        return FINDINGS.index("suspected")
    if lesions:
        return FINDINGS.index("lesions")
    return FINDINGS.index("clear") if tb or lesions is not None else 0


def fold_screening(state: State, body: dict[str, Any], at: str) -> list[Change]:
    """Fold one decision; the row's ``screening`` is the newest that stands, "" for none.

    An empty decision takes back the one it supersedes.
    """
    row: Row = state["row"]
    reads: dict[str, Row] = state.setdefault("screening", {})
    one = {
        "id": body["id"], "grp": row["study"], "study": row["study"], "at": at, "by": body["by"],
        "name": body.get("name", ""), "decision": body["decision"],
        "result_version": body.get("result_version", 0), "ai_shown": int(body["ai_shown"]),
        "batch": body.get("batch", ""), "supersedes": body.get("supersedes", ""),
        "superseded_by": "",
    }  # fmt: skip
    changes: list[Change] = [Upsert("screening_read", dict(one))]
    earlier = reads.get(one["supersedes"])
    if earlier is not None:
        earlier["superseded_by"] = one["id"]
        changes.append(Upsert("screening_read", dict(earlier)))
    reads[one["id"]] = one
    standing = [r for r in reads.values() if r["decision"] and not r["superseded_by"]]
    row["screening"] = standing[-1]["decision"] if standing else ""
    return changes
