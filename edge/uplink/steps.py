"""What a link does next, and what it heard: plain facts between the pure machine and its shell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edge.uplink.outbox import Item


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing can go for this long, unless something is heard or added."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Beat:
    """Say that the box lives, and what waits."""


@dataclass(frozen=True, slots=True)
class Small:
    """Send a small item whole."""

    item: Item


@dataclass(frozen=True, slots=True)
class BeginObject:
    """Ask what the hub holds of an object."""

    item: Item
    chunk: int


@dataclass(frozen=True, slots=True)
class PutPiece:
    """Send some chunks of an object."""

    address: str
    index: int
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class CommitObject:
    """Every chunk went: the hub may verify and keep it."""

    address: str


Step = Wait | Beat | Small | BeginObject | PutPiece | CommitObject


@dataclass(frozen=True, slots=True)
class Greeted:
    """The hub knows us."""

    hub_ms: int
    chain_seq: int


@dataclass(frozen=True, slots=True)
class Delivered:
    """The hub has an item for good."""

    id: str


@dataclass(frozen=True, slots=True)
class Turned:
    """The hub refused an item, or the link (``id`` is empty then)."""

    id: str
    code: int
    zh: str
    en: str
    for_good: bool


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds from a message to its answer."""

    seconds: float


LinkState = Literal["connecting", "open", "refused"]
