"""Refusals of training (4500-4599)."""

from __future__ import annotations

from core.errors import XinglinError


class TrainingDataMissing(XinglinError):
    """The images to train with are not there."""

    code = 4500
    zh = "缺少训练数据：{what}（请设置 XINGLIN_DATA）"
    en = "Training data missing: {what} (set XINGLIN_DATA)"


class TrainingToolMissing(XinglinError):
    """The `federated` extra is not installed."""

    code = 4501
    zh = "缺少训练所需的软件包 {package}（请安装 federated 依赖）"
    en = "Package {package} is needed for training (install the federated extra)"
