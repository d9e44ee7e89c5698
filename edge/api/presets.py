"""Routes: a person's own presets of the worklist (named filters), kept under a version number.

A preset holds no search for a person: it is about a way of working, not about a patient, and it is
backed up in clear of any erasure. Dates are kept as typed.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Final
from urllib.parse import parse_qsl, urlencode

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from core.web.errors import InputWrong, PresetsChanged
from core.web.people import Session
from core.web.text import Text
from edge.api.context import Site, TheSite, need

router = APIRouter(prefix="/api")
MayList = Annotated[Session, Depends(need("worklist.read"))]
MOST_PRESETS: Final = 30
_NAME_LENGTH = 40
#: What a preset may hold, in the order of an address.
PRESET_FILTERS: Final = (
    "modality", "manufacturer", "model", "institution", "department", "ae", "source", "qc", "ai",
    "finding", "report", "screening", "sex", "delivery", "completeness", "from", "to", "days",
    "sort",
)  # fmt: skip


class Preset(BaseModel):
    """One named filter; ``query`` as in the page's address, without a question mark."""

    name: Text
    query: Text
    standard: bool = False


class Presets(BaseModel):
    """All presets of a person, made on ``version``."""

    version: int = Field(ge=0)
    presets: list[Preset] = Field(max_length=MOST_PRESETS)


@router.get("/me/presets")
def read_presets(site: TheSite, session: MayList) -> dict[str, Any]:
    """Return the caller's presets and their version; 0 where none were ever saved."""
    version, presets = _kept(site, session.user)
    return {"version": version, "presets": presets}


@router.put("/me/presets")
def save_presets(site: TheSite, session: MayList, body: Presets) -> dict[str, Any]:
    """Keep the presets as they are sent, whole.

    Raises
    ------
    InputWrong
        A name is empty, too long or there twice, or two presets are the standard one.
    PresetsChanged
        They were saved elsewhere since ``version``; nothing is merged.
    """
    presets = checked(body.presets)
    with site.box.database.transaction() as sql:
        version, _ = _kept(site, session.user)
        if version != body.version:
            raise PresetsChanged(version=version)
        sql.execute(
            "INSERT OR REPLACE INTO worklist_presets VALUES (?, ?, ?)",
            (session.user, version + 1, json.dumps(presets, ensure_ascii=False)),
        )
    return {"version": version + 1, "presets": presets}


def checked(presets: list[Preset]) -> list[dict[str, Any]]:
    """Return presets as they are kept. Pure.

    Raises
    ------
    InputWrong
    """
    names = [one.name.strip() for one in presets]
    if any(not 0 < len(name) <= _NAME_LENGTH for name in names) or len(set(names)) < len(names):
        raise InputWrong(field="name")
    if sum(one.standard for one in presets) > 1:
        raise InputWrong(field="standard")
    return [
        {"name": name, "query": about_no_person(one.query), "standard": one.standard}
        for name, one in zip(names, presets, strict=True)
    ]


def about_no_person(query: str) -> str:
    """Return a query without searches for a person and without words we do not know. Pure."""
    given = dict(parse_qsl(query))
    return urlencode([(name, given[name]) for name in PRESET_FILTERS if name in given])


def _kept(site: Site, user: str) -> tuple[int, list[dict[str, Any]]]:
    rows = site.box.database.query(
        "SELECT version, body FROM worklist_presets WHERE user = ?", (user,)
    )
    return (rows[0][0], json.loads(rows[0][1])) if rows else (0, [])
