"""Route: where lungs, airways and lesions lie, for the page's three-dimensional pictures.

The answer is one binary document: four bytes, little-endian, the length of a JSON header; the
header; the labels, one byte each, the column running fastest.
"""

from __future__ import annotations

import gzip
import json
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Response

from core.imaging.solid import NAMES, solid_map
from core.web.errors import NotFound
from core.web.people import Session
from edge.api.context import TheSite, need
from edge.api.seat import opened_study
from edge.stages.analyse import unpacked_from
from edge.store.box import Box

router = APIRouter(prefix="/api")
MayOpen = Annotated[Session, Depends(need("study.open"))]
_QUICK: Final = 3  # of the compression: labels are runs, more effort gains little


@router.get("/studies/{study}/solids")
def solids(site: TheSite, session: MayOpen, study: str) -> Response:
    """Return the small label map of the newest result.

    ``planes`` are the images' UIDs in the order of the labels' slices before blocks were made.
    """
    opened_study(site, session, study)
    document = _document(site.box, study)
    if document is None:
        raise NotFound
    return Response(
        gzip.compress(document, _QUICK, mtime=0),
        media_type="application/octet-stream",
        headers={"Content-Encoding": "gzip"},
    )


def _document(box: Box, study: str) -> bytes | None:
    rows = box.database.query(
        "SELECT result, blobs, version FROM result WHERE study = ? ORDER BY version DESC LIMIT 1",
        (study,),
    )
    if not rows:
        return None
    result, blobs = json.loads(rows[0][0]), json.loads(rows[0][1])
    if "planes" not in blobs or not {"lungs", "label_map"} & set(blobs):
        return None
    made = solid_map(_array(box, study, blobs, "lungs"), _array(box, study, blobs, "label_map"))
    with box.blobs.open(blobs["planes"], box.vault.key(study)) as blob:
        planes = json.loads(blob.read())
    header = {
        "series_uid": (result.get("series") or {}).get("series_uid") or "",
        "version": rows[0][2],
        "size": list(made.labels.shape[::-1]),
        "block": list(made.block[::-1]),
        "planes": planes,
        "names": NAMES,
    }
    said = json.dumps(header).encode()
    return len(said).to_bytes(4, "little") + said + made.labels.tobytes()


def _array(box: Box, study: str, blobs: dict[str, str], name: str) -> Any:
    return unpacked_from(box, study, blobs[name], name) if name in blobs else None
