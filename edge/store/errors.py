"""Refusals of the data folder and its settings (1300-1399)."""

from __future__ import annotations

from core.errors import XinglinError


class SettingsWrong(XinglinError):
    """appliance.toml does not say what it must."""

    code = 1301
    zh = "配置文件 appliance.toml 有误：{where}（{fault}）"
    en = "appliance.toml is wrong at {where}: {fault}"


class NoAppliance(XinglinError):
    """The folder holds no appliance."""

    code = 1302
    zh = "该目录不是杏林设备的数据目录，请先运行 xinglin edge init"
    en = "This folder holds no appliance; run xinglin edge init first"
