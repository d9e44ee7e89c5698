"""Refusals of the consultation's rules (7200-7299)."""

from __future__ import annotations

from core.errors import XinglinError


class ConsultRefusal(XinglinError):
    """Base of what the rules of a consultation refuse."""

    code = 7200
    zh = "会诊规则不允许此操作"
    en = "The rules of the consultation do not allow this"


class EventMalformed(ConsultRefusal):
    """An event does not have the shape of its kind, or says in clear what must be sealed."""

    code = 7201
    zh = "会诊事件格式有误（{field}）"
    en = "The event is malformed at {field}"


class OtherConsult(ConsultRefusal):
    """An event names another consultation."""

    code = 7202
    zh = "该事件属于另一个会诊"
    en = "The event belongs to another consultation"


class EventIdReused(ConsultRefusal):
    """Another event already stands under this id."""

    code = 7203
    zh = "事件编号已被另一内容使用"
    en = "Another event already stands under this id"


class NotInThisState(ConsultRefusal):
    """The kind of event is not possible in the present state."""

    code = 7204
    zh = "会诊处于“{state}”状态，不能进行“{kind}”"
    en = "'{kind}' is not possible while the consultation is {state}"


class NotYourPart(ConsultRefusal):
    """Whoever acts has no part in this, or one that may not do it."""

    code = 7205
    zh = "以“{part}”身份不能进行“{kind}”"
    en = "'{kind}' is not for the part of {part}"


class NotForThisKind(ConsultRefusal):
    """A consultation, an MDT and a referral each have kinds of events that the others lack."""

    code = 7206
    zh = "“{consult}”中没有“{kind}”"
    en = "A {consult} knows no '{kind}'"


class OpinionStands(ConsultRefusal):
    """An opinion is immutable: only an addendum may follow it."""

    code = 7207
    zh = "已有本人签署的意见，只能追加补充意见"
    en = "Your signed opinion stands; only an addendum may follow"


class NothingToAddTo(ConsultRefusal):
    """An addendum must name the writer's own opinion or summary."""

    code = 7208
    zh = "补充意见须针对本人已签署的意见"
    en = "An addendum must name an opinion that you signed"


class NoOpinionYet(ConsultRefusal):
    """A consultation is completed by what it was asked for."""

    code = 7209
    zh = "尚无{missing}，不能完成"
    en = "It cannot be completed without: {missing}"


class SummaryOmits(ConsultRefusal):
    """The chair's summary must name every opinion; dissent is kept."""

    code = 7210
    zh = "总结遗漏了 {count} 份意见；每份意见（包括不同意见）都须保留"
    en = "The summary leaves out {count} opinions; every one, dissent included, is kept"


class PersonUnknown(ConsultRefusal):
    """The event is about somebody who takes no part."""

    code = 7211
    zh = "该人员不在此会诊中"
    en = "That person takes no part in the consultation"


class AlreadyInvited(ConsultRefusal):
    """The person takes part already."""

    code = 7212
    zh = "该人员已在此会诊中"
    en = "That person takes part already"


class EpochUnknown(ConsultRefusal):
    """The event was sealed for an epoch that has not begun."""

    code = 7213
    zh = "会诊密钥版本 {epoch} 尚未启用"
    en = "Epoch {epoch} of the consultation's key has not begun"


class AlreadyAccepted(ConsultRefusal):
    """Somebody else has accepted the request."""

    code = 7214
    zh = "已有其他专家接受该会诊"
    en = "Another expert has accepted it already"


class OpinionMalformed(ConsultRefusal):
    """What was opened as an opinion is none."""

    code = 7215
    zh = "意见内容格式有误（{field}）"
    en = "The opinion is malformed at {field}"


class CaseMalformed(ConsultRefusal):
    """What was opened as a case index is none."""

    code = 7216
    zh = "病例目录格式有误（{field}）"
    en = "The case index is malformed at {field}"


class SummaryStands(ConsultRefusal):
    """After the chair's summary no further opinion is taken; messages and addenda are."""

    code = 7217
    zh = "主持人已签署总结，不再接收新的意见"
    en = "The chair's summary is signed; no further opinion is taken"


class StatementUnlinked(ConsultRefusal):
    """A row's link does not follow from the row before it: something was dropped or changed."""

    code = 7218
    zh = "会诊事件链在第 {seq} 条断裂"
    en = "The chain of the consultation's events breaks at {seq}"
