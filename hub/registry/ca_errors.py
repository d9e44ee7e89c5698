"""Refusals of the region's certificate authority and its invitations, for the hub's own people.

73xx; what a box is told is in ``core.vault.enrol_errors``.
"""

from __future__ import annotations

from core.errors import XinglinError


class AuthorityMissing(XinglinError):
    """The folder holds no certificates of a region."""

    code = 7350
    zh = "区域证书尚未建立，请先运行 xinglin hub init"
    en = "The region has no certificates yet; run xinglin hub init"


class AuthorityDamaged(XinglinError):
    """A certificate or key of the region cannot be read, or they do not belong together."""

    code = 7351
    zh = "区域证书或密钥无法使用（{what}）"
    en = "A certificate or key of the region cannot be used ({what})"


class RootKeyWrong(XinglinError):
    """The file is not the region's root key, or its passphrase is wrong."""

    code = 7352
    zh = "这不是本区域的根密钥，或口令不正确"
    en = "This is not the region's root key, or the passphrase is wrong"


class RootKeyExists(XinglinError):
    """A file stands where the root key is to be written."""

    code = 7353
    zh = "根密钥文件已存在，不会覆盖（{path}）"
    en = "The root key's file exists and is not overwritten ({path})"


class HospitalUnknown(XinglinError):
    """No such hospital."""

    code = 7354
    zh = "没有该医院（{hospital}）"
    en = "There is no such hospital ({hospital})"


class InviteLifeWrong(XinglinError):
    """An invitation lives ten minutes to seven days."""

    code = 7355
    zh = "入网代码有效期应在 10 分钟到 7 天之间"
    en = "A code is valid for ten minutes to seven days"


class InviteUnknown(XinglinError):
    """No such invitation."""

    code = 7356
    zh = "没有该入网邀请"
    en = "There is no such invitation"


class DeviceUnknown(XinglinError):
    """No box, or more than one, has an id that begins so."""

    code = 7357
    zh = "没有该设备，或编号不唯一（{node}）"
    en = "There is no such box, or more than one ({node})"


class NothingToApprove(XinglinError):
    """The box has not asked for a late renewal."""

    code = 7358
    zh = "该设备没有等待同意的续签申请"
    en = "This box has no renewal that waits for approval"


class IssuingEnded(XinglinError):
    """The issuing certificate has ended: the root key must renew it."""

    code = 7359
    zh = "区域签发证书已到期，请用根密钥续签：xinglin hub ca-renew"
    en = "The issuing certificate has ended; renew it with the root key: xinglin hub ca-renew"
