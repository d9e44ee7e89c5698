"""Models of this appliance: list, verify, import, activate, roll back, try beside the active one.

For device IT and the ML lead; see docs/howto/models.md.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import click
import typer
from typer.core import TyperGroup

if TYPE_CHECKING:
    from edge.models.choice import Change
    from edge.models.known import Known
    from edge.models.shadow_runs import Run
    from edge.store.box import Box

app = typer.Typer(no_args_is_help=True, help="模型 / models", add_completion=False)
Folder = Annotated[Path, typer.Option("--folder", envvar="XINGLIN_FOLDER", help="数据目录 / data")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON")]
By = Annotated[str, typer.Option("--by", help="账号 / your account (device_it, ml_lead)")]
Reason = Annotated[str, typer.Option("--reason", help="原因，写入日志 / why, recorded")]
Confirm = Annotated[str, typer.Option("--confirm", help="确认文字 / the confirming words")]


@contextmanager
def opened(folder: Path) -> Iterator[Box]:
    """Open a box for a block; a refusal is two sentences with a number and exit code 2."""
    from core.errors import XinglinError
    from edge.store.box import open_box, real_outside

    try:
        box = open_box(folder, real_outside())
        try:
            yield box
        finally:
            box.close()
    except XinglinError as error:
        text = f"E{error.code} {error.sentence('zh')} / {error.sentence('en')}"
        typer.echo(text, err=True)
        raise typer.Exit(2) from None


@app.command("list")
def list_(folder: Folder, as_json: AsJson = False) -> None:
    """已有模型、在用者、影子运行者 / models, which serve, which is tried."""
    from edge.models.known import known_models

    with opened(folder) as box:
        rows = [_row(box, one) for one in known_models(box)]
    if as_json:
        print(json.dumps(rows, ensure_ascii=False))
        return
    for row in rows:
        marks = [
            word
            for word, on in (
                ("在用 / active", row["active"]),
                ("影子 / shadow", row["shadow"]),
                ("随附 / built-in", row["built_in"]),
            )
            if on
        ]
        print(f"{row['slot']:<12} {row['name']} {row['version']}  {row['digest'][:12]}")
        print(f"  {'; '.join(marks) or '—'}")
        print(f"  黄金样本 / golden set: {_GOLDEN[row['golden']]}")
        print(f"  校准集 / calibration set: {row['calibration_set']} (≥ {row['threshold']})")
        print(f"  许可 / licence: {row['licence']}")


@app.command()
def verify(
    folder: Folder,
    model: Annotated[str, typer.Argument(help="名称、名称@版本或摘要 / name or digest")] = "",
    as_json: AsJson = False,
) -> None:
    """核对校验值与黄金样本 / check hashes and golden sets; exit code 1 if one fails."""
    from edge.models.known import find_model
    from edge.models.verifying import verify_models

    with opened(folder) as box:
        verdicts = verify_models(box, find_model(box, model) if model else None)
    if as_json:
        rows = [
            {"slot": v.model.slot, "name": v.model.name, "version": v.model.version,
             "digest": v.model.digest, "ok": v.error is None, "worst": v.worst,
             "error": v.error.as_json() if v.error else None}
            for v in verdicts
        ]  # fmt: skip
        print(json.dumps(rows, ensure_ascii=False))
    else:
        for v in verdicts:
            fault = v.error and f"E{v.error.code} {v.error.sentence('zh')} / {v.error}"
            worst = max(v.worst.values(), default=0.0)
            print(f"{v.model.slot:<12} {v.model.label}  {fault or f'正常 / ok ({worst:.1e})'}")
    if any(v.error for v in verdicts):
        raise typer.Exit(1)


@app.command("import")
def import_(
    folder: Folder,
    path: Annotated[Path, typer.Argument(help="模型包目录、zip 或 .onnx / folder, zip or .onnx")],
    by: By,
    meta: Annotated[Path | None, typer.Option(help="说明文件 / facts, TOML or JSON")] = None,
) -> None:
    """导入：检查、隔离试运行、黄金样本，不启用 / import and test, without activating."""
    from edge.models.importing import import_model

    with opened(folder) as box:
        known = import_model(box, path, by, meta, _said)
        row = _row(box, known)
    print(f"已导入，未启用 / imported, not active: {known.slot} {known.label}")
    print(f"  黄金样本 / golden set: {_GOLDEN[row['golden']]}")
    print(f"  启用 / to activate: xinglin models activate {known.digest[:12]} --by …")


@app.command()
def activate(
    folder: Folder,
    model: Annotated[str, typer.Argument(help="名称、名称@版本或摘要 / name or digest")],
    by: By,
    reason: Reason = "",
    confirm: Confirm = "",
) -> None:
    """启用，从下一份检查起 / let a model serve, from the next study on; two steps."""
    from edge.models.choice import activation, carry_out

    with opened(folder) as box:
        if not confirm:
            _ask(activation(box, model), "启用 / activate")
        done = carry_out(box, lambda: activation(box, model), (by, reason), confirm, _said)
    print(f"已启用 / active: {done.then.slot} {done.then.label}")


@app.command()
def rollback(
    folder: Folder,
    slot: Annotated[str, typer.Argument(help="模型位 / slot, e.g. dr_tb")],
    by: By,
    reason: Reason = "",
    confirm: Confirm = "",
) -> None:
    """退回前一个模型 / go back to the model before; two steps."""
    from edge.models.choice import carry_out, going_back

    with opened(folder) as box:
        if not confirm:
            _ask(going_back(box, slot), "退回 / go back")
        done = carry_out(box, lambda: going_back(box, slot), (by, reason), confirm, _said)
    print(f"已退回 / active again: {done.then.slot} {done.then.label}")


class _NameOrCommand(TyperGroup):
    """``shadow NAME`` is ``shadow start NAME``."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Take a first word that is no command for a model's name."""
        if args and args[0] not in self.commands:
            args = ["start", *args]
        return super().resolve_command(ctx, args)


shadows = typer.Typer(
    cls=_NameOrCommand,
    no_args_is_help=True,
    help="在旁试运行，结果不展示、不发送 / try a model beside the active one, unseen",
)
app.add_typer(shadows, name="shadow")


@shadows.command()
def start(
    folder: Folder,
    model: Annotated[str, typer.Argument(help="名称、名称@版本或摘要 / name or digest")],
    by: By,
    following: Annotated[int, typer.Option("--next", min=1, max=100_000, help="随后 N 份")] = 100,
    on: Annotated[Path | None, typer.Option(help="影像文件夹 / a folder of studies")] = None,
    modality: Annotated[str, typer.Option(help="图片按此模态 / pictures are: DX, CR")] = "",
) -> None:
    """随后 N 份检查，或一个文件夹 / on the next N studies, or on a folder here and now."""
    from edge.models.shadow_folder import run_on_folder
    from edge.models.shadow_runs import run_of, start_run

    with opened(folder) as box:
        if on is None:
            run = start_run(box, model, by, following)
            print(f"影子运行 / shadow run {run.id}: {_named(run)}, {following}")
            return
        run = start_run(box, model, by)
        run_on_folder(box, run, on, modality, _said)
        _report(box, run_of(box, run.id), as_json=False)


@shadows.command()
def stop(folder: Folder, by: By) -> None:
    """停止 / stop the run that goes on."""
    from edge.models.shadow_runs import stop_run

    with opened(folder) as box:
        print(f"已停止 / stopped: {_named(stop_run(box, by))}")


@shadows.command()
def report(
    folder: Folder,
    run: Annotated[int, typer.Option(help="第几次运行，0 为最近 / number; 0 the newest")] = 0,
    as_json: AsJson = False,
) -> None:
    """两个模型的一致性 / how the two models agree."""
    from edge.models.shadow_runs import run_of

    with opened(folder) as box:
        _report(box, run_of(box, run), as_json)


_GOLDEN = {
    "given": "随模型提供 / came with the model",
    "made here": "导入时在本机生成，只证明可重复 / made here, proves repeatability only",
}


def _row(box: Box, one: Known) -> dict[str, Any]:
    from core.errors import XinglinError
    from edge.models.known import active, bundle_of_model
    from edge.models.shadow_runs import running

    told = ("golden", "calibration_set", "licence", "threshold")
    facts = {key: one.detail.get(key) for key in told}
    if not one.detail:
        try:
            stated = bundle_of_model(box, one.slot, one.digest).metadata
            facts = {
                "golden": "made here" if stated.golden_made_here else "given",
                "calibration_set": stated.calibration_set, "licence": stated.licence.name,
                "threshold": f"{stated.threshold:g}",
            }  # fmt: skip
        except XinglinError:
            pass
    now, tried = active(box, one.slot), running(box, one.slot)
    return {
        "slot": one.slot, "name": one.name, "version": one.version, "digest": one.digest,
        "active": now is not None and now.digest == one.digest,
        "shadow": tried is not None and tried.digest == one.digest,
        "built_in": one.built_in, **facts,
    }  # fmt: skip


def _ask(change: Change, act: str) -> None:
    """First step: say what would change and with which words it is confirmed."""
    now = change.now.label if change.now else "—"
    print(f"{act}: {change.then.slot}  {now} → {change.then.label}")
    print("尚未更改。确认请加 / nothing was changed yet. To confirm, add:")
    print(f"  --confirm {change.words}")
    raise typer.Exit(3)


def _said(step: str) -> None:
    typer.echo(f"  {step}", err=True)


def _named(run: Run) -> str:
    return f"{run.slot} {run.name} {run.version} ({run.digest[:12]})"


def _report(box: Box, run: Run, as_json: bool) -> None:
    from edge.models.agreement import agreement
    from edge.models.report_text import report_lines
    from edge.models.shadow_runs import pairs_of, run_json

    facts, table = run_json(run), agreement(pairs_of(box, run))
    if as_json:
        print(json.dumps({"run": facts, **table}, ensure_ascii=False))
        return
    for line in report_lines(facts, table):
        print(line)
