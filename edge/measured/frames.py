"""The frames of a study as drawings are measured on them; each image is read once per save."""

from __future__ import annotations

from dataclasses import dataclass

from pydicom import Dataset

from core.dicom.facts import ImageFacts, image_facts
from core.errors import XinglinError
from core.imaging.drawn import VALUED, Kind, Pixels, Scale
from core.imaging.drawn_frame import pixels_of, scale_of
from edge.stages.study_data import StudyData
from edge.store.box import Box


@dataclass(frozen=True, slots=True)
class FrameScale:
    """Where a frame belongs and what its scale is."""

    series_uid: str
    scale: Scale


class StudyFrames:
    """Frames by their key ``<SOP Instance UID>/<frame>``; what was read last stays at hand."""

    def __init__(self, box: Box, study: str) -> None:
        self._data = StudyData(box, study)
        self._read: tuple[str, Dataset, ImageFacts] | None = None
        self._decoded: tuple[str, Pixels | None, str] | None = None

    def at(self, frame: str) -> FrameScale | None:
        """Return a frame's scale; None where the study has no such frame."""
        sop, number = _parted(frame)
        kept = self._data.instances.get(sop)
        if kept is None:
            return None
        dataset, facts = self._loaded(sop)
        if not 1 <= number <= facts.frames or facts.rows == 0:
            return None
        return FrameScale(kept.series_uid, scale_of(dataset, facts, number))

    def pixels(self, frame: str, kind: Kind) -> tuple[Pixels | None, str]:
        """Return a frame's values where the kind needs them, and the number of the refusal.

        Colours or a stream that cannot be decoded have no statistics; lengths stay measurable.
        """
        if kind not in VALUED:
            return None, ""
        if self._decoded is None or self._decoded[0] != frame:
            self._decoded = (frame, *self._pixels(frame))
        return self._decoded[1:]

    def _pixels(self, frame: str) -> tuple[Pixels | None, str]:
        sop, number = _parted(frame)
        dataset, facts = self._loaded(sop)
        try:
            return pixels_of(dataset, facts, number), ""
        except XinglinError as refused:
            return None, f"E{refused.code}"

    def _loaded(self, sop: str) -> tuple[Dataset, ImageFacts]:
        if self._read is None or self._read[0] != sop:
            dataset = self._data.load(sop)
            self._read = (sop, dataset, image_facts(dataset))
        return self._read[1:]


def _parted(frame: str) -> tuple[str, int]:
    sop, _, number = frame.partition("/")
    return sop, int(number) if number.isascii() and number.isdigit() and len(number) <= 6 else 0
