"""Routes: the queue with ages, and the state of the box."""

from __future__ import annotations

import json
from collections import Counter
from importlib.metadata import version
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path

from core.records.clock import Stamp
from core.web.errors import NotFound
from core.web.people import Session
from edge.api.context import Site, TheSite, need
from edge.intake.disk import days_left, tier_of
from edge.processes import usage_of

router = APIRouter(prefix="/api")
MaySeeQueue = Annotated[Session, Depends(need("queue.read"))]
MayResend = Annotated[Session, Depends(need("queue.resend"))]
MaySeeSystem = Annotated[Session, Depends(need("system.read"))]
JobId = Annotated[int, Path(ge=0, le=2**53)]
_DEADLINE_MS = 7 * 86_400_000


@router.get("/queue")
def queue(site: TheSite, _session: MaySeeQueue) -> dict[str, Any]:
    """Return what waits, runs, failed or is dead, urgent first, with ages."""
    now = site.box.outside.now_ms()
    rows = [
        {
            "id": str(job.id), "stage": job.stage, "study": job.study, "state": job.state,
            "priority": "urgent" if job.priority == 0 else "routine",
            "age_s": round((now - job.created_ms) / 1000, 1), "attempts": job.attempts,
            "deadline": Stamp(job.deadline_ms).iso(), "owner": job.owner or None,
            "error": job.error,
        }
        for job in site.queue.waiting()
    ]  # fmt: skip
    stages = site.queue.counts()
    counts: Counter[str] = Counter()
    for states in stages.values():
        counts.update(states)
    return {"rows": rows, "counts": counts, "stages": stages}


@router.post("/queue/{job_id}/resend", status_code=202)
def resend(site: TheSite, session: MayResend, job_id: JobId) -> dict[str, str]:
    """Give a dead or failed job a fresh start."""
    if not site.queue.resend(job_id, site.box.outside.now_ms() + _DEADLINE_MS):
        raise NotFound
    site.note(session, "job sent again", {"job": job_id})
    return {"state": "waiting"}


@router.get("/system")
def system(site: TheSite, _session: MaySeeSystem) -> dict[str, Any]:
    """Return node, disk, signed heads, peers, models and backup."""
    box = site.box
    usage = usage_of(box)
    samples = box.database.query("SELECT at, used FROM disk_sample ORDER BY at")
    return {
        "node": box.identity.id,
        "version": version("xinglin"),
        "hospital": box.settings.hospital,
        "disk": {
            "total": usage.total, "free": usage.free,
            "tier": tier_of(usage, box.settings.intake),
            "days_left": days_left([(r[0], r[1]) for r in samples], usage, box.settings.intake),
        },
        "heads": [
            {"journal": c.journal, "writer": c.writer, "seq": c.seq, "at": c.at, "digest": c.link}
            for c in box.vault.heads()
        ],
        "peers": [
            {"name": peer.name, "role": ", ".join(peer.traits),
             "last_seen": _last_seen(site, peer.ae_title)}
            for peer in box.settings.peers
        ],
        "models": _models(site),
        "backup": _backup(site),
    }  # fmt: skip


def _last_seen(site: Site, ae_title: str) -> str | None:
    rows = site.box.database.query(
        "SELECT max(received_at) FROM study WHERE source_ae = ?", (ae_title,)
    )
    return rows[0][0] if rows else None


def _models(site: Site) -> list[dict[str, Any]]:
    # A slot has one model that serves, however it came to (activated, or gone back to).
    rows = site.box.database.query(
        "SELECT name, version, state, detail FROM model_slot ORDER BY slot"
    )
    return [
        {"name": r[0], "version": r[1], "active": True,
         **{k: json.loads(r[3]).get(k, "") for k in ("task", "engine")},
         "research_only": bool(json.loads(r[3]).get("research_only", True))}
        for r in rows
    ]  # fmt: skip


def _backup(site: Site) -> dict[str, Any]:
    rows = site.box.database.query("SELECT value FROM house WHERE task = 'backup result'")
    settings = site.box.settings.backup
    last = json.loads(rows[0][0]) if rows else {}
    return {
        "last_at": last.get("at"), "last_ok": last.get("ok"), "next_at": last.get("next"),
        "destination": settings.target or None,
    }  # fmt: skip
