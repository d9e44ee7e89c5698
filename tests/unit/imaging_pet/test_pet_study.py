"""A study that holds CT and PET: the right series, one result, the CT kept whatever the PET is."""

import itertools
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np
import pytest

from core.dicom.facts import image_facts
from core.imaging.ct import CtFindings
from core.imaging.pet import choose_pet, pet_groups, read_pet
from core.imaging.pet_errors import PetDynamicError, PetEmptyError
from core.imaging.petct_result import FDG_NOTE
from core.imaging.result import Lesion, QcResult, Reason
from core.imaging.study import StudyInput, analyse_study
from core.imaging.study_pet import with_pet
from core.imaging.study_result import StudyResult
from core.imaging.suv import suv_scale
from core.imaging.volume import Volume
from core.phantom.dicom import ct_objects, pet_objects
from core.phantom.identity import study_identity
from edge.analyze.cli import summary
from tests import pet_cases

AT = datetime(2026, 3, 4, 10, 0)  # noqa: DTZ001  DICOM times carry no zone


@pytest.fixture(scope="module")
def phantom():
    return pet_cases.phantom()


@pytest.fixture(scope="module")
def objects(phantom):
    study = study_identity(7, "PETCT", AT, "ISO_IR 192")
    return [*ct_objects(phantom.ct, study, 2)], [*pet_objects(phantom, study, 3)]


def changed(pet, series, **elements):
    """Return the PET as another series, its headers changed."""
    out = []
    for one in pet:
        other = deepcopy(one)
        other.SeriesInstanceUID = series
        other.SOPInstanceUID = f"{one.SOPInstanceUID[:58]}.{len(series)}"
        for keyword, value in elements.items():
            setattr(other, keyword, value)
        out.append(other)
    return out


def loader(*groups):
    held = {str(one.SOPInstanceUID): one for group in groups for one in group}
    return held.__getitem__, tuple(image_facts(one) for one in held.values())


def test_the_corrected_series_is_chosen_however_it_is_numbered(objects):
    _, pet = objects
    plain = changed(pet, "1.9.1", SeriesDescription="PET NAC", SeriesNumber=1)
    counts = changed(pet, "1.9.11", Units="PROPCNTS", SeriesDescription="PET", SeriesNumber=1)
    unstated = changed(pet, "1.9.111", CorrectedImage=["DECY"], SeriesNumber=1)
    load, facts = loader(plain, counts, unstated, pet)
    assert choose_pet(facts, load) == pet[0].SeriesInstanceUID
    few, some = loader(pet[:5])
    assert choose_pet(some, few) is None
    projection = changed(pet, "1.9.2", ImageType=["DERIVED", "SECONDARY", "MIP"])
    assert not pet_groups(loader(projection)[1])


def test_a_series_is_read_in_its_own_slopes(phantom, objects):
    _, pet = objects
    uneven = changed(pet, "1.9.5")
    for number, one in enumerate(uneven):
        one.RescaleSlope = f"{float(one.RescaleSlope) * (1 + number % 3):.6g}"
        stored = np.frombuffer(one.PixelData, "<i2") // (1 + number % 3)
        one.PixelData = stored.astype("<i2").tobytes()
    load, facts = loader(uneven)
    series = read_pet(facts, load)
    assert series.refusal is None
    assert series.scale.per_unit == pytest.approx(1 / pet_cases.COARSE.bq_per_suv, rel=1e-4)
    assert np.allclose(
        series.volume.voxels, phantom.pet.voxels, atol=series.volume.voxels.max() / 9e3
    )
    assert suv_scale(series.header).uptake_s == 3600


def test_two_images_at_every_place_are_no_static_scan(objects):
    _, pet = objects
    twice = changed(pet, pet[0].SeriesInstanceUID)
    load, facts = loader(pet, twice)
    with pytest.raises(PetDynamicError):
        read_pet(facts, load)


def test_a_pet_too_short_to_be_fused_is_said_and_not_passed_over(objects):
    _, pet = objects
    load, facts = loader(pet[:3])
    volume = Volume(np.zeros((2, 2, 2), np.int16), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), np.eye(3))
    plain = StudyResult("1.2", "CT", "ok", volume=volume)
    found = with_pet(plain, facts, load, lambda _stage: None, lambda: 0.0)
    assert (found.modality, found.status, found.pet.status) == ("CT", "ok", "failed")
    assert found.pet.reason.code == "E3775"
    assert with_pet(plain, (), load, lambda _stage: None, lambda: 0.0) is plain


def test_a_pet_that_holds_nothing_is_refused(objects):
    _, pet = objects
    empty = changed(pet, "1.9.7", PixelData=bytes(len(pet[0].PixelData)))
    load, facts = loader(empty)
    with pytest.raises(PetEmptyError):
        read_pet(facts, load)


@dataclass
class Methods:
    """CT lesions known beforehand, at the engines' own port."""

    found: CtFindings
    asked: list = field(default_factory=list)

    def ct(self, volume, geometry, progress, *, override):
        self.asked.append(volume.voxels.shape)
        return self.found

    def radiograph(self, radiograph, *, override):
        raise AssertionError

    def method(self, modality):
        return {"model": "m", "version": "1", "research_only": True, "for": modality}


@pytest.fixture(scope="module")
def methods(phantom):
    truth = phantom.ct.truth
    lesions = tuple(
        Lesion(t.id, t.kind, t.centroid_mm, t.volume_ml, t.long_axis_mm, t.short_axis_mm,
               t.mean_hu, t.location, 0.9)
        for t in truth.lesions
    )  # fmt: skip
    labels = truth.label_map.astype(np.uint16)
    return Methods(CtFindings(QcResult("pass"), "ok", lesions, labels, None))


def clock():
    ticks = itertools.count()
    return lambda: float(next(ticks))


def result_of(methods, *groups):
    load, facts = loader(*groups)
    return analyse_study(StudyInput("1.2.3", facts, load), methods, clock())


def test_fusion_starts_by_itself(objects, methods):
    ct, pet = objects
    result = result_of(methods, ct, pet)
    assert (result.modality, result.status) == ("PT", "ok")
    assert result.pet.status == "ok"
    assert (str(pet[0].SeriesInstanceUID), "FUSED") in result.choice.excluded
    assert result.ct.lesions is result.lesions
    assert max(one.extra.get("suv_max", 0) for one in result.lesions) > 3
    public = result.as_json("en")
    assert public["pet"]["suv"]["unit"] == "{SUVbw}g/ml"
    assert FDG_NOTE.en in summary(public, "en")
    assert "pet" in public["seconds"]


def test_a_refused_suv_leaves_the_ct_and_says_why(phantom, objects, methods):
    ct, pet = objects
    weightless = changed(pet, "1.9.3", PatientWeight=None)
    load, facts = loader(ct, weightless)
    found = methods.found
    volume = replace(phantom.ct.volume, uids=(str(ct[0].SOPInstanceUID),))
    plain = StudyResult("1.2.3", "CT", "ok", lesions=found.lesions, ct=found, volume=volume)
    result = with_pet(plain, facts, load, lambda _stage: None, clock(), pet_cases.INSTANT)
    assert (result.status, result.reason) == ("ok", None)
    assert (result.pet.status, result.pet.reason.code) == ("refused", "E3763")
    assert (result.lesions, result.pet.foci) == (found.lesions, None)
    public = result.as_json("zh")
    assert public["pet"]["suv"] is None
    assert "体重" in summary(public, "zh")


def test_a_broken_pet_leaves_the_ct(objects, methods):
    ct, pet = objects
    broken = changed(pet, "1.9.4", RescaleSlope=None)
    result = result_of(methods, ct, broken)
    assert (result.status, result.pet.status) == ("ok", "failed")
    assert result.pet.reason.code == "E3053"
    assert result.lesions == methods.found.lesions


def test_a_ct_that_was_not_analysed_is_not_fused(objects):
    ct, pet = objects
    reason = Reason("CT_SLICE_GAP", "reject", "有缺层", "slices are missing")
    refused = CtFindings(QcResult("reject", (reason,)), "refused", None, None, None, {}, reason)
    result = result_of(Methods(refused), ct, pet)
    assert (result.status, result.pet.status) == ("refused", "not_applicable")
    assert result.pet.reason.code == "PT_CT_UNUSABLE"


def test_a_ct_alone_has_no_pet(objects, methods):
    ct, _ = objects
    result = result_of(methods, ct)
    assert (result.modality, result.pet) == ("CT", None)
    assert "pet" not in result.as_json()
