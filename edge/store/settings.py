"""Settings of one appliance: a TOML file that hospital IT can read, as frozen records.

Nothing here is secret: keys and passwords live in the vault folder and in the user table.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from edge.store.errors import SettingsWrong

Confirmation = Literal["auto", "commitment", "query", "none"]


@dataclass(frozen=True, slots=True)
class PeerSettings:
    """A DICOM peer: who may send, and where we send.

    Attributes
    ----------
    traits : tuple of str
        ``modality`` (what it sends is forwarded to the PACS), ``pacs``, ``may-correct`` (its
        re-sends with other patient or order attributes are corrections), ``may-query`` (its
        queries and retrieves are answered; those of a ``pacs`` are too).
    confirmation : {"auto", "commitment", "query", "none"}
        How a delivery to it is confirmed; auto tries commitment, then a query.
    """

    name: str
    ae_title: str
    host: str = ""
    port: int = 0
    networks: tuple[str, ...] = ("0.0.0.0/0", "::/0")
    traits: tuple[str, ...] = ("modality",)
    confirmation: Confirmation = "auto"
    tls: bool = False
    certificate_names: tuple[str, ...] = ()
    max_associations: int = 16
    charset: str = ""

    @property
    def may_query(self) -> bool:
        """Whether C-FIND, C-MOVE and C-GET of this peer are answered."""
        return not {"may-query", "pacs"}.isdisjoint(self.traits)


@dataclass(frozen=True, slots=True)
class DicomSettings:
    """The box's DICOM node."""

    ae_title: str = "XINGLIN"
    host: str = "127.0.0.1"
    port: int = 11112
    dimse_port: int = 11113
    processes: int = 1
    certificate: str = ""
    key: str = ""
    peer_ca: str = ""


@dataclass(frozen=True, slots=True)
class WebSettings:
    """The hospital's page."""

    host: str = "127.0.0.1"
    port: int = 8080
    certificate: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class PortalSettings:
    """The region's experts' page, served to this hospital's own; port 0 serves none.

    HTTPS with the certificate of ``web``, which browsers need for the keys. With ``release_key``
    (the publisher's Ed25519 public key, base64) only a page that the publisher signed is served.
    """

    host: str = "127.0.0.1"
    port: int = 0
    release_key: str = ""


@dataclass(frozen=True, slots=True)
class IntakeSettings:
    """When a study is complete, and when the disk is too full.

    Attributes
    ----------
    quiet_s : float
        Seconds without news after the association was released, slices without gap.
    device_timer_s : mapping of AE title to seconds
        Longest wait after the last image; ``default`` for all others.
    warn, stop_prefetch, refuse_routine, refuse_all : float
        Share of the disk in use at which each tier begins.
    reserve_bytes : int
        Free bytes below which everything is refused, whatever the share.
    """

    quiet_s: float = 5.0
    device_timer_s: Mapping[str, float] = field(default_factory=lambda: {"default": 60.0})
    warn: float = 0.75
    stop_prefetch: float = 0.85
    refuse_routine: float = 0.92
    refuse_all: float = 0.97
    reserve_bytes: int = 2_000_000_000


@dataclass(frozen=True, slots=True)
class DeliverySettings:
    """What goes where.

    Attributes
    ----------
    destination : str
        Name of the peer that gets results; "" sends nothing.
    forward : bool
        Send on to the destination what came straight from a modality.
    before_review : bool
        Results leave before a physician has reviewed them (they say so); else they wait.
    """

    destination: str = ""
    forward: bool = True
    before_review: bool = True


@dataclass(frozen=True, slots=True)
class BackupSettings:
    """Scheduled backup: a folder or an S3-like URL, "" for none."""

    target: str = ""
    every_hours: float = 24.0


@dataclass(frozen=True, slots=True)
class UplinkSettings:
    """What may leave for the region's hub, and how fast.

    Attributes
    ----------
    outbox_mb : int
        Megabytes that may wait for the line; more is refused, nothing is dropped.
    kbit_s : int
        Limit for all hours in kbit/s; 0 for none. An emergency does not wait for it.
    hours : mapping of "from-until" to kbit/s
        Other limits by hour of the day: ``{"8-18" = 512}``.
    """

    outbox_mb: int = 50_000
    kbit_s: int = 0
    hours: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReportSettings:
    """The letterhead of printed reports; ``logo`` is a picture file in the box's folder."""

    department: str = ""
    contact: str = ""
    logo: str = ""


@dataclass(frozen=True, slots=True)
class StatisticsSettings:
    """Which de-identified fields of results leave for the region's statistics; none by default."""

    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class JoiningSettings:
    """Which studies of one patient the box brings together by itself.

    Attributes
    ----------
    automatic : bool
        Compare a CT with the earlier one, lay radiograph and CT upon each other, fuse a PET with
        the CT of another study; without it only what lies in one study is fused.
    film_ct_days : int
        Days that may lie between a radiograph and a CT that are joined.
    """

    automatic: bool = True
    film_ct_days: int = 90


@dataclass(frozen=True, slots=True)
class ScreeningSettings:
    """The screening mode.

    Attributes
    ----------
    ai : {"after", "before", "never"}
        When a reader sees what the AI said of a radiograph: after their own decision, already
        before it, or not at all in this mode.
    """

    ai: Literal["after", "before", "never"] = "after"


@dataclass(frozen=True, slots=True)
class QualitySettings:
    """Quality control on screen.

    Attributes
    ----------
    ask_automatically : bool
        Whether a picture that quality control refuses rings in the modality room without a person.
        A physician may always ask.
    """

    ask_automatically: bool = True


@dataclass(frozen=True, slots=True)
class Appliance:
    """Everything one appliance is told."""

    hospital: str = ""
    dicom: DicomSettings = field(default_factory=DicomSettings)
    web: WebSettings = field(default_factory=WebSettings)
    portal: PortalSettings = field(default_factory=PortalSettings)
    intake: IntakeSettings = field(default_factory=IntakeSettings)
    delivery: DeliverySettings = field(default_factory=DeliverySettings)
    backup: BackupSettings = field(default_factory=BackupSettings)
    uplink: UplinkSettings = field(default_factory=UplinkSettings)
    statistics: StatisticsSettings = field(default_factory=StatisticsSettings)
    report: ReportSettings = field(default_factory=ReportSettings)
    screening: ScreeningSettings = field(default_factory=ScreeningSettings)
    quality: QualitySettings = field(default_factory=QualitySettings)
    joining: JoiningSettings = field(default_factory=JoiningSettings)
    peers: tuple[PeerSettings, ...] = ()

    def peer(self, name: str) -> PeerSettings | None:
        """Return the peer of a name."""
        return next((peer for peer in self.peers if peer.name == name), None)

    def peer_of_ae(self, ae_title: str) -> PeerSettings | None:
        """Return the peer with an AE title."""
        return next((peer for peer in self.peers if peer.ae_title == ae_title), None)


def parse(text: str) -> Appliance:
    """Return the settings of a TOML text.

    Raises
    ------
    SettingsWrong
        Naming the table and key: unknown names and wrong types are errors, never ignored.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsWrong(where="TOML", fault=str(error)) from None
    sections = {
        "dicom": DicomSettings, "web": WebSettings, "portal": PortalSettings,
        "intake": IntakeSettings,
        "delivery": DeliverySettings, "backup": BackupSettings,
        "uplink": UplinkSettings, "statistics": StatisticsSettings,
        "report": ReportSettings,
        "screening": ScreeningSettings,
        "quality": QualitySettings,
        "joining": JoiningSettings,
    }  # fmt: skip
    unknown = set(data) - set(sections) - {"hospital", "peers"}
    if unknown:
        raise SettingsWrong(where=sorted(unknown)[0], fault="unknown")
    made = {name: _section(kind, data.get(name, {}), name) for name, kind in sections.items()}
    peers = tuple(
        _section(PeerSettings, one, f"peers[{n}]") for n, one in enumerate(data.get("peers", []))
    )
    settings = Appliance(hospital=str(data.get("hospital", "")), peers=peers, **made)
    _check(settings)
    return settings


def _section(kind: Any, values: Mapping[str, Any], where: str) -> Any:
    known = {f.name: f for f in fields(kind)}
    clean: dict[str, Any] = {}
    for name, value in values.items():
        if name not in known:
            raise SettingsWrong(where=f"{where}.{name}", fault="unknown")
        default = known[name].default
        if isinstance(default, bool) != isinstance(value, bool):
            raise SettingsWrong(where=f"{where}.{name}", fault="type")
        if isinstance(default, str | int | float) and not isinstance(value, type(default) | int):
            raise SettingsWrong(where=f"{where}.{name}", fault="type")
        clean[name] = tuple(value) if isinstance(value, list) else value
    try:
        return kind(**clean)
    except TypeError as error:
        raise SettingsWrong(where=where, fault=str(error)) from None


def _check(settings: Appliance) -> None:
    intake = settings.intake
    tiers = (intake.warn, intake.stop_prefetch, intake.refuse_routine, intake.refuse_all)
    if list(tiers) != sorted(tiers) or not 0 < tiers[0] <= tiers[-1] <= 1:
        raise SettingsWrong(where="intake", fault="tiers must rise between 0 and 1")
    if settings.joining.film_ct_days < 0:
        raise SettingsWrong(where="joining.film_ct_days", fault="must not be negative")
    destination = settings.delivery.destination
    if destination and settings.peer(destination) is None:
        raise SettingsWrong(where="delivery.destination", fault="no such peer")
    if settings.screening.ai not in ("after", "before", "never"):
        raise SettingsWrong(where="screening.ai", fault="after, before or never")
    names = [peer.name for peer in settings.peers]
    if len(names) != len(set(names)):
        raise SettingsWrong(where="peers", fault="a name stands twice")
