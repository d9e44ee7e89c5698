"""Reading a chain out of a damaged database: row by row, past the pages that cannot be read.

SQLCipher authenticates every page; one flipped bit makes its page unreadable and the connection
useless. Each loss therefore costs a new connection, which takes about a millisecond.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlcipher3 import dbapi2 as sqlcipher

from core.journal.chain import Unread
from core.journal.database import Database

#: After so many losses in a row the rest of a chain is given up: a large part of the file is gone.
MOST_LOST = 2_000
#: What a damaged page is met with; SQLCipher answers some reads of one as if out of memory.
DAMAGE = (sqlcipher.DatabaseError, MemoryError)


def is_damage(error: BaseException) -> bool:
    """Return whether an error is about the file; a lock that is held too long is not."""
    return "locked" not in str(error)


def tried(database: Database, sql: str, parameters: tuple[Any, ...] = ()) -> list[Any] | None:
    """Return the rows of a read; None, with a fresh connection, where they cannot be read."""
    try:
        return database.query(sql, parameters)
    except DAMAGE as error:
        if not is_damage(error):
            raise
        database.reopen()
        return None


def salvage(
    database: Database, select: str, writer: str, first: int, last: int
) -> Iterator[Any | Unread]:
    """Yield the rows of seq ``first`` … ``last`` one by one, and what cannot be read.

    Parameters
    ----------
    select : str
        A query of one row by writer and seq.

    Yields
    ------
    tuple
        A row; nothing for a seq that is not there.
    Unread
        One for each run of rows that cannot be read; the last may reach to ``last`` unseen.
    """
    lost_from = 0
    for seq in range(first, last + 1):
        rows = tried(database, select, (writer, seq))
        if rows is None:
            lost_from = lost_from or seq
            if seq - lost_from >= MOST_LOST:
                break
            continue
        if lost_from:
            yield Unread(writer, lost_from, seq - 1)
            lost_from = 0
        yield from rows
    if lost_from:
        yield Unread(writer, lost_from, last)
