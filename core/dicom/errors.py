"""Refusals of text and header reading (25xx text, 26xx headers)."""

from __future__ import annotations

from core.errors import XinglinError


class CharacterSetUnknownError(XinglinError):
    """A setting names a character set that DICOM does not define."""

    code = 2500
    zh = "未知的字符集设置：{charset}"
    en = "Unknown character set in a setting: {charset}"


class LossyTextError(XinglinError):
    """A peer asks for a character set that cannot carry the text; it is never thinned out."""

    code = 2501
    zh = "字符集 {charset} 无法表示 {characters} 个字符，已拒绝有损转换"
    en = "Character set {charset} cannot carry {characters} characters; refused rather than lost"


class HeadUnreadableError(XinglinError):
    """The bytes are no data set: a length, tag or delimiter makes no sense."""

    code = 2600
    zh = "无法解析 DICOM 数据集（字节 {offset}）"
    en = "The DICOM data set cannot be parsed (byte {offset})"


class HeadIdentifierMissingError(XinglinError):
    """An identifier without which an instance belongs nowhere is missing or malformed."""

    code = 2601
    zh = "缺少或无效的标识：{attribute}"
    en = "Identifier missing or invalid: {attribute}"


class HeadTooDeepError(XinglinError):
    """Sequences nested deeper than any real object."""

    code = 2602
    zh = "序列嵌套超过 {limit} 层"
    en = "Sequences nested deeper than {limit} levels"


class HeadDeflateError(XinglinError):
    """A deflated data set whose compressed stream is broken."""

    code = 2603
    zh = "压缩（deflate）数据流已损坏"
    en = "The deflated stream is broken"
