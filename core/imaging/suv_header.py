"""What a PET image's header says about standardised uptake, as plain values. Never raises.

Attributes of PS3.3 C.8.9.1 (PET Series), C.8.9.2 (PET Isotope), C.7.2.2 (Patient Study) and the
private ones that the QIBA FDG-PET/CT profile names: GE (0009,xx0D) "GEMS_PETD_01", Philips
(7053,xx00) and (7053,xx09) "Philips PET Private Group".
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final

from core.dicom.facts import items, number, text, texts
from core.imaging.pet_errors import SuvMixedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydicom import Dataset

_DATE: Final = re.compile(r"(\d{4})\.?(\d{2})\.?(\d{2})")
_TIME: Final = re.compile(r"(\d{2}):?(\d{2})?:?(\d{2})?(?:\.(\d{1,6}))?")
_FDG_CODES: Final = frozenset({"35321007", "C-B1031", "Y-X1743"})
_F18_CODES: Final = frozenset({"77004003", "C-111A1"})
# What must be the same in every slice of a series.
_COMMON: Final = (
    "units", "decay_correction", "suv_type", "weight_kg", "dose_bq", "half_life_s",
    "injected_time", "injected_at", "series_at", "frame_of_reference",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class SuvHeader:
    """Header facts of one PET image, or of a series (see :func:`joined`).

    Attributes
    ----------
    units : str
        (0054,1001), upper case.
    corrected : tuple of str
        (0028,0051), upper case.
    decay_correction, attenuation_method, suv_type : str
        (0054,1102), (0054,1101), (0054,1006).
    series_type : tuple of str
        (0054,1000).
    weight_kg, dose_bq, half_life_s : float or None
        (0010,1030), (0018,1074), (0018,1075).
    f18, fdg : bool
        Nuclide and tracer, by code or name.
    injected_time : time or None
        (0018,1072): no date.
    injected_at : datetime or None
        (0018,1078).
    series_at, acquired_at : datetime or None
        (0008,0021) + (0008,0031); (0008,0022) + (0008,0032), the earliest of a series.
    ge_scan_at : datetime or None
        (0009,xx0D).
    frame_reference_s, frame_s : float or None
        (0054,1300) and (0018,1242), of the image acquired first.
    philips_suv, philips_bqml : float or None
        (7053,xx00), (7053,xx09).
    """

    units: str = ""
    corrected: tuple[str, ...] = ()
    decay_correction: str = ""
    attenuation_method: str = ""
    suv_type: str = ""
    series_type: tuple[str, ...] = ()
    manufacturer: str = ""
    described: str = ""
    frame_of_reference: str = ""
    weight_kg: float | None = None
    dose_bq: float | None = None
    half_life_s: float | None = None
    f18: bool = False
    fdg: bool = False
    injected_time: time | None = None
    injected_at: datetime | None = None
    series_at: datetime | None = None
    acquired_at: datetime | None = None
    ge_scan_at: datetime | None = None
    frame_reference_s: float | None = None
    frame_s: float | None = None
    philips_suv: float | None = None
    philips_bqml: float | None = None

    @property
    def ge(self) -> bool:
        """Whether the maker is GE (its Frame Reference Time is the bed's start, not the mean)."""
        return self.manufacturer.upper().startswith("GE")


def suv_header(dataset: Dataset) -> SuvHeader:
    """Return the facts of one PET image's data set."""
    drug: Any = next(iter(items(dataset, "RadiopharmaceuticalInformationSequence")), None)
    nuclide = _codes(drug, "RadionuclideCodeSequence")
    tracer = _codes(drug, "RadiopharmaceuticalCodeSequence")
    name = "" if drug is None else text(drug, "Radiopharmaceutical").lower()
    return SuvHeader(
        units=text(dataset, "Units").upper()[:16],
        corrected=tuple(one.upper() for one in texts(dataset, "CorrectedImage")),
        decay_correction=text(dataset, "DecayCorrection").upper()[:16],
        attenuation_method=text(dataset, "AttenuationCorrectionMethod")[:64],
        suv_type=text(dataset, "SUVType").upper()[:16],
        series_type=tuple(one.upper() for one in texts(dataset, "SeriesType")),
        manufacturer=text(dataset, "Manufacturer")[:64],
        described=text(dataset, "SeriesDescription").lower()[:64],
        frame_of_reference=text(dataset, "FrameOfReferenceUID")[:64],
        weight_kg=number(dataset, "PatientWeight"),
        dose_bq=None if drug is None else number(drug, "RadionuclideTotalDose"),
        half_life_s=None if drug is None else number(drug, "RadionuclideHalfLife"),
        f18=bool(set(nuclide) & _F18_CODES) or any("18" in one and "F" in one for one in nuclide),
        fdg=bool(set(tracer) & _FDG_CODES) or "fdg" in name or "deoxyglucose" in name,
        injected_time=None if drug is None else _time(text(drug, "RadiopharmaceuticalStartTime")),
        injected_at=None if drug is None else _moment(drug, "RadiopharmaceuticalStartDateTime"),
        series_at=_when(dataset, "SeriesDate", "SeriesTime"),
        acquired_at=_when(dataset, "AcquisitionDate", "AcquisitionTime"),
        ge_scan_at=_datetime(_private(dataset, 0x0009, "GEMS_PETD_01", 0x0D)),
        frame_reference_s=_seconds(dataset, "FrameReferenceTime"),
        frame_s=_seconds(dataset, "ActualFrameDuration"),
        philips_suv=_float(_private(dataset, 0x7053, "Philips PET Private Group", 0x00)),
        philips_bqml=_float(_private(dataset, 0x7053, "Philips PET Private Group", 0x09)),
    )


def joined(headers: Sequence[SuvHeader]) -> SuvHeader:
    """Return the header of a series: what its slices share, and its earliest acquisition.

    Raises
    ------
    SuvMixedError
        The slices contradict each other.
    """
    first = headers[0]
    for name in _COMMON:
        if any(getattr(one, name) != getattr(first, name) for one in headers):
            raise SuvMixedError(element=name)
    shared = set(first.corrected).intersection(*(one.corrected for one in headers))
    timed = [one for one in headers if one.acquired_at is not None]
    if len(timed) < len(headers):
        return replace(first, acquired_at=None, corrected=tuple(sorted(shared)))
    earliest = min(timed, key=lambda one: (one.acquired_at, one.frame_reference_s or 0.0))
    return replace(
        first,
        corrected=tuple(sorted(shared)),
        acquired_at=earliest.acquired_at,
        frame_reference_s=earliest.frame_reference_s,
        frame_s=earliest.frame_s,
    )


def _codes(drug: Any, keyword: str) -> list[str]:
    """Return value and meaning of a code sequence's items."""
    if drug is None:
        return []
    found = items(drug, keyword)
    return [text(one, key) for one in found for key in ("CodeValue", "CodeMeaning")]


def _when(dataset: Dataset, date_keyword: str, time_keyword: str) -> datetime | None:
    day, moment = _date(text(dataset, date_keyword)), _time(text(dataset, time_keyword))
    return None if day is None or moment is None else datetime.combine(day, moment)


def _moment(dataset: Any, keyword: str) -> datetime | None:
    return _datetime(text(dataset, keyword))


def _datetime(value: object) -> datetime | None:
    """Return a DT value; an offset from UTC is left away: all times of a study share one clock."""
    written = re.sub(r"[+-]\d{4}$", "", str(value or "").strip(" \0"))
    day, moment = _date(written[:8]), _time(written[8:])
    return None if day is None or moment is None else datetime.combine(day, moment)


def _date(value: str) -> date | None:
    match = _DATE.fullmatch(value.strip(" \0"))
    if match is None:
        return None
    try:
        return date(*(int(part) for part in match.groups()))
    except ValueError:
        return None


def _time(value: str) -> time | None:
    match = _TIME.fullmatch(value.strip(" \0"))
    if match is None:
        return None
    hour, minute, second, fraction = match.groups()
    try:
        start = time(int(hour), int(minute or 0), min(int(second or 0), 59))
    except ValueError:
        return None
    micro = int((fraction or "0").ljust(6, "0"))
    return (datetime.combine(date(2000, 1, 1), start) + timedelta(microseconds=micro)).time()


def _seconds(dataset: Dataset, keyword: str) -> float | None:
    milliseconds = number(dataset, keyword)
    return None if milliseconds is None else milliseconds / 1000.0


def _private(dataset: Dataset, group: int, creator: str, element: int) -> object:
    """Return a private element of the named creator, or None."""
    try:
        value = dataset.private_block(group, creator)[element].value
    except (KeyError, ValueError, TypeError, AttributeError, NotImplementedError):
        return None  # absent, or bytes that are no value of their VR
    return value.decode("ascii", "replace") if isinstance(value, bytes) else value


def _float(value: object) -> float | None:
    try:
        found = float(str(value))
    except ValueError:
        return None
    return found if found - found == 0 else None
