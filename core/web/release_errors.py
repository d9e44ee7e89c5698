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
