"""The region's key directory as the box keeps it: every entry, the last head, what others saw."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from core.errors import XinglinError
from core.records.clock import Stamp
from core.seals.directory import Directory, check_own, check_witness, witness
from core.seals.errors import WitnessConflict
from edge.store.box import Box
from edge.uplink.certificates import Region
from edge.uplink.join import recovery_key
from edge.uplink.link_errors import DirectoryBroken

_HEAD = "directory head"


class BoxDirectory:
    """The directory in the box's database, verified once per process and then extended.

    Safe among threads; another process's extension is seen at the next :meth:`current`.
    """

    def __init__(self, box: Box, region: Region) -> None:
        self._box = box
        self._region = region
        self._lock = threading.Lock()
        self._known = Directory.of(bytes.fromhex(region.hub_sign_public))

    def current(self) -> Directory:
        """Return the verified directory.

        Raises
        ------
        core.errors.XinglinError
            If what the database holds does not verify.
        """
        with self._lock:
            rows = self._box.database.query(
                "SELECT entry FROM directory_entry WHERE seq > ? ORDER BY seq", (self._known.size,)
            )
            if rows:
                head = self._box.database.query(
                    "SELECT value FROM uplink WHERE name = ?", (_HEAD,)
                )[0][0]
                self._known = self._known.extend([bytes(row[0]) for row in rows], head.encode())
            return self._known

    def extend(self, entries: Sequence[bytes], head: bytes) -> Directory:
        """Take what the hub shows beyond the copy that is here, and keep it.

        Raises
        ------
        DirectoryBroken
            If it is no extension: rewound, forked, incomplete or not signed; or if the entries of
            this hospital and box are not ours. Nothing is kept then.
        """
        known = self.current()
        try:
            grown = known.extend(entries, head)
            if grown.size > known.size:
                region = self._region
                check_own(grown, region.hospital, self._own_recovery(grown), self._box.identity.id)
                self._check_joined(grown)
        except XinglinError as error:
            raise DirectoryBroken(fault=f"E{error.code}") from error
        with self._lock, self._box.database.transaction() as sql:
            for n in range(known.size, grown.size):
                sql.execute(
                    "INSERT OR IGNORE INTO directory_entry VALUES (?, ?)",
                    (n + 1, grown.entries[n]),
                )
            sql.execute("INSERT OR REPLACE INTO uplink VALUES (?, ?)", (_HEAD, head.decode()))
            self._known = grown
        return grown

    def compare(self, witnesses: Sequence[bytes]) -> int:
        """Hold what other boxes signed against this copy; return how many agree.

        Raises
        ------
        DirectoryBroken
            If another box saw another directory: the hub shows two.
        """
        directory = self.current()
        agreed = set()
        for data in witnesses:
            try:
                node, head = check_witness(directory, data)
            except WitnessConflict as error:
                raise DirectoryBroken(fault=f"E{error.code}") from error
            except XinglinError:
                continue  # a box that was revoked, or not a witness: it proves nothing
            if node != self._box.identity.id and head.size <= directory.size:
                agreed.add(node)
                self._keep(node, data, head.size)
        return len(agreed)

    def statement(self) -> bytes:
        """Return what this box says it saw."""
        at = Stamp(self._box.outside.now_ms()).iso()
        return witness(self.current(), at, self._box.identity)

    def witnessed_by(self) -> int:
        """Return how many other boxes saw this directory, or its beginning."""
        return int(self._box.database.query("SELECT count(*) FROM directory_witness")[0][0])

    def _keep(self, node: str, data: bytes, size: int) -> None:
        with self._box.database.transaction() as sql:
            sql.execute(
                "INSERT INTO directory_witness VALUES (?, ?, ?) ON CONFLICT (node) DO UPDATE SET"
                " statement = excluded.statement, size = excluded.size"
                " WHERE excluded.size > directory_witness.size",
                (node, data, size),
            )

    def _own_recovery(self, grown: Directory) -> bytes:
        """Return the recovery key that the directory must show: ours; none printed, any."""
        ours = recovery_key(self._box)
        if ours:
            return ours
        found = grown.contents.hospitals.get(self._region.hospital)
        return found.recovery_public if found else b""

    def _check_joined(self, grown: Directory) -> None:
        """Hold the directory against the head that the box was given when it joined."""
        size, head = self._region.directory_size, self._region.directory_head
        if size and (grown.size < size or grown.link(size) != head):
            raise DirectoryBroken(fault="joined")
