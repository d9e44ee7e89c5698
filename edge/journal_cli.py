"""Verify the journal, rebuild the views, restrict or destroy a patient's data.

``xinglin journal verify`` answers the auditor: was anything changed, removed, reordered or cut off?
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from core.journal.chain import Fault, Head, Kept, Unread
    from core.journal.checkpoint import Checkpoint
    from core.journal.store import SqliteJournal
    from edge.store.box import Box

app = typer.Typer(no_args_is_help=True, help="日志 / the journal", add_completion=False)
Folder = Annotated[Path, typer.Option("--folder", envvar="XINGLIN_FOLDER", help="数据目录 / data")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON")]


def verify_box(box: Box) -> dict[str, object]:
    """Verify both journals of a box, against their own chains and the signed heads in the vault.

    Returns
    -------
    dict
        ``records``: how many were read; ``heads``; ``faults``: what is wrong, named.
    """
    from core.journal.chain import Fault

    found: list[dict[str, object]] = []
    heads: list[dict[str, object]] = []
    records = 0
    signed = {(c.journal, c.writer): c for c in box.vault.heads()}
    for name, journal in (("clinical", box.journal), ("access", box.access)):
        known = {writer for which, writer in signed if which == name}
        there = _writers(journal)
        if there is None:
            found.append(_fault(name, Fault("", 0, "unreadable")))
        for writer in sorted(known | (there if there is not None else {box.identity.id}), key=str):
            faults, head = _verify_chain(box, journal, writer, signed.get((name, writer)))
            found += [_fault(name, one) for one in faults]
            if head.seq:
                records += head.seq
                heads.append({"journal": name, "writer": writer, "seq": head.seq})
    return {"records": records, "heads": heads, "faults": found}


def _writers(journal: SqliteJournal) -> set[str] | None:
    """Return the writers of a journal; None where the file does not say."""
    from core.journal.salvage import DAMAGE, is_damage

    try:
        return set(journal.writers())
    except DAMAGE as error:
        if not is_damage(error):
            raise
        return None


def _verify_chain(
    box: Box, journal: SqliteJournal, writer: str, signed: Checkpoint | None
) -> tuple[list[Fault], Head]:
    """Verify one chain in one pass, and hold it against its signed head."""
    from core.journal.chain import Fault, Head, verify

    at = signed.seq if signed else 0
    seen: dict[int, bytes | None] = {}
    faults: list[Fault] = []
    head = Head(writer, 0, b"")
    for one in verify(_watched(journal.survey(writer, at), at, seen)):
        if isinstance(one, Fault):
            faults.append(one)
        else:
            head = Head(writer, one.seq, one.link)
    if signed is not None:
        found = _against_signed(box, head, signed, seen)
        faults += [found] if found else []
    return faults, head


def _watched(
    rows: Iterator[Kept | Unread], at: int, seen: dict[int, bytes | None]
) -> Iterator[Kept | Unread]:
    """Pass rows through, remembering the link of seq ``at``: None where it cannot be read."""
    from core.journal.chain import Kept

    for row in rows:
        if isinstance(row, Kept):
            if row.seq == at:
                seen[at] = row.link
        elif row.first <= at <= row.last:
            seen[at] = None
        yield row


def _against_signed(
    box: Box, head: Head, signed: Checkpoint, seen: dict[int, bytes | None]
) -> Fault | None:
    from core.journal.chain import Fault, compare
    from core.journal.checkpoint import is_signed_by

    own = signed.writer == box.identity.id
    if own and not is_signed_by(signed, box.identity.key.public_key()):
        return Fault(signed.writer, signed.seq, "forked")
    if signed.seq in seen and seen[signed.seq] is None:
        return None  # named as unreadable already; whether it is the signed one, nobody can tell
    return compare(head, signed.seq, bytes.fromhex(signed.link), seen.get(signed.seq))


def _fault(journal: str, fault: Fault) -> dict[str, object]:
    return {
        "journal": journal, "writer": str(fault.writer), "seq": fault.seq, "fault": fault.kind,
    }  # fmt: skip


def verify_folder(folder: Path) -> dict[str, object]:
    """Verify the box of a folder; a database that cannot be read at all is a fault as well."""
    from core.journal.chain import Fault
    from core.journal.salvage import DAMAGE, is_damage
    from edge.store.box import open_box, real_outside

    try:
        box = open_box(folder, real_outside())
        try:
            return verify_box(box)
        finally:
            box.close()
    except DAMAGE as error:
        if not is_damage(error):
            raise
        lost = _fault("database", Fault("", 0, "unreadable"))
        return {"records": 0, "heads": [], "faults": [lost]}


@app.command()
def verify(folder: Folder, as_json: AsJson = False) -> None:
    """校验全部记录 / verify every record; exit code 1 if anything is wrong."""
    found = verify_folder(folder)
    faults = found["faults"]
    assert isinstance(faults, list)
    if as_json:
        print(json.dumps(found, ensure_ascii=False))
    else:
        print(f"记录 / records {found['records']}  错误 / faults {len(faults)}")
        for one in faults:
            print(f"  {one['journal']} #{one['seq']} {one['fault']}  writer {one['writer'][:16]}")
    if faults:
        raise typer.Exit(1)


@app.command()
def show(
    folder: Folder,
    journal: Annotated[str, typer.Option(help="access | clinical")] = "access",
    study: Annotated[str, typer.Option(help="检查 UID 或编号 / study UID or opaque id")] = "",
    after: Annotated[int, typer.Option(help="此位置之后 / after this position", min=0)] = 0,
    limit: Annotated[int, typer.Option(help="最多条数 / at most", min=1)] = 100,
    as_json: AsJson = False,
) -> None:
    """谁在何时看了什么 / who saw or did what, when: the journal, oldest first."""
    from itertools import islice

    from edge.audit import JOURNALS, Wanted, entries_after
    from edge.store.box import open_box, real_outside

    name = next((one for one in JOURNALS if one == journal), None)
    if name is None:
        typer.echo("日志为 access 或 clinical / the journal is access or clinical", err=True)
        raise typer.Exit(2)
    box = open_box(folder, real_outside())
    try:
        wanted = Wanted(name, _opaque(box, study))
        rows = list(islice(entries_after(box, wanted, after), limit))
    finally:
        box.close()
    if as_json:
        print(json.dumps(rows, ensure_ascii=False))
        return
    for row in rows:
        told = " ".join([*row["studies"], *(f"{k}={v}" for k, v in row["detail"].items())])
        who = row["user"] or row["actor"]
        print(f"{row['position']:>8} {row['at']} {who:<24} {row['action']:<22} {told}")


def _opaque(box: Box, study: str) -> str:
    """Return a study's opaque id for its UID; ids pass."""
    if not study or study.startswith("st_"):
        return study
    ref = box.vault.study(study)
    if ref is None:
        typer.echo("未找到该检查 / no such study", err=True)
        raise typer.Exit(2)
    return ref.study


@app.command()
def rebuild(folder: Folder) -> None:
    """由日志重建全部视图 / throw all views away and fold the journal again."""
    from edge.store.box import open_box, real_outside

    box = open_box(folder, real_outside())
    try:
        count = box.views.rebuild(box.journal, box.vault)
    finally:
        box.close()
    print(json.dumps({"records": count}))


@app.command()
def restrict(
    folder: Folder,
    study_uid: str,
    lift: Annotated[bool, typer.Option(help="解除 / lift")] = False,
) -> None:
    """限制某患者的数据（保留但不可见）/ hide a patient's data, keep it."""
    from core.records.record import Draft
    from edge.store.box import open_box, real_outside

    box = open_box(folder, real_outside())
    try:
        subject = _subject(box, study_uid)
        box.vault.restrict(subject, restricted=not lift)
        body = {"restricted": not lift}
        box.append([Draft("subject.restricted", body, subject=subject, key=subject)])
        box.keep_heads()
    finally:
        box.close()


@app.command()
def destroy(
    folder: Folder,
    study_uid: str,
    reason: Annotated[str, typer.Option(help="依据 / the reason, recorded")],
    yes: Annotated[bool, typer.Option(help="确认 / confirm")] = False,
) -> None:
    """销毁某患者的密钥（不可恢复）/ destroy a patient's key: erasure, irrecoverable."""
    from edge.store.box import open_box, real_outside
    from edge.store.erase import erase_subject

    if not yes:
        typer.echo("此操作不可恢复，请加 --yes / irrecoverable: add --yes", err=True)
        raise typer.Exit(2)
    box = open_box(folder, real_outside())
    try:
        gone = erase_subject(box, _subject(box, study_uid), reason)
        box.keep_heads()
    finally:
        box.close()
    print(json.dumps({"blobs": gone}))


def _subject(box: Box, study_uid: str) -> str:
    ref = box.vault.study(study_uid)
    if ref is None:
        typer.echo("未找到该检查 / no such study", err=True)
        raise typer.Exit(2)
    return ref.subject
