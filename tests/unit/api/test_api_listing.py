"""The list's filters in memory give what a plain look at every row gives, whatever happens."""

import random

import pytest

from core.records.record import Draft
from core.vault.vault import StudyRef
from edge.api.listing import Listing
from edge.api.rows import worklist
from edge.store.erase import erase_subject
from tests.api_site import ApiSite

MODALITIES, SEXES = ("CT", "DX"), ("M", "F")


def receive(box, number: int) -> StudyRef:
    uid = f"1.2.3.{number}"
    ref = box.vault.open_study(uid, "", f"P{number // 2}")
    modality = MODALITIES[number % 2]
    body = {
        "study_uid": uid, "sender": f"AE{number % 3}", "route": "c-store", "origin": "modality",
        "patient": {"PatientID": f"P{number // 2}", "PatientSex": SEXES[number // 2 % 2],
                    "PatientName": "王^伟" if number % 5 else "李^娜"},
        "study": {"StudyDate": f"202601{1 + number % 28:02d}",
                  "InstitutionName": "County Hospital"},
        "series": {}, "repairs": [],
        "instances": [{
            "sop_instance": f"{uid}.1", "sop_class": "1", "series_uid": f"{uid}.0", "bytes": 1,
            "modality": modality, "transfer_syntax": "1", "blob": f"{number}", "digest": "d",
            "attributes": {},
        }],
    }  # fmt: skip
    box.append([Draft("instances.received", body, subject=ref.subject, key=ref.study)])
    return ref


def plain(box, filters) -> list[str]:
    """Return the studies that a filter lets through, newest first, by looking at every row."""
    rows = box.database.query(
        "SELECT study, modality, sex, completeness, study_date, source_ae, institution,"
        " patient_name FROM study WHERE subject NOT IN"
        " (SELECT subject FROM subject WHERE restricted = 1) ORDER BY received_at DESC, study DESC"
    )
    found = []
    for study, modality, sex, completeness, date, ae, institution, name in rows:
        equal = {"modality": modality, "sex": sex, "completeness": completeness}
        source = filters.get("source", "").lower()
        if (
            all(filters.get(k, v) == v for k, v in equal.items())
            and filters.get("from", "0") <= date <= filters.get("to", "9")
            and (source in ae.lower() or source in institution.lower())
            and ("q" not in filters or name.startswith(filters["q"]))
        ):
            found.append(study)
    return found


def paged(box, filters, listing) -> list[str]:
    found, after = [], ""
    while True:
        page = worklist(box, filters, after, 7, listing)
        found += [row["study"] for row in page.rows]
        if page.next is None:
            assert page.total == len(found)
            return found
        after = page.next


FILTERS = (
    {},
    {"modality": "CT"},
    {"modality": "CT", "sex": "F"},
    {"completeness": "complete"},
    {"from": "20260105", "to": "20260120"},
    {"source": "ae1"},
    {"source": "COUNTY", "sex": "M"},
    {"q": "王"},
    {"q": "王", "modality": "DX", "source": "AE2"},
    {"modality": "MR"},
)


@pytest.fixture
def site(tmp_path):
    return ApiSite(tmp_path / "box", roles=())


def agree(box, listing) -> None:
    for filters in FILTERS:
        expected = plain(box, filters)
        assert paged(box, filters, listing) == expected, filters
        assert paged(box, filters, None) == expected, filters


def test_one_listing_follows_what_happens(site):
    box, listing = site.box, Listing(site.box)
    agree(box, listing)
    refs = [receive(box, number) for number in range(40)]
    agree(box, listing)
    assert len(plain(box, {"q": "王"})) == 32
    rng = random.Random(3)
    for ref in rng.sample(refs, 12):  # rows change in place
        body = {"input": "i", "basis": "count"}
        box.append([Draft("study.received", body, subject=ref.subject, key=ref.study)])
    agree(box, listing)
    for number in range(40, 47):  # and come behind the last
        receive(box, number)
    agree(box, listing)
    hidden = refs[4]
    body = {"restricted": True}
    box.append([Draft("subject.restricted", body, subject=hidden.subject, key=hidden.subject)])
    agree(box, listing)
    assert hidden.study not in plain(box, {})
    erase_subject(box, refs[9].subject, "test")
    agree(box, listing)
    assert len(plain(box, {})) == 47 - 2 - 2
