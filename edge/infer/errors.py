"""Refusals of the GPU side (4200-4399)."""

from __future__ import annotations

from core.errors import XinglinError


class GpuUnavailable(XinglinError):
    """No usable GPU: library missing, no driver, no device."""

    code = 4200
    zh = "没有可用的 GPU：{what}"
    en = "No usable GPU: {what}"


class EngineBuildFailed(XinglinError):
    """TensorRT could not build an engine from the network."""

    code = 4201
    zh = "TensorRT 引擎构建失败：{what}"
    en = "TensorRT could not build the engine: {what}"


class GpuFailed(XinglinError):
    """The GPU failed while running: out of memory, reset, lost."""

    code = 4202
    zh = "GPU 运行失败：{what}"
    en = "The GPU failed while running: {what}"


class CalibrationWrong(XinglinError):
    """A calibration set is not inputs of the network."""

    code = 4203
    zh = "校准数据与模型输入不符：{what}"
    en = "The calibration set is not inputs of this network: {what}"


class ConversionDiffers(XinglinError):
    """Another precision gives other numbers than the bundle allows."""

    code = 4204
    zh = "{precision} 与黄金样本相差 {worst}，超过允许的 {limit}，未写入"
    en = "{precision} differs from the golden set by {worst}, allowed {limit}; not written"
