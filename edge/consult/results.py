"""What the AI found and the county's physicians said of it, as objects of a case."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from core.records.canonical import to_bytes
from core.records.clock import Stamp
from edge.api.pictures import heat_map_png
from edge.consult.seal import Piece
from edge.store.box import Box

_JSON = "application/json"


def pieces_of_results(box: Box, study: str, n: int) -> Iterator[Piece]:
    """Yield quality, findings with their assessments, outlines, heat map and report of a study."""
    rows = box.database.query(
        "SELECT result, blobs, report, version FROM result WHERE study = ? AND superseded = 0"
        " ORDER BY version DESC LIMIT 1",
        (study,),
    )
    if not rows:
        return
    result, blobs = json.loads(rows[0][0]), json.loads(rows[0][1])
    place = {"study": n}
    if result.get("qc"):
        yield Piece("qc", to_bytes(result["qc"]), _JSON, place)
    said = {**result, "version": rows[0][3], "assessments": _assessments(box, study)}
    yield Piece("findings", to_bytes(said), _JSON, place)
    if blobs.get("outlines"):
        yield Piece("outlines", _outlines(box, study, blobs["outlines"], result), _JSON, place)
    if blobs.get("heat_map"):
        yield Piece("heatmap", heat_map_png(box, study, blobs["heat_map"]), "image/png", place)
    report = json.loads(rows[0][2] or "null")
    if report:
        yield Piece("report", to_bytes(report), _JSON, place)


def _outlines(box: Box, study: str, address: str, result: dict[str, Any]) -> bytes:
    with box.blobs.open(address, box.vault.key(study)) as blob:
        lines = json.loads(blob.read())
    kinds = {one["id"]: one["kind"] for one in result.get("lesions") or []}
    for drawn in lines.values():
        for line in drawn:
            line["kind"] = kinds.get(line["lesion"], "")
    series = (result.get("series") or {}).get("series_uid") or ""
    return json.dumps({"source": "ai", "series_uid": series, "lines": lines}).encode()


def _assessments(box: Box, study: str) -> list[dict[str, str]]:
    """Return what physicians said, as a result set of its own beside the AI's."""
    found = []
    for record in box.records_of(study):
        if record.kind == "findings.assessed":
            review = record.body["review"]
            words = {"accepted": "采纳 accepted", "rejected": "不采纳 rejected"}
            text = words.get(review["decision"], review["decision"])
            if review.get("reason"):
                text = f"{text}：{review['reason']}"
            at = Stamp.parse(record.header.clock).iso()
            found.append({"by": str(review.get("name", "")), "at": at, "text": text})
    return found
