"""``xinglin phantom``: make digital chest patients.

The acceptance run against a box (``xinglin phantom accept``) has its place in
``core/phantom/accept.py`` and is added to ``app`` here.
"""

from __future__ import annotations

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
