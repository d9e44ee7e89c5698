"""Route: a patient's other studies, for reading one beside another."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends

from core.web.people import Session
from edge.api.context import Site, TheSite, need, visible_study
from edge.api.rows import row_of
from edge.joining.choice import Exam, contradiction, is_nobody

router = APIRouter(prefix="/api")
MayOpen = Annotated[Session, Depends(need("study.open"))]
_MOST = 50


@router.get("/studies/{study}/priors")
def priors(site: TheSite, _session: MayOpen, study: str) -> dict[str, Any]:
    """Return rows of the same person's other studies, newest first.

    The same person is the same Patient ID and issuer, never the same name; ``contradicts`` is the
    code of what speaks against it (sex, birth date), "" where nothing does. Later studies are
    listed too: who reads an old one may want to see what became of it. Nothing is opened by
    asking, so nothing is audited as viewed.
    """
    row = visible_study(site, study)
    if is_nobody(row["patient_id"] or ""):
        return {"priors": []}
    found = []
    for one in _others(site, row):
        other = row_of(site.box, one)
        if other is not None:
            found.append(other | {"contradicts": contradiction(_exam(row), _exam(other))})
    return {"priors": found}


def _others(site: Site, row: dict[str, Any]) -> list[str]:
    rows = site.box.database.query(
        "SELECT study FROM study WHERE patient_id = ? AND issuer IS ? AND study != ?"
        " ORDER BY study_date DESC, study_time DESC, study LIMIT ?",
        (row["patient_id"], row["issuer"], row["study"], _MOST),
    )
    return [other[0] for other in rows]


def _exam(row: dict[str, Any]) -> Exam:
    return Exam(
        study=row["study"], subject="", patient_id=row["patient_id"] or "",
        sex=row["sex"] or "", birth_date="".join(c for c in row["birth_date"] or "" if c.isdigit()),
    )  # fmt: skip
