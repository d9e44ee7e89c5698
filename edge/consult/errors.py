"""Refusals of the appliance's consultations (7900-7999)."""

from __future__ import annotations

from typing import ClassVar

from core.errors import XinglinError


class ConsultBoxRefusal(XinglinError):
    """Base; ``status`` is what the page's interface answers."""

    code = 7900
    zh = "会诊请求被拒绝"
    en = "The consultation was refused"
    status: ClassVar[int] = 422


class NotJoined(ConsultBoxRefusal):
    """The box has not joined a region."""

    code = 7901
    zh = "本机尚未加入区域平台，不能发起远程会诊"
    en = "This box has not joined a region; nothing can be sent"
    status = 409


class ConsentMissing(ConsultBoxRefusal):
    """A consultation needs the patient's written consent (telemedicine rules of 2018)."""

    code = 7902
    zh = "请填写患者知情同意书编号"
    en = "State the reference of the patient's written consent"


class RequestIncomplete(ConsultBoxRefusal):
    """A field of the request is missing or wrong."""

    code = 7903
    zh = "会诊申请的“{field}”缺失或有误"
    en = "The request's {field} is missing or wrong"


class NobodyToSealTo(ConsultBoxRefusal):
    """Nobody of the department has a key."""

    code = 7904
    zh = "所选科室或人员没有可用的密钥，无法加密发送"
    en = "Nobody chosen has a key that anything could be sealed to"


class KeyNotConfirmed(ConsultBoxRefusal):
    """A person's key has changed, or came from nobody we know; a person must confirm it."""

    code = 7905
    zh = "{name} 的密钥尚未确认，请先核对指纹再确认"
    en = "The key of {name} is not confirmed; compare its fingerprint and confirm it"
    status = 409


class ConsultUnknown(ConsultBoxRefusal):
    """There is no such consultation here."""

    code = 7906
    zh = "未找到该会诊"
    en = "No such consultation"
    status = 404


class DocumentRefused(ConsultBoxRefusal):
    """A document is none of the kinds that are sent, or too large."""

    code = 7907
    zh = "文档须为 PDF、JPEG 或 PNG，且不超过 {limit_mb} MB"
    en = "A document must be PDF, JPEG or PNG of at most {limit_mb} MB"


class EventRepeated(ConsultBoxRefusal):
    """The hub sent an event again as if it were new."""

    code = 7909
    zh = "区域平台把旧的会诊事件当作新事件重发（第 {seq} 条）"
    en = "The hub sent an old event again as a new one ({seq})"


class EventMissing(ConsultBoxRefusal):
    """Somebody has seen an event that the hub did not send us."""

    code = 7910
    zh = "区域平台漏发了会诊事件（第 {seq} 条之前）"
    en = "The hub kept an event from us (before {seq})"


class EventUnsound(ConsultBoxRefusal):
    """A row of the hub's chain is no event of a consultation."""

    code = 7911
    zh = "区域平台发来的会诊事件无法识别"
    en = "What the hub sent is no event of a consultation"


class WordsUnreadable(ConsultBoxRefusal):
    """The sealed part of an event does not open."""

    code = 7912
    zh = "会诊事件的加密内容无法打开"
    en = "The sealed part of an event does not open"


class NotYourStudy(ConsultBoxRefusal):
    """A township hospital sees only what it sent itself."""

    code = 7913
    zh = "该检查不是由您上传"
    en = "You did not send this study"
    status = 404


class InvitedByHub(ConsultBoxRefusal):
    """A coordinator has seated somebody whose key nobody here has confirmed."""

    code = 7914
    zh = "协调员邀请了 {name}，其密钥未经本院确认，尚未授权"
    en = "A coordinator seated {name}, whose key nobody here has confirmed; nothing was granted"
    status = 409


class OwnEventAltered(ConsultBoxRefusal):
    """An event comes back under our name that we did not send."""

    code = 7915
    zh = "收到一条以本院名义、但并非本院发出的会诊事件"
    en = "An event came back in our name that we did not send"


class AlreadyRequested(ConsultBoxRefusal):
    """The draft has been sent already."""

    code = 7916
    zh = "该会诊申请已提交"
    en = "The request was sent already"
    status = 409


class OpinionOfOtherCase(ConsultBoxRefusal):
    """A signed opinion names a case index that this box never sent."""

    code = 7917
    zh = "意见所针对的病例内容不是本院发送的内容"
    en = "The opinion judges a case that this box did not send"


class StillPreparing(ConsultBoxRefusal):
    """The request is being sealed; it can be withdrawn once it is whole."""

    code = 7918
    zh = "会诊资料正在准备，请稍后再试"
    en = "The case is still being prepared; try again in a moment"
    status = 409


class KeyReplaced(ConsultBoxRefusal):
    """The directory shows another key for a person whose key this hospital has used."""

    code = 7919
    zh = "{name} 的公钥已更换：核对指纹并确认之前，不会用新公钥加密任何内容"
    en = "{name} has another key now: nothing is sealed to it before its fingerprint is confirmed"
