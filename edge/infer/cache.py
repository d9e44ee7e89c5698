"""Engine and timing cache on disk: whole files or none, checked against their own hash."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path


class PlanCache:
    """Blobs by key in one folder; a damaged or foreign file is a miss, never an error."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, key: str, kind: str) -> bytes | None:
        """Return the blob, or None where there is none or its hash does not match."""
        file = self._folder / f"{key}.{kind}"
        try:
            data = file.read_bytes()
        except OSError:
            return None
        digest, body = data[:32], data[32:]
        return body if hashlib.sha256(body).digest() == digest else None

    def put(self, key: str, kind: str, body: bytes) -> None:
        """Keep the blob: written aside, synced, then renamed."""
        self._folder.mkdir(parents=True, exist_ok=True)
        file = self._folder / f"{key}.{kind}"
        aside = file.with_suffix(f".{kind}.{os.getpid()}.tmp")
        with aside.open("wb") as handle:
            handle.write(hashlib.sha256(body).digest() + body)
            handle.flush()
            os.fsync(handle.fileno())
        aside.replace(file)
