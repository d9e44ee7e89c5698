"""Refusals of the sync port (74xx)."""

from __future__ import annotations

from core.errors import XinglinError


class LinkRefusal(XinglinError):
    """A refusal that goes to the box as it is.

    Attributes
    ----------
    for_good : bool
        Sending the same thing again cannot help.
    """

    code = 7400
    zh = "中心拒绝了该请求"
    en = "The hub refused this"
    for_good = True


class OtherBoxsCertificate(LinkRefusal):
    """Who speaks is not who the certificate names."""

    code = 7404
    zh = "证书与设备身份密钥不符"
    en = "The certificate is another box's: the node key does not match it"


class WrongMessage(LinkRefusal):
    """A message that this protocol does not have, or not at this point."""

    code = 7405
    zh = "通信消息不符合规定：{fault}"
    en = "The message does not follow the protocol: {fault}"


class WrongProtocol(LinkRefusal):
    """The box speaks another version."""

    code = 7406
    zh = "不支持的通信协议版本 {version}"
    en = "Protocol version {version} is not spoken here"


class ObjectAbsurd(LinkRefusal):
    """Size, chunk or address of an object cannot be."""

    code = 7407
    zh = "上传对象的参数无效：{fault}"
    en = "The object's description cannot be: {fault}"


class ObjectNotBegun(LinkRefusal):
    """A chunk or a commit of an object that was not begun on this link."""

    code = 7408
    zh = "上传尚未开始或已中断，请重新开始"
    en = "The upload was not begun here; begin it again"
    for_good = False


class ObjectIncomplete(LinkRefusal):
    """A commit while chunks are missing."""

    code = 7409
    zh = "上传不完整：缺少 {missing} 块"
    en = "The object is not complete: {missing} chunks are missing"
    for_good = False


class ObjectDiffers(LinkRefusal):
    """The bytes do not have the SHA-256 that names them; they are dropped."""

    code = 7410
    zh = "上传内容与其校验值不符，请重新上传"
    en = "The bytes do not have the hash that names them; send them again"
    for_good = False


class QuotaSpent(LinkRefusal):
    """The hospital's share of the hub's disk is used up."""

    code = 7411
    zh = "本院在区域中心的存储配额已满"
    en = "The hospital's quota at the hub is used up"
    for_good = False


class HubDiskFull(LinkRefusal):
    """The hub's disk is full; nothing is lost, the box keeps it."""

    code = 7412
    zh = "区域中心存储空间不足，稍后自动继续"
    en = "The hub's disk is full; sending goes on by itself later"
    for_good = False


class NotServed(LinkRefusal):
    """This hub does not take such items."""

    code = 7413
    zh = "该中心不受理此类内容"
    en = "This hub does not take such items"


class NotSigned(LinkRefusal):
    """The statement's signature is not the box's."""

    code = 7414
    zh = "签名校验失败"
    en = "The signature does not verify"


class NotYours(LinkRefusal):
    """The object belongs to no consultation of the box's hospital."""

    code = 7415
    zh = "没有该加密对象，或不属于本院的会诊"
    en = "No such object in a consultation of this hospital"


class HubBusy(LinkRefusal):
    """The database or a worker did not answer in time; again later."""

    code = 7416
    zh = "区域中心繁忙，稍后自动重试"
    en = "The hub is busy; this is tried again by itself"
    for_good = False


class TooManyUploads(LinkRefusal):
    """More uploads are open than one box may have."""

    code = 7417
    zh = "同时上传的对象过多"
    en = "Too many uploads are open at once"
    for_good = False


class LinkReplaced(LinkRefusal):
    """The same box has connected anew; the older link ends."""

    code = 7418
    zh = "该设备已建立新的连接"
    en = "The same box has connected anew"
    for_good = False


class NeedsMissing(LinkRefusal):
    """An event came before the objects it speaks of."""

    code = 7419
    zh = "该内容所引用的 {missing} 个对象尚未上传完成"
    en = "{missing} objects that this speaks of are not here yet"
    for_good = False
