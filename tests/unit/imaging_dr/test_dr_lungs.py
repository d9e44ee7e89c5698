"""Lung fields: by the template, by the network, and when the network does not answer."""

from __future__ import annotations

import numpy as np
import pytest

from core.imaging.dr_chest import ChestBox, fit_chest
from core.imaging.dr_errors import BundleNotForRadiographs
from core.imaging.dr_lungs import LEFT, RIGHT, laid_out, lung_fields
from core.imaging.dr_lungs_network import (
    LungNetwork,
    certainty,
    check_steps,
    letterboxed,
    tidied,
)
from core.models.bundle import load, shipped
from core.models.errors import EngineFailed
from core.models.onnx_engine import open_onnx
from core.phantom.dr import DrSpec, make_dr
from tests.dr_cases import chest_pixels


@pytest.fixture(scope="module")
def phantom():
    return make_dr(DrSpec(301, "normal", rows=112, columns=112, pixel_mm=3.4))


@pytest.fixture(scope="module")
def network():
    bundle = load(shipped("dr_lungs"))
    return LungNetwork(open_onnx(bundle, threads=1), bundle)


def _dice(mask, truth):
    return 2 * ((mask > 0) & truth).sum() / ((mask > 0).sum() + truth.sum())


def test_the_template_finds_both_lungs_and_is_never_very_sure():
    found = lung_fields(chest_pixels())
    right, left = found.mask == RIGHT, found.mask == LEFT
    assert found.method == "template"
    assert 0.3 < found.confidence <= 0.6
    assert 0.6 < right.sum() / left.sum() < 1.7
    assert np.argwhere(right)[:, 1].max() < np.argwhere(left)[:, 1].min()


def test_the_network_outlines_a_digital_patient(phantom, network):
    found = lung_fields(phantom.radiograph.pixels, network=network)
    assert found.method == "network"
    assert found.answer.views["frontal"] > 0.5
    assert _dice(found.mask, phantom.truth.lung_field) > 0.80


def test_what_is_no_frontal_chest_has_no_lungs(network):
    noise = np.random.default_rng(9).random((160, 128), dtype=np.float32)
    found = lung_fields(noise, None, network)
    assert found.method == "network"
    assert found.answer.views["frontal"] < 0.5
    assert not found.mask.any()
    assert found.confidence == 0.0


def test_right_lung_is_at_the_left_of_the_picture(phantom, network):
    mask = lung_fields(phantom.radiograph.pixels, network=network).mask
    assert np.argwhere(mask == RIGHT)[:, 1].mean() < np.argwhere(mask == LEFT)[:, 1].mean()


def test_size_and_grey_scale_do_not_matter(phantom, network):
    pixels = phantom.radiograph.pixels
    plain = lung_fields(pixels, network=network)
    other = lung_fields(np.sqrt(pixels + 10.0).repeat(2, 0).repeat(2, 1), network=network)
    assert _dice(other.mask[::2, ::2], plain.mask > 0) > 0.97


class _Broken:
    name, device = "broken", "cpu"

    def infer(self, inputs):
        raise EngineFailed(engine=self.name, what="lost")


def test_a_network_that_fails_is_replaced_by_the_template(network):
    pixels = chest_pixels()
    plain = lung_fields(pixels)
    found = lung_fields(pixels, network=LungNetwork(_Broken(), network.bundle))
    assert found.method == "template"
    assert found.confidence == plain.confidence
    assert np.array_equal(found.mask, plain.mask)


def test_a_bundle_with_other_steps_is_refused(network):
    stated = network.bundle.metadata
    with pytest.raises(BundleNotForRadiographs):
        check_steps("x", {**stated.preprocessing, "size": 96}, stated.postprocessing)
    with pytest.raises(BundleNotForRadiographs):
        check_steps("x", stated.preprocessing, {"op": "score/1"})


@pytest.mark.parametrize("shape", [(64, 64), (300, 90), (90, 300), (3001, 2500)])
def test_the_letterbox_covers_the_picture(shape):
    pixels = np.random.default_rng(0).random(shape).astype(np.float32)
    frame, box = letterboxed(pixels)
    assert frame.shape == (128, 128)
    assert box.top <= 0
    assert box.left <= 0
    assert box.bottom >= shape[0] - 1
    assert box.right >= shape[1] - 1
    assert box.height == pytest.approx(box.width)


def test_a_square_of_shares_lands_where_it_belongs():
    shares = np.zeros((2, 32, 32), np.float32)
    shares[0, 8:16, 4:12] = 1.0
    mask = laid_out(shares, ChestBox(-16.0, 0.0, 112.0, 128.0), (96, 128))
    rows, columns = np.nonzero(mask == RIGHT)
    # Four pixels to a share; the contour at one half lies on the shares' border, -16 up.
    assert (rows.min(), rows.max() + 1) == pytest.approx((16, 48), abs=1)
    assert (columns.min(), columns.max() + 1) == pytest.approx((16, 48), abs=1)
    assert not (mask == LEFT).any()


def test_shares_beyond_the_picture_are_no_lung():
    shares = np.ones((2, 16, 16), np.float32)
    assert not laid_out(shares, ChestBox(200.0, 200.0, 300.0, 300.0), (100, 100)).any()


def test_only_the_largest_piece_stays_and_its_holes_are_filled():
    share = np.zeros((40, 40), np.float32)
    share[5:30, 5:20] = 0.9
    share[12:15, 10:12] = 0.1
    share[35:38, 35:38] = 0.9
    kept = tidied(share)
    assert kept[13, 11] == 1.0
    assert kept[36, 36] == 0.0


def test_certainty_wants_two_decided_lungs():
    two = np.zeros((2, 40, 40), np.float32)
    two[0, 5:30, 3:15] = two[1, 5:30, 22:34] = 1.0
    assert certainty(two) == pytest.approx(1.0)
    one = two.copy()
    one[1] = 0.0
    assert certainty(one) == 0.0
    assert certainty(np.where(two > 0, 0.6, 0.0).astype(np.float32)) < 0.2
    assert certainty(np.zeros_like(two)) == 0.0


def test_the_template_fit_can_be_handed_in():
    pixels = chest_pixels(256)
    fit = fit_chest(pixels)
    assert np.array_equal(lung_fields(pixels, fit).mask, lung_fields(pixels).mask)
