"""Routes of the physician's report: draft, preliminary, signature, addendum, phrases, documents."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, Field

from core.web.errors import NotFound, OtpWrong
from core.web.people import Session
from core.web.text import Text
from edge.api.context import Site, TheSite, need
from edge.api.seat import opened_study
from edge.report.physician.bound import offered_severity
from edge.report.physician.classes import code_tables
from edge.report.physician.content import Content, content_of, statement_json
from edge.report.physician.errors import DocumentWaits
from edge.report.physician.phrases import Phrase
from edge.report.physician.prompts import prompts
from edge.report.physician.refresh import changes
from edge.report.physician.words import said as told_of
from edge.reports.desk import add, checked, said_by, save_preliminary, sign, versions_of
from edge.reports.drafts import draft_of, drop_draft, save_draft, writing
from edge.reports.notifying import card_of, printed_card, record_card
from edge.reports.phrases import offered_phrases, phrase_history, save_phrase
from edge.reports.pictures import key_image, offered_pictures, outlines_on, png_of

router = APIRouter(prefix="/api")
MayOpen = Annotated[Session, Depends(need("study.open"))]
MayWrite = Annotated[Session, Depends(need("report.write"))]
MaySign = Annotated[Session, Depends(need("report.sign"))]
MayEditPhrases = Annotated[Session, Depends(need("report.phrases"))]


class DraftForm(BaseModel):
    """What has been typed so far, and what it was made on."""

    version: int = Field(ge=0)
    base: int = Field(ge=0)
    content: dict[str, Any]


class Save(BaseModel):
    """Which draft becomes a version."""

    version: int = Field(ge=1)


class Sign(BaseModel):
    """Which draft is signed, and the second factor."""

    version: int = Field(ge=1)
    otp: Text


class Addendum(BaseModel):
    """Words beside a signed report."""

    base: int = Field(ge=1)
    text: Text
    language: Literal["zh", "en"] = "zh"
    why: Literal["supplement", "correction"] = "supplement"
    otp: Text


class PhraseForm(BaseModel):
    """A template as the department edits it; ``version`` is the one it was made from."""

    version: int = Field(ge=0)
    abbreviation: Text
    section: Text
    zh: Text
    en: Text
    fields: list[dict[str, Any]] = Field(default=[], max_length=12)
    department: Text = ""


class PhraseOut(BaseModel):
    """Which version is taken out of use."""

    version: int = Field(ge=1)


class Card(BaseModel):
    """What a person entered on the notifiable-disease card, and what became of it."""

    state: Literal["prepared", "reported", "not_needed"]
    fields: dict[str, Any]


@router.get("/studies/{study}/report/card")
def read_card(site: TheSite, session: MayOpen, study: str) -> dict[str, Any]:
    """Return the notifiable-disease card, prefilled, with its state and due time."""
    row = opened_study(site, session, study)
    return card_of(site.box, row)


@router.put("/studies/{study}/report/card")
def write_card(site: TheSite, session: MayWrite, study: str, body: Card) -> dict[str, Any]:
    """Record the card: prepared, reported (by whom), or not needed."""
    row = opened_study(site, session, study)
    record_card(site.box, session, row, body.state, body.fields)
    return card_of(site.box, row)


@router.get("/studies/{study}/report/card/pdf")
def print_card(site: TheSite, session: MayOpen, study: str) -> Response:
    """Return the card as it stands, for printing; what is empty is marked as empty."""
    row = opened_study(site, session, study)
    data = printed_card(site.box, row)
    return Response(
        data, media_type="application/pdf",
        headers={"Content-Disposition": 'inline; filename="card.pdf"', "Cache-Control": "no-store"},
    )  # fmt: skip


@router.get("/studies/{study}/report")
def read_report(site: TheSite, session: MayOpen, study: str) -> dict[str, Any]:
    """Return a report as its form shows it: draft, what is offered, prompts, versions."""
    row = opened_study(site, session, study)
    return _state(site, session, row)


@router.put("/studies/{study}/report/draft")
def write_draft(site: TheSite, session: MayWrite, study: str, body: DraftForm) -> dict[str, Any]:
    """Keep what has been typed so far; answers what the form shows beside it."""
    row = opened_study(site, session, study)
    said = said_by(site.box, study, session.user, content_of(body.content))
    content, _found, _known = checked(site.box, row, said)
    kept = save_draft(site.box, study, session.user, (body.version, body.base), content)
    return {"version": kept.version, "saved_at": kept.as_json()["changed_at"],
            **_shown(site, row, content)}  # fmt: skip


@router.delete("/studies/{study}/report/draft", status_code=204)
def forget_draft(site: TheSite, session: MayWrite, study: str) -> None:
    """Throw the own draft away."""
    opened_study(site, session, study)
    drop_draft(site.box, study, session.user)


@router.post("/studies/{study}/report/preliminary", status_code=201)
def preliminary(site: TheSite, session: MayWrite, study: str, body: Save) -> dict[str, Any]:
    """Save the draft as a preliminary report."""
    row = opened_study(site, session, study)
    save_preliminary(site.box, session, row, body.version)
    return _state(site, session, row)


@router.post("/studies/{study}/report/sign", status_code=201)
def sign_report(site: TheSite, session: MaySign, study: str, body: Sign) -> dict[str, Any]:
    """Sign the draft with the second factor; signing freezes."""
    row = opened_study(site, session, study)
    try:
        sign(site.box, site.people, session, row, (body.version, body.otp))
    except OtpWrong as error:
        site.note_failed(session.user, error.code)
        raise
    return _state(site, session, row)


@router.post("/studies/{study}/report/addendum", status_code=201)
def addendum(site: TheSite, session: MaySign, study: str, body: Addendum) -> dict[str, Any]:
    """Sign an addendum; the signed report stays as it is."""
    row = opened_study(site, session, study)
    words = {
        "text": body.text, "language": body.language, "why": body.why, "base": str(body.base),
        "otp": body.otp,
    }  # fmt: skip
    try:
        add(site.box, site.people, session, row, words)
    except OtpWrong as error:
        site.note_failed(session.user, error.code)
        raise
    return _state(site, session, row)


@router.get("/studies/{study}/report/versions/{identity}/{document}")
def read_document(
    site: TheSite, session: MayOpen, study: str, identity: str, document: Literal["pdf", "fhir"]
) -> Response:
    """Return a signed version's PDF or its FHIR DiagnosticReport."""
    opened_study(site, session, study)
    if all(one["id"] != identity for one in versions_of(site.box, study)):
        raise NotFound
    rows = site.box.database.query(
        "SELECT blob FROM report_object WHERE study = ? AND id = ? AND label = ?"
        " ORDER BY at DESC LIMIT 1",
        (study, identity, document),
    )
    if not rows:
        raise DocumentWaits
    with site.box.blobs.open(rows[0][0], site.box.vault.key(study)) as blob:
        data = blob.read()
    kind = "application/pdf" if document == "pdf" else "application/fhir+json"
    ending = "pdf" if document == "pdf" else "json"
    return Response(
        data, media_type=kind,
        headers={"Content-Disposition": f'inline; filename="report-{identity}.{ending}"',
                 "Cache-Control": "no-store"},
    )  # fmt: skip


@router.get("/studies/{study}/report/picture")
def read_picture(site: TheSite, session: MayOpen, study: str, frame: str) -> Response:
    """Return a frame with the outlines that stand on it now, as the report would print it."""
    opened_study(site, session, study)
    outlines = outlines_on(site.box, study, [frame])[frame]
    data = png_of(key_image(site.box, study, frame, outlines))
    return Response(data, media_type="image/png", headers={"Cache-Control": "private, no-cache"})


@router.get("/report/phrases")
def phrases(site: TheSite, session: MayWrite) -> dict[str, Any]:
    """Return the phrase templates in use."""
    rows = [one.as_json() for one in offered_phrases(site.box)]
    return {"rows": rows, "may_edit": session.may("report.phrases")}


@router.get("/report/phrases/all")
def all_phrases(site: TheSite, _session: MayWrite) -> dict[str, Any]:
    """Return every template with all its versions, those out of use too."""
    return {"rows": phrase_history(site.box)}


@router.put("/report/phrases/{identity}")
def edit_phrase(
    site: TheSite, session: MayEditPhrases, identity: str, body: PhraseForm
) -> dict[str, Any]:
    """Keep a new version of a template."""
    made: Phrase = save_phrase(site.box, identity, body.model_dump(), session.user)
    site.note(session, "phrase saved", {"phrase": made.name})
    return made.as_json()


@router.post("/report/phrases/{identity}/retire")
def retire_phrase(
    site: TheSite, session: MayEditPhrases, identity: str, body: PhraseOut
) -> dict[str, Any]:
    """Take a template out of use; reports that used it keep their words."""
    made = save_phrase(site.box, identity, body.model_dump(), session.user, retired=True)
    site.note(session, "phrase retired", {"phrase": made.name})
    return made.as_json()


def _state(site: Site, session: Session, row: dict[str, Any]) -> dict[str, Any]:
    box, study = site.box, row["study"]
    versions = versions_of(box, study)
    card = card_of(box, row)
    newest = versions[-1] if versions else None
    frozen = newest is not None and newest["kind"] != "preliminary"
    draft = None if frozen else draft_of(box, study, session.user)
    if draft is not None:
        content = draft.content
    elif newest is not None:
        # An addendum stands beside the report that it adds to; the form shows the report.
        whole = next(one for one in reversed(versions) if one["kind"] != "addendum")
        content = content_of(whole["body"]["content"])
    else:
        _, found, _ = checked(box, row, Content())
        content = Content(found.offered, severity=offered_severity(found.case))
    return {
        "draft": None if draft is None else draft.as_json(),
        "content": content.as_json(),
        "base": newest["version"] if newest else 0,
        "state": newest["kind"] if newest else "none",
        "versions": versions,
        "others": writing(box, study, session.user),
        "may": {
            "write": session.may("report.write") and not frozen,
            "sign": session.may("report.sign") and not frozen,
            "add": session.may("report.sign") and frozen,
        },
        "documents": _documents(site, study),
        "pictures": offered_pictures(box, study),
        "codes": code_tables(),
        "card": {name: card[name] for name in ("state", "due_at", "overdue")},
        **_shown(site, row, content),
    }  # fmt: skip


def _shown(site: Site, row: dict[str, Any], content: Content) -> dict[str, Any]:
    """Return what stands beside a draft: its words, prompts, and what changed under it."""
    _, found, known = checked(site.box, row, content)
    return {
        "said": [one.as_json() for one in told_of(content, known.phrases or {})],
        "prompts": [one.as_json() for one in prompts(content, known)],
        "changes": [one.as_json() for one in changes(content, found.offered)],
        "offered": [statement_json(one) for one in found.offered],
        "basis": found.basis,
        "facts": list(found.facts),
        "severity": [asdict(one) for one in known.severity],
        "follow_up": None if found.follow_up is None else found.follow_up.as_json(),
    }  # fmt: skip


def _documents(site: Site, study: str) -> list[dict[str, Any]]:
    rows = site.box.database.query(
        "SELECT o.id, o.label, o.sop_instance, o.at, d.destination, d.state FROM report_object o"
        " LEFT JOIN delivery d ON d.study = o.study AND d.sop_instance = o.sop_instance"
        " AND o.sop_instance != '' WHERE o.study = ? ORDER BY o.at, o.label",
        (study,),
    )
    names = ("id", "label", "sop_instance", "at", "destination", "state")
    return [dict(zip(names, one, strict=True)) for one in rows]
