"""Training of the radiograph classifier on tiny synthetic inputs: repeatable, well exported."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed (the federated extra)")
pytest.importorskip("sklearn", reason="scikit-learn is not installed (the federated extra)")
pytest.importorskip("onnxscript", reason="onnxscript is not installed (the federated extra)")

from core.imaging.dr_recipes import interval_of, reading_of
from core.models.bundle import load
from core.models.onnx_engine import open_onnx
from core.models.parity import check_parity
from core.models.slots import check_slot
from federated.errors import TrainingDataMissing
from federated.training.dr_data import ImageSet, Source, data_folder, in_teaching_half
from federated.training.dr_doubt import fit_novelty, novelty_limit
from federated.training.dr_lesion_net import LesionNet, make_pool, train_lesion_net
from federated.training.dr_marks import Marks, judge_marks
from federated.training.dr_probe import source_directions, source_probe
from federated.training.dr_tb import INPUT, Material, Trained, fit_and_judge
from federated.training.export import answers_of, network_of, write_bundle
from federated.training.fitting import (
    Company,
    Features,
    Lesson,
    describe,
    fit_linear,
    laid_out,
    lesson_of,
    out_of_fold,
)
from federated.training.network import (
    BANK_MAPS,
    CELLS,
    MAPS,
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
from tests.dr_cases import chest_pixels

MARKS = Marks(0.5, 0.5, 0.5, 0.1, 0.9, 0.8, 0.7, 0.9)


def _tiny_inputs(count: int = 12) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    inputs = generator.standard_normal((count, 1, INPUT.size, INPUT.size)).astype(np.float32) * 0.3
    truth = np.arange(count) % 2 == 0
    stripes = np.sin(np.arange(INPUT.size) * np.pi / 6).astype(np.float32)
    inputs[truth, :, 60:120, 40:100] += stripes[None, None, 40:100] * 1.5
    return inputs, truth


def chest_crop(seed: int) -> np.ndarray:
    return chest_pixels(side=INPUT.size, seed=seed)


def chest_lungs() -> np.ndarray:
    """Two round lungs where the synthetic chest has its own."""
    rows, columns = np.mgrid[0 : INPUT.size, 0 : INPUT.size] / INPUT.size
    aside = np.abs(columns - 0.5)
    return (np.hypot((rows - 0.5) / 0.36, (aside - 0.22) / 0.15) < 1).astype(np.float16)


def _set_of(crops: np.ndarray, truth: np.ndarray) -> ImageSet:
    count = len(crops)
    names = np.array([f"p{i}" for i in range(count)])
    return ImageSet("tiny", crops, truth, names, np.ones(count, bool), np.zeros((0, 1, 1)))


@pytest.fixture(scope="module")
def lungs():
    return lung_mask(INPUT.grow_top, INPUT.grow_bottom, INPUT.grow_side)


@pytest.fixture(scope="module")
def lesions():
    import torch

    torch.manual_seed(3)
    return LesionNet().eval()


@pytest.fixture(scope="module")
def tiny(lungs, lesions):
    inputs, truth = _tiny_inputs()
    return inputs, lesson_of(describe(inputs, lungs, lesions), truth)


def _material(tiny) -> Material:
    inputs, lesson = tiny
    images = _set_of(inputs[:, 0], lesson.truth)
    return Material(images, lesson, None, lesson.features, images.groups)


@pytest.fixture(scope="module")
def trained(tiny, lungs, lesions) -> Trained:
    return fit_and_judge(_material(tiny), lesions, lungs, MARKS, lambda _line: None)


def test_finds_what_was_planted(trained):
    assert trained.validation.auc.value > 0.9
    assert trained.validation.sensitivity.value >= 0.9
    assert len(trained.validation.auc_by_seed) == 3


def test_is_repeatable(trained, tiny, lungs, lesions):
    again = fit_and_judge(_material(tiny), lesions, lungs, MARKS, lambda _line: None)
    assert np.array_equal(again.scores, trained.scores)
    assert np.array_equal(again.head.weight_cell, trained.head.weight_cell)
    assert np.array_equal(again.head.members, trained.head.members)


def test_network_says_what_the_regression_says(trained, tiny):
    inputs, lesson = tiny
    linear = fit_linear(lesson)
    laid = laid_out(linear)
    head = replace(
        trained.head, slope=1.0, offset=0.0, bias=laid.bias,
        **{
            name: getattr(laid, name).astype(np.float32)
            for name in ("mean_cell", "weight_cell", "mean_asymmetry", "weight_asymmetry")
        },
    )  # fmt: skip
    expected = 1 / (1 + np.exp(-linear.decide(lesson.features)))
    assert answers_of(replace(trained, head=head), inputs)[0] == pytest.approx(expected, abs=1e-4)


def test_heat_adds_up_to_the_decision(trained, tiny):
    import torch

    gentle = replace(trained.head, slope=0.05, offset=0.0)  # far from the sigmoid's flat ends
    with torch.inference_mode():
        network = network_of(replace(trained, head=gentle))
        score, heat, *_ = network(torch.from_numpy(tiny[0][:4]))
    logit = np.log(score.numpy() / (1 - score.numpy()))[:, 0]
    total = heat.numpy().mean((1, 2, 3)) + 0.05 * gentle.bias
    assert heat.numpy().shape == (4, 1, 32, 32)
    assert np.ptp(logit) > 0.1
    assert total == pytest.approx(logit, abs=0.02)


def test_mirror_image_scores_the_same(trained, tiny):
    inputs = tiny[0][:4]
    mirrored = np.ascontiguousarray(inputs[..., ::-1])
    assert answers_of(trained, mirrored)[0] == pytest.approx(
        answers_of(trained, inputs)[0], abs=1e-4
    )


def test_patients_stay_together():
    """A patient's copies tell nothing about one another: no leak from fold to fold."""
    generator = np.random.default_rng(5)
    once = generator.standard_normal((10, MAPS, CELLS, CELLS))
    cells = np.repeat(once, 2, axis=0)
    truth = np.repeat(np.arange(10) % 2 == 0, 2)
    lesson = lesson_of(Features(cells, cells[:, mirror_order()][..., ::-1]), truth)
    patients = np.repeat([f"p{i}" for i in range(10)], 2)
    images = np.array([f"i{i}" for i in range(20)])
    together = auc(truth, out_of_fold(lesson, patients, 0))
    leaked = auc(truth, out_of_fold(lesson, images, 0))
    assert leaked > together + 0.2


def test_bundle_is_whole_and_gives_the_golden_outputs(trained, tiny, tmp_path):
    write_bundle(trained, tmp_path, "9.9.9")
    bundle = load(tmp_path)
    check_slot(bundle.metadata)
    engine = open_onnx(bundle, threads=1)
    parity = check_parity(engine, bundle)
    assert parity.passed, parity
    outputs = engine.infer({"image": tiny[0][:3]})
    scores, distances = answers_of(trained, tiny[0][:3])
    assert outputs["score"][:, 0] == pytest.approx(scores, abs=1e-4)
    assert outputs["novelty"][:, 0] == pytest.approx(distances, rel=1e-3)
    reading = reading_of("dr_tb", bundle.metadata.postprocessing)
    low, high = interval_of(outputs, float(scores[0]), reading.doubt)
    assert 0 <= low <= scores[0] <= high <= 1
    assert bundle.metadata.research_only
    assert str(trained.validation.auc) in bundle.card


def test_what_was_not_taught_is_far(tiny):
    _, lesson = tiny
    names = np.array([f"p{i}" for i in range(len(lesson.truth))])
    limit, distances = novelty_limit(lesson.features, names, 0)
    assert (distances <= limit).mean() >= 0.9
    from federated.training.dr_doubt import distance

    strange = Features(lesson.features.cells + 3.0, lesson.features.mirrored + 3.0)
    assert distance(fit_novelty(lesson.features), strange).min() > limit


def test_a_probe_finds_a_source_that_shows_and_no_other():
    draw = np.random.default_rng(0)
    rows = draw.standard_normal((120, 30))
    source = np.repeat(["a", "b"], 60)
    groups = np.array([f"p{i // 2}" for i in range(120)])
    assert source_probe("noise", rows, source, groups, 0).balanced_accuracy < 0.65
    rows[:60, 4] += 4
    assert source_probe("shifted", rows, source, groups, 0).balanced_accuracy > 0.9


def test_what_tells_sources_apart_is_taken_out():
    draw = np.random.default_rng(2)
    rows, shift = draw.standard_normal((160, 30)), np.zeros(30)
    shift[:3] = (2.0, -2.0, 1.5)
    source = np.repeat(["a", "b"], 80)
    rows[80:] += shift
    groups = np.array([f"p{i}" for i in range(160)])
    basis = source_directions([(rows[:80], rows[80:])], 3)
    assert basis @ basis.T == pytest.approx(np.eye(3), abs=1e-9)
    left = rows - (rows @ basis.T) @ basis
    assert source_probe("as they were", rows, source, groups, 0).balanced_accuracy > 0.9
    assert source_probe("taken out", left, source, groups, 0).balanced_accuracy < 0.65


def test_company_takes_the_source_out_of_the_head(tiny):
    """A head taught beside another source gives the direction of that source no weight."""
    _, lesson = tiny
    shifted = Features(lesson.features.cells.copy(), lesson.features.mirrored.copy())
    for values in (shifted.cells, shifted.mirrored):
        values[:, 5] += 0.4 * np.arange(1, 65).reshape(8, 8) / 64
    normals = shifted.take(~lesson.truth)
    pairs = Lesson(normals, np.arange(6) < 3, np.full(6, 1e-6))
    company = Company(pairs, normals, (lesson.features.take(lesson.truth), shifted))
    moves = [
        np.abs(model.decide(normals) - model.decide(lesson.features.take(~lesson.truth))).mean()
        for model in (fit_linear(lesson), fit_linear(lesson, company))
    ]
    assert moves[1] < 0.5 * moves[0]


def test_the_lesion_network_learns_drawn_disease_and_repeats_itself():
    crops = np.stack([chest_crop(seed) for seed in range(4)])
    field = np.repeat(chest_lungs()[None], 4, 0)
    pool = make_pool(crops, field, 32, 1, INPUT)
    assert 0.3 < pool.tuberculosis.mean() < 0.8
    assert pool.masks[~pool.tuberculosis].max() == 0
    first, again = (train_lesion_net(pool, 0, 1) for _ in range(2))
    assert all(
        bool((a == b).all())
        for a, b in zip(first.state_dict().values(), again.state_dict().values(), strict=True)
    )
    marks = judge_marks(first, pool, make_pool(crops, field, 24, 2, INPUT))
    assert 0 < marks.affected_level < 1
    assert 0 <= marks.dice <= 1


def test_halves_share_no_patient_and_no_closed_licence_is_taught():
    count = 40
    names = np.array([f"p{i // 2}" for i in range(count)])
    images = ImageSet(
        "x", np.zeros((count, 4, 4), np.float32), np.zeros(count, bool), names,
        np.arange(count) % 4 != 0, np.zeros((0, 1, 1)),
    )  # fmt: skip
    teaching, reporting = images.halves()
    assert not set(teaching.groups) & set(reporting.groups)
    assert teaching.open_licence.all()
    assert {in_teaching_half(one) for one in names} == {True, False}


def test_crops_are_kept_from_run_to_run(tmp_path):
    kept = tmp_path / "kept"
    kept.mkdir()
    images = _set_of(np.ones((3, 4, 4), np.float32), np.array([True, False, True]))
    arrays = {key: getattr(images, key) for key in
              ("crops", "tuberculosis", "groups", "open_licence", "lungs")}  # fmt: skip
    np.savez(kept / "da.npz", **arrays)
    found = Source(tmp_path, INPUT, kept).load("da")
    assert np.array_equal(found.crops, images.crops)
    with pytest.raises(TrainingDataMissing):
        Source(tmp_path, INPUT).load("da")


def test_gabor_kernels_are_zero_mean_and_unit_norm():
    bank = gabor_bank()
    assert bank.shape == (16, 1, 17, 17)
    assert np.abs(bank.sum((1, 2, 3))).max() < 1e-4
    assert (bank**2).sum((1, 2, 3)) == pytest.approx(np.ones(16), abs=1e-4)


def test_mirroring_twice_is_nothing():
    order = mirror_order()
    assert [order[k] for k in order] == list(range(MAPS))
    assert order[BANK_MAPS:] == list(range(BANK_MAPS, MAPS))


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
