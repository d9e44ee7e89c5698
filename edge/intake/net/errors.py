"""Refusals of the storage receiver, numbers 2000 to 2399.

Each class also carries what the wire needs: rejections the triple of PS3.8 9.3.4 (result, source,
reason), violations the A-ABORT reason of PS3.8 9.3.8, store refusals a DICOM status.
Facts are lengths, numbers and AE titles; never an identifier of a patient.
"""

from __future__ import annotations

from typing import ClassVar

from core.errors import XinglinError


class ReceiverError(XinglinError):
    """Base of everything the receiver refuses."""

    code: ClassVar[int] = 2000
    zh: ClassVar[str] = "接收服务拒绝了请求"
    en: ClassVar[str] = "The receiver refused the request"


# -- Violations of the protocol: answered with A-ABORT, source service-provider -------------------


class ProtocolViolation(ReceiverError):
    """The peer broke PS3.8; ``abort_reason`` is the reason of PS3.8 table 9-26."""

    code: ClassVar[int] = 2001
    zh: ClassVar[str] = "对方违反了 DICOM 传输协议"
    en: ClassVar[str] = "The peer broke the DICOM upper layer protocol"
    abort_reason: ClassVar[int] = 0


class PduUnrecognised(ProtocolViolation):
    """A PDU type that PS3.8 does not define."""

    code: ClassVar[int] = 2002
    zh: ClassVar[str] = "未知的 PDU 类型 {kind}"
    en: ClassVar[str] = "Unrecognised PDU type {kind}"
    abort_reason: ClassVar[int] = 1


class PduUnexpected(ProtocolViolation):
    """A PDU that is not allowed in the present state."""

    code: ClassVar[int] = 2003
    zh: ClassVar[str] = "此时不应出现类型为 {kind} 的 PDU"
    en: ClassVar[str] = "PDU of type {kind} is not allowed here"
    abort_reason: ClassVar[int] = 2


class PduTooLong(ProtocolViolation):
    """A PDU longer than the announced or allowed maximum."""

    code: ClassVar[int] = 2004
    zh: ClassVar[str] = "PDU 长度 {length} 超过上限 {limit}"
    en: ClassVar[str] = "PDU of {length} bytes exceeds the limit of {limit}"
    abort_reason: ClassVar[int] = 6


class PduMalformed(ProtocolViolation):
    """A PDU whose fields contradict its length, or hold values outside the standard."""

    code: ClassVar[int] = 2005
    zh: ClassVar[str] = "PDU 格式错误：{what}"
    en: ClassVar[str] = "Malformed PDU: {what}"
    abort_reason: ClassVar[int] = 6


class PdvUnexpected(ProtocolViolation):
    """A fragment of another context or kind than the message that is being received."""

    code: ClassVar[int] = 2006
    zh: ClassVar[str] = "数据片段顺序错误：{what}"
    en: ClassVar[str] = "Fragment out of order: {what}"
    abort_reason: ClassVar[int] = 5


class CommandTooLong(ProtocolViolation):
    """A command set beyond the cap."""

    code: ClassVar[int] = 2007
    zh: ClassVar[str] = "命令集超过上限 {limit} 字节"
    en: ClassVar[str] = "The command set exceeds {limit} bytes"
    abort_reason: ClassVar[int] = 6


class CommandMalformed(ProtocolViolation):
    """A command set that cannot be read or lacks what PS3.7 demands."""

    code: ClassVar[int] = 2008
    zh: ClassVar[str] = "命令集格式错误：{what}"
    en: ClassVar[str] = "Malformed command set: {what}"
    abort_reason: ClassVar[int] = 6


class DataSetTooLong(ProtocolViolation):
    """A data set that must be held in memory (storage commitment) is beyond the cap."""

    code: ClassVar[int] = 2009
    zh: ClassVar[str] = "请求数据集超过上限 {limit} 字节"
    en: ClassVar[str] = "The request's data set exceeds {limit} bytes"
    abort_reason: ClassVar[int] = 6


# -- The connection ended or stalled ---------------------------------------------------------------


class PeerGone(ReceiverError):
    """The connection was closed without release."""

    code: ClassVar[int] = 2020
    zh: ClassVar[str] = "对方未释放关联即断开连接"
    en: ClassVar[str] = "The peer closed the connection without release"


class PeerAborted(ReceiverError):
    """The peer sent A-ABORT."""

    code: ClassVar[int] = 2021
    zh: ClassVar[str] = "对方中止了关联"
    en: ClassVar[str] = "The peer aborted the association"


class PeerSilent(ReceiverError):
    """Nothing came in the allowed time (ARTIM, idle or network timer)."""

    code: ClassVar[int] = 2022
    zh: ClassVar[str] = "对方超过 {seconds} 秒没有数据"
    en: ClassVar[str] = "The peer was silent for {seconds} s"


class PeerTooSlow(ReceiverError):
    """An object came slower than the lowest allowed rate."""

    code: ClassVar[int] = 2023
    zh: ClassVar[str] = "传输速度低于每秒 {limit} 字节"
    en: ClassVar[str] = "The transfer is slower than {limit} bytes per second"


class ReceiverStopping(ReceiverError):
    """The receiver is being stopped; the present object was finished."""

    code: ClassVar[int] = 2024
    zh: ClassVar[str] = "接收服务正在停止"
    en: ClassVar[str] = "The receiver is stopping"


class Reaped(ReceiverError):
    """The association was idle and its slot was needed."""

    code: ClassVar[int] = 2025
    zh: ClassVar[str] = "空闲关联被回收，以让出名额"
    en: ClassVar[str] = "The idle association was closed because its slot was needed"


class TlsFailed(ReceiverError):
    """The TLS handshake failed; ``what`` is OpenSSL's reason word."""

    code: ClassVar[int] = 2026
    zh: ClassVar[str] = "TLS 握手失败：{what}"
    en: ClassVar[str] = "The TLS handshake failed: {what}"


class ProcessNotStarted(ReceiverError):
    """A further receiver process did not come up."""

    code: ClassVar[int] = 2027
    zh: ClassVar[str] = "接收进程在 {seconds} 秒内未能启动"
    en: ClassVar[str] = "A receiver process did not start within {seconds} s"


# -- Rejections: answered with A-ASSOCIATE-RJ ------------------------------------------------------


class AssociationRejected(ReceiverError):
    """Base of rejections; result, source and reason are those of PS3.8 table 9-21."""

    code: ClassVar[int] = 2100
    zh: ClassVar[str] = "关联被拒绝"
    en: ClassVar[str] = "The association was rejected"
    result: ClassVar[int] = 1
    source: ClassVar[int] = 1
    reason: ClassVar[int] = 1


class ApplicationContextRefused(AssociationRejected):
    """Another application context than DICOM's."""

    code: ClassVar[int] = 2101
    zh: ClassVar[str] = "不支持的应用上下文"
    en: ClassVar[str] = "Application context not supported"
    reason: ClassVar[int] = 2


class ProtocolVersionRefused(AssociationRejected):
    """Bit 0 of the protocol version is not set."""

    code: ClassVar[int] = 2102
    zh: ClassVar[str] = "不支持的协议版本"
    en: ClassVar[str] = "Protocol version not supported"
    source: ClassVar[int] = 2
    reason: ClassVar[int] = 2


class CalledTitleRefused(AssociationRejected):
    """The called AE title is not ours."""

    code: ClassVar[int] = 2103
    zh: ClassVar[str] = "被叫 AE 标题 {called} 不是本机"
    en: ClassVar[str] = "Called AE title {called} is not ours"
    reason: ClassVar[int] = 7


class CallingTitleRefused(AssociationRejected):
    """No rule of the allow-list names this AE title at this address."""

    code: ClassVar[int] = 2104
    zh: ClassVar[str] = "主叫 AE 标题 {calling} 不在许可名单中"
    en: ClassVar[str] = "Calling AE title {calling} is not on the allow-list"
    reason: ClassVar[int] = 3


class TlsRequired(AssociationRejected):
    """The peer's rule asks for TLS (and perhaps for a certificate name) that was not shown."""

    code: ClassVar[int] = 2105
    zh: ClassVar[str] = "AE 标题 {calling} 必须使用 TLS 与指定证书"
    en: ClassVar[str] = "AE title {calling} must use TLS with its certificate"
    reason: ClassVar[int] = 3


class QuotaReached(AssociationRejected):
    """The peer holds as many associations as its rule allows."""

    code: ClassVar[int] = 2106
    zh: ClassVar[str] = "该设备的关联数已达上限 {limit}"
    en: ClassVar[str] = "The peer already holds its {limit} associations"
    result: ClassVar[int] = 2
    source: ClassVar[int] = 3
    reason: ClassVar[int] = 2


class ReceiverFull(AssociationRejected):
    """All slots that this peer may use are taken."""

    code: ClassVar[int] = 2107
    zh: ClassVar[str] = "接收服务的关联数已达上限 {limit}"
    en: ClassVar[str] = "All {limit} associations are in use"
    result: ClassVar[int] = 2
    source: ClassVar[int] = 3
    reason: ClassVar[int] = 2


class ServiceUnreachable(AssociationRejected):
    """The query service behind the receiver does not answer (temporary congestion)."""

    code: ClassVar[int] = 2108
    zh: ClassVar[str] = "查询服务暂时没有响应"
    en: ClassVar[str] = "The query service does not answer at the moment"
    result: ClassVar[int] = 2
    source: ClassVar[int] = 3
    reason: ClassVar[int] = 1


# -- A sink's refusal of one object: answered with a C-STORE status --------------------------------


class StoreRefused(ReceiverError):
    """One object is refused.

    ``status`` is the DICOM status (PS3.4 B.2.3); ``drain`` says whether the rest of the object is
    read and thrown away so that the association lives on (else it is aborted).
    """

    code: ClassVar[int] = 2200
    zh: ClassVar[str] = "对象未能存储"
    en: ClassVar[str] = "The object was not stored"
    status: ClassVar[int] = 0x0110
    drain: ClassVar[bool] = True


class OutOfResources(StoreRefused):
    """No room: the disk is past its watermark."""

    code: ClassVar[int] = 2201
    zh: ClassVar[str] = "存储空间不足"
    en: ClassVar[str] = "Out of resources"
    status: ClassVar[int] = 0xA700


class ClassMismatch(StoreRefused):
    """The data set does not match the SOP class."""

    code: ClassVar[int] = 2202
    zh: ClassVar[str] = "数据集与 SOP 类不符"
    en: ClassVar[str] = "Data set does not match SOP class"
    status: ClassVar[int] = 0xA900


class NotUnderstood(StoreRefused):
    """The data set cannot be understood."""

    code: ClassVar[int] = 2203
    zh: ClassVar[str] = "无法理解的数据集"
    en: ClassVar[str] = "Cannot understand"
    status: ClassVar[int] = 0xC000


class ClassNotSupported(StoreRefused):
    """The SOP class is not supported."""

    code: ClassVar[int] = 2204
    zh: ClassVar[str] = "不支持的 SOP 类"
    en: ClassVar[str] = "SOP class not supported"
    status: ClassVar[int] = 0x0122


class StoreFailed(StoreRefused):
    """Storing failed on our side, for instance by an error of the disk."""

    code: ClassVar[int] = 2205
    zh: ClassVar[str] = "存储失败，请重发"
    en: ClassVar[str] = "Storing failed, please send again"
    status: ClassVar[int] = 0x0110


class NoDataSet(StoreRefused):
    """A C-STORE request without a data set."""

    code: ClassVar[int] = 2206
    zh: ClassVar[str] = "请求中没有数据集"
    en: ClassVar[str] = "The request has no data set"
    status: ClassVar[int] = 0xC000
