"""A study's history as sentences: from its records, Chinese and English, no second source."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from core.records.clock import Stamp
from core.records.record import Record
from edge.joining.sentences import WITHDRAWN
from edge.quality.sentences import TOLD_OF_REPEATS
from edge.store.box import Box

_STATUS = {
    "ok": ("完成", "done"),
    "failed": ("失败", "failed"),
    "refused": ("因质量拒绝", "refused by quality control"),
    "not_applicable": ("不适用", "not applicable"),
}
_VERDICT = {
    "pass": ("合格", "pass"),
    "warn": ("有警告", "warning"),
    "reject": ("不合格", "rejected"),
    "failed": ("无法读取图像", "the image cannot be read"),
    "": ("未判定", "not judged"),
}
_BASIS = {
    "mpps": ("MPPS 张数相符", "MPPS count reached"),
    "pacs": ("PACS 张数相符", "PACS count agrees"),
    "quiet": ("传输已结束且无缺层", "transfer ended, no gap"),
    "timer": ("设备等待时间已到", "device timer ended"),
}


def history_of(box: Box, study: str) -> list[dict[str, Any]]:
    """Return what happened to a study, oldest first; arriving images are summed up."""
    entries: list[dict[str, Any]] = []
    images = 0
    for record in box.records_of(study):
        if record.kind == "instances.received":
            images += len(record.body["instances"])
            if entries and entries[-1]["kind"] == record.kind:
                entries[-1].update(_entry(record, images))
                continue
        entries.append(_entry(record, images))
    return entries


def _entry(record: Record, images: int) -> dict[str, Any]:
    zh, en = _sentence(record, images)
    return {
        "at": Stamp.parse(record.header.clock).iso(),
        "kind": record.kind,
        "actor": record.header.actor,
        "text_zh": zh,
        "text_en": en,
    }


def _sentence(record: Record, images: int) -> tuple[str, str]:
    body = record.body
    if record.kind == "instances.received":
        return f"已接收 {images} 幅图像", f"{images} images received"
    if record.kind == "study.received":
        zh, en = _BASIS[body["basis"]]
        return f"检查接收完整，共 {body['instances']} 幅（{zh}）", (
            f"Study complete, {body['instances']} images ({en})"
        )
    if record.kind in ("findings.proposed", "processing.failed"):
        zh, en = _STATUS[body["result"]["status"]]
        return f"AI 分析{zh}", f"AI analysis: {en}"
    if record.kind == "qc.assessed":
        verdict = (body.get("qc") or {}).get("verdict", "")
        zh, en = _VERDICT["failed" if body.get("error") else verdict]
        return f"质量评估：{zh}", f"Quality: {en}"
    if record.kind == "result.delivered":
        confirmed = sum(1 for one in body["objects"] if one["state"] == "confirmed")
        total = len(body["objects"])
        return f"送达 {body['destination']}：{confirmed}/{total} 已确认", (
            f"Sent to {body['destination']}: {confirmed} of {total} confirmed"
        )
    if record.kind.startswith("comparison."):
        return _of_comparison(body, withdrawn=record.kind.endswith("withdrawn"))
    if record.kind == "report.addended" and "report" in body:
        return f"补充报告已签发（{body['report']['name']}）", (
            f"Addendum signed ({body['report']['name']})"
        )
    told = _TOLD.get(record.kind)
    return told(body) if told else _PLAIN.get(record.kind, (record.kind, record.kind))


def _of_consult(body: dict[str, Any]) -> tuple[str, str]:
    zh, en = _CONSULT.get(body["kind"], (body["kind"] or "无法核验", body["kind"] or "unsound"))
    return f"会诊：{zh}", f"Consultation: {en}"


def _of_screening(body: dict[str, Any]) -> tuple[str, str]:
    zh, en = _SCREENED[body["decision"]]
    return f"筛查判读：{zh}（{body['name']}）", f"Screening: {en} ({body['name']})"


def _of_measurements(body: dict[str, Any]) -> tuple[str, str]:
    name, version = body["name"], body["version"]
    return (
        f"测量已保存，第 {version} 版（{name}）",
        f"Measurements saved, version {version} ({name})",
    )


def _of_sent(body: dict[str, Any]) -> tuple[str, str]:
    name, version = body["name"], body["version"]
    zh = f"测量第 {version} 版提交发送到 PACS（{name}）"
    return zh, f"Measurements, version {version}, handed over for the PACS ({name})"


_TOLD: dict[str, Callable[[dict[str, Any]], tuple[str, str]]] = {
    "consult.event": _of_consult, "consult.closed": _of_consult, "consult.opined": _of_consult,
    "screening.read": _of_screening,
    "measurements.drawn": _of_measurements, "measurements.sent": _of_sent,
    **TOLD_OF_REPEATS,
}  # fmt: skip


def _of_comparison(body: dict[str, Any], *, withdrawn: bool) -> tuple[str, str]:
    task_zh, task_en = _TASK[body["task"]]
    if withdrawn:
        why = WITHDRAWN[body["reason"]]
        return f"{task_zh}已撤回：{why.zh}", f"{task_en} withdrawn: {why.en}"
    zh, en = _STATUS[body["status"]]
    return f"{task_zh}：{zh}", f"{task_en}: {en}"


_TASK = {
    "follow_up": ("与既往 CT 对比", "Comparison with the earlier CT"),
    "joint": ("胸片与 CT 合并", "Radiograph and CT joined"),
    "fusion": ("与另一检查的 PET 融合", "Fusion with a PET of another study"),
}
_CONSULT = {
    "requested": ("申请已送达", "the request has arrived"),
    "accepted": ("专家已接受", "accepted by an expert"),
    "assigned": ("已指派专家", "assigned to an expert"),
    "rejected": ("被谢绝", "declined"),
    "started": ("开始处理", "work has begun"),
    "information.asked": ("要求补充资料", "more information is asked for"),
    "information.given": ("已补充资料", "information given"),
    "message": ("留言", "message"),
    "invited": ("邀请人员", "somebody was invited"),
    "removed": ("移除人员", "somebody was removed"),
    "opinion": ("已签署意见", "signed opinion"),
    "addendum": ("已签署补充意见", "signed addendum"),
    "summary": ("主持人已签署总结", "the chair's signed summary"),
    "offered": ("转诊答复", "answer to the referral"),
    "completed": ("已完成", "completed"),
    "failed": ("未能完成", "could not be done"),
    "cancelled": ("已撤回", "withdrawn"),
    "escalated": ("超时升级", "escalated"),
}
_SCREENED = {
    "normal": ("未见异常", "normal"),
    "suspicious": ("可疑", "suspicious"),
    "repeat": ("需重拍", "repeat the image"),
    "": ("撤销上一判读", "decision taken back"),
}
_PLAIN = {
    "consult.requested": ("已提交会诊申请", "A consultation was asked for"),
    "access.granted": ("会诊密钥已授权", "Consultation key granted"),
    "access.revoked": ("会诊密钥已更换", "Consultation key renewed after a removal"),
    "report.addended": ("会诊意见已归入报告", "An opinion was added to the report"),
    "identity.corrected": ("患者或申请信息已更正", "Patient or order data corrected"),
    "processing.requested": ("医师要求仍然分析", "A physician asked for the analysis all the same"),
    "findings.assessed": ("医师已审核 AI 结果", "A physician reviewed the AI result"),
    "measurement.saved": ("病灶已测量", "Lesions measured"),
    "measurements.issued": ("测量报告（SR）已生成", "The measurement report (SR) was written"),
    "report.drafted": ("报告草稿已生成", "Report drafted"),
    "report.saved": ("初步报告已保存", "Preliminary report saved"),
    "report.signed": ("报告已签发", "Report signed"),
    "report.issued": ("报告文件已生成", "The report's documents were written"),
    "notification.recorded": ("传染病报告卡已登记", "Notifiable-disease card recorded"),
}
