"""What the region's MQTT broker needs of the hub, kept up to date in a folder that it reads.

::

    region.crt    the region's root: whoever shows a certificate below it may connect
    broker.crt    the broker's certificate and the issuing one      broker.key    its key, 0640
    revoked.crl   certificates that are revoked                     acl           who may what

The broker's own configuration is ``provisioning/mqtt/mosquitto.conf.template``. It reads these
files when it starts and on SIGHUP; a systemd path unit beside the template sends that.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import select

from core.seals.notice import root_of
from core.vault.certificates import instant, sync_name
from core.vault.identity import write_secret
from hub.registry import ca
from hub.registry.authority import Authority, pem_pair
from hub.site import HubSite
from hub.store.tables import CERTIFICATE

_FRESH = timedelta(days=1)


def broker_folder(site: HubSite) -> Path:
    """Return where the broker's files are kept."""
    named = site.settings.mqtt.folder
    return Path(named) if named else site.folder / "mqtt"


def keep_broker_files(site: HubSite, authority: Authority) -> Path:
    """Write what is missing, old or no longer true; return the folder.

    Raises
    ------
    OSError
        If the folder cannot be written.
    core.errors.XinglinError
        If the authority cannot issue.
    """
    folder = broker_folder(site)
    folder.mkdir(parents=True, exist_ok=True, mode=0o750)
    issuing = authority.issuing.certificate.public_bytes(Encoding.PEM)
    key, certificate = pem_pair(authority.broker())
    _keep(folder / "region.crt", authority.root.public_bytes(Encoding.PEM))
    _keep(folder / "broker.key", key)
    _keep(folder / "broker.crt", certificate + issuing)
    _keep(folder / "acl", acl(site.identity.id).encode())
    _keep_revoked(site, authority, folder / "revoked.crl")
    return folder


def keep_publisher(site: HubSite, authority: Authority) -> Path:
    """Return the file with the key and certificates that the hub shows to the broker."""
    path = site.folder / "keys" / "broker-client.pem"
    issuing = authority.issuing.certificate.public_bytes(Encoding.PEM)
    wanted = b"".join(pem_pair(authority.publisher())) + issuing
    if not path.exists() or path.read_bytes() != wanted:
        write_secret(path, wanted)
    return path


def acl(hub: str) -> str:
    """Return who may read and write what: mosquitto's ``acl_file``. Pure.

    A box is known by its certificate's name, which is its node id; a name with a wildcard in it
    fits no pattern.
    """
    root = root_of(hub)
    return (
        "# Written by the hub.\n"
        f"user {sync_name(hub)}\n"
        f"topic write {root}/box/+/notice\n"
        f"topic read {root}/box/+/telemetry\n"
        f"pattern read {root}/box/%u/notice\n"
        f"pattern write {root}/box/%u/telemetry\n"
    )


def revoked_serials(site: HubSite) -> list[int]:
    """Return the revoked certificates that have not ended yet."""
    query = select(CERTIFICATE.c.serial).where(
        CERTIFICATE.c.revoked_at.is_not(None),
        CERTIFICATE.c.not_after > site.outside.now_ms(),
    )
    with site.database.read() as sql:
        return sorted(int(serial, 16) for serial in sql.execute(query).scalars())


def _keep_revoked(site: HubSite, authority: Authority, path: Path) -> None:
    serials, now = revoked_serials(site), site.outside.now_ms()
    if not _says(path, authority, serials, now):
        made = ca.make_revoked(authority.issuing, serials, now)
        _keep(path, made.public_bytes(Encoding.PEM))


def _says(path: Path, authority: Authority, serials: Sequence[int], now_ms: int) -> bool:
    """Say whether the list that is there is ours, fresh and complete."""
    try:
        kept = x509.load_pem_x509_crl(path.read_bytes())
    except (OSError, ValueError):
        return False
    return (
        kept.is_signature_valid(authority.issuing.key.public_key())
        and kept.last_update_utc + _FRESH > instant(now_ms)
        and {one.serial_number for one in kept} >= set(serials)
    )


def _keep(path: Path, data: bytes) -> None:
    """Write a file whole, in its folder's group: the broker's account reads by that."""
    if path.exists() and path.read_bytes() == data:
        return
    # Several hub processes may write at once; each has a name of its own.
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    with os.fdopen(handle, "wb") as file:
        os.fchmod(handle, 0o640)
        file.write(data)
        file.flush()
        os.fsync(handle)
    Path(temporary).replace(path)
