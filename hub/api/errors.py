"""Refusals of what comes through a hospital's box (763x)."""

from __future__ import annotations

from core.web.errors import WebRefusal


class NotThisBox(WebRefusal):
    """A box passes on for the people of its own hospital only."""

    code = 7630
    zh = "该设备只为本院人员提供会诊页面，请使用区域中心的页面或您所在医院的设备"
    en = "This box serves the people of its own hospital only; use the hub's page or your own box's"
    status = 403
