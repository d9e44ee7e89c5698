"""Import into a real box: hostile ones change nothing, killed ones leave old or new whole."""

from __future__ import annotations

import os
import signal

import numpy as np
import pytest

from core.models.bundle import load, shipped
from core.models.candidate import candidate_of, completed
from core.models.errors import (
    BundleAltered,
    EngineFailed,
    GoldenFailed,
    ModelActorRefused,
    ModelAmbiguous,
    ModelNotHere,
    ModelNotKept,
    ModelsBusy,
    SlotMismatch,
    SlotNotRead,
    VersionTaken,
)
from core.models.package import PackageLimits, read_package
from edge.infer.isolated import IsolatedEngine, Limits
from edge.models.choice import activation
from edge.models.importing import import_model, settle
from edge.models.known import find_model, known_models, store_of
from edge.models.verifying import verify_models
from edge.store.box import create_box, open_box, real_outside
from tests.model_cases import (
    SIDE,
    endless,
    greedy,
    network,
    not_a_number,
    write_foreign,
    write_golden,
)
from tests.model_site import IT, PHYSICIAN, add_people
from tests.tiny_bundle import write_tiny

PATIENT = Limits(start_s=300, run_s=300, threads=1)
LIMITS = (PackageLimits(), PATIENT)


@pytest.fixture
def box(tmp_path):
    made = create_box(tmp_path / "box", "", real_outside())
    add_people(made)
    yield made
    made.close()


def give(box, folder, user=IT):
    return import_model(box, folder, user, limits=LIMITS)


def records(box):
    return [sealed.header.kind for sealed in box.journal.read(0, 100)]


def snapshot(box):
    names = [str(path.relative_to(box.folder)) for path in (box.folder / "models").rglob("*")]
    return sorted(name for name in names if not name.endswith("lock")), records(box)


def test_a_bundle_of_ours_keeps_its_digest_and_is_recorded_with_who(box, tmp_path):
    folder = write_tiny(tmp_path / "tiny", slot="dr_tb")
    known = give(box, folder)
    assert known.digest == load(folder).digest
    assert store_of(box).load("dr_tb", known.digest).metadata.name == "tiny"
    (sealed,) = box.journal.read(0, 10)
    assert (sealed.header.kind, sealed.header.actor) == ("model.imported", f"person:{IT}")
    assert known.detail["golden"] == "given"
    give(box, folder)
    assert records(box) == ["model.imported"]
    assert find_model(box, "tiny@1.2.3") == find_model(box, known.digest[:10])
    assert {one.name for one in known_models(box)} == {"ct_lesions", "dr_lungs", "dr_tb", "tiny"}


def test_the_built_in_can_be_imported_like_any_other(box):
    known = give(box, shipped("dr_tb"))
    assert find_model(box, "dr_tb").digest == known.digest


def test_a_set_that_is_made_here_says_so_and_repeats(box, tmp_path):
    known = give(box, write_foreign(tmp_path / "acme"))
    assert known.detail["golden"] == "made here"
    bundle = store_of(box).load("dr_tb", known.digest)
    assert bundle.metadata.golden_made_here
    assert bundle.golden.cases == 3
    assert np.ptp(bundle.golden.outputs["p"]) > 0
    (verdict,) = verify_models(box, known, PATIENT)
    assert verdict.error is None


def test_a_golden_set_that_came_along_is_the_one_that_counts(box, tmp_path):
    known = give(box, write_golden(write_foreign(tmp_path / "acme")))
    assert known.detail["golden"] == "given"


@pytest.mark.parametrize(
    ("make", "refusal"),
    [
        (lambda folder: write_golden(write_foreign(folder), off=0.01), GoldenFailed),
        (lambda folder: write_golden(write_foreign(folder, not_a_number())), GoldenFailed),
        (lambda folder: write_golden(write_foreign(folder, greedy())), GoldenFailed),
        (lambda folder: write_golden(write_foreign(folder, network(gain_missing()))), GoldenFailed),
        (lambda folder: write_golden(write_foreign(
            folder, postprocessing={"op": "score/1", "score": "p", "activation": "none", "index": 0}
        )), SlotMismatch),
    ],
    ids=["wrong outputs", "not a number", "a terabyte", "no such weight", "beyond 1"],
)  # fmt: skip
def test_what_does_not_answer_as_stated_changes_nothing(box, tmp_path, make, refusal):
    (box.folder / "models").mkdir()
    before = snapshot(box)
    with pytest.raises(refusal):
        give(box, make(tmp_path / "acme"))
    assert snapshot(box) == before


def gain_missing():
    from onnx import helper

    return [helper.make_node("Mul", ["image", "nobody"], ["p"])]


def test_who_may_not_changes_nothing(box, tmp_path):
    folder = write_tiny(tmp_path / "tiny", slot="dr_tb")
    for user in (PHYSICIAN, "nobody", ""):
        with pytest.raises(ModelActorRefused):
            give(box, folder, user)
    with box.database.transaction() as sql:
        sql.execute("UPDATE person SET active = 0 WHERE user = ?", (IT,))
    with pytest.raises(ModelActorRefused):
        give(box, folder)
    assert records(box) == []


def test_a_version_is_never_used_again(box, tmp_path):
    give(box, write_tiny(tmp_path / "one", slot="dr_tb"))
    with pytest.raises(VersionTaken):
        give(box, write_tiny(tmp_path / "two", slot="dr_tb", threshold=0.41))
    taken = load(shipped("dr_tb")).metadata.version
    with pytest.raises(VersionTaken):
        give(box, write_tiny(tmp_path / "three", slot="dr_tb", name="dr_tb", version=taken))
    give(box, write_tiny(tmp_path / "four", slot="dr_tb", version="1.2.4"))
    with pytest.raises(ModelAmbiguous):
        find_model(box, "tiny")
    with pytest.raises(ModelNotHere):
        find_model(box, "tiny@9.9.9")


def test_a_slot_that_nothing_reads_takes_imports_and_no_more(box, tmp_path):
    cube = ("n", 1, 8, SIDE, SIDE)
    from onnx import TensorProto, helper

    model = network([helper.make_node("Sigmoid", ["image"], ["p"])], shape=cube)
    model.graph.output[0].CopyFrom(helper.make_tensor_value_info("p", TensorProto.FLOAT, cube))
    steps = {"op": "hu_window/1", "low_hu": -1000, "high_hu": 400, "spacing_mm": [1.5, 1.5, 1.5]}
    known = give(
        box,
        write_foreign(
            tmp_path / "ct", model, slot="ct_lungs", preprocessing=steps, postprocessing={}
        ),
    )
    assert known.detail["golden"] == "made here"
    with pytest.raises(SlotNotRead):
        activation(box, known.digest)


def test_one_command_at_a_time(box, tmp_path):
    with store_of(box).only_one(), pytest.raises(ModelsBusy):
        give(box, write_tiny(tmp_path / "tiny", slot="dr_tb"))


def test_verify_names_what_was_altered_and_an_import_mends_it(box, tmp_path):
    folder = write_tiny(tmp_path / "tiny", slot="dr_tb")
    known = give(box, folder)
    card = store_of(box).path("dr_tb", known.digest) / "card.md"
    card.chmod(0o600)
    card.write_text("other words")
    found = {v.model.name: v.error for v in verify_models(box, None, PATIENT)}
    assert isinstance(found["tiny"], BundleAltered)
    assert found["dr_tb"] is None
    give(box, folder)
    assert store_of(box).load("dr_tb", known.digest)
    assert records(box) == ["model.imported"]


def test_a_disk_that_does_not_take_it_is_a_refusal_and_leaves_nothing(box, tmp_path):
    (box.folder / "models").mkdir()
    (box.folder / "models" / "dr_tb").write_text("in the way")
    before = snapshot(box)
    with pytest.raises(ModelNotKept):
        give(box, write_tiny(tmp_path / "tiny", slot="dr_tb"))
    assert snapshot(box) == before


STEPS = ["written card.md", "written golden.npz", "written metadata.json", "written model.onnx",
         "staged", "placed", "recorded"]  # fmt: skip


def killed(box, files, step):
    """Place and record in a child that is killed once it has said a step."""
    child = os.fork()
    if child == 0:  # pragma: no cover the parent's coverage ends here
        try:
            own = open_box(box.folder, real_outside())

            def said(name):
                if name == step:
                    os.kill(os.getpid(), signal.SIGKILL)

            with store_of(own).only_one():
                store_of(own).sweep()
                settle(own, files, (IT, f"person:{IT}"), said)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), status
    assert os.WTERMSIG(status) == signal.SIGKILL


@pytest.mark.parametrize("step", STEPS)
def test_killed_at_any_step_it_is_not_there_or_there_whole(box, tmp_path, step):
    folder = write_tiny(tmp_path / "tiny", slot="dr_tb")
    files = completed(candidate_of(read_package(folder)), None)
    killed(box, files, step)
    names = {one.name for one in known_models(box)}
    ours = {"ct_lesions", "dr_lungs", "dr_tb"}
    assert names == (ours | {"tiny"} if step == "recorded" else ours)
    for slot, digest in store_of(box).here():
        assert store_of(box).load(slot, digest)
    give(box, folder)
    assert find_model(box, "tiny")
    assert records(box) == ["model.imported"]
    assert not (box.folder / "models" / ".incoming").exists()


# -- a network in a process of its own -------------------------------------------------------------


def bundle_of_network(folder, model):
    from core.models.bundle import Bundle, Golden

    found = candidate_of(read_package(write_foreign(folder, model)))
    return Bundle(found.metadata, found.files["model.onnx"], None, Golden({}, {}), "", "d")


IMAGE = {"image": np.ones((1, 1, SIDE, SIDE), np.float32)}


def test_a_network_that_never_answers_is_ended(tmp_path):
    limits = Limits(start_s=300, run_s=1, threads=1)
    with IsolatedEngine(bundle_of_network(tmp_path, endless()), limits) as engine:
        engine.open()
        with pytest.raises(EngineFailed, match="no answer"):
            engine.infer(IMAGE)


def test_a_process_that_is_gone_fails_one_call_and_no_more(tmp_path):
    with IsolatedEngine(bundle_of_network(tmp_path, network()), PATIENT) as engine:
        assert engine.infer(IMAGE)["p"] == pytest.approx(4.0)
        engine._process.kill()
        engine._process.join()
        with pytest.raises(EngineFailed, match="ended"):
            engine.infer(IMAGE)
        assert engine.infer(IMAGE)["p"] == pytest.approx(4.0)
