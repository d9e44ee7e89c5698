"""One C-STORE sub-operation: the stored bytes go out as they are stored.

pydicom would parse and write the whole data set again (dropping what it drops); here the bytes
after the file meta become the message's data set. Only where the peer accepted another transfer
syntax is the object decoded to little endian.
"""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from time import sleep
from typing import BinaryIO

from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.presentation import PresentationContext

from core.dicom.walker import VR_IS_LONG
from edge.intake.dimse.errors import InstanceTooLargeToDecodeError, InstanceUndecodableError
from edge.intake.dimse.ports import Archive, InstanceRef

FALLBACKS: tuple[UID, ...] = (ExplicitVRLittleEndian, ImplicitVRLittleEndian)


class StoredInstance(Dataset):
    """What pynetdicom's retrieve loop passes around instead of a decoded data set.

    It carries the UIDs that the loop reports for failures; the bytes are read when it is sent.
    """

    def __init__(self, ref: InstanceRef) -> None:
        super().__init__()
        self.SOPClassUID = ref.sop_class_uid
        self.SOPInstanceUID = ref.sop_instance_uid
        self.ref = ref


@dataclass(frozen=True, slots=True)
class StoredSender:
    """Stands in for one association's `send_c_store`, which can only send decoded data sets."""

    association: Association
    archive: Archive
    max_decoded_bytes: int

    def __call__(
        self,
        dataset: StoredInstance,
        msg_id: int = 1,
        priority: int = 2,
        originator_aet: str | None = None,
        originator_id: int | None = None,
    ) -> Dataset:
        """Send one instance and wait; return the peer's status, empty if it did not answer.

        Raises InstanceUndecodableError, InstanceTooLargeToDecodeError or what the archive raises;
        the retrieve loop counts each as a failed sub-operation.
        """
        ref = dataset.ref
        context = accepted_context(self.association, ref)
        with self.archive.open(ref) as stored:
            content = data_set_bytes(stored)
        agreed = context.transfer_syntax[0]
        if agreed != ref.transfer_syntax:
            content = reencoded(content, ref.transfer_syntax, agreed, self.max_decoded_bytes)
        request = C_STORE()
        request.MessageID = msg_id
        request.Priority = priority
        request.AffectedSOPClassUID = ref.sop_class_uid
        request.AffectedSOPInstanceUID = ref.sop_instance_uid
        request.MoveOriginatorApplicationEntityTitle = originator_aet
        request.MoveOriginatorMessageID = originator_id
        request.DataSet = BytesIO(content)
        return _exchange(self.association, request, context.context_id)


def _exchange(association: Association, request: C_STORE, context_id: int) -> Dataset:
    """Send a request and take its response, with the reactor paused as the library's own does."""
    checkpoint = association._reactor_checkpoint
    checkpoint.clear()
    try:
        while not association._is_paused:
            sleep(0.0001)  # as the library's own senders wait for its reactor thread
        association.dimse.send_msg(request, context_id)
        _, answer = association.dimse.get_msg(block=True)
    finally:
        checkpoint.set()
    if answer is None:
        association.abort()
        return Dataset()
    status: Dataset = association._check_received_status(answer)
    return status


def accepted_context(association: Association, ref: InstanceRef) -> PresentationContext:
    """Return the accepted context to send on: the stored syntax, else a plain little endian one.

    Raises InstanceUndecodableError if the peer accepts neither.
    """
    usable = [
        c
        for c in association.accepted_contexts
        if c.abstract_syntax == ref.sop_class_uid and c.as_scu
    ]
    for wanted in (ref.transfer_syntax, *FALLBACKS):
        for context in usable:
            if context.transfer_syntax[0] == wanted:
                return context
    raise InstanceUndecodableError(syntax=ref.transfer_syntax)


def data_set_bytes(stored: BinaryIO) -> bytes:
    """Return what follows the file meta, or everything where there is none."""
    content = stored.read()
    if content[128:132] != b"DICM":
        return content
    offset = 132
    while content[offset : offset + 2] == b"\x02\x00":
        length = int.from_bytes(content[offset + 6 : offset + 8], "little")
        value = offset + 8
        if VR_IS_LONG.get(content[offset + 4 : offset + 6], False):
            length = int.from_bytes(content[offset + 8 : offset + 12], "little")
            value = offset + 12
        offset = value + length
    return content[offset:]


def reencoded(content: bytes, stored: str, agreed: str, limit: int) -> bytes:
    """Decode a data set to an uncompressed little endian transfer syntax.

    Raises InstanceTooLargeToDecodeError before anything is allocated, InstanceUndecodableError if
    no decoder can read it.
    """
    dataset = _read(content, stored)
    needed = _pixel_bytes(dataset)
    if needed > limit:
        raise InstanceTooLargeToDecodeError(bytes=needed, limit=limit)
    try:
        if UID(stored).is_compressed:
            dataset.decompress(generate_instance_uid=False)
        target = DicomBytesIO()
        target.is_implicit_VR = agreed == ImplicitVRLittleEndian
        target.is_little_endian = True
        write_dataset(target, dataset)
    except (ValueError, RuntimeError, NotImplementedError, AttributeError, KeyError) as error:
        # What pydicom's decoders and writer raise for pixel data they cannot read.
        raise InstanceUndecodableError(syntax=stored) from error
    return target.getvalue()


def _read(content: bytes, stored: str) -> Dataset:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = UID(stored)
    head = DicomBytesIO()
    head.is_implicit_VR, head.is_little_endian = False, True
    write_dataset(head, meta)
    return dcmread(BytesIO(bytes(128) + b"DICM" + head.getvalue() + content))


def _pixel_bytes(dataset: Dataset) -> int:
    factors = ("Rows", "Columns", "SamplesPerPixel", "BitsAllocated", "NumberOfFrames")
    product = 1
    for keyword in factors:
        product *= max(1, int(dataset.get(keyword) or 1))
    return product // 8
