"""Run a region's hub: init, serve, people.

The data folder is ``--folder`` or the environment variable ``XINGLIN_HUB_FOLDER``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from hub.enrol_cli import add_commands

app = typer.Typer(no_args_is_help=True, help="区域中心 / the region's hub", add_completion=False)
Folder = Annotated[
    Path, typer.Option("--folder", envvar="XINGLIN_HUB_FOLDER", help="数据目录 / data")
]


add_commands(app)


@app.callback()
def hub() -> None:
    """区域中心 / the region's hub."""


@app.command()
def init(
    folder: Folder,
    settings: Annotated[Path | None, typer.Option(help="hub.toml")] = None,
    root_key: Annotated[
        Path | None, typer.Option(help="根密钥写到何处，须另行保管 / where the root's key goes")
    ] = None,
) -> None:
    """新建区域中心数据目录 / make a data folder: identity, keys, certificates, tables."""
    from hub.enrol_cli import make_authority
    from hub.outside import real_outside
    from hub.site import create_hub

    text = settings.read_text(encoding="utf-8") if settings else ""
    site = create_hub(folder, text, real_outside())
    made = make_authority(site, root_key)
    print(json.dumps({"node": site.identity.id, "folder": str(folder), **made}))
    site.close()


@app.command()
def serve(
    folder: Folder,
    portal_port: Annotated[int | None, typer.Option(help="网页端口 / page")] = None,
    sync_port: Annotated[int | None, typer.Option(help="设备同步端口 / boxes")] = None,
    enrol_port: Annotated[int | None, typer.Option(help="设备注册端口 / joining")] = None,
    relay_port: Annotated[int | None, typer.Option(help="设备代转会诊页面 / page by boxes")] = None,
) -> None:
    """运行区域中心的一个进程 / run one process of the hub until stopped."""
    from core.web.logs import set_up_logs
    from hub.main import Bound, Ports, until_told
    from hub.main import serve as run

    def tell(bound: Bound) -> None:
        ports = {
            "portal": bound.portal, "sync": bound.sync, "enrol": bound.enrol, "relay": bound.relay,
        }  # fmt: skip
        print(json.dumps(ports), flush=True)

    set_up_logs()
    run(folder, until_told(), Ports(portal_port, sync_port, enrol_port, relay_port), tell)


@app.command()
def hospital(
    folder: Folder,
    name: str,
    recovery_public: Annotated[
        str,
        typer.Option(help="恢复公钥，无设备的医院 / of a hospital without a box"),
    ] = "",
) -> None:
    """新增医院 / add a hospital."""
    from hub.outside import real_outside
    from hub.registry.hospitals import add_hospital
    from hub.site import open_hub

    try:
        key = bytes.fromhex(recovery_public)
    except ValueError:
        raise typer.BadParameter("hex", param_hint="--recovery-public") from None
    site = open_hub(folder, real_outside())
    try:
        print(json.dumps({"id": add_hospital(site, name, key)}))
    finally:
        site.close()


users = typer.Typer(no_args_is_help=True, help="账号 / accounts")
app.add_typer(users, name="user")


@users.command("add")
def add_user(  # noqa: PLR0913, PLR0917 one option of the command line each
    folder: Folder,
    user: str,
    role: Annotated[str, typer.Option(help="角色 / role")],
    name: Annotated[str, typer.Option(help="姓名 / name")] = "",
    hospital: Annotated[str, typer.Option(help="医院编号 / hospital id")] = "",
    department: Annotated[str, typer.Option(help="科室 / department")] = "",
    title: Annotated[str, typer.Option(help="职称 / title")] = "",
    keep: Annotated[bool, typer.Option(help="首次登录不改密码 / need not change it")] = False,
) -> None:
    """新建账号，口令从标准输入读入 / add an account; the password comes on standard input."""
    import sys

    from core.web.access import Passwords
    from hub.outside import real_outside
    from hub.registry.people import NewPerson, People
    from hub.site import open_hub

    password = sys.stdin.readline().rstrip("\n")
    site = open_hub(folder, real_outside())
    try:
        people = People(site, Passwords(site.outside.randomness))
        new = NewPerson(
            user, name, role, password, hospital, department, title, must_change=not keep
        )
        print(json.dumps({"id": people.add(new)}))
    finally:
        site.close()


@users.command("list")
def list_users(folder: Folder) -> None:
    """列出账号 / list the accounts."""
    from core.web.access import Passwords
    from hub.outside import real_outside
    from hub.registry.people import People
    from hub.site import open_hub

    site = open_hub(folder, real_outside())
    for row in People(site, Passwords(site.outside.randomness)).list():
        print(json.dumps(row, ensure_ascii=False))
    site.close()
