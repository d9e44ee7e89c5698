"""The box brings a digital patient's studies together by itself: once, and takes it back."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from PIL import Image

from core.journal.seal import open_record
from edge.joining.rows import comparisons_of
from edge.store.erase import blobs_of, erase_subject, named_blobs
from tests.joining_site import (
    PACS,
    JoiningSite,
    ct_study,
    dr_study,
    identity,
    pet_study,
)

PROPOSED, WITHDRAWN = "comparison.proposed", "comparison.withdrawn"


@pytest.fixture(scope="module")
def joined(tmp_path_factory):
    """A patient with two CT, a radiograph and a PET in a study of its own, all settled."""
    site = JoiningSite(tmp_path_factory.mktemp("joined") / "box")
    # The later CT first: an older one that comes after it is found too.
    site.studies = {
        "new": ct_study(0, larger=True), "film": dr_study(-2), "old": ct_study(-60),
        "pet": pet_study(0, identity("CT", 0).frame_of_reference_uid),
    }  # fmt: skip
    site.take(*site.studies.values())
    return site


def one(site, task):
    (found,) = [c for c in comparisons_of(site.box, site.id(site.studies["new"]))
                if c["task"] == task]  # fmt: skip
    return found


def draft(site, study):
    records = [r for r in site.box.records_of(site.id(study)) if r.kind == "report.drafted"]
    return [r.body for r in records]


def test_every_pair_is_brought_together_once(joined):
    ids = {name: joined.id(study) for name, study in joined.studies.items()}
    assert joined.rows() == sorted(
        [
            ("follow_up", ids["new"], ids["old"], "ok"),
            ("fusion", ids["new"], ids["pet"], "ok"),
            ("joint", ids["new"], ids["film"], "ok"),
            ("joint", ids["old"], ids["film"], "ok"),
        ]
    )
    assert joined.kinds(PROPOSED, WITHDRAWN) == [PROPOSED] * 4
    assert [w for w in joined.queue.waiting() if w.stage in ("companions", "comparison")] == []


def test_growth_is_told_from_the_prior_with_pictures(joined):
    found = one(joined, "follow_up")
    result = found["result"]
    assert found["days"] == 60
    grown = [c for c in result["changes"] if c["verdict"] == "growth"]
    largest = max(result["changes"], key=lambda c: c["volume_current_ml"] or 0.0)
    assert largest in grown, "its volume doubled"
    assert not {c["verdict"] for c in result["changes"]} & {"regression", "resolved", "new"}
    assert all(0.4 < c["volume_change"] < 2.2 for c in grown)
    assert result["prior"]["lesions"]
    assert result["current"]["lesions"]
    picture = Image.open(io.BytesIO(blob(joined, found, "change-")))
    assert picture.size[0] > 2 * picture.size[1] - 10
    assert np.asarray(picture).std() > 20


def blob(site, found, prefix):
    ((text,),) = site.box.database.query(
        "SELECT blobs FROM comparison WHERE id = ?", (found["id"],)
    )
    blobs = json.loads(text)
    name = next(key for key in sorted(blobs) if key.startswith(prefix))
    carrier = site.id(site.studies["new"])
    with site.box.blobs.open(blobs[name], site.box.vault.key(carrier)) as opened:
        return opened.read()


def test_radiograph_and_ct_are_laid_upon_each_other(joined):
    result = one(joined, "joint")["result"]
    assert result["overlay"]["status"] == "ok"
    assert result["overlay"]["regions"][0]["region"] == 0
    assert {s["code"] for s in result["statements"]} & {"JOINT_BOTH_SUSPECTED", "JOINT_FILM_ONLY",
                                                        "JOINT_FILM_ONLY_CT_OTHER"}  # fmt: skip
    rows, columns = result["film"]["rows"], result["film"]["columns"]
    inside = [p for p in result["overlay"]["lesions"] if p["in_image"]]
    assert inside
    assert all(0 <= p["centre_px"][0] <= rows and 0 <= p["centre_px"][1] <= columns for p in inside)
    front = result["front"]
    for lesion in result["lesions"]:
        x, _, z = lesion["centroid_mm"]
        assert front["left_mm"] <= x <= front["left_mm"] + front["width_mm"]
        assert front["top_mm"] - front["height_mm"] <= z <= front["top_mm"]


def test_a_pet_of_another_study_is_fused_and_its_uptake_told(joined):
    found = one(joined, "fusion")
    result = found["result"]
    assert found["status"] == "ok"
    assert result["suv"]["unit"] == "{SUVbw}g/ml"
    assert [f for f in result["foci"] if f["assessed"] and f["suv_max"] > 3]
    assert Image.open(io.BytesIO(blob(joined, found, "focus-"))).size[0] > 200


def test_the_draft_says_it_and_the_objects_stay(joined):
    drafts = draft(joined, joined.studies["new"])
    first, last = drafts[0], drafts[-1]
    assert "与既往 CT" in last["text_zh"]
    assert "Against the earlier CT" in last["text_en"]
    assert "确诊" not in last["text_zh"]
    assert last["text_zh"].split("\n\n")[-1] == first["text_zh"].split("\n\n")[-1]
    assert last["objects"] == first["objects"], "nothing of the PACS is made anew"
    assert last["destination"] == ""
    assert len(last["beside"]) == 3
    assert len(drafts) <= 5


def test_a_second_look_changes_nothing(joined):
    before = joined.rows(), len(joined.kinds(PROPOSED))
    from edge.joining.stages import look_again

    joined.queue.put([look_again(joined.id(s)) for s in joined.studies.values()])
    joined.settle()
    assert (joined.rows(), len(joined.kinds(PROPOSED))) == before


def test_its_pictures_are_named_and_go_with_the_patient(joined):
    names = named_blobs(joined.box)
    rows = joined.box.database.query("SELECT blobs FROM comparison")
    addresses = {a for (text,) in rows for a in json.loads(text).values()}
    assert addresses
    assert addresses <= names
    ((subject,),) = joined.box.database.query("SELECT DISTINCT subject FROM study")
    assert addresses <= blobs_of(joined.box, subject)


def test_what_is_rebuilt_is_the_same(joined):
    before = joined.box.views.dump()["comparison"]
    joined.box.views.rebuild(joined.box.journal, joined.box.vault)
    assert joined.box.views.dump()["comparison"] == before


# -- undoing: one box, one story ------------------------------------------------------------------


def test_what_is_joined_is_done_once_and_can_be_taken_back(tmp_path):
    site = JoiningSite(tmp_path / "box")
    film, ct = dr_study(-2), ct_study(0)
    site.take(film)
    site.send(ct)
    site.settle(lanes=("urgent", "compute"))
    ends_in_failure(site, film, ct)
    is_made_once_by_the_next_worker(site, film, ct)
    is_refused_where_the_sex_differs(site, ct)
    is_withdrawn_and_made_again(site, film, ct)
    ((subject,),) = site.box.database.query(
        "SELECT subject FROM study WHERE study = ?", (site.id(ct),)
    )
    erase_subject(site.box, subject, "test")
    assert site.rows() == []


def use(site, **instead):
    """Let another worker do the joining."""
    site.workers = [w for w in site.workers if w.lane != "joining"]
    site.workers.append(site.worker("joining", **instead))


def joint(site, film, ct, status):
    return ("joint", site.id(ct), site.id(film), status)


def ends_in_failure(site, film, ct):
    """A defect is a failure that is shown, never silence."""

    def broken(_work, _job):
        raise RuntimeError("defect")

    use(site, comparison=broken)
    site.settle(600)
    assert site.rows() == [joint(site, film, ct, "failed")]
    (found,) = comparisons_of(site.box, site.id(ct))
    assert found["reason"]["code"] == "E5302"
    assert "未能完成" in draft(site, ct)[-1]["text_zh"]


class Killed(BaseException):
    """The process ends in the middle: nothing after it runs, no error is caught."""


def is_made_once_by_the_next_worker(site, film, ct):
    """A person sends the job again; the worker dies with it; the next one does it, once."""

    def killed(_work, _job):
        raise Killed

    ((job,),) = site.box.database.query("SELECT id FROM job WHERE stage = 'comparison'")
    site.queue.resend(job, site.clock.at + 10**9)
    with pytest.raises(Killed):
        turns(site, site.worker("joining", comparison=killed))
    assert site.box.database.query("SELECT state FROM job WHERE id = ?", (job,)) == [("running",)]
    before = len(site.kinds(PROPOSED))
    use(site)
    site.settle(300)
    assert site.rows() == [joint(site, film, ct, "ok")]
    # Killed after the record, before the job's end: it is not made a second time.
    with site.box.database.transaction() as sql:
        sql.execute("UPDATE job SET state = 'running', lease_until = 0 WHERE id = ?", (job,))
    site.settle(300)
    assert len(site.kinds(PROPOSED)) == before + 1


def turns(site, worker):
    for _ in range(50):
        site.clock.at += 1000
        worker.turn()


def is_refused_where_the_sex_differs(site, ct):
    """Another study under the same Patient ID states another sex."""
    sex = "F" if identity("CT", 0).patient.sex == "M" else "M"
    other = ct_study(-30, who=identity("CT", -30, sex=sex))
    site.take(other)
    assert ("follow_up", site.id(ct), site.id(other), "refused") in site.rows()
    found = next(c for c in comparisons_of(site.box, site.id(ct)) if c["task"] == "follow_up")
    assert found["reason"]["code"] == "JOIN_SEX_DIFFERS"
    assert found["result"] == {}
    assert "性别不同" in draft(site, ct)[-1]["text_zh"]


def is_withdrawn_and_made_again(site, film, ct):
    """A corrected patient takes the comparison back; corrected once more it is there again."""
    before = len(site.kinds(WITHDRAWN))
    site.send(dr_study(-2, patient_id="SOMEONE9"), PACS)
    site.settle()
    assert joint(site, film, ct, "ok") not in site.rows()
    records = [open_record(s, site.box.vault) for s in site.box.journal.read(0, 10_000)]
    withdrawn = [r.body for r in records if r.kind == WITHDRAWN][before:]
    assert {one["reason"] for one in withdrawn} == {"other_person"}
    assert not [c for c in draft(site, ct)[-1]["beside"] if c == withdrawn[0]["id"]]
    # Right again, and the name is a hint only.
    site.send(dr_study(-2, name="LI^SI=李^四"), PACS)
    site.settle()
    assert joint(site, film, ct, "ok") in site.rows()
    found = next(c for c in comparisons_of(site.box, site.id(ct)) if c["task"] == "joint")
    assert [note["code"] for note in found["notes"]] == ["JOIN_NAME_DIFFERS"]
    assert "胸片" in draft(site, ct)[-1]["text_zh"]
