"""Refusals of the blob store (1200-1299)."""

from __future__ import annotations

from core.errors import XinglinError


class BlobMissing(XinglinError):
    """No file of that address."""

    code = 1201
    zh = "加密数据块 {address} 不存在"
    en = "There is no blob {address}"


class BlobDamaged(XinglinError):
    """The ciphertext does not open: changed, cut, extended, or sealed under another key."""

    code = 1202
    zh = "加密数据块已损坏或密钥不符（{fault}）"
    en = "The blob is damaged or the key is another one ({fault})"
