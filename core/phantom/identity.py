"""Who the phantom pretends to be: seeded Chinese names, numbers, UIDs. Nothing is a real person."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np

# Family and given names with their pinyin, in DICOM's alphabetic form.
_FAMILY = (
    ("王", "WANG"), ("李", "LI"), ("张", "ZHANG"), ("刘", "LIU"), ("陈", "CHEN"), ("杨", "YANG"),
    ("赵", "ZHAO"), ("黄", "HUANG"), ("周", "ZHOU"), ("吴", "WU"), ("吕", "LYU"), ("孙", "SUN"),
    ("马", "MA"), ("朱", "ZHU"), ("欧阳", "OUYANG"), ("郭", "GUO"), ("何", "HE"), ("单", "SHAN"),
    ("曾", "ZENG"), ("解", "XIE"),
)  # fmt: skip
_GIVEN = (
    ("三", "SAN"), ("小明", "XIAOMING"), ("秀英", "XIUYING"), ("建国", "JIANGUO"), ("丽", "LI"),
    ("志强", "ZHIQIANG"), ("桂兰", "GUILAN"), ("重庆", "CHONGQING"), ("海燕", "HAIYAN"),
    ("国庆", "GUOQING"), ("春梅", "CHUNMEI"), ("长安", "CHANGAN"), ("晓芳", "XIAOFANG"),
    ("玉珍", "YUZHEN"), ("大山", "DASHAN"), ("乐", "LE"), ("䶮", "YAN"), ("镕基", "RONGJI"),
    ("𬱖", "DI"),
)  # fmt: skip


def uid_of(*parts: str | int) -> str:
    """Return a UID under 2.25 derived from the parts (PS3.5 B.2: 2.25 and a 128-bit integer).

    The same parts give the same UID; the number has the form of a version 8 UUID.
    """
    digest = hashlib.sha256("\x1f".join(["xinglin-phantom", *map(str, parts)]).encode()).digest()
    number = int.from_bytes(digest[:16], "big")
    number &= ~(0xF << 76) & ~(0x3 << 62)
    number |= (0x8 << 76) | (0x2 << 62)
    return f"2.25.{number}"


@dataclass(frozen=True, slots=True)
class PatientIdentity:
    """The Patient module (PS3.3 C.7.1.1).

    Attributes
    ----------
    name : str
        DICOM PN with alphabetic and ideographic group, e.g. ``ZHANG^SAN=张^三``.
    patient_id : str
    birth_date : date
    sex : {"M", "F"}
    """

    name: str
    patient_id: str
    birth_date: date
    sex: str


@dataclass(frozen=True, slots=True)
class StudyIdentity:
    """Everything about an examination that is not in the pixels.

    Attributes
    ----------
    patient : PatientIdentity
    study_uid, frame_of_reference_uid : str
    at : datetime
        Study date and time, local to the hospital.
    accession, study_id, description : str
    institution : str
    character_set : str
        Specific Character Set: ``ISO_IR 192`` (UTF-8) or ``GB18030``.
    """

    patient: PatientIdentity
    study_uid: str
    frame_of_reference_uid: str
    at: datetime
    accession: str
    study_id: str
    description: str
    institution: str = "县人民医院"
    character_set: str = "ISO_IR 192"


def patient_identity(seed: int) -> PatientIdentity:
    """Return the person that belongs to a seed."""
    rng = np.random.default_rng([seed, 9])
    family, family_pinyin = _FAMILY[int(rng.integers(len(_FAMILY)))]
    given, given_pinyin = _GIVEN[int(rng.integers(len(_GIVEN)))]
    born = date(1935, 1, 1) + timedelta(days=int(rng.integers(0, 70 * 365)))
    return PatientIdentity(
        name=f"{family_pinyin}^{given_pinyin}={family}^{given}",
        patient_id=f"PH{seed:06d}",
        birth_date=born,
        sex="M" if rng.random() < 0.55 else "F",
    )


def study_identity(
    seed: int, kind: str, at: datetime, character_set: str = "ISO_IR 192"
) -> StudyIdentity:
    """Return the examination of a kind ("CT", "DX", "PETCT") that belongs to a seed.

    The UIDs depend on seed, kind and time, so that the same call writes the same files.
    """
    described = {"CT": "胸部CT平扫", "DX": "胸部正位", "PETCT": "胸部PET-CT"}
    return StudyIdentity(
        patient=patient_identity(seed),
        study_uid=uid_of("study", seed, kind, at.isoformat()),
        frame_of_reference_uid=uid_of("frame", seed, kind, at.isoformat()),
        at=at,
        accession=f"{kind[0]}{at:%y%m%d}{seed % 1000000:06d}",
        study_id=f"{seed % 1000000}",
        description=f"{described[kind]} PHANTOM 体模",
        character_set=character_set,
    )
