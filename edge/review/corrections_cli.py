"""``xinglin corrections``: submitted corrections as training examples, listed or exported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    no_args_is_help=True, help="医师的修改作为训练样例 / corrections as training examples",
    add_completion=False,
)  # fmt: skip
Folder = Annotated[Path, typer.Option("--folder", envvar="XINGLIN_FOLDER", help="数据目录 / data")]
All = Annotated[bool, typer.Option("--all", help="也列出被替代的版本 / replaced versions too")]


@app.command("list")
def listed(
    folder: Folder, every: All = False, as_json: Annotated[bool, typer.Option("--json")] = False
) -> None:
    """列出每项判断：何时、何人（化名）、基于哪个模型版本 / each decision with its provenance."""
    from edge.review.examples import examples
    from edge.store.box import open_box, real_outside

    box = open_box(folder, real_outside())
    try:
        rows = list(examples(box, ruling_only=not every))
    finally:
        box.close()
    if as_json:
        print(json.dumps(rows, ensure_ascii=False))
        return
    for row in rows:
        about = f"#{row['lesion']}" if row["what"] == "lesion" else row.get("code", "case")
        made = row["made_on"]
        print(
            f"{row['at']} {row['study'][:12]} v{row['version']} {row['by'][:8]} {about:<14}"
            f" {row['decision']:<9} {row['reason'] or '-':<16}"
            f" {made['model']} {made['model_version']} r{made['result_version']}"
        )
    print(f"判断 / decisions {len(rows)}")


@app.command()
def export(
    folder: Folder,
    out: Annotated[Path, typer.Option(help="写入的文件，每行一个 JSON / file, one JSON per line")],
    every: All = False,
) -> None:
    """写出判断和轮廓（化名，不含图像）；访问日志记下这件事 / decisions and outlines to a file.

    The access journal says that it was done, and how many decisions left.
    """
    from core.records.record import Draft
    from edge.review.examples import outlined_examples
    from edge.store.box import open_box, real_outside

    box = open_box(folder, real_outside())
    try:
        # All of them before anything is written: a blob that does not open leaves no half file.
        rows = list(outlined_examples(box, ruling_only=not every))
        studies = len({row["study"] for row in rows})
        act = {
            "action": "corrections exported",
            "user": "",
            "decisions": len(rows),
            "study_count": studies,
        }
        box.access.append([Draft("audit.logged", act)])
    finally:
        box.close()
    with out.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n")
    print(f"判断 / decisions {len(rows)}  检查 / studies {studies}  {out}")
