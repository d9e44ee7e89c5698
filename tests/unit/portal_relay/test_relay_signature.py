"""Who released the page: only what the publisher signed is served where a publisher is set."""

from __future__ import annotations

import json
import stat

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from typer.testing import CliRunner

from core.web.page import PORTAL
from core.web.release import MANIFEST, integrity_of, read_release
from core.web.release_errors import (
    ReleaseDamaged,
    ReleaseForged,
    ReleaseKeyWrong,
    ReleaseUnsigned,
)
from core.web.release_signature import SIGNATURE, key_text, publisher_key, signature_of
from provisioning.release_cli import app

KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
OTHER = Ed25519PrivateKey.from_private_bytes(b"o" * 32)
FILES = {PORTAL: b"<html></html>", "assets/a.js": b"let a = 1;"}


@pytest.fixture
def dist(tmp_path):
    folder = tmp_path / "dist"
    (folder / "assets").mkdir(parents=True)
    for name, data in FILES.items():
        (folder / name).write_bytes(data)
    stated = {name: integrity_of(data) for name, data in FILES.items()}
    (folder / MANIFEST).write_text(json.dumps({"files": stated}))
    return folder


def sign(dist, key=KEY):
    (dist / SIGNATURE).write_bytes(signature_of((dist / MANIFEST).read_bytes(), key))


def test_a_signed_page_is_read_and_the_signature_is_not_served(dist):
    sign(dist)
    assert read_release(dist, KEY.public_key()).files == FILES
    assert read_release(dist).files == FILES, "without a publisher the signature is not asked for"


def test_without_a_signature_nothing_is_served_where_a_publisher_is_set(dist):
    with pytest.raises(ReleaseUnsigned):
        read_release(dist, KEY.public_key())


NONE = [b"", b"x", b"=" * 90, b"A" * 88 + b"\n", bytes(64), b"\xff" * 5000]


@pytest.mark.parametrize("text", NONE, ids=["empty", "letter", "signs", "zeros", "raw", "long"])
def test_a_signature_that_is_none_is_refused(dist, text):
    (dist / SIGNATURE).write_bytes(text)
    with pytest.raises(ReleaseForged):
        read_release(dist, KEY.public_key())


def test_another_signer_is_refused(dist):
    sign(dist, OTHER)
    with pytest.raises(ReleaseForged):
        read_release(dist, KEY.public_key())


def test_a_new_list_under_an_old_signature_is_refused(dist):
    sign(dist)
    (dist / "assets/a.js").write_bytes(b"steal()")
    stated = {**json.loads((dist / MANIFEST).read_text())["files"],
              "assets/a.js": integrity_of(b"steal()")}  # fmt: skip
    (dist / MANIFEST).write_text(json.dumps({"files": stated}))
    assert read_release(dist).files["assets/a.js"] == b"steal()"
    with pytest.raises(ReleaseForged):
        read_release(dist, KEY.public_key())


def test_a_changed_file_under_a_good_signature_is_refused(dist):
    sign(dist)
    (dist / "assets/a.js").write_bytes(b"steal()")
    with pytest.raises(ReleaseDamaged):
        read_release(dist, KEY.public_key())


@pytest.mark.parametrize("text", ["", "x", "A" * 43, "A" * 40])
def test_a_setting_that_is_no_key_is_said(text):
    with pytest.raises(ReleaseKeyWrong):
        publisher_key(text)


def test_the_publishers_commands(dist, tmp_path):
    run, key = CliRunner(), tmp_path / "publisher.key"
    made = run.invoke(app, ["keygen", str(key)])
    assert (made.exit_code, stat.S_IMODE(key.stat().st_mode)) == (0, 0o600)
    public = made.output.strip()
    again = run.invoke(app, ["keygen", str(key)])
    assert again.exit_code == 2
    signed = run.invoke(app, ["sign", str(key), "--dist", str(dist)])
    assert signed.exit_code == 0, signed.output
    assert public in signed.output
    assert run.invoke(app, ["verify", public, "--dist", str(dist)]).exit_code == 0
    wrong = run.invoke(app, ["verify", key_text(OTHER.public_key()), "--dist", str(dist)])
    assert isinstance(wrong.exception, ReleaseForged)
