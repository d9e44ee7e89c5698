"""What the AI found and what the hospital's physicians say of it, as result sets of a case.

Any number of named sets goes with a study: the AI's own, and each set of corrections beside it,
never over it. Set 0 is the AI's.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from core.records.canonical import to_bytes
from core.records.clock import Stamp
from edge.api.pictures import heat_map_png
from edge.consult.seal import Piece
from edge.store.box import Box

_JSON = "application/json"
_READ = ("sentences", "text_zh", "text_en", "review")


@dataclass(frozen=True, slots=True)
class ResultSet:
    """One named set of findings and outlines of a study.

    Attributes
    ----------
    n : int
        Ordinal among the study's sets; 0 is the AI's.
    findings : mapping or None
        Result in the shape of the analysis, None where the set has outlines only.
    lines : mapping or None
        Outlines by ``<SOP instance>/<frame>``: lesion, kind, points (column, row) pixel centres.
    """

    n: int
    source: Literal["ai", "county"]
    zh: str
    en: str
    by: str = ""
    at: str = ""
    series_uid: str = ""
    findings: Mapping[str, Any] | None = None
    lines: Mapping[str, Any] | None = None

    def label(self) -> dict[str, Any]:
        """Return its name, as index and objects carry it."""
        return {
            "set": self.n, "source": self.source, "zh": self.zh, "en": self.en, "by": self.by,
            "at": self.at,
        }  # fmt: skip


#: Where a study's result sets come from.
Sets = Callable[[Box, str], Sequence[ResultSet]]


def sets_of(box: Box, study: str) -> tuple[ResultSet, ...]:
    """Return the result sets of a study: the AI's newest. Corrections will stand beside it."""
    newest = _newest(box, study)
    if newest is None:
        return ()
    result, blobs, version, _ = newest
    lines = _lines(box, study, blobs["outlines"], result) if blobs.get("outlines") else None
    method = result.get("method") or result.get("tb") or {}
    made_by = f"{method.get('model', '')} {method.get('version', '')}".strip()
    return (
        ResultSet(
            n=0,
            source="ai",
            zh="AI 结果",
            en="AI result",
            by=made_by,
            series_uid=(result.get("series") or {}).get("series_uid") or "",
            findings={**result, "version": version, "assessments": _assessments(box, study)},
            lines=lines,
        ),
    )


def pieces_of_results(
    box: Box, study: str, n: int, sets: Sequence[ResultSet] = ()
) -> Iterator[Piece]:
    """Yield quality, result sets, heat map and report of a study."""
    newest = _newest(box, study)
    place = {"study": n}
    if newest is not None and newest[0].get("qc"):
        yield Piece("qc", to_bytes(newest[0]["qc"]), _JSON, place)
    yield from pieces_of_sets(sets, n)
    if newest is None:
        return
    _, blobs, _, report = newest
    if blobs.get("heat_map"):
        yield Piece("heatmap", heat_map_png(box, study, blobs["heat_map"]), "image/png", place)
    if report:
        # What a person reads of it; where its objects lie in this hospital concerns nobody else.
        readable = {name: report[name] for name in _READ if name in report}
        yield Piece("report", to_bytes(readable), _JSON, place)


def pieces_of_sets(sets: Sequence[ResultSet], n: int) -> Iterator[Piece]:
    """Yield the objects of result sets, each saying whose it is."""
    for one in sets:
        place = {"study": n} if one.n == 0 else {"study": n, "set": one.n}
        label = one.label()
        if one.findings is not None:
            yield Piece("findings", to_bytes({**one.findings, "result_set": label}), _JSON, place)
        if one.lines is not None:
            drawn = {
                "source": one.source, "result_set": label, "series_uid": one.series_uid,
                "lines": one.lines,
            }  # fmt: skip
            yield Piece("outlines", json.dumps(drawn, ensure_ascii=False).encode(), _JSON, place)


def _newest(box: Box, study: str) -> tuple[dict[str, Any], dict[str, Any], int, Any] | None:
    rows = box.database.query(
        "SELECT result, blobs, version, report FROM result WHERE study = ? AND superseded = 0"
        " ORDER BY version DESC LIMIT 1",
        (study,),
    )
    if not rows:
        return None
    result, blobs, version, report = rows[0]
    return json.loads(result), json.loads(blobs), version, json.loads(report or "null")


def _lines(box: Box, study: str, address: str, result: dict[str, Any]) -> dict[str, Any]:
    with box.blobs.open(address, box.vault.key(study)) as blob:
        lines: dict[str, Any] = json.loads(blob.read())
    kinds = {one["id"]: one["kind"] for one in result.get("lesions") or []}
    for drawn in lines.values():
        for line in drawn:
            line["kind"] = kinds.get(line["lesion"], "")
    return lines


def _assessments(box: Box, study: str) -> list[dict[str, str]]:
    """Return what physicians said of the AI's findings as a whole."""
    found = []
    for record in box.records_of(study):
        if record.kind == "findings.assessed":
            review = record.body["review"]
            words = {
                "accepted": "采纳 accepted", "rejected": "不采纳 rejected",
                "changed": "修订后采纳 accepted with changes",
            }  # fmt: skip
            text = words.get(review["decision"], review["decision"])
            if review.get("reason"):
                text = f"{text}：{review['reason']}"
            at = Stamp.parse(record.header.clock).iso()
            found.append({"by": str(review.get("name", "")), "at": at, "text": text})
    return found
