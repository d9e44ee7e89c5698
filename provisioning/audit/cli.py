"""Verify access records and consultations offline, export them, hand out signed heads.

``xinglin audit verify FOLDER`` answers the auditor: was anything edited, removed, cut off or
forked, on this side, and as the other side has seen it?
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

if TYPE_CHECKING:
    from core.audit.verifying import Finding, Verdict, Witness
    from provisioning.audit.source import Source

app = typer.Typer(no_args_is_help=True, help="审计 / audit", add_completion=False)
Folder = Annotated[Path, typer.Argument(help="设备或中心数据目录 / data folder of either side")]
Out = Annotated[Path | None, typer.Option("--out", help="文件 / file; default: stdout")]


@app.command()
def verify(
    folder: Annotated[Path | None, typer.Argument(help="数据目录 / data folder")] = None,
    export: Annotated[Path | None, typer.Option(help="审计导出 / an export instead")] = None,
    witness: Annotated[
        list[Path] | None, typer.Option(help="对方的见证（audit heads）/ the other side's heads")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON")] = False,
) -> None:
    """离线核对 / verify offline; exit code 1 if anything is wrong."""
    if (folder is None) == (export is None):
        typer.echo("请指定数据目录或 --export / name a folder or --export", err=True)
        raise typer.Exit(2)
    shown = _of_export(export, witness or []) if export else _of_folder(folder, witness or [])
    if as_json:
        print(json.dumps(shown, ensure_ascii=False))
    else:
        _print(shown)
    if shown["findings"]:
        raise typer.Exit(1)


@app.command()
def export(
    folder: Folder,
    fhir: Annotated[bool, typer.Option("--fhir", help="FHIR R4 AuditEvent (BALP), NDJSON")] = False,
    out: Out = None,
) -> None:
    """导出 / export the journals as they are kept, or as FHIR AuditEvents."""
    from core.audit.balp import audit_event
    from core.audit.export import lines_of
    from provisioning.audit.source import open_source, opening_of

    source = open_source(folder)
    try:
        with _written(out) as file:
            if fhir:
                for act in source.acts():
                    file.write(json.dumps(audit_event(act), ensure_ascii=False) + "\n")
                return
            opening = opening_of(source, _now(), [*source.witnesses(), *source.others()])
            file.writelines(lines_of(opening, source.chains()))
    finally:
        source.close()


@app.command()
def heads(folder: Folder, out: Out = None) -> None:
    """导出见证 / hand out the signed heads that this side has kept of the other and of itself."""
    from core.audit.export import lines_of
    from provisioning.audit.source import open_source, opening_of

    source = open_source(folder)
    try:
        with _written(out) as file:
            file.writelines(lines_of(opening_of(source, _now(), source.others()), ()))
    finally:
        source.close()


def _of_folder(folder: Path | None, witness: list[Path]) -> dict[str, object]:
    from core.audit.verifying import Finding, verify_all
    from core.journal.salvage import DAMAGE, is_damage
    from provisioning.audit.source import belongs, open_source

    assert folder is not None
    try:
        source = open_source(folder)
        try:
            publics, given = dict(source.publics()), []
            for path in witness:
                more, keys = _witnesses(path)
                given += [one for one in more if belongs(one, source)]
                publics = keys | publics
            verdict = verify_all(source.chains(), [*source.witnesses(), *given], publics)
            return _shown(source, verdict, source.findings())
        finally:
            source.close()
    except DAMAGE as error:
        if not is_damage(error):
            raise
        lost = Finding("database", "", 0, "unreadable")
        return {"node": "", "side": "", "records": 0, "witnessed": 0, "heads": [],
                "findings": [_finding(lost)]}  # fmt: skip


def _of_export(path: Path, witness: list[Path]) -> dict[str, object]:
    from core.audit.export import Export
    from core.audit.verifying import Finding, verify_all

    with path.open(encoding="utf-8") as file:
        found = Export(file)
        node = found.opening.node
        publics, witnesses = dict(found.opening.publics), list(found.opening.witnesses)
        for one in witness:
            more, keys = _witnesses(one)
            witnesses += more
            publics = keys | publics
        own = [w for w in witnesses if w.head.writer.partition("/")[0] == node]
        verdict = verify_all(found.chains(), own, publics)
        cut = [] if found.whole else [Finding("export", node, verdict.records + 1, "truncated")]
    return _shown(found.opening, verdict, cut)


def _witnesses(path: Path) -> tuple[list[Witness], dict[str, bytes]]:
    from core.audit.export import Export

    with path.open(encoding="utf-8") as file:
        opening = Export(file).opening
    return list(opening.witnesses), opening.publics


def _shown(side: Source | object, verdict: Verdict, more: list[Finding]) -> dict[str, object]:
    return {
        "node": getattr(side, "node", ""), "side": getattr(side, "side", ""),
        "records": verdict.records, "witnessed": verdict.witnessed,
        "heads": [
            {"journal": journal, "writer": head.writer, "seq": head.seq, "link": head.link.hex()}
            for journal, head in verdict.heads
        ],
        "findings": [_finding(one) for one in (*verdict.findings, *more)],
    }  # fmt: skip


def _finding(one: Finding) -> dict[str, object]:
    return {
        "journal": one.journal, "writer": one.writer, "seq": one.seq, "fault": one.fault,
        "by": one.by,
    }  # fmt: skip


def _print(shown: dict[str, object]) -> None:
    findings = shown["findings"]
    assert isinstance(findings, list)
    print(
        f"记录 / records {shown['records']}  见证 / witnessed heads {shown['witnessed']}"
        f"  问题 / findings {len(findings)}"
    )
    for one in findings:
        by = f"  见证 / by {one['by'][:16]}" if one["by"] else ""
        print(f"  {one['journal']} #{one['seq']} {one['fault']}  {one['writer'][:16]}{by}")


@contextmanager
def _written(out: Path | None) -> Iterator[TextIO]:
    if out is None:
        yield sys.stdout
        return
    with out.open("w", encoding="utf-8") as file:
        yield file


def _now() -> str:
    import time

    from core.records.clock import iso

    return iso(time.time_ns() // 1_000_000)
