"""Verify the journal, rebuild the views, restrict or destroy a patient's data.

``xinglin journal verify`` answers the auditor: was anything changed, removed, reordered or cut off?
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from core.journal.chain import Head
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
    from core.journal.chain import Fault, verify

    found: list[dict[str, object]] = []
    heads: list[dict[str, object]] = []
    records = 0
    for name, journal in (("clinical", box.journal), ("access", box.access)):
        known = {c.writer for c in box.vault.heads() if c.journal == name}
        for writer in sorted(known | set(journal.writers())):
            for one in verify(journal.kept(writer)):
                if isinstance(one, Fault):
                    found.append(_fault(name, one))
                else:
                    records += one.seq
                    head = one
                    heads.append({"journal": name, "writer": writer, "seq": one.seq})
            found += _against_signed(box, name, journal, writer, head)
    return {"records": records, "heads": heads, "faults": found}


def _against_signed(
    box: Box, name: str, journal: SqliteJournal, writer: str, head: Head
) -> list[dict[str, object]]:
    from core.journal.chain import Fault, Head, compare
    from core.journal.checkpoint import is_signed_by

    out = []
    for checkpoint in box.vault.heads():
        if (checkpoint.journal, checkpoint.writer) != (name, writer):
            continue
        own = writer == box.identity.id
        if own and not is_signed_by(checkpoint, box.identity.key.public_key()):
            out.append(_fault(name, Fault(writer, checkpoint.seq, "forked")))
            continue
        rows = [row for row in journal.kept(writer) if row.seq == checkpoint.seq]
        found = compare(
            Head(writer, head.seq, head.link),
            checkpoint.seq,
            bytes.fromhex(checkpoint.link),
            rows[0].link if rows else None,
        )
        if found is not None:
            out.append(_fault(name, found))
    return out


def _fault(journal: str, fault: object) -> dict[str, object]:
    from core.journal.chain import Fault

    assert isinstance(fault, Fault)
    return {
        "journal": journal, "writer": fault.writer, "seq": fault.seq, "fault": fault.kind,
    }  # fmt: skip


@app.command()
def verify(folder: Folder, as_json: AsJson = False) -> None:
    """校验全部记录 / verify every record; exit code 1 if anything is wrong."""
    from edge.store.box import open_box, real_outside

    box = open_box(folder, real_outside())
    try:
        found = verify_box(box)
    finally:
        box.close()
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
    finally:
        box.close()
    print(json.dumps({"blobs": gone}))


def _subject(box: Box, study_uid: str) -> str:
    ref = box.vault.study(study_uid)
    if ref is None:
        typer.echo("未找到该检查 / no such study", err=True)
        raise typer.Exit(2)
    return ref.subject
