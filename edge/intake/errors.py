"""Why an object is in quarantine, and what intake refuses (2900-2949)."""

from __future__ import annotations

from core.errors import XinglinError


class Quarantined(XinglinError):
    """Base: the bytes are kept, apart from the studies, with a reason."""

    code = 2900
    zh = "对象已隔离保存"
    en = "The object is kept in quarantine"


class UidConflict(Quarantined):
    """Same SOP Instance UID, other content, from a peer that may not correct."""

    code = 2901
    zh = "同一 SOP 实例 UID 再次到达但内容不同；先到的保留，后到的已隔离，请联系发送方核对"
    en = "The same SOP Instance UID came again with other content; this one is held"


class PatientMismatch(Quarantined):
    """The study is known for another patient."""

    code = 2902
    zh = "该检查已登记为另一位患者；此图像已隔离，请核对患者身份"
    en = "This study is registered for another patient; the image is held until identity is checked"


class NotReadable(Quarantined):
    """The bytes are no readable DICOM data set, or lack an identifier."""

    code = 2903
    zh = "无法解析为 DICOM 对象（{fault}）；原始数据已保留"
    en = "Not readable as a DICOM object ({fault}); the bytes are kept"


class CommandMismatch(Quarantined):
    """The C-STORE command names another instance or class than the data set."""

    code = 2904
    zh = "传输命令与数据集的标识不一致；已隔离"
    en = "The store command and the data set name different objects; held"


class SubjectErased(Quarantined):
    """The study's key was destroyed; it must be sent under a new study or released by a person."""

    code = 2905
    zh = "该检查的密钥已销毁；新到图像已隔离"
    en = "The study's key was destroyed; the new image is held"


class OtherStudy(XinglinError):
    """The object belongs to another study than the one it was posted to (PS3.18 10.5.1)."""

    code = 2906
    zh = "对象不属于所指定的检查，未接收"
    en = "The object belongs to another study than the one named; it was not taken in"
