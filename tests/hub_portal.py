"""A real hub behind the real portal, for the tests of its HTTP interface."""

from __future__ import annotations

from pathlib import Path

import httpx
from starlette.testclient import TestClient

from hub.api.app import create_portal
from hub.api.context import COOKIE
from hub.api.serve import portal_for
from hub.registry.roles import ROLES
from tests.hub_people import Crew

DEPARTMENT = {"expert": "respiratory"}


class PortalSite:
    """One hub with an account for every role; sign-ins are made when they are asked for."""

    def __init__(self, site, clock, dist: Path | None = None, roles=ROLES, client=None):
        self.site, self.clock = site, clock
        self.crew = Crew(site, clock)
        self.portal = portal_for(site, client or httpx.Client())
        self.app = create_portal(self.portal, dist or site.folder / "no page")
        self.tokens: dict[str, str] = {}
        self.csrf: dict[str, str] = {}
        for role in roles:
            self.enter(role)

    def enter(self, role: str) -> None:
        """Add the account of a role and sign it in."""
        department = DEPARTMENT.get(role, "")
        self.tokens[role], session = self.crew.ready(role, role, department=department)
        self.csrf[role] = session.csrf

    def again(self, role: str) -> None:
        """Sign in anew: the session ended."""
        self.tokens[role], session = self.crew.log_in(role)
        self.csrf[role] = session.csrf

    def client(self, role: str = "", *, csrf: bool = True) -> TestClient:
        """Return a client that is signed in as a role; anonymous without one."""
        client = TestClient(self.app, raise_server_exceptions=False)
        if role:
            client.cookies.set(COOKIE, self.tokens[role])
            if csrf:
                client.headers["X-CSRF-Token"] = self.csrf[role]
        return client
