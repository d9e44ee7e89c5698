"""Run an appliance on this machine: init, serve, status, users, joining a region.

The data folder is ``--folder`` or the environment variable ``XINGLIN_FOLDER``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from edge.region_recovery_cli import recover_person
from edge.uplink.cli import add_commands

app = typer.Typer(no_args_is_help=True, help="设备 / the appliance", add_completion=False)
Folder = Annotated[Path, typer.Option("--folder", envvar="XINGLIN_FOLDER", help="数据目录 / data")]
app.command("recover-person")(recover_person)
add_commands(app)


@app.command()
def init(
    folder: Folder,
    settings: Annotated[Path | None, typer.Option(help="appliance.toml")] = None,
) -> None:
    """新建设备数据目录 / make a data folder with its identity and keys."""
    from edge.store.box import create_box, real_outside

    text = settings.read_text(encoding="utf-8") if settings else ""
    box = create_box(folder, text, real_outside())
    print(json.dumps({"node": box.identity.id, "folder": str(folder)}))
    box.close()


@app.command()
def serve(folder: Folder) -> None:
    """运行设备 / run the appliance until stopped."""
    from edge.logs import set_up_logs
    from edge.main import serve as run
    from edge.processes import until_told

    set_up_logs()
    run(folder, until_told())


def status_of(folder: Path) -> dict[str, object]:
    """Return the queue with ages, readers' lag, disk and heads of an appliance as JSON types."""
    from edge.intake.disk import tier_of
    from edge.processes import queue_of, usage_of
    from edge.stages.plans import READERS
    from edge.stages.reader import lag
    from edge.store.box import open_box, real_outside

    box = open_box(folder, real_outside())
    queue, now, usage = queue_of(box), box.outside.now_ms(), usage_of(box)
    waiting = [
        {
            "id": job.id, "stage": job.stage, "study": job.study, "state": job.state,
            "priority": "urgent" if job.priority == 0 else "routine",
            "age_s": round((now - job.created_ms) / 1000, 1), "attempts": job.attempts,
            "error": job.error,
        }
        for job in queue.waiting()
    ]  # fmt: skip
    status: dict[str, object] = {
        "node": box.identity.id,
        "records": box.journal.head(box.identity.id).seq,
        "queue": waiting,
        "counts": queue.counts(),
        "behind": lag(box, READERS),
        "disk": {
            "total": usage.total, "free": usage.free, "tier": tier_of(usage, box.settings.intake),
        },
    }  # fmt: skip
    box.close()
    return status


@app.command()
def status(
    folder: Folder,
    as_json: Annotated[bool, typer.Option("--json", help="JSON")] = False,
) -> None:
    """队列、磁盘与进度 / queue with ages, disk, readers."""
    found = status_of(folder)
    if as_json:
        print(json.dumps(found, ensure_ascii=False))
        return
    disk = found["disk"]
    assert isinstance(disk, dict)
    print(f"节点 / node  {str(found['node'])[:16]}  记录 / records {found['records']}")
    print(f"磁盘 / disk  {disk['tier']}  {disk['free'] / 1e9:.1f} GB 可用 / free")
    queue = found["queue"]
    assert isinstance(queue, list)
    print(f"队列 / queue {len(queue)}")
    for job in queue:
        code = f"  {job['error']['code']}" if job["error"] else ""
        print(
            f"  {job['id']:>6} {job['stage']:<14} {job['state']:<8} {job['priority']:<8}"
            f" {job['age_s']:>8.1f} s  ×{job['attempts']}{code}"
        )


users = typer.Typer(no_args_is_help=True, help="账号 / accounts")
app.add_typer(users, name="user")


@users.command("add")
def add_user(
    folder: Folder,
    user: str,
    role: Annotated[str, typer.Option(help="角色 / role")],
    name: Annotated[str, typer.Option(help="姓名 / name")] = "",
    keep: Annotated[bool, typer.Option(help="首次登录不改密码 / need not change it")] = False,
) -> None:
    """新建账号，口令从标准输入读入 / add an account; the password comes on standard input."""
    import sys

    from core.errors import XinglinError
    from core.web.people import People
    from edge.store.box import open_box, real_outside

    box = open_box(folder, real_outside())
    people = People(box.database, box.outside.now_ms, box.outside.randomness)
    try:
        people.add(user, name, role, sys.stdin.readline().rstrip("\n"), must_change=not keep)
    except XinglinError as error:
        typer.echo(error.sentence("zh") + " / " + error.sentence("en"), err=True)
        raise typer.Exit(2) from None
    finally:
        box.close()
