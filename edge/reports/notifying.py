"""The notifiable-disease card on a box: prefilled, its due time, and who did what with it."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from typing import Any

from core.dicom.person import display_text
from core.records.clock import Stamp
from core.records.record import Draft
from core.web.people import Session
from edge.report.physician.card import Basis, due_at, missing, prefilled, state_of, typed_of
from edge.report.physician.classes import Classification, classification_of
from edge.reports.desk import versions_of
from edge.reports.found import found_of
from edge.store.box import Box


def card_of(box: Box, row: dict[str, Any]) -> dict[str, Any]:
    """Return the card with its fields, what is missing, its state and when it is due.

    The 24 hours run from the first version in which a person set a diagnostic tier; a report that
    only says "suspected" suggests the card and starts no clock.
    """
    versions = versions_of(box, row["study"])
    recorded = _recorded(box, row["study"])
    classification, at = Classification(), None
    for one in versions:
        content = one["body"]["content"]
        if content["classification"]["tier"]:
            classification = classification_of(content["classification"])
            at = at or datetime.fromisoformat(one["body"]["at"]).astimezone()
    doctor = versions[-1]["name"] if versions else ""
    basis = Basis(
        display_text(row["patient_name"] or ""), row["sex"] or "", row["birth_date"] or "",
        box.settings.hospital, doctor, classification, found_of(box, row).facts, at,
    )  # fmt: skip
    fields = prefilled(basis, recorded.get("fields", {}))
    suspected = bool(versions) and "疑似肺结核" in versions[-1]["body"]["text_zh"]
    return {
        "state": state_of(recorded.get("state", ""), classification.tier, suspected),
        "due_at": None if at is None else due_at(at).isoformat(),
        "fields": [asdict(one) for one in fields],
        "missing": list(missing(fields)),
        "by": recorded.get("name", ""),
        "at": recorded.get("at", ""),
    }


def record_card(
    box: Box, session: Session, row: dict[str, Any], state: str, fields: dict[str, Any]
) -> None:
    """Append what became of the card. Raises ContentWrong."""
    body = {
        "state": state, "fields": typed_of(fields), "by": session.user, "name": session.name,
        "at": Stamp(box.outside.now_ms()).iso(),
    }  # fmt: skip
    draft = Draft(
        "notification.recorded", body, subject=row["subject"], key=row["study"],
        actor=f"person:{session.user}",
    )  # fmt: skip
    box.append([draft])


def _recorded(box: Box, study: str) -> dict[str, Any]:
    rows = box.database.query("SELECT body FROM notification WHERE study = ?", (study,))
    return json.loads(rows[0][0]) if rows else {}
