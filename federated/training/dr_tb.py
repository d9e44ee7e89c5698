"""Train, judge and bundle the radiograph tuberculosis classifier. Seeded and repeatable, CPU only.

Three lessons, none of which lets the source give the answer away:

1. The lesion network learns from NIH normals with and without drawn disease.
2. The head learns `da`, both of whose classes are from one hospital, and
3. pairs of one image with and without drawn disease from NIH normals, NIH pneumonias and the freely
   licensed covid-chestxray images, so that pneumonia alone is no tuberculosis.

Of NIH and covid-chestxray only the teaching half of the patients is taught; the transfer table is
of the other half. TBX11K and images whose licence forbids commercial use are never taught.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage as ndi

from core.imaging.dr_input import InputSpec
from federated.training.dr_data import ImageSet, Source, inputs_of
from federated.training.dr_doubt import (
    Coverage,
    check_interval,
    distance,
    fit_novelty,
    novelty_limit,
    resampled_heads,
)
from federated.training.dr_insertion import sample
from federated.training.dr_lesion_net import LesionNet, Pool, make_pool, train_lesion_net
from federated.training.dr_marks import Marks, judge_marks
from federated.training.dr_probe import Probe, source_probe
from federated.training.fitting import (
    Company,
    Features,
    Lesson,
    describe,
    fit_linear,
    join,
    laid_out,
    lesson_of,
    out_of_fold,
    platt,
    source_basis,
    standard_of,
)
from federated.training.network import Head, lung_mask
from federated.training.stats import (
    Interval,
    auc,
    bootstrap_auc,
    sensitivity,
    share_interval,
    specificity,
    threshold_at_sensitivity,
)

Say = Callable[[str], None]
SEEDS = (0, 1, 2)
WANTED_SENSITIVITY = 0.90  # WHO's minimum for triage is 90 / 70
INPUT = InputSpec(
    size=256, grow_top=0.06, grow_bottom=-0.04, grow_side=0.03, blur_px=20.0, floor=0.15
)
TAUGHT_SETS = ("nih_normal", "nih_pneumonia", "covid_cxr")
#: The set into which disease is drawn for the lesion network; its lung fields are found one by one.
DRAWN_SET = "nih_normal"
FOREIGN_SETS = ("tbx11k_tb",)
POOL = 2000
REPORTED_POOL = 300
EPOCHS = 4
PAIR_SEEDS = {"nih_normal": 210, "nih_pneumonia": 213, "covid_cxr": 209}
#: What the pairs of the other sources weigh beside `da`, all together.
PAIRS_WEIGHT = 0.3


@dataclass(frozen=True)
class CrossValidation:
    """What the left-out folds say.

    ``auc_by_seed`` is one value per split of the patients; ``auc`` and the shares at the threshold
    use each image's mean out-of-fold score over the splits.
    """

    auc: Interval
    auc_by_seed: tuple[float, ...]
    threshold: float
    sensitivity: Interval
    specificity: Interval


@dataclass(frozen=True)
class Transfer:
    """Share of a foreign set at or above the one threshold, and outside of what was taught."""

    name: str
    images: int
    positive: Interval
    outside: float


@dataclass(frozen=True)
class Trained:
    """A trained head with its figures; scores are out-of-fold for the training set.

    ``pairs_auc``: the same untaught NIH normals with and without drawn disease told apart.
    """

    head: Head
    lesions: LesionNet
    validation: CrossValidation
    novelty_limit: float
    coverage: Coverage
    marks: Marks
    training: ImageSet
    scores: NDArray[np.float64] = field(repr=False)
    transfer: tuple[Transfer, ...] = ()
    pairs_auc: Interval | None = None
    probes: tuple[Probe, ...] = ()


@dataclass(frozen=True)
class Material:
    """What a head is taught with.

    Attributes
    ----------
    da : ImageSet
    lesson : Lesson
        `da`'s features and truth.
    company : Company or None
        What other sources teach beside it.
    taught : Features
        All real images that were taught, for the novelty model.
    taught_groups : (image,) str
    """

    da: ImageSet
    lesson: Lesson
    company: Company | None
    taught: Features
    taught_groups: NDArray[np.str_]


def judge(
    decisions: NDArray[np.float64], truth: NDArray[np.bool_]
) -> tuple[CrossValidation, float, float, NDArray[np.float64]]:
    """Calibrate and judge out-of-fold decisions (seed, image); also slope, offset and scores."""
    slope, offset = platt(decisions.reshape(-1), np.tile(truth, len(decisions)))
    scores = _sigmoid(slope * decisions.mean(0) + offset)
    threshold = threshold_at_sensitivity(truth, scores, WANTED_SENSITIVITY)
    # Rounded down, so that the printed threshold is the one that is used.
    threshold = float(np.floor(threshold * 1000) / 1000)
    validation = CrossValidation(
        auc=bootstrap_auc(truth, scores, seed=0),
        auc_by_seed=tuple(auc(truth, row) for row in decisions),
        threshold=threshold,
        sensitivity=share_interval(scores[truth] >= threshold),
        specificity=share_interval(scores[~truth] < threshold),
    )
    assert sensitivity(truth, scores, threshold) >= WANTED_SENSITIVITY
    assert 0.0 <= specificity(truth, scores, threshold) <= 1.0
    return validation, slope, offset, scores


def fit_and_judge(
    material: Material, lesions: LesionNet, lungs: NDArray[np.float32], marks: Marks, say: Say
) -> Trained:
    """Cross-validate over all seeds, then fit the shipped head and its company on every image."""
    lesson, groups, company = material.lesson, material.da.groups, material.company
    rows = [out_of_fold(lesson, groups, seed, company) for seed in SEEDS]
    validation, slope, offset, scores = judge(np.array(rows), lesson.truth)
    say(f"da: AUC {validation.auc}, by split {[round(v, 3) for v in validation.auc_by_seed]}")
    laid = laid_out(fit_linear(lesson, company))
    members = np.stack([m.flat for m in resampled_heads(lesson, groups, 0, company)])
    limit, _ = novelty_limit(material.taught, material.taught_groups, 0)
    say(f"novelty limit {limit:.3f}")
    coverage = check_interval(lesson, groups, company)
    say(f"interval: {coverage}")
    head = Head(
        laid.mean_cell.astype(np.float32), laid.weight_cell.astype(np.float32),
        laid.mean_asymmetry.astype(np.float32), laid.weight_asymmetry.astype(np.float32),
        laid.bias, slope, offset, lungs, members, fit_novelty(material.taught),
    )  # fmt: skip
    return Trained(head, lesions, validation, limit, coverage, marks, material.da, scores)


def template_lungs(spec: InputSpec) -> NDArray[np.float16]:
    """Return the template's lungs on a crop, with a soft edge."""
    outline = lung_mask(spec.grow_top, spec.grow_bottom, spec.grow_side, spec.size)
    return ndi.gaussian_filter(outline, 4.0).astype(np.float16)


def pairs_of(
    images: ImageSet, seed: int, diseased: bool, spec: InputSpec = INPUT
) -> NDArray[np.float32]:
    """Return one crop per image, with drawn disease or without; else it stays as it was."""
    draw = np.random.default_rng(seed)
    fields = images.lungs
    if not len(fields):
        fields = np.repeat(template_lungs(spec)[None], len(images.crops), 0)
    crops = [
        sample(crop, lungs.astype(np.float32), draw, diseased, varied=False).crop
        for crop, lungs in zip(images.crops, fields, strict=True)
    ]
    return np.array(crops)


def beside_of(taught: dict[str, ImageSet], described: Described, count: float) -> Lesson:
    """Return the pairs of all sources as a lesson that weighs as much as `count` images.

    Every source weighs the same, and its two halves weigh the same: no source speaks for a class.
    """
    parts, truth, weights = [], [], []
    for name, images in taught.items():
        for diseased in (False, True):
            parts.append(described.pairs(name, images, diseased, reported=False))
            truth.append(np.full(len(images.groups), diseased))
            share = count / (2 * len(taught) * len(images.groups))
            weights.append(np.full(len(images.groups), share))
    return Lesson(join(parts), np.concatenate(truth), np.concatenate(weights))


@dataclass(frozen=True)
class Described:
    """Makes features of images, and keeps them from run to run where crops are kept."""

    source: Source
    lesions: LesionNet
    lungs: NDArray[np.float32]

    def whole(self, images: ImageSet) -> Features:
        """Return the features of a set's images."""
        return self._kept(f"features_{images.name}", lambda: images.crops)

    def pairs(self, name: str, images: ImageSet, diseased: bool, reported: bool) -> Features:
        """Return the features of images of a set with drawn disease or without."""
        seed = PAIR_SEEDS[name] + diseased + 10 * reported
        half = "reported" if reported else "taught"
        file = f"features_{name}_{half}_{'ill' if diseased else 'clear'}"
        return self._kept(file, lambda: pairs_of(images, seed, diseased))

    def _kept(self, name: str, crops: Callable[[], NDArray[np.float32]]) -> Features:
        file = None if self.source.kept is None else self.source.kept / f"{name}.npz"
        if file is not None and file.is_file():
            with np.load(file, allow_pickle=False) as arrays:
                return Features(arrays["cells"].astype(float), arrays["mirrored"].astype(float))
        made = describe(inputs_of(crops(), INPUT), self.lungs, self.lesions)
        if file is not None:
            cells, mirrored = made.cells.astype(np.float32), made.mirrored.astype(np.float32)
            np.savez(file, cells=cells, mirrored=mirrored)
        return made


def train(source: Source, say: Say, transfer: bool = True) -> Trained:
    """Train on the sets of `source`; `say` hears what is being done.

    Raises
    ------
    TrainingDataMissing
    """
    sets = {}
    for name in ("da", *TAUGHT_SETS):
        say(f"{name}: finding chests")
        sets[name] = source.load(name, lungs=name == DRAWN_SET)
    lesions, marks = _lesion_net(source, *sets[DRAWN_SET].halves(), say)
    lungs = lung_mask(INPUT.grow_top, INPUT.grow_bottom, INPUT.grow_side)
    described, da = Described(source, lesions, lungs), sets["da"]
    lesson = lesson_of(described.whole(da), da.tuberculosis)
    say("pairs with and without drawn disease")
    teaching = {name: sets[name].halves()[0] for name in TAUGHT_SETS}
    pairs = beside_of(teaching, described, PAIRS_WEIGHT * len(da.groups))
    real = [described.whole(sets[name]).take(sets[name].taught()) for name in TAUGHT_SETS]
    company = Company(pairs, normals=real[0], others=(real[1], real[2]))
    groups = np.concatenate([da.groups, *(one.groups for one in teaching.values())])
    material = Material(da, lesson, company, join([lesson.features, *real]), groups)
    trained = fit_and_judge(material, lesions, lungs, marks, say)
    if not transfer:
        return trained
    foreign = {name: sets[name] for name in TAUGHT_SETS}
    foreign |= {name: source.load(name) for name in FOREIGN_SETS}
    return _with_transfer(trained, material, foreign, described)


def _lesion_net(
    source: Source, taught: ImageSet, reported: ImageSet, say: Say
) -> tuple[LesionNet, Marks]:
    say("drawing disease into normals")
    pool = _pool(source, "taught", taught, (POOL, 1))
    held_out = _pool(source, "reported", reported, (REPORTED_POOL, 2))
    say("lesion network: training")
    lesions = _trained_net(source, pool)
    marks = judge_marks(lesions, pool, held_out)
    say(f"lesion network: {marks}")
    return lesions, marks


def _pool(source: Source, name: str, images: ImageSet, size: tuple[int, int]) -> Pool:
    """Draw (samples, seed) `size`; kept from run to run where crops are."""
    file = None if source.kept is None else source.kept / f"pool_{name}.npz"
    if file is not None and file.is_file():
        with np.load(file, allow_pickle=False) as arrays:
            return Pool(arrays["inputs"], arrays["masks"], arrays["tuberculosis"])
    pool = make_pool(images.crops, images.lungs, *size, INPUT)
    if file is not None:
        np.savez(file, inputs=pool.inputs, masks=pool.masks, tuberculosis=pool.tuberculosis)
    return pool


def _trained_net(source: Source, pool: Pool) -> LesionNet:
    file = None if source.kept is None else source.kept / "lesion_net.pt"
    if file is not None and file.is_file():
        network = LesionNet()
        network.load_state_dict(torch.load(file, weights_only=True))
        network.eval()
        return network
    network = train_lesion_net(pool, 0, EPOCHS)
    if file is not None:
        torch.save(network.state_dict(), file)
    return network


def _with_transfer(
    trained: Trained, material: Material, foreign: dict[str, ImageSet], described: Described
) -> Trained:
    linear = fit_linear(material.lesson, material.company)
    head, limit = trained.head, trained.novelty_limit

    def scores_of(features: Features) -> NDArray[np.float64]:
        return _sigmoid(head.slope * linear.decide(features) + head.offset)

    table, seen, kept = [], {"da": material.lesson.features}, {}
    for name, images in foreign.items():
        reported = ~images.teaching() if name in TAUGHT_SETS else np.ones(len(images.groups), bool)
        kept[name] = images.take(reported)
        seen[name] = described.whole(images).take(reported)
        positive = share_interval(scores_of(seen[name]) >= trained.validation.threshold)
        outside = float((distance(head.novelty, seen[name]) > limit).mean())
        table.append(Transfer(name, int(reported.sum()), positive, outside))
    normals = kept[DRAWN_SET]
    clear, ill = (
        scores_of(described.pairs(DRAWN_SET, normals, diseased, reported=True))
        for diseased in (False, True)
    )
    truth = np.repeat([False, True], len(normals.groups))
    return replace(
        trained,
        transfer=tuple(table),
        pairs_auc=bootstrap_auc(truth, np.concatenate([clear, ill]), seed=0),
        probes=probes_of(seen, material, kept),
    )


def probes_of(
    seen: dict[str, Features], material: Material, foreign: dict[str, ImageSet]
) -> tuple[Probe, ...]:
    """Return how well sources are told apart, on patients that taught no other source's features.

    From small pictures, from the features, and from the features as the head sees them: with the
    source's directions taken out.
    """
    da, company = material.da, material.company
    assert company is not None
    standard = standard_of(join([material.lesson.features, company.normals]))
    basis = source_basis(standard, material.lesson, company)
    images = {"da": da, **foreign}
    rows = {name: standard.rows(one) for name, one in seen.items()}
    left = {name: one - (one @ basis.T) @ basis for name, one in rows.items()}
    small = {name: _thumbnails(one.crops) for name, one in images.items()}
    groups = {name: one.groups for name, one in images.items()}
    found = []
    for what, table in (("32 x 32 pictures", small), ("features", rows), ("head sees", left)):
        found.append(_probe(f"{what}: all sources", table, groups))
        for label, name, chosen in (
            ("normal", "nih_normal", ~da.tuberculosis),
            ("tuberculosis", "tbx11k_tb", da.tuberculosis),
        ):
            pair = {"da": table["da"][chosen], name: table[name]}
            patients = {"da": da.groups[chosen], name: groups[name]}
            found.append(_probe(f"{what}: {label}, da or {name}", pair, patients))
    return tuple(found)


def _probe(
    what: str, rows: dict[str, NDArray[np.float64]], groups: dict[str, NDArray[np.str_]]
) -> Probe:
    source = np.concatenate([np.full(len(one), name) for name, one in rows.items()])
    patients = np.concatenate([groups[name] for name in rows])
    return source_probe(what, np.concatenate(list(rows.values())), source, patients, 0)


def _thumbnails(crops: NDArray[np.float32]) -> NDArray[np.float64]:
    side = crops.shape[1] // 32
    small = crops.reshape(len(crops), 32, side, 32, side).mean((2, 4)).reshape(len(crops), -1)
    centred = small - small.mean(1, keepdims=True)
    scaled: NDArray[np.float64] = centred / (small.std(1, keepdims=True) + 1e-6)
    return scaled.astype(np.float64)


def _sigmoid(values: NDArray[np.float64]) -> NDArray[np.float64]:
    result: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-values))
    return result
