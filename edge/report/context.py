"""What every result object needs beside its findings: sources, method, times, review.

Invariants:

1. UIDs come from the input and the method (2.25 under SHA-256), never from a random source:
   writing the same result twice gives the same object, so a repeated job is harmless at the PACS.
2. Times are passed in. Nothing here reads a clock.
3. Text goes out as UTF-8 (``ISO_IR 192``), never in the source's character set.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pydicom.dataset import Dataset
from pydicom.uid import UID

from edge.report.errors import MixedSources, NoSourceImages, SourceIncomplete

MANUFACTURER: Final = "Xinglin"
RESEARCH_ONLY_ZH: Final = "仅供研究，不得作为诊断依据。"
RESEARCH_ONLY_EN: Final = "For research only; not a basis for diagnosis."
UNREVIEWED_ZH: Final = "AI 结果，未经医师审核。"
UNREVIEWED_EN: Final = "AI result, not reviewed by a physician."


@dataclass(frozen=True, slots=True)
class Review:
    """Who answers for a reviewed result. ``name`` in DICOM PN form (``ZHANG^SAN=张^三``)."""

    name: str
    organisation: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Correction:
    """What a physician decided lesion by lesion.

    Attributes
    ----------
    decisions : tuple of (int, str)
        Of each lesion that stands: ``accepted``, ``changed`` or ``added``.
    counts : tuple of (str, int)
        Lesions by decision, rejected ones too.
    disagreed : tuple of (str, str, str)
        Case-level statements disagreed with: code, the AI's value, coded reason.
    """

    decisions: tuple[tuple[int, str], ...]
    counts: tuple[tuple[str, int], ...]
    disagreed: tuple[tuple[str, str, str], ...] = ()

    def of(self, lesion: int) -> str:
        """Return the decision on a lesion."""
        return dict(self.decisions).get(lesion, "accepted")

    @property
    def is_change(self) -> bool:
        """Whether anything differs from what the AI proposed."""
        counts = dict(self.counts)
        return any(counts.get(name) for name in ("changed", "rejected", "added"))


@dataclass(frozen=True, slots=True)
class Station:
    """The box that made the result (device observer, TID 1004)."""

    device_uid: str
    name: str = "XINGLIN"
    serial: str = "0"
    software_version: str = "0.1.0"
    institution: str = ""


@dataclass(frozen=True, slots=True)
class ResultContext:
    """Everything about a result that is not a finding.

    Attributes
    ----------
    sources : tuple of Dataset
        Headers of the analysed images (pixel data not needed), text already decoded: one CT
        series, one enhanced multi-frame object, or one radiograph.
    model, version : str
        Name and version of the method that made the findings.
    made_at : datetime
        When the findings were made, local time of the hospital. Take it from the record, not from
        the clock, so that a repeated job writes the same bytes.
    station : Station
    calibration_set : str or None
        What the method's threshold or probabilities were calibrated on.
    review : Review or None
        ``None`` says that no physician has reviewed the result.
    edition : str
        Tells two results of the same images and method apart, e.g. the id of the override record.
    predecessors : tuple of Dataset
        SR documents that this result supersedes (class, instance, series and study UID are read).
    correction : Correction or None
        What the review changed; None where it spoke of the findings as a whole.
    """

    sources: tuple[Dataset, ...]
    model: str
    version: str
    made_at: datetime
    station: Station
    calibration_set: str | None = None
    review: Review | None = None
    edition: str = ""
    predecessors: tuple[Dataset, ...] = ()
    correction: Correction | None = None

    @property
    def reviewed(self) -> bool:
        """Whether a physician answers for this result."""
        return self.review is not None


def uid_from(*parts: str) -> UID:
    """Return the UID under 2.25 that belongs to ``parts`` (PS3.5 B.2; RFC 9562 version 8)."""
    digest = hashlib.sha256("\x1f".join(parts).encode()).digest()
    number = int.from_bytes(digest[:16], "big")
    number = (number & ~(0xF << 76)) | (8 << 76)
    number = (number & ~(0x3 << 62)) | (2 << 62)
    return UID(f"2.25.{number}")


def result_uid(context: ResultContext, kind: str, *payload: str) -> UID:
    """Return the UID of one result object or series.

    Parameters
    ----------
    context : ResultContext
    kind : str
        What the UID names, e.g. ``"seg"`` or ``"series:sr"``.
    *payload : str
        What else decides the object's content (a digest of the label map, the coded findings).
    """
    first = context.sources[0]
    images = sorted(str(source.SOPInstanceUID) for source in context.sources)
    reviewed = "" if context.review is None else repr(context.review)
    return uid_from(
        kind,
        str(first.StudyInstanceUID),
        str(first.SeriesInstanceUID),
        *images,
        context.model,
        context.version,
        context.edition,
        reviewed,
        *payload,
    )


def statement_zh(context: ResultContext) -> str:
    """Return what must be said with every result, Chinese."""
    if context.review is None:
        return UNREVIEWED_ZH + RESEARCH_ONLY_ZH
    return f"AI 结果，已由医师审核{_changes(context)[0]}。{RESEARCH_ONLY_ZH}"


def statement_en(context: ResultContext) -> str:
    """Return what must be said with every result, English."""
    if context.review is None:
        return f"{UNREVIEWED_EN} {RESEARCH_ONLY_EN}"
    return f"AI result, reviewed by a physician{_changes(context)[1]}. {RESEARCH_ONLY_EN}"


def _changes(context: ResultContext) -> tuple[str, str]:
    """Return how many lesions got each decision, Chinese and English; nothing without any."""
    if context.correction is None:
        return "", ""
    counts = dict(context.correction.counts)
    names = (("accepted", "采纳"), ("changed", "修改"), ("rejected", "剔除"), ("added", "新增"))
    zh = "，".join(f"{word} {counts.get(name, 0)}" for name, word in names)
    en = ", ".join(f"{counts.get(name, 0)} {name}" for name, _ in names)
    return f"（{zh}）", f" ({en})"


def check_sources(sources: Sequence[Dataset]) -> None:
    """Refuse sources that no result can be written for.

    Raises
    ------
    NoSourceImages, SourceIncomplete, MixedSources
    """
    if not sources:
        raise NoSourceImages
    for source in sources:
        for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID"):
            if not source.get(keyword):
                raise SourceIncomplete(keyword=keyword)
    for keyword, zh, en in (
        ("StudyInstanceUID", "检查", "study"),
        ("SeriesInstanceUID", "序列", "series"),
        ("PatientID", "患者", "patient"),
    ):
        if len({str(source.get(keyword, "")) for source in sources}) > 1:
            raise MixedSources(what_zh=zh, what_en=en)
