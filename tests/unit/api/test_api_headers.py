"""What surrounds every answer, the page itself, and that no log names a patient."""

from __future__ import annotations

import io
import logging

import pytest
import structlog

from edge.logs import set_up_logs
from tests.api_site import ApiSite, chest, related
from tests.input_cases import encoded

SECRETS = ("ZHANGXYZ", "张某某", "PID-7788", "1.2.840.99.77", "19700203", "ACC-5566")


@pytest.fixture
def site(tmp_path):
    dist = tmp_path / "dist"
    (dist / "assets").mkdir(parents=True)
    (dist / "index.html").write_text('<script nonce="__CSP_NONCE__"></script>')
    (dist / "other.html").write_text("never served as a file")
    (dist / "assets" / "app.js").write_text("1")
    (tmp_path / "secret.txt").write_text("secret")
    return ApiSite(tmp_path / "box", dist, roles=("radiologist", "device_it"))


def crash(site, monkeypatch):
    def broken(*_):
        raise RuntimeError("ZHANGXYZ PID-7788 1.2.840.99.77.1")

    monkeypatch.setattr("edge.api.studies.worklist", broken)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200), ("GET", "/assets/app.js", 200), ("GET", "/study/x", 200),
        ("GET", "/api/me", 401), ("POST", "/api/login", 422), ("GET", "/api/none", 404),
        ("GET", "/dicomweb/studies", 401), ("DELETE", "/api/me", 404), ("GET", "/crash", 500),
    ],
)  # fmt: skip
def test_headers_of_every_answer(site, monkeypatch, method, path, status):
    client = site.client()
    if path == "/crash":
        crash(site, monkeypatch)
        client, path = site.client("radiologist"), "/api/worklist"
    answer = client.request(method, path)
    assert answer.status_code == status
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert "access-control-allow-origin" not in answer.headers
    if path.startswith(("/api", "/dicomweb")):
        assert answer.headers["cache-control"] == "no-store"


def test_each_page_has_a_nonce_of_its_own(site):
    seen = set()
    for _ in range(3):
        answer = site.client().get("/")
        nonce = answer.text.split('nonce="')[1].split('"')[0]
        assert f"'nonce-{nonce}'" in answer.headers["content-security-policy"]
        assert "unsafe-inline" not in answer.headers["content-security-policy"]
        seen.add(nonce)
    assert len(seen) == 3
    assert all(len(nonce) >= 22 for nonce in seen)


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt", "/assets/../../secret.txt",
        "/assets/%2e%2e/%2e%2e/secret.txt", "/other.html", "/%00", "/" + "x" * 5000, "/..%5csecret",
    ],
)  # fmt: skip
def test_only_the_page_is_served(site, path):
    answer = site.client().get(path)
    assert answer.status_code < 500
    assert "secret" not in answer.text
    assert "never served" not in answer.text


def test_a_crash_says_a_number_and_nothing_else(site, monkeypatch):
    crash(site, monkeypatch)
    answer = site.client("radiologist").get("/api/worklist")
    assert answer.json()["code"] == "E6099"
    assert not any(secret in answer.text for secret in SECRETS)


def test_no_log_names_a_patient(site, monkeypatch):
    """A patient's whole day on the page, with what goes wrong on it, leaves no name in a log."""
    out, caught = io.StringIO(), logging.getLogger()
    before = (caught.handlers, caught.level, structlog.get_config())
    loud = {n: logging.getLogger(n).level for n in ("pydicom", "pynetdicom", "highdicom", "httpx")}
    import sys
    import threading
    import warnings

    hooks = (warnings.showwarning, sys.excepthook, threading.excepthook)
    try:
        set_up_logs(out)
        a_day(site)
        crash(site, monkeypatch)
        site.client("radiologist").get("/api/worklist", params={"q": "ZHANGXYZ"})
    finally:
        caught.handlers, level, kept = before
        caught.setLevel(level)
        structlog.configure(**kept)
        warnings.showwarning, sys.excepthook, threading.excepthook = hooks
        for name, was in loud.items():
            logging.getLogger(name).setLevel(was)
    said = out.getvalue()
    assert "request crashed" in said
    for secret in SECRETS:
        assert secret not in said, said


def a_day(site):
    uid = "1.2.840.99.77"
    patient = {
        "study": uid, "name": "ZHANGXYZ^SAN=张某某", "patient": "PID-7788",
        "PatientBirthDate": "19700203", "AccessionNumber": "ACC-5566",
    }  # fmt: skip
    client = site.client("radiologist")
    broken = chest(2, **patient)
    broken.PixelData = b"\0" * 10
    files = [encoded(chest(1, **patient)), encoded(broken), encoded(chest(1, **patient))[:900]]
    body, media = related([*files, encoded(chest(1, **patient | {"patient": "PID-7788X"}))])
    client.post("/dicomweb/studies", content=body, headers={"Content-Type": media})
    path = f"/dicomweb/studies/{uid}/series/{uid}.1/instances/{uid}.1"
    for one in ("1", "2", "3"):
        for what in ("", "/frames/1", "/rendered", "/metadata", "/frames/9"):
            client.get(f"{path}.{one}{what}")
    client.get("/dicomweb/studies", params={"PatientName": "ZHANGXYZ*", "PatientID": "PID-7788"})
    study = site.study(uid)
    for what in ("", "/manifest", "/outlines", "/heatmap"):
        client.get(f"/api/studies/{study}{what}")
    client.get("/api/worklist", params={"q": "张某某", "from": "19700203x"})
    client.post("/api/upload", files=[("f", ("ZHANGXYZ.zip", b"PK\x03\x04 broken"))])
    client.post("/api/login", json={"user": "ZHANGXYZ", "password": "PID-7788"})
