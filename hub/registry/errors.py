"""Refusals of the hub's accounts, keys and rosters (761x, 762x)."""

from __future__ import annotations

from core.web.errors import WebRefusal


class OtpMustSet(WebRefusal):
    """The role works with two factors: nothing else is served until the second is set."""

    code = 7610
    zh = "请先设置动态验证码（双因素登录）"
    en = "Set up the one-time code first: this role signs in with two factors"
    status = 403


class OtpUsed(WebRefusal):
    """A right code, but it was used already."""

    code = 7611
    zh = "该动态验证码已使用过，请等待下一个"
    en = "This one-time code was used already; wait for the next"
    status = 401


class TooManyTries(WebRefusal):
    """This address was refused too often of late."""

    code = 7612
    zh = "登录失败次数过多，请 {minutes} 分钟后再试"
    en = "Too many failed log-ins; try again in {minutes} minutes"
    status = 429


class KeyWrong(WebRefusal):
    """What was sent is no key pair of a person, or its id does not commit to it."""

    code = 7613
    zh = "个人密钥格式不正确（{fault}）"
    en = "Not a person's key ({fault})"
    status = 422


class KeyTaken(WebRefusal):
    """The key is here already, as another person's or a retired one."""

    code = 7614
    zh = "该密钥已登记或已停用，请生成新的密钥"
    en = "This key is registered or retired already; make a new one"
    status = 409


class NoKey(WebRefusal):
    """The person has no key in force."""

    code = 7615
    zh = "尚未设置个人密钥"
    en = "No personal key is set up"
    status = 404


class NoHospital(WebRefusal):
    """A key stands in the directory under its person's hospital."""

    code = 7616
    zh = "该账号未归属任何医院，不能登记密钥"
    en = "The account belongs to no hospital; a key cannot be registered"
    status = 409


class PersonRevoked(WebRefusal):
    """Who was revoked in the directory never comes back under the same id."""

    code = 7617
    zh = "该人员的密钥已吊销，不能恢复；请新建账号"
    en = "The person was revoked in the key directory for good; add a new account"
    status = 409


class HospitalExists(WebRefusal):
    """The name is taken."""

    code = 7618
    zh = "该医院已存在"
    en = "There is a hospital of that name"
    status = 409


class OidcOff(WebRefusal):
    """No identity provider is set."""

    code = 7620
    zh = "未启用统一身份登录"
    en = "Sign-in by an identity provider is not set up"
    status = 404


class OidcFailed(WebRefusal):
    """The provider's answer cannot be believed or did not come."""

    code = 7621
    zh = "统一身份登录失败（{fault}）"
    en = "Sign-in by the identity provider failed ({fault})"
    status = 401


class OidcUnknownPerson(WebRefusal):
    """The provider knows somebody who has no account here."""

    code = 7622
    zh = "统一身份已验证，但本中心没有对应账号"
    en = "The provider knows you, but there is no account for you here"
    status = 403


class NotTheBoxsWord(WebRefusal):
    """A word for a key that is not of the box that brings it, or not of its hospital."""

    code = 7623
    zh = "该密钥确认不是由本院设备签发"
    en = "Not a box's word for a key of its own hospital"
    status = 403


class KeyNotPresent(WebRefusal):
    """The key was changed, retired or renamed after somebody looked at it."""

    code = 7624
    zh = "该密钥或其姓名、医院已变更，请重新核对后再确认"
    en = "The key, or its person's name or hospital, has changed; compare it anew"
    status = 409
