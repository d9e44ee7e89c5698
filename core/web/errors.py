"""Refusals of the web servers (6xxx); ``status`` is the HTTP status they answer with."""

from __future__ import annotations

from typing import ClassVar

from core.errors import XinglinError


class WebRefusal(XinglinError):
    """Base of what a page is refused."""

    code = 6000
    zh = "请求被拒绝"
    en = "The request was refused"
    status: ClassVar[int] = 400


class LoginWrong(WebRefusal):
    """User or password wrong, or the account is locked or switched off: one sentence for all."""

    code = 6001
    zh = "用户名或密码不正确，或账号已锁定"
    en = "User or password is wrong, or the account is locked"
    status = 401


class OtpNeeded(WebRefusal):
    """The second factor is missing."""

    code = 6002
    zh = "请输入动态验证码"
    en = "Enter the one-time code"
    status = 401


class NotLoggedIn(WebRefusal):
    """No session, or it ended."""

    code = 6003
    zh = "未登录或登录已过期"
    en = "Not logged in, or the session has ended"
    status = 401


class NotAllowed(WebRefusal):
    """The role does not have the permission."""

    code = 6004
    zh = "当前角色没有此权限（{permission}）"
    en = "Your role may not do this ({permission})"
    status = 403


class CsrfMissing(WebRefusal):
    """A changing request without its token."""

    code = 6005
    zh = "请求缺少防伪令牌，请刷新页面"
    en = "The request lacks its anti-forgery token; reload the page"
    status = 403


class NotFound(WebRefusal):
    """Nothing of that name is here, or it may not be seen."""

    code = 6006
    zh = "未找到"
    en = "Not found"
    status = 404


class PasswordWeak(WebRefusal):
    """A new password does not meet the rule."""

    code = 6007
    zh = "新密码至少 10 位，且不能与用户名相同"
    en = "A new password needs at least 10 characters and must differ from the user name"
    status = 422


class InputWrong(WebRefusal):
    """A field of the request is missing or wrong."""

    code = 6008
    zh = "请求内容有误（{field}）"
    en = "The request is wrong at {field}"
    status = 422


class UserExists(WebRefusal):
    """The user name is taken."""

    code = 6009
    zh = "用户名已存在"
    en = "The user name is taken"
    status = 409


class NotAcceptable(WebRefusal):
    """No offered media type or transfer syntax can be served."""

    code = 6010
    zh = "无法以所请求的格式提供"
    en = "Cannot be served in the requested form"
    status = 406


class Unsupported(WebRefusal):
    """The request's media type is not one we take."""

    code = 6011
    zh = "不支持的内容类型"
    en = "Unsupported media type"
    status = 415


class Conflict(WebRefusal):
    """The thing is not in a state where this can be done."""

    code = 6012
    zh = "当前状态下不能执行此操作（{state}）"
    en = "This cannot be done in the present state ({state})"
    status = 409


class TooLarge(WebRefusal):
    """A form is larger than any form is."""

    code = 6013
    zh = "请求内容超过 {limit_kb} KB"
    en = "The request is larger than {limit_kb} KB"
    status = 413


class OtpWrong(WebRefusal):
    """The second factor does not fit."""

    code = 6014
    zh = "动态验证码不正确"
    en = "The one-time code is wrong"
    status = 401


class PasswordMustChange(WebRefusal):
    """The password was given by someone else: nothing else is served until it is changed."""

    code = 6015
    zh = "请先修改初始密码"
    en = "Change the initial password first"
    status = 403


class PresetsChanged(WebRefusal):
    """The same person's presets were changed from another window or computer."""

    code = 6016
    zh = "您的筛选方案已在另一窗口修改（第 {version} 版），请核对后再保存"
    en = "Your presets were changed in another window (version {version}); look, then save again"
    status = 409


class HabitsChanged(WebRefusal):
    """The same person's keys and mouse were changed from another window or computer."""

    code = 6018
    zh = "您的按键与鼠标设置已在另一窗口修改（第 {version} 版），请核对后再保存"
    en = "Your keys and mouse were changed elsewhere (version {version}); look, then save again"
    status = 409


class ReadMeanwhile(WebRefusal):
    """A radiograph was decided since this reader saw it."""

    code = 6017
    zh = "{name} 已对此片作出判读，请核对后再决定"
    en = "{name} has decided on this radiograph meanwhile; look, then decide"
    status = 409


class Unexpected(WebRefusal):
    """A defect on our side; the page shows a number for the log."""

    code = 6099
    zh = "服务器内部错误（编号 {number}）"
    en = "Internal error (number {number})"
    status = 500
