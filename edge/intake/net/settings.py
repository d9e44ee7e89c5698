"""Settings of the receiver: frozen records that are passed in, never read from the environment."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path

Network = IPv4Network | IPv6Network


def _anywhere() -> tuple[Network, ...]:
    return (ip_network("0.0.0.0/0"), ip_network("::/0"))


@dataclass(frozen=True, slots=True)
class PeerRule:
    """One line of the allow-list. Empty sets mean "any".

    ``urgent`` peers may use the reserved slots. ``certificate_names`` are common names or DNS
    names of which the peer's certificate must carry one (implies TLS).
    ``event_on_same_association`` sends a commitment verdict at once on the association that asked.
    """

    name: str
    calling_ae: frozenset[str] = frozenset()
    called_ae: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = field(default_factory=_anywhere)
    max_associations: int = 16
    urgent: bool = False
    tls_required: bool = False
    certificate_names: frozenset[str] = frozenset()
    traits: frozenset[str] = frozenset()
    event_on_same_association: bool = True


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files of the listener; peers must show a certificate that ``peer_ca`` signed."""

    certificate: Path
    key: Path
    peer_ca: Path


@dataclass(frozen=True, slots=True)
class Limits:
    """Lengths in bytes, times in seconds, counts of associations."""

    max_pdu: int = 256 * 1024
    buffer: int = 512 * 1024
    associate_request: int = 256 * 1024
    command_set: int = 16 * 1024
    commitment_data_set: int = 8 * 1024 * 1024
    artim_s: float = 10.0
    idle_s: float = 120.0
    network_s: float = 30.0
    minimum_rate_bytes_per_s: int = 1024
    rate_grace_s: float = 60.0
    associations: int = 64
    reserved: int = 8
    # Before the AE title is known only the address can be counted.
    per_address: int = 48
    # Past this idle time an association loses its slot to a newcomer when all are taken.
    pressure_idle_s: float = 10.0
    stop_grace_s: float = 20.0

    def __post_init__(self) -> None:
        if self.buffer < self.associate_request:
            raise ValueError("an A-ASSOCIATE-RQ must fit into the buffer")
        if self.reserved >= self.associations:
            raise ValueError("reserved slots must leave some for the others")


@dataclass(frozen=True, slots=True)
class ReceiverSettings:
    """Everything a receiver needs to know.

    ``query_service`` is the loopback address of the service that takes all that is not storage,
    verification or storage commitment; without it such contexts are refused.
    ``private_storage`` lists UID prefixes accepted as storage classes of vendors.
    """

    ae_titles: frozenset[str]
    peers: tuple[PeerRule, ...]
    host: str = "0.0.0.0"  # noqa: S104 - modalities are on the hospital's network; peers are listed
    port: int = 11112
    limits: Limits = field(default_factory=Limits)
    tls: TlsFiles | None = None
    query_service: tuple[str, int] | None = None
    private_storage: tuple[str, ...] = ()
    processes: int = 1
    backlog: int = 128
