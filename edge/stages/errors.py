"""Refusals of the stages (5300-5399)."""

from __future__ import annotations

from core.errors import XinglinError


class NotDelivered(XinglinError):
    """A peer did not take or confirm everything; it is tried again."""

    code = 5301
    zh = "{peer} 尚有 {count} 个对象未送达（{cause}），将自动重试"
    en = "{count} objects have not arrived at {peer} yet ({cause}); will be tried again"


class StageCrashed(XinglinError):
    """A defect: the stage ended with an exception nobody expected."""

    code = 5302
    zh = "处理步骤 {stage} 异常终止（{what}）"
    en = "Stage {stage} ended with a defect ({what})"


class DeadlinePassed(XinglinError):
    """A job's deadline is over."""

    code = 5303
    zh = "处理步骤 {stage} 已超过时限"
    en = "Stage {stage} is past its deadline"
