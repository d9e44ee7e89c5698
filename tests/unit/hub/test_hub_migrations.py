"""The migrations lead to the tables that the code uses, on both databases, also from two sides."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import inspect

from hub.store import database as module
from hub.store.database import open_database
from hub.store.tables import METADATA


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request, tmp_path):
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    postgres = request.getfixturevalue("postgres")
    url = postgres.empty()
    yield url
    postgres.drop(url)


@pytest.fixture
def database(empty_url):
    opened = open_database(empty_url)
    yield opened
    opened.close()


def differences(database):
    with database.read() as sql:
        context = MigrationContext.configure(sql, opts={"compare_type": True})
        return compare_metadata(context, METADATA)


def test_migrated_is_what_the_code_says(database):
    database.migrate()
    # Not equal: change the tables back, write a migration, or before the first release run
    # python -m provisioning.freeze_tables
    assert differences(database) == []
    database.migrate()
    assert differences(database) == []


def test_constraints_and_defaults_are_there(database):
    database.migrate()
    found = inspect(database.engine)
    for table in METADATA.sorted_tables:
        columns = {c["name"]: c for c in found.get_columns(table.name)}
        for column in table.columns:
            assert columns[column.name]["nullable"] == column.nullable, (table.name, column.name)
        keys = found.get_pk_constraint(table.name)["constrained_columns"]
        assert keys == [c.name for c in table.primary_key], table.name
        foreign = {f["constrained_columns"][0] for f in found.get_foreign_keys(table.name)}
        assert foreign == {f.parent.name for f in table.foreign_keys}, table.name


def test_downgrade_leaves_nothing(database):
    database.migrate()
    config = Config()
    config.set_main_option("script_location", str(module._MIGRATIONS))
    with database.write() as sql:
        config.attributes["connection"] = sql
        command.downgrade(config, "base")
    assert set(inspect(database.engine).get_table_names()) <= {"alembic_version"}


def test_processes_that_start_at_once(empty_url):
    databases = [open_database(empty_url) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda one: one.migrate(), databases))
    assert differences(databases[0]) == []
    for one in databases:
        one.close()
