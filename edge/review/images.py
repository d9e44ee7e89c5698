"""The slices that measuring needs, decoded once and kept for a while, bounded in bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

from core.dicom.facts import image_facts
from core.imaging.reading import read_volume
from core.imaging.volume import Volume
from edge.review.errors import SlicesMissing
from edge.stages.study_data import StudyData
from edge.store.box import Box

#: Ranges of slices begin and end at multiples of this: an outline that grows stays in its range.
STRIDE = 8
MOST_BYTES = 512 * 1024 * 1024


@dataclass(frozen=True)
class Part:
    """Some consecutive slices of a study's volume; ``first`` is the index of the first one."""

    first: int
    volume: Volume


class StudyImages:
    """Recently used parts of volumes, the least recently used going first."""

    def __init__(self, box: Box, most_bytes: int = MOST_BYTES) -> None:
        self._box = box
        self._most = most_bytes
        self._parts: OrderedDict[tuple[str, int, int], Part] = OrderedDict()
        self._lock = threading.Lock()

    def part(self, study: str, planes: tuple[str, ...], first: int, last: int) -> Part:
        """Return slices ``first`` to ``last`` (inclusive) and some more.

        Raises
        ------
        SlicesMissing
            If the study no longer holds them, or not in this order.
        InputError, GeometryMissingError and its kin
        """
        low = max(0, first - first % STRIDE)
        high = min(len(planes), last - last % STRIDE + STRIDE)
        key = (study, low, high)
        with self._lock:
            for known in self._parts:
                if known[0] == study and known[1] <= first and last < known[2]:
                    self._parts.move_to_end(known)
                    return self._parts[known]
        part = Part(low, _read(self._box, study, planes[low:high]))
        with self._lock:
            self._parts[key] = part
            while len(self._parts) > 1 and self._bytes() > self._most:
                self._parts.popitem(last=False)
        return part

    def _bytes(self) -> int:
        return sum(part.volume.voxels.nbytes for part in self._parts.values())


def _read(box: Box, study: str, uids: tuple[str, ...]) -> Volume:
    data = StudyData(box, study)
    if any(uid not in data.instances for uid in uids):
        raise SlicesMissing
    loaded = [data.load(uid) for uid in uids]
    volume, _ = read_volume([image_facts(one) for one in loaded], lambda index: loaded[index])
    if volume.uids != uids:
        raise SlicesMissing
    return volume
