"""Refusals and alarms of the box's link to its hub (75xx)."""

from __future__ import annotations

from core.errors import XinglinError


class OutboxFull(XinglinError):
    """The outbox holds as many bytes as it may; nothing is dropped, nothing more is taken."""

    code = 7501
    zh = "待发送队列已满（{used_mb} MB / {limit_mb} MB），请检查与区域中心的网络"
    en = "The outbox is full ({used_mb} of {limit_mb} MB); look at the line to the hub"


class ItemTooLarge(XinglinError):
    """A small item is larger than one message may be."""

    code = 7502
    zh = "待发送内容过大（{size} 字节），应作为对象上传"
    en = "The item is too large for a message ({size} bytes); send it as an object"


class NotSealed(XinglinError):
    """Something that is no sealed object was given to be sent."""

    code = 7503
    zh = "只能发送已加密的对象"
    en = "Only sealed objects are sent"


class HubRefused(XinglinError):
    """The hub ended the link with a refusal."""

    code = 7511
    zh = "区域中心拒绝：{reason}"
    en = "The hub refused: {reason}"


class HubSilent(XinglinError):
    """Nothing came back for too long; the line is taken for dead."""

    code = 7512
    zh = "区域中心 {seconds} 秒没有回应，重新连接"
    en = "The hub was silent for {seconds} s; connecting anew"


class HubProtocol(XinglinError):
    """The hub said what it may not say."""

    code = 7513
    zh = "区域中心的消息不符合规定：{fault}"
    en = "The hub's message does not follow the protocol: {fault}"


class ClockWrong(XinglinError):
    """The box's clock and the hub's differ by minutes."""

    code = 7520
    zh = "本机时钟与区域中心相差 {minutes} 分钟，请校准时间"
    en = "This box's clock differs from the hub's by {minutes} minutes; set the time"


class HubChainBroken(XinglinError):
    """The hub's chain for this hospital was rewound, forked or has a gap: the link refuses."""

    code = 7521
    zh = "区域中心的记录链异常（{fault}，第 {seq} 条），已停止接收，请立即联系区域中心"
    en = "The hub's chain is broken ({fault}, record {seq}); nothing more is taken from it"


class OwnChainLost(XinglinError):
    """The hub holds a signed head of ours that our own journal does not have."""

    code = 7522
    zh = "本机日志与区域中心保存的签名检查点不符（{journal} 第 {seq} 条）：可能丢失或被改动"
    en = "Our journal does not match the signed head at the hub ({journal} {seq}): lost or changed"


class HubHeadUnsigned(XinglinError):
    """A head without the hub's valid signature."""

    code = 7523
    zh = "区域中心的检查点签名无效"
    en = "The hub's head is not signed by the hub"


class DirectoryBroken(XinglinError):
    """The hub's key directory forked, rewound or is not signed: the link refuses."""

    code = 7524
    zh = "区域密钥目录异常（{fault}），已停止使用新密钥"
    en = "The key directory is broken ({fault}); no new key is used"


class DeadLetter(XinglinError):
    """The hub refused an item for good; it stays here to be looked at."""

    code = 7525
    zh = "区域中心拒收一项内容：{reason}"
    en = "The hub will not take an item: {reason}"


class ObjectLost(XinglinError):
    """The box's own copy of a waiting object cannot be read."""

    code = 7526
    zh = "待发送的加密对象无法读取（{address}），请检查磁盘"
    en = "A waiting object cannot be read ({address}); look at the disk"


class NeedsGivenUp(XinglinError):
    """Somebody gave up a piece that this item cannot go without."""

    code = 7527
    zh = "所依赖的资料已被放弃发送，此项不能发出"
    en = "A piece that this item needs was given up; it cannot be sent"


class KeyMoved(XinglinError):
    """A key that is not, or no longer, the present key of one of this hospital's people."""

    code = 7530
    zh = "该密钥不是本院人员当前的密钥，请刷新后重新核对"
    en = "Not the present key of one of this hospital's people; look again and compare anew"
