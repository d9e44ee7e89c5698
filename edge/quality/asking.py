"""When the modality room is asked without a person, and when a new picture answers. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from core.imaging.qc_advice import Ask, asked_automatically
from core.imaging.result import Sentence

FILM: Final = frozenset({"DX", "CR", "DR"})
#: What is no frontal chest picture answers no request for one.
_NO_ANSWER: Final = frozenset({"DR_BODY_PART", "DR_NOT_CHEST", "DR_VIEW_LATERAL", "DR_QC_PHANTOM"})
#: Why a request is not carried out, or is closed by a person.
CLOSING: Final[dict[str, Sentence]] = {
    "patient_left": Sentence("患者已离开", "the patient has left"),
    "patient_unable": Sentence("患者不能配合", "the patient cannot"),
    "sufficient": Sentence("现有图像已够诊断", "the picture serves the diagnosis"),
    "dose": Sentence("不宜再次照射", "no further exposure is justified"),
    "equipment": Sentence("设备故障", "the device is out of order"),
    "wrong_request": Sentence("通知有误", "the request was a mistake"),
    "other_study": Sentence("已用其他编号重拍", "repeated under another number"),
    "other": Sentence("其他", "other"),
}


def refused_codes(qc: Mapping[str, Any] | None) -> list[str]:
    """Return the codes of a verdict's refusing reasons."""
    return [one["code"] for one in (qc or {}).get("reasons", []) if one.get("severity") == "reject"]


def ask_of_film(body: Mapping[str, Any]) -> tuple[Ask, list[str]]:
    """Return what is asked for after one radiograph's ``qc.assessed``, and for which codes.

    An image that cannot be read is asked for again as it is; one whose verdict is a pass or a
    warning never.
    """
    error = body.get("error")
    if error:
        return "resend", [error["code"]]
    codes = refused_codes(body.get("qc"))
    if _NO_ANSWER & set(codes):
        return "", []
    return asked_automatically(codes), codes


def ask_of_study(body: Mapping[str, Any]) -> tuple[Ask, list[str]]:
    """Return what is asked for after a complete CT's or PET's geometry: never a new exposure."""
    codes = refused_codes(body.get("qc"))
    return ("resend" if asked_automatically(codes) == "resend" else ""), codes


def answers(body: Mapping[str, Any]) -> bool:
    """Say whether a radiograph answers an open request: it can be read and is a frontal chest."""
    qc = body.get("qc")
    return qc is not None and not _NO_ANSWER & {one["code"] for one in qc["reasons"]}


def identity_of(study: str, about: str) -> str:
    """Return the id of an automatic request: the same for the same picture, so that a stage that
    runs twice asks once.
    """
    return f"rr_{hashlib.sha256(f'{study}/{about}'.encode()).hexdigest()[:24]}"
