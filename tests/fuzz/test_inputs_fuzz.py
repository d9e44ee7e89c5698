"""Hostile inputs: a typed refusal or a result; never a crash, a hang or a gigabyte."""

import contextlib
import io
import json
import os
import subprocess
import sys
import textwrap
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from core.dicom.codestream import codestream_size
from core.dicom.facts import HEAD_KEYWORDS, image_facts
from core.dicom.files import Found, Problem, find_objects, kind_of
from core.dicom.input_errors import InputError
from core.dicom.parse import parse_dicom
from core.dicom.picture import read_picture
from core.dicom.pixels import stored_frames
from core.dicom.rle import packbits_decoded, rle_values
from core.imaging.reading import read_radiograph, read_volume
from core.imaging.series import choose_series
from core.imaging.summary import summarise
from edge.analyze.nifti import nifti_header
from tests import input_cases as cases

FUZZ = settings(
    max_examples=150,
    deadline=5000,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
VALUES = np.random.default_rng(1).integers(0, 4000, (16, 20)).astype(np.uint16)
OBJECTS = [
    cases.encoded(cases.ct_slice(3)),
    cases.encoded(cases.enhanced_ct(14)),
    cases.encoded(cases.radiograph(VALUES, PhotometricInterpretation="MONOCHROME1")),
    *(
        cases.encoded(cases.compressed(VALUES, syntax, RescaleSlope=1, RescaleIntercept=0))
        for syntax in (cases.JPEG_LOSSLESS, cases.JPEG_LS, "1.2.840.10008.1.2.5")
    ),
]


def picture():
    out = io.BytesIO()
    Image.fromarray((VALUES.repeat(6, 0).repeat(6, 1) >> 4).astype(np.uint8)).save(out, "PNG")
    return out.getvalue()


PICTURE = picture()


@st.composite
def damaged(draw, whole):
    """Return a file with bytes changed, cut out, doubled or cut off."""
    content = bytearray(draw(st.sampled_from(whole)))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(content) - 1))
        kind = draw(st.sampled_from(["set", "length", "cut", "double", "end"]))
        if kind == "set":
            content[at] = draw(st.integers(0, 255))
        elif kind == "length":
            content[at : at + 4] = draw(
                st.sampled_from([b"\xff\xff\xff\xff", b"\xfe\xff\xff\x7f", bytes(4), b"\xff\xff"])
            )
        elif kind == "cut":
            del content[at : at + draw(st.integers(1, 40))]
        elif kind == "double":
            content[at:at] = content[at : at + 60]
        else:
            del content[max(at, 1) :]
        if not content:
            content = bytearray(b"\0")
    return bytes(content)


def use(content):
    """Do with a DICOM file what an analysis does."""
    head = parse_dicom(io.BytesIO(content), len(content), keywords=HEAD_KEYWORDS)
    facts = image_facts(head)
    choose_series(summarise([facts]))
    whole = parse_dicom(io.BytesIO(content), len(content))
    for _ in stored_frames(whole):
        pass
    read_radiograph(whole)
    read_volume([facts], lambda _index: whole)


@FUZZ
@given(damaged(OBJECTS))
def test_damaged_dicom(content):
    with contextlib.suppress(InputError):
        use(content)


@FUZZ
@given(st.binary(max_size=600))
def test_any_bytes(content):
    kind_of(content)
    codestream_size(content)
    codestream_size(b"\xff\xd8" + content)
    codestream_size(b"\xff\x4f\xff\x51" + content)
    assert len(packbits_decoded(content, 1000)) <= 1000
    for check in (
        lambda: use(content),
        lambda: read_picture(content),
        lambda: nifti_header(io.BytesIO(content)),
        lambda: rle_values(content, 100, 16, 1),
    ):
        try:
            check()
        except InputError:
            continue


@FUZZ
@given(damaged([PICTURE]))
def test_damaged_pictures(content):
    with contextlib.suppress(InputError):
        assert read_picture(content).pixels.ndim == 2


def archive():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as opened:
        for n, content in enumerate(OBJECTS[:3]):
            opened.writestr(f"姓名/{n}.dcm", content)
    return out.getvalue()


ARCHIVE = archive()


@FUZZ
@given(damaged([ARCHIVE]))
def test_damaged_archives(tmp_path, content):
    path = tmp_path / "z.zip"
    path.write_bytes(content)
    for found in find_objects([path]):
        assert isinstance(found, Found | Problem)
        if isinstance(found, Problem):
            assert isinstance(found.error, InputError)
            continue
        try:
            with found.origin.open() as stream:
                parse_dicom(stream, found.origin.size)
        except InputError:
            continue


@FUZZ
@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=6, max_size=6),
    st.lists(st.floats(-1e30, 1e30), min_size=3, max_size=3),
    st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=2),
)
def test_absurd_geometry(cosines, position, spacing):
    short = [f"{number:.9g}" for number in (*cosines, *position, *spacing)]
    data = [
        cases.ct_slice(n, ImageOrientationPatient=short[:6], PixelSpacing=short[9:])
        for n in range(3)
    ]
    data[1].ImagePositionPatient = short[6:9]
    facts = [image_facts(one) for one in data]
    choose_series(summarise(facts))
    try:
        volume, _ = read_volume(facts, data.__getitem__)
    except InputError:
        return
    assert np.isfinite(volume.direction).all()
    assert min(volume.spacing_mm) > 0


# What one member does, in a process whose memory is limited: the report is its last line.
CHILD = textwrap.dedent(
    """
    import json, os, re, resource, sys, time
    sys.path.insert(0, os.getcwd())
    from tests.fuzz_members import examine
    limit = 4_000_000_000
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    for line in sys.stdin:
        start = time.monotonic()
        outcome = examine(line.strip())
        # Not ru_maxrss: that one is inherited from the test's own process.
        with open("/proc/self/status") as status:
            peak = int(re.search(r"VmHWM:\\s+(\\d+)", status.read())[1])
        print(json.dumps([line.strip(), outcome, time.monotonic() - start, peak]), flush=True)
    """
)


@pytest.mark.data
def test_every_malformed_member_gives_a_typed_refusal_or_a_result(tmp_path):
    names = []
    for number, (_, content) in enumerate(cases.members("dicom/malformed.zip")):
        path = tmp_path / f"{number}.dcm"
        path.write_bytes(content)
        names.append(str(path))
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", CHILD], input="\n".join(names),
        capture_output=True, text=True, check=False, timeout=200, env=environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    reports = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(reports) == len(names) >= 51
    for _, outcome, seconds, peak_kb in reports:
        assert outcome == "result" or outcome.startswith("E"), outcome
        assert seconds < 5
        assert peak_kb < 1_000_000
    assert {outcome for _, outcome, _, _ in reports} >= {"result", "E2954", "E2955", "E3002"}
