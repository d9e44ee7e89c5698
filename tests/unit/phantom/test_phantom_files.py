"""Written files: round trip, geometry, character sets, SUV from tags, the command line."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import numpy as np
import pydicom
import pytest
from typer.testing import CliRunner

from core.phantom.cli import app
from core.phantom.ct import CtPhantom, CtSpec, make_ct
from core.phantom.dicom import write_ct, write_dr, write_petct
from core.phantom.dr import DrSpec, make_dr
from core.phantom.errors import OutputFolderNotEmpty, TextNotEncodable
from core.phantom.identity import StudyIdentity, patient_identity, study_identity, uid_of
from core.phantom.petct import PetCtPhantom, PetSpec, make_petct
from core.phantom.studies import Order, make_study, orders

AT = datetime.fromisoformat("2026-03-02T09:00:00")
SMALL_CT = CtSpec(seed=7, case="normal", slices=6, rows=64, columns=64, spacing_mm=(50, 6, 6))


@pytest.fixture(scope="module")
def ct() -> CtPhantom:
    return make_ct(SMALL_CT)


@pytest.fixture(scope="module")
def petct() -> PetCtPhantom:
    thin = CtSpec(slices=6, rows=64, columns=64, spacing_mm=(50.0, 6.0, 6.0))
    return make_petct(PetSpec(ct=thin))


def read(paths: list[Path]) -> list[pydicom.Dataset]:
    return [pydicom.dcmread(path) for path in paths]


def test_ct_comes_back_as_it_was_made(ct: CtPhantom, tmp_path: Path) -> None:
    images = read(write_ct(ct, study_identity(7, "CT", AT), tmp_path))
    assert len(images) == 6
    heights = [float(i.ImagePositionPatient[2]) for i in images]
    assert heights == sorted(heights, reverse=True)  # head to feet
    for image in images:
        index = round((float(image.ImagePositionPatient[2]) - ct.volume.origin_mm[2]) / 50.0)
        hu = image.pixel_array * float(image.RescaleSlope) + float(image.RescaleIntercept)
        assert np.array_equal(hu, ct.volume.voxels[index])
    assert len({i.SOPInstanceUID for i in images}) == 6
    assert {i.FrameOfReferenceUID for i in images} == {study_identity(7, "CT", AT)
                                                       .frame_of_reference_uid}  # fmt: skip


def test_lesion_found_through_the_header_lies_at_its_true_place(tmp_path: Path) -> None:
    """From the pixel to the patient by PS3.3 equation C.7.6.2.1-1, with nothing of ours between."""
    spec = CtSpec(seed=7, case="tb", slices=36, rows=80, columns=80, spacing_mm=(9.0, 4.7, 4.7),
                  tilt_deg=-9.0, slice_thickness_mm=2.0)  # fmt: skip
    phantom = make_ct(spec)
    images = read(write_ct(phantom, study_identity(7, "CT", AT), tmp_path))
    images.sort(key=lambda i: float(i.ImagePositionPatient[2]))
    for lesion in phantom.truth.lesions:
        if lesion.volume_ml < 3.0:
            continue
        points = []
        for index, row, column in np.argwhere(phantom.truth.label_map == lesion.id):
            image = images[index]
            along = np.array(image.ImageOrientationPatient, dtype=float)
            at = np.array(image.ImagePositionPatient, dtype=float)
            row_mm, column_mm = (float(v) for v in image.PixelSpacing)
            points.append(at + along[:3] * column_mm * column + along[3:] * row_mm * row)
        assert np.mean(points, axis=0) == pytest.approx(lesion.centroid_mm, abs=2.0)


def test_gaps_and_repeats_are_written_as_asked(tmp_path: Path) -> None:
    spec = CtSpec(seed=7, case="normal", slices=8, rows=32, columns=32, spacing_mm=(30, 12, 12),
                  missing_slices=(3, 4), repeated_slices=(6,))  # fmt: skip
    images = read(write_ct(make_ct(spec), study_identity(7, "CT", AT), tmp_path))
    heights = sorted(round(float(i.ImagePositionPatient[2]), 3) for i in images)
    assert len(images) == 7
    assert len(set(heights)) == 6
    assert max(np.diff(sorted(set(heights)))) == pytest.approx(90.0)
    assert len({i.SOPInstanceUID for i in images}) == 7


@pytest.mark.parametrize(
    ("character_set", "codec"), [("ISO_IR 192", "utf-8"), ("GB18030", "gb18030")]
)
def test_chinese_names_are_the_bytes_of_their_character_set(
    ct: CtPhantom, tmp_path: Path, character_set: str, codec: str
) -> None:
    study = study_identity(7, "CT", AT, character_set)
    path = write_ct(ct, study, tmp_path)[0]
    raw = path.read_bytes()
    alphabetic, ideographic = study.patient.name.split("=")
    assert alphabetic.encode() + b"=" + ideographic.encode(codec) in raw
    assert "县人民医院".encode(codec) in raw
    image = pydicom.dcmread(path)
    assert image.SpecificCharacterSet == character_set
    assert str(image.PatientName) == study.patient.name
    assert image.InstitutionName == "县人民医院"
    assert "PHANTOM" in image.StudyDescription
    assert image.Manufacturer == "Xinglin Phantom"


def test_a_four_byte_character_survives_gb18030(ct: CtPhantom, tmp_path: Path) -> None:
    study = with_name("YU^DI=于^𬱖", "GB18030")
    path = write_ct(ct, study, tmp_path)[0]
    assert len("𬱖".encode("gb18030")) == 4
    assert "𬱖".encode("gb18030") in path.read_bytes()
    assert str(pydicom.dcmread(path).PatientName) == "YU^DI=于^𬱖"


def with_name(name: str, character_set: str) -> StudyIdentity:
    from dataclasses import replace

    study = study_identity(7, "CT", AT, character_set)
    return replace(study, patient=replace(study.patient, name=name))


def test_an_unknown_character_set_is_refused(ct: CtPhantom, tmp_path: Path) -> None:
    with pytest.raises(TextNotEncodable):
        write_ct(ct, study_identity(7, "CT", AT, "ISO_IR 100"), tmp_path)


def test_radiograph_and_its_inverse_mean_the_same(tmp_path: Path) -> None:
    study = study_identity(7, "DX", AT)
    spec = {"case": "normal", "rows": 64, "columns": 64, "pixel_mm": 6.2}
    plain = read(write_dr(make_dr(DrSpec(**spec)), study, tmp_path / "a"))[0]
    turned = read(write_dr(make_dr(DrSpec(fault="monochrome1", **spec)), study, tmp_path / "b"))[0]
    assert plain.PhotometricInterpretation == "MONOCHROME2"
    assert turned.PhotometricInterpretation == "MONOCHROME1"
    assert np.array_equal(4095 - turned.pixel_array, plain.pixel_array)
    deviation = 10 * np.log10(float(plain.ExposureIndex) / float(plain.TargetExposureIndex))
    assert float(plain.DeviationIndex) == pytest.approx(deviation, abs=0.02)
    assert plain.SOPInstanceUID != turned.SOPInstanceUID


def suv_image(image: pydicom.Dataset) -> np.ndarray:
    """SUV by body weight from the tags alone (QIBA pseudo-code, Bq/ml, decay from start)."""
    drug = image.RadiopharmaceuticalInformationSequence[0]
    start = datetime.fromisoformat(f"{image.SeriesDate}T{image.SeriesTime}")
    stamp = drug.RadiopharmaceuticalStartDateTime
    given = datetime.fromisoformat(f"{stamp[:8]}T{stamp[8:]}")
    half_lives = (start - given).total_seconds() / float(drug.RadionuclideHalfLife)
    dose = float(drug.RadionuclideTotalDose) * 2.0**-half_lives
    activity = image.pixel_array * float(image.RescaleSlope) + float(image.RescaleIntercept)
    return activity * float(image.PatientWeight) * 1000.0 / dose


def test_suv_from_the_tags_is_the_truth(petct: PetCtPhantom, tmp_path: Path) -> None:
    paths = write_petct(petct, study_identity(7, "PETCT", AT), tmp_path)
    images = read([p for p in paths if p.parent.name == "pt"])
    images.sort(key=lambda i: float(i.ImagePositionPatient[2]))
    suv = np.stack([suv_image(i) for i in images])
    expected = petct.pet.voxels / petct.spec.bq_per_suv
    assert suv == pytest.approx(expected, abs=2e-3 * suv.max())
    for uptake in petct.uptakes:
        lesion = petct.ct.truth.lesions[uptake.lesion - 1]
        if lesion.volume_ml < 4.0:
            continue
        assert uptake.suv_max == pytest.approx(uptake.suv, rel=0.35)
        index = (
            np.array(lesion.centroid_mm)[::-1] - np.array(petct.pet.origin_mm)[::-1]
        ) / np.array(petct.pet.spacing_mm)
        z, y, x = np.rint(index).astype(int)
        near = suv[z - 3 : z + 4, y - 5 : y + 6, x - 5 : x + 6]
        assert near.max() == pytest.approx(uptake.suv_max, rel=0.35)


def test_liver_and_blood_take_up_what_livers_do(petct: PetCtPhantom) -> None:
    suv = petct.pet.voxels / petct.spec.bq_per_suv
    liver = suv[3:9, 40:56, 25:35]
    assert liver.mean() == pytest.approx(2.2, rel=0.15)


def test_ct_and_pet_share_frame_and_patient(petct: PetCtPhantom, tmp_path: Path) -> None:
    images = read(write_petct(petct, study_identity(7, "PETCT", AT), tmp_path))
    assert len({i.FrameOfReferenceUID for i in images}) == 1
    assert len({i.StudyInstanceUID for i in images}) == 1
    assert {i.Modality for i in images} == {"CT", "PT"}
    assert len({i.SeriesInstanceUID for i in images}) == 2


def test_uids_are_valid_and_depend_on_all_parts() -> None:
    uids = {uid_of("a", 1), uid_of("a", 2), uid_of("b", 1), uid_of("a1"), uid_of("a", 1)}
    assert len(uids) == 4
    for uid in uids:
        assert pydicom.uid.UID(uid).is_valid
        assert uid.startswith("2.25.")
        assert len(uid) <= 64


def test_people_are_many_and_stable() -> None:
    names = {patient_identity(seed).name for seed in range(60)}
    assert len(names) > 40
    assert patient_identity(7) == patient_identity(7)
    for name in names:
        alphabetic, ideographic = name.split("=")
        assert alphabetic.isascii()
        assert "^" in ideographic


def test_command_line_writes_a_study_with_its_truth_and_never_over_another(tmp_path: Path) -> None:
    run = CliRunner().invoke
    asked = ["make", "--kind", "dr", "--seed", "3", "--out", str(tmp_path), "--case", "nodules"]
    first = run(app, asked)
    assert first.exit_code == 0, first.output
    (image,), (truth,) = tmp_path.rglob("*.dcm"), tmp_path.rglob("truth.json")
    stored = json.loads(truth.read_text("utf-8"))
    assert stored["study"] == pydicom.dcmread(image).StudyInstanceUID
    assert len(stored["boxes_px"]) == len(stored["lesions"]) == 5
    again = run(app, asked)
    assert again.exit_code == 2
    assert "E8003" in again.output
    assert run(app, ["make", "--kind", "mri", "--out", str(tmp_path)]).exit_code == 2


def test_a_study_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    order = Order("ct", 9, "tb", "full", AT)
    (tmp_path / order.folder_name).mkdir()
    with pytest.raises(OutputFolderNotEmpty):
        make_study(order, tmp_path)


def test_orders_take_turns_and_never_repeat_a_seed() -> None:
    made = orders(("ct", "dr"), 5, 4, "small", AT)
    assert [o.seed for o in made] == [5, 5, 6, 6, 7, 7, 8, 8]
    assert {o.case for o in made if o.kind == "ct"} == {"showcase", "tb", "normal", "nodules"}
    assert len({o.folder_name for o in made}) == 8
