"""A report's words in both languages, from its coded content. Pure.

Free words stay in the language they were typed in: the other side shows them as they are, with a
mark, never a translation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from core.imaging.result import Sentence
from edge.report.physician.classes import (
    BACTERIOLOGY,
    BASES,
    CRRS,
    HISTORY,
    RESISTANCE,
    SCALES,
    SCORE,
    SITES,
    STATES,
    TIERS,
    Classification,
    Severity,
    points_of,
)
from edge.report.physician.content import SECTIONS, TITLES, Content, Language, Section, Statement
from edge.report.physician.errors import ContentWrong
from edge.report.physician.phrases import Phrasebook, filled
from edge.report.physician.wording import words_of

_NUMBERED: Final = frozenset({"impression", "advice"})


@dataclass(frozen=True, slots=True)
class Said:
    """One statement in words; ``untranslated`` is the language that it is missing in."""

    key: str
    section: Section
    zh: str
    en: str
    origin: str
    unconfirmed: bool
    sources: tuple[str, ...]
    untranslated: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return it in JSON types."""
        return asdict(self) | {"sources": list(self.sources)}


def said(content: Content, phrases: Phrasebook) -> tuple[Said, ...]:
    """Return every statement in words, in order of the sections.

    Raises
    ------
    ContentWrong
        If a template is unknown or an argument is wrong.
    """
    ordered = sorted(content.statements, key=lambda one: SECTIONS.index(one.section))
    return tuple(_said(one, phrases) for one in ordered)


def _said(one: Statement, phrases: Phrasebook) -> Said:
    missing = ""
    if one.way == "free":
        text = one.text.strip()
        words, missing = Sentence(text, text), "en" if one.language == "zh" else "zh"
    elif one.way == "phrase":
        phrase = phrases.get(one.template)
        if phrase is None:
            raise ContentWrong(field=f"phrase {one.template[:40]}")
        words = filled(phrase, one.arguments)
    else:
        words = words_of(one.template, one.arguments)
    return Said(
        one.key, one.section, words.zh, words.en, one.origin, one.unconfirmed, one.sources,
        missing if words.zh else "",
    )  # fmt: skip


def text_of(content: Content, phrases: Phrasebook, language: Language) -> str:
    """Return the report as it is read: titles, findings as prose, the rest numbered."""
    blocks = []
    for section, lines in sections_of(content, phrases, language):
        title = TITLES[section][0 if language == "zh" else 1]
        head = f"【{title}】" if language == "zh" else title
        blocks.append(f"{head}\n" + "\n".join(lines))
    coded = coded_lines(content, language)
    return "\n\n".join([*blocks, "\n".join(coded)] if coded else blocks)


def sections_of(
    content: Content, phrases: Phrasebook, language: Language
) -> list[tuple[Section, list[str]]]:
    """Return each filled section's paragraphs: findings as prose, the rest numbered."""
    told = said(content, phrases)
    made = []
    for section in SECTIONS:
        lines = [line for one in told if one.section == section and (line := _line(one, language))]
        if not lines:
            continue
        if section in _NUMBERED:
            lines = [f"{n}. {line}" for n, line in enumerate(lines, start=1)]
        else:
            lines = ["".join(lines) if language == "zh" else " ".join(lines)]
        made.append((section, lines))
    return made


def _line(one: Said, language: Language) -> str:
    words = one.zh if language == "zh" else one.en
    if words and one.untranslated == language:
        return f"［原文］{words}" if language == "zh" else f"[original text] {words}"
    return words


def coded_lines(content: Content, language: Language) -> list[str]:
    """Return the coded fields that are filled, one line each, with their source."""
    at = 0 if language == "zh" else 1
    return _class_lines(content.classification, at) + [
        line for one in content.severity if one.confirmed and (line := _severity_line(one, at))
    ]


def _class_lines(found: Classification, at: int) -> list[str]:
    lines = []
    if found.tier:
        basis = ("、", ", ")[at].join(BASES[one.code][at] for one in found.basis)
        title = ("诊断分级（WS 288-2017）", "Tier (WS 288-2017)")[at]
        tail = (f"，依据：{basis}", f", basis: {basis}")[at] if basis else ""
        lines.append(f"{title}{('：', ': ')[at]}{TIERS[found.tier][at]}{tail}")
    parts = [
        table[value][at]
        for table, value in (
            (STATES, found.state), (SITES, found.site), (BACTERIOLOGY, found.bacteriology),
            (RESISTANCE, found.resistance), (HISTORY, found.history),
        )
        if value
    ]  # fmt: skip
    if parts:
        title = ("结核病分类（WS 196-2017）", "Classification (WS 196-2017)")[at]
        lines.append(f"{title}{('：', ': ')[at]}{('，', ', ')[at].join(parts)}")
    return lines


def _severity_line(one: Severity, at: int) -> str:
    from core.imaging.case_texts import SEVERITIES

    value = one.value
    if one.scale == "crrs":
        value = CRRS[one.value][at]
    elif one.scale == "score":
        named = [str(SCORE[item][at]) for item in SCORE if item in one.value.split(",")]
        points = points_of(one.value)
        value = (f"{points} 分", f"{points} points")[at]
        value += (f"（{'、'.join(named)}）", f" ({', '.join(named)})")[at] if named else ""
    elif one.scale == "nta" and one.value in SEVERITIES:
        name = SEVERITIES[one.value]
        value = (name.zh, name.en)[at]
    note = (one.note_zh, one.note_en)[at]
    tail = (f"（{note}）", f" ({note})")[at] if note else ""
    return f"{SCALES[one.scale][at]}{('：', ': ')[at]}{value}{tail}"


def impression_of(content: Content, phrases: Phrasebook) -> Sequence[Said]:
    """Return the statements of the impression that say something."""
    return [one for one in said(content, phrases) if one.section == "impression" and one.zh]
