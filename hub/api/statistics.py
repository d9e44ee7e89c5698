"""Route: the region's numbers, de-identified."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends

from hub.api.context import ThePortal, need
from hub.datacentre.statistics import overview
from hub.registry.sessions import Session

router = APIRouter(prefix="/api")
MayReadStatistics = Annotated[Session, Depends(need("statistics.read"))]


@router.get("/statistics")
def statistics(portal: ThePortal, _session: MayReadStatistics) -> dict[str, Any]:
    """Return counts by month; cells of fewer than five studies are null."""
    with portal.site.database.read() as sql:
        return overview(sql)
