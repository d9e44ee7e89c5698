"""A patient's studies as the choice sees them, from the views; and the pairs that follow."""

from __future__ import annotations

import json
from collections.abc import Sequence

from core.imaging.followup_study import date_of
from edge.joining.choice import Exam, Pair, Rules, is_nobody, pairs_of
from edge.store.box import Box

_COLUMNS = (
    "study", "subject", "patient_id", "issuer", "sex", "birth_date", "study_date", "study_time",
    "modality", "modalities", "completeness", "superseded",
)  # fmt: skip


def rules_of(box: Box) -> Rules:
    """Return what the site has set."""
    own = box.settings.joining
    return Rules(own.automatic, own.film_ct_days)


def exams_of(box: Box, subject: str) -> tuple[Exam, ...]:
    """Return a patient's studies; one whose analysis is not at its end has no result yet.

    Those under an ID that stands for nobody are left out: they may be thousands, of many people.
    """
    rows = box.database.query(
        f"SELECT {', '.join(_COLUMNS)} FROM study WHERE subject = ? ORDER BY study", (subject,)
    )
    found = [dict(zip(_COLUMNS, row, strict=True)) for row in rows]
    return tuple(_exam(box, row) for row in found if not is_nobody(row["patient_id"] or ""))


def wanted(box: Box, subject: str) -> tuple[Pair, ...]:
    """Return the pairs of a patient's studies that are to be brought together now."""
    return pairs_of(exams_of(box, subject), rules_of(box))


def _exam(box: Box, row: dict[str, str | None]) -> Exam:
    text = {name: str(value or "") for name, value in row.items()}
    status, result = _newest(box, text["study"])
    whole = text["completeness"] == "complete" and text["superseded"] in ("", "0")
    return Exam(
        study=text["study"],
        subject=text["subject"],
        patient_id=text["patient_id"].strip(),
        issuer=text["issuer"].strip(),
        sex=text["sex"].strip().upper(),
        birth_date=text["birth_date"].strip(),
        on=date_of(text["study_date"]),
        at=text["study_date"] + _digits(text["study_time"]),
        modality=text["modality"],
        modalities=frozenset(text["modalities"].split("\\")),
        status=status,
        result=result if whole else "",
        frames=_frames(box, text["study"]),
    )


def _newest(box: Box, study: str) -> tuple[str, str]:
    """Return status and name of a study's newest result; no name before its draft is written."""
    rows = box.database.query(
        "SELECT status, version, input, override, report FROM result"
        " WHERE study = ? AND superseded = 0 ORDER BY version DESC LIMIT 1",
        (study,),
    )
    if not rows:
        return "", ""
    status, version, digest, override, report = rows[0]
    if report in (None, "null"):
        return status, ""
    wish = json.loads(override) or {}
    return status, f"{digest}:{wish.get('id', '0')}:{version}"


def _frames(box: Box, study: str) -> frozenset[str]:
    rows: Sequence[tuple[str]] = box.database.query(
        "SELECT attributes FROM series WHERE study = ? AND modality IN ('CT', 'PT')", (study,)
    )
    found = (json.loads(text).get("FrameOfReferenceUID") for (text,) in rows)
    return frozenset(str(uid) for uid in found if uid)


def _digits(time: str) -> str:
    """Return a DICOM time (TM) as HHMMSS; "" where it is missing or not stated to the minute."""
    whole = time.split(".", maxsplit=1)[0].replace(":", "")
    return whole.ljust(6, "0")[:6] if whole.isdigit() and len(whole) >= 4 else ""
