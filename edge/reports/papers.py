"""What a version's documents say, gathered from its record and the study's row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from core.dicom.person import display_name, display_text
from edge.report.physician.classes import classification_of
from edge.report.physician.content import TITLES, Content, Language, content_of
from edge.report.physician.exhibits import TITLE, table_lines
from edge.report.physician.fhir import Subject
from edge.report.physician.letter import Letter, Letterhead, Part, Person, pages, pdf_of
from edge.report.physician.objects import Document
from edge.report.physician.phrases import Phrasebook
from edge.report.physician.words import coded_lines, sections_of
from edge.reports.pictures import printed_pictures
from edge.store.box import Box

_SEX: Final = {"M": "男", "F": "女", "O": "其他"}
NOTE: Final = "本报告由签发医师负责，仅供临床医师结合病情参考。"


def letterhead_of(box: Box) -> Letterhead:
    """Return the hospital's letterhead; a logo is a file in the box's folder."""
    settings = box.settings.report
    logo = box.folder / settings.logo if settings.logo else None
    return Letterhead(box.settings.hospital, settings.department, settings.contact, logo)


def person_of(row: Mapping[str, Any]) -> Person:
    """Return the patient's block of a report."""
    facts = (
        ("姓名", display_name(row["patient_name"] or "")),
        ("检查日期", _day(row["study_date"] or "")),
        ("性别", _SEX.get(row["sex"] or "", "—")),
        ("检查号", row["accession"] or ""),
        ("出生日期", _day(row["birth_date"] or "")),
        ("检查项目", display_text(f"{row['modality'] or ''} {row['description'] or ''}".strip())),
        ("患者编号", row["patient_id"] or ""),
        ("设备", display_text(f"{row['manufacturer'] or ''} {row['model'] or ''}".strip())),
    )
    return Person(facts)


def parts_of(content: Content, book: Phrasebook, language: Language) -> list[Part]:
    """Return a version's parts in one language, the coded fields last."""
    at = 0 if language == "zh" else 1
    parts = [
        Part(TITLES[section][at], tuple(lines))
        for section, lines in sections_of(content, book, language)
    ]
    table = content.follow_up
    if table is not None:
        said = (table.conclusion_zh, table.conclusion_en)[at]
        days = f"{_day(table.prior_date)} → {_day(table.current_date)}"
        lines = (f"{days}　{said}",)
        parts.append(Part(TITLE[at], lines, table_lines(table, at) if table.rows else ()))
    coded = coded_lines(content, language)
    if coded:
        parts.append(Part(("分类与分级", "Classification")[at], tuple(coded)))
    return parts


def letter_of(
    box: Box, row: Mapping[str, Any], chain: Sequence[Mapping[str, Any]], book: Phrasebook
) -> Letter:
    """Return the printed form of the newest of ``chain`` (the signed version, then its addenda).

    The newest addendum stands first; what it adds to follows whole, as it was signed.
    """
    signed, addenda = chain[0], chain[1:]
    zh: list[Part] = []
    en: list[Part] = []
    for one in reversed(addenda):
        body = one["body"]
        why = {"correction": "更正", "supplement": "补充"}[body["why"]]
        said = sections_of(content_of(body["content"]), book, "zh")
        lines = [line for _, part in said for line in part]
        zh.append(Part(f"【补充报告（{why}）】", (*lines, f"{body['name']}　{local(body['at'])}")))
    if addenda:
        zh.append(Part(f"以下为 {local(signed['body']['at'])} 签发的原报告", ()))
    content = content_of(signed["body"]["content"])
    zh += parts_of(content, book, "zh")
    en += [Part("English version from the same coded content", ()), *parts_of(content, book, "en")]
    return Letter(
        head=letterhead_of(box),
        title="影像诊断报告（含补充报告）" if addenda else "影像诊断报告",
        person=person_of(row),
        parts=(*zh, *en),
        signed=tuple(_signed_lines(chain)),
        note=NOTE,
        pictures=tuple(printed_pictures(box, row["study"], signed["body"])),
    )


def _signed_lines(chain: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = []
    basis = chain[0]["body"].get("basis") or {}
    if basis.get("model"):
        lines.append(
            f"AI 辅助：{basis['model']} {basis['version']}（结果第 {basis['result']} 版），"
            "语句均经医师确认。 / AI-assisted; every statement confirmed by a physician."
        )
    for one in chain:
        body = one["body"]
        what = "补充报告签发" if one["kind"] == "addendum" else "报告签发"
        lines.append(f"{what}：{body['name']}　{local(body['at'])}　（电子签名，动态验证码）")
        lines.append(f"SHA-256 {body['digest']}")
    return lines


def document_of(
    box: Box, chain: Sequence[Mapping[str, Any]], book: Phrasebook, correction: str
) -> Document:
    """Return what the DICOM objects of the newest of ``chain`` say."""
    newest = chain[-1]["body"]
    signed = content_of(chain[0]["body"]["content"])
    added = tuple(
        ("addendum", tuple(line for _, part in sections_of(content_of(one["body"]["content"]),
                                                          book, "zh") for line in part))
        for one in reversed(chain[1:])
    )  # fmt: skip
    zh = tuple((s, tuple(lines)) for s, lines in sections_of(signed, book, "zh"))
    en = tuple((s, tuple(lines)) for s, lines in sections_of(signed, book, "en"))
    return Document(
        identity=f"{newest['id']}:{correction}", author=newest["name"],
        organisation=box.settings.hospital, zh=(*added, *zh), en=en,
        classification=classification_of(chain[0]["body"]["content"]["classification"]),
    )  # fmt: skip


def subject_of(box: Box, row: Mapping[str, Any]) -> Subject:
    """Return the patient and examination as the FHIR resource names them."""
    return Subject(
        patient_id=row["patient_id"] or "", name=display_name(row["patient_name"] or ""),
        sex=row["sex"] or "", birth_date=row["birth_date"] or "", study_uid=row["study_uid"],
        study_date=row["study_date"] or "", modality=row["modality"] or "",
        accession=row["accession"] or "", organisation=box.settings.hospital,
    )  # fmt: skip


def printed(letter: Letter, at: datetime) -> bytes:
    """Return the letter as PDF. Raises FontMissing."""
    return pdf_of(pages(letter), at.timetuple(), letter.title)


def local(iso: str) -> str:
    """Return an instant in the hospital's clock."""
    return f"{datetime.fromisoformat(iso).astimezone():%Y-%m-%d %H:%M}"


def _day(text: str) -> str:
    digits = text.replace("-", "")
    return f"{digits[:4]}-{digits[4:6]}-{digits[6:8]}" if len(digits) == 8 else text


def logo_file(folder: Path, name: str) -> Path | None:
    """Return the logo's file where the settings name one."""
    return folder / name if name else None
