"""The table of every refusal, docs/errors.md, made from the classes themselves.

``python -m provisioning.errors_doc`` writes the file; ``--check`` only compares (exit code 1).
"""

from __future__ import annotations

import importlib
import pkgutil
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Formatter

from core.errors import XinglinError

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs" / "errors.md"
_PACKAGES = ("core", "edge", "hub", "federated", "provisioning")
_MAKE = "python -m provisioning.errors_doc"


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers that one package may use, both ends included."""

    package: str
    first: int
    last: int
    zh: str
    en: str


RANGES: tuple[Range, ...] = (
    Range("core.journal", 1000, 1099, "日志", "journal"),
    Range("core.vault", 1100, 1199, "密钥库", "vault"),
    Range("core.blobs", 1200, 1299, "加密数据块", "blobs"),
    Range("edge.store", 1300, 1399, "设备数据目录与配置", "data folder and settings"),
    Range("edge.intake.net", 2000, 2499, "DICOM 接收", "DICOM receiver"),
    Range("core.dicom", 2500, 2699, "文字与头信息", "text and heads"),
    Range("edge.intake.dimse", 2700, 2899, "查询、检索、存储确认", "query, retrieve, commitment"),
    Range("edge.intake", 2900, 2949, "隔离", "quarantine"),
    Range("core.dicom", 2950, 3049, "文件、压缩包、像素", "files, archives, pixels"),
    Range("core.imaging", 3050, 3999, "影像分析", "imaging"),
    Range("core.models", 4000, 4199, "模型包与引擎", "bundles and engines"),
    Range("edge.infer", 4200, 4499, "GPU", "GPU"),
    Range("federated", 4500, 4999, "训练", "training"),
    Range("edge.report", 5000, 5299, "结果对象与送达", "result objects and delivery"),
    Range("edge.stages", 5300, 5399, "处理步骤", "stages"),
    Range("edge.joining", 5400, 5419, "同一患者多次检查的合并", "joining a patient's studies"),
    Range("edge.review", 5420, 5449, "AI 结果审核", "review of the AI's findings"),
    Range("edge.measured", 5450, 5459, "医师的测量", "a person's measurements"),
    Range("core.web", 6000, 6999, "网页与账号", "web and accounts"),
    Range("edge.backup", 7000, 7019, "备份与恢复", "backup and restore"),
    Range("core.seals", 7020, 7199, "密封与公钥目录", "seals and the key directory"),
    Range("core.consult", 7200, 7299, "会诊规则", "rules of a consultation"),
    Range("core.vault", 7300, 7349, "入网与证书", "joining and certificates"),
    Range("hub.registry", 7350, 7399, "区域证书", "the region's certificates"),
    Range("hub.downlink", 7400, 7499, "同步（区域中心）", "sync, at the hub"),
    Range("edge.uplink", 7500, 7579, "同步（设备）", "sync, at the box"),
    Range("edge.portal", 7580, 7599, "本院提供的会诊页面", "the portal as a box serves it"),
    Range("hub", 7600, 7699, "区域中心：数据目录、账号、网页", "hub: folder, accounts, portal"),
    Range("hub.consult", 7700, 7799, "会诊服务", "consultations at the hub"),
    Range("hub.datacentre", 7800, 7849, "区域统计", "regional statistics"),
    Range("core.audit", 7850, 7899, "审计", "audit"),
    Range("edge.consult", 7900, 7999, "会诊（设备）", "consultations at the box"),
    Range("core.phantom", 8000, 8999, "数字体模", "phantom"),
)


def import_everything() -> None:
    """Import every module of ours, so that every refusal is known."""
    for name in _PACKAGES:
        package = importlib.import_module(name)
        for found in pkgutil.walk_packages(package.__path__, f"{name}."):
            # Alembic alone can run its environment and revisions; no refusal stands there.
            if not {"__main__", "migrations"} & set(found.name.split(".")):
                importlib.import_module(found.name)


def refusals(base: type[XinglinError] = XinglinError) -> list[type[XinglinError]]:
    """Return every subclass that is ours, by number; call :func:`import_everything` before."""
    found = {c for c in _below(base) if c.__module__.partition(".")[0] in _PACKAGES}
    return sorted(found, key=lambda c: (c.code, c.__module__, c.__qualname__))


def range_of(refusal: type[XinglinError]) -> Range | None:
    """Return the range that holds a refusal's number, if its package may use it."""
    for one in RANGES:
        inside = refusal.__module__ == one.package or refusal.__module__.startswith(
            f"{one.package}."
        )
        if inside and one.first <= refusal.code <= one.last:
            return one
    return None


def facts_of(sentence: str) -> frozenset[str]:
    """Return the names of a sentence's placeholders."""
    return frozenset(name for _, name, _, _ in Formatter().parse(sentence) if name)


def document(found: Sequence[type[XinglinError]]) -> str:
    """Return docs/errors.md. Pure."""
    lines = [
        "# 错误编号 · Errors",
        "",
        f"由 `{_MAKE}` 生成，请勿手工修改。 Made by that command; do not edit by hand.",
        "",
        "每条拒绝都有编号和中英文说明；编号不会改作他用。`{…}` 是填入的事实，其中不含患者信息。",
        "Every refusal has a number and a sentence in both languages; a number is never reused.",
        "`{…}` are facts that are filled in; they never identify a patient.",
        "",
        "| 范围 range | 包 package | 内容 about |",
        "| --- | --- | --- |",
        *(f"| {r.first}–{r.last} | `{r.package}` | {r.zh} · {r.en} |" for r in RANGES),
    ]
    heading = None
    for refusal in found:
        place = range_of(refusal)
        if place is not heading and place is not None:
            heading = place
            lines += ["", f"## {place.zh} · {place.en}", "", "| 编号 | 中文 | English | class |",
                      "| --- | --- | --- | --- |"]  # fmt: skip
        lines.append(
            f"| E{refusal.code} | {_cell(refusal.zh)} | {_cell(refusal.en)} |"
            f" `{refusal.__module__}.{refusal.__name__}` |"
        )
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str]) -> int:
    """Write the file, or compare it."""
    import_everything()
    text = document(refusals())
    if "--check" not in arguments:
        DOCUMENT.write_text(text, encoding="utf-8")
        return 0
    if DOCUMENT.read_text(encoding="utf-8") == text:
        return 0
    sys.stderr.write(f"docs/errors.md 已过期，请运行 / is out of date, run: {_MAKE}\n")
    return 1


def _below(base: type[XinglinError]) -> Iterator[type[XinglinError]]:
    for one in base.__subclasses__():
        yield one
        yield from _below(one)


def _cell(sentence: str) -> str:
    return re.sub(r"[|<>*_`\\]", lambda found: f"\\{found[0]}", sentence)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
