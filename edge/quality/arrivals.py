"""What a judged picture does to requests: asks for another, or answers one that is open.

Called by the stages that judge, after their own record, so that asking can delay no verdict.
"""

from __future__ import annotations

from typing import Any

from core.records.clock import Stamp
from core.records.record import Draft
from edge.quality.asking import FILM, answers, ask_of_film, ask_of_study, identity_of
from edge.store.box import Box

_OPEN = "r.state IN ('requested', 'acknowledged')"


def after_image(box: Box, study: str, body: dict[str, Any]) -> None:
    """A radiograph was judged: close what it answers, then ask again where it is refused too.

    Parameters
    ----------
    body : mapping
        Of the ``qc.assessed`` record.
    """
    sop_instance = body["sop_instance"]
    with box.database.transaction():
        facts = _facts(box, study)
        if not facts:
            return  # erased meanwhile
        if answers(body):
            _answer(box, facts, sop_instance)
        asked, codes = ask_of_film(body)
        if asked:
            _ask(box, facts, {"ask": asked, "codes": codes, "sop_instance": sop_instance})


def after_study(box: Box, study: str, body: dict[str, Any]) -> None:
    """A complete study's geometry was judged: as :func:`after_image`, for CT and PET."""
    with box.database.transaction():
        facts = _facts(box, study)
        if not facts or facts["modality"] in FILM:
            return
        _answer_by_study(box, facts, body["input"])
        asked, codes = ask_of_study(body)
        if asked:
            _ask(box, facts, {"ask": asked, "codes": codes, "input": body["input"]})


def _facts(box: Box, study: str) -> dict[str, Any]:
    rows = box.database.query("SELECT subject, modality FROM study WHERE study = ?", (study,))
    return {"study": study, "subject": rows[0][0], "modality": rows[0][1]} if rows else {}


def _ask(box: Box, facts: dict[str, Any], wish: dict[str, Any]) -> None:
    """Ask, unless a request of this study is open: one alarm is enough for one patient."""
    study = facts["study"]
    if not box.settings.quality.ask_automatically:
        return
    if box.database.query(
        f"SELECT 1 FROM repeat_request r WHERE r.study = ? AND {_OPEN}", (study,)
    ):
        return
    about = wish.get("sop_instance") or wish.get("input", "")
    body = {
        "id": identity_of(study, about), "origin": "automatic", "by": "", "name": "",
        "at": Stamp(box.outside.now_ms()).iso(), "note": "", "sop_instance": "", "input": "",
        **wish,
    }  # fmt: skip
    box.append([Draft("repeat.requested", body, subject=facts["subject"], key=study)])


def _answer(box: Box, facts: dict[str, Any], sop_instance: str) -> None:
    """Close the patient's open requests for a radiograph that are older than this picture."""
    rows = box.database.query(
        "SELECT r.id, r.study, r.at FROM repeat_request r JOIN study ON study.study = r.study"
        f" WHERE study.subject = ? AND study.modality IN ('DX', 'CR', 'DR') AND {_OPEN}"
        " AND r.sop_instance <> ?",
        (facts["subject"], sop_instance),
    )
    arrived = box.database.query(
        "SELECT received_at FROM instance WHERE sop_instance = ?", (sop_instance,)
    )
    for identity, study, at in rows:
        if arrived and arrived[0][0] > at:
            _close(box, facts, (identity, study), sop_instance)


def _answer_by_study(box: Box, facts: dict[str, Any], given: str) -> None:
    """Close the patient's open requests of this kind: a new series came, or more of the study."""
    rows = box.database.query(
        "SELECT r.id, r.study, r.at, r.ask, r.input FROM repeat_request r"
        " JOIN study ON study.study = r.study"
        f" WHERE study.subject = ? AND study.modality = ? AND {_OPEN}",
        (facts["subject"], facts["modality"]),
    )
    for identity, study, at, asked, earlier in rows:
        if asked == "resend" and study == facts["study"]:
            came = _newest(box, study, at)
            new = bool(came) and given != earlier
        else:
            came = _newest_series(box, facts["study"], at)
            new = bool(came)
        if new:
            _close(box, facts, (identity, study), came)


def _newest(box: Box, study: str, at: str) -> str:
    rows = box.database.query(
        "SELECT sop_instance FROM instance WHERE study = ? AND received_at > ?"
        " ORDER BY received_at DESC LIMIT 1",
        (study, at),
    )
    return str(rows[0][0]) if rows else ""


def _newest_series(box: Box, study: str, at: str) -> str:
    """Return an image of a series of which nothing had come before a time; "" for none."""
    rows = box.database.query(
        "SELECT min(sop_instance) FROM instance WHERE study = ? GROUP BY series_uid"
        " HAVING min(received_at) > ? LIMIT 1",
        (study, at),
    )
    return str(rows[0][0]) if rows else ""


def _close(box: Box, facts: dict[str, Any], request: tuple[str, str], sop_instance: str) -> None:
    identity, study = request
    body = {
        "id": identity, "outcome": "done", "reason": "", "note": "", "by": "", "name": "",
        "at": Stamp(box.outside.now_ms()).iso(), "new_study": facts["study"],
        "new_instance": sop_instance,
    }  # fmt: skip
    box.append([Draft("repeat.closed", body, subject=facts["subject"], key=study)])
