"""Position of the lungs in the picture, artefacts of detector and clothing, kind of view."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage as ndi

from core.imaging.dr_chest import ChestBox, ChestFit
from core.imaging.dr_limits import DrLimits
from core.imaging.dr_lungs import LungFields
from core.imaging.dr_lungs_network import EDGES, VIEWS, NetworkAnswer
from core.imaging.dr_qc import assess_dr
from core.imaging.dr_qc_artefacts import (
    dead_lines,
    dense_objects,
    grid_line_db,
    thorax_in_frame,
)
from core.imaging.dr_qc_position import judged_position, position_of
from core.imaging.dr_qc_view import judged_view
from core.imaging.volume import Radiograph
from tests.dr_cases import chest_pixels

_BOX = ChestBox(0.0, 0.0, 128.0, 128.0)
_BOX_OF_256 = ChestBox(0.0, 0.0, 256.0, 256.0)


def _lungs(top=40, bottom=200, heart=20):
    """Two lungs in 256 x 256; the left one gives way to a heart `heart` columns wide."""
    mask = np.zeros((256, 256), np.uint8)
    mask[top:bottom, 40:110] = 1
    mask[top:bottom, 146:216] = 2
    mask[top + 80 : bottom, 146 : 146 + heart] = 0
    return mask


def _answer(yaw_deg=0.0, **views):
    shares = dict.fromkeys(VIEWS, 0.0) | {"frontal": 1.0} | views
    return NetworkAnswer(np.zeros((2, 128, 128), np.float32), shares, yaw_deg, _BOX)


def _codes(
    mask,
    field=(0, 0, 256, 256),
    *,
    yaw_deg=0.0,
    confidence=0.9,
    limits=None,
    missing=None,
):
    metrics = {}
    answer = _answer(yaw_deg)
    if missing is not None:
        shares = dict.fromkeys(EDGES, -0.2) | missing
        answer = replace(answer, missing=shares)
    lungs = LungFields(mask, confidence, "network", answer)
    found = judged_position(lungs, field, limits or DrLimits(), metrics)
    return {(r.code, r.severity) for r in found}, metrics


def test_lungs_well_inside_give_no_reason():
    found, metrics = _codes(_lungs())
    assert found == set()
    assert metrics["apices_contact"] == pytest.approx(-40 / 160, abs=0.01)
    assert metrics["bases_contact"] == pytest.approx(-56 / 160, abs=0.02)
    assert metrics["heart_to_left"] > 0


@pytest.mark.parametrize(
    ("field", "code"),
    [
        ((60, 0, 256, 256), "DR_CUT_APICES"),
        ((0, 0, 180, 256), "DR_CUT_BASES"),
        ((0, 60, 256, 256), "DR_CUT_SIDE"),
        ((0, 0, 256, 190), "DR_CUT_SIDE"),
    ],
)
def test_lungs_that_reach_the_edge_of_the_field_are_cut(field, code):
    found, _ = _codes(_lungs(), field)
    assert (code, "reject") in found
    assert {c for c, _ in found} <= {code, "DR_INSPIRATION", "DR_SIDE_DOUBTFUL"}


@pytest.mark.parametrize(
    ("edge", "code"),
    [
        ("apices", "DR_CUT_APICES"),
        ("bases", "DR_CUT_BASES"),
        ("image_left", "DR_CUT_SIDE"),
        ("image_right", "DR_CUT_SIDE"),
    ],
)
def test_what_the_network_says_is_missing_counts_beside_the_outline(edge, code):
    touching = (60, 0, 256, 256)
    assert ("DR_CUT_APICES", "reject") in _codes(_lungs(), touching, missing={})[0]
    assert _codes(_lungs(), missing={})[0] == set()
    found, metrics = _codes(_lungs(), missing={edge: 0.3})
    assert found == {(code, "reject")}
    assert metrics[f"{edge}_missing"] == 0.3
    assert _codes(_lungs(), confidence=0.2, missing={edge: 0.3})[0] == {
        ("DR_LUNGS_UNSURE", "warn"),
        (code, "warn"),
    }


def test_flat_lungs_mean_shallow_breath():
    found, metrics = _codes(_lungs(top=120, bottom=190, heart=0))
    assert any(code == "DR_INSPIRATION" for code, _ in found)
    assert metrics["height_to_width"] == pytest.approx(70 / 176, abs=0.02)


def test_a_mirrored_heart_is_doubted_and_never_rejected():
    mirrored = _lungs()[:, ::-1].copy()
    mirrored = np.where(mirrored == 0, 0, 3 - mirrored).astype(np.uint8)
    found, metrics = _codes(mirrored)
    assert found == {("DR_SIDE_DOUBTFUL", "warn")}
    assert metrics["heart_to_left"] < 0
    assert metrics["heart_side"] == pytest.approx(-_codes(_lungs())[1]["heart_side"], abs=0.01)


@pytest.mark.parametrize(
    ("columns", "severity"), [(4, None), (-4, None), (16, "warn"), (-14, "warn"), (40, "reject")]
)
def test_a_turned_patient_has_the_spine_beside_the_middle(columns, severity):
    """The inner borders of the upper chest move with the spine, the outer ones stay."""
    mask = _lungs()
    inner = np.zeros_like(mask)
    inner[40:115, 110 + columns : 146 + columns] = 1
    mask[40:115, 60:196] = np.where(np.arange(60, 196) < 128 + columns, 1, 2)
    mask[inner > 0] = 0
    found, metrics = _codes(mask)
    assert {one for one in found if one[0] != "DR_SIDE_DOUBTFUL"} == (
        set() if severity is None else {("DR_ROTATED", severity)}
    )
    assert metrics["turn_shift"] == pytest.approx(columns / 176, abs=0.01)


def test_a_turn_is_not_taken_for_a_mirrored_heart():
    """The upper inner borders go to the image's right as far as the heart pulls the lower ones."""
    turned = _lungs(heart=20)
    turned[40:120, 110:124] = 1
    turned[40:120, 146:160] = 0
    metrics = _codes(turned)[1]
    assert metrics["heart_to_left"] < 0 < metrics["heart_side"]


def test_unsure_lungs_reject_nothing():
    assert _codes(_lungs(), confidence=0.2)[0] == {("DR_LUNGS_UNSURE", "warn")}
    cut = _codes(_lungs(), (60, 0, 256, 256), confidence=0.2)[0]
    assert cut == {("DR_LUNGS_UNSURE", "warn"), ("DR_CUT_APICES", "warn")}
    one = _lungs()
    one[one == 2] = 0
    assert position_of(one, (0, 0, 256, 256)) is None
    assert _codes(one)[0] == {("DR_LUNGS_UNSURE", "warn")}


def test_limits_move_the_verdict():
    strict = DrLimits(apices_warn=-0.5, apices_reject=0.9)
    assert _codes(_lungs(), limits=strict)[0] == {("DR_CUT_APICES", "warn")}


@pytest.mark.parametrize(
    ("views", "code"),
    [
        ({"frontal": 0.1, "lateral": 0.9}, "DR_VIEW_LATERAL"),
        ({"frontal": 0.1, "other": 0.9}, "DR_NOT_CHEST"),
        ({"frontal": 0.1, "turned": 0.9}, "DR_TURNED"),
        ({}, None),
    ],
)
def test_the_kind_of_view(views, code):
    fit = ChestFit(_BOX, 0.8, 0.2)
    found = judged_view(_answer(**views), fit, -1.0, DrLimits(), {})
    assert [r.code for r in found] == ([] if code is None else [code])


def test_reversed_polarity_wants_a_better_match_of_the_reversed_picture():
    assert judged_view(_answer(), ChestFit(_BOX, 0.8, 0.2), -1.0, DrLimits(), {}) == []
    found = judged_view(_answer(), ChestFit(_BOX, 0.3, 0.7), 0.4, DrLimits(), {})
    assert [r.code for r in found] == ["DR_POLARITY"]
    assert found[0].value > found[0].limit


def test_upside_down_is_turned_although_the_reversed_picture_matches():
    found = judged_view(_answer(), ChestFit(_BOX, 0.3, 0.7), 0.9, DrLimits(), {})
    assert [r.code for r in found] == ["DR_TURNED"]
    assert found[0].value == pytest.approx(0.6)


def test_a_grid_is_one_line_in_the_spectrum():
    grain = ndi.gaussian_filter(np.random.default_rng(0).normal(100, 40, (512, 512)), 0.7)
    plain = grain.astype(np.float32)
    lines = plain + 4.0 * np.sin(2 * np.pi * np.arange(512) / 2.6).astype(np.float32)[None]
    assert grid_line_db(plain) < DrLimits().grid_warn_db
    assert grid_line_db(lines) > DrLimits().grid_reject_db
    assert grid_line_db(lines.T.copy()) == pytest.approx(grid_line_db(lines))


def test_grid_lines_over_a_chest_are_said():
    lines = 4.0 * np.sin(2 * np.pi * np.arange(512) / 2.6)[None]
    spoilt = (chest_pixels() + lines).astype(np.float32)
    codes = {r.code for r in assess_dr(Radiograph(spoilt, bits_stored=8)).reasons}
    assert "DR_GRID_LINES" in codes


def test_a_dead_column_is_counted_and_a_shutter_is_not():
    rng = np.random.default_rng(0)
    field = ndi.gaussian_filter(rng.normal(100, 60, (300, 300)), 2).astype(np.float32)
    field += rng.normal(0, 1, field.shape).astype(np.float32)
    whole = (0, 0, 300, 300)
    assert dead_lines(field, whole)[0] == 0
    dead = field.copy()
    dead[:, 120] = 0
    count, worst = dead_lines(dead, whole)
    assert count == 1
    assert worst > 40
    shutter = field.copy()
    shutter[:40] = 0
    assert dead_lines(shutter, whole)[0] == 0


def test_dense_objects_are_counted():
    frame = np.full((512, 512), 100.0, np.float32)
    frame += ndi.gaussian_filter(np.random.default_rng(0).normal(0, 40, frame.shape), 6)
    assert dense_objects(frame, 100.0)[0] == 0
    rows, columns = np.mgrid[0:512, 0:512]
    for row, column in ((100, 100), (300, 350)):
        frame[np.hypot(rows - row, columns - column) < 7] = 250
    count, share = dense_objects(frame, 100.0)
    assert count == 2
    assert share == pytest.approx(2 * np.pi * 49 / 512**2, rel=0.1)


def test_letters_beside_the_thorax_are_no_objects_over_the_lungs():
    mask = np.zeros((256, 256), np.uint8)
    mask[40:200, 60:110], mask[40:200, 146:196] = 1, 2
    thorax = thorax_in_frame(mask, _BOX_OF_256)
    assert thorax[256, 256]  # between the lungs
    assert not thorax[:, 0].any()
    assert thorax_in_frame(np.zeros_like(mask), _BOX_OF_256) is None
    frame = np.full((512, 512), 100.0, np.float32)
    frame += ndi.gaussian_filter(np.random.default_rng(0).normal(0, 40, frame.shape), 6)
    frame[20:34, 4:18] = frame[250:264, 250:264] = 250.0
    assert dense_objects(frame, 100.0)[0] == 2
    assert dense_objects(frame, 100.0, thorax)[0] == 1
