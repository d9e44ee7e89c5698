"""Why a notice of the hub is not believed (706x)."""

from __future__ import annotations

from core.errors import XinglinError


class NoticeMalformed(XinglinError):
    """The statement verifies, but it is no notice."""

    code = 7060
    zh = "区域中心的通知格式不正确（{field}）"
    en = "The hub's notice is not formed as one ({field})"


class NoticeNotOurs(XinglinError):
    """A genuine notice that was made for another box."""

    code = 7061
    zh = "收到的通知不是发给本机的"
    en = "The notice was made for another box"
