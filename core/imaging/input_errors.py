"""Refusals on the way from data sets to volumes, radiographs and a study's result (3050-3199)."""

from __future__ import annotations

from core.dicom.input_errors import InputError
from core.errors import XinglinError


class GeometryMissingError(InputError):
    """No slice has a usable position, orientation and spacing."""

    code = 3050
    zh = "序列缺少可用的空间几何信息（位置、方向或像素间距）"
    en = "The series has no usable geometry (position, orientation or pixel spacing)"


class MatrixMixedError(InputError):
    """Slices of one series differ in matrix or pixel spacing."""

    code = 3051
    zh = "同一序列内图像矩阵或像素间距不一致"
    en = "Images of one series differ in matrix or pixel spacing"


class PatientMixedError(InputError):
    """One study holds images of different patients."""

    code = 3052
    zh = "同一检查内出现不同的患者编号，已停止分析，请核对"
    en = "One study holds different patient identifiers; not analysed, please check"


class ScaleMissingError(InputError):
    """CT without rescale slope and intercept: Hounsfield units unknown."""

    code = 3053
    zh = "缺少 Rescale Slope/Intercept，CT 值（HU）不可知"
    en = "Rescale slope and intercept are missing: Hounsfield units are unknown"


class VolumeSizeError(InputError):
    """More voxels than the limit."""

    code = 3054
    zh = "体数据为 {declared_mb} MB，超过上限 {limit_mb} MB"
    en = "The volume is {declared_mb} MB, above the limit of {limit_mb} MB"


class FramesError(InputError):
    """A radiograph with several frames."""

    code = 3055
    zh = "X 线片对象含有 {frames} 帧，无法作为单幅图像分析"
    en = "The radiograph has {frames} frames and cannot be analysed as one image"


class NiftiBrokenError(InputError):
    """No NIfTI header, or one that contradicts itself or the file's size."""

    code = 3060
    zh = "NIfTI 文件损坏或内容不完整"
    en = "The NIfTI file is damaged or incomplete"


class NiftiKindError(InputError):
    """A NIfTI that is no single CT volume."""

    code = 3061
    zh = "该 NIfTI 不是单个三维 CT 体数据：{element}"
    en = "The NIfTI file is not one three-dimensional CT volume: {element}"


class PriorMissingError(InputError):
    """The path given for the earlier study holds no CT."""

    code = 3069
    zh = "既往检查的路径中没有可读取的 CT"
    en = "The path given for the prior study holds no CT that can be read"


class StudyTimeoutError(XinglinError):
    """The analysis of one study took longer than allowed."""

    code = 3197
    zh = "分析超过 {seconds} 秒，已中止"
    en = "The analysis took more than {seconds} s and was stopped"


class WorkerLostError(XinglinError):
    """The process that analysed the study ended by itself (decoder crash or out of memory)."""

    code = 3198
    zh = "分析进程异常退出（解码器崩溃或内存不足）"
    en = "The analysing process ended unexpectedly (decoder crash or out of memory)"


class UnexpectedError(XinglinError):
    """A defect of the product."""

    code = 3199
    zh = "程序内部错误（{kind}），已记录"
    en = "Internal error ({kind}); recorded"
