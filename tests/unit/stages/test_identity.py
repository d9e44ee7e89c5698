"""A corrected name is followed everywhere: list, bytes, manifest, results; nothing is lost."""

from __future__ import annotations

import io
import json

import pytest
from pydicom import dcmread, dcmwrite

from core.journal.seal import open_record
from edge.intake.net.sink import Peer, StoreCommand
from edge.stages.manifest import manifest_of
from edge.store.archive import BoxArchive
from tests.chain_site import Site, ct_slice

PACS = Peer("pacs", "PACS", "XINGLIN", "127.0.0.1", "a9", traits=frozenset({"pacs", "may-correct"}))
NEW = "ZHANG^SHAN=张^山"


@pytest.fixture
def site(tmp_path):
    one = Site(tmp_path / "box")
    one.send()
    one.settle(6)
    assert one.row("ai") == ("ok",)
    return one


def corrected(n, name=NEW, patient="P2"):
    ds = dcmread(io.BytesIO(ct_slice(n)), force=True)
    ds.PatientName, ds.PatientID, ds.AccessionNumber = name, patient, "A2"
    out = io.BytesIO()
    dcmwrite(out, ds, implicit_vr=False, little_endian=True)
    return out.getvalue()


def resend(site, slices=range(12), **changes):
    """The PACS sends slices again, a second between two of them."""
    for n in slices:
        command = StoreCommand("1.2.840.10008.5.1.4.1.1.2", "", "1.2.840.10008.1.2.1", 1, "PACS")
        receipt = site.sink.begin(PACS, command)
        receipt.write(memoryview(corrected(n, **changes)))
        assert receipt.commit().status == 0
        site.settle(1)


def drafts(site):
    records = [open_record(s, site.box.vault) for s in site.box.journal.read(0, 1000)]
    return [r.body for r in records if r.kind == "report.drafted"]


def made(site, draft):
    """The objects of a draft by label."""
    found = {}
    study = site.row("study")[0]
    for one in draft["objects"]:
        with site.box.blobs.open(one["blob"], site.box.vault.key(study)) as blob:
            found[one["label"]] = dcmread(io.BytesIO(blob.read()))
    return found


def served(site):
    """What C-MOVE and C-GET send, by SOP Instance UID."""
    archive = BoxArchive(site.box)
    found = {}
    for ref in archive.locate("STUDY", {"StudyInstanceUID": ("1.2.3",)}):
        ds = dcmread(io.BytesIO(archive.open(ref).read()), force=True)
        found[ref.sop_instance_uid] = (str(ds.PatientName), ds.PatientID, ds.AccessionNumber)
    return found


def shown(site):
    """Patient IDs of the manifest."""
    document = json.loads(manifest_of(site.box, site.row("study")[0]))
    instances = [one for series in document["series"] for one in series["instances"]]
    return [(one["00100020"]["Value"][0], one["00080050"]["Value"][0]) for one in instances]


def test_corrected_study_is_corrected_everywhere_once(site):
    before = site.row("instance_count", "bytes", "result_version")
    old = made(site, drafts(site)[0])
    resend(site)
    site.settle(6)
    assert site.row("patient_name", "patient_id", "accession", "completeness", "superseded") == (
        NEW, "P2", "A2", "complete", 0,
    )  # fmt: skip
    assert site.row("instance_count", "bytes", "result_version") == before
    assert site.method.calls == 1, "the same images are not analysed again"
    assert len(drafts(site)) == 2, "twelve slices are one correction"
    new = made(site, drafts(site)[1])
    assert set(new) == set(old) >= {"sr", "seg"}
    for label, ds in new.items():
        assert (str(ds.PatientName), ds.PatientID, ds.AccessionNumber) == (NEW, "P2", "A2")
        assert ds.SOPInstanceUID != old[label].SOPInstanceUID
    (study,) = new["sr"].PredecessorDocumentsSequence
    (reference,) = study.ReferencedSeriesSequence[0].ReferencedSOPSequence
    assert reference.ReferencedSOPInstanceUID == old["sr"].SOPInstanceUID
    assert set(served(site).values()) == {(NEW, "P2", "A2")}
    assert set(shown(site)) == {("P2", "A2")}
    assert site.queue.waiting() == []


def test_old_bytes_are_kept_and_their_repeat_changes_nothing(site):
    (address,) = site.box.database.query("SELECT blob FROM instance WHERE sop_instance = '1.2.3.1'")
    resend(site)
    kept = site.box.database.query(
        "SELECT blob FROM alternate WHERE sop_instance = '1.2.3.1' AND reason = 'before correction'"
    )
    assert kept == [address]
    with site.box.blobs.open(address[0], site.box.vault.key(site.row("study")[0])) as blob:
        assert dcmread(io.BytesIO(blob.read()), force=True).PatientID == "P1"
    resend(site)
    site.settle(6)
    assert site.kinds().count("identity.corrected") == 12
    assert len(drafts(site)) == 2


def test_one_corrected_slice_corrects_the_headers_of_all(site):
    assert set(shown(site)) == {("P1", "A1")}
    resend(site, range(1))
    site.settle(6)
    assert set(shown(site)) == {("P2", "A2")}
    names = [name for name, _, _ in served(site).values()]
    assert sorted(names).count(NEW) == 1, "bytes that were not sent again stay what they were"
    assert {ds.PatientID for ds in made(site, drafts(site)[-1]).values()} == {"P2"}


def test_second_correction_is_a_result_of_its_own(site):
    resend(site)
    site.settle(6)
    resend(site, name="LI^SI=李^四", patient="P3")
    site.settle(6)
    first, second, third = (made(site, one)["sr"] for one in drafts(site))
    assert len({sr.SOPInstanceUID for sr in (first, second, third)}) == 3
    (study,) = third.PredecessorDocumentsSequence
    (reference,) = study.ReferencedSeriesSequence[0].ReferencedSOPSequence
    assert reference.ReferencedSOPInstanceUID == second.SOPInstanceUID
    rows = site.box.database.query("SELECT sop_instance, reason FROM alternate")
    assert rows.count(("1.2.3.1", "before correction")) == 1, "the first bytes, not the second"
    assert site.method.calls == 1


def test_correction_while_the_study_arrives_needs_one_report(tmp_path):
    site = Site(tmp_path / "box")
    site.send()
    resend(site, range(3))
    site.settle(20)
    site.settle(20)
    assert len(drafts(site)) == 1
    assert made(site, drafts(site)[0])["sr"].PatientID == "P2"


def test_views_rebuild_to_the_same_rows(site):
    resend(site)
    site.settle(6)
    box = site.box
    incremental = box.views.dump()
    box.views.rebuild(box.journal, box.vault)
    assert box.views.dump() == incremental
