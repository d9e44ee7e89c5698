"""When the appliance may be used: which ports answer then."""

from __future__ import annotations

from core.web.ready import all_answer, tell_manager
from edge.store.settings import Appliance

__all__ = ["addresses_of", "all_answer", "tell_manager"]

_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 what settings may say, not a binding


def addresses_of(settings: Appliance) -> tuple[tuple[str, int], ...]:
    """Return the addresses that answer once all processes are up."""
    dicom, web = settings.dicom, settings.web
    found = [(dicom.host, dicom.port), ("127.0.0.1", dicom.dimse_port), (web.host, web.port)]
    if settings.portal.port:
        found.append((settings.portal.host, settings.portal.port))
    return tuple((_ANY.get(host, host), port) for host, port in found)
