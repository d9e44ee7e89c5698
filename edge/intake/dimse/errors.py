"""Refusals of the query service (27xx query and retrieve, 28xx commitment and peers)."""

from __future__ import annotations

from core.errors import XinglinError


class QueryLevelError(XinglinError):
    """The level is missing or not one of the information model."""

    code = 2700
    zh = "查询级别缺失或不属于该信息模型"
    en = "The query level is missing or not part of the information model"


class QueryKeyError(XinglinError):
    """A retrieve names no unique key of its level, or something other than a list of UIDs."""

    code = 2701
    zh = "缺少该级别的唯一标识：{attribute}"
    en = "The unique key of the level is missing: {attribute}"


class IdentifierUnreadableError(XinglinError):
    """The identifier of a request is no data set."""

    code = 2702
    zh = "无法解析请求的标识数据集"
    en = "The identifier of the request cannot be parsed"


class InstanceUndecodableError(XinglinError):
    """The peer does not accept the stored transfer syntax, and it cannot be decoded."""

    code = 2703
    zh = "对方不接受该传输语法（{syntax}），且无法解码"
    en = "The peer does not accept transfer syntax {syntax}, and it cannot be decoded"


class InstanceTooLargeToDecodeError(XinglinError):
    """Decoding would need more memory than is allowed."""

    code = 2704
    zh = "解码需要 {bytes} 字节，超过上限 {limit}"
    en = "Decoding needs {bytes} bytes; the limit is {limit}"


class PeerUnreachableError(XinglinError):
    """No association with the peer."""

    code = 2800
    zh = "无法与 {ae_title} 建立关联"
    en = "No association with {ae_title}"


class CommitmentRefusedError(XinglinError):
    """The peer refused the commitment request or does not offer the service."""

    code = 2801
    zh = "{ae_title} 拒绝存储确认请求（状态 {status}）"
    en = "{ae_title} refused the commitment request (status {status})"
