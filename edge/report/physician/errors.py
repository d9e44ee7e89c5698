"""Numbered refusals of the physician's report (5200-5299 of edge.report)."""

from __future__ import annotations

from typing import ClassVar

from core.errors import XinglinError


class ReportRefusal(XinglinError):
    """A report cannot be written, saved or signed; ``status`` is the HTTP status."""

    code: ClassVar[int] = 5200
    zh: ClassVar[str] = "报告无法处理"
    en: ClassVar[str] = "The report cannot be handled"
    status: ClassVar[int] = 422


class ContentWrong(ReportRefusal):
    """A part of the content is not what it must be."""

    code: ClassVar[int] = 5201
    zh: ClassVar[str] = "报告内容有误：{field}"
    en: ClassVar[str] = "The report's content is wrong: {field}"


class DraftStale(ReportRefusal):
    """The draft was saved elsewhere since: both versions stay."""

    code: ClassVar[int] = 5202
    zh: ClassVar[str] = "该草稿已在别处保存（第 {version} 版），两份都已保留，请核对后再保存"
    en: ClassVar[str] = "The draft was saved elsewhere (version {version}); both are kept, compare"
    status: ClassVar[int] = 409


class ReportMoved(ReportRefusal):
    """Somebody saved or signed a newer version of the report meanwhile."""

    code: ClassVar[int] = 5203
    zh: ClassVar[str] = "报告已有更新的版本（第 {version} 版），请先核对再继续"
    en: ClassVar[str] = "The report has a newer version ({version}); compare before going on"
    status: ClassVar[int] = 409


class Unconfirmed(ReportRefusal):
    """A statement by the AI was not touched by a person: it is never signed."""

    code: ClassVar[int] = 5204
    zh: ClassVar[str] = "还有 {count} 条 AI 语句未确认，不能签发"
    en: ClassVar[str] = "{count} statements by the AI are not confirmed; the report is not signed"


class StatementStale(ReportRefusal):
    """A statement no longer says what its measurement says."""

    code: ClassVar[int] = 5205
    zh: ClassVar[str] = "有 {count} 条语句与当前测量不一致，请先刷新"
    en: ClassVar[str] = "{count} statements differ from the present measurement; refresh first"


class TierNeedsBasis(ReportRefusal):
    """Imaging alone sets no higher tier than suspected (WS 288-2017)."""

    code: ClassVar[int] = 5206
    zh: ClassVar[str] = "仅凭影像不得超过“疑似”：所选诊断分级缺少相应依据"
    en: ClassVar[str] = "Imaging alone never exceeds suspected: the tier lacks its basis"


class PromptOpen(ReportRefusal):
    """A warning was neither mended nor acknowledged."""

    code: ClassVar[int] = 5207
    zh: ClassVar[str] = "还有 {count} 条提示未处理，请修改或逐条确认后再签发"
    en: ClassVar[str] = "{count} prompts are open: mend or acknowledge each before signing"


class FactorMissing(ReportRefusal):
    """The person has no second factor; a report is signed with one."""

    code: ClassVar[int] = 5208
    zh: ClassVar[str] = "签发报告需要动态验证码，请先在账号中设置第二因素"
    en: ClassVar[str] = "Signing needs a one-time code; set up a second factor first"


class NothingToSign(ReportRefusal):
    """The report has no impression."""

    code: ClassVar[int] = 5209
    zh: ClassVar[str] = "影像诊断为空，不能保存为报告"
    en: ClassVar[str] = "The impression is empty; this is no report"


class NotSigned(ReportRefusal):
    """An addendum belongs to a signed report."""

    code: ClassVar[int] = 5210
    zh: ClassVar[str] = "报告尚未签发，不能追加补充报告"
    en: ClassVar[str] = "The report is not signed; there is nothing to add to"
    status: ClassVar[int] = 409


class AlreadySigned(ReportRefusal):
    """Signing freezes; what comes after is an addendum."""

    code: ClassVar[int] = 5211
    zh: ClassVar[str] = "报告已签发，内容不再改动；如需更正请写补充报告"
    en: ClassVar[str] = "The report is signed and frozen; write an addendum instead"
    status: ClassVar[int] = 409


class PhraseWrong(ReportRefusal):
    """A phrase template cannot be used: its fields and its texts do not agree."""

    code: ClassVar[int] = 5212
    zh: ClassVar[str] = "词条模板有误：{field}"
    en: ClassVar[str] = "The phrase template is wrong: {field}"


class DocumentWaits(ReportRefusal):
    """The documents of a signed report are still being written."""

    code: ClassVar[int] = 5213
    zh: ClassVar[str] = "报告文件正在生成，请稍候"
    en: ClassVar[str] = "The report's documents are being written"
    status: ClassVar[int] = 404
