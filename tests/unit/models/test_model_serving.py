"""On a box at work: the next study is analysed by what was chosen, and a shadow is never seen."""

from __future__ import annotations

import json
import os
import shutil
import signal

import pytest

from core.models.candidate import candidate_of, completed
from core.models.errors import (
    AlreadyActive,
    BundleAltered,
    ConfirmationWrong,
    ModelActorRefused,
    ModelsBusy,
    NothingToRollBack,
    ShadowNotThere,
    ShadowThere,
    SlotUnknown,
)
from core.models.package import read_package
from edge.models.agreement import agreement
from edge.models.choice import activation, carry_out, going_back
from edge.models.importing import settle
from edge.models.known import active, chosen, history_of, known_models, store_of
from edge.models.shadow_folder import run_on_folder
from edge.models.shadow_runs import FAILURES, pairs_of, run_of, running, start_run, stop_run
from edge.store.box import open_box, real_outside
from edge.store.erase import erase_subject
from tests.model_cases import write_foreign, write_golden
from tests.model_site import IT, PHYSICIAN, ModelSite, film

WHO = (IT, "trial passed")
CHAIN = ["instances.received", "qc.assessed", "study.received", "qc.assessed", "findings.proposed",
         "report.drafted"]  # fmt: skip


@pytest.fixture
def site(tmp_path):
    made = ModelSite(tmp_path / "box")
    folder = write_golden(write_foreign(tmp_path / "acme"))
    files = completed(candidate_of(read_package(folder)), None)
    with store_of(made.box).only_one():
        made.acme = settle(made.box, files, (IT, f"person:{IT}"))
    yield made
    made.box.close()


def activate(box, asked="acme_cxr", said=lambda _step: None):
    words = activation(box, asked).words
    return carry_out(box, lambda: activation(box, asked), WHO, words, said)


def go_back(box):
    words = going_back(box, "dr_tb").words
    return carry_out(box, lambda: going_back(box, "dr_tb"), WHO, words)


def method(site, study):
    said = site.result(study)["method"]
    return said["model"], said["version"], said["digest"][:8]


def test_the_next_study_is_analysed_by_what_was_chosen_without_a_restart(site):
    shipped = active(site.box, "dr_tb")
    assert method(site, site.send_film(1)) == ("dr_tb", shipped.version, shipped.digest[:8])
    activate(site.box)
    second = site.send_film(2)
    assert method(site, second) == ("acme_cxr", "1.0.0", site.acme.digest[:8])
    assert site.result(second)["tb"]["threshold"] == 0.5
    go_back(site.box)
    assert method(site, site.send_film(3)) == ("dr_tb", shipped.version, shipped.digest[:8])
    told = [r for r in site.box.records_of("m_dr_tb") if r.body.get("by")]
    assert [(r.kind, r.header.actor) for r in told] == [
        ("model.imported", "person:it1"), ("model.imported", "person:it1"),
        ("model.activated", "person:it1"), ("model.rolled_back", "person:it1"),
    ]  # fmt: skip
    assert told[2].body["reason"] == "trial passed"
    assert told[2].body["previous"]["digest"] == shipped.digest
    ((name, engine),) = site.box.database.query(
        "SELECT name, engine FROM model_slot WHERE slot = 'dr_tb'"
    )
    assert name == "dr_tb"
    assert engine.startswith("onnxruntime")
    before = site.box.views.dump()["model_slot"], site.box.views.dump()["model_bundle"]
    site.box.views.rebuild(site.box.journal, site.box.vault)
    assert (site.box.views.dump()["model_slot"], site.box.views.dump()["model_bundle"]) == before


def test_a_change_takes_the_words_that_name_it(site):
    words = activation(site.box, "acme_cxr").words
    for wrong in ("", "yes", words.upper(), words[:-1]):
        with pytest.raises(ConfirmationWrong):
            carry_out(site.box, lambda: activation(site.box, "acme_cxr"), WHO, wrong)
    assert chosen(site.box, "dr_tb") == ""
    activate(site.box)
    with pytest.raises(AlreadyActive):
        activation(site.box, "acme_cxr")
    go_back(site.box)
    with pytest.raises(NothingToRollBack):
        going_back(site.box, "dr_tb")
    with pytest.raises(SlotUnknown):
        going_back(site.box, "elsewhere")


def test_words_for_one_change_confirm_no_other(site):
    words = activation(site.box, "acme_cxr").words
    activate(site.box)
    with pytest.raises(ConfirmationWrong):
        carry_out(site.box, lambda: going_back(site.box, "dr_tb"), WHO, words)


def test_only_who_may_and_one_at_a_time(site):
    words = activation(site.box, "acme_cxr").words
    with pytest.raises(ModelActorRefused):
        carry_out(site.box, lambda: activation(site.box, "acme_cxr"), (PHYSICIAN, ""), words)
    with store_of(site.box).only_one(), pytest.raises(ModelsBusy):
        activate(site.box)
    assert chosen(site.box, "dr_tb") == ""


def spoil(site, model):
    path = store_of(site.box).path("dr_tb", model.digest) / "model.onnx"
    path.chmod(0o600)
    path.write_bytes(path.read_bytes() + b"x")


def test_what_is_damaged_is_not_activated(site):
    spoil(site, site.acme)
    with pytest.raises(BundleAltered):
        activate(site.box)
    assert chosen(site.box, "dr_tb") == ""


def test_an_active_model_that_is_lost_fails_by_number_until_somebody_goes_back(site):
    activate(site.box)
    shutil.rmtree(store_of(site.box).path("dr_tb", site.acme.digest))
    study = site.send_film(1)
    assert site.result(study)["status"] == "failed"
    assert site.result(study)["reason"]["code"] == "E4044"
    go_back(site.box)
    assert site.result(site.send_film(2))["method"]["model"] == "dr_tb"


def test_the_release_s_own_bundle_is_kept_to_go_back_to(site):
    shipped = active(site.box, "dr_tb")
    activate(site.box)
    assert store_of(site.box).has("dr_tb", shipped.digest)
    assert history_of(site.box, "dr_tb") == [shipped.digest, site.acme.digest]


@pytest.mark.parametrize("step", ["verified", "kept", "recorded"])
def test_killed_while_activating_the_old_or_the_new_one_serves(site, step):
    words = activation(site.box, "acme_cxr").words
    child = os.fork()
    if child == 0:  # pragma: no cover the parent's coverage ends here
        try:
            own = open_box(site.box.folder, real_outside())

            def said(name):
                if name == step:
                    os.kill(os.getpid(), signal.SIGKILL)

            carry_out(own, lambda: activation(own, "acme_cxr"), WHO, words, said)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), status
    assert os.WTERMSIG(status) == signal.SIGKILL
    assert active(site.box, "dr_tb").name == ("acme_cxr" if step == "recorded" else "dr_tb")
    if step != "recorded":
        activate(site.box)
    assert method(site, site.send_film(1))[0] == "acme_cxr"


# -- shadow ----------------------------------------------------------------------------------------


def test_a_shadow_is_asked_about_the_next_studies_and_nobody_sees_it(site):
    run = start_run(site.box, "acme_cxr", IT, 2)
    studies = [site.send_film(number) for number in (1, 2, 3)]
    pairs = pairs_of(site.box, run)
    assert [pair.study for pair in pairs] == studies[:2]
    for pair in pairs:
        assert site.result(pair.study)["tb"]["score"] == pair.active.score
        assert pair.shadow.threshold == 0.5
        assert pair.shadow.score != pair.active.score
    assert agreement(pairs)["n"] == 2
    assert run_of(site.box).state == "ended"
    for study in studies:
        assert site.kinds_of(study) == CHAIN
        text = json.dumps([r.body for r in site.box.records_of(study)], ensure_ascii=False)
        assert "acme" not in text
    dump = {name: rows for name, rows in site.box.views.dump().items() if "model" not in name}
    assert "acme" not in json.dumps(dump, ensure_ascii=False, default=str)
    told = [r.body["state"] for r in site.box.records_of("m_dr_tb") if r.kind == "model.shadowed"]
    assert told == ["started", "ended"]


def test_a_shadow_that_fails_hurts_no_result_and_ends_by_itself(site):
    run = start_run(site.box, "acme_cxr", IT, 100)
    spoil(site, site.acme)
    studies = [site.send_film(number) for number in range(1, FAILURES + 2)]
    assert [site.result(study)["status"] for study in studies] == ["ok"] * len(studies)
    assert agreement(pairs_of(site.box, run))["failures"] == {"E4003": FAILURES}
    assert run_of(site.box).state == "failed"
    assert not [job for job in site.queue.waiting() if job.state == "dead"]


def test_a_run_is_one_per_slot_and_can_be_stopped(site):
    with pytest.raises(ShadowNotThere):
        stop_run(site.box, IT)
    with pytest.raises(ModelActorRefused):
        start_run(site.box, "acme_cxr", PHYSICIAN, 5)
    with pytest.raises(AlreadyActive):
        start_run(site.box, "dr_tb", IT, 5)
    run = start_run(site.box, "acme_cxr", IT, 5)
    with pytest.raises(ShadowThere):
        start_run(site.box, "acme_cxr", IT, 5)
    assert stop_run(site.box, IT).id == run.id
    site.send_film(1)
    assert pairs_of(site.box, run) == []


def test_an_activation_ends_the_run_that_compared_with_the_one_before(site):
    start_run(site.box, "acme_cxr", IT, 5)
    activate(site.box)
    assert running(site.box, "dr_tb") is None


def test_what_was_said_of_an_erased_patient_goes_too(site):
    run = start_run(site.box, "acme_cxr", IT, 2)
    study = site.send_film(1)
    assert [pair.study for pair in pairs_of(site.box, run)] == [study]
    ((subject,),) = site.box.database.query("SELECT subject FROM study WHERE study = ?", (study,))
    erase_subject(site.box, subject, "wish")
    assert pairs_of(site.box, run) == []


def test_a_folder_is_compared_here_and_now_under_names_that_tell_nothing(site, tmp_path):
    films = tmp_path / "films"
    films.mkdir()
    for number in (1, 2):
        (films / f"{number}.dcm").write_bytes(film(number))
    (films / "notes.txt").write_text("no image")
    run = start_run(site.box, "acme_cxr", IT)
    assert running(site.box, "dr_tb") is None
    assert run_on_folder(site.box, run, films) == 2
    pairs = pairs_of(site.box, run)
    assert len({pair.study for pair in pairs}) == 2
    assert all("1.2.7" not in pair.study and pair.shadow for pair in pairs)
    assert run_of(site.box, run.id).state == "ended"
    again = start_run(site.box, "acme_cxr", IT)
    run_on_folder(site.box, again, films)
    assert {p.study for p in pairs_of(site.box, again)} == {p.study for p in pairs}
    assert {one.name for one in known_models(site.box)} == {
        "acme_cxr",
        "ct_lesions",
        "dr_lungs",
        "dr_tb",
    }
