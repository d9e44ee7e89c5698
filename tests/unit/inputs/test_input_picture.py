"""A picture becomes an object that says so, and invents nothing."""

import io
import shutil
import subprocess

import numpy as np
import pytest
from PIL import Image

from core.dicom.facts import image_facts
from core.dicom.input_errors import PictureBrokenError, PictureSizeError
from core.dicom.parse import parse_dicom
from core.dicom.picture import read_picture, wrap_as_dx
from core.imaging.reading import read_radiograph
from core.imaging.series import choose_series
from core.imaging.summary import summarise
from tests import input_cases as cases

RAMP = np.tile(np.arange(200, dtype=np.uint8), (100, 1))


def picture(pixels, form="PNG", **options):
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, form, **options)
    return out.getvalue()


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_the_object_says_that_it_was_a_picture(form):
    data = wrap_as_dx(picture(RAMP, form), "CR")
    assert (data.Modality, data.ConversionType, data.BurnedInAnnotation) == ("CR", "WSD", "YES")
    assert "PICTURE" in data.ImageType
    assert form in data.DerivationDescription
    assert data.LossyImageCompression == ("01" if form == "JPEG" else "00")
    assert not {"PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing"} & {
        e.keyword for e in data
    }
    assert data.StudyDate == data.PatientBirthDate == ""


def test_the_same_picture_is_the_same_object():
    one, again, other = (wrap_as_dx(picture(p)) for p in (RAMP, RAMP, RAMP[:, ::-1].copy()))
    uids = [one.StudyInstanceUID, one.SeriesInstanceUID, one.SOPInstanceUID]
    assert all(uid.is_valid and uid.startswith("2.25.") for uid in uids)
    assert len(set(uids)) == 3
    assert uids == [again.StudyInstanceUID, again.SeriesInstanceUID, again.SOPInstanceUID]
    assert other.SOPInstanceUID != one.SOPInstanceUID


def test_pixels_survive_writing_and_are_chosen_for_analysis():
    deep = (np.arange(90 * 80).reshape(90, 80) * 9).astype(np.uint16)
    content = cases.encoded(wrap_as_dx(picture(deep)))
    data = parse_dicom(io.BytesIO(content), len(content))
    radiograph = read_radiograph(data)
    assert np.array_equal(radiograph.pixels, deep)
    assert (radiograph.bits_stored, radiograph.spacing_mm) == (16, None)
    choice = choose_series(summarise([image_facts(data)]))
    assert (choice.modality, choice.sop_uid) == ("DX", data.SOPInstanceUID)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "LA", "1", "L"])
def test_every_kind_of_picture_becomes_grey(mode):
    out = io.BytesIO()
    Image.fromarray(RAMP).convert(mode).save(out, "PNG")
    found = read_picture(out.getvalue())
    assert (found.pixels.shape, found.bits) == (RAMP.shape, 8)
    if mode not in ("1", "P"):
        assert np.abs(found.pixels.astype(int) - RAMP).max() <= 1
    assert found.was_colour == (mode in ("RGB", "RGBA", "P"))


def test_a_phones_picture_is_turned_as_it_was_held():
    held = RAMP.copy()
    held[:20, :20] = 255
    for orientation, turn in ((6, Image.Transpose.ROTATE_90), (8, Image.Transpose.ROTATE_270),
                              (3, Image.Transpose.ROTATE_180)):  # fmt: skip
        exif, out = Image.Exif(), io.BytesIO()
        exif[0x0112] = orientation
        Image.fromarray(held).transpose(turn).save(out, "PNG", exif=exif)
        assert np.array_equal(read_picture(out.getvalue()).pixels, held)


@pytest.mark.parametrize("notes", [b"Exif\0\0nonsense", b"Exif\0\0II*\0\xff\xff\xff\xff"])
def test_notes_that_cannot_be_read_change_nothing(notes):
    found = read_picture(picture(RAMP, "JPEG", quality=95, exif=notes))
    assert found.pixels.shape == RAMP.shape


def test_refusals():
    whole = picture(RAMP)
    for broken in (b"", whole[:100], whole[:-40], b"\x89PNG\r\n\x1a\n" + bytes(50), b"GIF89a"):
        with pytest.raises(PictureBrokenError):
            read_picture(broken)
    with pytest.raises(PictureSizeError):
        read_picture(picture(RAMP[:20]))
    header = bytearray(whole)
    header[16:24] = (40_000).to_bytes(4) + (40_000).to_bytes(4)
    with pytest.raises((PictureSizeError, PictureBrokenError)):
        read_picture(bytes(header))


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dicom3tools is not installed")
@pytest.mark.parametrize("pixels", [RAMP, RAMP.astype(np.uint16) * 200])
def test_dciodvfy_finds_no_error(tmp_path, pixels):
    path = tmp_path / "wrapped.dcm"
    path.write_bytes(cases.encoded(wrap_as_dx(picture(pixels))))
    found = subprocess.run(["dciodvfy", path], capture_output=True, text=True, check=False)
    assert "SCImage" in found.stderr
    assert "Error" not in found.stderr
