"""What Chinese words of a report say of lesions: kind, side, size, denial. Pure, and modest.

Not language understanding: a clause is read for the words that films are reported with. It finds
contradictions worth asking about; what it does not find is not thereby right.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

#: Word of a report → (name, the kinds of lesion that it may mean). Longer words stand first.
_WORDS: Final[tuple[tuple[str, str, frozenset[str]], ...]] = (
    ("空洞", "cavity", frozenset({"cavity"})),
    ("树芽", "tree_in_bud", frozenset({"tree_in_bud"})),
    ("粟粒", "miliary", frozenset({"miliary"})),
    ("实变", "consolidation", frozenset({"consolidation"})),
    ("钙化", "calcification", frozenset({"calcification"})),
    ("积液", "pleural_effusion", frozenset({"pleural_effusion"})),
    ("胸膜增厚", "pleural_thickening", frozenset({"pleural_thickening"})),
    ("肿块", "mass", frozenset({"mass"})),
    ("结节", "nodule", frozenset(
        {"solid_nodule", "ground_glass_nodule", "part_solid_nodule", "mass"})),
)  # fmt: skip
_CLAUSE: Final = re.compile(r"[，；。;\n]")
_SENTENCE: Final = re.compile(r"[；。;\n]")
_NO_SIZE: Final = "|".join(("壁厚", "层厚", "厚度", "厚", "间隔", "间距"))
_SIZE: Final = re.compile(
    rf"({_NO_SIZE})?[\s约为]*(\d+(?:\.\d+)?)\s*(mm|毫米|厘米|cm)"
    r"(?:\s*[×xX*]\s*(\d+(?:\.\d+)?)\s*(mm|毫米|厘米|cm))?"
)
_DENIED: Final = re.compile(r"未见|无|未发现|没有|未显示")
_HEDGES: Final = (
    "疑似", "可疑", "考虑", "可能", "待排", "不除外", "不能排除", "除外", "待查", "？", "?", "陈旧",
    "倾向", "未见", "鉴别", "请结合", "不能据此",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mention:
    """One kind of lesion in one clause.

    ``text`` is the clause with what follows it up to the full stop, where its size stands;
    ``sides`` is empty where no side is named in the sentence.
    """

    kind: str
    kinds: frozenset[str]
    sides: frozenset[str]
    denied: bool
    text: str


def mentions(text: str) -> list[Mention]:
    """Return the lesions that a Chinese text speaks of, clause by clause."""
    found = []
    for sentence in _SENTENCE.split(text):
        sides: frozenset[str] = frozenset()
        clauses = _CLAUSE.split(sentence)
        for at, clause in enumerate(clauses):
            sides = sides_of(clause) or sides
            denied = bool(_DENIED.search(clause))
            for part in re.split(r"[、及和]", clause) if denied else [clause]:
                for word, name, kinds in _WORDS:
                    if word in part:
                        rest = "，".join([clause, *_until_next(clauses[at + 1 :])])
                        found.append(Mention(name, kinds, sides, denied, rest))
    return found


def _until_next(clauses: list[str]) -> list[str]:
    """Return the clauses up to the next one that speaks of a lesion."""
    kept = []
    for clause in clauses:
        if any(word in clause for word, _, _ in _WORDS):
            break
        kept.append(clause)
    return kept


def sides_of(text: str) -> frozenset[str]:
    """Return the sides that a clause names."""
    if "双" in text or "两肺" in text or "两侧" in text:
        return frozenset({"right", "left"})
    return frozenset(side for side, word in (("right", "右"), ("left", "左")) if word in text)


def sizes_mm(text: str) -> list[float]:
    """Return the sizes in a text in millimetres; thickness and spacing are no sizes."""
    found = []
    for match in _SIZE.finditer(text):
        if match[1]:
            continue
        for number, unit in ((match[2], match[3]), (match[4], match[5])):
            if number:
                found.append(float(number) * (10.0 if unit in ("cm", "厘米") else 1.0))
    return found


def hedged(text: str) -> bool:
    """Say whether words leave the diagnosis open."""
    return any(word in text for word in _HEDGES)
