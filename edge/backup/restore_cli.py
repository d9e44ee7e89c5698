"""Restore an appliance from a backup onto an empty folder, with the printed recovery key."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from edge.backup.cli import AsJson, NodeOption, progress, read_secret, refusals


def restore(
    from_: Annotated[str, typer.Option("--from", help="文件夹或 s3:// 地址 / folder or URL")],
    folder: Annotated[Path, typer.Option("--folder", help="空目录 / an empty folder")],
    recovery_key_file: Annotated[
        str, typer.Option(help="恢复密钥文件，- 为标准输入 / file, - for standard input")
    ] = "-",
    node: NodeOption = "",
    as_json: AsJson = False,
) -> None:
    """由备份恢复整台设备 / rebuild an appliance; exit code 1 if some blobs are lost."""
    from edge.backup.restore import Source
    from edge.backup.restore import restore as rebuild
    from edge.backup.target import open_target
    from edge.store.box import real_outside

    with refusals():
        source = Source(open_target(from_), read_secret(recovery_key_file), node)
        done = rebuild(source, folder, real_outside(), progress)
    if as_json:
        print(json.dumps(done.as_json()))
    else:
        print(
            f"✓ 设备 / node {done.node[:16]}  备份 / backup #{done.number} ({done.at})"
            f"  记录 / records {done.records}  数据块 / blobs {done.blobs}"
            f"  已销毁患者 / destroyed {done.destroyed}"
        )
        for name in done.blobs_lost:
            print(f"  ✗ 无法恢复 / lost: {name}")
        print("原设备若仍在运行，请先停机再启用本机。")
        print("If the old box still runs, stop it before this one is started.")
    raise typer.Exit(1 if done.blobs_lost else 0)
