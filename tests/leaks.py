"""A search for secrets where a core dump, a disk image or a log would show them.

Each secret is looked for in every form in which a program might hold it: several encodings of a
text, hexadecimal, base64 at each alignment, JSON's and a URL's escapes, a key's bytes reversed (as
big numbers lie in memory). The search goes through a process's memory (every page that is writable
or nobody's file), and through files.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import numpy as np

_CHUNK = 8 << 20
_SHORTEST = 6
_ENCODINGS = ("utf-8", "utf-16-le", "utf-16-be", "gb18030", "latin-1")


def forms(secret: str | bytes) -> dict[bytes, str]:
    """Return how a secret may look, by what the form is called."""
    found: dict[bytes, str] = {}
    if isinstance(secret, str):
        plain = {}
        for name in _ENCODINGS:
            try:
                plain.setdefault(secret.encode(name), name)
            except UnicodeEncodeError:
                continue
        found[json.dumps(secret)[1:-1].encode()] = "JSON"
        found[quote(secret).encode()] = "URL"
    else:
        plain = {secret: "bytes", secret[::-1]: "reversed"}
    for data, name in plain.items():
        found[data] = name
        found[data.hex().encode()] = f"hex of {name}"
        found[data.hex().upper().encode()] = f"HEX of {name}"
        for shift in range(3):
            for encode in (base64.b64encode, base64.urlsafe_b64encode):
                found[_inner(encode, data, shift)] = f"base64 of {name}"
    return {data: name for data, name in found.items() if len(data) >= _SHORTEST}


def _inner(encode, data: bytes, shift: int) -> bytes:
    """Return the characters of base64 that depend on the data alone, wherever it begins."""
    whole = (shift + len(data)) * 8 // 6
    return encode(bytes(shift) + data)[(0, 2, 3)[shift] : whole]


class Search:
    """Looks for many byte strings at once.

    Positions whose first four bytes begin any of them are found by two tables; only those are
    compared.
    """

    def __init__(self, secrets: Mapping[str, str | bytes]) -> None:
        self._first, self._second = (np.zeros(1 << 16, bool) for _ in range(2))
        self._of: dict[bytes, list[tuple[bytes, str]]] = {}
        self.longest = 0
        for name, secret in secrets.items():
            if len(secret.encode("gb18030") if isinstance(secret, str) else secret) < _SHORTEST:
                raise ValueError(f"{name} is too short to be told from chance")
            for data, form in forms(secret).items():
                self._of.setdefault(data[:4], []).append((data, f"{name} ({form})"))
                self._first[int.from_bytes(data[:2], "little")] = True
                self._second[int.from_bytes(data[2:4], "little")] = True
                self.longest = max(self.longest, len(data))

    def look(self, data: bytes) -> set[str]:
        """Return which secrets stand in a piece of data, and in what form."""
        found = set()
        for parity in range(2):
            count = (len(data) - parity) // 2
            if count < 2:
                continue
            codes = np.frombuffer(data, "<u2", count, parity)
            places = np.flatnonzero(self._first[codes[:-1]] & self._second[codes[1:]])
            for place in places.tolist():
                at = 2 * place + parity
                for wanted, name in self._of.get(data[at : at + 4], ()):
                    if data.startswith(wanted, at):
                        found.add(name)
        return found

    def in_file(self, path: Path) -> set[str]:
        """Return what stands in a file; none where it is gone meanwhile."""
        found: set[str] = set()
        try:
            with path.open("rb") as handle:
                tail = b""
                while piece := handle.read(_CHUNK):
                    found |= self.look(tail + piece)
                    tail = piece[-self.longest :]
        except FileNotFoundError:
            pass
        return found

    def in_folder(self, folder: Path) -> set[str]:
        """Return what stands in any file under a folder, and in the files' names."""
        found: set[str] = set()
        for path in sorted(folder.rglob("*")):
            found |= self.look(os.fsencode(path.relative_to(folder)))
            if path.is_file():
                found |= self.in_file(path)
        return found

    def in_memory(self, pid: int) -> tuple[set[str], int]:
        """Return what stands in a stopped process's memory, and how many bytes were looked at."""
        found: set[str] = set()
        size = 0
        with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
            for start, end in regions(pid):
                at = start
                while at < end:
                    length = min(_CHUNK + self.longest, end - at)
                    piece = _read(memory, at, length)
                    found |= self.look(piece)
                    size += min(_CHUNK, len(piece))
                    at += _CHUNK
        return found, size


def regions(pid: int) -> Iterator[tuple[int, int]]:
    """Yield the address ranges that a core dump holds: writable ones and those of no file."""
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        fields = line.split(None, 5)
        span, rights, inode = fields[0], fields[1], fields[4]
        name = fields[5] if len(fields) > 5 else ""
        of_file = inode != "0" and "w" not in rights
        if "r" not in rights or of_file or name in ("[vvar]", "[vvar_vclock]", "[vsyscall]"):
            continue
        first, last = span.split("-")
        yield int(first, 16), int(last, 16)


def _read(memory, at: int, length: int) -> bytes:
    """Return what can be read of a range: pages may have gone that were listed."""
    pieces = []
    while length > 0:
        try:
            memory.seek(at)
            piece = memory.read(length)
        except OSError:
            break
        if not piece:
            break
        pieces.append(piece)
        at, length = at + len(piece), length - len(piece)
    return b"".join(pieces)


@contextmanager
def stopped(pid: int):
    """Hold a process still, as the moment of a core dump would."""
    os.kill(pid, signal.SIGSTOP)
    try:
        ends = time.monotonic() + 30
        while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "Tt":
            if time.monotonic() > ends:
                raise AssertionError("the process does not stop")
            time.sleep(0.01)
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
