"""Refusals of journal, blobs, vault and views (1xxx)."""

from __future__ import annotations

from core.errors import XinglinError


class JournalDamaged(XinglinError):
    """The chain does not verify."""

    code = 1001
    zh = "日志链校验失败：{journal} 日志第 {seq} 条（{fault}）"
    en = "The journal's chain does not verify: {journal}, record {seq} ({fault})"


class UnknownKind(XinglinError):
    """A writer drafted a kind this release does not define."""

    code = 1002
    zh = "未知的记录类型 {kind}"
    en = "Unknown record kind {kind}"


class SealBroken(XinglinError):
    """A sealed body does not open under its key: changed, or another header."""

    code = 1003
    zh = "记录 {seq} 无法解密：内容或表头被改动"
    en = "Record {seq} does not open: body or header was changed"


class HeadMismatch(XinglinError):
    """The journal is shorter than a signed head kept elsewhere says, or forked from it."""

    code = 1004
    zh = "日志尾部缺失或分叉：签名检查点为第 {signed} 条，现存 {found} 条"
    en = "Tail missing or forked: a signed head says {signed} records, {found} are here"
