"""What a radiograph's origin takes from the confidence in its score: age, picture, pixels. Pure.

Sources: WHO consolidated guidelines on tuberculosis, module 2 (2021), recommendation 12: computer
aided detection for people aged 15 years or older; PS3.3 C.8.6.1 (Conversion Type), C.7.6.3.1.7
(Pixel Aspect Ratio).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.imaging.result import Reason, Sentence
from core.imaging.volume import Radiograph

ADULT_YEARS = 15.0
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
#: Digitised film and synthesised images are made for reading; the others are pictures of pictures.
_MADE_FOR_READING = ("DF", "DI")
_SQUARE = 0.02

_TEXTS = {
    "DR_CHILD": Sentence(
        zh="患者 {value:.0f} 岁，不足 {limit:.0f} 岁：模型只用成人影像训练，世卫组织也只建议 "
        "{limit:.0f} 岁及以上使用；评分仅供参考，请医师阅片。",
        en="The patient is {value:.0f} years old, under {limit:.0f}: the model learnt from adults, "
        "and WHO recommends such software from {limit:.0f} years. A physician must read it.",
    ),
    "DR_PICTURE": Sentence(
        zh="由图片或截屏转换（如 8 位 PNG/JPEG、手机翻拍），不是探测器原始数据：灰阶、清晰度和"
        "几何可能已改变，评分可靠性降低；请尽量传送原始 DICOM。",
        en="Converted from a picture or a screen (8-bit PNG or JPEG, a phone's photograph), not "
        "detector data: grey values, sharpness and geometry may have changed, the score is less "
        "reliable. Send the original DICOM where possible.",
    ),
    "DR_PIXELS_NOT_SQUARE": Sentence(
        zh="像素不是正方形（行列间距比 {value:.2f}），图像被拉伸后分析，评分可靠性降低；"
        "请核对像素间距。",
        en="Pixels are not square (row to column spacing {value:.2f}): the picture was analysed "
        "stretched and the score is less reliable. Check the pixel spacing.",
    ),
}


def origin_reasons(radiograph: Radiograph) -> tuple[Reason, ...]:
    """Return why a score on this image deserves less confidence, each a warning."""
    tags = radiograph.tags
    out = []
    age = tags.get("age_years")
    if isinstance(age, int | float) and age < ADULT_YEARS:
        out.append(_reason("DR_CHILD", "age_years", float(age), ADULT_YEARS))
    if _is_picture(tags):
        out.append(_reason("DR_PICTURE", "bits_stored", float(radiograph.bits_stored)))
    ratio = row_to_column(radiograph)
    if abs(ratio - 1.0) > _SQUARE:
        out.append(_reason("DR_PIXELS_NOT_SQUARE", "row_to_column", ratio, 1.0 + _SQUARE))
    return tuple(out)


def row_to_column(radiograph: Radiograph) -> float:
    """Return a pixel's height over its width; 1 where the header does not tell."""
    if radiograph.spacing_mm is not None:
        return radiograph.spacing_mm[0] / radiograph.spacing_mm[1]
    told = radiograph.tags.get("PixelAspectRatio")
    try:
        down, across = (float(one) for one in told or ())
    except (TypeError, ValueError):
        return 1.0
    return down / across if down > 0 and across > 0 else 1.0


def _is_picture(tags: Mapping[str, Any]) -> bool:
    image_type = tags.get("ImageType") or ()
    conversion = str(tags.get("ConversionType") or "").upper()
    if conversion in _MADE_FOR_READING:
        return False
    capture = str(tags.get("SOPClassUID") or "").startswith(_SECONDARY_CAPTURE)
    return capture or bool(conversion) or "PICTURE" in image_type


def _reason(code: str, metric: str, value: float, limit: float | None = None) -> Reason:
    text = _TEXTS[code]
    facts = {"value": value, "limit": 0.0 if limit is None else limit}
    zh, en = text.zh.format(**facts), text.en.format(**facts)
    return Reason(code, "warn", zh, en, metric, value, limit)
