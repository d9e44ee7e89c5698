"""Settings of a hub: a TOML file, as frozen records. Unknown names and wrong types are errors.

Nothing here is secret but ``oidc.client_secret``, and the file is its owner's (0600).
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from hub.errors import HubSettingsWrong


@dataclass(frozen=True, slots=True)
class PortalSettings:
    """The experts' page.

    Attributes
    ----------
    certificate, key : str
        PEM files; without them a proxy in front is expected to speak TLS.
    proxies : tuple of str
        Addresses of proxies whose X-Forwarded-For and -Proto are believed.
    origin : str
        ``https://…`` under which browsers reach it; needed for OIDC.
    """

    host: str = "127.0.0.1"
    port: int = 8090
    certificate: str = ""
    key: str = ""
    proxies: tuple[str, ...] = ()
    origin: str = ""


@dataclass(frozen=True, slots=True)
class SyncSettings:
    """The boxes' gRPC port (mutual TLS)."""

    host: str = "127.0.0.1"
    port: int = 8091
    names: tuple[str, ...] = ("localhost", "hub.localhost", "127.0.0.1")
    quota_bytes: int = 500_000_000_000


@dataclass(frozen=True, slots=True)
class EnrolSettings:
    """The gRPC port where a box joins and renews (server TLS)."""

    host: str = "127.0.0.1"
    port: int = 8092
    device_hours: float = 24.0


@dataclass(frozen=True, slots=True)
class RelaySettings:
    """Where boxes pass on what the experts of their own hospital ask (mutual TLS).

    Attributes
    ----------
    port : int
        0 serves no box.
    """

    host: str = "127.0.0.1"
    port: int = 0


@dataclass(frozen=True, slots=True)
class ObjectSettings:
    """Where sealed objects lie: "" is the hub's folder; else ``s3://bucket/prefix``.

    Credentials come from the environment, as the store's own tools take them.
    """

    url: str = ""
    endpoint: str = ""
    region: str = ""


@dataclass(frozen=True, slots=True)
class OidcSettings:
    """Sign-in at an identity provider: people are matched by subject, never made."""

    issuer: str = ""
    client_id: str = ""
    client_secret: str = ""
    second_factor: bool = False  # the provider has asked for one


@dataclass(frozen=True, slots=True)
class MqttSettings:
    """The broker that carries notices to boxes: "" has none.

    Attributes
    ----------
    host, port : str, int
        Where the hub reaches it.
    address : str
        ``host:port`` as boxes reach it; "" is the hub's own address with this port.
    folder : str
        Where the broker's certificates, revocation list and configuration are kept up to date;
        "" is ``mqtt`` in the hub's folder.
    """

    host: str = ""
    port: int = 8883
    address: str = ""
    folder: str = ""


@dataclass(frozen=True, slots=True)
class HubSettings:
    """Everything one hub is told."""

    region: str = ""
    address: str = "localhost"
    database: str = ""
    portal: PortalSettings = field(default_factory=PortalSettings)
    sync: SyncSettings = field(default_factory=SyncSettings)
    enrol: EnrolSettings = field(default_factory=EnrolSettings)
    relay: RelaySettings = field(default_factory=RelaySettings)
    objects: ObjectSettings = field(default_factory=ObjectSettings)
    oidc: OidcSettings = field(default_factory=OidcSettings)
    mqtt: MqttSettings = field(default_factory=MqttSettings)

    @property
    def notice_address(self) -> str:
        """``host:port`` of the broker as boxes reach it; "" where there is none."""
        if not self.mqtt.host:
            return ""
        return self.mqtt.address or f"{self.address}:{self.mqtt.port}"

    def at_database(self, url: str | None) -> HubSettings:
        """Return the settings with the database that the environment names, if it names one."""
        return replace(self, database=url) if url else self


def parse(text: str) -> HubSettings:
    """Return the settings of a TOML text.

    Raises
    ------
    HubSettingsWrong
        Naming the table and key.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise HubSettingsWrong(where="TOML", fault=str(error)) from None
    made: dict[str, Any] = {}
    defaults = HubSettings()
    for name, value in data.items():
        if name not in HubSettings.__dataclass_fields__:
            raise HubSettingsWrong(where=name, fault="unknown")
        default = getattr(defaults, name)
        if isinstance(default, str):
            made[name] = _typed(value, default, name)
        elif isinstance(value, dict):
            made[name] = _section(default, value, name)
        else:
            raise HubSettingsWrong(where=name, fault="type")
    settings = replace(defaults, **made)
    if settings.oidc.issuer and not (settings.oidc.client_id and settings.portal.origin):
        raise HubSettingsWrong(where="oidc", fault="client_id and portal.origin are needed")
    return settings


def _section(default: Any, values: Mapping[str, Any], where: str) -> Any:
    known = {f.name for f in fields(default)}
    clean: dict[str, Any] = {}
    for name, value in values.items():
        if name not in known:
            raise HubSettingsWrong(where=f"{where}.{name}", fault="unknown")
        clean[name] = _typed(value, getattr(default, name), f"{where}.{name}")
    return replace(default, **clean)


def _typed(value: Any, default: Any, where: str) -> Any:
    if isinstance(default, tuple):
        if isinstance(value, list) and all(isinstance(one, str) for one in value):
            return tuple(value)
    elif isinstance(default, float) and type(value) is int:
        return float(value)
    elif type(value) is type(default):
        return value
    raise HubSettingsWrong(where=where, fault="type")
