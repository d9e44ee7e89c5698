"""`xinglin hub init|invite|invites|devices|revoke|renewals` and `xinglin edge join|region`."""

from __future__ import annotations

import json
import stat

import pytest
from typer.testing import CliRunner

from core.vault.join_code import parse_code
from edge.cli import app as edge_app
from hub.cli import app as hub_app
from hub.downlink.enrol_server import start
from hub.enrol_cli import life_ms
from hub.outside import real_outside
from hub.registry.authority import open_authority
from hub.registry.invites import invite
from hub.registry.sheet import page, picture_svg, picture_terminal
from hub.site import open_hub


def run(app, *arguments, text=None, fails=False):
    result = CliRunner().invoke(app, [str(a) for a in arguments], input=text)
    if fails:
        assert result.exit_code != 0
        return result.exception
    assert result.exit_code == 0, (result.output, result.exception)
    return result.stdout


@pytest.fixture
def folder(tmp_path):
    """A hub's folder, made on the command line, with one hospital."""
    made = tmp_path / "hub"
    settings = tmp_path / "hub.toml"
    settings.write_text('region = "测试"\naddress = "127.0.0.1"\n[enrol]\nport = 0\n')
    out = run(
        hub_app, "init", "--folder", made, "--settings", settings,
        "--root-key", tmp_path / "stick" / "root.key",
    )  # fmt: skip
    assert json.loads(out)["root_key"].endswith("root.key")
    run(hub_app, "hospital", "--folder", made, "甲县医院")
    return made


def test_the_root_key_goes_where_the_operator_says(folder, tmp_path):
    key = tmp_path / "stick" / "root.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert not (folder / "ca" / "root.key").exists()
    out = run(hub_app, "ca-renew", "--folder", folder, "--root-key", key)
    assert json.loads(out)["issuing_until"] > "2030"
    error = run(
        hub_app, "ca-renew", "--folder", folder, "--root-key", folder / "ca" / "enrol.pem",
        fails=True,
    )  # fmt: skip
    assert "E7352" in str(error)


def test_a_second_init_changes_nothing(folder):
    before = (folder / "ca" / "root.crt").read_bytes()
    run(hub_app, "init", "--folder", folder)
    assert (folder / "ca" / "root.crt").read_bytes() == before


def test_an_invitation_is_printed(folder, tmp_path):
    sheet = tmp_path / "sheet.html"
    out = run(hub_app, "invite", "甲县医院", "--folder", folder, "--qr", "--page", sheet)
    lines = [line.strip() for line in out.splitlines() if line.startswith("    ")]
    code = parse_code("-".join(lines[:4]))
    assert "█" in out or "▀" in out
    html = sheet.read_text(encoding="utf-8")
    assert "<svg" in html
    assert "<script" not in html
    assert stat.S_IMODE(sheet.stat().st_mode) == 0o600
    (row,) = json.loads(run(hub_app, "invites", "--folder", folder, "--json"))
    assert (row["id"], row["state"]) == (code.invite, "open")


def test_from_invitation_to_revocation(folder, tmp_path):
    code = json.loads(run(hub_app, "invite", "甲县医院", "--folder", folder, "--json"))["code"]
    site = open_hub(folder, real_outside())
    server, port = start(site, open_authority(folder, site.identity.id, site.outside))
    try:
        box = tmp_path / "box"
        run(edge_app, "init", "--folder", box)
        out = run(edge_app, "join", f"127.0.0.1:{port}", "--folder", box, text=code + "\n")
        node = json.loads(out)["node"]
        shown = json.loads(run(edge_app, "region", "--folder", box))
        assert (shown["joined"], shown["hospital"]) == (True, "甲县医院")
        assert shown["certificate"]["state"] == "good"
        assert node[:16] in run(hub_app, "devices", "--folder", folder)
        assert run(hub_app, "renewals", "--folder", folder) == ""
        error = run(hub_app, "renewals", "--folder", folder, "approve", node, fails=True)
        assert "E7358" in str(error)
        assert "E7556" in str(run(edge_app, "renew-consent", "--folder", box, fails=True))
        out = run(hub_app, "revoke", node[:12], "--folder", folder)
        assert json.loads(out) == {"revoked": node}
        assert "revoked" in run(hub_app, "devices", "--folder", folder)
    finally:
        server.stop(None).wait()
        site.close()


@pytest.mark.parametrize(
    ("text", "ms"), [("10m", 600_000), ("2d", 172_800_000), ("3h", 10_800_000)]
)
def test_lives(text, ms):
    assert life_ms(text) == ms


@pytest.mark.parametrize("text", ["", "2", "d2", "2w", "-1d", "1.5h"])
def test_lives_that_are_none(text):
    with pytest.raises(Exception, match="30m"):
        life_ms(text)


def test_a_name_on_the_page_stays_text(folder):
    name = "<script>alert(1)</script>&\"'"
    run(hub_app, "hospital", "--folder", folder, name)
    site = open_hub(folder, real_outside())
    made = invite(site, bytes(16), name, 3_600_000, "x")
    html = page(made, "<b>hub</b>:1")
    assert "<script" not in html
    assert "<b>" not in html
    assert "&lt;script&gt;" in html
    site.close()


def test_pictures_hold_a_whole_invitation():
    text = "xinglin:join?hub=" + "h" * 100 + ":65535&code=" + "Z" * 79
    assert picture_svg(text).startswith("<svg")
    assert len(picture_terminal(text).splitlines()) > 20
