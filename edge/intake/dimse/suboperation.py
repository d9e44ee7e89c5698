"""One C-STORE sub-operation: the stored bytes go out as they are stored.

pydicom would parse and write the whole data set again (dropping what it drops); here the bytes
after the file meta become the message's data set. Only where the peer accepted another transfer
syntax is the object decoded to little endian.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from time import sleep
from typing import BinaryIO, Protocol

from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom.association import Association
from pynetdicom.dimse_messages import C_STORE_RQ
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.pdu_primitives import P_DATA
from pynetdicom.presentation import PresentationContext

from core.dicom.walker import VR_IS_LONG
from core.errors import XinglinError
from edge.intake.dimse.errors import (
    InstanceTooLargeToDecodeError,
    InstanceUndecodableError,
    PeerUnreachableError,
)
from edge.intake.dimse.ports import Archive, InstanceRef

_POLL_S = 0.0001  # as the library's own senders wait for its threads
_MAX_PDU, _PDV_OVERHEAD, _MAX_QUEUED = 131072, 6, 8
_MAX_META_VALUE = 1 << 20
FALLBACKS: tuple[UID, ...] = (ExplicitVRLittleEndian, ImplicitVRLittleEndian)


class Readable(Protocol):
    """Bytes in order."""

    def read(self, count: int = -1, /) -> bytes: ...


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

        Raises PeerUnreachableError after an abort, InstanceUndecodableError,
        InstanceTooLargeToDecodeError or what the archive raises;
        the retrieve loop counts each as a failed sub-operation.
        """
        ref = dataset.ref
        if not self.association.is_established:
            raise PeerUnreachableError(ae_title=str(self.association.acceptor.ae_title))
        context = accepted_context(self.association, ref)
        agreed = context.transfer_syntax[0]
        request = C_STORE()
        request.MessageID = msg_id
        request.Priority = priority
        request.AffectedSOPClassUID = ref.sop_class_uid
        request.AffectedSOPInstanceUID = ref.sop_instance_uid
        request.MoveOriginatorApplicationEntityTitle = originator_aet
        request.MoveOriginatorMessageID = originator_id
        request.DataSet = BytesIO()  # announces a data set; its fragments are sent below
        with self.archive.open(ref) as stored:
            content: Readable = data_set_stream(stored)
            if agreed != ref.transfer_syntax:
                whole = content.read()
                content = BytesIO(
                    reencoded(whole, ref.transfer_syntax, agreed, self.max_decoded_bytes)
                )
            return _exchange(self.association, request, context.context_id, content)


def _exchange(
    association: Association, request: C_STORE, context_id: int, content: Readable
) -> Dataset:
    """Send a request and take its response, with the reactor paused as the library's own does."""
    checkpoint = association._reactor_checkpoint
    checkpoint.clear()
    try:
        while not association._is_paused and association.is_established:
            sleep(_POLL_S)
        sent = _send(association, request, context_id, content)
        answer = association.dimse.get_msg(block=True)[1] if sent else None
    finally:
        checkpoint.set()
    if answer is None:
        association.abort()
        return Dataset()
    status: Dataset = association._check_received_status(answer)
    return status


def _send(association: Association, request: C_STORE, context_id: int, content: Readable) -> bool:
    """Send command and data set in fragments; False if the association ended on the way.

    At most a few fragments wait in the library's queue, so that a large object is never in memory
    as a whole. If the stored bytes turn out damaged half way, the association is aborted: the peer
    must not take a part for the whole.
    """
    dul = association.dul
    size = min(association.dimse.maximum_pdu_size or _MAX_PDU, _MAX_PDU)
    message = C_STORE_RQ()
    message.primitive_to_message(request)
    for fragment in message.encode_msg(context_id, size):
        dul.send_pdu(fragment)
    try:
        for piece, last in fragments(content, size - _PDV_OVERHEAD):
            while dul.to_provider_queue.qsize() > _MAX_QUEUED and association.is_established:
                sleep(_POLL_S)
            if not association.is_established:
                return False
            data = P_DATA()
            flag = b"\x02" if last else b"\x00"  # PS3.8 E.2: data set, last or not
            data.presentation_data_value_list.append((context_id, flag + piece))
            dul.send_pdu(data)
    except (XinglinError, OSError):
        association.abort()
        raise
    return True


def fragments(content: Readable, size: int) -> Iterator[tuple[bytes, bool]]:
    """Yield a stream in pieces of `size` bytes, each with whether it is the last; at least one."""
    piece = content.read(size)
    while True:
        following = content.read(size) if piece else b""
        yield piece, not following
        if not following:
            return
        piece = following


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


@dataclass(slots=True)
class Rest:
    """A stream of which the first bytes have been read already."""

    first: bytes
    stream: BinaryIO

    def read(self, count: int = -1) -> bytes:
        """Read up to `count` bytes, fewer only at the end."""
        if count < 0:
            head, self.first = self.first, b""
            return head + self.stream.read()
        head, self.first = self.first[:count], self.first[count:]
        while len(head) < count:
            more = self.stream.read(count - len(head))
            if not more:
                break
            head += more
        return head


def data_set_stream(stored: BinaryIO) -> Rest:
    """Return the stream after the file meta, or from the beginning where there is none."""
    rest = Rest(b"", stored)
    start = rest.read(132)
    if start[128:] != b"DICM":
        return Rest(start, stored)
    head = rest.read(12)
    while head[:2] == b"\x02\x00":
        length, read = int.from_bytes(head[6:8], "little"), 4
        if VR_IS_LONG.get(head[4:6], False):
            length, read = int.from_bytes(head[8:12], "little"), 0
        # What was read beyond this element's header belongs to its value or to what follows.
        rest = Rest(head[12 - read :], stored)
        rest.read(min(length, _MAX_META_VALUE))
        head = rest.read(12)
    return Rest(head + rest.first, stored)


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
