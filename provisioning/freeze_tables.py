"""Write the first migration out of hub.store.tables, as explicit operations.

``python -m provisioning.freeze_tables`` — until the first release is out; after it a change of the
tables is a migration of its own.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from alembic.autogenerate import produce_migrations, render_python_code
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from hub.store.tables import METADATA

TARGET = Path(__file__).parents[1] / "hub/store/migrations/versions/0001_first.py"
_HEAD = '''"""The tables of the first release."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

'''


def text() -> str:
    """Return the migration's source, not formatted yet."""
    with create_engine("sqlite://").connect() as connection:
        found = produce_migrations(MigrationContext.configure(connection), METADATA)
    assert found.upgrade_ops is not None
    assert found.downgrade_ops is not None
    up, down = (
        "\n".join(line for line in render_python_code(ops).splitlines() if "# ###" not in line)
        for ops in (found.upgrade_ops, found.downgrade_ops)
    )
    return (
        f'{_HEAD}\ndef upgrade() -> None:\n    """Create every table."""\n{up}\n\n\n'
        f'def downgrade() -> None:\n    """Drop every table."""\n{down}\n'
    )


def main() -> None:
    """Write and format the file."""
    TARGET.write_text(text(), encoding="utf-8")
    ruff = [sys.executable, "-m", "ruff"]
    for step in (["format", "-q"], ["check", "--fix", "-q"]):
        subprocess.run([*ruff, *step, str(TARGET)], check=True)  # noqa: S603 ours


if __name__ == "__main__":
    main()
