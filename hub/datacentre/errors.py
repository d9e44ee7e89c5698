"""Refusals of the region's statistics (780x)."""

from __future__ import annotations

from typing import ClassVar

from core.web.errors import WebRefusal


class StatisticRefused(WebRefusal):
    """A result is not one that the hospital's policy lets out."""

    code = 7801
    zh = "统计数据未被受理：{field}"
    en = "The statistic is not taken: {field}"
    status = 422
    for_good: ClassVar[bool] = True


class FieldNotListed(StatisticRefused):
    """A field that the hospital's policy at the hub does not list."""

    code = 7802
    zh = "医院政策未允许上报字段“{field}”"
    en = "The hospital's policy does not let out '{field}'"
