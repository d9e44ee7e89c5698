"""File meta written by hand reads back as pydicom writes it."""

import io

import pydicom
import pytest
from pydicom.dataset import FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_file_meta_info

from edge.intake.file_meta import file_prefix
from edge.intake.net.pdu import IMPLEMENTATION_CLASS_UID
from edge.intake.net.sink import StoreCommand

CT, EXPLICIT = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.1.2.1"


@pytest.mark.parametrize(
    ("instance", "ae"), [("1.2.3", "A"), ("1.2.34", "STORESCU"), ("2.25.1", "")]
)
def test_same_bytes_as_pydicom(instance, ae):
    meta = FileMetaDataset()
    meta.FileMetaInformationVersion = b"\x00\x01"
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = CT, instance
    meta.TransferSyntaxUID = EXPLICIT
    meta.ImplementationClassUID = IMPLEMENTATION_CLASS_UID
    meta.ImplementationVersionName = "XINGLIN_0_1"
    if ae:
        meta.SourceApplicationEntityTitle = ae
    out = DicomBytesIO()
    out.is_little_endian, out.is_implicit_VR = True, False
    out.write(b"\0" * 128 + b"DICM")
    write_file_meta_info(out, meta, enforce_standard=True)
    prefix = file_prefix(StoreCommand(CT, "", EXPLICIT, 1, ae), instance)
    assert prefix == out.getvalue()
    assert pydicom.dcmread(io.BytesIO(prefix)).file_meta.MediaStorageSOPInstanceUID == instance
