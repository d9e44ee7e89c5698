"""Refusals of saved measurements (5450-5459)."""

from __future__ import annotations

from core.web.errors import WebRefusal


class MeasuredRefusal(WebRefusal):
    """Base of what saving measurements is refused."""

    code = 5450
    zh = "测量未被保存"
    en = "The measurements were not saved"
    status = 422


class MeasuredElsewhere(MeasuredRefusal):
    """The same person's list was saved from another window or computer."""

    code = 5451
    zh = "您的测量已在另一窗口保存（第 {version} 版）：两份都保留，请选择"
    en = "Your measurements were saved in another window (version {version}): both are kept; choose"
    status = 409


class DrawingUnusable(MeasuredRefusal):
    """A drawing lies on no image of the study, or its points are not those of its kind."""

    code = 5452
    zh = "第 {number} 项测量无法使用（{why}）"
    en = "Measurement {number} cannot be used ({why})"


class TooManyDrawings(MeasuredRefusal):
    """More drawings, or more points in all, than one person's list of a study holds."""

    code = 5453
    zh = "测量过多（最多 {most}）"
    en = "Too many measurements (at most {most})"


class NothingToSend(MeasuredRefusal):
    """There is no measurement of this person, or this version was sent before."""

    code = 5454
    zh = "没有新的测量可发送到 PACS"
    en = "There is no new measurement to send to the PACS"
    status = 409


class NoPeerForMeasurements(MeasuredRefusal):
    """The hospital named no PACS to send to."""

    code = 5455
    zh = "未设置结果送达的 PACS，无法发送"
    en = "No PACS is set to send results to"
    status = 409
