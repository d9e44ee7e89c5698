"""Make digital chest patients; send one through a running box and check each stage.

``xinglin phantom accept`` is what a hospital runs after installation; the judgement is in
``core/phantom/accept.py``.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal, get_args

import typer

from core.errors import XinglinError
from core.phantom.dr import DrFault
from core.phantom.patients import Case
from core.phantom.studies import Order, Size, StudyKind, make_study, orders

app = typer.Typer(
    no_args_is_help=True, help="数字体模：已知真值的胸部影像 / Digital chest patients with truth."
)
CaseOption = Literal["auto", "normal", "tb", "nodules", "showcase"]
# DICOM's DA and TM are the hospital's local time, without a zone.
_STUDY_TIME = datetime.fromisoformat("2026-03-02T09:00:00")
CharacterSet = Literal["ISO_IR 192", "GB18030"]


@app.callback()
def phantom() -> None:
    """数字体模 / Digital phantoms."""


@app.command()
def make(  # noqa: PLR0913, PLR0917 - each parameter is an option of the command line
    out: Annotated[Path, typer.Option(help="输出文件夹 / output folder")],
    kind: Annotated[str, typer.Option(help="ct,dr,petct")] = "ct,dr,petct",
    seed: Annotated[int, typer.Option(min=0, help="随机种子 / seed")] = 7,
    size: Annotated[Size, typer.Option(help="尺寸 / size")] = "small",
    patients: Annotated[int, typer.Option(min=1, max=10000, help="患者数 / patients")] = 1,
    case: Annotated[CaseOption, typer.Option(help="病例 / case")] = "auto",
    fault: Annotated[DrFault, typer.Option(help="DR 技术缺陷 / DR fault")] = "none",
    charset: Annotated[CharacterSet, typer.Option(help="字符集 / character set")] = "ISO_IR 192",
    at: Annotated[datetime, typer.Option(help="检查时间 / study time")] = _STUDY_TIME,
) -> None:
    """生成 DICOM 文件与 truth.json / Write DICOM files and a truth.json per study."""
    kinds = tuple(k for k in get_args(StudyKind) if k in kind.split(","))
    if not kinds or set(kind.split(",")) - set(kinds):
        raise typer.BadParameter("ct,dr,petct", param_hint="--kind")
    try:
        for order in orders(kinds, seed, patients, size, at):
            paths, truth = make_study(_adapted(order, case, fault, charset), out)
            typer.echo(
                f"{order.kind}\t{truth['case']}\t{len(paths)} files\t{paths[0].parent}", err=False
            )
    except XinglinError as error:
        typer.echo(f"E{error.code} {error.sentence('zh')} / {error.sentence('en')}", err=True)
        raise typer.Exit(2) from error


@app.command()
def accept(  # noqa: PLR0913, PLR0917 - each parameter is an option of the command line
    box: Annotated[str, typer.Argument(help="DICOM 地址 / HOST:PORT")],
    url: Annotated[str, typer.Option(help="网页地址 / the page")] = "http://127.0.0.1:8080",
    user: Annotated[str, typer.Option(help="用户 / user, a radiologist")] = "radiologist",
    aet: Annotated[str, typer.Option(help="本端 AE / calling AE title")] = "MODALITY",
    aec: Annotated[str, typer.Option(help="设备 AE / called AE title")] = "XINGLIN",
    kind: Annotated[str, typer.Option(help="ct,dr")] = "ct,dr",
    seed: Annotated[int, typer.Option(min=0, help="随机种子 / seed")] = 7,
    case: Annotated[Case, typer.Option(help="病例 / case")] = "tb",
    size: Annotated[Size, typer.Option(help="尺寸 / size")] = "full",
    timeout: Annotated[float, typer.Option(min=1, help="每份检查秒数 / seconds a study")] = 600.0,
    min_share: Annotated[float, typer.Option(min=0, max=1, help="≥10 mm 检出率 / share")] = 0.7,
    delivery: Annotated[bool, typer.Option(help="必须送达 PACS / must reach the PACS")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON")] = False,
) -> None:
    """验收：发送体模并逐项核对 / send a phantom through a running box and check each stage.

    口令取自环境变量 XINGLIN_PASSWORD 或标准输入 / the password: XINGLIN_PASSWORD or standard input.
    """
    from core.phantom.accept import Step, passed
    from core.phantom.accept_run import Bench, Clock, Plan
    from core.phantom.accept_run import accept as run
    from core.phantom.accept_wire import DicomAddress, DicomModality, HttpPage, Login

    host, _, port = box.rpartition(":")
    kinds = tuple(k for k in get_args(StudyKind) if k in kind.split(",") and k != "petct")
    if not host or not port.isdigit() or not kinds or set(kind.split(",")) - set(kinds):
        raise typer.BadParameter("HOST:PORT --kind ct,dr")
    password = os.environ.get("XINGLIN_PASSWORD") or sys.stdin.readline().rstrip("\n")
    # DICOM's times are local, without a zone; the second makes the study's UIDs new.
    now = datetime.now().replace(microsecond=0)  # noqa: DTZ005 - see above

    def say(step: Step) -> None:
        typer.echo(step.line(), err=as_json)

    with tempfile.TemporaryDirectory(prefix="xinglin-accept-") as folder:
        bench = Bench(
            DicomModality(DicomAddress(host, int(port), aet, aec)),
            HttpPage(url, Login(user, password, os.environ.get("XINGLIN_OTP", ""))),
            Clock(time.monotonic, time.sleep),
            Path(folder),
            say,
        )
        steps = run(Plan(kinds, seed, case, size, now, timeout, min_share, delivery), bench)
    good = passed(steps)
    if as_json:
        typer.echo(
            json.dumps({"passed": good, "steps": [s.as_json() for s in steps]}, ensure_ascii=False)
        )
    else:
        typer.echo("✓ 验收通过 / accepted" if good else "✗ 验收未通过 / not accepted")
    raise typer.Exit(0 if good else 1)


def _adapted(order: Order, case: CaseOption, fault: DrFault, charset: str) -> Order:
    chosen: Case = order.case if case == "auto" else case
    return Order(
        order.kind,
        order.seed,
        chosen,
        order.size,
        order.at,
        fault if order.kind == "dr" else "none",
        charset,
    )
