"""A sink that writes plain files, each durable before it is acknowledged: a yardstick.

It has no encryption, journal or duplicates; the appliance's own sink has. It shows what the
receiver costs apart from them.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from pathlib import Path

from edge.intake.net.errors import OutOfResources
from edge.intake.net.sink import Ending, Peer, StoreCommand, StoreOutcome


class FileReceipt:
    """One file under a temporary name until it is whole.

    It is renamed first and synced after: the sync of a file whose name has just changed makes the
    name durable too on ext4 and XFS, so that one sync does where a folder's sync would be a second
    (measured: as dear as the first). A name without acknowledgement may then be incomplete after a
    loss of power; a store that must not show such files keeps its own record of what is committed.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._path = folder / f"{name}.part"
        self._final = folder / name
        self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)

    def write(self, chunk: memoryview) -> None:
        """See :class:`~edge.intake.net.sink.Receipt`."""
        while chunk:
            written = os.write(self._file, chunk)
            if not written:
                raise OutOfResources
            chunk = chunk[written:]

    def commit(self) -> StoreOutcome:
        """See :class:`~edge.intake.net.sink.Receipt`."""
        self._path.rename(self._final)
        os.fsync(self._file)
        os.close(self._file)
        return StoreOutcome()

    def abort(self) -> None:
        """See :class:`~edge.intake.net.sink.Receipt`."""
        os.close(self._file)
        self._path.unlink()


class FileSink:
    """Writes into one folder; file names are random, never the sender's."""

    def __init__(
        self, folder: Path, new_name: Callable[[], str] = lambda: uuid.uuid4().hex
    ) -> None:
        self._folder = folder
        self._new_name = new_name

    def begin(self, peer: Peer, command: StoreCommand) -> FileReceipt:
        """See :class:`~edge.intake.net.sink.Sink`."""
        del peer, command
        return FileReceipt(self._folder, self._new_name())

    def ended(self, peer: Peer, ending: Ending) -> None:
        """See :class:`~edge.intake.net.sink.Sink`."""
        del peer, ending


def file_sink(folder: Path) -> FileSink:
    """Return a file sink (the form that the benchmark's ``--sink`` takes)."""
    folder.mkdir(parents=True, exist_ok=True)
    return FileSink(folder)
