"""Routes: a study's quality with what to do, a physician's wish to repeat, statistics."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field

from core.imaging.qc_advice import UNREADABLE, advice_of
from core.imaging.result import Sentence
from core.records.clock import Stamp
from core.web.errors import InputWrong, NotAllowed
from core.web.people import Session
from core.web.text import Text
from edge.api.context import Site, TheSite, need, visible_study
from edge.api.filters import accepting, masks_of
from edge.api.seat import opened_study
from edge.quality.asking import CLOSING
from edge.quality.requests import Closing, advised, ask, close, judged, requests_of
from edge.quality.statistics import (
    COUNTED,
    GROUPS,
    By,
    Line,
    csv_rows,
    line_json,
    lines_of,
    total_of,
)
from edge.store.box import Box

router = APIRouter(prefix="/api")
MayOpen = Annotated[Session, Depends(need("study.open"))]
MayAsk = Annotated[Session, Depends(need("repeat.ask"))]
MayRead = Annotated[Session, Depends(need("quality.read"))]
_FILTERS = ("modality", "institution", "department", "from", "to", "days")
_ORDER = ("pass", "warn", "reject", "failed")


class Wish(BaseModel):
    """What a physician wants of the modality room, and why."""

    ask: Literal["repeat", "resend"] = "repeat"
    note: Text = ""
    codes: list[Text] = Field(default=[], max_length=20)


class Withdrawal(BaseModel):
    """Why a request is taken back."""

    reason: Text
    note: Text = ""


@router.get("/studies/{study}/quality")
def read_quality(site: TheSite, session: MayOpen, study: str) -> dict[str, Any]:
    """Return a study's verdict, its reasons with what to do, and its requests to the room."""
    opened_study(site, session, study)
    return quality_of(site.box, study)


@router.post("/studies/{study}/repeat", status_code=201)
def ask_again(site: TheSite, session: MayAsk, study: str, body: Wish) -> dict[str, Any]:
    """Ask the modality room for the picture again, in the physician's name."""
    row = visible_study(site, study)
    known = {one["code"] for one in quality_of(site.box, study)["reasons"]}
    if not set(body.codes) <= known:
        raise InputWrong(field="codes")
    ask(site.box, session, row, (body.ask, body.note), body.codes)
    return quality_of(site.box, study)


@router.post("/studies/{study}/repeat/{identity}/withdraw")
def withdraw(
    site: TheSite, session: MayAsk, study: str, identity: str, body: Withdrawal
) -> dict[str, Any]:
    """Take an open request back: what is here serves, or the request was a mistake."""
    visible_study(site, study)
    close(site.box, session, identity, Closing("withdrawn", body.reason, body.note))
    return quality_of(site.box, study)


def quality_of(box: Box, study: str) -> dict[str, Any]:
    """Return the worst verdict, every reason with its advice, and the requests.

    ``verdict`` is "" where nothing was judged yet. Reasons stand worst first.
    """
    verdict, reasons = "", []
    for one, sop_instance in judged(box, study):
        failed = "verdict" not in one
        told = "failed" if failed else one["verdict"]
        verdict = max(verdict or told, told, key=_ORDER.index)
        reasons += [_unreadable(one)] if failed else [advised(r) for r in one["reasons"]]
        for reason in reasons:
            reason.setdefault("sop_instance", sop_instance)
    rank = {"reject": 0, "warn": 1, "info": 2}
    reasons.sort(key=lambda one: rank[one["severity"]])
    return {
        "verdict": verdict, "reasons": reasons, "requests": requests_of(box, study),
        "closings": closings(),
    }  # fmt: skip


def closings() -> list[dict[str, str]]:
    """Return the coded reasons for closing a request."""
    return [{"code": code, "zh": text.zh, "en": text.en} for code, text in CLOSING.items()]


def _unreadable(error: Mapping[str, Any]) -> dict[str, Any]:
    said = {name: error[name] for name in ("code", "message_zh", "message_en")}
    text: Sentence = UNREADABLE.text
    advice = {"action": UNREADABLE.action, "advice_zh": text.zh, "advice_en": text.en}
    return {"severity": "reject", **said, **advice}


@router.get("/quality")
def statistics(
    site: TheSite, session: MayRead, request: Request, by: By = "device"
) -> dict[str, Any]:
    """Return counts and rates per device or operator under a period and the list's filters.

    Raises
    ------
    NotAllowed
        Operators are shown to those who lead people only.
    """
    lines = _lines(site, session, request, by)
    codes = sorted({code for one in lines for code in one.reasons})
    return {
        "by": by,
        "at": Stamp(site.box.outside.now_ms()).iso(),
        "rows": [line_json(one) for one in lines],
        "total": line_json(total_of(lines)),
        "advice": {code: _advice(code) for code in codes},
        "staff": session.may("quality.staff"),
    }


@router.get("/quality/export")
def export(site: TheSite, session: MayRead, request: Request, by: By = "device") -> Response:
    """Return the statistics as CSV (UTF-8 with its mark, as spreadsheets want it)."""
    lines = _lines(site, session, request, by)
    site.note(session, "quality exported", {"by": by})
    out = io.StringIO()
    csv.writer(out).writerows(csv_rows(lines, by))
    headers = {"Content-Disposition": f'attachment; filename="quality-{by}.csv"'}
    return Response(
        "\ufeff" + out.getvalue(), media_type="text/csv; charset=utf-8", headers=headers
    )


def _advice(code: str) -> dict[str, str]:
    text = advice_of(code).text
    return {"zh": text.zh, "en": text.en}


def _lines(site: Site, session: Session, request: Request, by: By) -> list[Line]:
    if by == "operator" and not session.may("quality.staff"):
        raise NotAllowed(permission="quality.staff")
    asked = request.query_params
    filters = {name: asked[name] for name in _FILTERS if asked.get(name)}
    accept = accepting(masks_of(site.box, filters))
    columns = (*GROUPS[by].values(), *COUNTED)
    return lines_of(site.listing.together(accept, columns), by)
