"""Commands of the hub for boxes: certificates, invitations, revocation, late renewals."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from hub.registry.authority import Authority, RootKeyFile
    from hub.site import HubSite

Folder = Annotated[
    Path, typer.Option("--folder", envvar="XINGLIN_HUB_FOLDER", help="数据目录 / data")
]
AsJson = Annotated[bool, typer.Option("--json", help="JSON")]
RootKey = Annotated[
    Path, typer.Option("--root-key", help="根密钥文件，另行保管 / the root's key, kept apart")
]
_PASSPHRASE = "XINGLIN_ROOT_PASSPHRASE"  # noqa: S105 the variable's name
_LIFE = re.compile(r"^([0-9]+)([mhd])$")
_UNIT_MS = {"m": 60_000, "h": 3_600_000, "d": 86_400_000}
renewals = typer.Typer(help="到期后的续签 / renewals after the end", add_completion=False)


def add_commands(app: typer.Typer) -> None:
    """Add these commands to the hub's."""
    app.command("ca-renew")(ca_renew)
    app.command("invite")(make_invite)
    app.command("invites")(list_invites)
    app.command("revoke")(revoke_box)
    app.command("devices")(list_devices)
    app.add_typer(renewals, name="renewals", invoke_without_command=True)


def make_authority(site: HubSite, root_key: Path | None) -> dict[str, str]:
    """Make the region's certificates where there are none; return what to tell the operator."""
    from hub.registry.authority import create_authority

    if (site.folder / "ca" / "root.crt").exists():
        return {}
    place = root_key or site.folder / "ca" / "root.key"
    create_authority(
        site.folder, site.identity.id, site.settings.region or "Xinglin", _file(place), site.outside
    )
    if root_key is None:
        typer.echo(
            f"请把根密钥移到离线介质，本机不需要它 / move the root's key to offline media,"
            f" the hub does not need it: {place}",
            err=True,
        )
    return {"root_key": str(place)}


def ca_renew(folder: Folder, root_key: RootKey) -> None:
    """用根密钥续签签发证书 / renew the issuing certificate with the root's key."""
    from core.records.clock import iso
    from core.vault.certificates import not_after_ms
    from hub.registry.authority import renew_issuing

    with _opened(folder) as site:
        made = renew_issuing(_authority(site), site.settings.region or "Xinglin", _file(root_key))
        print(json.dumps({"issuing_until": iso(not_after_ms(made.issuing.certificate))}))


def make_invite(
    folder: Folder,
    hospital: Annotated[str, typer.Argument(help="医院名称或编号 / name or id")],
    valid: Annotated[str, typer.Option(help="10m … 7d")] = "2d",
    qr: Annotated[bool, typer.Option(help="在终端显示二维码 / picture")] = False,
    page: Annotated[Path | None, typer.Option(help="打印页 / printable page (HTML)")] = None,
    as_json: AsJson = False,
) -> None:
    """为医院生成一次性入网代码 / make a one-time code for a hospital's next box."""
    from core.vault.identity import write_secret
    from hub.registry import sheet
    from hub.registry.invites import invite

    with _opened(folder) as site:
        made = invite(site, _authority(site).pin, hospital, life_ms(valid), "cli")
        hub = f"{site.settings.address}:{site.settings.enrol.port}"
    if page is not None:
        write_secret(page, sheet.page(made, hub).encode())
    if as_json:
        print(json.dumps({
            "id": made.code.invite, "hospital": made.hospital, "hub": hub,
            "code": made.code.text(), "expires_at": made.expires_at,
        }, ensure_ascii=False))  # fmt: skip
        return
    print(f"医院 / hospital  {made.hospital_name}")
    print(f"区域中心 / hub   {hub}")
    print(f"有效至 / until   {sheet.until(made)}")
    print("\n".join(["", *(f"    {line}" for line in sheet.lines_of(made)), ""]))
    if qr:
        print(sheet.picture_terminal(made.code.picture_text(hub)))
    print("只能使用一次，只显示这一次。 / It works once and is shown this once.")


def list_invites(folder: Folder, as_json: AsJson = False) -> None:
    """入网邀请及其状态 / invitations and what became of them."""
    from core.records.clock import iso
    from hub.registry.invites import invitations

    with _opened(folder) as site:
        rows = invitations(site)
    _show(
        rows, as_json,
        lambda r: f"{r['id']}  {r['state']:<10} {iso(r['expires_at'])[:16]}  {r['hospital_name']}"
        f"  ✗{r['failures']}",
    )  # fmt: skip


def revoke_box(
    folder: Folder, node: Annotated[str, typer.Argument(help="设备编号（≥8 位）/ box")]
) -> None:
    """吊销设备，一分钟内各处生效 / revoke a box for good, everywhere within a minute."""
    from hub.registry.devices import revoke

    with _opened(folder) as site:
        print(json.dumps({"revoked": revoke(site, node, "cli")}))


def list_devices(folder: Folder, as_json: AsJson = False) -> None:
    """设备及其证书 / boxes and their certificates."""
    from core.records.clock import iso
    from hub.registry.devices import devices

    def line(row: dict[str, Any]) -> str:
        state = "revoked" if row["revoked_at"] else "waiting" if row["asked_at"] else "ok"
        ends = iso(row["not_after"])[:16] if row["not_after"] else "—"
        skew = abs(row["clock_skew_ms"] or 0) // 1000
        clock = f"  clock {skew} s" if skew > 60 else ""
        return f"{row['id'][:16]}  {state:<8} {ends}  {row['hospital_name']}{clock}"

    with _opened(folder) as site:
        _show(devices(site), as_json, line)


@renewals.callback()
def list_renewals(context: typer.Context, folder: Folder, as_json: AsJson = False) -> None:
    """到期后等待同意的续签 / late renewals that wait for a person."""
    from core.records.clock import iso
    from hub.registry.renewals import waiting

    context.obj = folder
    if context.invoked_subcommand is not None:
        return
    with _opened(folder) as site:
        rows = waiting(site)
    _show(
        rows, as_json,
        lambda r: f"{r['node'][:16]}  {'approved' if r['approved_at'] else 'waiting':<9}"
        f" {iso(r['asked_at'])[:16]}  {r['hospital_name']}",
    )  # fmt: skip


@renewals.command("approve")
def approve_renewal(
    context: typer.Context, node: Annotated[str, typer.Argument(help="设备编号 / box")]
) -> None:
    """同意某台设备到期后续签 / agree to a box's late renewal."""
    from hub.registry.renewals import approve

    with _opened(context.obj) as site:
        print(json.dumps({"approved": approve(site, node, "cli")}))


def life_ms(text: str) -> int:
    """Return milliseconds of ``30m``, ``12h`` or ``2d``."""
    found = _LIFE.match(text)
    if not found:
        raise typer.BadParameter("30m, 12h, 2d …")
    return int(found[1]) * _UNIT_MS[found[2]]


def _show(rows: list[dict[str, Any]], as_json: bool, line: Any) -> None:
    if as_json:
        print(json.dumps(rows, ensure_ascii=False))
        return
    for row in rows:
        print(line(row))


def _file(path: Path) -> RootKeyFile:
    from hub.registry.authority import RootKeyFile

    return RootKeyFile(path, os.environ.get(_PASSPHRASE, ""))


def _authority(site: HubSite) -> Authority:
    from hub.registry.authority import open_authority

    return open_authority(site.folder, site.identity.id, site.outside)


@contextmanager
def _opened(folder: Path) -> Iterator[HubSite]:
    from hub.outside import real_outside
    from hub.site import open_hub

    site = open_hub(folder, real_outside())
    try:
        yield site
    finally:
        site.close()
