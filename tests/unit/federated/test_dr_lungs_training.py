"""Training of the lung-field network: projections, randomising, a repeatable fit. No real data."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="the federated extra is not installed")

import torch

from core.imaging.dr_lungs_network import SIDE
from federated.training.dr_lungs import Plan, fit, fit_turn
from federated.training.dr_lungs_bodies import HIDDEN, body_of
from federated.training.dr_lungs_drr import Pose, project
from federated.training.dr_lungs_framing import Warp, extent_of, missing_shares
from federated.training.dr_lungs_network import LungNet, Served
from federated.training.dr_lungs_randomise import draw, stray, with_disease
from federated.training.dr_lungs_samples import (
    FRONTAL,
    KEPT_SIDE,
    OTHER,
    Sample,
    projected,
    reported,
    squared,
)


@pytest.fixture(scope="module")
def body():
    """A cylinder of water with two lungs and a heart between them; 6 mm voxels."""
    up, back, left = np.mgrid[0:50, 0:34, 0:60].astype(np.float32)
    inside = np.hypot((back - 16.5) / 15, (left - 29.5) / 27) < 1
    hu = np.where(inside, 30.0, -1000.0).astype(np.float32)
    lungs = np.zeros(hu.shape, np.uint8)
    for side, middle in ((1, 17), (2, 43)):
        shape = np.hypot(np.hypot((up - 26) / 17, (back - 16.5) / 11), (left - middle) / 8.5) < 1
        lungs[shape] = side
    hu[lungs > 0] = -820
    return body_of(hu, lungs, inside, (6.0, 6.0, 6.0))


def test_what_lies_between_and_under_the_lungs_hides_them(body):
    hidden = (body.parts & HIDDEN) > 0
    assert hidden[26, 16, 30]
    assert hidden[4, 16, 17]
    assert not hidden[48, 16, 30]
    assert not (hidden & (body.hu < -500)).any()


def test_a_frontal_projection_shows_the_right_lung_at_the_left(body):
    shown = project(body, Pose())
    right, left = (np.argwhere(shown.field == side) for side in (1, 2))
    assert right[:, 1].mean() < left[:, 1].mean()
    assert shown.path[(shown.field > 0)].mean() < shown.path[25, 28:32].mean()
    assert abs(len(right) - len(left)) < 0.1 * len(right)


def test_rows_run_from_head_to_feet(body):
    taller = project(body, Pose(height=0.7))
    rows = np.flatnonzero((taller.field > 0).any(1))
    whole = np.flatnonzero((project(body, Pose()).field > 0).any(1))
    assert len(rows) < len(whole)
    # The lungs lie a little above the body's middle.
    assert rows.mean() < len(taller.field) / 2


def test_a_picture_is_squared_without_distortion():
    image = np.zeros((100, 50), np.float32)
    image[40:60, 20:40] = 1.0
    field = (image > 0).astype(np.uint8)
    frame, marked, window = squared(image, field)
    rows, columns = np.nonzero(marked)
    assert frame.shape == marked.shape == (KEPT_SIDE, KEPT_SIDE)
    assert window == (0.0, 64.0, 256.0, 192.0)
    assert np.ptp(rows) == pytest.approx(np.ptp(columns), abs=1)


def test_randomising_repeats_itself_and_keeps_what_is_known(body):
    sample = projected(body, Pose(yaw_deg=8.0), FRONTAL, "made")
    kinds = set()
    for seed in range(12):
        one, two = (draw(sample, np.random.default_rng(seed)) for _ in range(2))
        assert np.array_equal(one.image, two.image)
        assert 0.0 <= one.image.min() <= one.image.max() <= 1.0
        kinds.add(one.view)
        if one.view == FRONTAL:
            assert one.lungs.shape == (2, SIDE, SIDE)
            assert abs(one.yaw_deg) == 8.0
            centres = [np.argwhere(half > 0.5)[:, 1].mean() for half in one.lungs]
            assert centres[0] < centres[1]
        else:
            assert one.lungs is None
    assert FRONTAL in kinds
    assert stray(np.random.default_rng(0)).view == OTHER


def test_what_is_cut_off_is_known():
    field = np.zeros((KEPT_SIDE, KEPT_SIDE), np.uint8)
    field[60:180, 40:120], field[60:180, 140:220] = 1, 2
    still = Warp(np.eye(2), np.zeros(2), np.zeros((2, 5, 5)), KEPT_SIDE)
    whole = (0.0, 0.0, 256.0, 256.0)
    extent = extent_of(field, still)
    assert extent == pytest.approx((60, 40, 180, 220), abs=2)
    cut = missing_shares(field, whole, extent, (72.0, 0.0, 256.0, 202.0))
    assert cut == pytest.approx([0.1, -0.3, -0.22, 0.1], abs=0.02)
    # Lungs that touch the edge of their own picture: nobody knows what lies beyond.
    touching = missing_shares(field, (60.0, 0.0, 256.0, 256.0), extent, (60.0, 0.0, 256.0, 256.0))
    assert np.isnan(touching[0])
    assert np.isfinite(touching[1:]).all()
    deeper = missing_shares(field, (60.0, 0.0, 256.0, 256.0), extent, (84.0, 0.0, 256.0, 256.0))
    assert deeper[0] == pytest.approx(0.2, abs=0.02)


def test_lungs_that_are_cut_off_reach_the_border_of_the_picture(body):
    sample = projected(body, Pose(), FRONTAL, "made")
    cut = 0
    for seed in range(40):
        one = draw(sample, np.random.default_rng(seed))
        if one.lungs is None or not np.isfinite(one.missing[0]) or one.missing[0] < 0.12:
            continue
        rows = np.flatnonzero((one.image > 0).any(1))
        reached = np.flatnonzero((one.lungs.max(0) > 0.5).any(1))
        # Shares of both lungs together: one of the two may end lower.
        assert reached[0] <= rows[0] + 3
        cut += 1
    assert cut >= 2


def test_a_mirrored_patient_is_told(body):
    sample = projected(body, Pose(yaw_deg=8.0), FRONTAL, "made")
    told = [draw(sample, np.random.default_rng(seed)) for seed in range(12)]
    for one in told:
        if one.view == FRONTAL:
            assert one.mirrored == float(one.yaw_deg < 0)
        else:
            assert np.isnan(one.mirrored)


def test_disease_stays_in_the_lungs_and_makes_them_denser(body):
    sample = projected(body, Pose(), FRONTAL, "made")
    masks = np.stack([sample.field == 1, sample.field == 2]).astype(np.float32)
    changed = 0
    for seed in range(8):
        painted = with_disease(sample.image, masks, np.random.default_rng(seed))
        assert np.array_equal(painted[masks.max(0) == 0], sample.image[masks.max(0) == 0])
        assert (painted >= sample.image - 1e-6).all()
        changed += bool((painted > sample.image + 0.05).any())
    assert changed >= 3


def test_patients_are_kept_apart():
    groups = [f"{n:08d}" for n in range(300)]
    share = np.mean([reported(group) for group in groups])
    assert 0.2 < share < 0.5
    assert [reported(g) for g in groups] == [reported(g) for g in groups]


def test_the_same_seed_gives_the_same_weights(body):
    samples = [
        projected(body, Pose(yaw_deg=yaw), FRONTAL, origin)
        for yaw, origin in ((-10.0, "made"), (10.0, "made"), (0.0, "nih"))
    ]
    samples.append(Sample(samples[0].image, None, OTHER, float("nan"), "slice"))
    plan = Plan(steps=2, batch=3, seed=4)
    first, second = (fit(samples, plan, lambda _line: None) for _ in range(2))
    for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True):
        assert torch.equal(a, b)
    before = first.turn.weight.clone()
    fit_turn(first, samples, seed=4, draws=12)
    assert not torch.equal(before, first.turn.weight)
    assert torch.isfinite(first.turn.weight).all()


def test_lungs_are_served_only_of_what_looks_frontal():
    torch.manual_seed(3)
    network = LungNet().eval()
    image = torch.rand(1, 1, SIDE, SIDE)
    with torch.inference_mode():
        for bias, serves in ((9.0, True), (-9.0, False)):
            network.view.bias[0] = bias
            plain = torch.sigmoid(network(image).lungs)
            lungs = Served(network)(image)[0]
            assert torch.equal(lungs, plain) == serves
            assert (lungs.max() < 1e-6) != serves
