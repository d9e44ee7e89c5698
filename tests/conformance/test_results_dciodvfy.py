"""Result objects judged by others: dicom3tools' dciodvfy, and Orthanc as a PACS."""

from __future__ import annotations

import itertools
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset

from edge.report.commitment import CommitmentListener, MemoryInbox
from edge.report.delivery import deliverable_of
from edge.report.key_images import (
    CtPictures,
    PicturesFor,
    ct_key_images,
    no_pictures,
    radiograph_key_image,
)
from edge.report.sc import write_sc
from edge.report.scu import deliver
from edge.report.seg import write_seg
from edge.report.sr import write_sr
from tests import report_cases as cases
from tests.dciodvfy import errors_of, needs_dciodvfy
from tests.orthanc_site import Orthanc, needs_orthanc, running_orthanc

pytestmark = [
    # pynetdicom leaves a socket whose peer is gone to the garbage collector.
    pytest.mark.filterwarnings(
        "ignore:.*socket.socket:pytest.PytestUnraisableExceptionWarning",
        "ignore:unclosed.*socket:ResourceWarning",
    ),
]


def pictures_for(name: str) -> PicturesFor:
    case = cases.CASES[name]
    if name.startswith("dr"):
        heat = np.zeros((24, 32), dtype=np.float32)
        heat[6:12, 4:10] = 0.9
        picture = radiograph_key_image(cases.radiograph().pixel_array, heat)
        return lambda _: (picture,)
    if case.status != "ok":
        return no_pictures
    ct = CtPictures(cases.ct_voxels(), (2.5, 0.8, 0.8), cases.label_map())
    return lambda focus: ct_key_images(ct, case.lesions or (), focus)


def objects_of(name: str) -> list[Dataset]:
    """SEG where there are lesions, SR, SC: all that is sent for one case."""
    sources = cases.sources_for(name)
    context, case = cases.context(sources), cases.CASES[name]
    seg = None
    if case.lesions:
        seg = write_seg(context, case.lesions, cases.label_map(), cases.planes(sources))
    pictures = write_sc(context, case, pictures_for(name))
    visual = pictures[0] if case.tb is not None else None
    return [x for x in (seg, write_sr(context, case, seg, visual), *pictures) if x is not None]


@needs_dciodvfy
@pytest.mark.parametrize("name", list(cases.CASES))
def test_every_object_of_every_outcome_passes(name: str, tmp_path: Path) -> None:
    for dataset in objects_of(name):
        assert errors_of(dataset, tmp_path) == []


@needs_dciodvfy
def test_reviewed_superseding_and_overridden_results_pass(tmp_path: Path) -> None:
    sources = cases.ct_series()
    first = write_sr(cases.context(sources), cases.CASES["ct_no_finding"])
    context = replace(
        cases.context(sources, cases.REVIEW), predecessors=(first,), edition="override-1"
    )
    case = replace(cases.CASES["ct_findings"], qc=cases.QC_REJECT, overridden=True)
    seg = write_seg(context, case.lesions or (), cases.label_map(), cases.planes(sources))
    for dataset in (seg, write_sr(context, case, seg)):
        assert errors_of(dataset, tmp_path) == []


@needs_dciodvfy
def test_a_segmentation_of_an_enhanced_ct_passes(tmp_path: Path) -> None:
    source = (cases.enhanced_ct(),)
    context = cases.context(source)
    seg = write_seg(context, cases.lesions(), cases.label_map(), cases.planes(source))
    assert errors_of(seg, tmp_path) == []
    assert errors_of(write_sr(context, cases.CASES["ct_findings"], seg), tmp_path) == []


@needs_dciodvfy
def test_results_of_a_source_with_hardly_any_header_pass(tmp_path: Path) -> None:
    source = cases.radiograph()
    for keyword in (
        "AccessionNumber", "StudyID", "PatientSex", "PatientBirthDate", "ReferringPhysicianName",
        "StudyDescription", "StudyDate", "StudyTime", "PatientName", "PatientID",
    ):  # fmt: skip
        del source[keyword]
    context = cases.context((source,))
    for dataset in (
        write_sr(context, cases.CASES["dr_suspected"]),
        *write_sc(context, cases.CASES["dr_suspected"], no_pictures),
    ):
        assert errors_of(dataset, tmp_path) == []


@needs_dciodvfy
def test_the_judge_can_find_an_error(tmp_path: Path) -> None:
    (_, broken, _) = objects_of("ct_findings")
    del broken.CompletionFlag
    assert any("CompletionFlag" in line for line in errors_of(broken, tmp_path))


# --- Orthanc -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    with running_orthanc(tmp_path_factory.mktemp("orthanc")) as node:
        yield node


def new_uid(prefix: int) -> Callable[[], str]:
    numbers = itertools.count(1)
    return lambda: f"2.25.{prefix}{next(numbers)}"


@needs_orthanc
@pytest.mark.parametrize("name", list(cases.CASES))
def test_orthanc_takes_every_object_and_its_query_confirms(orthanc: Orthanc, name: str) -> None:
    objects = objects_of(name)
    peer = replace(orthanc.peer(), commitment=False)
    outcomes = deliver([deliverable_of(x) for x in objects], peer, new_uid(7))
    assert {(o.state, o.confirmed_by, o.status) for o in outcomes} == {("confirmed", "query", 0)}
    for dataset in objects:
        tags = orthanc.instance(dataset.SOPInstanceUID)["MainDicomTags"]
        assert tags["SOPInstanceUID"] == dataset.SOPInstanceUID


@needs_orthanc
def test_orthanc_commits_on_a_new_association(orthanc: Orthanc) -> None:
    objects = objects_of("ct_findings")
    inbox = MemoryInbox()
    with CommitmentListener("XINGLIN", inbox, "127.0.0.1", orthanc.listener_port):
        outcomes = deliver(
            [deliverable_of(x) for x in objects], orthanc.peer(), new_uid(8), inbox=inbox
        )
    assert {(o.state, o.confirmed_by) for o in outcomes} == {("confirmed", "commitment")}


@needs_orthanc
def test_orthanc_keeps_the_stored_bytes_and_shows_the_picture(orthanc: Orthanc) -> None:
    (_, sr, sc) = objects_of("ct_findings")
    peer = replace(orthanc.peer(), commitment=False)
    deliver([deliverable_of(sr), deliverable_of(sc)], peer, new_uid(9))
    tags = orthanc.ask(f"/instances/{orthanc.instance(sr.SOPInstanceUID)['ID']}/simplified-tags")
    assert isinstance(tags, dict)
    assert tags["PatientName"] == "ZHANG^SAN=张^三"
    assert tags["VerificationFlag"] == "UNVERIFIED"
    url = (
        f"http://127.0.0.1:{orthanc.http_port}"
        f"/instances/{orthanc.instance(sc.SOPInstanceUID)['ID']}/preview"
    )
    with urllib.request.urlopen(url, timeout=10) as answer:
        assert answer.read().startswith(b"\x89PNG")
