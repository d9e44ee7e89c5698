"""The hub's own signed heads, kept beside its journals: a cut tail shows when anybody verifies.

The boxes keep them too, which is what counts against somebody who can write the whole database.
"""

from __future__ import annotations

from dataclasses import asdict

from sqlalchemy import insert, select, update

from core.journal.checkpoint import Checkpoint
from hub.site import HubSite
from hub.store.tables import CHECKPOINT, HOSPITAL

EVERY_S = 60.0


def own_heads(site: HubSite) -> list[Checkpoint]:
    """Return freshly signed heads of every chain that the hub writes."""
    with site.database.read() as sql:
        hospitals = sql.execute(select(HOSPITAL.c.id).order_by(HOSPITAL.c.id)).scalars().all()
    heads = [site.signed_head(one) for one in hospitals]
    return [one for one in (*heads, site.signed_access_head()) if one is not None]


def keep_own_heads(site: HubSite) -> None:
    """Keep the present heads where they have moved; a head that was kept never goes back."""
    fresh = own_heads(site)
    with site.database.write() as sql:
        for head in fresh:
            mine = (CHECKPOINT.c.journal == head.journal) & (CHECKPOINT.c.writer == head.writer)
            known = sql.execute(select(CHECKPOINT.c.seq).where(mine)).scalar()
            if known is None:
                sql.execute(insert(CHECKPOINT).values(asdict(head)))
            elif head.seq > known:
                sql.execute(update(CHECKPOINT).where(mine).values(asdict(head)))
