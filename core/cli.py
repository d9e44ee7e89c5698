"""The umbrella command: subcommands are found by entry points and loaded when they are called."""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

import click

from core.errors import XinglinError

GROUP = "xinglin.commands"


class LazyGroup(click.Group):
    """A click group whose commands are entry points; ``--help`` imports none of them."""

    def __init__(self, found: Mapping[str, EntryPoint], **settings: Any) -> None:
        super().__init__(**settings)
        self._found = found

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Return the names of all installed subcommands."""
        return sorted(self._found)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load the one subcommand that was called; a broken one says so."""
        entry = self._found.get(cmd_name)
        return None if entry is None else _loaded(entry)

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the subcommands with the first line of their module's docstring."""
        rows = [(name, _first_line(entry)) for name, entry in sorted(self._found.items())]
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)


def main() -> None:
    """Run ``xinglin``."""
    found = {entry.name: entry for entry in entry_points(group=GROUP)}
    command = LazyGroup(
        found, name="xinglin", help="杏林：肺结核筛查与诊断平台 / Xinglin, TB screening platform"
    )
    try:
        command(prog_name="xinglin")
    except XinglinError as error:
        # The process edge: a refusal is a sentence with its number, never a traceback.
        click.echo(f"E{error.code} {error.sentence('zh')} / {error.sentence('en')}", err=True)
        sys.exit(2)


def _loaded(entry: EntryPoint) -> click.Command:
    try:
        target = entry.load()
    except Exception as error:  # the process edge: a broken plug-in is reported
        message = (
            f"子命令无法加载 / subcommand cannot be loaded: {entry.name} ({entry.value}): {error!r}"
        )
        raise click.ClickException(message) from error
    if isinstance(target, click.Command):
        return target
    import typer

    if isinstance(target, typer.Typer):
        return typer.main.get_command(target)
    wrapped = typer.Typer(add_completion=False)
    wrapped.command(name=entry.name)(target)
    return typer.main.get_command(wrapped)


def _first_line(entry: EntryPoint) -> str:
    """Read a module's docstring without importing it; the import is what costs."""
    try:
        spec = importlib.util.find_spec(entry.module)
        source = Path((spec and spec.origin) or "").read_text(encoding="utf-8")
        return (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]
    except (ImportError, OSError, ValueError, SyntaxError):
        return "（无法找到 / not found）"


if __name__ == "__main__":
    main()
