"""DICOMweb: what is stored comes back byte for byte, frames in every transfer syntax, QIDO."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

from tests.api_site import ApiSite, chest, parts_of, related
from tests.input_cases import (
    HTJ2K,
    JPEG_2000,
    JPEG_BASELINE,
    JPEG_LOSSLESS,
    JPEG_LS,
    compressed,
    encoded,
)

LITTLE = "1.2.840.10008.1.2.1"
SERIES = "/dicomweb/studies/1.2.3/series/1.2.3.1"
ANY = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'
_ROLES = ("physician",)


@pytest.fixture
def site(tmp_path):
    return ApiSite(tmp_path / "box", roles=_ROLES)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    site = ApiSite(tmp_path_factory.mktemp("qido") / "box", roles=_ROLES)
    site.send(chest(1), chest(2), chest(3, SeriesInstanceUID="1.2.3.2", SeriesNumber=2))
    site.send(chest(study="1.2.4", name="LI^SI=李^四", patient="P002", StudyDate="20260101"))
    site.send(chest(study="1.2.5", name="Hidden^One", patient="P003"))
    site.restrict("1.2.5")
    return site


def frames_of(pixels, syntax, **more):
    """Return a data set of these pixels in a transfer syntax."""
    if syntax in (JPEG_BASELINE, JPEG_LOSSLESS, JPEG_LS, JPEG_2000, HTJ2K, str(RLELossless)):
        made = compressed(pixels, syntax, **more)
    else:
        from tests.input_cases import image

        made = image(pixels, **more)
        made.file_meta.TransferSyntaxUID = syntax
        if syntax == ExplicitVRBigEndian:
            made.PixelData = pixels.byteswap().tobytes()
    made.SOPInstanceUID, made.StudyInstanceUID, made.SeriesInstanceUID = (
        "1.2.3.1.1", "1.2.3", "1.2.3.1",
    )  # fmt: skip
    return made


def stow(client, *files, path="/dicomweb/studies", **kwargs):
    body, media = related(files, **kwargs)
    return client.post(path, content=body, headers={"Content-Type": media})


def test_stored_over_the_web_comes_back_byte_for_byte(site):
    client, sent = site.client("physician"), encoded(chest())
    answer = stow(client, sent)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/dicom+json"
    (reference,) = answer.json()["00081199"]["Value"]
    assert reference["00081155"]["Value"] == ["1.2.3.1.1"]
    assert reference["00081150"]["Value"] == ["1.2.840.10008.5.1.4.1.1.2"]
    for level in (f"{SERIES}/instances/1.2.3.1.1", SERIES, "/dicomweb/studies/1.2.3"):
        ((media, back),) = parts_of(client.get(level))
        assert media == f"application/dicom; transfer-syntax={LITTLE}"
        assert back == sent


def test_stow_of_good_and_bad_says_which(site):
    client = site.client("physician")
    answer = stow(client, encoded(chest(1)), b"no dicom", encoded(chest(2)))
    assert answer.status_code == 202
    assert len(answer.json()["00081199"]["Value"]) == 2
    (failed,) = answer.json()["00081198"]["Value"]
    assert failed["00081197"]["Value"][0] != 0
    assert stow(client, b"no dicom").status_code == 409
    assert stow(client, encoded(chest(1))).status_code == 200  # again: success
    assert site.box.database.query("SELECT count(*) FROM instance") == [(2,)]


def test_stow_into_a_study_takes_only_its_own(site):
    client = site.client("physician")
    answer = stow(
        client, encoded(chest(1)), encoded(chest(study="1.9")), path="/dicomweb/studies/1.2.3"
    )
    assert answer.status_code == 202
    (failed,) = answer.json()["00081198"]["Value"]
    assert failed["00081155"]["Value"] == ["1.9.1.1"]
    assert site.box.database.query("SELECT study_uid FROM study") == [("1.2.3",)]


def test_stow_refuses_what_is_no_multipart(site):
    client = site.client("physician")
    for media in ("application/dicom", "multipart/related", "multipart/related; boundary=", ""):
        answer = client.post("/dicomweb/studies", content=b"x", headers={"Content-Type": media})
        assert answer.status_code == 415
        assert answer.json()["code"] == "E6011"


def test_a_cut_off_body_is_no_success(site):
    client = site.client("physician")
    body, media = related([encoded(chest())])
    for cut in (body[:-20], body[: len(body) // 2], b"", b"junk"):
        answer = client.post("/dicomweb/studies", content=cut, headers={"Content-Type": media})
        assert answer.status_code in (400, 422), cut[-30:]
    assert site.box.database.query("SELECT count(*) FROM instance") == [(0,)]
    assert list((site.box.folder / "blobs" / "incoming").iterdir()) == []
    assert list(site.box.blobs.addresses()) == []


STORED_SYNTAXES = [
    LITTLE, str(ImplicitVRLittleEndian), str(ExplicitVRBigEndian), str(RLELossless),
    JPEG_LOSSLESS, JPEG_LS, JPEG_2000, HTJ2K, str(DeflatedExplicitVRLittleEndian),
]  # fmt: skip


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("syntax", STORED_SYNTAXES)
def test_frames_decoded_and_as_stored(site, syntax, count):
    pixels = (np.arange(count * 16 * 20, dtype=np.uint16) * 7).reshape(count, 16, 20)
    sent = frames_of(pixels if count > 1 else pixels[0], syntax)
    assert stow(site.client("physician"), encoded(sent)).status_code == 200
    client = site.client("physician")
    listed = ",".join(str(n + 1) for n in range(count))
    path = f"{SERIES}/instances/1.2.3.1.1/frames/{listed}"
    plain = parts_of(client.get(path))
    assert [data for _, data in plain] == [frame.astype("<u2").tobytes() for frame in pixels]
    assert {media for media, _ in plain} == {f"application/octet-stream; transfer-syntax={LITTLE}"}
    stored = parts_of(client.get(path, headers={"Accept": ANY}))
    for n, (media, data) in enumerate(stored):
        said = media.partition("transfer-syntax=")[2]
        if sent.file_meta.TransferSyntaxUID.is_encapsulated:
            assert said == syntax
            again = frames_of(pixels[n], syntax)
            from pydicom.encaps import generate_frames

            (frame,) = generate_frames(again.PixelData, number_of_frames=1)
            assert data.rstrip(b"\0") == bytes(frame).rstrip(b"\0")
        else:
            assert said == LITTLE
            assert data == pixels[n].astype("<u2").tobytes()
    beyond = client.get(f"{SERIES}/instances/1.2.3.1.1/frames/{count + 1}")
    assert (beyond.status_code, beyond.json()["code"]) == (404, "E6006")


def test_frames_that_span_fragments(site):
    from pydicom.encaps import encapsulate

    pixels = (np.arange(2 * 16 * 20, dtype=np.uint16) * 3).reshape(2, 16, 20)
    sent = frames_of(pixels, JPEG_2000)
    from pydicom.encaps import generate_frames

    frames = list(generate_frames(sent.PixelData, number_of_frames=2))
    sent.PixelData = encapsulate([bytes(f) for f in frames], fragments_per_frame=2, has_bot=True)
    stow(site.client("physician"), encoded(sent))
    path = f"{SERIES}/instances/1.2.3.1.1/frames/2"
    ((_, data),) = parts_of(site.client("physician").get(path, headers={"Accept": ANY}))
    assert data.rstrip(b"\0") == bytes(frames[1]).rstrip(b"\0")
    ((_, data),) = parts_of(site.client("physician").get(path))
    assert data == pixels[1].tobytes()


def test_eight_bit_jpeg_is_shown(site):
    pixels = np.tile(np.linspace(0, 255, 32, dtype=np.uint8), (24, 1))
    stow(site.client("physician"), encoded(frames_of(pixels, JPEG_BASELINE)))
    path = f"{SERIES}/instances/1.2.3.1.1"
    ((_, data),) = parts_of(site.client("physician").get(path + "/frames/1"))
    back = np.frombuffer(data, np.uint8).reshape(24, 32)
    assert np.abs(back.astype(int) - pixels).max() < 8
    picture = site.client("physician").get(path + "/rendered")
    assert Image.open(io.BytesIO(picture.content)).size == (32, 24)


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("*/*", 200),
        (ANY, 200),
        (f'multipart/related; type="application/octet-stream"; transfer-syntax={LITTLE}', 200),
        (f"multipart/related; transfer-syntax={JPEG_2000}", 406),
        (
            f"multipart/related; transfer-syntax={JPEG_2000}, "
            f"multipart/related; transfer-syntax={LITTLE}",
            200,
        ),
        (f"multipart/related; transfer-syntax={JPEG_LS}, {ANY}", 200),
        ('multipart/related; transfer-syntax="', 406),
        (";;;===,,,", 200),
    ],
)
@pytest.mark.parametrize("syntax", [LITTLE, str(RLELossless)])
def test_accept_decides_the_transfer_syntax(tmp_path_factory, accept, status, syntax):
    site = _FRAME_SITES.get(syntax)
    if site is None:
        site = ApiSite(tmp_path_factory.mktemp("accept") / "box", roles=_ROLES)
        stow(site.client("physician"), encoded(frames_of(np.ones((8, 8), np.uint16), syntax)))
        _FRAME_SITES[syntax] = site
    path = f"{SERIES}/instances/1.2.3.1.1/frames/1"
    answer = site.client("physician").get(path, headers={"Accept": accept})
    assert answer.status_code == status


_FRAME_SITES: dict[str, ApiSite] = {}


@pytest.mark.parametrize(
    "numbers", ["0", "2", "-1", "x", "²", "1,", ",", "9" * 5000, "1" + ",1" * 300]
)
def test_frames_that_are_not_there(shared, numbers):
    answer = shared.client("physician").get(f"{SERIES}/instances/1.2.3.1.1/frames/{numbers}")
    assert answer.status_code in (404, 422)
    assert answer.json()["code"] in ("E6006", "E6008")


def test_rendered_is_a_png_in_the_files_window(site):
    pixels = np.tile(np.arange(20, dtype=np.uint16) * 100, (16, 1))
    sent = frames_of(pixels, LITTLE, WindowCenter=1000, WindowWidth=1000)
    stow(site.client("physician"), encoded(sent))
    client = site.client("physician")
    answer = client.get(f"{SERIES}/instances/1.2.3.1.1/rendered")
    assert answer.headers["content-type"] == "image/png"
    grey = np.asarray(Image.open(io.BytesIO(answer.content)))
    assert grey.shape == (16, 20)
    assert (grey[0, 4], grey[0, 10], grey[0, 16]) == (0, 128, 255)
    assert client.get(f"{SERIES}/instances/1.2.3.1.1/frames/1/rendered").content == answer.content
    assert client.get(f"{SERIES}/instances/1.2.3.1.1/frames/2/rendered").status_code == 404


def test_metadata_at_three_levels(shared):
    client = shared.client("physician")
    for path, count in (
        (f"{SERIES}/instances/1.2.3.1.1", 1), (SERIES, 2), ("/dicomweb/studies/1.2.3", 3),
    ):  # fmt: skip
        answer = client.get(path + "/metadata")
        assert answer.headers["content-type"] == "application/dicom+json"
        assert len(answer.json()) == count
        for one in answer.json():
            assert "7FE00010" not in one
            assert one["00100010"]["Value"][0]["Ideographic"] == "张^三"


def test_metadata_names_objects_that_are_no_images_too(site):
    report = chest(7, SOPClassUID="1.2.840.10008.5.1.4.1.1.88.33", Modality="SR")
    del report.PixelData, report.Rows, report.Columns
    site.send(report)
    answer = site.client("physician").get(f"{SERIES}/instances/1.2.3.1.7/metadata")
    assert answer.status_code == 200
    assert answer.json()[0]["00080018"]["Value"] == ["1.2.3.1.7"]


@pytest.mark.parametrize(
    "path",
    [
        "/dicomweb/studies/1.9.9", "/dicomweb/studies/1.9.9/metadata", SERIES + "9",
        SERIES + "/instances/1", SERIES + "/instances/1/metadata", SERIES + "/instances/1/rendered",
        SERIES + "/instances/1/frames/1", "/dicomweb/studies/1.2.4/series/1.2.3.1",
        "/dicomweb/studies/1.2.4/series/1.2.3.1/instances/1.2.3.1.1/frames/1",
        "/dicomweb/studies/%00/series/%27/instances/%2e%2e",
    ],
)  # fmt: skip
def test_unknown_is_not_found(shared, path):
    answer = shared.client("physician").get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "E6006")


def test_restricted_patients_are_seen_nowhere(shared):
    client, hidden = shared.client("physician"), shared.study("1.2.5")
    series = "/dicomweb/studies/1.2.5/series/1.2.5.1"
    for path in (
        f"/api/studies/{hidden}", f"/api/studies/{hidden}/manifest",
        f"/api/studies/{hidden}/outlines", f"/api/studies/{hidden}/heatmap",
        "/dicomweb/studies/1.2.5", "/dicomweb/studies/1.2.5/metadata", series, series + "/metadata",
        series + "/instances/1.2.5.1.1", series + "/instances/1.2.5.1.1/metadata",
        series + "/instances/1.2.5.1.1/frames/1", series + "/instances/1.2.5.1.1/rendered",
    ):  # fmt: skip
        assert client.get(path).status_code == 404, path
    for path in (
        "/dicomweb/studies?StudyInstanceUID=1.2.5", "/dicomweb/studies?PatientName=Hidden*",
        "/dicomweb/studies/1.2.5/series", "/dicomweb/studies/1.2.5/instances",
        series + "/instances", "/dicomweb/instances?SOPInstanceUID=1.2.5.1.1",
    ):  # fmt: skip
        assert client.get(path).status_code == 204, path
    everything = client.get("/dicomweb/studies").text + client.get("/api/worklist").text
    assert "1.2.5" not in everything
    assert "Hidden" not in everything
    body = {"reason": "x"}
    assert client.post(f"/api/studies/{hidden}/override", json=body).status_code == 404
    body = {"decision": "accepted", "reason": "x"}
    assert client.post(f"/api/studies/{hidden}/assessment", json=body).status_code == 404
    assert client.get("/api/worklist", params={"q": "hidden"}).json()["total"] == 0


@pytest.mark.parametrize(
    ("query", "tag", "found"),
    [
        ("studies", "0020000D", {"1.2.3", "1.2.4"}),
        ("studies?PatientID=P001", "0020000D", {"1.2.3"}),
        ("studies?00100020=P00*", "0020000D", {"1.2.3", "1.2.4"}),
        ("studies?PatientID=p?02", "0020000D", {"1.2.4"}),
        ("studies?PatientName=ZHANG*", "0020000D", {"1.2.3"}),
        ("studies?PatientName=李四", "0020000D", {"1.2.4"}),
        ("studies?StudyDate=20260101-20260201", "0020000D", {"1.2.4"}),
        ("studies?StudyDate=20260601-", "0020000D", {"1.2.3"}),
        ("studies?StudyDate=-20260601", "0020000D", {"1.2.4"}),
        ("studies?StudyDate=20261122", "0020000D", {"1.2.3"}),
        ("studies?StudyInstanceUID=1.2.3,1.2.4", "0020000D", {"1.2.3", "1.2.4"}),
        ("studies?StudyInstanceUID=1.2.3%5C1.2.4", "0020000D", {"1.2.3", "1.2.4"}),
        ("studies?AccessionNumber=ACC1.2.4", "0020000D", {"1.2.4"}),
        ("studies?PatientName=", "0020000D", {"1.2.3", "1.2.4"}),
        ("studies?ModalitiesInStudy=CT&limit=1", "0020000D", {"1.2.4"}),
        ("studies?limit=1&offset=1", "0020000D", {"1.2.3"}),
        ("series", "0020000E", {"1.2.3.1", "1.2.3.2", "1.2.4.1"}),
        ("series?SeriesNumber=2", "0020000E", {"1.2.3.2"}),
        ("studies/1.2.3/series", "0020000E", {"1.2.3.1", "1.2.3.2"}),
        ("studies/1.2.3/instances", "00080018", {"1.2.3.1.1", "1.2.3.1.2", "1.2.3.1.3"}),
        ("studies/1.2.3/series/1.2.3.1/instances", "00080018", {"1.2.3.1.1", "1.2.3.1.2"}),
        ("instances?InstanceNumber=3", "00080018", {"1.2.3.1.3"}),
        ("studies?includefield=all&fuzzymatching=false", "0020000D", {"1.2.3", "1.2.4"}),
    ],
)
def test_qido(shared, query, tag, found):
    answer = shared.client("physician").get(f"/dicomweb/{query}")
    assert answer.headers["content-type"] == "application/dicom+json"
    assert {one[tag]["Value"][0] for one in answer.json()} == found


@pytest.mark.parametrize(
    "query", ["studies?PatientID=nobody", "studies?StudyDate=19000101-19010101", "series?limit=0"]
)
def test_qido_without_a_match_has_no_content(shared, query):
    answer = shared.client("physician").get(f"/dicomweb/{query}")
    assert (answer.status_code, answer.content) == (204, b"")


@pytest.mark.parametrize(
    "query",
    ["studies?NoSuchKeyword=1", "studies?limit=x", "studies?offset=²", "studies?limit=" + "9" * 30],
)
def test_qido_names_what_is_wrong(shared, query):
    answer = shared.client("physician").get(f"/dicomweb/{query}")
    assert (answer.status_code, answer.json()["code"]) == (422, "E6008")


def test_a_flipped_bit_is_a_typed_error_and_the_others_are_served(site):
    site.send(chest(1), chest(2))
    ((address,),) = site.box.database.query(
        "SELECT blob FROM instance WHERE sop_instance = '1.2.3.1.1'"
    )
    path = site.box.blobs.path(address)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    client = site.client("physician")
    for level in ("", "/frames/1", "/rendered"):
        answer = client.get(f"{SERIES}/instances/1.2.3.1.1{level}")
        assert answer.status_code == 500
        assert answer.json()["code"].startswith("E1")
        assert client.get(f"{SERIES}/instances/1.2.3.1.2{level}").status_code == 200
    path.unlink()
    assert client.get(f"{SERIES}/instances/1.2.3.1.1").json()["code"].startswith("E1")


@pytest.mark.parametrize(
    "more",
    [
        {"Rows": 0, "NumberOfFrames": 2**31 - 1},
        {"Rows": 65535, "Columns": 65535},
        {"NumberOfFrames": 1000},
        {"BitsAllocated": 12},
        {"SamplesPerPixel": 3},
        {"PixelRepresentation": 7},
    ],
    ids=str,
)
def test_absurd_dimensions_are_refused_with_a_code(site, more):
    hostile = chest()
    for key, value in more.items():
        setattr(hostile, key, value)
    assert stow(site.client("physician"), encoded(hostile)).status_code == 200
    client = site.client("physician")
    for path in ("frames/1", "frames/2", "rendered"):
        answer = client.get(f"{SERIES}/instances/1.2.3.1.1/{path}")
        assert answer.status_code < 500, path
        if answer.status_code != 200:
            assert answer.json()["code"].startswith("E")


def test_what_comes_back_is_read_by_pydicom(site):
    stow(site.client("physician"), encoded(chest()))
    path = f"{SERIES}/instances/1.2.3.1.1"
    ((_, data),) = parts_of(site.client("physician").get(path))
    found = dcmread(io.BytesIO(data))
    assert found.PatientName.ideographic == "张^三"
