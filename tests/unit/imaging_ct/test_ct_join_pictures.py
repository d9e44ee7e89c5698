"""Pictures of studies brought together: right on the left, head up, whatever way the scan ran."""

import numpy as np
import pytest

from core.imaging.ct import CtFindings
from core.imaging.followup import Examination, FollowUp
from core.imaging.followup_change import Change
from core.imaging.followup_picture import SectionSize, axial_section, change_pictures
from core.imaging.joint_picture import ct_picture, film_picture
from core.imaging.result import Lesion, QcResult
from core.imaging.volume import Radiograph, Volume

SUPINE = np.array([[0, 0, 1.0], [0, 1.0, 0], [1.0, 0, 0]])
#: Slices from head to feet, rows to the front, columns to the patient's right.
PRONE = np.array([[0, 0, -1.0], [0, -1.0, 0], [-1.0, 0, 0]])
SIZE = SectionSize(edge_mm=60.0, pixels=30)


def marked(direction, at_mm=(20.0, 8.0, 10.0)):
    """A scan of 2 mm voxels, air with one dense ball at an LPS place; and its label."""
    shape = np.array([40, 40, 40])
    middle = (shape - 1) / 2
    origin = -(direction @ (middle * 2.0))
    index = np.indices(shape).transpose(1, 2, 3, 0)
    volume = Volume(np.zeros(shape, np.int16), (2.0, 2.0, 2.0), tuple(origin), direction)
    ball = np.linalg.norm(volume.to_lps(index.astype(float)) - np.array(at_mm), axis=-1) < 5.0
    return Volume(np.where(ball, 40, -1000).astype(np.int16), *_rest(volume)), ball


def _rest(volume):
    return volume.spacing_mm, volume.origin_mm, volume.direction


@pytest.mark.parametrize("direction", [SUPINE, PRONE])
def test_a_section_is_in_the_patients_axes(direction):
    volume, _ = marked(direction)
    hu = axial_section(volume, volume.voxels, np.array([10.0, 0.0, 10.0]), SIZE, 1)
    rows, columns = np.nonzero(hu > -500)
    # 10 mm to the patient's left of the centre: right half; 8 mm to the back: lower half.
    assert columns.mean() == pytest.approx(14.5 + 10 / 2, abs=0.6)
    assert rows.mean() == pytest.approx(14.5 + 8 / 2, abs=0.6)
    far = axial_section(volume, volume.voxels, np.array([60.0, 0.0, 10.0]), SIZE, 1)
    assert np.isnan(far[:, -1]).all(), "outside the scan is not air"


@pytest.mark.parametrize("direction", [SUPINE, PRONE])
def test_the_ct_from_the_front_says_where_it_lies(direction):
    volume, _ = marked(direction)
    found = ct_picture(volume)
    row, column = np.unravel_index(int(found.pixels.argmax()), found.pixels.shape)
    x = found.left_mm + (column + 0.5) * found.width_mm / found.pixels.shape[1]
    z = found.top_mm - (row + 0.5) * found.height_mm / found.pixels.shape[0]
    assert (x, z) == pytest.approx((20.0, 10.0), abs=5.5)


def test_a_radiograph_is_reduced_by_whole_blocks():
    pixels = np.linspace(0, 4000, 2000 * 1500, dtype=np.float32).reshape(2000, 1500)
    found = film_picture(Radiograph(pixels), 900)
    assert found.pixels.shape == (666, 500)
    assert (found.rows, found.columns) == (2000, 1500)
    assert (found.pixels[0, 0] < 5, found.pixels[-1, -1] > 250) == (True, True)


class Still:
    """A map that moves nothing."""

    def to_prior(self, points):
        return points

    to_current = to_prior


def exam(ids=(1,)):
    volume, ball = marked(SUPINE)
    lesions = tuple(Lesion(n, "mass", (20.0, 8.0, 10.0), 0.5, 10, 10, 40, "x", 0.9) for n in ids)
    labels = np.where(ball, 1 if ids else 0, 0).astype(np.uint16)
    return Examination(CtFindings(QcResult("pass"), "ok", lesions, labels, None), volume)


def change(verdict, prior, current, ml):
    return Change(verdict, "one_to_one", prior, current, volume_prior_ml=ml if prior else None,
                  volume_current_ml=ml if current else None)  # fmt: skip


def test_what_changed_most_gets_the_pictures_and_a_missing_side_its_place():
    changes = (change("within_repeatability", (1,), (1,), 9.0), change("new", (), (1,), 0.1),
               change("growth", (1,), (1,), 0.5))  # fmt: skip
    found = FollowUp("ok", (), changes, points=Still())
    made = change_pictures(exam(), exam(), found, most=2, size=SIZE)
    assert list(made) == [1, 2]
    assert made[1].shape == (30, 66, 3)
    colour = np.ptp(made[1].astype(int), axis=-1) > 60
    assert not colour[:, :30].any(), "no outline where the prior has no lesion"
    assert colour[:, 36:].any()
    assert change_pictures(exam(), exam(), FollowUp("refused")) == {}
