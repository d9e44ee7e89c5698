"""The appliance at a glance: queue with ages, readers, disk, heads.

The same as ``xinglin edge status``.
"""

from __future__ import annotations

import typer

from edge.cli import status

app = typer.Typer(add_completion=False)
app.command()(status)
