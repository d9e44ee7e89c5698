"""Route: the small picture of a study in the list.

It is part of the list, as the patient's name is: looking at a page of the list opens no study, so
the access journal does not say so.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from core.web.errors import NotFound
from core.web.people import Session
from edge.api.context import TheSite, need, visible_study

router = APIRouter(prefix="/api")
MayList = Annotated[Session, Depends(need("worklist.read"))]


@router.get("/studies/{study}/thumbnail")
def read_thumbnail(site: TheSite, _session: MayList, study: str) -> Response:
    """Return the picture as WebP.

    Raises
    ------
    NotFound
        If there is no such study, or no picture of it: the row of the list says why.
    """
    visible_study(site, study)
    rows = site.box.database.query("SELECT blob FROM thumbnail WHERE study = ?", (study,))
    if not rows or not rows[0][0]:
        raise NotFound
    with site.box.blobs.open(rows[0][0], site.box.vault.key(study)) as blob:
        return Response(blob.read(), media_type="image/webp")
