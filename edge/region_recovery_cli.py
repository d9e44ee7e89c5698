"""Recover a person's keys at their hospital: a forgotten passphrase, with the printed recovery key.

The person downloads the recovery file on the portal's key page and brings it here; whoever keeps
the printed key types it; the person types a new passphrase. What comes out goes back to the portal
by the person. The hub alone can do none of this, and neither can this box without the paper.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

Folder = Annotated[Path, typer.Option("--folder", envvar="XINGLIN_FOLDER", help="数据目录 / data")]
MOST_BYTES = 64 * 1024


def new_passphrase() -> str:
    """Ask twice at a terminal; from a pipe read one line."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    return str(typer.prompt("新口令 / new passphrase", hide_input=True, confirmation_prompt=True))


def recover_person(
    folder: Folder,
    recovery: Annotated[Path, typer.Argument(help="找回文件 / the recovery file")],
    out: Annotated[Path, typer.Argument(help="写到 / where the newly wrapped keys go")],
    by: Annotated[str, typer.Option("--by", help="经办人 / who does it, for the record")],
    recovery_key_file: Annotated[
        str, typer.Option(help="恢复密钥文件，- 为标准输入 / file, - for standard input")
    ] = "-",
) -> None:
    """为本院人员找回密钥：恢复密钥 + 新口令 / recover a person's keys under a new passphrase."""
    from edge.backup.cli import opened, read_secret, refusals
    from edge.region_recovery import recover_keys

    with recovery.open("rb") as source:
        data = source.read(MOST_BYTES)
    with refusals(), opened(folder) as box:
        secret = read_secret(recovery_key_file)
        done = recover_keys(box, data, secret, new_passphrase(), by)
    with out.open("xb") as target:
        target.write(done.wrapped)
    print(f"✓ {done.person}  密钥 / key {done.key[:16]}  →  {out}")
    print("请本人在门户“我的密钥”页载入此文件，用新口令解锁。")
    print("The person loads this file on the portal's key page and unlocks it there.")
