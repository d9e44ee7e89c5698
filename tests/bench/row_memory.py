"""Extra memory of the appliance's receiver for one multi-frame object of 2 GB."""

from __future__ import annotations

import re
import struct
from io import BytesIO
from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import generate_uid

from tests.bench.appliance import Layout, make, process
from tests.bench.bench_store import until_listening
from tests.bench.figure import Figure
from tests.raw_peer import CT, Hello, RawPeer, p_data, pdv, store_request

PIECE = 128 * 1024 - 6


def peak_mib(process_id: int) -> float:
    """Return the peak resident set of a process (VmHWM)."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process_id}/status").read_text())
    assert found
    return int(found[1]) / 1024


def head_of(instance: str, frames: int) -> bytes:
    """Return a multi-frame data set up to and with the header of its pixel data."""
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID, ds.Modality = CT, instance, "CT"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = generate_uid(), generate_uid()
    ds.PatientName, ds.PatientID = "Bench^Memory", "M1"
    ds.NumberOfFrames, ds.Rows, ds.Columns = frames, 512, 512
    ds.BitsAllocated = ds.BitsStored = 16
    ds.HighBit, ds.PixelRepresentation, ds.SamplesPerPixel = 15, 0, 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    out = BytesIO()
    dcmwrite(out, ds, implicit_vr=False, little_endian=True, force_encoding=True)
    return out.getvalue() + struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OW", 0, frames * 512 * 512 * 2)


def send_object(peer: RawPeer, frames: int) -> int:
    """Send one object of zero pixels and return its length."""
    instance = str(generate_uid())
    peer.send(p_data(pdv(3, 3, store_request(instance))))
    data = head_of(instance, frames)
    peer.send(p_data(pdv(3, 0, data)))
    left = frames * 512 * 512 * 2
    middle = p_data(pdv(3, 0, bytes(PIECE)))
    while left > PIECE:
        peer.send(middle)
        left -= PIECE
    peer.send(p_data(pdv(3, 2, bytes(left))))
    answer = peer.response()
    if answer["status"] != 0:
        raise RuntimeError(answer)
    return len(data) + frames * 512 * 512 * 2


def measure(work: Path, quick: bool) -> list[Figure]:
    frames = 400 if quick else 4095
    layout = Layout.at(work / "box")
    make(layout).close()
    with process(layout, "receiver") as running:
        until_listening(layout.dicom)
        with RawPeer(layout.dicom, timeout_s=300) as peer:
            peer.associate(Hello(calling=b"STORESCU"))
            send_object(peer, 2)
            before = peak_mib(running.pid)
            sent = send_object(peer, frames)
            extra = peak_mib(running.pid) - before
            peer.release()
    return [
        Figure(
            row="memory", what="extra memory for one multi-frame object", target="< 300 MB",
            ok=extra < 286, reached=f"{extra:.1f} MiB",
            data=f"{sent / 1e9:.2f} GB, peak resident set",
            detail={"before_mib": before},
        )
    ]  # fmt: skip
