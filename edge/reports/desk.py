"""Versions of a report: preliminary, signed, addendum. What is signed is never changed.

A version is a record. Signing wants: the person's own draft, made on the newest version; no
statement by the AI alone, none that differs from its measurement; no open warning; a tier with its
basis; the second factor shown again. The signature is in the record: who, when, by what factor,
the SHA-256 of the coded content and of its words, attested by the box's key.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Any, Final

from core.records.canonical import to_bytes
from core.records.clock import Stamp
from core.records.record import Draft
from core.seals.statements import sign_node
from core.web.people import People, Session
from edge.report.physician.classes import attributed, check_tier
from edge.report.physician.content import Content, Statement, content_of, kept_to_offer
from edge.report.physician.errors import (
    AlreadySigned,
    DraftStale,
    FactorMissing,
    NothingToSign,
    NotSigned,
    PromptOpen,
    ReportMoved,
    StatementStale,
    Unconfirmed,
)
from edge.report.physician.prompts import Known, prompts
from edge.report.physician.words import impression_of, text_of
from edge.reports.drafts import Kept, draft_of, drop_draft
from edge.reports.found import Found, found_of, known_of
from edge.reports.pictures import check_frames, digest_words, outlines_on
from edge.store.box import Box

DOMAIN: Final = "xinglin report v1"


def versions_of(box: Box, study: str) -> list[dict[str, Any]]:
    """Return every version, oldest first, with its body."""
    rows = box.database.query(
        "SELECT id, version, kind, at, name, body FROM report WHERE study = ? ORDER BY version",
        (study,),
    )
    names = ("id", "version", "kind", "at", "name")
    return [dict(zip(names, row[:5], strict=True)) | {"body": json.loads(row[5])} for row in rows]


def checked(box: Box, row: dict[str, Any], content: Content) -> tuple[Content, Found, Known]:
    """Return a page's content as the box holds it true, and what it was held against.

    Raises
    ------
    ContentWrong
        If a picture is not the study's.
    """
    found = found_of(box, row)
    check_frames(box, row["study"], content.pictures)
    return kept_to_offer(content, found.offered), found, known_of(box, found)


def said_by(box: Box, study: str, user: str, content: Content) -> Content:
    """Return a draft whose facts name the person who enters them (see ``attributed``)."""
    rows = box.database.query(
        "SELECT body FROM report WHERE study = ? AND kind != 'addendum' ORDER BY version DESC"
        " LIMIT 1",
        (study,),
    )
    before = content_of(json.loads(rows[0][0])["content"]).classification if rows else None
    return replace(content, classification=attributed(content.classification, user, before))


def save_preliminary(box: Box, session: Session, row: dict[str, Any], version: int) -> None:
    """Keep the draft of that version as a preliminary report.

    Raises
    ------
    DraftStale, ReportMoved, AlreadySigned, NothingToSign, TierNeedsBasis
    """
    with box.database.transaction():
        draft = _draft(box, session, row["study"], version)
        content, found, known = checked(box, row, draft.content)
        _sound(content, known)
        body = _body(box, session, content, found, known) | _shown(box, row, content)
        _append(box, session, row, "report.saved", body)
        drop_draft(box, row["study"], session.user)


def sign(
    box: Box, people: People, session: Session, row: dict[str, Any], asked: tuple[int, str]
) -> None:
    """Sign the draft of that version; ``asked`` is (draft version, one-time code).

    Raises
    ------
    DraftStale, ReportMoved, AlreadySigned, NothingToSign, TierNeedsBasis
    Unconfirmed, StatementStale, PromptOpen
        Nothing was signed; the code was not used.
    FactorMissing, OtpWrong
    """
    version, otp = asked
    with box.database.transaction():
        draft = _draft(box, session, row["study"], version)
        content, found, known = checked(box, row, draft.content)
        _sound(content, known)
        _signable(content, known)
    # The code is looked at last, and outside: a wrong one is counted whatever else is rolled back.
    _factor(people, session, otp)
    with box.database.transaction():
        _draft(box, session, row["study"], version)
        body = _body(box, session, content, found, known) | _shown(box, row, content)
        body["signature"] = signature_of(box, session, body)
        _append(box, session, row, "report.signed", body)
        drop_draft(box, row["study"], session.user)


def add(
    box: Box, people: People, session: Session, row: dict[str, Any], said: dict[str, str]
) -> None:
    """Sign an addendum: words beside the signed report, which stays as it is.

    ``said`` holds ``text``, ``language``, ``why`` (``supplement`` or ``correction``), ``base``
    (version as text) and ``otp``.

    Raises
    ------
    NotSigned, ReportMoved, NothingToSign, FactorMissing, OtpWrong
    """
    newest = _newest(box, row["study"])
    if newest is None or newest["kind"] == "preliminary":
        raise NotSigned
    if str(newest["version"]) != said["base"]:
        raise ReportMoved(version=newest["version"])
    if not said["text"].strip():
        raise NothingToSign
    statement = Statement(
        "addendum", "impression", "free", text=said["text"].strip(), confirmed=True,
        language="en" if said["language"] == "en" else "zh",
    )  # fmt: skip
    content = content_of(replace(Content(), statements=(statement,)).as_json())
    _factor(people, session, said["otp"])
    with box.database.transaction():
        still = _newest(box, row["study"])
        assert still is not None
        if still["version"] != newest["version"]:
            raise ReportMoved(version=still["version"])
        found = found_of(box, row)
        body = _body(box, session, content, found, known_of(box, found))
        body |= {"to": newest["id"], "why": said["why"]}
        body["signature"] = signature_of(box, session, body)
        _append(box, session, row, "report.addended", body)


def signature_of(box: Box, session: Session, body: dict[str, Any]) -> dict[str, str]:
    """Return the signature of a version: what it binds, and the box's attestation of it."""
    bound = {
        "report": body["id"], "content": body["digest"], "words": body["words"],
        "person": session.user, "name": session.name, "role": session.role, "at": body["at"],
        "factor": "totp",
    }  # fmt: skip
    if body.get("outlines"):
        bound["outlines"] = hashlib.sha256(digest_words(body["outlines"]).encode()).hexdigest()
    return {**bound, "attested": sign_node(bound, DOMAIN, box.identity).decode()}


def _draft(box: Box, session: Session, study: str, version: int) -> Kept:
    draft = draft_of(box, study, session.user)
    if draft is None or draft.version != version:
        raise DraftStale(version=draft.version if draft else 0)
    newest = _newest(box, study)
    if newest is not None and newest["kind"] != "preliminary":
        raise AlreadySigned
    if draft.base != (newest["version"] if newest else 0):
        raise ReportMoved(version=newest["version"] if newest else 0)
    return draft


def _newest(box: Box, study: str) -> dict[str, Any] | None:
    rows = box.database.query(
        "SELECT id, version, kind FROM report WHERE study = ? ORDER BY version DESC LIMIT 1",
        (study,),
    )
    return dict(zip(("id", "version", "kind"), rows[0], strict=True)) if rows else None


def _sound(content: Content, known: Known) -> None:
    check_tier(content.classification)
    if not impression_of(content, known.phrases or {}):
        raise NothingToSign


def _signable(content: Content, known: Known) -> None:
    if content.unconfirmed:
        raise Unconfirmed(count=len(content.unconfirmed))
    made = prompts(content, known)
    old = next((one for one in made if one.name == "stale"), None)
    if old is not None:
        raise StatementStale(count=len(old.keys))
    waiting = [
        one for one in made
        if one.level == "block" or (one.level == "warn" and one.name not in content.acknowledged)
    ]  # fmt: skip
    if waiting:
        raise PromptOpen(count=len(waiting))


def _factor(people: People, session: Session, otp: str) -> None:
    if not people.show_factor(session.user, otp):
        raise FactorMissing


def _body(
    box: Box, session: Session, content: Content, found: Found, known: Known
) -> dict[str, Any]:
    book = known.phrases or {}
    texts = {"zh": text_of(content, book, "zh"), "en": text_of(content, book, "en")}
    return {
        "id": f"rp_{box.outside.randomness(8).hex()}",
        "at": Stamp(box.outside.now_ms()).iso(),
        "by": session.user, "name": session.name, "role": session.role,
        "content": content.as_json(), "digest": content.digest,
        "text_zh": texts["zh"], "text_en": texts["en"],
        "words": hashlib.sha256(to_bytes(texts)).hexdigest(),
        "basis": found.basis,
        "acknowledged": [
            one.as_json() for one in prompts(content, known) if one.name in content.acknowledged
        ],
    }  # fmt: skip


def _shown(box: Box, row: dict[str, Any], content: Content) -> dict[str, Any]:
    """Return what the chosen pictures show, kept with the version."""
    return {"outlines": outlines_on(box, row["study"], content.pictures)}


def _append(
    box: Box, session: Session, row: dict[str, Any], kind: str, body: dict[str, Any]
) -> None:
    box.append(
        [
            Draft(
                kind, {"report": _plain(body)}, subject=row["subject"], key=row["study"],
                actor=f"person:{session.user}",
            )
        ]
    )  # fmt: skip


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value, ensure_ascii=False))
