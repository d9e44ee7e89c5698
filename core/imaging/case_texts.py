"""Chinese and English names of case-level codes and of a lesion's coded descriptors."""

from __future__ import annotations

from core.imaging.result import Sentence

SEVERITIES: dict[str, Sentence] = {
    "none": Sentence("未见病变", "no disease seen"),
    "minimal": Sentence("轻度", "minimal"),
    "moderately_advanced": Sentence("中度", "moderately advanced"),
    "far_advanced": Sentence("重度", "far advanced"),
}

SIGNS: dict[str, Sentence] = {
    "cavity": Sentence("空洞", "cavity"),
    "tree_in_bud": Sentence("树芽征", "tree-in-bud"),
    "miliary": Sentence("粟粒样结节", "miliary nodules"),
    "consolidation": Sentence("实变", "consolidation"),
    "upper_zone": Sentence("上肺野分布", "upper zone"),
    "several_kinds": Sentence("多种形态病灶并存", "lesions of several kinds"),
    "bilateral": Sentence("双肺分布", "both lungs"),
    "fibrosis": Sentence("纤维化或支气管扩张征象", "fibrotic or bronchiectatic change"),
    "lymph_node": Sentence("纵隔淋巴结增大", "enlarged mediastinal lymph node"),
    "effusion": Sentence("胸腔积液", "pleural effusion"),
    "pleural_effusion": Sentence("胸腔积液", "pleural effusion"),
    "calcification": Sentence("钙化灶", "calcification"),
    "lone_nodule_or_mass": Sentence("仅见结节或肿块", "nodules or masses only"),
    "healed_only": Sentence("仅见钙化或纤维化等陈旧征象", "only calcified or fibrotic lesions"),
    "thick_walled_cavity": Sentence("厚壁空洞", "thick-walled cavity"),
    "multiple_cavities": Sentence("多发空洞", "multiple cavities"),
    "more_than_three_lobes": Sentence("累及三叶以上", "more than three lobes involved"),
    "destroyed_lobe": Sentence("肺叶毁损", "destroyed lobe"),
}

MARGINS: dict[str, Sentence] = {
    "smooth": Sentence("边缘光整", "smooth margin"),
    "lobulated": Sentence("边缘分叶", "lobulated margin"),
    "spiculated": Sentence("边缘毛刺", "spiculated margin"),
    "poorly_defined": Sentence("边缘模糊", "poorly defined margin"),
}

SHAPES: dict[str, Sentence] = {
    "round": Sentence("圆形", "round"),
    "oval": Sentence("椭圆形", "oval"),
    "elongated": Sentence("条形", "elongated"),
    "lobulated": Sentence("分叶状", "lobulated"),
    "irregular": Sentence("不规则形", "irregular"),
}

WALLS: dict[str, Sentence] = {
    "thick": Sentence("厚壁（平均 ≥ 3 mm）", "thick wall (mean 3 mm or more)"),
    "thin": Sentence("薄壁（平均 < 3 mm）", "thin wall (mean below 3 mm)"),
}
