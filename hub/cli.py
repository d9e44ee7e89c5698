"""Run a region's hub: init, serve, people.

The data folder is ``--folder`` or the environment variable ``XINGLIN_HUB_FOLDER``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="区域中心 / the region's hub", add_completion=False)
Folder = Annotated[
    Path, typer.Option("--folder", envvar="XINGLIN_HUB_FOLDER", help="数据目录 / data")
]


@app.callback()
def hub() -> None:
    """区域中心 / the region's hub."""


@app.command()
def init(
    folder: Folder,
    settings: Annotated[Path | None, typer.Option(help="hub.toml")] = None,
) -> None:
    """新建区域中心数据目录 / make a data folder with its identity, keys and tables."""
    from hub.outside import real_outside
    from hub.site import create_hub

    text = settings.read_text(encoding="utf-8") if settings else ""
    site = create_hub(folder, text, real_outside())
    print(json.dumps({"node": site.identity.id, "folder": str(folder)}))
    site.close()
