"""Refusals of seals (7020-7099) and of the key directory (7100-7199)."""

from __future__ import annotations

from core.errors import XinglinError


class SuiteUnknown(XinglinError):
    """A header names an algorithm suite that this release does not have; never a fallback."""

    code = 7020
    zh = "未知的算法套件编号 {suite}（{what}），拒绝打开"
    en = "Unknown algorithm suite {suite} ({what}); refused"


class StatementMalformed(XinglinError):
    """Not a signed statement in canonical form."""

    code = 7021
    zh = "签名声明格式不正确（{fault}）"
    en = "Not a well-formed signed statement ({fault})"


class SignatureWrong(XinglinError):
    """The signature is not this key's over these bytes."""

    code = 7022
    zh = "签名校验失败：签署方 {signer}"
    en = "The signature does not verify: signer {signer}"


class SignerUnknown(XinglinError):
    """The directory has no such key."""

    code = 7023
    zh = "公钥目录中没有签署方 {signer} 的密钥"
    en = "The key directory has no key of signer {signer}"


class KeyRetired(XinglinError):
    """The key was retired before."""

    code = 7024
    zh = "{signer} 的密钥已停用（{at}）"
    en = "The key of {signer} was retired ({at})"


class SignerRevoked(XinglinError):
    """The node or person was revoked before."""

    code = 7025
    zh = "{signer} 已被吊销（{at}）"
    en = "{signer} was revoked ({at})"


class DomainWrong(XinglinError):
    """A valid statement of another kind than the one that is needed."""

    code = 7026
    zh = "签名声明的类型不符：需要 {expected}，实为 {found}"
    en = "A statement of another kind: {expected} is needed, this is {found}"


class WrapBroken(XinglinError):
    """A wrapped key does not open: another recipient, consultation or epoch, or changed bytes."""

    code = 7030
    zh = "密钥封装无法打开：接收方、会诊或时期不符，或内容被改动"
    en = "The wrapped key does not open: another recipient, consultation or epoch, or changed"


class PublicKeyInvalid(XinglinError):
    """Bytes that are no public key of the suite."""

    code = 7031
    zh = "公钥无效（{what}）"
    en = "Not a valid public key ({what})"


class ObjectDamaged(XinglinError):
    """A sealed object does not open: changed, cut, spliced, another key, or another context."""

    code = 7032
    zh = "加密对象无法打开：内容被改动、截断，或密钥、会诊、位置不符（{fault}）"
    en = "The sealed object does not open: changed, cut, or another key or context ({fault})"


class AddressMismatch(XinglinError):
    """The bytes are not those that the signed index names."""

    code = 7033
    zh = "加密对象与签名清单中的地址不符"
    en = "The object's bytes are not those that the signed index names"


class InlineTooLong(XinglinError):
    """Text that must travel as an object of its own."""

    code = 7034
    zh = "内容过长（{length} 字节，上限 {limit}），应作为独立对象发送"
    en = "Too long to travel inline ({length} bytes, limit {limit}); send it as an object"


class PersonKeysBroken(XinglinError):
    """A person's wrapped private keys do not open."""

    code = 7040
    zh = "个人密钥无法打开：口令或恢复密钥不符，或内容被改动"
    en = "The person's keys do not open: another passphrase or recovery key, or changed"


class PassphraseWeak(XinglinError):
    """Too short to wrap a private key."""

    code = 7041
    zh = "口令过短：至少 {least} 个字符"
    en = "The passphrase is too short: at least {least} characters"


class KeysLocked(XinglinError):
    """The person's keys, or this consultation's, are not open in this page."""

    code = 7042
    zh = "密钥尚未解锁，请输入口令"
    en = "The keys are locked; enter the passphrase"


class OwnerChanged(XinglinError):
    """Another hospital than before wraps this consultation's key: somebody wants to read along."""

    code = 7043
    zh = "该会诊的密钥改由另一家医院签发，已拒绝使用"
    en = "Another hospital than before wraps this consultation's key; refused"


class DirectoryUnknown(XinglinError):
    """No verified directory is here yet."""

    code = 7110
    zh = "尚未取得并校验公钥目录"
    en = "The key directory has not been fetched and verified yet"


class DirectoryMalformed(XinglinError):
    """An entry that the rules of the directory do not allow."""

    code = 7101
    zh = "公钥目录第 {seq} 条不合规（{fault}）"
    en = "Entry {seq} of the key directory breaks its rules ({fault})"


class DirectoryForked(XinglinError):
    """The hub shows another history than before."""

    code = 7102
    zh = "公钥目录分叉：第 {seq} 条与已见过的不同。可能有人替换了公钥，已拒绝使用"
    en = "The key directory forked at entry {seq}: a public key may have been swapped; refused"


class DirectoryRewound(XinglinError):
    """The hub shows a shorter directory than before."""

    code = 7103
    zh = "公钥目录倒退：曾见 {known} 条，现仅 {offered} 条，已拒绝使用"
    en = "The key directory went back: {known} entries were seen, {offered} are shown; refused"


class HeadUnsigned(XinglinError):
    """The head of the directory is not signed by this region's hub."""

    code = 7104
    zh = "公钥目录头部的签名不是本区域中心的（{fault}）"
    en = "The directory's head is not signed by this region's hub ({fault})"


class DirectoryIncomplete(XinglinError):
    """Fewer or more entries came than the signed head says."""

    code = 7105
    zh = "公钥目录不完整：头部为 {signed} 条，收到 {found} 条"
    en = "The directory is incomplete: its head says {signed} entries, {found} came"


class WitnessConflict(XinglinError):
    """Another box signed that it saw another directory: the hub shows two."""

    code = 7106
    zh = "公钥目录见证冲突：节点 {node} 在第 {size} 条处看到不同的目录"
    en = "Witness conflict: node {node} saw another directory at entry {size}"


class RecipientUnknown(XinglinError):
    """The directory has no usable key of that recipient."""

    code = 7107
    zh = "公钥目录中没有 {recipient} 的可用密钥"
    en = "The key directory has no usable key of {recipient}"


class KeyUnconfirmed(XinglinError):
    """The recipient's key changed and nobody has confirmed the new one."""

    code = 7108
    zh = "{recipient} 的公钥已更换，须先由人员核实"
    en = "The public key of {recipient} changed; a person must confirm it first"


class OwnKeySwapped(XinglinError):
    """The directory shows another key for this very hospital or box than its own."""

    code = 7109
    zh = "公钥目录中本院的密钥与本机所存不符（{what}），可能被替换，已拒绝使用"
    en = "The directory shows another key for this hospital than its own ({what}); refused"
