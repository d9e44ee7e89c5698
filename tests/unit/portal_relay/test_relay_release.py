"""A page is served only as it was released, and what is served are the bytes that were compared."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from starlette.testclient import TestClient

from core.web.page import PORTAL, WORKER_POLICY
from core.web.release import MANIFEST, read_release, released_page
from core.web.release_errors import ReleaseDamaged, ReleaseMissing
from core.web.release_signature import SIGNATURE, key_text, signature_of
from edge.portal.app import PortalParts, create_portal_app
from edge.portal.line import HubLine
from edge.store.settings import Appliance, PortalSettings, WebSettings, parse
from tests.portal_cases import listed, release


def randomness(n):
    return bytes(range(n))


@pytest.fixture
def dist(tmp_path):
    return release(tmp_path / "dist")


def client(dist, settings=None):
    parts = PortalParts(
        settings or Appliance(hospital='甲县"医院<b>'), dist, HubLine(dist / "none"), randomness
    )
    return TestClient(create_portal_app(parts))


def test_the_page_says_whose_it_is_and_lets_nothing_else_in(dist):
    with client(dist) as web:
        answer = web.get("/case/c_1")
    assert 'content="box 甲县&quot;医院&lt;b&gt;"' in answer.text
    nonce = re.search(r"'nonce-([0-9a-f]{32})'", answer.headers["content-security-policy"])[1]
    assert f'nonce="{nonce}"' in answer.text
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"


def test_files_have_their_types_and_policy(dist):
    with client(dist) as web:
        script, decoder = web.get("/assets/a.js"), web.get("/assets/b.wasm")
        icon, none = web.get("/icon.svg"), web.get("/assets/c.js")
    assert script.headers["content-type"].startswith("text/javascript")
    assert script.headers["content-security-policy"] == WORKER_POLICY
    assert "immutable" in script.headers["cache-control"]
    assert decoder.headers["content-type"] == "application/wasm"
    assert icon.headers["content-type"].startswith("image/svg+xml")
    assert none.status_code == 404
    assert "html" not in none.headers.get("content-type", "")


@pytest.mark.parametrize(
    "path",
    ["/asset-manifest.json", "/../portal.html", "/%2e%2e/etc/passwd", "/index.html", "/x%00"],
)
def test_nothing_but_the_release_is_served(dist, path):
    with client(dist) as web:
        answer = web.get(path)
    assert answer.text.startswith("<html>")  # the page, which shows that there is no such place


def change(dist):
    (dist / "assets" / "a.js").write_bytes(b"let a = 2;")


def add(dist):
    (dist / "assets" / "evil.js").write_bytes(b"1")


def remove(dist):
    (dist / "icon.svg").unlink()


def link(dist):
    path = dist / "assets" / "a.js"
    path.rename(dist.parent / "a.js")
    path.symlink_to(dist.parent / "a.js")


def forget(dist):
    (dist / MANIFEST).write_text('{"files": []}')


def break_list(dist):
    (dist / MANIFEST).write_text("{")


def escape(dist):
    stated = json.loads((dist / MANIFEST).read_text())
    (dist / "a b").write_bytes(b"")
    listed(dist)
    del stated


@pytest.mark.parametrize("deed", [change, add, remove, link, forget, break_list, escape])
def test_a_release_that_was_touched_is_not_served_at_all(dist, deed):
    deed(dist)
    with pytest.raises(ReleaseDamaged):
        read_release(dist)
    with client(dist) as web:
        page, script, api = web.get("/"), web.get("/assets/a.js"), web.get("/api/me")
    assert {page.status_code, script.status_code, api.status_code} == {503}
    assert "E6021" in page.text
    assert api.json()["code"] == "E6021"
    assert "<html" not in page.text


def test_without_a_list_there_is_no_page(dist):
    (dist / MANIFEST).unlink()
    with pytest.raises(ReleaseMissing):
        read_release(dist)
    with client(dist) as web:
        assert "E6020" in web.get("/").text


def test_a_change_after_the_comparison_reaches_nobody(dist):
    with client(dist) as web:
        change(dist)
        assert web.get("/assets/a.js").content == b"let a = 1;"


def test_a_release_without_the_portals_page_is_none_of_ours(dist):
    (dist / PORTAL).unlink()
    made = read_release(listed(dist))
    with pytest.raises(ReleaseDamaged):
        released_page(made, randomness, PORTAL, "box")


def test_the_settings_are_off_until_they_name_a_port():
    assert parse("").portal.port == 0
    settings = parse('[portal]\nhost = "0.0.0.0"\nport = 8443\n')
    assert (settings.portal.host, settings.portal.port) == ("0.0.0.0", 8443)
    assert WebSettings().certificate == ""


def test_a_box_that_knows_its_publisher_serves_no_other_page(dist):
    publisher = Ed25519PrivateKey.from_private_bytes(b"p" * 32)
    told = PortalSettings(release_key=key_text(publisher.public_key()))
    settings = Appliance(hospital="甲", portal=told)
    with client(dist, settings) as web:
        assert "E6022" in web.get("/").text
    (dist / SIGNATURE).write_bytes(signature_of((dist / MANIFEST).read_bytes(), publisher))
    with client(dist, settings) as web:
        assert web.get("/").status_code == 200
        assert web.get("/assets/a.js").content == b"let a = 1;"
    with client(dist, replace(settings, portal=PortalSettings(release_key="no key"))) as web:
        assert "E6024" in web.get("/").text
