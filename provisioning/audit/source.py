"""What the audit's commands need of either side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal, Protocol

from core.audit.balp import Act
from core.audit.errors import NothingHere
from core.audit.export import Opening
from core.audit.verifying import Chain, Finding, Witness


class Source(Protocol):
    """An opened side."""

    @property
    def node(self) -> str:
        """Its node id."""
        ...

    @property
    def side(self) -> Literal["box", "hub"]:
        """Which of the two it is."""
        ...

    def publics(self) -> Mapping[str, bytes]:
        """Return the signing keys it knows, raw, by node."""
        ...

    def witnesses(self) -> list[Witness]:
        """Return the heads it has kept of the chains that it holds."""
        ...

    def others(self) -> list[Witness]:
        """Return the heads it has kept of chains that other sides hold, and its own newest."""
        ...

    def chains(self) -> Iterator[Chain]:
        """Yield every chain it holds."""
        ...

    def findings(self) -> list[Finding]:
        """Return what is wrong beyond the chains: the key directory, rows that differ."""
        ...

    def acts(self) -> Iterator[Act]:
        """Yield who did what, oldest first."""
        ...

    def close(self) -> None:
        """Close it."""
        ...


def open_source(folder: Path) -> Source:
    """Open the side of a folder; nothing in it is changed.

    Raises
    ------
    NothingHere
    """
    if (folder / "hub.toml").exists():
        from provisioning.audit.hub import HubSource

        return HubSource(folder)
    if (folder / "appliance.toml").exists():
        from provisioning.audit.box import BoxSource

        return BoxSource(folder)
    raise NothingHere


def opening_of(source: Source, at: str, witnesses: list[Witness]) -> Opening:
    """Return what an export of a side begins with."""
    return Opening(source.node, source.side, at, dict(source.publics()), tuple(witnesses))


def belongs(witness: Witness, source: Source) -> bool:
    """Say whether a head is of a chain that a side must hold itself."""
    writer = witness.head.writer
    return writer == source.node or writer.startswith(f"{source.node}/")
