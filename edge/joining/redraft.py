"""Stage ``redraft``: a study's draft says what its companions add; its objects stay what they are.

SEG and SR state the study's own findings and are not touched: nothing goes to the PACS anew. A
draft that a physician has reviewed is left alone, too: what came later is on the page, not in their
text.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from edge.joining.draft_sentences import sentences_of
from edge.joining.rows import comparisons_of
from edge.report.text import draft_report, statement_of
from edge.stages.queue import Job
from edge.stages.results import case_of, finding_of, measured_of
from edge.stages.work import Done, Later, Outcome, Work, append

_AGAIN_MS = 2000
_BEFORE = frozenset({"quality", "inference", "measuring", "report", "renewal"})


def redraft(work: Work, job: Job) -> Outcome:
    """Write the newest draft again with what the comparisons say, unless it says so already."""
    box = work.box
    if any(
        stage in _BEFORE and state in ("waiting", "running")
        for stage, state in work.queue.open_for(job.study)
    ):
        return Later(box.outside.now_ms() + _AGAIN_MS)  # that draft will say it itself, or be newer
    drafts = [r.body for r in box.records_of(job.study) if r.kind == "report.drafted"]
    if not drafts or drafts[-1].get("review"):
        return Done()
    newest = drafts[-1]
    found = finding_of(box, job.study, newest)
    if found is None:
        return Done()
    case = case_of(found.body["result"], measured_of(box, job.study, newest))
    beside = sentences_of(comparisons_of(box, job.study))
    said = statement_of(newest["text_zh"]), statement_of(newest["text_en"])
    draft = draft_report(case, *said, beside)
    text = {"text_zh": draft.as_text("zh"), "text_en": draft.as_text("en")}
    if text == {name: newest[name] for name in text}:
        return Done()
    body: dict[str, Any] = {
        **newest,
        **text,
        "sentences": [{**asdict(one), "sources": list(one.sources)} for one in draft.sentences],
        # Nothing is sent because of this draft: its objects are those of the one before.
        "destination": "",
        "beside": sorted(one["id"] for one in comparisons_of(box, job.study)),
        "seconds": 0.0,
    }
    append(work, job.study, "report.drafted", body)
    return Done()
