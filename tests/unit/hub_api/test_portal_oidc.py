"""Sign-in by an identity provider, against a small real one on loopback."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from tests.hub_cases import make_hub
from tests.hub_portal import PortalSite

ORIGIN = "https://hub.example"


class IdentityProvider:
    """OpenID Connect as small as it can be: discovery, a code per log-in, tokens, keys."""

    def __init__(self, clock):
        self.clock, self.key = clock, RSAKey.generate_key(2048, {"kid": "k1"})
        self.subject, self.changed, self.codes = "sub-1", {}, {}
        self.signing = self.key
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self._answer(*provider.get(self.path))

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                self._answer(*provider.token({k: v[0] for k, v in parse_qs(body).items()}))

            def _answer(self, status, value):
                data = json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self.server.server_port}/realm"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def get(self, path):
        if path == "/realm/.well-known/openid-configuration":
            return 200, {
                "issuer": self.changed.get("issuer", self.issuer),
                "authorization_endpoint": f"{self.issuer}/auth",
                "token_endpoint": self.changed.get("token_endpoint", f"{self.issuer}/token"),
                "jwks_uri": f"{self.issuer}/keys",
            }
        return 200, {"keys": [self.key.as_dict(private=False)]}

    def log_in(self, url):
        """Do what a browser and a person do at the provider; return (code, state)."""
        query = {k: v[0] for k, v in parse_qs(urlsplit(url).query).items()}
        assert query["response_type"] == "code"
        assert query["code_challenge_method"] == "S256"
        assert query["redirect_uri"] == f"{ORIGIN}/api/oidc/callback"
        code = f"code-{len(self.codes)}"
        self.codes[code] = query
        return code, query["state"]

    def token(self, form):
        query = self.codes.pop(form["code"], None)
        if query is None or form.get("client_secret") != "s3cret":
            return 400, {"error": "invalid_grant"}
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != query["code_challenge"]:
            return 400, {"error": "invalid_grant"}
        now = self.clock.at // 1000
        claims = {"iss": self.issuer, "aud": "hub", "sub": self.subject, "iat": now,
                  "exp": now + 300, "nonce": query["nonce"]}  # fmt: skip
        claims |= self.changed.get("claims", {})
        header = {"alg": self.changed.get("alg", "RS256"), "kid": "k1"}
        return 200, {"id_token": jwt.encode(header, claims, self.signing), "token_type": "Bearer"}


@pytest.fixture(scope="module")
def rsa():
    return RSAKey.generate_key(2048, {"kid": "k1"})


@pytest.fixture
def idp(hub_clock):
    provider = IdentityProvider(hub_clock)
    yield provider
    provider.server.shutdown()
    provider.server.server_close()


@pytest.fixture
def portal(hub_url, hub_clock, tmp_path, idp):
    more = (
        f'[portal]\norigin = "{ORIGIN}"\n'
        f'[oidc]\nissuer = "{idp.issuer}"\nclient_id = "hub"\nclient_secret = "s3cret"\n'
    )
    with httpx.Client() as client:
        site = make_hub(tmp_path / "hub", hub_url, hub_clock, more)
        made = PortalSite(site, hub_clock, roles=(), client=client)
        made.crew.ready("li", oidc_subject="sub-1")
        yield made
        site.close()


def journey(portal, idp, client=None):
    """Go to the provider and back; return the answer of the callback and the browser."""
    client = client or portal.client()
    client.base_url = ORIGIN
    begun = client.get("/api/oidc/login", follow_redirects=False)
    assert begun.status_code == 303
    assert "samesite=lax" in begun.headers["set-cookie"].lower()
    code, state = idp.log_in(begun.headers["location"])
    return back(client, code, state), client


def back(client, code, state):
    return client.get(
        "/api/oidc/callback", params={"code": code, "state": state}, follow_redirects=False
    )


def test_there_and_back_and_then_our_second_factor(portal, idp):
    answer, client = journey(portal, idp)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    me = client.get("/api/me").json()
    assert (me["user"], me["must_show_otp"]) == ("li", True)
    client.headers["X-CSRF-Token"] = me["csrf"]
    assert client.get("/api/directory").json()["code"] == "E6002"
    assert client.post("/api/login/otp", json={"otp": "000000"}).json()["code"] == "E6014"
    portal.clock.at += 30_000
    otp = portal.crew.code(portal.crew.secrets["li"])
    assert client.post("/api/login/otp", json={"otp": otp}).json()["must_show_otp"] is False
    assert client.get("/api/directory").status_code == 200


def test_somebody_without_an_account_is_told(portal, idp):
    idp.subject = "sub-2"
    answer, client = journey(portal, idp)
    assert answer.headers["location"] == "/?refused=E7622"
    assert client.get("/api/me").status_code == 401


def test_a_code_is_good_once_and_for_its_own_browser(portal, idp):
    client = portal.client()
    client.base_url = ORIGIN
    code, state = idp.log_in(
        client.get("/api/oidc/login", follow_redirects=False).headers["location"]
    )
    other = portal.client()
    other.base_url = ORIGIN
    other.get("/api/oidc/login", follow_redirects=False)
    for thief in (portal.client(), other):  # log-in CSRF: another browser's journey
        thief.base_url = ORIGIN
        assert back(thief, code, state).headers["location"] == "/?refused=E7621"
    assert back(client, code, "0" * 32).headers["location"] == "/?refused=E7621"
    assert back(client, code, state).headers["location"] == "/?refused=E7621"  # cookie is gone


def test_a_journey_ends(portal, idp):
    client = portal.client()
    client.base_url = ORIGIN
    code, state = idp.log_in(
        client.get("/api/oidc/login", follow_redirects=False).headers["location"]
    )
    portal.clock.at += 11 * 60_000
    assert back(client, code, state).headers["location"] == "/?refused=E7621"


@pytest.mark.parametrize(
    "claims",
    [{"iss": "https://other"}, {"aud": "other"}, {"aud": ["hub", "other"]}, {"exp": 1},
     {"exp": "soon"}, {"iat": 2**40}, {"nonce": "other"}, {"sub": ""}, {"sub": 5},
     {"sub": "x" * 300}],
)  # fmt: skip
def test_claims_that_do_not_fit_open_nothing(portal, idp, claims):
    idp.changed["claims"] = claims
    answer, client = journey(portal, idp)
    assert answer.headers["location"] == "/?refused=E7621"
    assert client.get("/api/me").status_code == 401


def test_another_key_opens_nothing(portal, idp, rsa):
    idp.signing = rsa
    assert journey(portal, idp)[0].headers["location"] == "/?refused=E7621"


def test_a_symmetric_signature_opens_nothing(portal, idp):
    from joserfc.jwk import OctKey

    idp.signing, idp.changed["alg"] = OctKey.import_key("s3cret" * 8), "HS256"
    assert journey(portal, idp)[0].headers["location"] == "/?refused=E7621"


@pytest.mark.parametrize(
    "changed", [{"issuer": "http://127.0.0.1/other"}, {"token_endpoint": None}]
)
def test_a_provider_that_is_another_is_refused(portal, idp, changed):
    idp.changed = changed
    assert portal.client().get("/api/oidc/login").json()["code"] == "E7621"


def test_plain_http_is_spoken_to_this_machine_only(portal, idp):
    client = portal.client()
    client.base_url = ORIGIN
    code, state = idp.log_in(
        client.get("/api/oidc/login", follow_redirects=False).headers["location"]
    )
    idp.changed["token_endpoint"] = "http://idp.example/token"
    assert back(client, code, state).headers["location"] == "/?refused=E7621"


def test_a_provider_that_is_away_is_said(portal, idp):
    idp.server.shutdown()
    idp.server.server_close()
    assert portal.client().get("/api/oidc/login").json()["code"] == "E7621"
