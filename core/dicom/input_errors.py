"""Refusals of files and pixel data (2950-2999 files and archives, 3000-3099 pixels).

Members of an archive and files of a folder are named by their index: their names often carry a
patient's name.
"""

from __future__ import annotations

from core.errors import XinglinError


class InputError(XinglinError):
    """Base of all refusals of input: one file, archive or image is not usable."""

    code = 2950
    zh = "无法读取该输入"
    en = "This input cannot be read"


class PathUnreadableError(InputError):
    """The path does not exist or may not be read."""

    code = 2951
    zh = "文件或文件夹不存在，或没有读取权限"
    en = "The file or folder does not exist or may not be read"


class FormatUnknownError(InputError):
    """Neither DICOM nor a picture nor NIfTI nor an archive."""

    code = 2952
    zh = "不是 DICOM、PNG、JPEG、NIfTI 或 ZIP 文件"
    en = "Not a DICOM, PNG, JPEG, NIfTI or ZIP file"


class DicomBrokenError(InputError):
    """The data set cannot be parsed."""

    code = 2953
    zh = "DICOM 数据损坏，无法解析"
    en = "The DICOM data are damaged and cannot be parsed"


class DicomNestingError(InputError):
    """Sequences nested deeper than any real object (a known attack)."""

    code = 2954
    zh = "DICOM 序列嵌套过深，已拒绝"
    en = "DICOM sequences are nested too deeply; refused"


class DicomIdentityError(InputError):
    """A UID without which the object belongs nowhere is missing or no UID."""

    code = 2955
    zh = "缺少或无效的 DICOM 标识：{element}"
    en = "DICOM identifier missing or invalid: {element}"


class ArchiveBrokenError(InputError):
    """The archive or one member of it cannot be unpacked."""

    code = 2956
    zh = "压缩包损坏，无法解压"
    en = "The archive is damaged and cannot be unpacked"


class ArchiveSizeError(InputError):
    """Unpacked, the archive or a member would exceed the limit."""

    code = 2957
    zh = "压缩包解压后超过 {limit_mb} MB，已拒绝"
    en = "Unpacked, the archive would exceed {limit_mb} MB; refused"


class ArchiveRatioError(InputError):
    """A member is compressed far beyond what images ever are (zip bomb)."""

    code = 2958
    zh = "压缩包第 {index} 个成员压缩比异常（>{limit} 倍），疑为压缩炸弹，已拒绝"
    en = "Archive member {index} is compressed more than {limit} times (zip bomb?); refused"


class ArchiveCountError(InputError):
    """More members than the limit."""

    code = 2959
    zh = "压缩包成员超过 {limit} 个，已拒绝"
    en = "The archive has more than {limit} members; refused"


class ArchivePathError(InputError):
    """A member's name leaves the archive's folder, is absolute or is not a name."""

    code = 2960
    zh = "压缩包第 {index} 个成员的路径不安全，已拒绝"
    en = "Archive member {index} has an unsafe path; refused"


class ArchiveLinkError(InputError):
    """A member is a link, device or other special file."""

    code = 2961
    zh = "压缩包第 {index} 个成员是链接或特殊文件，已拒绝"
    en = "Archive member {index} is a link or special file; refused"


class ArchiveEncryptedError(InputError):
    """A member is encrypted."""

    code = 2962
    zh = "压缩包第 {index} 个成员已加密，无法读取"
    en = "Archive member {index} is encrypted and cannot be read"


class ArchiveNestedError(InputError):
    """An archive inside an archive."""

    code = 2963
    zh = "压缩包第 {index} 个成员是嵌套压缩包，请先解压"
    en = "Archive member {index} is itself an archive; unpack it first"


class FileSizeError(InputError):
    """One file is larger than the limit."""

    code = 2964
    zh = "文件超过 {limit_mb} MB，已拒绝"
    en = "The file exceeds {limit_mb} MB; refused"


class LinkRefusedError(InputError):
    """A symbolic link, pipe or device inside a folder."""

    code = 2965
    zh = "文件夹中的链接或特殊文件已跳过"
    en = "A link or special file inside the folder was not followed"


class FolderTooLargeError(InputError):
    """More files, or deeper folders, than the limit."""

    code = 2966
    zh = "文件夹内文件超过 {limit} 个或层级过深，已拒绝"
    en = "The folder holds more than {limit} files or is nested too deeply; refused"


class NothingFoundError(InputError):
    """A path under which there is no image at all."""

    code = 2967
    zh = "该路径下没有可分析的图像"
    en = "There is no image under this path"


class PixelsMissingError(InputError):
    """The object has no pixel data."""

    code = 3000
    zh = "该对象不含像素数据"
    en = "The object has no pixel data"


class PixelDescriptionError(InputError):
    """An element that describes the pixels is missing or contradicts the others."""

    code = 3001
    zh = "像素描述缺失或矛盾：{element}"
    en = "Pixel description missing or contradictory: {element}"


class PixelBombError(InputError):
    """The declared size is absurd, or beyond what is allowed to be allocated."""

    code = 3002
    zh = "声明的图像尺寸为 {declared_mb} MB，超过上限 {limit_mb} MB，已拒绝"
    en = "The declared image size is {declared_mb} MB, above the limit of {limit_mb} MB; refused"


class PixelsShortError(InputError):
    """Less pixel data than declared."""

    code = 3003
    zh = "像素数据不完整：应有 {expected} 字节，实有 {present} 字节"
    en = "Pixel data incomplete: {expected} bytes expected, {present} present"


class TransferSyntaxError(InputError):
    """No decoder for this transfer syntax, or none is stated."""

    code = 3004
    zh = "不支持的传输语法：{uid}"
    en = "Transfer syntax not supported: {uid}"


class DecodingError(InputError):
    """The compressed data of a frame cannot be decoded."""

    code = 3005
    zh = "第 {frame} 帧压缩数据无法解码"
    en = "The compressed data of frame {frame} cannot be decoded"


class CodestreamError(InputError):
    """The compressed image states another size than the header (pixel bomb, or mixed up)."""

    code = 3006
    zh = "第 {frame} 帧压缩图像尺寸与 DICOM 头不一致，已拒绝"
    en = "The compressed image of frame {frame} has another size than the header; refused"


class ColourError(InputError):
    """A colour image where a greyscale one is needed."""

    code = 3007
    zh = "不是灰度图像（{photometric}）"
    en = "Not a greyscale image ({photometric})"


class PictureBrokenError(InputError):
    """A PNG or JPEG that cannot be decoded."""

    code = 3040
    zh = "图片损坏，无法解码"
    en = "The picture is damaged and cannot be decoded"


class PictureSizeError(InputError):
    """A picture too large or too small to be a radiograph."""

    code = 3041
    zh = "图片尺寸 {columns}×{rows} 不在允许范围内（{least}–{most} 像素）"
    en = "Picture size {columns}×{rows} is outside the allowed {least}–{most} pixels"


class PictureModalityError(InputError):
    """A picture was given without saying what it is."""

    code = 3042
    zh = "图片文件需要用 --modality DX 说明是胸部 X 线片"
    en = "A picture needs --modality DX to say that it is a chest radiograph"
