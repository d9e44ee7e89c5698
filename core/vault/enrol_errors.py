"""Refusals of enrolment, renewal and the certificates (7301-7349); both sides know them.

The hub answers a box with the number; the box says the sentence.
"""

from __future__ import annotations

import json

from core.errors import Fact, XinglinError


class EnrolRefusal(XinglinError):
    """Base of what the enrolment port refuses; itself for a refusal of another release's."""

    code = 7300
    zh = "入网请求被拒绝（E{number}）"
    en = "The enrolment was refused (E{number})"


class CodeMistyped(EnrolRefusal):
    """A typed code has an impossible letter, a wrong length or a wrong checksum."""

    code = 7301
    zh = "入网代码抄写有误：请与打印件逐组核对"
    en = "The code was mistyped: compare it with the printed page, group by group"


class CodeWrong(EnrolRefusal):
    """No such invitation, or its secret was not proved: one sentence for both."""

    code = 7302
    zh = "入网代码无效"
    en = "The code is not valid"


class CodeUsed(EnrolRefusal):
    """The code was used once already."""

    code = 7303
    zh = "该入网代码已被使用，请向区域中心索取新的代码"
    en = "This code was used already; ask the hub for a new one"


class CodeExpired(EnrolRefusal):
    """The code's time is over."""

    code = 7304
    zh = "该入网代码已过期，请向区域中心索取新的代码"
    en = "This code has expired; ask the hub for a new one"


class CodeWithdrawn(EnrolRefusal):
    """The code was withdrawn by a person, or by too many wrong proofs."""

    code = 7305
    zh = "该入网代码已作废，请向区域中心索取新的代码"
    en = "This code was withdrawn; ask the hub for a new one"


class TooManyTries(EnrolRefusal):
    """Too many refusals of this address."""

    code = 7306
    zh = "尝试次数过多，请 {minutes} 分钟后再试"
    en = "Too many tries; wait {minutes} minutes"


class Replayed(EnrolRefusal):
    """A request that was seen before."""

    code = 7307
    zh = "重复的请求被拒绝"
    en = "A repeated request was refused"


class RequestMalformed(EnrolRefusal):
    """A field is missing, too long or not what it must be."""

    code = 7308
    zh = "入网请求有误（{field}）"
    en = "The enrolment request is wrong at {field}"


class NodeRevoked(EnrolRefusal):
    """The box was revoked."""

    code = 7309
    zh = "该设备已被区域中心吊销"
    en = "This box was revoked by the hub"


class CertificateOfAnother(EnrolRefusal):
    """A certificate that was issued to another box."""

    code = 7310
    zh = "证书属于另一台设备"
    en = "The certificate belongs to another box"


class ClockWrong(EnrolRefusal):
    """The clocks of box and hub are too far apart to tell a fresh request from an old one."""

    code = 7311
    zh = "设备时钟与区域中心相差 {minutes} 分钟（区域中心 {hub}，设备 {box}），请校准设备时钟"
    en = "The clocks differ by {minutes} minutes (hub {hub}, box {box}); set the box's clock"


class NotEnrolled(EnrolRefusal):
    """The hub knows no such box."""

    code = 7312
    zh = "区域中心没有该设备的入网记录"
    en = "The hub knows no such box"


class SignatureWrong(EnrolRefusal):
    """The request is not signed by the key that it names."""

    code = 7313
    zh = "请求的签名不正确"
    en = "The request's signature is wrong"


class CertificateUnknown(EnrolRefusal):
    """A certificate that the hub did not issue."""

    code = 7314
    zh = "证书不是本区域中心签发的"
    en = "The certificate was not issued by this hub"


class NodeOfAnotherHospital(EnrolRefusal):
    """The box is enrolled for another hospital."""

    code = 7315
    zh = "该设备已登记在另一家医院名下"
    en = "This box is enrolled for another hospital"


class CertificateRevoked(EnrolRefusal):
    """This one certificate was revoked."""

    code = 7316
    zh = "该证书已被吊销"
    en = "This certificate was revoked"


class CertificateExpired(EnrolRefusal):
    """The certificate's time is over."""

    code = 7317
    zh = "设备证书已过期，需要区域中心与本机双方人员同意后续签"
    en = "The box's certificate has expired; a person on both sides must agree to its renewal"


class AddressWrong(EnrolRefusal):
    """No host and port can be read from an address."""

    code = 7318
    zh = "区域中心地址有误（{address}），应为 主机:端口"
    en = "The hub's address is wrong ({address}); write host:port"


def to_details(error: XinglinError) -> str:
    """Return what the wire says of a refusal."""
    return json.dumps({"code": error.code, "facts": error.facts}, ensure_ascii=True)


def from_details(text: str) -> EnrolRefusal | None:
    """Return the refusal that the wire says; None where it says none (a broken line, a proxy).

    Only numbers of ours become sentences of ours; the facts are shortened.
    """
    try:
        value = json.loads(text[:4096])
        number, facts = value["code"], value["facts"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if type(number) is not int or not isinstance(facts, dict):
        return None
    clean: dict[str, Fact] = {
        str(name): one if isinstance(one, int | float) else str(one)[:120]
        for name, one in facts.items()
    }
    for kind in EnrolRefusal.__subclasses__():
        if kind.code == number:
            try:
                return kind(**clean)
            except (KeyError, TypeError):
                break
    return EnrolRefusal(number=number % 100_000)
