"""Pixels of every transfer syntax, and refusals before anything is allocated."""

import io
import tracemalloc
import zlib

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

from core.dicom.codestream import CodestreamSize, codestream_size
from core.dicom.input_errors import (
    CodestreamError,
    DecodingError,
    DicomNestingError,
    FileSizeError,
    PixelBombError,
    PixelDescriptionError,
    PixelsMissingError,
    PixelsShortError,
    TransferSyntaxError,
)
from core.dicom.parse import parse_dicom
from core.dicom.pixels import DEFLATED_FRAME, PixelLimits, stored_frames
from core.dicom.rle import packbits_decoded
from tests import input_cases as cases

RNG = np.random.default_rng(7)
SIGNED = RNG.integers(-2000, 3000, (3, 24, 30)).astype(np.int16)
REVERSIBLE = [cases.JPEG_LOSSLESS, cases.JPEG_LS, cases.JPEG_2000, cases.HTJ2K, str(RLELossless)]


def frames_of(data):
    return np.stack(list(stored_frames(data)))


@pytest.mark.parametrize("syntax", REVERSIBLE)
@pytest.mark.parametrize("count", [1, 3])
def test_reversible_codestreams_give_the_stored_values(syntax, count):
    stored = SIGNED[0] if count == 1 else SIGNED
    decoded = frames_of(cases.compressed(stored, syntax))
    assert decoded.dtype == np.int16
    assert np.array_equal(decoded, SIGNED[:count])


def test_baseline_jpeg_is_close():
    smooth = np.tile(np.arange(0, 200, 2, dtype=np.uint8), (40, 1))
    decoded = frames_of(cases.compressed(smooth, cases.JPEG_BASELINE))[0]
    assert np.abs(decoded.astype(int) - smooth).max() <= 4


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_other_native_encodings_round_trip(syntax):
    data = cases.image(SIGNED)
    if syntax == ExplicitVRBigEndian:
        data.PixelData = SIGNED.astype(">i2").tobytes()
    data.file_meta.TransferSyntaxUID = syntax
    written = dcmread(io.BytesIO(cases.encoded(data)))
    decoded = frames_of(written)
    assert decoded.dtype.isnative
    assert np.array_equal(decoded, SIGNED)


def test_deflated_file_and_its_pixels():
    data = cases.image(SIGNED)
    data.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    content = cases.encoded(data)
    parsed = parse_dicom(io.BytesIO(content), len(content))
    assert parsed.file_meta.TransferSyntaxUID == DeflatedExplicitVRLittleEndian
    assert np.array_equal(frames_of(parsed), SIGNED)


def test_deflate_bomb_is_refused_without_inflating_it():
    data = cases.image(SIGNED)
    data.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    head = cases.encoded(data)
    meta = head[: 144 + int.from_bytes(head[140:144], "little")]
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    zeros = bytes(1 << 20)
    bomb = meta + b"".join(packer.compress(zeros) for _ in range(250)) + packer.flush()
    with pytest.raises(FileSizeError):
        parse_dicom(io.BytesIO(bomb), len(bomb))


def test_file_without_preamble_and_meta():
    data = cases.image(SIGNED)
    data.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    content = cases.encoded(data)
    bare = content[144 + int.from_bytes(content[140:144], "little") :]
    parsed = parse_dicom(io.BytesIO(bare), len(bare))
    assert np.array_equal(frames_of(parsed), SIGNED)


def test_unused_high_bits_are_removed_and_signs_extended():
    values = RNG.integers(-2048, 2048, (10, 12)).astype(np.int16)
    rubbish = (values & 0x0FFF) | (RNG.integers(0, 16, values.shape).astype(np.int16) << 12)
    signed = cases.image(rubbish, BitsStored=12, HighBit=11)
    assert np.array_equal(frames_of(signed)[0], values)
    unsigned = cases.image(rubbish.view(np.uint16), BitsStored=12, HighBit=11)
    assert np.array_equal(frames_of(unsigned)[0], values & 0x0FFF)


def test_high_bit_above_the_stored_bits():
    values = RNG.integers(0, 4096, (10, 12)).astype(np.uint16)
    shifted = cases.image(values << 4, BitsStored=12, HighBit=15)
    assert np.array_equal(frames_of(shifted)[0], values)


def test_deflated_frames_of_single_bits():
    bits = RNG.integers(0, 2, (2, 16, 24)).astype(np.uint8)
    packed = [np.packbits(frame, axis=None, bitorder="little").tobytes() for frame in bits]
    codes = []
    for frame in packed:
        packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
        codes.append(packer.compress(frame) + packer.flush())
    data = cases.image(bits, BitsAllocated=1, BitsStored=1, HighBit=0)
    data.file_meta.TransferSyntaxUID = DEFLATED_FRAME
    data.PixelData = encapsulate(codes)
    assert np.array_equal(frames_of(data), bits)


def test_packbits_runs_literals_and_rests():
    assert packbits_decoded(bytes([2, 1, 2, 3, 254, 9, 128, 0, 7]), 100) == bytes(
        [1, 2, 3, 9, 9, 9, 7]
    )
    assert packbits_decoded(bytes([129, 5]), 4) == bytes([5] * 4)


def test_declared_size_is_refused_before_allocation():
    data = cases.image(SIGNED, Rows=60000, Columns=60000)
    tracemalloc.start()
    with pytest.raises(PixelBombError):
        frames_of(data)
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()


def test_many_frames_are_refused_before_allocation():
    with pytest.raises(PixelBombError):
        frames_of(cases.image(SIGNED, NumberOfFrames=2_000_000_000))
    with pytest.raises(PixelBombError):
        list(stored_frames(cases.image(SIGNED), PixelLimits(frames=2)))


def test_codestream_of_another_size_never_reaches_a_decoder():
    data = cases.compressed(np.zeros((64, 64), np.uint16), cases.JPEG_LS, Rows=8, Columns=8)
    with pytest.raises(CodestreamError):
        frames_of(data)


@pytest.mark.parametrize(
    ("elements", "refusal"),
    [
        ({"Rows": 0}, PixelDescriptionError),
        ({"BitsAllocated": 12}, PixelDescriptionError),
        ({"BitsStored": 20}, PixelDescriptionError),
        ({"HighBit": 3}, PixelDescriptionError),
        ({"PixelRepresentation": 7}, PixelDescriptionError),
        ({"PixelData": b""}, PixelsMissingError),
        ({"PixelData": bytes(100)}, PixelsShortError),
    ],
)
def test_contradictory_descriptions_are_refused(elements, refusal):
    with pytest.raises(refusal):
        frames_of(cases.image(SIGNED, **elements))


def test_unknown_transfer_syntax():
    data = cases.image(SIGNED)
    data.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.100"
    with pytest.raises(TransferSyntaxError):
        frames_of(data)


def test_broken_and_missing_frames():
    data = cases.compressed(SIGNED, cases.JPEG_LS)
    data.NumberOfFrames = 5
    with pytest.raises(PixelsShortError):
        frames_of(data)
    data = cases.compressed(SIGNED[0], cases.JPEG_LS)
    data.PixelData = encapsulate([b"\xff\xd8 no image at all"])
    with pytest.raises(DecodingError):
        frames_of(data)


def test_sequences_nested_thousandfold():
    item = b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
    nested = (b"\x08\x00\x40\x11\xff\xff\xff\xff" + item) * 3000
    with pytest.raises(DicomNestingError):
        parse_dicom(io.BytesIO(nested), len(nested))


def test_codestream_sizes():
    frame = np.zeros((11, 13), np.uint16)
    for syntax in (cases.JPEG_LOSSLESS, cases.JPEG_LS, cases.JPEG_2000, cases.HTJ2K):
        data = cases.compressed(frame, syntax)
        code = data.PixelData[20:]
        assert codestream_size(code) == CodestreamSize(11, 13, 1, 16), syntax
    assert codestream_size(b"") is None
    assert codestream_size(b"\xff\xd8\xff") is None
    assert codestream_size(b"\xff\x4f\xff\x51" + bytes(10)) is None


@pytest.mark.data
def test_one_ct_in_every_transfer_syntax_of_the_real_set():
    decoded = {}
    for name, content in cases.members("dicom/transfer_syntaxes.zip"):
        data = parse_dicom(io.BytesIO(content), len(content))
        frame = next(iter(stored_frames(data)))
        assert frame.shape[:2] == (data.Rows, data.Columns), name
        if "CTImage" in name:
            decoded[name.rpartition("_1.2.")[0].rpartition("dcm_")[2]] = frame.astype(int)
    assert len(decoded) == 16
    plain = decoded["LittleEndianExplicitTransferSyntax"]
    lossy = {name for name in decoded if "Lossy" in name or "JPEG2000T" in name}
    # Processes 1, 2/4, 6/8 and 10/12 were made from other value ranges.
    ranged = {
        name
        for name in decoded
        if name.startswith(("JPEGProcess1T", "JPEGProcess2_4", "JPEGProcess6", "JPEGProcess10"))
    }
    assert (len(lossy), len(ranged)) == (2, 4)
    for syntax, frame in decoded.items():
        if syntax in ranged:
            assert np.corrcoef(frame.ravel(), plain.ravel())[0, 1] > 0.9, syntax
        else:
            assert np.abs(frame - plain).max() <= (40 if syntax in lossy else 0), syntax
    twelve = [decoded[name] for name in ranged if not name.startswith("JPEGProcess1T")]
    assert max(np.abs(one - twelve[0]).max() for one in twelve) <= 2


@pytest.mark.data
def test_fragments_and_offset_tables_of_the_real_set():
    reference = {}
    results = {}
    for name, content in cases.members("dicom/encapsulation.zip"):
        data = parse_dicom(io.BytesIO(content), len(content))
        if "report" in name or "wave" in name:
            with pytest.raises(PixelsMissingError):
                frames_of(data)
            continue
        stem = name.partition("__")[2].partition(".")[0]
        results[name] = (stem, frames_of(data))
        if "explicit" in name:
            reference[stem] = results[name][1]
    assert len(results) == 18
    for name, (stem, frames) in results.items():
        if stem in reference and not name.endswith(("51.dcm", "81.dcm")):
            assert np.array_equal(frames, reference[stem]), name


@pytest.mark.data
def test_pixels_agree_with_pydicom_on_every_sample():
    compared = 0
    for archive in ("objects", "pydicom_samples"):
        for name, content in cases.members(f"dicom/{archive}.zip"):
            try:
                theirs = dcmread(io.BytesIO(content)).pixel_array
            except Exception:  # noqa: BLE001 - samples that pydicom cannot decode
                continue
            data = parse_dicom(io.BytesIO(content), len(content))
            if "PixelData" not in data or data.SamplesPerPixel != 1:
                continue
            ours = frames_of(data)
            worst = np.abs(ours.reshape(theirs.shape).astype(float) - theirs).max()
            assert worst <= (1 if "JPGExtended" in name else 0), name
            compared += 1
    assert compared > 50
