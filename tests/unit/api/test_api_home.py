"""The home page's interface: filters, sorts with keyset paging, counts, thumbnails, presets."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from PIL import Image

from core.records.record import Draft
from core.views.reading import FINDINGS, finding_of, report_state
from edge.api.listing import Listing
from edge.api.ordering import SORTS
from edge.api.rows import worklist
from edge.stages.key_picture import Shot, coronal_mip, in_lung_window, picked, thumbnail
from edge.stages.queue import Job
from edge.stages.thumbnail import make_thumbnail
from edge.stages.work import Work
from edge.store.box import open_box
from edge.store.erase import erase_subject, named_blobs
from tests.api_site import ApiSite, chest

_ROLES = ("physician", "radiologist", "radiographer")
DEVICES = [
    # maker, model, department, hospital
    ("UNITED IMAGING", "uCT 530", "放射科", "县人民医院"),
    ("WANDONG", "DIGITAL-V3", "门诊", "县人民医院"),
    ("ANGELL", "AR-2000", "放射科", "结防所"),
]
TB = {"score": 0.9, "threshold": 0.4, "positive": True, "model": "m", "version": "1",
      "calibration_set": "c"}  # fmt: skip


@pytest.fixture(scope="module")
def listed(tmp_path_factory):
    site = ApiSite(tmp_path_factory.mktemp("home") / "box", roles=_ROLES)
    for n in range(9):
        maker, model, department, hospital = DEVICES[n % 3]
        site.send(
            chest(
                study=f"1.7.{n}", name=f"{'ZHANG^SAN=张^三' if n % 2 else 'LI^NA=李^娜'}",
                patient=f"P{n:03d}", Modality="CT" if n % 3 == 0 else "DX", Manufacturer=maker,
                ManufacturerModelName=model, InstitutionalDepartmentName=department,
                InstitutionName=hospital, StudyDate=f"202611{10 + n}", PatientSex="MF"[n % 2],
            )
        )  # fmt: skip
    pet = chest(2, study="1.7.0", name="LI^NA=李^娜", patient="P000", Modality="PT",
                SeriesInstanceUID="1.7.0.2")  # fmt: skip
    site.send(pet)
    site.result("1.7.1", tb=TB)
    site.result("1.7.2", tb={**TB, "positive": False, "score": 0.1})
    site.result("1.7.3", lesions=[{"id": 1}], case={"suspected": True})
    site.result("1.7.6", lesions=[{"id": 1}], case={"suspected": False})
    site.result("1.7.4", status="failed")
    for n, kinds in ((1, ["drafted"]), (2, ["drafted", "saved"]), (3, ["saved", "signed"]),
                     (4, ["signed", "addended"]), (5, ["addended"])):  # fmt: skip
        for kind in kinds:
            append(site, f"1.7.{n}", f"report.{kind}", {})
    return site


def append(site, study_uid, kind, body):
    study = site.study(study_uid)
    ((subject,),) = site.box.database.query("SELECT subject FROM study WHERE study = ?", (study,))
    site.box.append([Draft(kind, body, subject=subject, key=study)])


def asked(site, **filters):
    answer = site.client("physician").get("/api/worklist", params=filters)
    assert answer.status_code == 200, answer.text
    return [row["study_uid"].rsplit(".", 1)[1] for row in answer.json()["rows"]]


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"manufacturer": "WANDONG"}, "147"),
        ({"model": "AR-2000"}, "258"),
        ({"model": "AR"}, ""),
        ({"department": "放射科"}, "023568"),
        ({"institution": "结防所"}, "258"),
        ({"ae": "CT1"}, "012345678"),
        ({"ae": "ct1"}, ""),
        ({"modality": "CT"}, "036"),
        ({"modality": "PT"}, "0"),
        ({"modality": "DR"}, "124578"),
        ({"modality": "PT,DX"}, "0124578"),
        ({"name": "zs"}, "1357"),
        ({"name": "P00"}, ""),
        ({"patient": "p00"}, "012345678"),
        ({"patient": "P004"}, "4"),
        ({"patient": "zhang"}, ""),
        ({"report": "none"}, "05678"),
        ({"report": "drafted"}, "1"),
        ({"report": "preliminary,signed"}, "23"),
        ({"report": "addended"}, "4"),
        ({"finding": "suspected"}, "13"),
        ({"finding": "lesions"}, "6"),
        ({"finding": "clear"}, "2"),
        ({"finding": "none,lesions"}, "045678"),
        ({"qc": "pass,none"}, "12346"),
        ({"screening": "normal"}, ""),
        ({"finding": "suspected", "department": "门诊", "sex": "F"}, "1"),
        ({"days": "36500"}, None),
        ({"days": "0"}, None),
        ({"finding": "certain"}, None),
        ({"sort": "money"}, None),
        ({"sort": "-received"}, None),
        ({"sort": "name", "after": "x"}, None),
        ({"sort": "finding", "after": "x~y~z"}, None),
    ],
    ids=str,
)
def test_every_filter_alone_and_some_together(listed, filters, found):
    if found is None:
        answer = listed.client("physician").get("/api/worklist", params=filters)
        assert (answer.status_code, answer.json()["code"]) == (422, "E6008")
    else:
        assert "".join(sorted(asked(listed, **filters))) == found


def test_days_count_back_from_today(listed):
    # The site's clock stands in November 2023; the studies are of 2026.
    assert len(asked(listed, days="3")) == 9
    assert asked(listed, days="3", to="20231114") == []


def test_positive_first_then_newest_first(listed):
    assert asked(listed, sort="finding") == list("316287540")
    assert asked(listed) == list("876543210")
    assert asked(listed, sort="name")[:5] == list("86420")
    assert asked(listed, sort="-name")[:4] == list("7531")
    assert asked(listed, sort="date") == list("012345678")
    assert asked(listed, sort="-patient") == list("876543210")
    assert asked(listed, sort="report")[-4:] == list("1234")


@pytest.mark.parametrize("sort", [f"{sign}{by}" for by in SORTS for sign in ("", "-")][1:])
def test_pages_of_any_sort_have_no_gap_and_no_repeat(listed, sort):
    if sort == "-received":
        return
    whole = asked(listed, sort=sort)
    listing, seen, after = listed.site.listing, [], ""
    while True:
        page = worklist(listed.box, {"sort": sort}, after, 2, listing)
        seen += [row["study_uid"][-1] for row in page.rows]
        assert page.total == 9
        if page.next is None:
            break
        after = page.next
    assert seen == whole
    assert worklist(listed.box, {"sort": sort}, "", 9, Listing(listed.box)).rows


def test_a_row_that_changes_its_place_is_neither_lost_to_others_nor_repeated(tmp_path):
    site = ApiSite(tmp_path / "box", roles=_ROLES)
    for n in range(6):
        site.send(chest(study=f"1.8.{n}", patient=f"P{n}"))
    first = worklist(site.box, {"sort": "finding"}, "", 2, site.site.listing)
    assert [row["study_uid"] for row in first.rows] == ["1.8.5", "1.8.4"]
    site.result("1.8.2", tb=TB)  # now the first of all
    rest, after = [], first.next
    while after:
        page = worklist(site.box, {"sort": "finding"}, after, 2, site.site.listing)
        rest += [row["study_uid"][-1] for row in page.rows]
        after = page.next
    assert rest == list("310")
    assert asked(site, sort="finding") == list("254310")


def test_counts_say_what_a_value_would_leave(listed):
    client = listed.client("physician")
    facets = client.get("/api/worklist/facets").json()["facets"]
    assert {one["value"]: one["count"] for one in facets["modality"]} == {"DX": 6, "CT": 3, "PT": 1}
    assert [one["count"] for one in facets["manufacturer"]] == [3, 3, 3]
    assert facets["ae"] == [{"value": "CT1", "count": 9}]
    assert {one["value"]: one["count"] for one in facets["finding"]} == {
        "none": 5, "suspected": 2, "lesions": 1, "clear": 1,
    }  # fmt: skip
    narrowed = client.get(
        "/api/worklist/facets", params={"department": "门诊", "model": "DIGITAL-V3"}
    ).json()["facets"]
    # Under the others, not under itself: what one could choose instead is still offered.
    assert narrowed["department"] == [{"value": "门诊", "count": 3}]
    assert narrowed["model"] == [{"value": "DIGITAL-V3", "count": 3}]
    assert narrowed["institution"] == [{"value": "县人民医院", "count": 3}]
    other = client.get("/api/worklist/facets", params={"model": "DIGITAL-V3"}).json()["facets"]
    assert len(other["model"]) == 3


def test_report_states_in_order_and_opinions_are_no_addendum():
    state = "none"
    for kind, body, expected in (
        ("report.addended", {"consult": "c_1"}, "none"),
        ("report.drafted", {}, "drafted"),
        ("report.saved", {}, "preliminary"),
        ("report.drafted", {}, "preliminary"),
        ("report.addended", {}, "preliminary"),
        ("report.signed", {}, "signed"),
        ("report.addended", {"consult": "c_1"}, "signed"),
        ("report.addended", {}, "addended"),
        ("report.drafted", {}, "addended"),
        ("findings.proposed", {}, "addended"),
    ):
        state = report_state(state, kind, body)
        assert state == expected, kind


def test_a_finding_is_suspected_at_most_and_lesions_alone_are_not():
    ok = {"status": "ok", "tb": None, "lesions": None}
    for result, expected in (
        ({"status": "failed", "tb": TB}, "none"),
        (ok, "none"),
        ({**ok, "tb": TB}, "suspected"),
        ({**ok, "tb": {**TB, "positive": False}}, "clear"),
        ({**ok, "lesions": []}, "clear"),
        ({**ok, "lesions": [1]}, "lesions"),
        ({**ok, "lesions": [1], "case": {"suspected": False}}, "lesions"),
        ({**ok, "lesions": [1], "case": {"suspected": True}}, "suspected"),
    ):
        assert FINDINGS[finding_of(result)] == expected, result


def test_an_older_release_s_tables_are_made_anew_and_rebuilt(tmp_path):
    from edge.store.box import create_box

    site = ApiSite(tmp_path / "box", roles=_ROLES)
    site.send(chest())
    site.result(tb=TB)
    sql = site.box.database.connection
    sql.execute("DROP TABLE study")
    sql.execute("CREATE TABLE study (study TEXT PRIMARY KEY, grp TEXT, patient_name TEXT)")
    sql.execute("UPDATE view_version SET version = 5 WHERE view = 'study'")
    site.box.close()
    box = create_box(tmp_path / "box", "", site.box.outside)
    rows = box.database.query("SELECT study_uid, finding, report FROM study")
    assert rows == [("1.2.3", 3, "none")]
    box.close()
    again = open_box(tmp_path / "box", site.box.outside)
    assert again.views.create() == []
    again.close()


# --- thumbnails -----------------------------------------------------------------------------------


def shots(count, series="1.1", modality="CT", up=True):
    return [
        Shot(f"{series}.{n}", series, modality, n, 1,
             (0.0, 0.0, 5.0 * (n if up else -n)), (1.0, 0, 0, 0, 1.0, 0), 100)
        for n in range(1, count + 1)
    ]  # fmt: skip


SQUARE = [[0, 0], [4, 0], [4, 4], [0, 4]]


def test_a_ct_shows_the_most_probable_lesion_where_it_is_largest():
    lesions = [{"id": 1, "probability": 0.4}, {"id": 2, "probability": 0.9}]
    lines = {
        "1.1.2/1": [{"lesion": 1, "points": [[0, 0], [9, 0], [9, 9], [0, 9]]}],
        "1.1.7/1": [{"lesion": 2, "points": SQUARE[:3]}],
        "1.1.8/1": [{"lesion": 2, "points": SQUARE}],
    }
    one = picked(shots(11), {"lesions": lesions}, lines)
    assert (one.kind, one.sop_instance, one.lesion) == ("ct_lesion", "1.1.8", 2)
    assert (one.number, one.count) == (8, 11)
    down = picked(shots(11, up=False), {"lesions": lesions}, lines)
    assert down.number == 4, "counted as the slices lie, not as they were numbered"


def test_without_a_lesion_the_middle_slice_of_the_largest_series():
    scout, chest_ct = shots(1, "1.0"), shots(9, "1.3")
    one = picked([*scout, *chest_ct], None, {})
    assert (one.kind, one.sop_instance, one.number) == ("ct_middle", "1.3.5", 5)
    assert picked([], None, {}) is None


def test_a_radiograph_shows_itself_and_a_pet_its_maximum():
    films = [Shot("2.1", "2", "DX", 1, 1, pixels=10), Shot("2.2", "2", "DX", 2, 1, pixels=99)]
    assert picked(films, None, {}).sop_instance == "2.2"
    assert picked(films, {"series": {"sop_uid": "2.1"}}, {}).sop_instance == "2.1"
    both = [*shots(5), *shots(3, "3.1", "PT"), *shots(4, "3.2", "PT")]
    assert (picked(both, None, {}).kind, picked(both, None, {}).series_uid) == ("mip", "3.2")
    aligned = {"pet": {"series_uid": "3.1"}}
    assert picked(both, aligned, {}).series_uid == "3.1"


@pytest.mark.parametrize("towards_head", [True, False])
def test_the_maximum_of_a_pet_has_the_head_up_and_uptake_dark(towards_head):
    from core.imaging.volume import Volume

    voxels = np.zeros((10, 6, 8), np.float32)
    hot = 8 if towards_head else 1  # near the head
    voxels[hot, 3, 2] = 5.0
    direction = np.array([[0, 0, 1.0], [0, 1, 0], [1 if towards_head else -1, 0, 0]])
    shown, ratio = coronal_mip(Volume(voxels, (4.0, 2.0, 2.0), (0.0, 0.0, 0.0), direction))
    assert ratio == 2.0
    row, column = np.unravel_index(shown.argmin(), shown.shape)
    assert (row, column) == (1, 2)
    picture = Image.open(io.BytesIO(thumbnail(shown, ratio)))
    assert (picture.format, picture.size) == ("WEBP", (8, 20))


def test_a_ct_is_cut_to_the_body():
    slice_hu = np.full((60, 80), -1000.0)
    slice_hu[20:50, 10:70] = 40
    slice_hu[30:40, 30:50] = -850
    slice_hu[3, 5] = 200  # one bright pixel is no body
    shown = in_lung_window(slice_hu)
    assert shown.shape == (30, 60)
    assert shown[15, 30] < 100 < shown[0, 0]
    assert in_lung_window(np.full((6, 8), -1000.0)).shape == (6, 8)


def made(site, study_uid="1.2.3"):
    """Run the stage as a worker does."""
    study = site.study(study_uid)
    work = Work(site.box, site.site.queue, None, lambda: 0.0, lambda: 0.5)
    job = Job(1, "thumbnail", study, study, 5, 1, 0, 0, {})
    make_thumbnail(work, job)
    return study


@pytest.fixture
def site(tmp_path):
    return ApiSite(tmp_path / "box", roles=_ROLES)


def row(site):
    return site.client("physician").get("/api/worklist").json()["rows"][0]


def test_a_thumbnail_is_made_sealed_kept_and_erased_with_the_patient(site):
    site.send(chest(Modality="DX"))
    assert row(site)["thumbnail"] is None, "not made yet: the list does not wait"
    study = made(site)
    shown = row(site)["thumbnail"]
    assert shown["about"]["kind"] == "radiograph"
    client = site.client("physician")
    answer = client.get(f"/api/studies/{study}/thumbnail?v={shown['version']}")
    assert answer.headers["content-type"] == "image/webp"
    assert answer.headers["cache-control"] == "no-store"
    assert Image.open(io.BytesIO(answer.content)).size == (20, 16)
    ((address,),) = site.box.database.query("SELECT blob FROM thumbnail")
    assert b"WEBP" not in site.box.blobs.path(address).read_bytes()
    made(site)
    assert site.box.database.query("SELECT blob FROM thumbnail") == [(address,)], "made once"
    assert address in named_blobs(site.box)
    assert journal(site, "access") == [], "a page of the list opens no study"
    subject = site.box.vault.study("1.2.3").subject
    erase_subject(site.box, subject, "test")
    assert not site.box.blobs.path(address).exists()
    assert client.get(f"/api/studies/{study}/thumbnail").status_code == 404


def journal(site, name):
    return [s for s in getattr(site.box, name).read(0, 99) if s.header.kind == "study.viewed"]


def test_a_picture_that_cannot_be_made_says_why(site):
    broken = chest(Modality="DX", PhotometricInterpretation="PALETTE COLOR")
    site.send(broken)
    study = made(site)
    about = row(site)["thumbnail"]
    assert about["version"] == ""
    assert about["about"]["kind"] == "unreadable"
    assert about["about"]["code"].startswith("E")
    assert site.client("physician").get(f"/api/studies/{study}/thumbnail").status_code == 404


def test_a_restricted_patient_has_no_thumbnail(site):
    site.send(chest(Modality="DX"))
    study = made(site)
    site.restrict()
    assert site.client("physician").get(f"/api/studies/{study}/thumbnail").status_code == 404


def test_colour_and_other_modalities_have_one_too(site):
    site.send(chest(Modality="MR", WindowCenter=100, WindowWidth=200))
    made(site)
    assert row(site)["thumbnail"]["about"]["kind"] == "image"


# --- presets --------------------------------------------------------------------------------------


def test_presets_are_kept_by_person_and_version(site):
    client, other = site.client("physician"), site.client("radiologist")
    assert client.get("/api/me/presets").json() == {"version": 0, "presets": []}
    mine = [{"name": "今日 DR", "query": "modality=DR&days=1", "standard": True}]
    kept = client.put("/api/me/presets", json={"version": 0, "presets": mine})
    assert kept.json() == {"version": 1, "presets": mine}
    assert other.get("/api/me/presets").json()["presets"] == []
    late = client.put("/api/me/presets", json={"version": 0, "presets": []})
    assert (late.status_code, late.json()["code"]) == (409, "E6016")
    assert client.get("/api/me/presets").json()["presets"] == mine


def test_a_preset_holds_no_search_for_a_person(site):
    query = "q=张三&name=a&patient=P1&qc=warn&sort=finding&evil=1"
    mine = [{"name": "x", "query": query, "standard": False}]
    kept = site.client("physician").put("/api/me/presets", json={"version": 0, "presets": mine})
    assert kept.json()["presets"][0]["query"] == "qc=warn&sort=finding"


@pytest.mark.parametrize(
    "presets",
    [
        [{"name": "", "query": ""}],
        [{"name": "x" * 41, "query": ""}],
        [{"name": "a", "query": ""}, {"name": " a ", "query": ""}],
        [{"name": one, "query": "", "standard": True} for one in "ab"],
        [{"name": str(n), "query": ""} for n in range(31)],
        [{"name": "\ud800", "query": ""}],
    ],
    ids=["empty", "long", "twice", "two standards", "too many", "surrogate"],
)  # fmt: skip
def test_presets_that_cannot_be_kept_are_refused(site, presets):
    body = json.dumps({"version": 0, "presets": presets})
    answer = site.client("physician").put(
        "/api/me/presets", content=body, headers={"Content-Type": "application/json"}
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "E6008")
