"""Refusals of the phantom package (8000-8099)."""

from __future__ import annotations

from typing import ClassVar

from core.errors import XinglinError


class PhantomError(XinglinError):
    """Base of the package's refusals."""

    code: ClassVar[int] = 8000
    zh: ClassVar[str] = "体模请求无法执行"
    en: ClassVar[str] = "The phantom request cannot be carried out"


class PhantomSpecInvalid(PhantomError):
    """A number in the specification is out of its range."""

    code: ClassVar[int] = 8001
    zh: ClassVar[str] = "体模参数 {name} 的值 {value} 不在允许范围内（{allowed}）"
    en: ClassVar[str] = "Phantom parameter {name} is {value}, outside what is allowed ({allowed})"


class LesionDoesNotFit(PhantomError):
    """No place in the lung was found for a lesion."""

    code: ClassVar[int] = 8002
    zh: ClassVar[str] = "在肺内找不到能放下病灶（{kind}）的位置"
    en: ClassVar[str] = "No place in the lung was found for a lesion of kind {kind}"


class OutputFolderNotEmpty(PhantomError):
    """The output folder already holds a study of that name."""

    code: ClassVar[int] = 8003
    zh: ClassVar[str] = "输出文件夹中已有名为 {name} 的检查；请换一个文件夹"
    en: ClassVar[str] = "The output folder already holds study {name}; choose another folder"


class TextNotEncodable(PhantomError):
    """A text cannot be written in the asked character set."""

    code: ClassVar[int] = 8004
    zh: ClassVar[str] = "文字无法用字符集 {character_set} 写出"
    en: ClassVar[str] = "A text cannot be written in the character set {character_set}"


class LesionNeedsBuild(PhantomError):
    """A lesion whose shape is the patient's own was asked for without a patient."""

    code: ClassVar[int] = 8005
    zh: ClassVar[str] = "病灶（{kind}）的形状取决于患者体型，不能脱离体模放置"
    en: ClassVar[str] = "A lesion of kind {kind} takes its shape from the patient's build"


class BoxRefusedDicom(PhantomError):
    """The box under test does not take the phantom."""

    code: ClassVar[int] = 8010
    zh: ClassVar[str] = "设备未接受 DICOM 连接或影像（{fault}）：请核对地址、AE 标题与许可名单"
    en: ClassVar[str] = (
        "The box did not take the DICOM connection or object ({fault}):"
        " compare address, AE titles and the list of peers"
    )


class BoxRefusedPage(PhantomError):
    """The box's page does not answer, or refuses."""

    code: ClassVar[int] = 8011
    zh: ClassVar[str] = "设备网页未应答或拒绝（{fault}）：请核对网址、用户与口令"
    en: ClassVar[str] = (
        "The box's page does not answer or refuses ({fault}): compare address, user and password"
    )
