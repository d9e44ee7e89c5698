"""Radiographs that are wrong or unusual, made from one NIH radiograph (NIH Clinical Center); no
measuring here."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import UID, DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian
from scipy import ndimage as ndi

from federated.training.dr_data import data_folder, decode, in_teaching_half, told_members
from tests.bench.bad_input_ct import Made

Grey = NDArray[np.float32]


def frontal(number: int = 8) -> Grey:
    """Return a normal radiograph of the reporting half, 0...255."""
    held_out = [
        m for m in told_members(data_folder(), "nih_normal") if not in_teaching_half(m.group)
    ]
    return decode(held_out[number].encoded)


def dx(pixels: Grey, **elements: Any) -> FileDataset:
    """Return a Digital X-Ray Image, 12 bits, of 0...255 grey values."""
    values = np.clip(np.rint(pixels * 16.0), 0, 4095).astype("<u2")
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = DigitalXRayImageStorageForPresentation
    meta.MediaStorageSOPInstanceUID = UID("1.2.826.0.1.1")
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
    data.SOPClassUID, data.SOPInstanceUID = DigitalXRayImageStorageForPresentation, "1.2.826.0.1.1"
    data.StudyInstanceUID, data.SeriesInstanceUID = "1.2.826.0.1", "1.2.826.0.1.0"
    data.PatientID, data.Modality, data.ViewPosition = "P1", "DX", "PA"
    data.BodyPartExamined, data.PhotometricInterpretation = "CHEST", "MONOCHROME2"
    data.ImageType = ["ORIGINAL", "PRIMARY", ""]
    data.PixelSpacing = data.ImagerPixelSpacing = [0.7, 0.7]
    data.Rows, data.Columns = values.shape
    data.SamplesPerPixel = 1
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 12, 11, 0
    data.PixelData = values.tobytes()
    data["PixelData"].VR = "OW"
    for keyword, value in elements.items():
        setattr(data, keyword, value)
    return data


def phone(pixels: Grey, seed: int = 5) -> NDArray[np.uint8]:
    """Return a phone's photograph of a light box: perspective, glare, moiré, lettering, colour."""
    draw = np.random.default_rng(seed)
    side = 900
    film = ndi.zoom(pixels, side / pixels.shape[0], order=1)
    rows, columns = np.mgrid[0:1200, 0:1000].astype(np.float32)
    # A projective map of the picture into the film: the lower edge is nearer.
    depth = 1.0 + 0.16 * (rows - 600) / 1200 + 0.05 * (columns - 500) / 1000
    down, across = (rows - 150) * depth, (columns - 60 - 0.03 * rows) * depth
    seen = ndi.map_coordinates(film, [down, across], order=1, mode="constant", cval=6.0)
    glare = 70 * np.exp(-(((rows - 380) / 130) ** 2 + ((columns - 690) / 170) ** 2))
    moire = 5 * np.sin(rows * 0.9 + 0.15 * columns) * np.sin(columns * 0.83)
    shade = 1.0 - 0.25 * np.hypot(rows - 600, columns - 500) / 780
    lit = np.clip((seen * 0.85 + glare + moire) * shade + draw.normal(0, 4, seen.shape), 0, 255)
    picture = Image.fromarray(
        np.stack([lit, lit * 0.97, np.minimum(lit * 1.06 + 4, 255)], 2).astype(np.uint8)
    )
    pen = ImageDraw.Draw(picture)
    pen.text((90, 170), "COUNTY HOSPITAL 2026-03-04  F 34Y", fill=(255, 255, 255), font_size=24)
    pen.text((860, 200), "R", fill=(255, 255, 255), font_size=60)
    return np.asarray(picture)


def encoded(picture: NDArray[np.uint8], form: str, turned: int = 0) -> bytes:
    """Return PNG or JPEG bytes; ``turned`` is an Exif orientation that tells the stored turn."""
    stored = Image.fromarray(picture)
    exif = Image.Exif()
    if turned == 6:
        stored, exif[0x0112] = stored.transpose(Image.Transpose.ROTATE_90), 6
    out = io.BytesIO()
    stored.save(out, form, quality=80, exif=exif)
    return out.getvalue()


def with_pacemaker(pixels: Grey) -> Grey:
    """Put a pacemaker and its lead over the patient's left upper zone."""
    picture = Image.fromarray(pixels.astype(np.uint8))
    pen = ImageDraw.Draw(picture)
    pen.rounded_rectangle((360, 95, 415, 140), 14, fill=255)
    pen.line([(360, 120), (320, 150), (290, 230), (280, 330), (300, 380)], fill=250, width=3)
    return np.asarray(picture, np.float32)


def with_breasts(pixels: Grey) -> Grey:
    """Lay soft tissue over both lower halves."""
    rows, columns = np.mgrid[0:512, 0:512] / 512
    soft = sum(
        ndi.gaussian_filter((np.hypot(rows - 0.68, columns - at) < 0.17).astype(np.float32), 4)
        for at in (0.29, 0.73)
    )
    veiled: Grey = np.clip(pixels + 38.0 * soft, 0, 255).astype(np.float32)
    return veiled


def white_lung(pixels: Grey) -> Grey:
    """Make the patient's left half white, as a collapsed or drowned lung does."""
    columns = np.arange(512)[None, :]
    share = 1 / (1 + np.exp(-(columns - 268) / 8.0))
    body = ndi.gaussian_filter((pixels > 25).astype(np.float32), 6)
    white: Grey = (pixels + share * body * (205.0 - pixels) * 0.95).astype(np.float32)
    return white


def files() -> Iterator[tuple[str, FileDataset | bytes]]:
    """Yield each radiograph: a data set, or the bytes of a picture."""
    plain = frontal()
    small = np.full_like(plain, 8.0)
    small[100:407, 102:409] = ndi.zoom(plain, 0.6, order=1)
    yield "DR clean (NIH)", dx(plain)
    yield "DR MONOCHROME1, rightly told", dx(255 - plain, PhotometricInterpretation="MONOCHROME1")
    yield "DR MONOCHROME1, wrongly told", dx(plain, PhotometricInterpretation="MONOCHROME1")
    yield "DR of a child (006Y)", dx(plain, PatientAge="006Y")
    yield "DR of a child by dates", dx(plain, PatientBirthDate="20200101", StudyDate="20260304")
    yield "DR small in a large field", dx(small)
    yield "DR left half white", dx(white_lung(plain))
    yield "DR right half black (one lung cut off)", dx(_cut(plain))
    yield "DR pacemaker", dx(with_pacemaker(plain))
    yield "DR breasts", dx(with_breasts(plain))
    yield "DR mirrored, header silent", dx(np.ascontiguousarray(plain[:, ::-1]))
    yield "DR pixels 0.7 x 1.4 mm", dx(plain[:, ::2], PixelSpacing=[0.7, 1.4],
                                       ImagerPixelSpacing=[0.7, 1.4])  # fmt: skip
    yield "DR squeezed, header silent", dx(np.ascontiguousarray(plain[:, ::2]))
    yield "DR 4096 x 4096", dx(ndi.zoom(plain, 8, order=1))
    yield "DR 80 x 80", dx(ndi.zoom(plain, 80 / 512, order=1))
    yield "DR 48 x 48", dx(ndi.zoom(plain, 48 / 512, order=1))
    yield "DR one grey value", dx(np.full_like(plain, 90.0))
    yield "DR rescale slope 0", dx(plain, RescaleSlope="0", RescaleIntercept="0")
    yield "DR rescale slope -1, intercept 4095", dx(plain, RescaleSlope="-1",
                                                    RescaleIntercept="4095")  # fmt: skip
    yield "DR colour", dx(plain, SamplesPerPixel=3, PhotometricInterpretation="RGB")
    yield "DR two frames", dx(plain, NumberOfFrames=2)
    yield "DR lower half missing", dx(np.concatenate([plain[:256], np.zeros_like(plain[256:])]))
    yield "DR called a knee", dx(plain, BodyPartExamined="KNEE")
    yield "DR lateral by the header", dx(plain, ViewPosition="LL")
    grey = np.clip(plain, 0, 255).astype(np.uint8)
    yield "picture PNG, 8 bits", encoded(grey, "PNG")
    yield "picture JPEG, 8 bits", encoded(grey, "JPEG")
    yield "picture of a phone", encoded(phone(plain), "JPEG")
    yield "picture of a phone, turned by Exif", encoded(phone(plain), "JPEG", 6)
    yield "picture of a phone, turned, no Exif", encoded(np.rot90(phone(plain)).copy(), "JPEG")
    yield "picture reversed", encoded(255 - grey, "PNG")
    yield "picture of lettering only", encoded(_letters(), "PNG")


def _cut(pixels: Grey) -> Grey:
    cut = pixels.copy()
    cut[:, 262:] = 0.0
    return cut


def _letters() -> NDArray[np.uint8]:
    picture = Image.new("L", (512, 512), 255)
    pen = ImageDraw.Draw(picture)
    for row in range(20):
        pen.text((30, 24 * row + 10), "Report of the radiology department " * 2, fill=0)
    return np.asarray(picture)


def dr_studies(folder: Path) -> Iterator[Made]:
    """Write each radiograph when it is asked for."""
    for number, (name, content) in enumerate(files()):
        target = folder / f"dr{number:02d}"
        target.mkdir()
        if isinstance(content, bytes):
            kind = "png" if content[:4] == b"\x89PNG" else "jpg"
            (target / f"picture.{kind}").write_bytes(content)
        else:
            content.save_as(target / "0001.dcm", enforce_file_format=True)
        yield Made(name, target)
