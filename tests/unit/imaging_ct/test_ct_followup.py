"""Follow-up: registration against a known deformation, matching, change against repeatability."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from scipy import ndimage

from core.imaging.ct import CtFindings
from core.imaging.followup import Examination, FollowUpLimits, compare, seen_share
from core.imaging.followup_change import ChangeLimits, changed, unmatched
from core.imaging.followup_json import followup_json
from core.imaging.followup_match import Cloud, Group, clouds_of, match_lesions
from core.imaging.followup_recist import recist_response
from core.imaging.followup_sentences import REASONS, VERDICTS, reason_of
from core.imaging.register import RegistrationSettings
from core.imaging.result import Lesion, QcResult
from core.imaging.volume import Volume

EDGE = 4.0
QUICK = RegistrationSettings(edge_mm=EDGE, levels=((8.0, 40), (4.0, 25)))
SHAPE = (56, 44, 60)
DIRECTION = np.array([[0, 0, 1.0], [0, 1.0, 0], [1.0, 0, 0]])
LIMITS = ChangeLimits()


def lesion(number, at, size_mm, kind="solid_nodule", **more):
    volume = np.pi / 6 * size_mm**3 / 1000
    return Lesion(number, kind, tuple(map(float, at)), volume, size_mm, size_mm, 30.0,
                  "right_upper_zone", 0.9, **more)  # fmt: skip


def ball(number, at, size_mm, kind="solid_nodule"):
    """Return a lesion as an evenly filled ball of points, 1.5 mm apart."""
    axis = np.arange(-size_mm / 2, size_mm / 2 + 0.1, 1.5)
    grid = np.stack(np.meshgrid(axis, axis, axis), axis=-1).reshape(-1, 3)
    points = grid[(grid**2).sum(axis=1) <= size_mm**2 / 4] + np.asarray(at, dtype=float)
    return Cloud(lesion(number, at, size_mm, kind), points, 1.5)


def still(points):
    return points


def grouped(prior, current):
    groups = match_lesions(prior, current, still, 5.0)
    return sorted(
        (g.relation, tuple(x.id for x in g.prior), tuple(x.id for x in g.current)) for g in groups
    )


def test_every_lesion_lands_in_one_group():
    prior = [ball(1, (0, 0, 0), 12), ball(2, (60, 0, 0), 8), ball(3, (0, 80, 0), 10)]
    current = [ball(1, (61, 2, 0), 9), ball(2, (2, 0, 1), 14), ball(3, (0, 0, 90), 7)]
    assert grouped(prior, current) == [
        ("none", (), (3,)),
        ("none", (3,), ()),
        ("one_to_one", (1,), (2,)),
        ("one_to_one", (2,), (1,)),
    ]


def test_split_and_merge_need_the_same_place():
    whole, parts = ball(1, (0, 0, 0), 30), [ball(1, (0, 0, -8), 12), ball(2, (0, 0, 8), 14)]
    assert grouped([whole], parts) == [("split", (1,), (2, 1))]
    assert grouped(parts, [whole]) == [("merged", (2, 1), (1,))]
    beside = ball(2, (0, 0, 24), 8)
    assert grouped([whole], [ball(1, (0, 0, 0), 30), beside]) == [
        ("none", (), (2,)),
        ("one_to_one", (1,), (1,)),
    ]


def test_an_effusion_is_never_a_nodule():
    assert grouped([ball(1, (0, 0, 0), 20, "pleural_effusion")], [ball(1, (0, 0, 0), 20)]) == [
        ("none", (), (1,)),
        ("none", (1,), ()),
    ]


@pytest.mark.parametrize(
    ("before", "after", "kind", "slice_mm", "verdict"),
    [
        (20.0, 20.5, "mass", 1.0, "within_repeatability"),
        (20.0, 23.0, "mass", 1.0, "growth"),
        (23.0, 20.0, "mass", 1.0, "regression"),
        (8.0, 8.7, "solid_nodule", 1.0, "growth"),
        (8.0, 8.7, "solid_nodule", 3.0, "within_repeatability"),
        (20.0, 21.9, "consolidation", 1.0, "within_repeatability"),
        (20.0, 26.0, "consolidation", 1.0, "growth"),
        (8.0, 9.8, "solid_nodule", 5.0, "within_repeatability"),
        (8.0, 12.0, "solid_nodule", 5.0, "growth"),
    ],
)
def test_change_is_held_against_repeatability(before, after, kind, slice_mm, verdict):
    pair = [(lesion(1, (0, 0, 0), size, kind),) for size in (before, after)]
    spacing = (slice_mm, 0.8, 0.8)
    found = changed(Group(*pair, "one_to_one"), spacing, 100, LIMITS)
    assert found.verdict == verdict
    back = changed(Group(*reversed(pair), "one_to_one"), spacing, 100, LIMITS)
    turned = {"growth": "regression", "regression": "growth"}
    assert back.verdict == turned.get(verdict, verdict)


def test_interval_and_limit_must_both_say_that_a_lesion_changed():
    old = lesion(1, (0, 0, 0), 10, intervals={"volume_ml": (0.3, 0.9)})
    new = lesion(2, (0, 0, 0), 11.5, intervals={"volume_ml": (0.5, 1.2)})
    found = changed(Group((old,), (new,), "one_to_one"), (1.0, 0.8, 0.8), 30, LIMITS)
    assert (found.verdict, found.rule) == ("within_repeatability", "interval+volume_27")
    tight = [replace(x, intervals={"volume_ml": (x.volume_ml * 0.9, x.volume_ml * 1.1)})
             for x in (old, new)]  # fmt: skip
    found = changed(Group((tight[0],), (tight[1],), "one_to_one"), (1.0, 0.8, 0.8), 30, LIMITS)
    assert (found.verdict, found.rule) == ("growth", "interval+volume_27")
    slight = replace(new, volume_ml=1.2 * old.volume_ml, intervals={"volume_ml": (0.6, 0.64)})
    found = changed(Group((tight[0],), (slight,), "one_to_one"), (1.0, 0.8, 0.8), 30, LIMITS)
    assert (found.verdict, found.rule) == ("within_repeatability", "interval+volume_27")


def test_a_cavity_must_change_by_half():
    old, new = (replace(lesion(n, (0, 0, 0), mm), kind="cavity") for n, mm in ((1, 20), (2, 22)))
    found = changed(Group((old,), (new,), "one_to_one"), (1.0, 0.8, 0.8), 30, LIMITS)
    assert (found.verdict, found.rule) == ("within_repeatability", "volume_50")
    larger = replace(new, volume_ml=1.6 * old.volume_ml)
    found = changed(Group((old,), (larger,), "one_to_one"), (1.0, 0.8, 0.8), 30, LIMITS)
    assert found.verdict == "growth"


def test_doubling_time_has_an_interval():
    pair = (lesion(1, (0, 0, 0), 10),), (lesion(1, (0, 0, 0), 10 * 2 ** (1 / 3)),)
    found = changed(Group(*pair, "one_to_one"), (1.0, 0.7, 0.7), 90, LIMITS)
    value, low, high = found.doubling_time_days
    assert value == pytest.approx(90)
    assert low < 90 < high
    undated = changed(Group(*pair, "one_to_one"), (1.0, 0.7, 0.7), None, LIMITS)
    assert undated.doubling_time_days is None


def test_an_unlisted_lesion_is_not_new_where_it_was_seen():
    group = Group((), (lesion(1, (0, 0, 0), 8),), "none")
    assert unmatched(group, 0.1, LIMITS).verdict == "new"
    assert unmatched(group, 0.9, LIMITS).verdict == "undetermined"
    assert unmatched(group, None, LIMITS).rule == "outside_other"
    gone = Group((lesion(1, (0, 0, 0), 8),), (), "none")
    assert unmatched(gone, 0.1, LIMITS).verdict == "resolved"


@pytest.mark.parametrize(
    ("after", "category"), [(20.0, "SD"), (13.0, "PR"), (26.0, "PD"), (23.0, "SD")]
)
def test_recist_categories(after, category):
    old, new = lesion(1, (0, 0, 0), 20.0), lesion(1, (0, 0, 0), after)
    change = changed(Group((old,), (new,), "one_to_one"), (1.0, 0.7, 0.7), None, LIMITS)
    assert recist_response([old], [new], [change], 1.0).category == category
    assert recist_response([old], [new], [change], 6.0) is None
    fresh = unmatched(Group((), (lesion(2, (50, 0, 0), 9),), "none"), 0.0, LIMITS)
    assert recist_response([old], [new], [change, fresh], 1.0).category == "PD"
    gone = unmatched(Group((old,), (), "none"), 0.0, LIMITS)
    assert recist_response([old], [], [gone], 1.0).category == "CR"


def chest(seed):
    """Return (hounsfield, lung labels) of two lungs full of branching density, 4 mm voxels."""
    rng = np.random.default_rng(seed)
    z, y, x = np.indices(SHAPE, dtype=float)
    labels = np.zeros(SHAPE, np.uint8)
    for label, middle in ((1, 16), (2, 44)):
        inside = ((z - 28) / 24) ** 2 + ((y - 22) / 16) ** 2 + ((x - middle) / 11) ** 2 < 1
        labels[inside] = label
    noise = ndimage.gaussian_filter(rng.standard_normal(SHAPE), 1.1)
    tree = np.clip(noise / noise.std() - 0.8, 0, 2) * 300
    voxels = np.where(labels > 0, -860 + tree, 40.0)
    return voxels, labels


BREATH = np.array([7.0, -3.0, 4.0])


def moved(voxels, labels):
    """Return the chest as it looks when displaced by a smooth known field (voxels of 4 mm)."""
    z, y, x = np.indices(SHAPE, dtype=float)
    where = [z + field(z)[0], y + field(z)[1], x + field(z)[2]]
    image = ndimage.map_coordinates(voxels, where, order=1, mode="nearest")
    return image, ndimage.map_coordinates(labels, where, order=0, mode="nearest")


def field(z):
    """Return the displacement in voxels at a height."""
    share = 1 - z / SHAPE[0]
    return [mm / EDGE * share for mm in BREATH]


def exam(voxels, labels, spots=(), **more):
    """Return an examination with solid balls painted at (index, radius mm, listed)."""
    image, label_map = voxels.copy(), np.zeros(SHAPE, np.uint16)
    lesions = []
    for at, radius, listed in spots:
        grid = np.indices(SHAPE).transpose(1, 2, 3, 0) - np.asarray(at)
        mask = (grid**2).sum(axis=-1) * EDGE**2 <= radius**2
        image[mask] = 40.0
        if listed:
            label_map[mask] = len(lesions) + 1
            lesions.append(
                replace(
                    lesion(len(lesions) + 1, np.asarray(at)[::-1] * EDGE, 2 * radius),
                    volume_ml=float(mask.sum() * EDGE**3 / 1000),
                )
            )
    volume = Volume(image.astype(np.float32), (EDGE,) * 3, (0.0, 0.0, 0.0), DIRECTION)
    found = CtFindings(QcResult("pass"), "ok", tuple(lesions), label_map, labels)
    return Examination(found, volume, b"one", "F", **more)


@pytest.fixture(scope="module")
def pair():
    voxels, labels = chest(1)
    later = moved(voxels, labels)
    spots = [((30, 22, 16), 12.0, True), ((20, 20, 44), 10.0, True)]
    now = [
        (tuple(np.array(at) - list(field(float(at[0])))), radius, True)
        for at, radius in (((30, 22, 16), 17.0), ((14, 24, 16), 10.0))
    ]
    first = exam(voxels, labels, spots, on=date(2026, 1, 1), position="HFS")
    second = exam(*later, now, on=date(2026, 4, 1), position="HFS")
    return first, second, compare(first, second, settings=QUICK)


def test_registration_follows_a_known_deformation(pair):
    _, _, found = pair
    assert found.status == "ok"
    index = np.argwhere(chest(1)[1])[::97].astype(float)
    shift = np.stack(field(index[:, 0]), axis=1)
    error = found.points.to_prior(index[:, ::-1] * EDGE) - (index + shift)[:, ::-1] * EDGE
    assert np.percentile(np.linalg.norm(error, axis=1), 95) < 3.0
    there = found.points.to_prior(index[:, ::-1] * EDGE)
    assert np.abs(found.points.to_current(there) - index[:, ::-1] * EDGE).max() < 2.0


def test_growth_new_gone_and_unlisted_are_told_apart(pair):
    _, _, found = pair
    verdicts = {(c.prior_ids, c.current_ids): c.verdict for c in found.changes}
    assert verdicts == {
        ((1,), (1,)): "growth",
        ((2,), ()): "resolved",
        ((), (2,)): "new",
    }
    assert found.days == 90
    public = followup_json(found)
    assert public["counts"]["growth"] == 1
    assert "疑似" in public["conclusion_zh"]


def test_a_place_is_looked_at_before_a_lesion_is_called_new():
    voxels, labels = chest(1)
    spot = ((36, 22, 44), 9.0)
    bare, listed = exam(voxels, labels), exam(voxels, labels, [(*spot, True)])
    unlisted = exam(voxels, labels, [(*spot, False)])
    (cloud,) = clouds_of(listed.volume, listed.findings.label_map, listed.findings.lesions)
    assert seen_share(cloud, listed, unlisted, still) > 0.9
    assert seen_share(cloud, listed, bare, still) < 0.4
    assert seen_share(cloud, listed, bare, lambda points: points + 400.0) is None


def test_another_persons_lungs_are_not_compared(pair):
    first, _, _ = pair
    other = exam(*chest(2), on=date(2026, 4, 1))
    found = compare(first, other, settings=QUICK)
    assert (found.status, found.reasons[0].code) == ("refused", "FU_NOT_COMPARABLE")
    assert found.changes is None


@pytest.mark.parametrize(
    ("change", "code", "status"),
    [
        ({"patient_key": b"two"}, "FU_PATIENT_DIFFERS", "refused"),
        ({"sex": "M"}, "FU_SEX_DIFFERS", "refused"),
        ({"on": date(2027, 1, 1)}, "FU_ORDER", "refused"),
        ({"findings": None}, "FU_PRIOR_UNUSABLE", "not_applicable"),
    ],
)
def test_what_is_no_prior_is_refused_before_any_pixel(pair, change, code, status):
    first, second, _ = pair
    found = compare(replace(first, **change), second, settings=QUICK)
    assert (found.status, found.reasons[0].code) == (status, code)
    assert followup_json(found)["changes"] is None


def test_every_sentence_has_both_languages():
    for sentence in (*REASONS.values(), *VERDICTS.values()):
        assert sentence.zh
        assert sentence.en
    assert "3" in reason_of("FU_SLICES_THICK", "warn", "slice_spacing_mm", 5.0, 3.0).message_zh
    assert FollowUpLimits().lung_dice < 1
