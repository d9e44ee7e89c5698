"""The lesion network's own generator, its labels and its calibration; a fit of a few steps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.imaging.lesions_field import Candidate
from core.imaging.lungs import LEFT
from core.imaging.volume import Volume
from federated.errors import TrainingDataMissing
from federated.training.ct_lesions_scans import Background, held_part, thickened, varied
from federated.training.ct_lesions_shapes import KINDS, RADII_MM, STEP_MM, draw

torch = pytest.importorskip("torch", reason="training tools are not installed")

from federated.training import ct_lesions as training  # noqa: E402  # after the skip
from federated.training.ct_lesions_data import (  # noqa: E402
    CLASSES,
    REAL_CHEST,
    Examples,
    data_folder,
    label_of,
)


@pytest.mark.parametrize("kind", KINDS)
def test_a_drawn_lesion_has_about_the_size_it_was_asked_for(kind: str) -> None:
    radius = float(np.mean(RADII_MM[kind]))
    one, again, other = (draw(kind, radius, np.random.default_rng(s)) for s in (1, 1, 2))
    extent = max(np.ptp(np.argwhere(one.inside), axis=0)) * STEP_MM
    assert 0.35 * radius < extent / 2 < 2.0 * radius
    assert np.array_equal(one.hu, again.hu)
    assert not np.array_equal(one.cover + one.haze_hu, other.cover + other.haze_hu)
    assert 0 <= one.cover.min() <= one.cover.max() <= 1


def test_a_hollow_one_has_air_inside_a_wall() -> None:
    sample = draw("cavity", 14.0, np.random.default_rng(3))
    air = (sample.hu < -800) & (sample.cover > 0.9)
    assert air.sum() > 50
    edge = np.argwhere(air)
    assert edge.min() > 2


def test_labels_need_a_third_and_fragments_are_left_out() -> None:
    labels = np.zeros((12, 12, 12), np.uint8)
    labels[2:8, 2:8, 2:8] = 1
    labels[9:, 9:, 9:] = 255
    sizes = np.bincount(labels.ravel(), minlength=256)

    def at(low: int, high: int) -> int:
        box = (slice(low, high),) * 3
        return label_of(Candidate("x", box, np.ones((high - low,) * 3, bool)), labels, sizes)

    assert at(2, 8) == 1
    assert at(0, 2) == 0
    assert at(3, 5) == -1  # a crumb of a large lesion
    assert at(9, 12) == -1  # the scan's own disease


def test_calibration_puts_the_odds_where_they_belong() -> None:
    rng = np.random.default_rng(4)
    odds = rng.normal(0, 3, (8000, 2))
    truth = rng.random(8000) < 1 / (1 + np.exp(-(odds @ [0.5, 0.2] - 1.0)))
    slope, weight, offset = training.calibrate(odds, truth)
    assert slope == pytest.approx(0.5, abs=0.06)
    assert weight == pytest.approx(0.2, abs=0.04)
    assert offset == pytest.approx(-1.0, abs=0.15)


def test_the_threshold_leaves_as_many_false_ones_as_allowed() -> None:
    false = np.array([0.9, 0.7, 0.4, 0.2])
    assert (false >= training.threshold_for(false, 2)).sum() == 2
    assert training.threshold_for(false[:1], 2) == 0.05


def test_auc_counts_ties_by_half() -> None:
    truth = np.array([True, False, True, False])
    assert training.auc(np.array([0.9, 0.1, 0.5, 0.5]), truth) == pytest.approx(0.875)


def test_a_few_steps_repeat_and_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    patches = rng.integers(0, 40, (96, 2, 32, 32, 32)).astype(np.uint8)
    classes = (np.arange(96) % 2).astype(np.int64)
    patches[classes == 1, :, 12:20, 12:20, 12:20] = 220
    examples = Examples(patches, classes, np.zeros(96))
    monkeypatch.setattr(training, "ROUNDS", ((1, 3e-3), (1, 1e-3)))
    one, two = (training.fit_network(examples, lambda _line: None) for _ in range(2))
    answers = training.answers(one, patches[:8])
    assert answers.shape == (8, len(CLASSES))
    assert np.allclose(answers, training.answers(two, patches[:8]), atol=1e-5)


def background_of_ramp() -> Background:
    voxels = np.repeat(np.arange(30, dtype=np.int16)[:, None, None] * 10, 8, 1).repeat(8, 2)
    direction = np.array([[0, 0, 1.0], [0, 1.0, 0], [1.0, 0, 0]])
    volume = Volume(voxels, (2.0, 1.0, 1.0), (0.0, 0.0, 100.0), direction)
    lungs = np.full(voxels.shape, LEFT, np.uint8)
    return Background("ramp", volume, lungs, held_part(lungs), 2.0, 0.5, 10.0)


def test_thicker_slices_keep_densities_where_they_were() -> None:
    thin = background_of_ramp()
    thick = thickened(thin, 2.5)
    assert thick.volume.spacing_mm[0] == pytest.approx(5.0)
    assert thick.thickness_mm == pytest.approx(5.0)
    # The ramp rises by 10 HU each 2 mm from height 100: the same law holds at the new heights.
    heights = np.array([thick.volume.to_lps((k, 0, 0))[2] for k in range(len(thick.volume.voxels))])
    assert np.allclose(thick.volume.voxels[:, 0, 0], (heights - 100) * 5, atol=1.0)


def test_a_varied_scan_keeps_half_of_the_left_lung_for_calibration() -> None:
    background = background_of_ramp()
    assert background.held.mean() == pytest.approx(0.5, abs=0.05)
    for seed in range(4):
        other = varied(background, np.random.default_rng(seed))
        assert other.held.sum() == background.held.sum()
        assert other.volume.voxels.dtype == np.int16


def test_the_command_looks_for_the_chest_where_training_reads_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("XINGLIN_DATA", raising=False)
    with pytest.raises(TrainingDataMissing):
        data_folder()
    monkeypatch.setenv("XINGLIN_DATA", str(tmp_path))
    with pytest.raises(TrainingDataMissing, match="s1-101"):
        data_folder()
    (tmp_path / REAL_CHEST).parent.mkdir()
    (tmp_path / REAL_CHEST).write_bytes(b"")
    assert data_folder() == tmp_path
