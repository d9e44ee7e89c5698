"""Refusals of bringing studies together (5400-5419)."""

from __future__ import annotations

from core.errors import XinglinError


class SourceGone(XinglinError):
    """One of the two results, or an array that belongs to it, is no longer there."""

    code = 5400
    zh = "要合并的检查或其分析结果已不存在，请重新分析后再试"
    en = "A study to be joined, or its result, is no longer there; analyse it again"


class NoPetThere(XinglinError):
    """The other study was listed with a PET, yet holds none that could be fused."""

    code = 5401
    zh = "另一检查中没有可融合的 PET 序列（层数不足、投影或非 PET 图像）"
    en = "The other study holds no PET series that could be fused (too few slices, projections)"
