"""Refusals of the portal that a box serves (758x)."""

from __future__ import annotations

from core.web.errors import WebRefusal


class NoRelay(WebRefusal):
    """The box has joined no region, or its hub takes nothing from boxes for their experts."""

    code = 7580
    zh = "本机尚未加入区域，或区域中心未开放设备代转，请联系管理员"
    en = "This box is in no region, or the hub takes no requests through boxes; ask your IT"
    status = 503


class HubAway(WebRefusal):
    """The hub does not answer."""

    code = 7581
    zh = "无法连接区域中心（{fault}），请稍后再试"
    en = "The hub does not answer ({fault}); try again later"
    status = 502


class HubTooSlow(WebRefusal):
    """The hub began to answer, or did not, and took too long."""

    code = 7582
    zh = "区域中心响应超时，请稍后再试"
    en = "The hub took too long; try again later"
    status = 504


class AnswerNotPassed(WebRefusal):
    """The hub answered with something that never passes: a page, a redirection, a script."""

    code = 7583
    zh = "区域中心的应答不符合规定（{fault}），已拦截"
    en = "The hub's answer may not pass ({fault}); it was held back"
    status = 502


class FromElsewhere(WebRefusal):
    """The request comes from another site's page."""

    code = 7584
    zh = "请求来自其他网站，已拒绝"
    en = "The request comes from another site's page; refused"
    status = 403
