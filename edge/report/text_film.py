"""What the draft says of a radiograph beside its score: interval, extent, Timika score. Pure.

Extent and Timika score stage known or suspected tuberculosis, so they are told only at or above the
threshold; a cavity on a radiograph is never more than suspected.
"""

from __future__ import annotations

from typing import NamedTuple

from core.imaging.dr_zones import ZONES
from core.imaging.result import TbScore
from edge.report.codes import site_code

#: A zone with less than this share affected is not named.
_NAMED_PERCENT = 5.0


class FilmNote(NamedTuple):
    """One sentence of the findings, both languages, with the measurements that it states."""

    zh: str
    en: str
    sources: tuple[str, ...]


def film_notes(tb: TbScore) -> list[FilmNote]:
    """Return the sentences, as far as the model told what they state."""
    notes = []
    if tb.interval is not None:
        low, high = tb.interval
        notes.append(
            FilmNote(
                f"评分的 95% 区间为 {low:.2f}～{high:.2f}。",
                f"The score's 95 % interval is {low:.2f} to {high:.2f}.",
                ("tb.interval",),
            )
        )
    if tb.positive and "timika" in tb.extra:
        notes.append(_extent(tb.extra))
    return notes


def _extent(extra: dict[str, float]) -> FilmNote:
    whole, hollow = extra["affected_percent"], extra.get("cavity_suspected", 0.0) > 0
    named = [
        (site_code(zone), extra[key], f"tb.{key}")
        for zone in ZONES
        if extra.get(key := f"affected_{zone}_percent", 0.0) >= _NAMED_PERCENT
    ]
    zones_zh = "、".join(f"{site.zh} {share:.0f}%" for site, share, _ in named)
    zones_en = ", ".join(f"{site.en} {share:.0f} %" for site, share, _ in named)
    cavity_zh = "疑似空洞，计 40 分；" if hollow else ""
    cavity_en = "a suspected cavity counts 40; " if hollow else ""
    return FilmNote(
        f"AI 标示的受累范围约占肺野 {whole:.0f}%{f'（{zones_zh}）' if named else ''}，"
        f"Timika 评分约 {extra['timika']:.0f}（{cavity_zh}该评分源自涂阳成人，仅供参考）。",
        f"The area marked by the AI is about {whole:.0f} % of the lung fields"
        f"{f' ({zones_en})' if named else ''}; Timika score about {extra['timika']:.0f} "
        f"({cavity_en}derived in smear-positive adults, for orientation only).",
        ("tb.affected_percent", "tb.timika", "tb.cavity_suspected", *(key for *_, key in named)),
    )
