"""Training of the radiograph classifier on tiny synthetic inputs: repeatable, well exported."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed (the federated extra)")
pytest.importorskip("sklearn", reason="scikit-learn is not installed (the federated extra)")
pytest.importorskip("onnxscript", reason="onnxscript is not installed (the federated extra)")

from core.models.bundle import load
from core.models.onnx_engine import open_onnx
from core.models.parity import check_parity
from federated.errors import TrainingDataMissing
from federated.training.dr_data import ImageSet, data_folder
from federated.training.dr_tb import INPUT, Trained, fit_and_judge
from federated.training.export import scores_of, write_bundle
from federated.training.fitting import describe, fit_linear, head_of, out_of_fold
from federated.training.network import (
    CELLS,
    MAPS,
    TbNetwork,
    gabor_bank,
    lung_mask,
    mirror_order,
)
from federated.training.stats import (
    auc,
    bootstrap_auc,
    share_interval,
    threshold_at_sensitivity,
)


def _tiny_set(count: int = 12) -> ImageSet:
    generator = np.random.default_rng(0)
    inputs = generator.standard_normal((count, 1, INPUT.size, INPUT.size)).astype(np.float32) * 0.3
    truth = np.arange(count) % 2 == 0
    stripes = np.sin(np.arange(INPUT.size) * np.pi / 6).astype(np.float32)
    inputs[truth, :, 60:120, 40:100] += stripes[None, None, 40:100] * 1.5
    return ImageSet("tiny", inputs, truth, np.array([f"p{i}" for i in range(count)]))


@pytest.fixture(scope="module")
def lungs():
    return lung_mask(INPUT.grow_top, INPUT.grow_bottom, INPUT.grow_side)


@pytest.fixture(scope="module")
def trained(lungs):
    training = _tiny_set()
    head, validation, scores = fit_and_judge(training, lungs)
    return Trained(head, validation, (), training, scores)


def test_finds_what_was_planted(trained):
    assert trained.validation.auc.value > 0.9
    assert trained.validation.sensitivity.value >= 0.9
    assert len(trained.validation.auc_by_seed) == 3


def test_is_repeatable(trained, lungs):
    again, _, scores = fit_and_judge(_tiny_set(), lungs)
    assert np.array_equal(scores, trained.scores)
    assert np.array_equal(again.weight_cell, trained.head.weight_cell)


def test_network_says_what_the_regression_says(lungs):
    images = _tiny_set()
    features = describe(images.inputs, lungs)
    linear = fit_linear(features, images.tuberculosis)
    expected = 1 / (1 + np.exp(-linear.decide(features)))
    assert scores_of(head_of(linear, lungs, 1.0, 0.0), images.inputs) == pytest.approx(
        expected, abs=1e-4
    )


def test_heat_adds_up_to_the_decision(trained):
    import torch

    head = trained.head
    gentle = replace(head, slope=0.05, offset=0.0)  # far from the sigmoid's flat ends
    network = TbNetwork(gentle).eval()
    with torch.inference_mode():
        score, heat = network(torch.from_numpy(trained.training.inputs[:4]))
    logit = np.log(score.numpy() / (1 - score.numpy()))[:, 0]
    total = heat.numpy().mean((1, 2, 3)) + 0.05 * head.bias
    assert heat.numpy().shape == (4, 1, 32, 32)
    assert np.ptp(logit) > 0.1
    assert total == pytest.approx(logit, abs=0.02)


def test_mirror_image_scores_the_same(trained):
    inputs = trained.training.inputs[:4]
    mirrored = np.ascontiguousarray(inputs[..., ::-1])
    assert scores_of(trained.head, mirrored) == pytest.approx(
        scores_of(trained.head, inputs), abs=1e-4
    )


def test_patients_stay_together(lungs):
    """A patient's copies tell nothing about one another: no leak from fold to fold."""
    generator = np.random.default_rng(5)
    once = generator.standard_normal((10, 1, INPUT.size, INPUT.size)).astype(np.float32)
    inputs = np.repeat(once, 2, axis=0)
    truth = np.repeat(np.arange(10) % 2 == 0, 2)
    features = describe(inputs, lungs)
    patients = np.repeat([f"p{i}" for i in range(10)], 2)
    images = np.array([f"i{i}" for i in range(20)])
    together = auc(truth, out_of_fold(features, truth, patients, 0))
    leaked = auc(truth, out_of_fold(features, truth, images, 0))
    assert leaked > together + 0.2


def test_bundle_is_whole_and_gives_the_golden_outputs(trained, tmp_path):
    write_bundle(trained, tmp_path, "9.9.9")
    bundle = load(tmp_path)
    engine = open_onnx(bundle, threads=1)
    parity = check_parity(engine, bundle)
    assert parity.passed, parity
    inputs = {"image": trained.training.inputs[:3]}
    assert engine.infer(inputs)["score"][:, 0] == pytest.approx(
        scores_of(trained.head, inputs["image"]), abs=1e-4
    )
    assert bundle.metadata.research_only
    assert str(trained.validation.auc) in bundle.card


def test_gabor_kernels_are_zero_mean_and_unit_norm():
    bank = gabor_bank()
    assert bank.shape == (16, 1, 17, 17)
    assert np.abs(bank.sum((1, 2, 3))).max() < 1e-4
    assert (bank**2).sum((1, 2, 3)) == pytest.approx(np.ones(16), abs=1e-4)


def test_mirroring_twice_is_nothing():
    order = mirror_order()
    assert [order[k] for k in order] == list(range(MAPS))


def test_lung_mask_is_symmetric_and_leaves_the_spine_out(lungs):
    assert np.allclose(lungs, lungs[:, ::-1], atol=0.02)
    assert lungs[12, 15:17].max() == 0
    assert lungs[12, 8] == 1
    assert lungs.shape == (32, 32)
    assert CELLS == 8


def test_figures_of_merit():
    truth = np.array([True] * 10 + [False] * 10)
    scores = np.r_[np.linspace(0.5, 1, 10), np.linspace(0, 0.6, 10)]
    assert auc(truth, truth.astype(float)) == 1.0
    assert auc(truth, np.zeros(20)) == 0.5
    threshold = threshold_at_sensitivity(truth, scores, 0.9)
    assert (scores[truth] >= threshold).sum() == 9
    found = bootstrap_auc(truth, scores, seed=1, rounds=200)
    assert found.low <= found.value <= found.high
    assert str(found) == str(bootstrap_auc(truth, scores, seed=1, rounds=200))
    share = share_interval(np.array([True] * 47 + [False] * 5))
    assert share.low == pytest.approx(0.794, abs=0.002)
    assert share.high == pytest.approx(0.958, abs=0.002)


def test_without_data_there_is_a_typed_error(monkeypatch, tmp_path):
    monkeypatch.delenv("XINGLIN_DATA", raising=False)
    with pytest.raises(TrainingDataMissing):
        data_folder()
    monkeypatch.setenv("XINGLIN_DATA", str(tmp_path))
    with pytest.raises(TrainingDataMissing):
        data_folder()


def test_a_shipped_model_names_no_path_of_the_machine_it_was_made_on():
    from core.models.bundle import shipped

    model = (shipped("dr_tb") / "model.onnx").read_bytes()
    assert b'File "' not in model
    assert b".py" not in model
