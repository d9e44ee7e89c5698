"""What becomes of a notice that is not taken, and of a broker that cannot be used (756x)."""

from __future__ import annotations

from core.errors import XinglinError


class NoticeElsewhere(XinglinError):
    """A message on a topic that is not this box's."""

    code = 7560
    zh = "收到其他主题的消息，已忽略"
    en = "A message on another topic was ignored"


class NoticeKnown(XinglinError):
    """A notice of something that is here already, or that was heard before: late or replayed."""

    code = 7561
    zh = "通知的内容已收到或已处理"
    en = "The notice speaks of what is here already, or was heard before"


class NoticesTooMany(XinglinError):
    """More came within a second than a hub ever says."""

    code = 7562
    zh = "通知过于频繁，部分已忽略"
    en = "Notices came too fast; some were ignored"


class BrokerUnreachable(XinglinError):
    """The broker does not answer, or its certificate is not the region's."""

    code = 7563
    zh = "无法连接区域通知服务（{fault}），会诊收发不受影响"
    en = "The region's notice broker cannot be reached ({fault}); consultations go on without it"


class BrokerRefused(XinglinError):
    """The broker answered and said no."""

    code = 7564
    zh = "区域通知服务拒绝了本机（{fault}），会诊收发不受影响"
    en = "The region's notice broker refused this box ({fault}); consultations go on without it"


class BrokerAddressWrong(XinglinError):
    """The hub named an address that is none."""

    code = 7565
    zh = "区域通知服务的地址无效"
    en = "The address of the region's notice broker is none"
