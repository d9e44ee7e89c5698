"""How the acceptance test reaches a box: as a modality (DICOM) and as a physician (the page)."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import httpx
from pydicom import dcmread
from pydicom.uid import ExplicitVRLittleEndian

from core.phantom.errors import BoxRefusedDicom, BoxRefusedPage

_VERIFICATION = "1.2.840.10008.1.1"
_SECONDS = 30


class Modality(Protocol):
    """What sends the phantom."""

    def echo(self) -> None:
        """Ask whether the box answers.

        Raises
        ------
        BoxRefusedDicom
        """
        ...

    def send(self, paths: Sequence[Path]) -> list[int]:
        """Send files on one association; return the status of each.

        Raises
        ------
        BoxRefusedDicom
        """
        ...


class Page(Protocol):
    """What asks the box as a person would."""

    def log_in(self) -> None:
        """Log in.

        Raises
        ------
        BoxRefusedPage
        """
        ...

    def get(self, path: str, **query: str) -> Any:
        """Return a JSON answer.

        Raises
        ------
        BoxRefusedPage
        """
        ...


@dataclass(frozen=True, slots=True)
class DicomAddress:
    """Where the box listens, and by which names."""

    host: str
    port: int
    calling_ae: str = "MODALITY"
    called_ae: str = "XINGLIN"


class DicomModality:
    """See :class:`Modality`; pynetdicom underneath."""

    def __init__(self, address: DicomAddress) -> None:
        self._address = address

    def echo(self) -> None:
        """See :class:`Modality`."""
        try:  # the library leaves its socket open where nobody listens
            socket.create_connection((self._address.host, self._address.port), _SECONDS).close()
        except OSError:
            raise BoxRefusedDicom(fault="no connection") from None
        association = self._associate([_VERIFICATION])
        try:
            status = association.send_c_echo()
            if status.get("Status") != 0:
                raise BoxRefusedDicom(fault="C-ECHO")
        finally:
            association.release()

    def send(self, paths: Sequence[Path]) -> list[int]:
        """See :class:`Modality`."""
        classes = sorted({str(dcmread(p, stop_before_pixels=True).SOPClassUID) for p in paths})
        association = self._associate(classes)
        statuses = []
        try:
            for path in paths:
                answer = association.send_c_store(dcmread(path))
                if "Status" not in answer:
                    raise BoxRefusedDicom(fault="connection lost")
                statuses.append(int(answer.Status))
        finally:
            association.release()
        return statuses

    def _associate(self, classes: Sequence[str]) -> Any:
        from pynetdicom import AE

        ae = AE(ae_title=self._address.calling_ae)
        ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = _SECONDS
        ae.connection_timeout = _SECONDS
        for one in classes:
            ae.add_requested_context(one, ExplicitVRLittleEndian)
        place = self._address
        association = ae.associate(place.host, place.port, ae_title=place.called_ae)
        if not association.is_established:
            rejected = association.is_rejected
            raise BoxRefusedDicom(fault="association rejected" if rejected else "no connection")
        return association


@dataclass(frozen=True, slots=True)
class Login:
    """Who asks the page."""

    user: str
    password: str
    otp: str = ""


class HttpPage:
    """See :class:`Page`.

    Parameters
    ----------
    url : str
        Origin of the page.
    transport : httpx transport, optional
        Another way to the application than the network.
    """

    def __init__(
        self, url: str, login: Login, transport: httpx.BaseTransport | None = None
    ) -> None:
        self._client = httpx.Client(base_url=url, timeout=_SECONDS, transport=transport)
        self._login = login

    def log_in(self) -> None:
        """See :class:`Page`."""
        body = {"user": self._login.user, "password": self._login.password}
        if self._login.otp:
            body["otp"] = self._login.otp
        self._answer("POST", "/api/login", json=body)

    def get(self, path: str, **query: str) -> Any:
        """See :class:`Page`."""
        return self._answer("GET", path, params=query)

    def _answer(self, method: str, path: str, **more: Any) -> Any:
        try:
            answer = self._client.request(method, path, **more)
            value = answer.json()
        except httpx.HTTPError as error:
            raise BoxRefusedPage(fault=type(error).__name__) from None
        except ValueError:
            raise BoxRefusedPage(fault=f"HTTP {answer.status_code}") from None
        if answer.is_error:
            code = value.get("code", "") if isinstance(value, dict) else ""
            raise BoxRefusedPage(fault=f"HTTP {answer.status_code} {code}".strip())
        return value
