"""Refusals of the audit's commands (7850-7899)."""

from __future__ import annotations

from core.errors import XinglinError


class ExportBroken(XinglinError):
    """A file is no audit export, or no list of signed heads."""

    code = 7850
    zh = "文件不是有效的审计导出（第 {line} 行）"
    en = "The file is no audit export (line {line})"


class NothingHere(XinglinError):
    """A folder holds neither an appliance nor a hub."""

    code = 7851
    zh = "该目录既不是设备也不是区域中心的数据目录"
    en = "The folder holds neither an appliance nor a hub"
