"""Search keys and sort keys of person names: Han, full pinyin and initials; matching letters.

A heteronym has its surname reading when it stands first (单 shan, 仇 qiu, 曾 zeng); compound
surnames (尉迟 yuchi) are recognised as a whole. The reading is used for search and order only,
never shown as the patient's name. Source: pypinyin's data, surname table below.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from core.dicom.detect import has_han, is_han
from core.dicom.person import PersonName, parse_person_name

MAX_NAME_CHARACTERS = 256

# Surname readings that differ from the commonest reading of the character.
_SURNAMES = {
    "单": "shan", "單": "shan", "仇": "qiu", "曾": "zeng", "解": "xie", "区": "ou", "區": "ou",
    "查": "zha", "朴": "piao", "盖": "ge", "蓋": "ge", "种": "chong", "燕": "yan", "任": "ren",
    "华": "hua", "華": "hua", "召": "shao", "缪": "miao", "繆": "miao", "覃": "qin", "谌": "chen",
    "諶": "chen", "员": "yun", "員": "yun", "乐": "yue", "樂": "yue", "翟": "zhai", "逄": "pang",
    "牟": "mu", "柏": "bai", "洗": "xian", "冼": "xian", "折": "she", "黑": "he", "秘": "bi",
    "祕": "bi", "隗": "wei", "万": "wan", "郇": "xun", "那": "na", "宓": "mi", "晟": "cheng",
    "纪": "ji", "紀": "ji", "葛": "ge", "尹": "yin", "哈": "ha", "撒": "sa", "能": "nai",
    "盛": "sheng", "长": "chang", "繁": "po", "不": "fou", "重": "chong", "阚": "kan",
    "闞": "kan", "卜": "bu", "卞": "bian", "车": "che", "車": "che", "石": "shi", "曲": "qu",
    "应": "ying", "應": "ying", "宁": "ning", "甯": "ning", "訾": "zi", "俞": "yu", "於": "yu",
    "尉": "wei", "令": "ling", "洪": "hong", "都": "du", "呙": "guo", "過": "guo", "过": "guo",
    "臧": "zang", "佴": "nai", "佘": "she", "厍": "she", "郗": "xi", "郤": "xi", "适": "kuo",
    "贠": "yun", "炅": "gui", "仉": "zhang", "褚": "chu", "谯": "qiao", "殷": "yin", "晏": "yan",
}  # fmt: skip
_COMPOUND = {
    "尉迟": "yu chi", "尉遲": "yu chi", "长孙": "zhang sun", "長孫": "zhang sun",
    "澹台": "tan tai", "澹臺": "tan tai", "万俟": "mo qi", "萬俟": "mo qi", "单于": "chan yu",
    "單于": "chan yu", "令狐": "ling hu", "宰父": "zai fu", "呼延": "hu yan", "夏侯": "xia hou",
    "诸葛": "zhu ge", "諸葛": "zhu ge", "欧阳": "ou yang", "歐陽": "ou yang", "司马": "si ma",
    "司馬": "si ma", "上官": "shang guan", "皇甫": "huang fu", "宇文": "yu wen",
    "慕容": "mu rong", "公孙": "gong sun", "公孫": "gong sun", "东方": "dong fang",
    "東方": "dong fang", "轩辕": "xuan yuan", "钟离": "zhong li", "鲜于": "xian yu",
    "司徒": "si tu", "司空": "si kong", "独孤": "du gu", "南宫": "nan gong", "闻人": "wen ren",
    "太史": "tai shi", "申屠": "shen tu", "濮阳": "pu yang", "淳于": "chun yu",
    "赫连": "he lian", "拓跋": "tuo ba", "端木": "duan mu", "百里": "bai li", "东郭": "dong guo",
    "西门": "xi men", "第五": "di wu", "纳兰": "na lan", "完颜": "wan yan", "库狄": "she di",
}  # fmt: skip
_LETTERS = re.compile(r"[^0-9a-z]+")


@dataclass(frozen=True, slots=True)
class NameKeys:
    """What a name can be found by; all lower case, without blanks.

    Parameters
    ----------
    han : str
        The shown group without separators, empty if it holds no Han.
    pinyin : str
        Full pinyin without tones, or the folded letters of a Latin name: ``zhangsan``.
    initials : str
        First letters of the syllables or words: ``zs``.
    latin : str
        The alphabetic group folded, where it is there beside an ideographic one.
    sort : str
        Syllables separated by a blank, then the characters: sorts by pinyin collation.
    """

    han: str
    pinyin: str
    initials: str
    latin: str
    sort: str

    def matches(self, query: str) -> bool:
        """Say whether a query typed into a search box finds this name."""
        wanted = fold(query)
        if has_han(query):
            return _bare(query) in self.han
        return bool(wanted) and (
            wanted in self.pinyin or self.initials.startswith(wanted) or wanted in self.latin
        )


def name_keys(name: PersonName | str) -> NameKeys:
    """Return the keys of one name (decoded PN text, or its parsed groups)."""
    parsed = parse_person_name(name) if isinstance(name, str) else name
    shown = parsed.display_group[:MAX_NAME_CHARACTERS]
    latin = "" if has_han(parsed.alphabetic) else fold(parsed.alphabetic[:MAX_NAME_CHARACTERS])
    if not has_han(shown):
        words = [fold(w) for w in re.split(r"[\^ ,]+", shown) if fold(w)]
        return NameKeys("", "".join(words), "".join(w[0] for w in words), latin, " ".join(words))
    han = _bare(shown)
    syllables = _syllables(han)
    return NameKeys(
        han=han,
        pinyin="".join(syllables),
        initials="".join(s[0] for s in syllables),
        latin=latin,
        sort=" ".join(syllables) + " " + han,
    )


def fold(text: str) -> str:
    """Return letters and digits only, lower case, accents taken off (ü is v's other spelling)."""
    plain = unicodedata.normalize("NFKD", text.lower().replace("ü", "v"))
    return _LETTERS.sub("", plain)


def matching_letters(text: str) -> str:
    """Return what counts when names are matched: no case, accents, width, separators or blanks.

    Character by character, so that the letters of a part are a part of the letters of the whole.
    """
    plain = unicodedata.normalize("NFKD", text)
    kept = (c for c in plain if not unicodedata.combining(c) and c not in "^= ,'-·")
    return "".join(kept).casefold()


def matched_text(name: str) -> str:
    """Return every text that a query by name may be compared with, one a line.

    Whatever pattern matches the name, each run of letters between its wildcards stands in here:
    a search for the longest run finds every match and few others.
    """
    keys = name_keys(name)
    groups = (matching_letters(group) for group in name.split("="))
    return "\n".join(line for line in (*groups, keys.pinyin, keys.initials) if line)


def _bare(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text)
    return "".join(c for c in folded if is_han(c) or c.isalnum()).lower()


def _syllables(han: str) -> list[str]:
    for length in (3, 2):
        compound = _COMPOUND.get(han[:length])
        if compound is not None:
            return compound.split(" ") + _readings(han[length:])
    first = _SURNAMES.get(han[:1])
    if first is not None:
        return [first, *_readings(han[1:])]
    return _readings(han)


def _readings(han: str) -> list[str]:
    if not han:
        return []
    # Imported here: its tables take half a second, which a command that shows no name can save.
    from pypinyin import Style, lazy_pinyin

    # A separator keeps characters without a reading apart; pypinyin hands them on as one run.
    read = lazy_pinyin(han, style=Style.NORMAL, errors=" ".join, v_to_u=False)
    syllables = [part for piece in read for part in piece.split(" ")]
    return [s for s in (fold(s) or s for s in syllables) if s]
