"""An audit export: JSON lines that anybody can verify without the side that made it.

First ``{"audit": "xinglin audit v1", "node", "side", "at"}``, then public keys, signed heads with
who kept them, then every record of every chain as it is kept (bodies sealed as they are), at last
``{"end": records}``. A list of heads alone (what one side witnessed of the other) has no records.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any

from core.audit.errors import ExportBroken
from core.audit.verifying import Chain, Witness
from core.journal.chain import Kept
from core.journal.checkpoint import Checkpoint
from core.seals.text import from_base64url, to_base64url

FORMAT = "xinglin audit v1"


@dataclass(frozen=True, slots=True)
class Opening:
    """What an export begins with.

    Attributes
    ----------
    side : str
        ``box`` or ``hub``.
    """

    node: str
    side: str
    at: str
    publics: dict[str, bytes]
    witnesses: tuple[Witness, ...]


def lines_of(opening: Opening, chains: Iterable[Chain]) -> Iterator[str]:
    """Yield the export's lines, each with its end."""
    head = {"audit": FORMAT, "node": opening.node, "side": opening.side, "at": opening.at}
    yield _line(head)
    for node, raw in sorted(opening.publics.items()):
        yield _line({"public": {"node": node, "key": raw.hex()}})
    for one in opening.witnesses:
        yield _line({"head": asdict(one.head), "by": one.by})
    count = 0
    for chain in chains:
        for row in chain.rows:
            if isinstance(row, Kept):
                count += 1
                yield _line({"row": {
                    "journal": chain.journal, "writer": row.writer, "seq": row.seq,
                    "header": to_base64url(row.header), "sealed": to_base64url(row.sealed),
                    "link": row.link.hex(),
                }})  # fmt: skip
    yield _line({"end": count})


class Export:
    """An export as it is read: the opening at once, the records in one pass after it.

    Attributes
    ----------
    whole : bool
        After the pass: whether the last line was there and counted right.
    """

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = enumerate(lines, 1)
        self._ahead: tuple[int, dict[str, Any]] | None = None
        self.whole = False
        self.opening = self._open()

    def chains(self) -> Iterator[Chain]:
        """Yield the chains in the file's order; each must be walked before the next."""
        groups = groupby(self._rows(), key=lambda one: (one[0], one[1].writer))
        for (journal, writer), rows in groups:
            yield Chain(journal, writer, (row for _, row in rows))

    def _open(self) -> Opening:
        n, first = self._next() or (1, {})
        if first.get("audit") != FORMAT:
            raise ExportBroken(line=n)
        publics: dict[str, bytes] = {}
        witnesses: list[Witness] = []
        while (line := self._next()) is not None:
            n, value = line
            try:
                if "public" in value:
                    publics[str(value["public"]["node"])] = bytes.fromhex(value["public"]["key"])
                elif "head" in value:
                    witnesses.append(Witness(_head(value["head"]), str(value["by"])))
                else:
                    self._ahead = line
                    break
            except (KeyError, TypeError, ValueError):
                raise ExportBroken(line=n) from None
        facts = [str(first.get(name, "")) for name in ("node", "side", "at")]
        return Opening(facts[0], facts[1], facts[2], publics, tuple(witnesses))

    def _rows(self) -> Iterator[tuple[str, Kept]]:
        count = 0
        line, self._ahead = self._ahead or self._next(), None
        while line is not None:
            n, value = line
            if "end" in value:
                self.whole = value["end"] == count and self._next() is None
                return
            yield _row(n, value)
            count += 1
            line = self._next()

    def _next(self) -> tuple[int, dict[str, Any]] | None:
        found = next(self._lines, None)
        if found is None:
            return None
        n, text = found
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            raise ExportBroken(line=n) from None
        if not isinstance(value, dict):
            raise ExportBroken(line=n)
        return n, value


def _row(n: int, value: dict[str, Any]) -> tuple[str, Kept]:
    try:
        row = value["row"]
        header, sealed = from_base64url(row["header"]), from_base64url(row["sealed"])
        if type(row["seq"]) is not int:
            raise ExportBroken(line=n)
        kept = Kept(str(row["writer"]), row["seq"], header, sealed, bytes.fromhex(row["link"]))
        return str(row["journal"]), kept
    except (KeyError, TypeError, ValueError):
        raise ExportBroken(line=n) from None


def _head(value: dict[str, Any]) -> Checkpoint:
    head = Checkpoint(**value)
    sound = type(head.seq) is int and head.seq > 0 and len(bytes.fromhex(head.link)) == 32
    if not sound or not all(isinstance(v, str) for v in (head.journal, head.writer, head.at)):
        raise ValueError
    bytes.fromhex(head.signature)
    return head


def _line(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n"
