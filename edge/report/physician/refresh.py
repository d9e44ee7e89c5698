"""What changed under a draft since its statements were made. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from edge.report.physician.content import Content, Statement, statement_json
from edge.report.physician.wording import words_of

What = Literal["changed", "gone", "new"]


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between a draft and what the box offers now.

    ``numbers`` lists (argument, before, after); ``offered`` is the statement to take over, None of
    one whose measurement is gone.
    """

    key: str
    what: What
    before_zh: str
    after_zh: str
    before_en: str
    after_en: str
    numbers: tuple[tuple[str, Any, Any], ...] = ()
    offered: Statement | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it in JSON types."""
        return {
            "key": self.key, "what": self.what, "before_zh": self.before_zh,
            "after_zh": self.after_zh, "before_en": self.before_en, "after_en": self.after_en,
            "numbers": [list(one) for one in self.numbers],
            "offered": None if self.offered is None else statement_json(self.offered),
        }  # fmt: skip


def changes(content: Content, offered: Sequence[Statement]) -> tuple[Change, ...]:
    """Return what differs; a statement that a person reworded or took out is left alone.

    A record's statement (technique, comparison) counts as the AI's does: the draft must say what
    the record says.
    """
    by_key = {one.key: one for one in offered}
    known = {one.key for one in content.statements} | {one.replaces for one in content.statements}
    found = []
    for one in content.statements:
        if one.way != "bound":
            continue
        now = by_key.get(one.key)
        if now is None:
            found.append(_change("gone", one, None))
        elif not _same(one.arguments, now.arguments):
            found.append(_change("changed", one, now))
    fresh = [o for o in offered if o.key not in known and o.key not in content.dismissed]
    return (*found, *(_change("new", None, one) for one in fresh))


def renewed(content: Content, offered: Sequence[Statement]) -> Content:
    """Return the content with every difference taken over; what changed is unconfirmed again."""
    by_key = {one.key: one for one in offered}
    gone = {change.key for change in changes(content, offered) if change.what == "gone"}
    kept = [
        by_key[one.key]
        if one.way == "bound"
        and one.key in by_key
        and not _same(one.arguments, by_key[one.key].arguments)
        else one
        for one in content.statements
        if one.key not in gone
    ]
    fresh = [c.offered for c in changes(content, offered) if c.what == "new" and c.offered]
    return replace(content, statements=(*kept, *fresh))


def stale(content: Content, offered: Sequence[Statement]) -> tuple[str, ...]:
    """Return the keys of bound statements that no longer say what the box measured."""
    return tuple(c.key for c in changes(content, offered) if c.what in ("changed", "gone"))


def _same(first: Mapping[str, Any], second: Mapping[str, Any]) -> bool:
    return dict(first) == dict(second)


def _change(what: What, before: Statement | None, after: Statement | None) -> Change:
    old = None if before is None else words_of(before.template, before.arguments)
    new = None if after is None else words_of(after.template, after.arguments)
    numbers: list[tuple[str, Any, Any]] = []
    if before is not None and after is not None:
        names = sorted(set(before.arguments) | set(after.arguments))
        pairs = [(n, before.arguments.get(n), after.arguments.get(n)) for n in names]
        numbers = [(n, a, b) for n, a, b in pairs if a != b]
    one = after or before
    assert one is not None
    return Change(
        one.key, what,
        old.zh if old else "", new.zh if new else "", old.en if old else "", new.en if new else "",
        tuple(numbers), after,
    )  # fmt: skip
