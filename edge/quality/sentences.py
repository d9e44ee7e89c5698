"""A request to the modality room as sentences of the study's history."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from edge.quality.asking import CLOSING

_ASKED = {
    "repeat": ("重拍", "repeat the image"),
    "resend": ("重发", "send the images again"),
}
_CLOSED = {
    "done": ("重拍已完成", "The request was answered"),
    "refused": ("未重拍", "Not repeated"),
    "withdrawn": ("重拍通知已撤回", "The request was withdrawn"),
}


def _of_asking(body: dict[str, Any]) -> tuple[str, str]:
    zh, en = _ASKED[body["ask"]]
    by = body["name"] or "自动"
    return f"通知机房{zh}（{by}）", f"Room asked to {en} ({body['name'] or 'automatic'})"


def _of_seeing(body: dict[str, Any]) -> tuple[str, str]:
    return f"机房已确认重拍通知（{body['name']}）", f"The room saw the request ({body['name']})"


def _of_closing(body: dict[str, Any]) -> tuple[str, str]:
    zh, en = _CLOSED[body["outcome"]]
    why = CLOSING.get(body["reason"])
    if why is None:
        return zh, en
    return f"{zh}：{why.zh}（{body['name']}）", f"{en}: {why.en} ({body['name']})"


TOLD_OF_REPEATS: Final[dict[str, Callable[[dict[str, Any]], tuple[str, str]]]] = {
    "repeat.requested": _of_asking,
    "repeat.acknowledged": _of_seeing,
    "repeat.closed": _of_closing,
}
