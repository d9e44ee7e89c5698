"""The hub's side offline: what is done to its tables is named; the boxes' heads tell the rest."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import delete, text, update
from typer.testing import CliRunner

from core.audit.verifying import Witness
from hub.consult.audit import check_consults
from hub.heads import keep_own_heads, own_heads
from hub.store.tables import CHAIN, CHECKPOINT, CONSULT, EVENT
from provisioning.audit.cli import app
from tests.balp_cases import check_r4

RUN = CliRunner()


def verify(*arguments):
    answer = RUN.invoke(app, ["verify", "--json", *map(str, arguments)])
    assert answer.exception is None or isinstance(answer.exception, SystemExit), answer.exception
    shown = json.loads(answer.stdout)
    assert answer.exit_code == (1 if shown["findings"] else 0)
    return shown


def faults(shown):
    return {(f["journal"], f["fault"]) for f in shown["findings"]}


@pytest.fixture
def case(table):
    consult = table.under_way()
    table.from_person("message", consult, "expert")
    table.from_person("opinion", consult, "expert", discipline="respiratory")
    keep_own_heads(table.site)
    return consult


def edit(table, statement):
    with table.site.database.write() as sql:
        assert sql.execute(statement).rowcount == 1


def test_a_whole_hub(table, case):
    shown = verify(table.site.folder)
    assert (shown["side"], shown["node"]) == ("hub", table.site.identity.id)
    assert shown["findings"] == []
    assert shown["records"] >= 4
    assert shown["witnessed"] >= 1


def test_an_opinion_that_was_edited_or_dropped(table, case):
    opinion = EVENT.c.kind == "opinion"
    (row,) = table.rows(EVENT, consult=case, kind="opinion")
    edit(table, update(EVENT).where(opinion).values(statement=bytes(row.statement)[:-5] + b"abc}}"))
    assert ("consultation", "changed") in faults(verify(table.site.folder))
    edit(table, delete(EVENT).where(opinion))
    assert faults(verify(table.site.folder)) == {("consultation", "removed")}


def test_an_event_that_no_chain_tells_of(table, case):
    (row,) = table.rows(EVENT, consult=case, kind="opinion")
    added = dict(row._mapping) | {"seq": row.seq + 1, "id": "e_" + "f" * 32}
    with table.site.database.write() as sql:
        sql.execute(EVENT.insert().values(added))
    assert ("consultation", "forked") in faults(verify(table.site.folder))


def test_the_last_rows_of_a_chain_are_cut(table, case):
    writer = f"{table.site.identity.id}/{table.hospitals['a']}"
    last = CHAIN.c.writer == writer
    length = max(row.seq for row in table.rows(CHAIN, writer=writer))
    edit(table, delete(CHAIN).where(last, CHAIN.c.seq == length))
    shown = verify(table.site.folder)
    assert ("clinical", "truncated") in faults(shown)
    # Whoever can do that can hide the hub's own head and the rows too; a box has kept its head.
    kept = next(one for one in _heads(table) if one.head.writer == writer)
    edit(table, delete(CHECKPOINT).where(CHECKPOINT.c.writer == writer))
    edit(table, delete(EVENT).where(EVENT.c.kind == "opinion"))
    edit(table, update(CONSULT).where(CONSULT.c.id == case).values(events=length - 1))
    with table.site.database.write() as sql:
        sql.execute(text("UPDATE hospital SET chain_seq = :n WHERE id = :h"),
                    {"n": length - 1, "h": table.hospitals["a"]})  # fmt: skip
    assert verify(table.site.folder)["findings"] == []
    path = _heads_file(table, [kept])
    shown = verify(table.site.folder, "--witness", path)
    assert [(f["fault"], f["by"]) for f in shown["findings"]] == [("truncated", "county")]


def test_a_record_of_the_access_journal_is_edited(table, case):
    table.site.access.append([_draft("login"), _draft("consult opened")])
    rows = table.rows(CHAIN, journal="access")
    one = rows[0]
    edit(table, update(CHAIN).where(CHAIN.c.position == one.position)
         .values(sealed=bytes(one.sealed)[:-1] + b"\x00"))  # fmt: skip
    found = verify(table.site.folder)["findings"]
    assert {"journal": "access", "writer": table.site.identity.id, "seq": one.seq,
            "fault": "changed", "by": ""} in found  # fmt: skip


def test_an_export_says_the_same_elsewhere(table, case, tmp_path):
    path = tmp_path / "hub.jsonl"
    assert RUN.invoke(app, ["export", str(table.site.folder), "--out", str(path)]).exit_code == 0
    assert verify("--export", path)["findings"] == []
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:-3]) + "\n")
    assert ("export", "truncated") in faults(verify("--export", path))


def test_heads_for_the_other_side(table, case, tmp_path):
    path = tmp_path / "heads.jsonl"
    assert RUN.invoke(app, ["heads", str(table.site.folder), "--out", str(path)]).exit_code == 0
    shown = verify(table.site.folder, "--witness", path)
    assert shown["findings"] == []
    assert shown["witnessed"] > verify(table.site.folder)["witnessed"]


def test_access_records_as_fhir(table, case, tmp_path):
    ids = table.crew.ids
    table.site.access.append(
        [_draft("consult opened", user=ids["expert"], consult=case, why="takes part"),
         _draft("objects downloaded", user=ids["expert"], consult=case),
         _draft("consult denied", user=ids["stranger"], consult=case),
         _draft("login failed", code="E6001"), _draft("duty changed", people=["p"])]
    )  # fmt: skip
    path = tmp_path / "events.ndjson"
    answer = RUN.invoke(app, ["export", str(table.site.folder), "--fhir", "--out", str(path)])
    assert answer.exit_code == 0
    events = [json.loads(line) for line in path.read_text().splitlines()]
    for event in events:
        check_r4(event)
    profiles = [event.get("meta", {}).get("profile", [""])[0].rpartition(".IHE")[0] or
                event.get("meta", {}).get("profile", [""])[0] for event in events]  # fmt: skip
    assert any(one.endswith("BasicAudit.PatientRead") for one in profiles)
    assert any(one.endswith("PrivacyDisclosure.Source") for one in profiles)
    assert [event["outcome"] for event in events].count("4") == 2
    assert len({event["id"] for event in events}) == len(events)


def test_only_a_data_folder_or_an_export(tmp_path):
    assert RUN.invoke(app, ["verify"]).exit_code == 2
    answer = RUN.invoke(app, ["verify", str(tmp_path)])
    assert getattr(answer.exception, "code", None) == 7851


def test_heads_are_kept_and_never_go_back(table, case):
    before = {(r.writer): r.seq for r in table.rows(CHECKPOINT)}
    table.from_person("message", case, "expert")
    keep_own_heads(table.site)
    keep_own_heads(table.site)
    after = {(r.writer): r.seq for r in table.rows(CHECKPOINT)}
    writer = f"{table.site.identity.id}/{table.hospitals['a']}"
    assert after[writer] == before[writer] + 1
    assert check_consults(table.site) == []


def _draft(action, **body):
    from core.records.record import Draft

    return Draft("audit.logged", {"action": action, **body})


def _heads(table):
    # As a box keeps them: signed while everything was there.
    rows = table.rows(CHECKPOINT)
    from core.journal.checkpoint import Checkpoint

    return [
        Witness(Checkpoint(r.journal, r.writer, r.seq, r.link, r.at, r.signature), "county")
        for r in rows
    ]


def _heads_file(table, witnesses):
    from core.audit.export import Opening, lines_of

    path = table.site.folder / "from the county.jsonl"
    opening = Opening("county", "box", "", {}, tuple(witnesses))
    path.write_text("".join(lines_of(opening, ())))
    assert own_heads(table.site)
    return path
