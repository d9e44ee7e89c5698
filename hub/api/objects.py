"""Route: sealed objects of a case, whole or by range, for who takes part and holds a key."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Response
from fastapi.responses import StreamingResponse

from hub.api.context import Id, ThePortal
from hub.api.desk import ConsultDesk, guarded
from hub.consult.errors import NoSuchConsult, RangeWrong
from hub.consult.objects import fetchable
from hub.registry.sessions import Session
from hub.store.objects import stream

router = APIRouter(prefix="/api")
MayRead = Annotated[Session, Depends(guarded("consult.read"))]
_RANGE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})\Z", re.ASCII)
_SMALL = 2 << 20
_TYPE = "application/octet-stream"


@router.get("/consults/{consult}/objects/{address}")
def fetch(
    portal: ThePortal,
    session: MayRead,
    desk: ConsultDesk,
    consult: Id,
    address: Id,
    range_: Annotated[str, Header(alias="range", max_length=100)] = "",
) -> Response:
    """Return ciphertext; who does not take part is told the same as for one that does not exist."""
    objects = portal.site.objects
    with desk.watching(session, consult):
        with portal.site.database.read() as sql:
            size = fetchable(sql, consult, address, session.person)
        if size is None:
            raise NoSuchConsult
    start, end = span(range_, size)
    desk.fetched(session, consult, address)
    headers = {"Accept-Ranges": "bytes", "Content-Length": str(end - start)}
    status = 200
    if range_:
        status = 206
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    if end - start <= _SMALL:
        return Response(objects.read(address, start, end - start), status, headers, _TYPE)
    return StreamingResponse(stream(objects, address, start, end), status, headers, _TYPE)


def span(wanted: str, size: int) -> tuple[int, int]:
    """Return (start, end exclusive) of a Range header; the whole where there is none.

    One range only, as RFC 9110 14.2 allows.

    Raises
    ------
    RangeWrong
    """
    if not wanted:
        return 0, size
    found = _RANGE.match(wanted)
    first, last = found.groups() if found else ("", "")
    if not first and not last:
        raise RangeWrong
    if not first:
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), min(size, int(last) + 1 if last else size)
    if start >= end:
        raise RangeWrong
    return start, end
