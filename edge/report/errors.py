"""Numbered refusals of results and delivery (5000-5299). Facts never name a patient."""

from __future__ import annotations

from typing import ClassVar

from core.errors import XinglinError


class ResultError(XinglinError):
    """A result object cannot be written from what was given."""

    code: ClassVar[int] = 5000
    zh: ClassVar[str] = "无法生成结果对象"
    en: ClassVar[str] = "The result object cannot be written"


class NoSourceImages(ResultError):
    """A result needs the headers of the images that it is about."""

    code: ClassVar[int] = 5001
    zh: ClassVar[str] = "缺少来源图像的头信息，无法生成结果"
    en: ClassVar[str] = "The headers of the source images are missing; no result can be written"


class SourceIncomplete(ResultError):
    """A source header lacks an attribute that a reference cannot do without."""

    code: ClassVar[int] = 5002
    zh: ClassVar[str] = "来源图像缺少必需属性 {keyword}"
    en: ClassVar[str] = "A source image lacks the required attribute {keyword}"


class MixedSources(ResultError):
    """Source headers of more than one study, patient or series."""

    code: ClassVar[int] = 5003
    zh: ClassVar[str] = "来源图像不属于同一{what_zh}，拒绝生成结果"
    en: ClassVar[str] = "The source images do not share one {what_en}; the result is refused"


class LabelMapMismatch(ResultError):
    """The label map does not fit the source images slice by slice."""

    code: ClassVar[int] = 5004
    zh: ClassVar[str] = "标签图（{label_map}）与来源图像（{images}）不一致"
    en: ClassVar[str] = "The label map ({label_map}) does not fit the source images ({images})"


class LesionNotInLabelMap(ResultError):
    """A lesion has no voxel; a segment without voxels would point at nothing."""

    code: ClassVar[int] = 5005
    zh: ClassVar[str] = "病灶 {lesion} 在标签图中没有体素"
    en: ClassVar[str] = "Lesion {lesion} has no voxel in the label map"


class UnknownLesionCode(ResultError):
    """A kind or location for which no code is agreed: never guessed."""

    code: ClassVar[int] = 5006
    zh: ClassVar[str] = "没有约定的编码：{name}"
    en: ClassVar[str] = "No code is agreed for {name}"


class FontMissing(ResultError):
    """The picture needs a font with Han characters (Debian: fonts-noto-cjk)."""

    code: ClassVar[int] = 5007
    zh: ClassVar[str] = "缺少中文字体 {font}（Debian 软件包 fonts-noto-cjk）"
    en: ClassVar[str] = "The font {font} is missing (Debian package fonts-noto-cjk)"


class SourcesOverlap(ResultError):
    """Two source images lie at the same place: which one a segment belongs to is not known."""

    code: ClassVar[int] = 5008
    zh: ClassVar[str] = "两幅来源图像位置相同，无法生成分割对象"
    en: ClassVar[str] = "Two source images lie at the same place; no segmentation can be written"


class DeliveryError(XinglinError):
    """A peer did not take an object."""

    code: ClassVar[int] = 5100
    zh: ClassVar[str] = "发送失败"
    en: ClassVar[str] = "Delivery failed"


class PeerUnreachable(DeliveryError):
    """No association: refused, no answer, TLS failure."""

    code: ClassVar[int] = 5101
    zh: ClassVar[str] = "无法连接到 {peer}：{detail}"
    en: ClassVar[str] = "{peer} cannot be reached: {detail}"


class ContextRefused(DeliveryError):
    """The peer accepted the association but not this storage class or any usable encoding."""

    code: ClassVar[int] = 5102
    zh: ClassVar[str] = "{peer} 不接受该类对象：{sop_class}"
    en: ClassVar[str] = "{peer} does not accept this class of object: {sop_class}"


class StoreRefused(DeliveryError):
    """C-STORE answered with a failure status."""

    code: ClassVar[int] = 5103
    zh: ClassVar[str] = "{peer} 拒绝存储，状态 {status}"
    en: ClassVar[str] = "{peer} refused to store the object, status {status}"


class ConnectionLost(DeliveryError):
    """The association ended before the answer came."""

    code: ClassVar[int] = 5104
    zh: ClassVar[str] = "与 {peer} 的连接中断，尚未得到答复"
    en: ClassVar[str] = "The connection to {peer} was lost before it answered"


class NotEncodable(DeliveryError):
    """The stored encoding is not accepted and no decoder can convert it."""

    code: ClassVar[int] = 5105
    zh: ClassVar[str] = "{peer} 不接受原编码（{syntax}），且无法转换"
    en: ClassVar[str] = (
        "{peer} does not accept the stored encoding ({syntax}), which cannot be converted"
    )


class CommitmentRefused(DeliveryError):
    """The peer stored the object, then said that it is not safely kept."""

    code: ClassVar[int] = 5106
    zh: ClassVar[str] = "{peer} 未能承诺保存，原因代码 {status}"
    en: ClassVar[str] = "{peer} did not commit to keeping the object, reason {status}"


class NotListed(DeliveryError):
    """The peer answered success, but its own list does not show the object."""

    code: ClassVar[int] = 5107
    zh: ClassVar[str] = "{peer} 已答复成功，但查询不到该对象"
    en: ClassVar[str] = "{peer} answered success, but a query does not list the object"


class NotADicomFile(DeliveryError):
    """What is to be sent is no DICOM file with a file meta group, or lacks its UIDs."""

    code: ClassVar[int] = 5108
    zh: ClassVar[str] = "待发送的内容不是完整的 DICOM 文件"
    en: ClassVar[str] = "What is to be sent is not a complete DICOM file"
