"""Quality of a PET: every reason at its limit, in both languages, and silence where all is well."""

from dataclasses import replace

import numpy as np
import pytest

from core.imaging.geometry import SeriesGeometry, geometry_of_grid
from core.imaging.pet_errors import SuvDoseError
from core.imaging.pet_foci import Reference
from core.imaging.pet_qc import TEXTS, PetFacts, assess_pet, looks_uncorrected, unsure
from core.imaging.pet_rigid import Alignment
from core.imaging.petct_space import Rigid, rigid_of, still
from core.imaging.suv import SuvScale
from core.imaging.suv_header import SuvHeader

GEOMETRY = geometry_of_grid((40, 8, 8), (3.0, 4.0, 4.0), (0.0, 0.0, 0.0), np.eye(3)[::-1])


def shifted(mm=0.0, deg=0.0, **changes):
    motion = rigid_of((deg, 0.0, 0.0), (0.0, 0.0, mm), np.zeros(3))
    return replace(Alignment(motion, 0.4, 0.5, 0.5, 40), **changes)


GOOD = PetFacts(
    geometry=GEOMETRY,
    header=SuvHeader(fdg=True),
    scale=SuvScale(4e-4, "series_time", 3600.0),
    alignment=shifted(1.0),
    liver=Reference(2.1, 0.3),
    lung_ratio=0.4,
    lung_suv=0.45,
    lungs_covered=1.0,
)


def missing_slices(count):
    at = np.delete(np.arange(40), np.arange(10, 10 + count))
    positions = np.stack([0.0 * at, 0.0 * at, 3.0 * at], axis=1)
    planes = np.tile([1.0, 0.0, 0.0, 0.0, 1.0, 0.0], (len(at), 1))
    return SeriesGeometry(positions, planes, (4.0, 4.0), 3.0)


CASES = [
    ("PT_SLICE_GAP", "warn", {"geometry": missing_slices(2)}),
    ("PT_LOOKS_UNCORRECTED", "reject", {"lung_ratio": 1.3}),
    ("PT_LOOKS_UNCORRECTED", "warn", {"lung_ratio": 0.8}),
    ("PT_TRACER_NOT_FDG", "warn", {"header": SuvHeader()}),
    ("PT_SUV_MIDNIGHT", "warn",
     {"scale": SuvScale(1.0, "series_time", 3600.0, None, ("SUV_MIDNIGHT",))}),
    ("PT_SUV_DATE_CONTRADICTS", "warn",
     {"scale": SuvScale(1.0, "series_time", 3600.0, None, ("SUV_DATE_CONTRADICTS",))}),
    ("PT_UPTAKE_TIME", "warn", {"scale": SuvScale(1.0, "series_time", 9527.0)}),
    ("PT_UPTAKE_TIME", "warn", {"scale": SuvScale(1.0, "series_time", 1200.0)}),
    ("PT_LIVER_ODD", "warn", {"liver": Reference(0.7, 0.1)}),
    ("PT_LIVER_ODD", "warn", {"liver": Reference(5.2, 0.7)}),
    ("PT_LIVER_UNSEEN", "info", {"liver": None}),
    ("PT_NOISE", "warn", {"liver": Reference(2.1, 0.9)}),
    ("PT_LUNG_HOT", "warn", {"lung_suv": 1.6}),
    ("PT_LUNGS_CUT", "warn", {"lungs_covered": 0.8}),
    ("PT_SHIFT", "warn", {"alignment": shifted(9.0)}),
    ("PT_SHIFT", "reject", {"alignment": shifted(30.0)}),
    ("PT_ROTATION", "warn", {"alignment": shifted(0.0, 4.0)}),
    ("PT_ALIGNMENT_UNSURE", "warn", {"alignment": shifted(9.0, spread_mm=12.0)}),
]  # fmt: skip


def test_a_good_pet_has_no_reason():
    assert assess_pet(GOOD).reasons == ()
    assert assess_pet(GOOD).verdict == "pass"
    assert assess_pet(GOOD).metrics["liver_suv_mean"] == 2.1


@pytest.mark.parametrize(("code", "severity", "change"), CASES)
def test_each_fault_has_its_reason_alone(code, severity, change):
    (reason,) = assess_pet(replace(GOOD, **change)).reasons
    assert (reason.code, reason.severity) == (code, severity)
    for text in (reason.message_zh, reason.message_en):
        assert "{" not in text
    assert reason.message_zh != reason.message_en


def test_every_reason_that_can_be_given_is_tried_here():
    assert {code for code, _, _ in CASES} == set(TEXTS)


def test_a_refused_suv_stands_among_the_reasons():
    error = SuvDoseError(what_zh="缺失或为 0", what_en="is missing or zero")
    found = assess_pet(replace(GOOD, scale=None, refusal=error))
    assert [reason.code for reason in found.reasons] == ["E3764"]
    assert "uptake_min" not in found.metrics


def test_shift_and_doubt_grow_together_with_what_is_measured():
    shifts = [assess_pet(replace(GOOD, alignment=shifted(mm))) for mm in (0, 3, 6, 12, 26)]
    assert [one.verdict for one in shifts] == ["pass", "pass", "warn", "warn", "reject"]
    assert unsure(shifted(information_after=0.05))
    assert unsure(shifted(information_before=0.6))
    assert not unsure(Alignment(still(), 0.5, 0.5, 0.0, 1))
    assert isinstance(shifted().motion, Rigid)
    assert not looks_uncorrected(None)
