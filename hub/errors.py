"""Refusals of the hub's folder, settings, store and portal (76xx)."""

from __future__ import annotations

from core.errors import XinglinError


class HubSettingsWrong(XinglinError):
    """hub.toml does not say what it must."""

    code = 7601
    zh = "配置文件 hub.toml 有误：{where}（{fault}）"
    en = "hub.toml is wrong at {where}: {fault}"


class NoHub(XinglinError):
    """The folder holds no hub."""

    code = 7602
    zh = "该目录不是杏林区域中心的数据目录，请先运行 xinglin hub init"
    en = "This folder holds no hub; run xinglin hub init first"


class SecretBroken(XinglinError):
    """A wrapped secret does not open under the hub's key: changed, moved, or another hub's."""

    code = 7603
    zh = "加密保存的密钥无法打开（{purpose}）"
    en = "A wrapped secret does not open ({purpose})"


class ObjectMissing(XinglinError):
    """No sealed object has this address here."""

    code = 7604
    zh = "没有该加密对象（{address}）"
    en = "No sealed object of this address ({address})"


class ObjectStoreDown(XinglinError):
    """The object store cannot be reached or refuses."""

    code = 7605
    zh = "对象存储暂时不可用（{fault}）"
    en = "The object store does not answer ({fault})"


class DatabaseDown(XinglinError):
    """The database cannot be reached, or refuses."""

    code = 7606
    zh = "数据库暂时不可用，请稍后再试"
    en = "The database does not answer; try again in a moment"
