"""Refusals of joining and renewing on the box's side (7550-7569)."""

from __future__ import annotations

from core.errors import XinglinError


class ServerNotPinned(XinglinError):
    """The server is not the one that the code names: another hub, or somebody in between."""

    code = 7550
    zh = "服务器不是入网代码所指的区域中心，已中止，未发送任何内容"
    en = "The server is not the hub that the code names; stopped, nothing was sent"


class HubUnreachable(XinglinError):
    """No answer from the hub."""

    code = 7551
    zh = "无法连接区域中心 {address}（{fault}）"
    en = "The hub at {address} does not answer ({fault})"


class AlreadyJoined(XinglinError):
    """The box belongs to a region already."""

    code = 7552
    zh = "本机已加入区域（{hospital}）"
    en = "This box has joined a region already ({hospital})"


class NotJoined(XinglinError):
    """The box belongs to no region."""

    code = 7553
    zh = "本机尚未加入区域"
    en = "This box has not joined a region"


class AnswerWrong(XinglinError):
    """The hub's answer does not fit what was asked."""

    code = 7554
    zh = "区域中心的答复不可用（{fault}）"
    en = "The hub's answer cannot be used ({fault})"


class CertificatesDamaged(XinglinError):
    """A file of the box's certificates cannot be read."""

    code = 7555
    zh = "本机的区域证书文件已损坏（{what}）"
    en = "A file of the region's certificates on this box is damaged ({what})"


class NothingToConsent(XinglinError):
    """The certificate has not ended: nobody needs to agree."""

    code = 7556
    zh = "证书仍然有效，无需人工同意续签"
    en = "The certificate is still good; nobody needs to agree to its renewal"
