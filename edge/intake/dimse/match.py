"""Attribute matching of C-FIND (and QIDO): pure functions on text.

Source: PS3.4 C.2.2.2 (single value, list of UID, universal, wildcard, range), plus what Chinese
users need: person names match without regard to case, accents and separators, and by pinyin.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from core.dicom.detect import has_han
from core.dicom.names import matching_letters as _fold
from core.dicom.names import name_keys

Kind = Literal["equal", "list", "wildcard", "range", "name"]
_WILDCARD_VRS = frozenset({"AE", "CS", "LO", "LT", "SH", "ST", "UC", "UR", "UT"})
_RANGE_VRS = frozenset({"DA", "TM", "DT"})
# Values that users list in one key although the standard knows lists for UIDs only.
_LISTED_VRS = frozenset({"UI", "CS"})
_MAX_PATTERN = 256


@dataclass(frozen=True, slots=True)
class Matcher:
    """One matching key: what the value of `keyword` must satisfy.

    `values` holds one text (equal, wildcard, name), several (list), or the two inclusive ends of
    a range, either of which may be empty.
    """

    keyword: str
    kind: Kind
    values: tuple[str, ...]


def matcher_of(keyword: str, vr: str, values: Sequence[str]) -> Matcher | None:
    """Return the matcher of one key, or None where it matches everything (universal matching)."""
    texts = [v.strip() for v in values if v.strip()]
    if not texts or all(t.strip("*") == "" for t in texts):
        return None
    if len(texts) > 1 and vr in _LISTED_VRS:
        return Matcher(keyword, "list", tuple(texts))
    text = "\\".join(texts)[:_MAX_PATTERN]
    if vr == "PN":
        return Matcher(keyword, "name", (text,))
    if vr in _RANGE_VRS:
        return _range(keyword, vr, text)
    if vr in _WILDCARD_VRS and ("*" in text or "?" in text):
        return Matcher(keyword, "wildcard", (text,))
    return Matcher(keyword, "equal", (text,))


def matches(record: Mapping[str, object], matchers: Sequence[Matcher]) -> bool:
    """Say whether a record satisfies every matcher; an absent value satisfies none."""
    return all(_satisfies(record.get(m.keyword), m) for m in matchers)


def _satisfies(value: object, matcher: Matcher) -> bool:
    if value is None:
        return False
    values = value if isinstance(value, list | tuple) else [value]
    return any(_one(_text(v), matcher) for v in values)


def _text(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _one(value: str, matcher: Matcher) -> bool:
    wanted = matcher.values[0]
    if matcher.kind == "name":
        return name_matches(value, wanted)
    if matcher.kind == "wildcard":
        return glob_matches(wanted.casefold(), value.casefold())
    if matcher.kind == "list":
        return value in matcher.values
    if matcher.kind == "range":
        return _within(value, *matcher.values)
    return value == wanted or value.casefold() == wanted.casefold()


def name_matches(value: str, wanted: str) -> bool:
    """Say whether a person name satisfies a query.

    Case, accents, width and the separators ``^ =`` and blanks do not count; ``*`` and ``?`` are
    wildcards; letters are also compared with the pinyin and, as a whole, the initials of a Han
    name. A query without ``=`` is compared with every group. Without a wildcard the whole name
    (or its leading components, if the query has fewer) must agree.
    """
    groups = value.split("=")
    if "=" in wanted:
        pairs = zip(wanted.split("="), [*groups, "", ""], strict=False)
        return all(_group_matches(have, want) for want, have in pairs if want.strip("*^ "))
    if any(_group_matches(g, wanted) for g in groups if g):
        return True
    if has_han(wanted):
        return False
    pattern = _fold(wanted)
    keys = name_keys(value)
    return any(glob_matches(pattern, k) for k in (keys.pinyin, keys.initials) if k)


def _group_matches(have: str, want: str) -> bool:
    if glob_matches(_fold(want), _fold(have)):
        return True
    components = want.rstrip("^").split("^")
    if len(components) < 2:
        return False
    # ZHANG^S* must not let the family name end where it likes.
    parts = have.split("^")
    return all(
        not c.strip("*") or glob_matches(_fold(c), _fold(p))
        for c, p in zip(components, [*parts, *[""] * len(components)], strict=False)
    )


def needle_of(wanted: str) -> str:
    """Return the longest run of letters that every name matching the query has.

    It stands in ``core.dicom.names.matched_text`` of each of them; empty where the query has none.
    """
    # The first three groups are always compared; each must match, so any one will do.
    groups = wanted.split("=")[:3]
    components = [c for group in groups if group.strip("*^ ") for c in group.split("^")]
    runs = [run for c in components for run in re.split(r"[*?]", _fold(c))]
    return max(runs, key=len, default="")


def glob_matches(pattern: str, text: str) -> bool:
    """Say whether ``*`` and ``?`` patterns fit the whole text; time is at most their product.

    Not a regular expression: ``*a*a*a…`` from a hostile peer would take for ever.
    """
    at = mark = 0
    star = -1
    position = 0
    while position < len(text):
        if at < len(pattern) and pattern[at] == "*":
            star, mark = at, position
            at += 1
        elif at < len(pattern) and pattern[at] in ("?", text[position]):
            at += 1
            position += 1
        elif star >= 0:
            mark += 1
            at, position = star + 1, mark
        else:
            return False
    return pattern[at:].strip("*") == ""


def _range(keyword: str, vr: str, text: str) -> Matcher:
    if vr == "DA":
        text = re.sub(r"(?<=\d{4})[.-](\d{2})[.-](?=\d{2})", r"\1", text)
    low, dash, high = text.partition("-")
    if vr == "DT" and dash and re.fullmatch(r"\d{4}", high) and len(low) > 8:
        dash = ""  # a lone negative offset from UTC, not a range (PS3.4 C.2.2.2.5)
        low = low.strip()
    if not dash:
        if vr == "DA":
            return Matcher(keyword, "equal", (_plain(text),))
        return Matcher(keyword, "range", (_plain(low), _last_of(_plain(low))))
    return Matcher(keyword, "range", (_plain(low), _last_of(_plain(high))))


def _plain(text: str) -> str:
    """Digits and the fraction's point; 2026.11.22, 2026-11-22 and 10:30 were legal once."""
    return re.sub(r"[^0-9.]", "", text)


def _last_of(text: str) -> str:
    """Return the end of the period that a shortened time names: ``10`` is until 10:59:59."""
    return text + "\uffff" if text else ""


def _within(value: str, low: str, high: str) -> bool:
    plain = _plain(value)
    return bool(plain) and (not low or plain >= low) and (not high or plain <= high)
