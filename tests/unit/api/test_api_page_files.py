"""Files of the page: types that nosniff accepts, kept for ever, decoders under their own policy."""

import pytest

from tests.api_site import ApiSite


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    assets = folder / "dist" / "assets"
    assets.mkdir(parents=True)
    (folder / "dist" / "index.html").write_text("<p nonce='__CSP_NONCE__'>", encoding="utf-8")
    for name in ("decode-1a.wasm", "worker-2b.js", "style-3c.css"):
        (assets / name).write_bytes(b"x")
    return ApiSite(folder / "box", folder / "dist").client()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("decode-1a.wasm", "application/wasm"),
        ("worker-2b.js", "text/javascript; charset=utf-8"),
        ("style-3c.css", "text/css; charset=utf-8"),
    ],
)
def test_an_asset_has_its_type_and_is_asked_for_once(client, name, kind):
    answer = client.get(f"/assets/{name}")
    assert answer.headers["content-type"] == kind
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"


def test_a_worker_may_compile_its_decoders_and_nothing_else(client):
    said = client.get("/assets/worker-2b.js").headers["content-security-policy"].split("; ")
    assert "script-src 'self' 'wasm-unsafe-eval'" in said
    assert "connect-src 'self'" in said
    assert "default-src 'none'" in said
    assert not any(part.startswith("sandbox") for part in said)


def test_an_asset_that_is_not_there_is_not_the_page(client):
    assert client.get("/assets/gone-9z.js").status_code == 404


def test_a_place_of_the_page_is_the_page_with_a_fresh_nonce(client):
    first, second = (client.get("/study/st_1") for _ in range(2))
    assert first.status_code == 200
    assert first.headers["cache-control"] == "no-store"
    assert first.text != second.text
