"""Refusals of the vault (1100-1199)."""

from __future__ import annotations

from core.errors import XinglinError


class KeyDestroyed(XinglinError):
    """The key was destroyed on purpose; what it sealed cannot be read any more."""

    code = 1101
    zh = "该患者的数据密钥已依法销毁，内容不可再读取"
    en = "This patient's key was destroyed; the content can no longer be read"


class KeyUnknown(XinglinError):
    """There never was such a key in this vault."""

    code = 1102
    zh = "密钥库中没有密钥 {key}"
    en = "The vault holds no key {key}"


class VaultSealed(XinglinError):
    """The box key does not open the vault."""

    code = 1103
    zh = "密钥库无法用本机密钥打开"
    en = "The box's key does not open the vault"


class RecoveryKeyWrong(XinglinError):
    """A typed recovery key has a wrong checksum or length."""

    code = 1104
    zh = "恢复密钥不正确：请核对打印件"
    en = "The recovery key is not right: compare it with the printed sheet"
