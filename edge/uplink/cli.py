"""Commands of the box for its region: join, how it stands, agree to a late renewal."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

Folder = Annotated[Path, typer.Option("--folder", envvar="XINGLIN_FOLDER", help="数据目录 / data")]


def add_commands(app: typer.Typer) -> None:
    """Add these commands to the appliance's."""
    app.command("join")(join_region)
    app.command("region")(show_region)
    app.command("renew-consent")(agree)


def join_region(
    folder: Folder,
    hub: Annotated[str, typer.Argument(help="主机:端口 / host:port")],
    code: Annotated[
        str, typer.Argument(help="入网代码，- 从标准输入读 / code, - from stdin")
    ] = "-",
    again: Annotated[bool, typer.Option(help="离开现区域重新加入 / leave the present one")] = False,
) -> None:
    """用一次性代码加入区域 / join a region with a one-time code."""
    from edge.store.box import open_box, real_outside
    from edge.uplink.join import join, recovery_key

    text = sys.stdin.readline() if code == "-" else code
    box = open_box(folder, real_outside())
    try:
        told = join(box, hub, text, again=again, by="cli")
        if not recovery_key(box):
            typer.echo(
                "尚未打印恢复密钥：请运行 xinglin backup key，下次续签证书时上报"
                " / no recovery key was printed yet: run xinglin backup key",
                err=True,
            )
    finally:
        box.close()
    print(json.dumps(
        {"node": box.identity.id, "hub": told.hub, "hospital": told.hospital,
         "hospital_name": told.hospital_name}, ensure_ascii=False,
    ))  # fmt: skip


def show_region(folder: Folder) -> None:
    """区域、证书与连接 / the region, the certificate, the link."""
    from edge.store.box import open_box, real_outside
    from edge.uplink.join import credentials_of
    from edge.uplink.notices import awaited
    from edge.uplink.process import outbox_of
    from edge.uplink.renew import certificate_of
    from edge.uplink.status import alarms_of, link_status, notice_status

    box = open_box(folder, real_outside())
    try:
        credentials = credentials_of(box)
        shown: dict[str, object] = {"joined": credentials.joined}
        if credentials.joined:
            told = credentials.region()
            shown |= {
                "hub": told.hub, "hospital": told.hospital_name,
                "certificate": certificate_of(box, credentials),
            }  # fmt: skip
        shown |= {"link": link_status(box, outbox_of(box)), "alarms": alarms_of(box)}
        shown["notices"] = notice_status(box) | {"awaited": awaited(box)}
        print(json.dumps(shown, ensure_ascii=False))
    finally:
        box.close()


def agree(folder: Folder) -> None:
    """同意到期证书的续签 / agree to the renewal of the ended certificate."""
    from edge.store.box import open_box, real_outside
    from edge.uplink.renew import consent

    box = open_box(folder, real_outside())
    try:
        consent(box, "cli")
    finally:
        box.close()
    print(json.dumps({"consent": True}))
