"""Analyse studies from files without any server. 不启动服务，直接分析文件。"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import typer

app = typer.Typer(add_completion=False, help=__doc__)

SOME_FAILED = 3


@app.command(name="analyze")
def analyze(  # noqa: PLR0913, PLR0917 - each parameter is an option of the command line
    paths: Annotated[list[Path], typer.Argument(metavar="PATH…", help="文件、文件夹或 ZIP")],
    as_json: Annotated[
        bool, typer.Option("--json", help="每个检查一行 JSON / one JSON object per line")
    ] = False,
    modality: Annotated[
        str, typer.Option(help="PNG/JPEG 图片的类型：DX 或 CR / what pictures are")
    ] = "",
    lang: Annotated[str, typer.Option(help="zh | en")] = "zh",
    override: Annotated[
        bool, typer.Option("--override", help="质控不合格时仍然分析 / analyse despite a refusal")
    ] = False,
    seconds: Annotated[
        float, typer.Option(help="单个步骤的时限（秒）/ limit per stage", min=1)
    ] = 600.0,
    operating_point: Annotated[
        float | None,
        typer.Option(
            help="CT 病灶的最低概率：低则多报，高则少报 / least probability of a CT lesion: "
            "lower shows more, higher fewer",
            min=0.01,
            max=0.99,
        ),
    ] = None,
    prior: Annotated[
        list[Path] | None,
        typer.Option(
            help="同一患者的既往 CT，与之对比 / the patient's earlier CT, to compare with"
        ),
    ] = None,
) -> None:
    """Analyse studies; exit code 0 if every study has a result, 3 if some failed."""
    if lang not in ("zh", "en"):
        raise typer.BadParameter("zh | en", param_hint="--lang")
    if modality.upper() not in ("", "DX", "CR"):
        raise typer.BadParameter("DX | CR", param_hint="--modality")
    language = cast("Literal['zh', 'en']", lang)
    from edge.analyze.run import Request, results_of

    request = Request(
        tuple(paths),
        modality.upper(),
        language,
        override,
        seconds,
        operating_point,
        tuple(prior or ()),
    )
    some_failed = False
    for result in results_of(request, say):
        some_failed |= result["status"] == "failed"
        line = (
            json.dumps(result, ensure_ascii=False, allow_nan=False)
            if as_json
            else summary(result, language)
        )
        typer.echo(line)
        sys.stdout.flush()
    raise typer.Exit(SOME_FAILED if some_failed else 0)


def say(line: str) -> None:
    """Print one line of progress on stderr."""
    typer.echo(line, err=True)


_STATUS = {
    "zh": {"ok": "完成", "failed": "失败", "refused": "质控未通过", "not_applicable": "不适用"},
    "en": {"ok": "done", "failed": "failed", "refused": "refused by quality control",
           "not_applicable": "not applicable"},
}  # fmt: skip
_VERDICT = {
    "zh": {"pass": "合格", "warn": "合格（有提示）", "reject": "不合格"},
    "en": {"pass": "pass", "warn": "pass with warnings", "reject": "reject"},
}
_LABEL = {
    "zh": {"qc": "质控", "tb": "结核评分", "over": "高于阈值，疑似，须医师判读",
           "under": "未超过阈值",
           "lesions": "疑似病灶", "none": "未发现病灶", "total": "用时",
           "prior": "与既往对比", "joint": "合并"},
    "en": {"qc": "quality", "tb": "TB score", "over": "above threshold: suspected, for a physician",
           "under": "not above threshold", "lesions": "suspected lesions",
           "none": "no lesion found",
           "total": "time", "prior": "against the prior",
           "joint": "joined"},
}  # fmt: skip


def _case_line(case: dict[str, Any], language: str) -> str:
    """Return the patient as a whole in one line; never more than suspected."""
    low, high = case["interval"]
    verdict = {
        "zh": "疑似，未经患者数据验证" if case["suspected"] else "未达疑似阈值，未经患者数据验证",
        "en": "suspected, not validated on patients"
        if case["suspected"]
        else "below the threshold of suspicion, not validated on patients",
    }[language]
    name = {"zh": "病例层面可疑度", "en": "suspicion, patient as a whole"}[language]
    line = f"  {name}: {case['suspicion']:.2f} [{low:.2f}, {high:.2f}] ({verdict})"
    if case["burden_percent"] is None:
        return line
    share = {"zh": "病灶占肺体积", "en": "lesions' share of the lungs"}[language]
    return f"{line}; {share} {case['burden_percent']:.1f} %"


def summary(result: dict[str, Any], language: str = "zh") -> str:
    """Return the readable form of one result."""
    word, key = _LABEL[language], f"message_{language}"
    lines = [f"{result['study']}  {result['modality']}  {_STATUS[language][result['status']]}"]
    if result["reason"]:
        lines.append(f"  {result['reason']['code']} {result['reason'][key]}")
    if result["series"] and not result["reason"]:
        lines.append(f"  {result['series'][f'reason_{language}']}")
    if result["qc"]:
        lines.append(f"  {word['qc']}: {_VERDICT[language][result['qc']['verdict']]}")
        lines += [f"    {reason['code']} {reason[key]}" for reason in result["qc"]["reasons"]]
    if result["tb"]:
        tb = result["tb"]
        place = word["over" if tb["positive"] else "under"]
        lines.append(
            f"  {word['tb']}: {tb['score']:.3f} / {tb['threshold']:.3f} ({place}; "
            f"{tb['model']} {tb['version']})"
        )
    if result["lesions"] is not None:
        lesions = result["lesions"]
        lines.append(f"  {word['lesions']}: {len(lesions)}" if lesions else f"  {word['none']}")
        lines += [
            f"    #{one['id']} {one['kind']} {one['location']} {one['long_axis_mm']:.1f}×"
            f"{one['short_axis_mm']:.1f} mm, {one['volume_ml']:.2f} ml, {one['mean_hu']:.0f} HU, "
            f"p={one['probability']:.2f}"
            for one in lesions
        ]
    if result.get("case") and result["lesions"]:
        lines.append(_case_line(result["case"], language))
    if result.get("follow_up"):
        lines += _follow_up_lines(result["follow_up"], language)
    if result.get("joint"):
        joint = result["joint"]
        lines.append(f"  {word['joint']}: {' + '.join(joint['studies'])}")
        lines += [f"    {one['code']} {one[language]}" for one in joint["statements"]]
    if result.get("pet"):
        pet = result["pet"]
        lines.append(f"  PET: {_STATUS[language][pet['status']]}")
        lines += [f"    {one['code']} {one[key]}" for one in pet["qc"]["reasons"]]
        lines += [f"    {one[language]}" for one in pet["sentences"]]
    spent = sum(s for stage, s in result["seconds"].items() if "." not in stage)
    lines.append(f"  {word['total']}: {spent:.1f} s")
    return "\n".join(lines)


def _follow_up_lines(found: dict[str, Any], language: str) -> list[str]:
    """Return the readable form of a comparison with an earlier CT."""
    lines = [f"  {_LABEL[language]['prior']}: {found[f'conclusion_{language}']}"]
    lines += [
        f"    {reason['code']} {reason[f'message_{language}']}"
        for reason in found["reasons"]
        if found["changes"] is not None
    ]
    for change in found["changes"] or ():
        ids = [",".join(f"#{n}" for n in change[k]) or "–" for k in ("prior_ids", "current_ids")]
        share = change["volume_change"]
        size = "" if share is None else f" {100 * share:+.0f} %"
        lines.append(f"    {ids[0]} → {ids[1]} {change[f'verdict_{language}']}{size}")
    if found["changes"] is not None:
        lines.append(f"    {found[f'note_{language}']}")
    return lines
