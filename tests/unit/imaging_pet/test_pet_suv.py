"""SUV by body weight: every rule of the profile, met and not met."""

from dataclasses import replace
from datetime import datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from core.imaging import pet_errors as refusals
from core.imaging.suv import F18_HALF_LIFE_S, count_rate_time_s, decayed_dose_bq, suv_scale
from core.imaging.suv_header import SuvHeader, joined, suv_header

SCAN = datetime(2026, 3, 4, 10, 0, 0)  # noqa: DTZ001  DICOM times carry no zone
GOOD = SuvHeader(
    units="BQML",
    corrected=("NORM", "DTIM", "ATTN", "SCAT", "DECY"),
    decay_correction="START",
    manufacturer="SIEMENS",
    weight_kg=70.0,
    dose_bq=350e6,
    half_life_s=6586.2,
    f18=True,
    fdg=True,
    injected_time=time(9, 0),
    series_at=SCAN,
    acquired_at=SCAN,
)
HOUR = 3600.0


def expected(uptake_s, weight_kg=70.0, dose_bq=350e6):
    return weight_kg * 1000 / (dose_bq * 2 ** (-uptake_s / 6586.2))


def test_activity_by_weight_and_decayed_dose():
    scale = suv_scale(GOOD)
    assert scale.per_unit == pytest.approx(expected(HOUR), rel=1e-12)
    assert (scale.basis, scale.uptake_s, scale.notes) == ("series_time", HOUR, ())
    assert scale.decayed_dose_bq == pytest.approx(350e6 * 2 ** (-HOUR / 6586.2))


def test_the_defined_term_and_the_profiles_spelling_both_count():
    assert suv_scale(replace(GOOD, corrected=("ATTN", "DECAY"))).per_unit == pytest.approx(
        expected(HOUR)
    )


def test_corrected_to_administration_the_dose_does_not_decay():
    scale = suv_scale(replace(GOOD, decay_correction="ADMIN", injected_time=None, half_life_s=None))
    assert scale.per_unit == pytest.approx(70e3 / 350e6)
    assert (scale.basis, scale.uptake_s) == ("administration", None)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"corrected": ("DECY",)}, refusals.SuvCorrectionError),
        ({"corrected": ("ATTN",)}, refusals.SuvCorrectionError),
        ({"corrected": ()}, refusals.SuvCorrectionError),
        ({"decay_correction": "NONE"}, refusals.SuvDecayError),
        ({"decay_correction": ""}, refusals.SuvDecayError),
        ({"units": "PROPCNTS"}, refusals.SuvUnitsError),
        ({"units": ""}, refusals.SuvUnitsError),
        ({"units": "CNTS"}, refusals.SuvVendorScaleError),
        ({"units": "CNTS", "philips_suv": -1.0}, refusals.SuvVendorScaleError),
        ({"units": "CNTS", "philips_suv": 0.0, "philips_bqml": 0.0}, refusals.SuvVendorScaleError),
        ({"units": "GML", "suv_type": "LBM"}, refusals.SuvTypeError),
        ({"weight_kg": None}, refusals.SuvWeightError),
        ({"weight_kg": 0.0}, refusals.SuvWeightError),
        ({"weight_kg": 70000.0}, refusals.SuvWeightError),
        ({"weight_kg": -70.0}, refusals.SuvWeightError),
        ({"dose_bq": None}, refusals.SuvDoseError),
        ({"dose_bq": 0.0}, refusals.SuvDoseError),
        ({"dose_bq": 350.0}, refusals.SuvDoseError),
        ({"dose_bq": 350e3}, refusals.SuvDoseError),
        ({"dose_bq": -350e6}, refusals.SuvDoseError),
        ({"half_life_s": None}, refusals.SuvHalfLifeError),
        ({"half_life_s": 109.77}, refusals.SuvHalfLifeError),
        ({"half_life_s": 4062.6}, refusals.SuvHalfLifeError),
        ({"injected_time": None}, refusals.SuvInjectionError),
        ({"injected_time": time(10, 30)}, refusals.SuvInjectionError),
        ({"injected_time": time(2, 0)}, refusals.SuvInjectionError),
        ({"injected_at": SCAN + timedelta(minutes=5)}, refusals.SuvInjectionError),
        ({"series_at": None}, refusals.SuvScanTimeError),
        ({"acquired_at": None}, refusals.SuvScanTimeError),
        ({"series_at": SCAN + timedelta(hours=1)}, refusals.SuvScanTimeError),
        (
            {"series_at": SCAN + timedelta(hours=1), "ge_scan_at": SCAN - timedelta(days=9)},
            refusals.SuvScanTimeError,
        ),
        # GE writes the bed's start as Frame Reference Time: it must not be believed.
        (
            {"series_at": SCAN + timedelta(hours=1), "manufacturer": "GE MEDICAL SYSTEMS",
             "frame_reference_s": 60.0, "frame_s": 120.0},
            refusals.SuvScanTimeError,
        ),
    ],
)  # fmt: skip
def test_a_rule_that_is_not_met_is_a_refusal_of_its_own(change, error):
    with pytest.raises(error) as caught:
        suv_scale(replace(GOOD, **change))
    assert caught.value.sentence("zh") != caught.value.sentence("en")
    assert "{" not in caught.value.sentence("zh") + caught.value.sentence("en")


def test_suv_in_the_file_is_taken_as_it_is():
    for kind in ("", "BW"):
        scale = suv_scale(replace(GOOD, units="GML", suv_type=kind, weight_kg=None, dose_bq=None))
        assert (scale.per_unit, scale.basis) == (1.0, "gml")


def test_the_makers_scale_for_counts():
    suv = suv_scale(replace(GOOD, units="CNTS", philips_suv=0.0004, philips_bqml=1.7))
    assert (suv.per_unit, suv.basis) == (0.0004, "philips_suv")
    activity = suv_scale(replace(GOOD, units="CNTS", philips_bqml=1.7))
    assert activity.per_unit == pytest.approx(1.7 * expected(HOUR))


def test_a_series_made_later_asks_its_maker_for_the_scan():
    late = replace(GOOD, series_at=SCAN + timedelta(hours=3))
    ge = suv_scale(replace(late, manufacturer="GE MEDICAL SYSTEMS", ge_scan_at=SCAN))
    assert (ge.basis, ge.uptake_s) == ("ge_scan_time", HOUR)
    mean = count_rate_time_s(180.0, 6586.2)
    other = suv_scale(replace(late, frame_reference_s=600.0 + mean, frame_s=180.0))
    assert (other.basis, other.uptake_s) == ("frame_reference_time", pytest.approx(HOUR - 600.0))


def test_midnight_is_crossed_backwards_once_and_told():
    scan = datetime(2026, 3, 5, 0, 20)  # noqa: DTZ001  as above
    over = replace(GOOD, series_at=scan, acquired_at=scan, injected_time=time(23, 20))
    assert (suv_scale(over).uptake_s, suv_scale(over).notes) == (HOUR, ("SUV_MIDNIGHT",))
    dated = replace(over, injected_at=datetime(2026, 3, 4, 23, 20))  # noqa: DTZ001  as above
    assert (suv_scale(dated).uptake_s, suv_scale(dated).notes) == (HOUR, ())


def test_a_date_moved_by_de_identification_leaves_the_time_of_day():
    moved = replace(GOOD, injected_at=datetime(1959, 12, 24, 9, 0))  # noqa: DTZ001  as above
    scale = suv_scale(moved)
    assert (scale.uptake_s, scale.notes) == (HOUR, ("SUV_DATE_CONTRADICTS",))


@given(
    weight=st.floats(3, 300),
    dose=st.floats(2e6, 5e9),
    uptake=st.floats(0, 6 * 3600 - 1),
)
def test_suv_rises_with_weight_and_uptake_time_and_falls_with_dose(weight, dose, uptake):
    at = SCAN - timedelta(seconds=uptake)
    header = replace(GOOD, weight_kg=weight, dose_bq=dose, injected_at=at)
    scale = suv_scale(header)
    assert scale.per_unit == pytest.approx(expected(scale.uptake_s, weight, dose), rel=1e-9)
    assert suv_scale(replace(header, weight_kg=weight * 1.1)).per_unit > scale.per_unit
    assert suv_scale(replace(header, dose_bq=dose * 1.1)).per_unit < scale.per_unit


@given(st.floats(0, 1e5), st.floats(100, 1e5))
def test_decay_is_multiplicative_and_halves(elapsed, half_life):
    once = decayed_dose_bq(1e8, elapsed, half_life)
    assert decayed_dose_bq(once, half_life, half_life) == pytest.approx(once / 2)
    assert 0 <= count_rate_time_s(elapsed + 1, half_life) <= (elapsed + 1) / 2 + 1e-6


def pet(**elements):
    data = Dataset()
    drug = Dataset()
    nuclide = Dataset()
    nuclide.CodeValue, nuclide.CodingSchemeDesignator = "77004003", "SCT"
    nuclide.CodeMeaning = "^18^Fluorine"
    drug.RadionuclideCodeSequence = Sequence([nuclide])
    drug.Radiopharmaceutical = "FDG"
    drug.RadiopharmaceuticalStartTime = "090000.5"
    drug.RadiopharmaceuticalStartDateTime = "20260304090000.500000+0800"
    drug.RadionuclideTotalDose, drug.RadionuclideHalfLife = "350000000", "6586.2"
    data.RadiopharmaceuticalInformationSequence = Sequence([drug])
    data.Units, data.DecayCorrection = "BQML", "START"
    data.CorrectedImage = ["ATTN", "DECY"]
    data.PatientWeight = "70"
    data.SeriesDate = data.AcquisitionDate = "20260304"
    data.SeriesTime, data.AcquisitionTime = "100000", "100000"
    data.FrameReferenceTime, data.ActualFrameDuration = "0", "120000"
    for keyword, value in elements.items():
        setattr(data, keyword, value)
    return data


def test_a_data_set_is_read_as_it_says():
    header = suv_header(pet())
    assert (header.f18, header.fdg) == (True, True)
    assert header.injected_at == datetime(2026, 3, 4, 9, 0, 0, 500000)  # noqa: DTZ001  as above
    assert header.injected_time == time(9, 0, 0, 500000)
    assert suv_scale(header).uptake_s == pytest.approx(HOUR - 0.5)


def test_private_elements_are_read_under_their_creator_alone():
    data = pet()
    block = data.private_block(0x0009, "GEMS_PETD_01", create=True)
    block.add_new(0x0D, "DT", "20260304095900.00")
    block = data.private_block(0x7053, "Philips PET Private Group", create=True)
    block.add_new(0x00, "DS", "0.00042")
    block.add_new(0x09, "DS", "1.7")
    header = suv_header(data)
    assert header.ge_scan_at == datetime(2026, 3, 4, 9, 59)  # noqa: DTZ001  as above
    assert (header.philips_suv, header.philips_bqml) == (0.00042, 1.7)
    other = pet()
    other.private_block(0x7053, "SOMEBODY ELSE", create=True).add_new(0x00, "DS", "9")
    assert suv_header(other).philips_suv is None


@pytest.mark.parametrize(
    "broken",
    [
        {"SeriesTime": "99"}, {"SeriesDate": "20261399"}, {"AcquisitionTime": ""},
        {"SeriesTime": "not a time"},
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:Invalid value:UserWarning")
def test_times_that_are_no_times_refuse(broken):
    with pytest.raises(refusals.SuvScanTimeError):
        suv_scale(suv_header(pet(**broken)))


def test_an_empty_header_is_refused_not_crashed_on():
    with pytest.raises(refusals.SuvCorrectionError):
        suv_scale(suv_header(Dataset()))


def test_a_series_takes_the_earliest_acquisition_and_refuses_contradictions():
    first, second = suv_header(pet(AcquisitionTime="101000")), suv_header(pet())
    assert joined([first, second]).acquired_at == SCAN
    with pytest.raises(refusals.SuvMixedError):
        joined([first, suv_header(pet(PatientWeight="71"))])
    part = suv_header(pet(CorrectedImage=["DECY"]))
    with pytest.raises(refusals.SuvCorrectionError):
        suv_scale(joined([first, part]))


def test_the_nuclides_half_life_is_the_published_one():
    assert pytest.approx(109.77 * 60) == F18_HALF_LIFE_S
