"""Golden vectors, real files, and the properties every decoding keeps."""

from __future__ import annotations

import io
import json
import os
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.charset import decode_bytes

from core.dicom.charset import INITIAL, SINGLE, parse_character_set
from core.dicom.detect import has_han, is_han
from core.dicom.errors import CharacterSetUnknownError, LossyTextError
from core.dicom.text import decode_text, encode_for_peer, label_repair, split_values
from core.dicom.utf8 import declared_character_set

GOLDEN = Path(__file__).parents[2] / "golden" / "charsets"
VECTORS = [
    v for path in sorted(GOLDEN.glob("*.json")) for v in json.loads(path.read_text())["vectors"]
]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: v["name"])
def test_golden_vector(vector):
    raw = bytes.fromhex(vector["bytes"])
    decoded = decode_text(raw, vector["vr"], parse_character_set(vector["charset"]), "00100010")
    assert decoded.text == vector["text"]
    assert split_values(decoded.text, vector["vr"]) == vector["values"]
    assert [f"{r.kind}:{r.used}" for r in decoded.repairs] == vector["repairs"]
    assert decoded.original == raw
    assert all(r.original == raw and r.tag == "00100010" for r in decoded.repairs)


@pytest.mark.parametrize(
    ("declared", "codec", "flaw"),
    [
        ("ISO_IR192", "utf_8", "label"),
        ("utf-8", "utf_8", "label"),
        ("gb2312", "gb18030", "label"),
        ("GB-18030", "gb18030", "label"),
        ("ISO IR 100", "latin_1", "label"),
        ("KLINGON", "ascii", "unknown"),
        ("\\GB18030", "gb18030", "combination"),
        ("ISO_IR 58", "", "label"),
        ("ISO_IR 192", "utf_8", None),
        ("", "ascii", None),
    ],
)
def test_label_is_understood(declared, codec, flaw):
    charset = parse_character_set(declared)
    assert (charset.codec, charset.flaw) == (codec, flaw)
    repair = label_repair(charset)
    assert (repair is None) == (flaw is None)


def test_misspelt_gb2312_term_reads_plain_and_escaped_text():
    charset = parse_character_set("ISO_IR 58")
    plain = decode_text("张三".encode("gb2312"), "PN", charset)
    escaped = decode_text(b"\x1b$)A\xd5\xc5\xc8\xfd", "PN", charset)
    assert plain.text == escaped.text == "张三"


def test_override_wins_and_is_recorded():
    charset = parse_character_set("ISO_IR 144", override="GBK")
    assert decode_text("张三".encode("gbk"), "PN", charset).text == "张三"
    repair = label_repair(charset)
    assert repair is not None
    assert repair.kind == "overridden"


def test_override_latin1_is_believed():
    """A hospital with Portuguese names can switch the detection off."""
    charset = parse_character_set("", override="ISO_IR 100")
    assert decode_text(b"\xd5\xc5\xc8\xfd", "PN", charset).text == "ÕÅÈý"


def test_unknown_override_is_refused():
    with pytest.raises(CharacterSetUnknownError):
        parse_character_set("", override="KLINGON")


def test_one_rare_character_needs_a_witness_in_the_same_data_set():
    charset = parse_character_set("ISO_IR 100")
    raw = "镕".encode("gbk")
    assert decode_text(raw, "PN", charset).text != "镕"
    assert decode_text(raw, "PN", charset, gb_seen=True).text == "镕"


def test_peer_that_demands_gbk_gets_no_question_mark():
    assert encode_for_peer("张三", "GBK") == "张三".encode("gbk")
    assert encode_for_peer("𠮷", "GB18030").decode("gb18030") == "𠮷"
    with pytest.raises(LossyTextError) as caught:
        encode_for_peer("𠮷田", "GBK")
    assert caught.value.facts["characters"] == 1
    assert "𠮷" not in str(caught.value)


def test_repair_as_json_keeps_the_bytes():
    raw = "张三".encode("gbk")
    (repair,) = decode_text(raw, "PN", parse_character_set(""), "00100010").repairs
    assert repair.as_json() == {
        "tag": "00100010",
        "kind": "relabelled",
        "declared": "",
        "used": "gb18030",
        "original": "1cXI/Q==",
    }


@pytest.mark.data
def test_every_file_of_the_character_set_collection():
    root = os.environ.get("XINGLIN_DATA")
    if root is None:
        pytest.skip("XINGLIN_DATA is not set")
    archive = zipfile.ZipFile(Path(root) / "dicom" / "charsets.zip")
    names = {n.rsplit("__")[-1]: archive.read(n) for n in archive.namelist() if "__" in n}
    seen = 0
    for file, content in names.items():
        dataset = dcmread(io.BytesIO(content), force=True)
        declared = declared_character_set(dataset)
        raw = dataset.get_item(0x00100010)
        if raw is None or not raw.value:
            continue
        decoded = decode_text(raw.value, "PN", parse_character_set(declared))
        assert decoded.text.rstrip("=") == EXPECTED[file], file
        assert decoded.repairs == (), file
        seen += 1
    assert seen == 17


# From the collection's own documentation (D. Clunie's samples, PS3.5 annexes).
EXPECTED = {
    "GH1301.dcm": "Wang^XiaoDong=王^小东",
    "chrGB2312.dcm": "Zhang^XiaoDong=张^小东",
    "chrArab.dcm": "قباني^لنزار",
    "chrFren.dcm": "Buc^Jérôme",
    "chrFrenMulti.dcm": "Buc^Jérôme",
    "chrGerm.dcm": "Äneas^Rüdiger",
    "chrGreek.dcm": "Διονυσιος",
    "chrH31.dcm": "Yamada^Tarou=山田^太郎=やまだ^たろう",
    "chrH32.dcm": "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう",
    "chrHbrw.dcm": "שרון^דבורה",
    "chrI2.dcm": "Hong^Gildong=洪^吉洞=홍^길동",
    "chrJapMulti.dcm": "やまだ^たろう",
    "chrJapMultiExplicitIR6.dcm": "やまだ^たろう",
    "chrKoreanMulti.dcm": "김희중",
    "chrRuss.dcm": "Люкceмбypг",
    "chrX1.dcm": "Wang^XiaoDong=王^小東",
    "chrX2.dcm": "Wang^XiaoDong=王^小东",
}

HAN = st.sampled_from(
    [chr(c) for c in range(0x4E00, 0x9FA6, 7)] + ["𠮷", "𠀀", "㐂", "乗", "區", "刕", "榎"]
)
NAME = st.lists(HAN, min_size=1, max_size=6).map("".join)


@settings(deadline=None, derandomize=True)
@given(st.lists(NAME, min_size=1, max_size=3).map("^".join))
def test_declared_gb18030_round_trips(name):
    assert decode_text(name.encode("gb18030"), "PN", parse_character_set("GB18030")).text == name


@settings(deadline=None, derandomize=True)
@given(st.lists(NAME, min_size=1, max_size=3).map("^".join))
def test_declared_utf8_round_trips(name):
    decoded = decode_text(name.encode(), "PN", parse_character_set("ISO_IR 192"))
    assert decoded.text == name
    assert decoded.repairs == ()


@settings(deadline=None, derandomize=True)
@given(st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF), min_size=1, max_size=8))
def test_utf8_under_no_label_is_always_recognised(name):
    assert decode_text(name.encode(), "PN", parse_character_set("")).text == name


GB2312_LEVEL_1 = [bytes([a, b]).decode("gb2312") for a in range(0xB0, 0xD7) for b in (0xA1, 0xC5)]


@settings(deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(GB2312_LEVEL_1), min_size=1, max_size=4).map("".join))
def test_common_names_under_a_wrong_label_are_recognised(name):
    """The exception is text that is valid UTF-8 as well, which two bytes a character can be."""
    raw = name.encode("gb2312")
    text = decode_text(raw, "PN", parse_character_set("ISO_IR 100")).text
    try:
        raw.decode("utf_8")
    except UnicodeDecodeError:
        assert text == name
    else:
        assert has_han(text)


@settings(deadline=None, derandomize=True)
@given(
    st.text(st.sampled_from("abcdefghijklmnopqrstuvwxyz"), min_size=2, max_size=5),
    st.sampled_from("éèêëàâäåçñöôøüûÿßÉÖÜÑ"),
    st.text(st.sampled_from("abcdefghijklmnopqrstuvwxyz"), min_size=1, max_size=5),
)
def test_latin_words_with_an_accent_stay_latin(before, accent, after):
    name = before + accent + after
    decoded = decode_text(name.encode("latin_1"), "PN", parse_character_set("ISO_IR 100"))
    assert (decoded.text, decoded.repairs) == (name, ())


LABELS = sorted({*SINGLE, *INITIAL, "X", "\\ISO 2022 IR 58", "\\ISO 2022 IR 87\\ISO 2022 IR 159"})


@settings(deadline=None, derandomize=True)
@given(st.binary(max_size=64), st.sampled_from(LABELS), st.sampled_from(["PN", "LO", "LT"]))
def test_no_bytes_and_no_label_raise(raw, label, vr):
    decoded = decode_text(raw, vr, parse_character_set(label))
    assert decoded.original == raw
    decoded.text.encode("utf_8")
    if "\ufffd" in decoded.text and b"\xef\xbf\xbd" not in raw:
        assert decoded.repairs


@settings(deadline=None, derandomize=True)
@given(st.lists(st.one_of(
    st.sampled_from([b"\x1b$)A", b"\x1b(B", b"\x1b$B", b"\x1b)I", b"\x1b(J", b"^", b"=", b"\\"]),
    st.binary(max_size=4)), max_size=12).map(b"".join))  # fmt: skip
def test_broken_escapes_never_raise(raw):
    for label in ("\\ISO 2022 IR 58", "ISO 2022 IR 13\\ISO 2022 IR 87", ""):
        decode_text(raw, "PN", parse_character_set(label)).text.encode("utf_8")


@settings(deadline=None, derandomize=True)
@given(st.text(st.sampled_from("山田太郎やまだたろう"), min_size=1, max_size=8))
def test_japanese_agrees_with_pydicom(text):
    raw = text.encode("iso2022_jp")
    theirs = decode_bytes(raw, ["ascii", "iso2022_jp"], {0x5C})
    assert decode_text(raw, "LO", parse_character_set("\\ISO 2022 IR 87")).text == theirs


@settings(deadline=None, derandomize=True)
@given(st.text(st.sampled_from("홍길동김희중洪吉洞"), min_size=1, max_size=8))
def test_korean_agrees_with_pydicom(text):
    raw = b"\x1b$)C" + text.encode("euc_kr")
    theirs = decode_bytes(raw, ["ascii", "euc_kr"], {0x5C})
    assert decode_text(raw, "LO", parse_character_set("\\ISO 2022 IR 149")).text == theirs


def test_han_covers_the_extensions():
    assert all(is_han(c) for c in "张㐂𠮷𠀀〇々\U00031350")
    assert not any(is_han(c) for c in "aé·やﾔ홍，。")
