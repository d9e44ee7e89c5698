"""Refusals of the CT method (3200-3299)."""

from __future__ import annotations

from core.errors import XinglinError


class CtShapeError(XinglinError):
    """The array is no CT volume."""

    code = 3201
    zh = "CT 体数据维度不正确：需要三维且非空，实际为 {shape}"
    en = "The CT array is not a volume: three dimensions, none empty, are needed; got {shape}"


class CtSpacingError(XinglinError):
    """Spacing or direction cannot be used."""

    code = 3202
    zh = "CT 体素间距或方向无效（{what}），不能测量，请检查图像几何信息"
    en = "CT voxel spacing or direction is unusable ({what}); nothing is measured. Check geometry"


class CtTooLargeError(XinglinError):
    """More voxels than the box can hold."""

    code = 3203
    zh = "CT 体数据过大：{voxels} 个体素，上限 {limit}"
    en = "The CT volume is too large: {voxels} voxels, limit {limit}"


class BundleNotForLesions(XinglinError):
    """A model bundle states steps that the lesion search does not know."""

    code = 3204
    zh = "模型包 {bundle} 不适用于 CT 病灶：{what}"
    en = "Model bundle {bundle} is not for CT lesions: {what}"
