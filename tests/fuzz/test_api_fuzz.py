"""Hostile requests: whatever is asked or posted, the answer is typed and never a crash."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.web.errors import InputWrong, Unsupported
from edge.api.multipart import PartReader
from tests.api_site import ApiSite, chest, related
from tests.input_cases import encoded

#: pydicom warns of hostile values; it is an answer in the house's form that counts here.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
QUICK = settings(
    max_examples=60, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
UIDS = st.sampled_from(["1.2.3", "1.2.3.1", "1.2.3.1.1", "", "*", "0" * 65])
SEGMENTS = UIDS | st.text(min_size=1, max_size=12) | st.sampled_from(["..", "²", "%00", "9" * 400])
WORDS = st.sampled_from(
    ["studies", "series", "instances", "frames", "metadata", "rendered", "1", "1,2", "0"]
)
KEYWORDS = st.sampled_from(
    ["PatientName", "PatientID", "StudyDate", "StudyTime", "ModalitiesInStudy", "00100010",
     "StudyInstanceUID", "limit", "offset", "includefield", "NumberOfStudyRelatedInstances",
     "PixelData", "ReferencedImageSequence", "00081199", "7FE00010", "FFFFFFFF"]
)  # fmt: skip
VALUES = st.text(max_size=20) | st.sampled_from(
    ["*", "?", "-", "20260101-", "\\", "1.2,3", "²", "-5", "9" * 40, "**" * 200, "\x00", "a^b=c"]
)
ACCEPTS = st.sampled_from(
    ["*/*", "multipart/related; transfer-syntax=*", "image/png", ";", "multipart/related; =,=;"]
)


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fuzz")
    (folder / "index.html").write_text("page")  # a path may climb out of the interface
    site = ApiSite(folder / "box", folder, roles=("radiologist",))
    site.send(chest())
    found = site.client("radiologist")
    found.study = site.study()
    return found


def sound(answer):
    """No crash; what is refused says why in the house's form."""
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        said = answer.json()
        # STOW-RS answers in DICOM's own words: a Failed SOP Sequence.
        assert said.get("code", "").startswith("E") or "00081198" in said
    return True


@QUICK
@given(st.lists(SEGMENTS | WORDS, max_size=8), ACCEPTS)
def test_dicomweb_paths(client, segments, accept):
    path = "/".join(quote(one, safe="*,") for one in segments)
    sound(client.get(f"/dicomweb/{path}", headers={"Accept": accept}))


@QUICK
@given(
    st.sampled_from(["studies", "series", "instances", "studies/1.2.3/series"]),
    st.lists(st.tuples(KEYWORDS | st.text(max_size=10), VALUES), max_size=4),
)
def test_qido_queries(client, level, query):
    sound(client.get(f"/dicomweb/{level}", params=query))


@QUICK
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["q", "from", "to", "after", "limit", "source", "modality", "ai"]),
            VALUES,
        ),
        max_size=5,
    )
)
def test_worklist_queries(client, query):
    sound(client.get("/api/worklist", params=query))


@QUICK
@given(
    st.sampled_from(["/api/studies/{s}/override", "/api/studies/{s}/assessment",
                     "/api/quarantine/x/release", "/api/me/language", "/api/login", "/api/me/otp"]),
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=10),
        lambda inner: st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["reason", "decision", "language", "user", "password", "otp"]),
            inner, max_size=5,
        ),
        max_leaves=8,
    ),
)  # fmt: skip
def test_json_bodies(client, path, body):
    method = "PUT" if path.startswith("/api/me/") else "POST"
    sound(
        client.request(
            method, path.format(s=client.study), content=json.dumps(body),
            headers={"Content-Type": "application/json"},
        )
    )  # fmt: skip


WHOLE = related([encoded(chest(2)), b"junk"])


@QUICK
@given(st.data())
def test_damaged_multipart_bodies(client, data):
    body, media = WHOLE
    broken = bytearray(body)
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, len(broken) - 1))
        broken[at : at + data.draw(st.integers(0, 30))] = data.draw(st.binary(max_size=30))
    media = data.draw(
        st.sampled_from(
            [media, media.replace("cut", "other"), 'multipart/related; boundary="a\x01']
        )
    )
    sound(
        client.post(
            "/dicomweb/studies", content=bytes(broken),
            headers={"Content-Type": media.encode("latin-1")},
        )
    )  # fmt: skip


@QUICK
@given(
    st.text(st.characters(max_codepoint=255), max_size=60),
    st.lists(st.binary(max_size=80), max_size=6),
)
def test_the_reader_of_parts_alone(content_type, chunks):
    try:
        reader = PartReader(content_type, "multipart/related", "multipart/form-data")
    except Unsupported:
        reader = PartReader("multipart/related; boundary=b", "multipart/related")
    try:
        for chunk in chunks:
            for part in reader.feed(chunk):
                assert isinstance(part.filename, str)
    except InputWrong:
        return


@QUICK
@given(st.data())
def test_parts_are_the_same_however_the_body_is_cut(data):
    body, media = related([b"one\r\n--cu", b"", b"three" * 50])
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=8)))
    reader, found = PartReader(media, "multipart/related"), []
    for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True):
        for part in reader.feed(body[start:end]):
            if part.begins:
                found.append(b"")
            elif not part.ends:
                found[-1] += b"".join(part.data)
    assert found == [b"one\r\n--cu", b"", b"three" * 50]
    assert reader.whole


def test_headers_without_end_are_refused():
    reader = PartReader("multipart/related; boundary=b", "multipart/related")
    list(reader.feed(b"--b\r\nX: "))
    with pytest.raises(InputWrong):
        list(reader.feed(b"y" * 100_000))
