"""A throw-away PostgreSQL from Debian's package, for tests that run on both databases."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

import psycopg

_START = (
    "fsync=off", "full_page_writes=off", "synchronous_commit=off", "listen_addresses=",
    "max_connections=200", "shared_buffers=32MB",
)  # fmt: skip


def programs() -> Path | None:
    """Return the folder of PostgreSQL's programs, the newest version's; None where it is absent."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: float(p.parts[-3])
    )
    if found:
        return found[-1].parent
    there = shutil.which("initdb")
    return Path(there).parent if there else None


class Postgres:
    """One cluster on a Unix socket in a folder of its own; dies with :meth:`stop`."""

    def __init__(self, bin_folder: Path):
        self.folder = Path(tempfile.mkdtemp(prefix="xl-pg-", dir="/tmp"))
        self._count = itertools.count(1)
        self._template = ""
        # PostgreSQL refuses to run as root: an account that may do nothing runs it then.
        who = {}
        if os.geteuid() == 0:
            account = pwd.getpwnam("nobody")
            os.chown(self.folder, account.pw_uid, account.pw_gid)
            who = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        data = self.folder / "data"
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": self.folder}
        subprocess.run(
            [bin_folder / "initdb", "-D", data, "-U", "hub", "--auth=trust", "--no-sync",
             "--no-instructions", "-E", "UTF8", "--locale=C"],
            check=True, **who, **quiet,
        )  # fmt: skip
        self._control = [bin_folder / "pg_ctl", "-D", data, "-w", "-t", "60"]
        self._options = " ".join([f"-k {self.folder}", *(f"-c {one}" for one in _START)])
        self._who, self._quiet = who, quiet
        self.start()

    def url(self, name: str) -> str:
        """Return the SQLAlchemy URL of a database."""
        return f"postgresql+psycopg://hub@/{name}?host={self.folder}"

    def fresh(self, migrate) -> str:
        """Return the URL of a new database that is migrated already (a copy of the first)."""
        if not self._template:
            self._run("CREATE DATABASE template_hub")
            migrate(self.url("template_hub"))
            self._template = " TEMPLATE template_hub STRATEGY wal_log"
        return self._create(self._template)

    def drop(self, url: str):
        """Remove a database again."""
        self._run(f"DROP DATABASE {url.partition('@/')[2].partition('?')[0]} WITH (FORCE)")

    def empty(self) -> str:
        """Return the URL of a new database without tables."""
        return self._create("")

    def crash(self):
        """End the cluster as a power cut does."""
        self._tell("-m", "immediate", "stop")

    def start(self):
        """Start it again."""
        self._tell("-l", self.folder / "log", "-o", self._options, "start")

    def _tell(self, *arguments):
        subprocess.run([*self._control, *arguments], check=True, **self._who, **self._quiet)

    def stop(self):
        """End the cluster and remove it."""
        subprocess.run(
            [*self._control, "-m", "immediate", "stop"], check=False, **self._who, **self._quiet
        )
        shutil.rmtree(self.folder, ignore_errors=True)

    def _create(self, more: str) -> str:
        name = f"t{next(self._count)}"
        self._run(f"CREATE DATABASE {name}{more}")
        return self.url(name)

    def _run(self, sql: str):
        with psycopg.connect(
            host=str(self.folder), user="hub", dbname="postgres", autocommit=True
        ) as connection:
            connection.execute(sql)
