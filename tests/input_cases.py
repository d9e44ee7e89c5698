"""Small images, files and archives that the input tests share."""

import io
import os
import struct
import zipfile
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, RLELossless

CT = "1.2.840.10008.5.1.4.1.1.2"
ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.1"
DX = "1.2.840.10008.5.1.4.1.1.1.1"
JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
JPEG_LOSSLESS = "1.2.840.10008.1.2.4.70"
JPEG_LS = "1.2.840.10008.1.2.4.80"
JPEG_2000 = "1.2.840.10008.1.2.4.90"
HTJ2K = "1.2.840.10008.1.2.4.201"


def data_folder():
    """Return the folder of real studies, or skip."""
    folder = os.environ.get("XINGLIN_DATA")
    if not folder:
        pytest.skip("XINGLIN_DATA is not set: the real studies are not here")
    return Path(folder)


def members(archive):
    """Yield (name, bytes) of every DICOM member of an archive of the real studies."""
    with zipfile.ZipFile(data_folder() / archive) as opened:
        for info in opened.infolist():
            if not info.is_dir():
                yield info.filename, opened.read(info)


def image(stored, **elements):
    """Return a CT data set around stored values, explicit VR little endian."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = CT
    meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    data = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
    data.SOPClassUID = CT
    data.SOPInstanceUID = "1.2.3.4"
    data.StudyInstanceUID = "1.2.3"
    data.SeriesInstanceUID = "1.2.3.1"
    data.PatientID = "P1"
    data.Modality = "CT"
    data.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    frames = stored.shape[0] if stored.ndim == 3 else 1
    if frames > 1:
        data.NumberOfFrames = frames
    data.Rows, data.Columns = stored.shape[-2:]
    data.SamplesPerPixel = 1
    data.PhotometricInterpretation = "MONOCHROME2"
    bits = stored.dtype.itemsize * 8
    data.BitsAllocated, data.BitsStored, data.HighBit = bits, bits, bits - 1
    data.PixelRepresentation = int(stored.dtype.kind == "i")
    data.PixelData = stored.astype(stored.dtype.newbyteorder("<")).tobytes()
    data["PixelData"].VR = "OW"
    for keyword, value in elements.items():
        setattr(data, keyword, value)
    return data


def compressed(stored, syntax, **elements):
    """Return the data set with its frames encoded in a compressed transfer syntax."""
    encode = {
        JPEG_BASELINE: lambda a: imagecodecs.jpeg8_encode(a, level=95),
        JPEG_LOSSLESS: lambda a: imagecodecs.jpeg8_encode(a, lossless=True, bitspersample=16),
        JPEG_LS: imagecodecs.jpegls_encode,
        JPEG_2000: lambda a: imagecodecs.jpeg2k_encode(a, codecformat="j2k", reversible=True),
        HTJ2K: lambda a: imagecodecs.htj2k_encode(a, reversible=True),
        str(RLELossless): rle_encoded,
    }[syntax]
    data = image(stored, **elements)
    frames = stored if stored.ndim == 3 else stored[None]
    unsigned = [np.ascontiguousarray(f.view(f"u{f.dtype.itemsize}")) for f in frames]
    data.PixelData = encapsulate([bytes(encode(f)) for f in unsigned])
    data["PixelData"].VR = "OB"
    data["PixelData"].is_undefined_length = True
    data.file_meta.TransferSyntaxUID = syntax
    return data


def rle_encoded(frame):
    """Encode one frame as DICOM RLE in literal runs (PS3.5 Annex G)."""
    planes = frame.astype(frame.dtype.newbyteorder(">")).view(np.uint8).reshape(-1, frame.itemsize)
    segments = []
    for plane in planes.T:
        raw = plane.tobytes()
        runs = [raw[i : i + 128] for i in range(0, len(raw), 128)]
        coded = b"".join(bytes([len(run) - 1]) + run for run in runs)
        segments.append(coded + b"\0" * (len(coded) % 2))
    starts, at = [], 64
    for segment in segments:
        starts.append(at)
        at += len(segment)
    header = [len(segments), *starts] + [0] * (15 - len(segments))
    return struct.pack("<16I", *header) + b"".join(segments)


def encoded(data):
    """Return a data set as the bytes of a file."""
    plain = Dataset()  # without the memory of an encoding, so that any may be written
    plain.update(data)
    plain.file_meta = data.file_meta
    out = io.BytesIO()
    plain.save_as(out, enforce_file_format=True)
    return out.getvalue()


def ct_slice(number, **elements):
    """Return slice ``number`` of a small axial CT: value in HU = number, 2.5 mm apart."""
    stored = np.full((16, 20), 1024 + number, dtype=np.uint16)
    settings = {
        "SOPInstanceUID": f"1.2.3.1.{number + 1}",
        "ImagePositionPatient": [-10.0, -20.0, -100.0 + 2.5 * number],
        "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
        "PixelSpacing": [0.7, 0.8],
        "SliceThickness": 2.5,
        "RescaleSlope": 1,
        "RescaleIntercept": -1024,
        "InstanceNumber": number + 1,
        "BodyPartExamined": "CHEST",
        "SeriesDescription": "Thorax 2.5",
        **elements,
    }
    return image(stored, **settings)


def enhanced_ct(count=14, flip=True):
    """Return a multi-frame CT whose frames stand head first, frame value in HU = frame index."""
    stored = np.stack([np.full((8, 10), 1024 + n, dtype=np.uint16) for n in range(count)])
    data = image(stored, SOPClassUID=ENHANCED_CT, BodyPartExamined="CHEST")
    shared, orientation, measures, scale = Dataset(), Dataset(), Dataset(), Dataset()
    orientation.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    measures.PixelSpacing = [0.5, 0.6]
    scale.RescaleSlope, scale.RescaleIntercept = 1, -1024
    shared.PlaneOrientationSequence = Sequence([orientation])
    shared.PixelMeasuresSequence = Sequence([measures])
    shared.PixelValueTransformationSequence = Sequence([scale])
    data.SharedFunctionalGroupsSequence = Sequence([shared])
    groups = []
    for n in range(count):
        place, group = Dataset(), Dataset()
        place.ImagePositionPatient = [0.0, 0.0, -3.0 * n if flip else 3.0 * n]
        group.PlanePositionSequence = Sequence([place])
        groups.append(group)
    data.PerFrameFunctionalGroupsSequence = Sequence(groups)
    return data


def radiograph(stored, **elements):
    """Return a DX data set."""
    settings = {
        "Modality": "DX",
        "SOPClassUID": DX,
        "BodyPartExamined": "CHEST",
        "ViewPosition": "PA",
        "ImageType": ["ORIGINAL", "PRIMARY", ""],
        **elements,
    }
    return image(stored, **settings)


def zip_of(entries, path):
    """Write an archive of (name, bytes)."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return path
