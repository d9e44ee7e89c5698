"""Refusals of radiograph analysis (3500-3699)."""

from __future__ import annotations

from core.errors import XinglinError


class RadiographUnusable(XinglinError):
    """The array is no picture: empty, one value, not two axes, not finite, too small."""

    code = 3501
    zh = "图像数据不可用：{what}"
    en = "The image data cannot be used: {what}"


class BundleNotForRadiographs(XinglinError):
    """The bundle's stated pre- or postprocessing is not what this analysis knows."""

    code = 3502
    zh = "模型包 {bundle} 不适用于胸片分析：{what}"
    en = "Bundle {bundle} does not fit radiograph analysis: {what}"
