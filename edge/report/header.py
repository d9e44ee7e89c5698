"""The header of a result object: copied from the source, repaired where a copy would be invalid.

Identity (name, id, accession number) is taken over as it stands: a result that names its patient
differently from the study lands in another folder of the PACS. Dates, times and sex that break
their VR are emptied, since the attributes are Type 2.
"""

from __future__ import annotations

import re
from copy import deepcopy
from datetime import date, datetime
from typing import Final

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import UID
from pydicom.valuerep import PersonName

from edge.report.context import ResultContext, uid_from

# Type 1 and 2 of the Patient and General Study modules, and what PACS match orders by.
_TEXT: Final = ("PatientID", "AccessionNumber", "StudyID", "IssuerOfPatientID")
_TYPE_2: Final = ("PatientID", "AccessionNumber", "StudyID")
_GEOMETRY: Final = (
    "SOPClassUID",
    "SOPInstanceUID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "Modality",
    "Rows",
    "Columns",
    "FrameOfReferenceUID",
    "PositionReferenceIndicator",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "SliceThickness",
    "NumberOfFrames",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
    "DimensionIndexSequence",
    "DimensionOrganizationSequence",
    "LossyImageCompression",
    "LossyImageCompressionRatio",
    "LossyImageCompressionMethod",
)
_DATE: Final = re.compile(r"[0-9]{8}")
# PS3.5 table 6.2-1, TM; a leap second (60) is left out, since nothing downstream can hold it
_TIME: Final = re.compile(r"([01][0-9]|2[0-3])([0-5][0-9]([0-5][0-9](\.[0-9]{1,6})?)?)?")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_HAN: Final = re.compile(r"[㐀-鿿豈-﫿\U00020000-\U0003ffff]")


def person_name(value: object) -> str:
    """Return a name in the form that is written: groups kept, a caret where there is none.

    Family and given name are never guessed from Han text: compound surnames (欧阳) and minority
    names (·) make any split wrong for somebody; an unsplit name gets a caret at its end.

    Examples
    --------
    >>> person_name("ZHANG^SAN=张^三"), person_name("张三")
    ('ZHANG^SAN=张^三', '张三^')
    """
    text = _CONTROL.sub(" ", _joined(value)).replace("\\", " ").strip()
    if not text or "^" in text:
        return text
    groups = text.split("=")
    return "=".join(group + "^" if group else group for group in groups)


def is_han(text: str) -> bool:
    """Return whether a text holds a Han character, extensions B-I included."""
    return _HAN.search(text) is not None


def clean_header(source: Dataset) -> Dataset:
    """Return a copy of a source header that a result may safely inherit from.

    Parameters
    ----------
    source : Dataset
        Decoded header of one source image.

    Returns
    -------
    Dataset
        Patient, study and geometry attributes only; text is UTF-8.
    """
    header = Dataset()
    header.SpecificCharacterSet = "ISO_IR 192"
    for keyword in _GEOMETRY:
        if keyword in source:
            setattr(header, keyword, deepcopy(source[keyword].value))
    for keyword in _TEXT:
        value = _CONTROL.sub(" ", _joined(source.get(keyword))).strip()
        if value or keyword in _TYPE_2:
            setattr(header, keyword, value)
    description = _CONTROL.sub(" ", _joined(source.get("StudyDescription"))).replace("\\", " ")
    if description.strip():
        header.StudyDescription = description.strip()[:64]
    for keyword in ("PatientName", "ReferringPhysicianName"):
        setattr(header, keyword, person_name(source.get(keyword)))
    sex = _joined(source.get("PatientSex")).strip().upper()
    header.PatientSex = sex if sex in {"M", "F", "O"} else ""
    header.PatientBirthDate = _date(source.get("PatientBirthDate"))
    header.StudyDate = _date(source.get("StudyDate"))
    time = _joined(source.get("StudyTime")).strip()
    header.StudyTime = time if _TIME.fullmatch(time) else ""
    return header


def _joined(value: object) -> str:
    """Return the text as it stood in the file: a stray backslash has made a list of it."""
    if value is None:
        return ""
    if isinstance(value, MultiValue):
        return "\\".join(str(part) for part in value)
    return str(value)


def _date(value: object) -> str:
    """Return a DA value that is a day of the calendar, else nothing."""
    text = _joined(value).strip()
    if not _DATE.fullmatch(text):
        return ""
    try:
        date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return ""
    return text


def pin(dataset: Dataset, context: ResultContext) -> Dataset:
    """Make a written object repeatable: times from the context, UIDs from the object's own.

    highdicom stamps the present time and random Dimension Organization UIDs; both would make the
    second writing of a result a different object under the same SOP Instance UID.
    """
    day, time = _da(context.made_at), _tm(context.made_at)
    for keyword in ("InstanceCreation", "Content", "Series", "OfSecondaryCapture"):
        names = (
            ("DateOfSecondaryCapture", "TimeOfSecondaryCapture")
            if keyword == "OfSecondaryCapture"
            else (f"{keyword}Date", f"{keyword}Time")
        )
        if keyword == "Series" or names[0] in dataset:
            setattr(dataset, names[0], day)
            setattr(dataset, names[1], time)
    if context.station.institution:
        dataset.InstitutionName = context.station.institution
    for item in dataset.get("ContributingEquipmentSequence", []):
        item.ContributionDateTime = day + time
    _pin_dimensions(dataset, uid_from("dimension", str(dataset.SOPInstanceUID)))
    if context.review is not None:
        for item in dataset.get("VerifyingObserverSequence", []):
            item.VerificationDateTime = context.review.at.strftime("%Y%m%d%H%M%S")
    return dataset


def _pin_dimensions(dataset: Dataset, uid: UID) -> None:
    if "DimensionOrganizationSequence" not in dataset:
        return
    for item in dataset.DimensionOrganizationSequence:
        item.DimensionOrganizationUID = uid
    for item in dataset.get("DimensionIndexSequence", DicomSequence()):
        item.DimensionOrganizationUID = uid


def _da(moment: datetime) -> str:
    return moment.strftime("%Y%m%d")


def _tm(moment: datetime) -> str:
    return moment.strftime("%H%M%S")


def name_for_screen(value: PersonName | str) -> str:
    """Return the name as one string: the ideographic group where there is one."""
    groups = str(value).split("=")
    shown = groups[1] if len(groups) > 1 and groups[1] else groups[0]
    return shown.replace("^", "").strip() if is_han(shown) else shown.replace("^", " ").strip()
