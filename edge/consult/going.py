"""What a request would send, before it is sent; and how far each part of it is, afterwards."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from edge.consult.book import Kept
from edge.consult.bundle import documents_of, facts_pieces, study_line
from edge.consult.results import pieces_of_results, sets_of
from edge.stages.manifest import manifest_of
from edge.store.box import Box
from edge.uplink.outbox import Outbox, Standing
from edge.uplink.status import kept_status

_BEFORE_REQUEST = "prepared"


def would_go(
    box: Box, study: str, consult: str, include: Mapping[str, Any], by: str
) -> dict[str, Any]:
    """Return every part that a request would seal and send, with its size.

    Pictures are sent as lossless HTJ2K or as stored, whichever is smaller, and their list is
    compressed: their size here is the stored one, so that it is never more than said. Everything
    else is exact.

    Parameters
    ----------
    include : mapping
        As :func:`edge.consult.requests.include_of` returned it.
    by : str
        Who has entered facts by hand.
    """
    studies = [study, *include["priors"]]
    items: list[dict[str, Any]] = []
    for n, one in enumerate(studies):
        items += _study_items(box, one, n)
    for piece in facts_pieces(box, study, include, by):
        held = json.loads(piece.data)["items"]
        items.append(_item("facts", piece.title, len(piece.data), count=len(held)))
    for row in documents_of(box, consult, include["documents"]):
        items.append(_item("document", row["title"], row["bytes"]))
    size = sum(one["bytes"] for one in items)
    rate = _rate(box)
    return {
        "studies": [study_line(box, one, n) for n, one in enumerate(studies)],
        "items": items, "bytes": size, "rate_bytes_s": rate,
        "seconds": round(size / rate) if rate else None,
    }  # fmt: skip


def how_far(box: Box, outbox: Outbox, found: Kept) -> dict[str, Any]:
    """Return the parts of a consultation in the outbox: how much of each is at the hub.

    Dead letters stand one by one, with the refusal and what they are.
    """
    names = _names(box, found.consult)
    groups: dict[tuple[str, int, str], dict[str, Any]] = {}
    dead = []
    for one in outbox.standing(found.consult):
        if one.kind == "access":
            continue  # who opened it here: no part of the case
        kind, study, title = names.get(one.id) or (_kind(one), 0, "")
        group = groups.setdefault(
            (kind, study, title),
            {"kind": kind, "study": study, "title": title, "items": 0, "done_items": 0,
             "bytes": 0, "done_bytes": 0, "dead_items": 0, "given_up_items": 0},
        )  # fmt: skip
        group["items"] += 1
        group["bytes"] += one.size
        if one.state == "done":
            group["done_items"] += 1
            group["done_bytes"] += one.size
        elif one.state in ("dead", "given_up"):
            group[f"{one.state}_items"] += 1
        if one.state == "dead":
            dead.append(
                {"id": one.id, "kind": kind, "study": study, "title": title, "bytes": one.size,
                 "error": one.error}
            )  # fmt: skip
    return {"parts": list(groups.values()), "dead": dead}


def _study_items(box: Box, study: str, n: int) -> Iterator[dict[str, Any]]:
    rows = box.database.query(
        "SELECT s.modality, s.description, count(*), coalesce(sum(i.bytes), 0) FROM instance i"
        " JOIN series s ON s.study = i.study AND s.series_uid = i.series_uid WHERE i.study = ?"
        " GROUP BY i.series_uid ORDER BY s.number, i.series_uid",
        (study,),
    )
    for modality, description, count, size in rows:
        title = " ".join(part for part in (modality, description) if part)
        yield _item("frames", title, size, study=n, count=count, at_most=True)
    yield _item("manifest", "", len(manifest_of(box, study)), study=n, at_most=True)
    for piece in pieces_of_results(box, study, n, sets_of(box, study)):
        yield _item(piece.kind, "", len(piece.data), study=n)


def _item(
    kind: str, title: str, size: int, *, study: int = 0, count: int = 1, at_most: bool = False
) -> dict[str, Any]:
    return {
        "kind": kind, "title": title, "bytes": size, "study": study, "count": count,
        "at_most": at_most,
    }  # fmt: skip


def _rate(box: Box) -> int | None:
    """Return the line's measured rate in bytes a second; None where it has none."""
    status = kept_status(box)
    return status.rate_bytes_s if status and status.rate_bytes_s else None


def _names(box: Box, consult: str) -> dict[str, tuple[str, int, str]]:
    """Return what lies under an address, as the case indexes that were sent name it."""
    found: dict[str, tuple[str, int, str]] = {}
    for (opened,) in box.database.query(
        "SELECT opened FROM consult_sent WHERE consult = ? ORDER BY rowid", (consult,)
    ):
        case = json.loads(opened)["case"]
        if not case:
            continue
        found[case["address"]] = ("case", 0, "")
        for one in case["objects"]:
            title = one["title"].split("\n")[0] if one["kind"] in ("document", "facts") else ""
            found[one["address"]] = (one["kind"], int(one["position"].get("study", 0)), title)
    return found


def _kind(one: Standing) -> str:
    return _BEFORE_REQUEST if one.kind == "object" else one.kind
