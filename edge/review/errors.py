"""Refusals of the review (5420-5449)."""

from __future__ import annotations

from core.web.errors import WebRefusal


class ReviewRefusal(WebRefusal):
    """Base of what a review is refused."""

    code = 5420
    zh = "审核未被接受"
    en = "The review was not accepted"
    status = 422


class NothingToReview(ReviewRefusal):
    """There is no result of the AI, or it ended without findings."""

    code = 5421
    zh = "没有可审核的 AI 结果"
    en = "There is no AI result to review"
    status = 409


class SubmittedMeanwhile(ReviewRefusal):
    """Somebody submitted a version that this one was not made on and does not replace."""

    code = 5422
    zh = "{name} 已提交第 {version} 版：两个版本都保留，请对照后决定"
    en = "{name} has submitted version {version}: both are kept; compare them and decide"
    status = 409


class ResultChanged(ReviewRefusal):
    """The AI made a new result since the review was opened."""

    code = 5423
    zh = "AI 已有新的结果（第 {version} 版），请重新打开后再审核；草稿仍保留"
    en = "The AI has a new result (version {version}); open the study anew. The draft is kept"
    status = 409


class DraftElsewhere(ReviewRefusal):
    """The same person's draft was changed from another window or computer."""

    code = 5424
    zh = "您的草稿已在另一窗口修改（第 {version} 次保存）"
    en = "Your draft was changed in another window (save {version})"
    status = 409


class Undecided(ReviewRefusal):
    """A lesion of the result has no decision."""

    code = 5425
    zh = "病灶 {lesion} 尚未决定：采纳、修改或剔除"
    en = "Lesion {lesion} is undecided: accept, change or reject it"


class DecisionUnfounded(ReviewRefusal):
    """A rejection or disagreement lacks its coded reason, or the code is unknown."""

    code = 5426
    zh = "{what} 需要选择理由"
    en = "{what} needs a reason from the list"


class OutlineUnusable(ReviewRefusal):
    """An outline lies on no image of the series, beyond it, or has too few or too many points."""

    code = 5427
    zh = "病灶 {lesion} 的轮廓无法使用（{why}）"
    en = "The outline of lesion {lesion} cannot be used ({why})"


class LesionUnusable(ReviewRefusal):
    """A lesion's number, kind or place is not one that a result can hold."""

    code = 5428
    zh = "病灶 {lesion} 的编号、类型或部位无效"
    en = "Lesion {lesion} has no valid number, kind or place"


class NoVoxel(ReviewRefusal):
    """An outline that is so small that it holds no voxel's centre."""

    code = 5429
    zh = "病灶 {lesion} 的轮廓内没有像素"
    en = "The outline of lesion {lesion} holds no pixel"


class SlicesMissing(ReviewRefusal):
    """The images that were analysed are no longer what the study holds."""

    code = 5430
    zh = "所需层面已不在检查中，无法测量"
    en = "The slices needed are no longer in the study; nothing can be measured"
    status = 409
