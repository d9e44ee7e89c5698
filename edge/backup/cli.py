"""Back up an appliance: recovery key, run, list, verify.

Everything is sealed to a recovery key that is printed once; see docs/howto/operate.md.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from edge.store.box import Box

app = typer.Typer(no_args_is_help=True, help="备份 / backup", add_completion=False)
Folder = Annotated[Path, typer.Option("--folder", envvar="XINGLIN_FOLDER", help="数据目录 / data")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON")]
Where = Annotated[str, typer.Option("--target", help="文件夹或 s3:// 地址 / folder or s3:// URL")]
NodeOption = Annotated[str, typer.Option("--node", help="设备编号（开头即可）/ node id, a prefix")]


@contextmanager
def refusals() -> Iterator[None]:
    """Turn a refusal into two sentences and exit code 2."""
    from core.errors import XinglinError

    try:
        yield
    except XinglinError as error:
        text = f"E{error.code} {error.sentence('zh')} / {error.sentence('en')}"
        typer.echo(text, err=True)
        raise typer.Exit(2) from None


@contextmanager
def opened(folder: Path) -> Iterator[Box]:
    """Open a box for a block."""
    from edge.store.box import open_box, real_outside

    box = open_box(folder, real_outside())
    try:
        yield box
    finally:
        box.close()


def read_secret(source: str) -> bytes:
    """Read a typed recovery key from a file or, for "-", from standard input; never from argv.

    Raises
    ------
    core.vault.errors.RecoveryKeyWrong
    """
    from edge.backup.recovery import from_text

    if source == "-":
        if sys.stdin.isatty():
            typer.echo("请输入恢复密钥 / type the recovery key: ", nl=False, err=True)
        return from_text(sys.stdin.readline())
    return from_text(Path(source).read_text(encoding="utf-8"))


def progress(text: str) -> None:
    """Say where the work is, on standard error."""
    typer.echo(f"  {text}", err=True)


def sheet(node: str, hospital: str, at: str, secret: bytes) -> str:
    """Return the page to print: what the key is for, and the key in two lines."""
    from edge.backup.recovery import fingerprint, public_of, to_text

    groups = to_text(secret).split("-")
    lines = ["-".join(groups[:7]), "-".join(groups[7:])]
    return "\n".join(
        [
            "杏林设备 · 恢复密钥 / Xinglin appliance · recovery key",
            f"医院 / hospital   {hospital or '—'}",
            f"设备 / node       {node[:32]}",
            f"日期 / date       {at}",
            f"指纹 / fingerprint {fingerprint(public_of(secret))}",
            "",
            *(f"    {line}" for line in lines),
            "",
            "仅显示这一次。请打印两份，分别锁存；没有它，备份无法恢复。",
            "Shown this once. Print two copies and lock them away in two places;",
            "without it no backup can be restored.",
        ]
    )


@app.command()
def key(
    folder: Folder,
    renew: Annotated[bool, typer.Option(help="更换 / make another one")] = False,
    check: Annotated[bool, typer.Option(help="核对标准输入的密钥 / check a typed key")] = False,
) -> None:
    """生成恢复密钥，仅显示一次 / make the recovery key; it is printed once."""
    from core.records.clock import Stamp
    from core.vault.errors import RecoveryKeyWrong
    from core.vault.identity import write_secret
    from edge.backup.errors import RecoveryKeyExists
    from edge.backup.recovery import public_of
    from edge.backup.run import recovery_public

    with refusals(), opened(folder) as box:
        if check:
            if public_of(read_secret("-")) != recovery_public(folder):
                raise RecoveryKeyWrong
            print("恢复密钥正确 / the recovery key is right")
            return
        path = folder / "keys" / "recovery.pub"
        if path.exists() and not renew:
            raise RecoveryKeyExists
        secret = box.outside.randomness(32)
        at = Stamp(box.outside.now_ms()).iso()[:10]
        print(sheet(box.identity.id, box.settings.hospital, at, secret), flush=True)
        write_secret(path, public_of(secret))


@app.command()
def run(folder: Folder, target: Where = "", as_json: AsJson = False) -> None:
    """立即备份 / back up now; exit code 1 if something could not be saved."""
    from edge.backup.schedule import back_up_and_note

    with refusals(), opened(folder) as box:
        report = back_up_and_note(box, target or box.settings.backup.target)
    if as_json:
        print(json.dumps(report.as_json()))
    else:
        print(
            f"{'✓' if report.ok else '✗'} 备份 / backup #{report.number}"
            f"  记录 / records +{report.records}  数据块 / blobs +{report.blobs} −{report.pruned}"
            f"  {report.bytes_sent / 1e6:.1f} MB  {report.seconds:.1f} s"
        )
        for address in report.damaged:
            print(f"  ✗ 本机数据块已损坏 / damaged on this box: {address[:16]}")
        if report.missing:
            print(f"  ✗ 本机与备份均缺失的数据块 / blobs missing here and there: {report.missing}")
    raise typer.Exit(0 if report.ok else 1)


@app.command("list")
def list_(
    folder: Annotated[Path | None, typer.Option("--folder", envvar="XINGLIN_FOLDER")] = None,
    target: Where = "",
    as_json: AsJson = False,
) -> None:
    """列出备份 / list what a target holds."""
    from edge.backup.check import manifests
    from edge.backup.target import open_target

    with refusals():
        found = [
            {
                "node": one.node, "number": one.number, "at": one.at, "recovery": one.recovery,
                "records": sum(s.last - s.first + 1 for s in one.segments),
                "segments": len(one.segments), "blobs": one.blob_count, "bytes": one.blob_bytes,
            }
            for one in manifests(open_target(_where(folder, target)))
        ]  # fmt: skip
    if as_json:
        print(json.dumps(found))
        return
    for one in found:
        print(
            f"{str(one['node'])[:16]}  #{one['number']}  {one['at']}  记录 / records"
            f" {one['records']}  数据块 / blobs {one['blobs']}  恢复密钥 / key {one['recovery']}"
        )


@app.command()
def verify(
    folder: Annotated[Path | None, typer.Option("--folder", envvar="XINGLIN_FOLDER")] = None,
    target: Where = "",
    node: NodeOption = "",
    recovery_key_file: Annotated[
        str, typer.Option(help="恢复密钥文件，- 为标准输入 / file, - for standard input")
    ] = "",
    repair: Annotated[
        bool, typer.Option(help="删除损坏对象并重新备份 / delete what is damaged, back up again")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """重新读取并校验整个备份 / read a whole backup again; exit code 1 if anything is wrong."""
    from edge.backup.check import verify_target
    from edge.backup.schedule import back_up_and_note
    from edge.backup.target import open_target

    with refusals():
        where = _where(folder, target)
        opened_target = open_target(where)
        if folder is not None and not node:
            with opened(folder) as box:
                node = box.identity.id
        secret = read_secret(recovery_key_file) if recovery_key_file else None
        found = verify_target(opened_target, node, secret, progress)
        if repair and found.faults and folder is not None:
            opened_target.delete(str(one.facts["name"]) for one in found.faults)
            with opened(folder) as box:
                back_up_and_note(box, where)
            found = verify_target(opened_target, node, secret, progress)
    if as_json:
        print(json.dumps(found.as_json(), ensure_ascii=False))
    else:
        print(
            f"备份 / backup #{found.manifest.number}  记录 / records {found.records}"
            f"  数据块 / blobs {found.blobs}/{found.manifest.blob_count}"
            f"  错误 / faults {len(found.faults)}"
        )
        for one in found.faults:
            print(f"  ✗ {one.sentence('zh')} / {one.sentence('en')}")
    raise typer.Exit(1 if found.faults else 0)


def _where(folder: Path | None, target: str) -> str:
    from edge.backup.errors import NoTarget

    if target:
        return target
    if folder is not None:
        with opened(folder) as box:
            if box.settings.backup.target:
                return box.settings.backup.target
    raise NoTarget
