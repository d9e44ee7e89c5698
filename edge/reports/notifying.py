"""The notifiable-disease card on a box: prefilled, its due time, and who did what with it."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from core.dicom.person import display_name
from core.records.clock import Stamp
from core.records.record import Draft
from core.web.people import Session
from edge.report.physician.card import (
    CHOICES,
    STATES,
    Basis,
    Field,
    State,
    card_rows,
    due_at,
    missing,
    overdue,
    prefilled,
    state_of,
    typed_of,
)
from edge.report.physician.classes import Classification, classification_of
from edge.report.physician.letter import Letter, Part, Person, pages, pdf_of
from edge.reports.desk import versions_of
from edge.reports.found import found_of
from edge.reports.papers import letterhead_of, local
from edge.store.box import Box

NOTE: Final = "本卡由本机预填供核对，不自动上报；请在传染病报告信息管理系统中报告。"


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
        display_name(row["patient_name"] or ""), row["sex"] or "", row["birth_date"] or "",
        box.settings.hospital, doctor, classification, found_of(box, row).facts, at,
        f"{datetime.fromisoformat(recorded['at']) if recorded else _now(box):%Y-%m-%d}",
    )  # fmt: skip
    fields = prefilled(basis, recorded.get("fields", {}))
    due = None if at is None else due_at(at)
    suspected = bool(versions) and "疑似肺结核" in versions[-1]["body"]["text_zh"]
    state = state_of(recorded.get("state", ""), classification.tier, suspected)
    return {
        "state": state,
        "due_at": None if due is None else due.isoformat(),
        "overdue": overdue(state, due, _now(box)),
        "fields": [asdict(one) | {"choices": CHOICES.get(one.name, ())} for one in fields],
        "missing": list(missing(fields)),
        "by": recorded.get("name", ""),
        "at": recorded.get("at", ""),
    }


def printed_card(box: Box, row: dict[str, Any]) -> bytes:
    """Return the card as PDF, as it stands now. Raises FontMissing."""
    card = card_of(box, row)
    fields = [Field(**{k: v for k, v in one.items() if k != "choices"}) for one in card["fields"]]
    state: State = card["state"]
    said = [f"状态：{STATES[state][0]}"]
    if card["due_at"]:
        late = "（已超时）" if card["overdue"] else ""
        said.append(f"报告时限：{local(card['due_at'])}{late}，自诊断起 24 小时")
    if card["by"]:
        said.append(f"{card['by']}　{local(card['at'])}")
    letter = Letter(
        head=letterhead_of(box), title="传染病报告卡（肺结核）", person=Person(()),
        parts=(Part("", ("　".join(said),), card_rows(fields)),), signed=(), note=NOTE,
        columns=(0.27, 0.55, 0.18),
    )  # fmt: skip
    return pdf_of(pages(letter), _now(box).timetuple(), letter.title)


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


def _now(box: Box) -> datetime:
    return datetime.fromtimestamp(box.outside.now_ms() / 1000).astimezone()


def _recorded(box: Box, study: str) -> dict[str, Any]:
    rows = box.database.query("SELECT body FROM notification WHERE study = ?", (study,))
    return json.loads(rows[0][0]) if rows else {}
