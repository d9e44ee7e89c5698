"""Refusals of bundles and engines (4000-4199)."""

from __future__ import annotations

from core.errors import XinglinError


class BundleMissing(XinglinError):
    """A bundle folder or one of its required files is not there."""

    code = 4001
    zh = "模型包缺少文件：{file}"
    en = "The model bundle lacks the file {file}"


class BundleMetadataInvalid(XinglinError):
    """metadata.json is not what the format demands."""

    code = 4002
    zh = "模型包的 metadata.json 不合规：{what}"
    en = "The bundle's metadata.json is invalid: {what}"


class BundleAltered(XinglinError):
    """A file's SHA-256 is not the one the metadata states."""

    code = 4003
    zh = "模型包文件 {file} 的校验值不符，拒绝加载"
    en = "The checksum of bundle file {file} does not match; it is not loaded"


class BundleStranger(XinglinError):
    """The folder holds something the metadata does not list, or a link."""

    code = 4004
    zh = "模型包中有未登记的内容：{file}"
    en = "The bundle holds something that its metadata does not list: {file}"


class BundleGoldenInvalid(XinglinError):
    """golden.npz does not fit the stated inputs and outputs."""

    code = 4005
    zh = "模型包的黄金样本不合规：{what}"
    en = "The bundle's golden set is invalid: {what}"


class BundleTooLarge(XinglinError):
    """A bundle file is over the size that is read."""

    code = 4006
    zh = "模型包文件 {file} 过大：{bytes} 字节，上限 {limit}"
    en = "Bundle file {file} is too large: {bytes} bytes, limit {limit}"


class EngineInputRefused(XinglinError):
    """An input's name, shape, type or values are not the model's."""

    code = 4010
    zh = "模型输入 {input} 不符：{what}"
    en = "Model input {input} does not fit: {what}"


class EngineClosed(XinglinError):
    """The engine was closed before this call."""

    code = 4011
    zh = "推理引擎已关闭"
    en = "The inference engine is closed"


class EngineOutputInvalid(XinglinError):
    """The engine answered with something that is no number."""

    code = 4012
    zh = "模型输出 {output} 无效（非有限数值），不予采用"
    en = "Model output {output} is invalid (not finite) and is not used"


class EngineFailed(XinglinError):
    """The runtime could not load or run the model."""

    code = 4013
    zh = "推理引擎 {engine} 失败：{what}"
    en = "The inference engine {engine} failed: {what}"


class PackageUnreadable(XinglinError):
    """What is to be imported is no folder, archive or ONNX file that can be read."""

    code = 4020
    zh = "无法读取待导入的模型：{what}"
    en = "The model to import cannot be read: {what}"


class PackageTooLarge(XinglinError):
    """A package is over a limit: size, number of files, ratio of an archive."""

    code = 4021
    zh = "待导入的模型超过上限：{what}（上限 {limit}）"
    en = "The model to import is over a limit: {what} (limit {limit})"


class PackageUnsafe(XinglinError):
    """A package holds a link, a name that leaves the folder, or an encrypted or nested archive."""

    code = 4022
    zh = "待导入的模型不安全，拒绝：{what}"
    en = "The model to import is not safe and is refused: {what}"


class TorchScriptRefused(XinglinError):
    """A package has weights that run code when loaded (TorchScript, pickle) and no ONNX."""

    code = 4023
    zh = "只接受 ONNX；该模型包只有 TorchScript 或 PyTorch 权重，请先导出为 ONNX"
    en = (
        "Only ONNX is taken; this package has TorchScript or PyTorch weights only."
        " Export it to ONNX first"
    )


class ModelFactsMissing(XinglinError):
    """A third-party network came without the facts that a result must carry."""

    code = 4024
    zh = "缺少模型说明文件（TOML 或 JSON），请放在模型旁边或用 --meta 指定"
    en = "The file with the model's facts (TOML or JSON) is missing: put it beside, or use --meta"


class ModelFactsInvalid(XinglinError):
    """The facts about a third-party network are not what the format demands."""

    code = 4025
    zh = "模型说明文件不合规：{what}"
    en = "The file with the model's facts is invalid: {what}"


class LicenceMissing(XinglinError):
    """No licence of the weights is stated."""

    code = 4026
    zh = "未写明权重的许可（名称、中文和英文说明），拒绝导入"
    en = "The licence of the weights (name, Chinese and English text) is not stated; not imported"


class NotForClinicalUseMissing(XinglinError):
    """Nothing says that the model is for research and not for clinical use."""

    code = 4027
    zh = "未写明“仅供研究，不得用于临床”，拒绝导入"
    en = 'The words "research only, not for clinical use" are missing; not imported'


class OnnxRefused(XinglinError):
    """The network itself is refused before anything runs it."""

    code = 4028
    zh = "ONNX 网络不被接受：{what}"
    en = "The ONNX network is refused: {what}"


class SlotUnknown(XinglinError):
    """There is no such slot."""

    code = 4029
    zh = "没有名为 {slot} 的模型位；可用：{known}"
    en = "There is no model slot {slot}; there are: {known}"


class SlotMismatch(XinglinError):
    """The network does not do what its slot needs: tensors, shapes, steps, values."""

    code = 4030
    zh = "模型不符合模型位 {slot} 的约定：{what}"
    en = "The model does not fit its slot {slot}: {what}"


class GoldenFailed(XinglinError):
    """The golden cases do not come out as stated, or not twice the same."""

    code = 4031
    zh = "黄金样本检验未通过：{what}"
    en = "The golden test failed: {what}"


class ToleranceLax(XinglinError):
    """The bundle would allow itself more than the parity limits."""

    code = 4032
    zh = "模型包自定的容差 {stated} 宽于上限 {limit}（{precision}）"
    en = "The bundle's own tolerance {stated} is wider than the limit {limit} ({precision})"


class ModelNotHere(XinglinError):
    """No imported or built-in model has this name, version or digest."""

    code = 4033
    zh = "没有该模型：{model}"
    en = "There is no such model: {model}"


class ModelAmbiguous(XinglinError):
    """Several models answer to this name."""

    code = 4034
    zh = "名称 {model} 对应多个模型，请写明版本或摘要"
    en = "Several models are called {model}; give the version or the digest"


class VersionTaken(XinglinError):
    """The same name and version stands for other content already."""

    code = 4035
    zh = "{model} {version} 已存在且内容不同；版本号不得重复使用"
    en = "{model} {version} is here with other content; a version is never used again"


class AlreadyActive(XinglinError):
    """This model serves already."""

    code = 4036
    zh = "{model} 已在使用"
    en = "{model} serves already"


class NothingToRollBack(XinglinError):
    """No other model served before this one."""

    code = 4037
    zh = "模型位 {slot} 没有可以退回的前一个模型"
    en = "Slot {slot} has no earlier model to go back to"


class ConfirmationWrong(XinglinError):
    """The words that confirm a change are missing, or those of another change."""

    code = 4038
    zh = "确认文字不符，未作任何更改；应为：{expected}"
    en = "The confirming words do not match; nothing was changed. They are: {expected}"


class SlotNotRead(XinglinError):
    """No analysis of this release reads this slot: activating would change nothing."""

    code = 4039
    zh = "本版本没有使用模型位 {slot} 的分析，可以导入和校验，不能启用或影子运行"
    en = "No analysis of this release reads slot {slot}: import and verify, no more"


class ModelActorRefused(XinglinError):
    """Who asks has no account that may change models."""

    code = 4040
    zh = "账号 {user} 不能更改模型：需要启用中的设备管理员（device_it）或算法负责人（ml_lead）账号"
    en = "Account {user} may not change models: it takes an active device_it or ml_lead account"


class ModelsBusy(XinglinError):
    """Another command changes models right now."""

    code = 4041
    zh = "另一个命令正在更改模型，请稍后再试"
    en = "Another command is changing models; try again in a moment"


class ShadowThere(XinglinError):
    """A shadow runs in this slot already."""

    code = 4042
    zh = "模型位 {slot} 已有影子运行，请先停止"
    en = "A shadow runs in slot {slot} already; stop it first"


class ShadowNotThere(XinglinError):
    """There is no shadow run."""

    code = 4043
    zh = "没有影子运行"
    en = "There is no shadow run"


class ActiveModelLost(XinglinError):
    """The model that the journal says is active is not on the disk, or is altered."""

    code = 4044
    zh = "在用模型 {model} 不在本机或已损坏，未作分析；请重新导入，或退回前一个模型"
    en = "Active model {model} is missing or damaged, nothing was analysed: import it or roll back"


class ModelNotKept(XinglinError):
    """The disk does not take the model: full, read-only, something in its place."""

    code = 4045
    zh = "无法写入模型目录：{what}"
    en = "The model cannot be written to the box's folder: {what}"


class NetworkNotConvertible(XinglinError):
    """A network has no form in another precision, or the tool refuses it."""

    code = 4046
    zh = "网络无法转换为 {precision}：{what}"
    en = "The network cannot be converted to {precision}: {what}"
