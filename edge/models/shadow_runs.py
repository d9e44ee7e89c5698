"""Shadow runs as rows: which model is tried beside the active one, and what both said.

Rows stand apart from everything that readers see or that is sent: no record about a study, no
view, no report reads them. That a run began or ended, and who wished it, is a record.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from core.models.errors import AlreadyActive, ShadowNotThere, ShadowThere, SlotNotRead
from core.models.slots import slot_of
from core.records.record import Draft
from edge.models.agreement import Answer, Pair
from edge.models.known import active, check_actor, find_model, store_of
from edge.stages.queue import BACKGROUND, JobSpec, Queue
from edge.store.box import Box

#: After so many failures one after the other a run ends by itself.
FAILURES = 5
_COLUMNS = "id, slot, digest, name, version, state, wanted, started, by"
#: Which slot's model speaks about a modality.
_SLOT_OF = {"DX": "dr_tb", "CR": "dr_tb", "DR": "dr_tb"}


@dataclass(frozen=True, slots=True)
class Run:
    """One shadow run.

    Attributes
    ----------
    state : str
        ``running`` (on the studies that come), ``folder`` (on a folder, by the command itself),
        ``ended``, ``stopped`` or ``failed``.
    wanted : int
        How many studies; 0 on a folder, which has as many as it has.
    """

    id: int
    slot: str
    digest: str
    name: str
    version: str
    state: str
    wanted: int
    started_ms: int
    by: str


def start_run(box: Box, asked: str, user: str, wanted: int = 0) -> Run:
    """Begin to try a model beside the active one on the next ``wanted`` studies; 0: on a folder.

    Raises
    ------
    ModelActorRefused, ModelNotHere, ModelAmbiguous, SlotNotRead, AlreadyActive, ShadowThere
    """
    actor = check_actor(box, user)
    with store_of(box).only_one():
        model = find_model(box, asked)
        if not slot_of(model.slot).read:
            raise SlotNotRead(slot=model.slot)
        now = active(box, model.slot)
        if now is not None and now.digest == model.digest:
            raise AlreadyActive(model=model.label)
        if wanted and running(box, model.slot) is not None:
            raise ShadowThere(slot=model.slot)
        with box.database.transaction() as sql:
            row = sql.execute(
                "INSERT INTO shadow_run (slot, digest, name, version, state, wanted, started, by)"
                f" VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING {_COLUMNS}",
                (model.slot, model.digest, model.name, model.version,
                 "running" if wanted else "folder", wanted, box.outside.now_ms(), user),
            ).fetchone()  # fmt: skip
            run = Run(*row)
            _note(box, run, "started", user, actor)
    return run


def stop_run(box: Box, user: str) -> Run:
    """End the run that goes on.

    Raises
    ------
    ModelActorRefused, ShadowNotThere
    """
    actor = check_actor(box, user)
    rows = box.database.query(f"SELECT {_COLUMNS} FROM shadow_run WHERE state = 'running'")
    if not rows:
        raise ShadowNotThere
    run = Run(*rows[0])
    end_run(box, run, "stopped", user, actor)
    return run


def end_run(box: Box, run: Run, state: str, user: str = "", actor: str = "") -> None:
    """Close a run and say so in the journal; one that is closed stays as it is."""
    with box.database.transaction() as sql:
        changed = sql.execute(
            "UPDATE shadow_run SET state = ? WHERE id = ? AND state IN ('running', 'folder')",
            (state, run.id),
        )
        if changed.rowcount:
            _note(box, run, "stopped" if state == "stopped" else "ended", user, actor)


def running(box: Box, slot: str) -> Run | None:
    """Return the slot's run that goes on."""
    rows = box.database.query(
        f"SELECT {_COLUMNS} FROM shadow_run WHERE slot = ? AND state = 'running'", (slot,)
    )
    return Run(*rows[0]) if rows else None


def run_of(box: Box, number: int = 0) -> Run:
    """Return a run by its number, or the newest.

    Raises
    ------
    ShadowNotThere
    """
    where = "WHERE id = ?" if number else "ORDER BY id DESC LIMIT 1"
    rows = box.database.query(
        f"SELECT {_COLUMNS} FROM shadow_run {where}", (number,) if number else ()
    )
    if not rows:
        raise ShadowNotThere
    return Run(*rows[0])


def queue_shadow(box: Box, queue: Queue, study: str, body: dict[str, Any]) -> None:
    """Put the shadow's job for a fresh result, where a run goes on and there is a score."""
    result = body["result"]
    slot = _SLOT_OF.get(result.get("modality", ""), "")
    if not slot or not result.get("tb"):
        return
    run = running(box, slot)
    if run is None:
        return
    payload = {
        "run": run.id, "input": body["input"], "override": bool(body.get("override")),
        "sop_uid": result["series"]["sop_uid"], "active": answer_json(result),
    }  # fmt: skip
    queue.put(
        [JobSpec("shadow", f"{run.id}:{study}:{body['input']}", study, BACKGROUND, payload=payload)]
    )


def answer_json(result: dict[str, Any]) -> dict[str, Any]:
    """Return what a public result says, as a row keeps it."""
    tb, seconds = result["tb"], result.get("seconds", {})
    return {
        "score": tb["score"], "threshold": tb["threshold"],
        "seconds": seconds.get("analyse.inference", 0.0),
        "engine": (result.get("method") or {}).get("engine", ""),
        "digest": (result.get("method") or {}).get("digest", ""),
    }  # fmt: skip


def keep_result(
    box: Box, run: Run, place: tuple[str, str], active_said: dict[str, Any],
    shadow_said: dict[str, Any] | None, code: str = "",
) -> None:  # fmt: skip
    """Keep what both said of (study, input); the run ends when it has what was wished for."""
    with box.database.transaction() as sql:
        sql.execute(
            "INSERT INTO shadow_result VALUES (?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (run, study, input) DO UPDATE SET at = excluded.at,"
            " code = excluded.code, active = excluded.active, shadow = excluded.shadow",
            (run.id, *place, box.outside.now_ms(), code, json.dumps(active_said),
             json.dumps(shadow_said) if shadow_said else None),
        )  # fmt: skip
        last = sql.execute(
            "SELECT code FROM shadow_result WHERE run = ? ORDER BY at DESC LIMIT ?",
            (run.id, FAILURES),
        ).fetchall()
        count = sql.execute(
            "SELECT count(*) FROM shadow_result WHERE run = ?", (run.id,)
        ).fetchone()[0]
        if len(last) == FAILURES and all(row[0] for row in last):
            end_run(box, run, "failed")
        elif 0 < run.wanted <= count:
            end_run(box, run, "ended")


def run_json(run: Run) -> dict[str, Any]:
    """Return a run's facts as JSON types."""
    return {
        "id": run.id, "slot": run.slot, "name": run.name, "version": run.version,
        "digest": run.digest, "state": run.state, "wanted": run.wanted, "by": run.by,
    }  # fmt: skip


def pairs_of(box: Box, run: Run) -> list[Pair]:
    """Return what a run has seen, oldest first."""
    rows = box.database.query(
        "SELECT study, active, shadow, code FROM shadow_result WHERE run = ? ORDER BY at", (run.id,)
    )
    return [
        Pair(study, _answer(json.loads(a)), _answer(json.loads(s)) if s else None, code)
        for study, a, s, code in rows
    ]


def _answer(kept: dict[str, Any]) -> Answer:
    return Answer(kept["score"], kept["threshold"], kept["seconds"], kept["engine"])


def _note(box: Box, run: Run, state: str, user: str, actor: str) -> None:
    body = {
        "slot": run.slot, "name": run.name, "version": run.version, "digest": run.digest,
        "state": state, "studies": run.wanted, "by": user,
    }  # fmt: skip
    box.append([Draft("model.shadowed", body, subject=f"m_{run.slot}", actor=actor)])
