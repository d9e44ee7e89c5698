"""Refusals of backup and restore (7000-7199)."""

from __future__ import annotations

from core.errors import XinglinError


class NoRecoveryKey(XinglinError):
    """There is nothing to seal a backup to."""

    code = 7001
    zh = "尚未生成恢复密钥，请先运行 xinglin backup key 并妥善保管打印件"
    en = "There is no recovery key yet; run xinglin backup key first and keep the printed sheet"


class RecoveryKeyExists(XinglinError):
    """A recovery key was made before; it is never printed again."""

    code = 7002
    zh = "恢复密钥已存在且不会再次显示；如需更换请加 --renew"
    en = "There is a recovery key already and it is never shown again; --renew makes another one"


class NoTarget(XinglinError):
    """Nobody said where to."""

    code = 7003
    zh = "未指定备份位置：请在 appliance.toml 的 [backup] target 中设置，或使用 --target"
    en = "No backup target: set [backup] target in appliance.toml, or give --target"


class TargetUnusable(XinglinError):
    """The target cannot be opened, read or written."""

    code = 7004
    zh = "备份位置无法使用（{what}：{fault}）"
    en = "The backup target cannot be used ({what}: {fault})"


class ObjectMissing(XinglinError):
    """An object that the manifest names is not there."""

    code = 7005
    zh = "备份中缺少对象 {name}"
    en = "The backup lacks the object {name}"


class ObjectDamaged(XinglinError):
    """An object's bytes are not those the manifest names, or do not open."""

    code = 7006
    zh = "备份对象 {name} 已损坏或被篡改（{fault}）"
    en = "The backup's object {name} is damaged or was tampered with ({fault})"


class ManifestUntrusted(XinglinError):
    """The manifest is not signed by the node it speaks of."""

    code = 7007
    zh = "备份清单 {name} 的签名无效"
    en = "The backup manifest {name} is not validly signed"


class NothingThere(XinglinError):
    """The target holds no backup, or none of this node."""

    code = 7008
    zh = "该位置没有可用的备份"
    en = "There is no backup at this target"


class SeveralNodes(XinglinError):
    """The target holds backups of several appliances."""

    code = 7009
    zh = "该位置有多台设备的备份，请用 --node 指定其一：{nodes}"
    en = "The target holds backups of several appliances; name one with --node: {nodes}"


class FolderNotEmpty(XinglinError):
    """Restore writes only into an empty folder."""

    code = 7010
    zh = "目标目录不是空目录，恢复已拒绝"
    en = "The folder is not empty; restore refuses it"


class BackupBusy(XinglinError):
    """Another backup of this box is running."""

    code = 7011
    zh = "另一个备份正在进行"
    en = "Another backup is running"


class BackupDiverged(XinglinError):
    """The target's backup has records that this box does not have."""

    code = 7012
    zh = "备份中的 {journal} 日志（第 {seq} 条）与本机不一致：本机可能由旧备份恢复，已拒绝覆盖"
    en = (
        "The backup's {journal} journal (record {seq}) is not this box's history:"
        " the box may come from an older backup; nothing was overwritten"
    )


class MessageMaybeUnsent(XinglinError):
    """What waited to go to the hub when the backup was made is not in it."""

    code = 7014
    zh = "本机由备份恢复：会诊中有 {count} 条消息可能没有送到区域中心，请核对，必要时再发一次"
    en = (
        "This box was restored from a backup: {count} messages of a consultation may not have"
        " reached the hub; look, and say them again where needed"
    )


class JournalUnfit(XinglinError):
    """The box's own journal has a hole or a changed record; a backup must not bless it."""

    code = 7013
    zh = "本机 {journal} 日志第 {seq} 条校验失败（{fault}），备份已停止"
    en = "Record {seq} of this box's {journal} journal does not verify ({fault}); backup stopped"
