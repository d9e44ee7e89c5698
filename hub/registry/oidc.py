"""Sign-in at an identity provider: OpenID Connect, authorization code with PKCE (RFC 7636).

Who the provider names is matched to an account by subject; none is made. What must outlast the
journey to the provider and back travels in a cookie that only this hub can open.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from core.web.access import same
from hub.errors import SecretBroken
from hub.registry.errors import OidcFailed, OidcOff
from hub.site import HubSite

_PURPOSE = "oidc journey"
JOURNEY_MS = 10 * 60_000
_LEEWAY_S = 60
_TIMEOUT_S = 10.0
_MOST_BYTES = 256 * 1024
_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"]


@dataclass(frozen=True, slots=True)
class Journey:
    """What a browser takes to the provider: where to go, and the cookie to come back with."""

    url: str
    cookie: str


class Provider:
    """The identity provider that the settings name.

    Parameters
    ----------
    client : httpx.Client
        Reaches the provider.
    """

    def __init__(self, site: HubSite, client: httpx.Client) -> None:
        self._site = site
        self._client = client
        self._settings = site.settings.oidc

    @property
    def is_on(self) -> bool:
        """Whether there is one."""
        return bool(self._settings.issuer)

    @property
    def asks_second_factor(self) -> bool:
        """Whether the provider has asked for a second factor itself."""
        return self._settings.second_factor

    def begin(self) -> Journey:
        """Return a journey to the provider.

        Raises
        ------
        OidcOff, OidcFailed
        """
        document = self._discover()
        draw = self._site.outside.randomness
        kept = {"state": draw(16).hex(), "nonce": draw(16).hex(), "verifier": draw(32).hex(),
                "at": self._site.outside.now_ms()}  # fmt: skip
        challenge = _base64url(hashlib.sha256(str(kept["verifier"]).encode()).digest())
        query = {
            "response_type": "code", "client_id": self._settings.client_id, "scope": "openid",
            "redirect_uri": self._redirect, "state": kept["state"], "nonce": kept["nonce"],
            "code_challenge": challenge, "code_challenge_method": "S256",
        }  # fmt: skip
        cookie = self._site.secrets.wrap(json.dumps(kept).encode(), _PURPOSE).hex()
        return Journey(f"{document['authorization_endpoint']}?{urlencode(query)}", cookie)

    def finish(self, code: str, state: str, cookie: str) -> str:
        """Return the subject that the provider names for a journey.

        Raises
        ------
        OidcOff, OidcFailed
        """
        document = self._discover()
        kept = self._journey(cookie, state)
        form = {
            "grant_type": "authorization_code", "code": code, "redirect_uri": self._redirect,
            "client_id": self._settings.client_id, "code_verifier": kept["verifier"],
        }  # fmt: skip
        if self._settings.client_secret:
            form["client_secret"] = self._settings.client_secret
        answer = self._asked("POST", document["token_endpoint"], data=form)
        keys = self._asked("GET", document["jwks_uri"])
        return self._subject(answer.get("id_token"), keys, kept["nonce"])

    @property
    def _redirect(self) -> str:
        return f"{self._site.settings.portal.origin}/api/oidc/callback"

    def _journey(self, cookie: str, state: str) -> dict[str, Any]:
        try:
            kept = json.loads(self._site.secrets.unwrap(bytes.fromhex(cookie), _PURPOSE))
        except (ValueError, SecretBroken):
            raise OidcFailed(fault="journey") from None
        age = self._site.outside.now_ms() - kept["at"]
        if not same(kept["state"], state) or not 0 <= age <= JOURNEY_MS:
            raise OidcFailed(fault="journey")
        return dict(kept)

    def _discover(self) -> dict[str, Any]:
        if not self.is_on:
            raise OidcOff
        issuer = self._settings.issuer
        document = self._asked("GET", f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        if document.get("issuer") != issuer:
            raise OidcFailed(fault="issuer")
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            if not isinstance(document.get(name), str):
                raise OidcFailed(fault=name)
        return document

    def _subject(self, token: Any, keys: dict[str, Any], nonce: str) -> str:
        try:
            found = jwt.decode(str(token), KeySet.import_key_set(keys), algorithms=_ALGORITHMS)  # type: ignore[arg-type]  # the provider's JSON
        except (JoseError, ValueError, KeyError, TypeError):
            raise OidcFailed(fault="signature") from None
        claims = found.claims
        audience = claims.get("aud")
        audience = audience if isinstance(audience, list) else [audience]
        now_s = self._site.outside.now_ms() // 1000
        checks = {
            "iss": claims.get("iss") == self._settings.issuer,
            "aud": self._settings.client_id in audience,
            "azp": len(audience) == 1 or claims.get("azp") == self._settings.client_id,
            "exp": _number(claims.get("exp")) > now_s - _LEEWAY_S,
            "iat": _number(claims.get("iat")) < now_s + _LEEWAY_S,
            "nonce": same(str(claims.get("nonce", "")), nonce),
            "sub": isinstance(claims.get("sub"), str) and 0 < len(claims["sub"]) <= 200,
        }
        for name, fine in checks.items():
            if not fine:
                raise OidcFailed(fault=name)
        return str(claims["sub"])

    def _asked(self, method: str, url: str, **more: Any) -> dict[str, Any]:
        place = urlsplit(url)
        if place.scheme != "https" and place.hostname not in ("127.0.0.1", "localhost", "::1"):
            raise OidcFailed(fault="https")
        try:
            answer = self._client.request(method, url, timeout=_TIMEOUT_S, **more)
            if answer.status_code != 200 or len(answer.content) > _MOST_BYTES:
                raise OidcFailed(fault=f"HTTP {answer.status_code}")
            found = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise OidcFailed(fault=type(error).__name__) from None
        if not isinstance(found, dict):
            raise OidcFailed(fault="JSON")
        return found


def _number(value: Any) -> float:
    return float(value) if type(value) in (int, float) else float("nan")


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
