"""Refusals of the hub's consultation service (77xx).

They answer a person over HTTP (``status``) and a box over its link: ``for_good`` says whether
sending the same thing again can help.
"""

from __future__ import annotations

from typing import ClassVar

from core.web.errors import WebRefusal


class HubConsultRefusal(WebRefusal):
    """Base of what the service refuses."""

    code = 7700
    zh = "中心未受理该会诊操作"
    en = "The hub did not take this act of a consultation"
    status = 409
    for_good: ClassVar[bool] = True


class NoSuchConsult(HubConsultRefusal):
    """There is none of this id, or not for whoever asks."""

    code = 7701
    zh = "没有该会诊"
    en = "There is no such consultation"
    status = 404
    for_good = False  # a box's request may still be on its way


class NotTheSigner(HubConsultRefusal):
    """A statement comes from somebody else than who signed it."""

    code = 7702
    zh = "签名者与提交者不一致"
    en = "Who signed is not who sends"
    status = 403


class OtherHospitals(HubConsultRefusal):
    """A box speaks for another hospital's consultation."""

    code = 7703
    zh = "该会诊属于另一家医院"
    en = "The consultation is another hospital's"
    status = 403


class SeatUnknown(HubConsultRefusal):
    """Somebody is seated who is no expert of this hub."""

    code = 7704
    zh = "所邀请的人员不是本中心的在岗专家（{person}）"
    en = "Who is invited is no active expert of this hub ({person})"
    status = 422


class HistoryDiffers(HubConsultRefusal):
    """Whoever acts has seen an event that the hub does not have."""

    code = 7705
    zh = "提交者所见的会诊记录与中心不一致，请刷新后重试"
    en = "What you saw of this consultation is not what the hub has; read it again"


class ObjectNotYours(HubConsultRefusal):
    """An event names an object that is not the requesting hospital's."""

    code = 7706
    zh = "所引用的加密对象不属于该会诊"
    en = "The event names an object that does not belong to the consultation"
    status = 422


class ObjectArriving(HubConsultRefusal):
    """The object belongs to the case, and its upload has not ended."""

    code = 7707
    zh = "该内容正在上传，请稍候"
    en = "This part of the case is still arriving"
    for_good = False


class HospitalUnknown(HubConsultRefusal):
    """A request goes to a hospital that is not here."""

    code = 7708
    zh = "没有所指定的受邀医院"
    en = "There is no such hospital to ask"
    status = 422


class RangeWrong(HubConsultRefusal):
    """A range that the object does not have."""

    code = 7709
    zh = "请求的字节范围无效"
    en = "The object has no such range of bytes"
    status = 416
