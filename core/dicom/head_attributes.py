"""The attributes that are read on the receive path: one table, in tag order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Attribute:
    """One listed attribute; `multiple` gives a list even for one value."""

    keyword: str
    vr: str
    multiple: bool = False


CHARACTER_SET: Final = 0x00080005

# Physicians' names are not among them: nothing on the list or page needs them. The operators' are:
# quality is counted by who took the picture, for those who may see it.
_TABLE = """
00080005 SpecificCharacterSet CS
00080008 ImageType CS*
00080016 SOPClassUID UI
00080018 SOPInstanceUID UI
00080020 StudyDate DA
00080021 SeriesDate DA
00080022 AcquisitionDate DA
00080023 ContentDate DA
0008002A AcquisitionDateTime DT
00080030 StudyTime TM
00080031 SeriesTime TM
00080032 AcquisitionTime TM
00080033 ContentTime TM
00080050 AccessionNumber SH
00080060 Modality CS
00080064 ConversionType CS
00080068 PresentationIntentType CS
00080070 Manufacturer LO
00080080 InstitutionName LO
00080201 TimezoneOffsetFromUTC SH
00081010 StationName SH
00081030 StudyDescription LO
0008103E SeriesDescription LO
00081040 InstitutionalDepartmentName LO
00081070 OperatorsName PN
00081090 ManufacturerModelName LO
00100010 PatientName PN
00100020 PatientID LO
00100021 IssuerOfPatientID LO
00100030 PatientBirthDate DA
00100040 PatientSex CS
00101010 PatientAge AS
00180015 BodyPartExamined CS
00180050 SliceThickness DS
00180060 KVP DS
00180088 SpacingBetweenSlices DS
00181000 DeviceSerialNumber LO
00181030 ProtocolName LO
00181120 GantryDetectorTilt DS
00181150 ExposureTime IS
00181151 XRayTubeCurrent IS
00181152 Exposure IS
00181164 ImagerPixelSpacing DS*
00181210 ConvolutionKernel SH*
00181411 ExposureIndex DS
00181412 TargetExposureIndex DS
00181413 DeviationIndex DS
00185100 PatientPosition CS
00185101 ViewPosition CS
0020000D StudyInstanceUID UI
0020000E SeriesInstanceUID UI
00200010 StudyID SH
00200011 SeriesNumber IS
00200012 AcquisitionNumber IS
00200013 InstanceNumber IS
00200020 PatientOrientation CS*
00200032 ImagePositionPatient DS*
00200037 ImageOrientationPatient DS*
00200052 FrameOfReferenceUID UI
00200060 Laterality CS
00200062 ImageLaterality CS
00201002 ImagesInAcquisition IS
00201041 SliceLocation DS
00201209 NumberOfSeriesRelatedInstances IS
00280002 SamplesPerPixel US
00280004 PhotometricInterpretation CS
00280008 NumberOfFrames IS
00280010 Rows US
00280011 Columns US
00280030 PixelSpacing DS*
00280100 BitsAllocated US
00280101 BitsStored US
00280102 HighBit US
00280103 PixelRepresentation US
00280301 BurnedInAnnotation CS
00281050 WindowCenter DS*
00281051 WindowWidth DS*
00281052 RescaleIntercept DS
00281053 RescaleSlope DS
00282110 LossyImageCompression CS
"""


def _parsed() -> dict[int, Attribute]:
    rows = (line.split() for line in _TABLE.strip().splitlines())
    return {
        int(tag, 16): Attribute(keyword, vr.rstrip("*"), vr.endswith("*"))
        for tag, keyword, vr in rows
    }


ATTRIBUTES: Final[dict[int, Attribute]] = _parsed()
TAG_OF: Final[dict[str, int]] = {a.keyword: tag for tag, a in ATTRIBUTES.items()}
WANTED: Final[frozenset[int]] = frozenset(ATTRIBUTES)
