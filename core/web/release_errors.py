"""Refusals of a built page that is not as it was released (602x)."""

from __future__ import annotations

from core.web.errors import WebRefusal


class ReleaseMissing(WebRefusal):
    """Nothing was built, or by a build that wrote no list of its files."""

    code = 6020
    zh = "页面尚未构建，或缺少文件清单（asset-manifest.json）"
    en = "The page is not built, or its list of files (asset-manifest.json) is missing"
    status = 503


class ReleaseDamaged(WebRefusal):
    """A file is not the one that was released."""

    code = 6021
    zh = "页面文件与发布清单不符（{file}），已停止提供，请重新安装"
    en = "A file of the page is not as released ({file}); it is not served, install it anew"
    status = 503


class ReleaseUnsigned(WebRefusal):
    """A publisher's key is set and the page carries no signature."""

    code = 6022
    zh = "页面发布未签名（缺少 asset-manifest.sig），已停止提供，请安装已签名的版本"
    en = "The page is not signed (no asset-manifest.sig) and not served; install a signed one"
    status = 503


class ReleaseForged(WebRefusal):
    """The signature is not the publisher's, or belongs to another list of files."""

    code = 6023
    zh = "页面发布的签名与设定的发布者不符，已停止提供；请核对来源后重新安装"
    en = "The page is not signed by the publisher that is set, and not served; check its origin"
    status = 503


class ReleaseKeyWrong(WebRefusal):
    """The settings' publisher key is no Ed25519 public key."""

    code = 6024
    zh = "设定的发布者公钥（portal.release_key）无效"
    en = "The publisher's public key in the settings (portal.release_key) is not valid"
    status = 503
