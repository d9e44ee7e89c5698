"""When a service may be used: every port answers; the service manager is told (sd_notify)."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable

_PATIENCE_S = 0.5


def all_answer(addresses: Iterable[tuple[str, int]]) -> bool:
    """Say whether every address takes a connection."""
    for address in addresses:
        try:
            socket.create_connection(address, _PATIENCE_S).close()
        except OSError:
            return False
    return True


def tell_manager(state: str, where: str | None = None) -> None:
    """Tell systemd how far we are (sd_notify(3)); nothing where nobody asked.

    Parameters
    ----------
    state : str
        ``READY=1`` or ``STOPPING=1``.
    where : str or None
        Path of the datagram socket; the environment's NOTIFY_SOCKET where None.
    """
    path = os.environ.get("NOTIFY_SOCKET", "") if where is None else where
    if not path:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
        try:
            out.sendto(state.encode(), "\0" + path[1:] if path.startswith("@") else path)
        except OSError:
            return  # a manager that does not listen is no reason not to serve
