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
