"""Refusals of bundles and engines (4000-4199)."""

from __future__ import annotations

from core.errors import XinglinError


class BundleMissing(XinglinError):
    """A bundle folder or one of its required files is not there."""

    code = 4001
    zh = "模型包缺少文件：{file}"
    en = "The model bundle lacks the file {file}"


class BundleMetadataInvalid(XinglinError):
    """metadata.json is not what the format demands."""

    code = 4002
    zh = "模型包的 metadata.json 不合规：{what}"
    en = "The bundle's metadata.json is invalid: {what}"


class BundleAltered(XinglinError):
    """A file's SHA-256 is not the one the metadata states."""

    code = 4003
    zh = "模型包文件 {file} 的校验值不符，拒绝加载"
    en = "The checksum of bundle file {file} does not match; it is not loaded"


class BundleStranger(XinglinError):
    """The folder holds something the metadata does not list, or a link."""

    code = 4004
    zh = "模型包中有未登记的内容：{file}"
    en = "The bundle holds something that its metadata does not list: {file}"


class BundleGoldenInvalid(XinglinError):
    """golden.npz does not fit the stated inputs and outputs."""

    code = 4005
    zh = "模型包的黄金样本不合规：{what}"
    en = "The bundle's golden set is invalid: {what}"


class BundleTooLarge(XinglinError):
    """A bundle file is over the size that is read."""

    code = 4006
    zh = "模型包文件 {file} 过大：{bytes} 字节，上限 {limit}"
    en = "Bundle file {file} is too large: {bytes} bytes, limit {limit}"


class EngineInputRefused(XinglinError):
    """An input's name, shape, type or values are not the model's."""

    code = 4010
    zh = "模型输入 {input} 不符：{what}"
    en = "Model input {input} does not fit: {what}"


class EngineClosed(XinglinError):
    """The engine was closed before this call."""

    code = 4011
    zh = "推理引擎已关闭"
    en = "The inference engine is closed"


class EngineOutputInvalid(XinglinError):
    """The engine answered with something that is no number."""

    code = 4012
    zh = "模型输出 {output} 无效（非有限数值），不予采用"
    en = "Model output {output} is invalid (not finite) and is not used"


class EngineFailed(XinglinError):
    """The runtime could not load or run the model."""

    code = 4013
    zh = "推理引擎 {engine} 失败：{what}"
    en = "The inference engine {engine} failed: {what}"
