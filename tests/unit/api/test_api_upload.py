"""Uploads from the page and the quarantine: hostile archives, clients that leave, decisions."""

from __future__ import annotations

import asyncio
import io
import stat
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from edge.api.context import COOKIE
from edge.intake import files
from edge.intake.files import FileLimits, Tally, Upload, web_peer
from tests.api_site import MODALITY, ApiSite, Wire, chest
from tests.input_cases import encoded

_ROLES = ("radiologist",)


@pytest.fixture
def site(tmp_path):
    return ApiSite(tmp_path / "box", roles=_ROLES)


def upload(site, *named):
    answer = site.client("radiologist").post(
        "/api/upload", files=[("files", (name, data)) for name, data in named]
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


def codes(entries):
    return [entry["code"] for entry in entries]


def zipped(*members, compression=zipfile.ZIP_DEFLATED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for info, data in members:
            archive.writestr(info, data)
    return out.getvalue()


def counts(site):
    ((instances,),) = site.box.database.query("SELECT count(*) FROM instance")
    ((held,),) = site.box.database.query("SELECT count(*) FROM quarantine")
    return instances, held, len(list(site.box.blobs.addresses()))


def nothing_half(site):
    return list((site.box.folder / "blobs" / "incoming").iterdir()) == []


def test_folder_of_files(site):
    found = upload(
        site, ("chest/IM1", encoded(chest(1))), ("chest/IM2", encoded(chest(2))),
        ("again/IM1", encoded(chest(1))),
    )  # fmt: skip
    assert (found["accepted"], found["duplicates"]) == (2, 1)
    assert found["quarantined"] == found["refused"] == []
    assert counts(site) == (2, 0, 2)
    assert site.box.database.query("SELECT released FROM arrival") == [(1,)]


def test_zip_of_a_patient_disc(site):
    found = upload(
        site,
        ("disc.zip", zipped(("DICOM/", b""), ("DICOM/1", encoded(chest(1))),
                            ("DICOM/2", encoded(chest(2))))),
    )  # fmt: skip
    assert found["accepted"] == 2
    assert counts(site) == (2, 0, 2)  # the sealed upload itself is gone


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "..\\x", "C:\\x", "a/../../b"])
def test_paths_out_of_the_archive_are_refused_the_rest_is_taken(site, name):
    found = upload(site, ("x.zip", zipped((name, encoded(chest(1))), ("ok", encoded(chest(2))))))
    assert found["accepted"] == 1
    assert codes(found["refused"]) == ["E2960"]
    assert counts(site)[0] == 1


def test_symlinks_are_refused(site):
    link = zipfile.ZipInfo("link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    found = upload(site, ("x.zip", zipped((link, b"/etc/passwd"), ("ok", encoded(chest(1))))))
    assert (found["accepted"], len(found["refused"])) == (1, 1)


def test_encrypted_members_are_refused(site):
    data = bytearray(zipped(("secret", encoded(chest(1))), ("ok", encoded(chest(2)))))
    for signature, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + at] |= 1
    found = upload(site, ("x.zip", bytes(data)))
    assert (found["accepted"], len(found["refused"])) == (1, 1)


def test_an_archive_in_an_archive_is_not_unpacked(site):
    found = upload(site, ("x.zip", zipped(("inner.zip", zipped(("1", encoded(chest(1))))))))
    assert found["accepted"] == 0
    assert len(found["refused"]) + len(found["quarantined"]) == 1
    assert counts(site)[0] == 0


def test_a_bomb_is_refused_before_it_unpacks(site):
    limits = FileLimits(ratio_floor_bytes=1000, file_bytes=1 << 20, archive_bytes=3 << 20)
    for members in (
        [("bomb", b"\0" * (1 << 20))],
        [(str(n), b"\0" * 900_000) for n in range(5)],
        [("large", bytes((1 << 20) + 1))],
    ):
        tally, peer = Tally(), web_peer("upload", "a", "radiologist")
        whole = Upload(site.sink)
        whole.write(zipped(*members))
        whole.settle(peer, tally, limits)
        assert tally.accepted == 0
        assert tally.refused or tally.quarantined
    assert counts(site)[0] == 0
    assert nothing_half(site)


def test_lies_about_the_size_do_not_help(site):
    bomb = bytearray(zipped(("bomb", b"\0" * 500_000)))
    at = bomb.index(b"PK\x01\x02") + 24
    bomb[at : at + 4] = (1000).to_bytes(4, "little")
    found = upload(site, ("x.zip", bytes(bomb)))
    assert found["accepted"] == 0
    assert counts(site)[0] == 0


@pytest.mark.parametrize("cut", [10, 200, -30, -1])
def test_a_broken_archive_is_kept_with_the_reason(site, cut):
    found = upload(site, ("x.zip", zipped(("1", encoded(chest(1))), ("2", b"x" * 3000))[:cut]))
    assert found["accepted"] in (0, 1)
    assert len(found["quarantined"]) + len(found["refused"]) >= 1
    assert nothing_half(site)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_picture_is_wrapped_as_a_radiograph_that_says_so(site, kind):
    out = io.BytesIO()
    Image.fromarray(np.tile(np.arange(200, dtype=np.uint8), (150, 1))).save(out, kind)
    assert upload(site, ("film.png", out.getvalue()))["accepted"] == 1
    ((modality,),) = site.box.database.query("SELECT modality FROM study")
    assert modality == "DX"
    assert upload(site, ("film.png", out.getvalue()))["duplicates"] == 1


@pytest.mark.parametrize(
    "junk",
    [b"", b"hello", b"\0" * 5000, b"%PDF-1.7 " * 50, b"\x89PNG\r\n\x1a\n broken", b"PK\x03\x04 x"],
)
def test_junk_is_kept_in_quarantine_with_the_reason(site, junk):
    found = upload(site, ("brief.pdf", junk))
    assert found["accepted"] == 0
    (entry,) = found["quarantined"]
    assert entry["code"].startswith("E")
    assert entry["message_zh"]
    (row,) = site.client("radiologist").get("/api/quarantine").json()["rows"]
    assert (row["code"], row["state"]) == (entry["code"], "held")
    ((blob, key),) = site.box.database.query("SELECT blob, key FROM quarantine")
    with site.box.blobs.open(blob, site.box.vault.key(key)) as kept:
        assert kept.read().endswith(junk)
    assert counts(site)[2] == 1  # kept once, not twice


def body_of(data, boundary="b"):
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="x"\r\n\r\n'
    ).encode()
    return head + data + f"\r\n--{boundary}--\r\n".encode()


@pytest.mark.parametrize("share", [0.05, 0.5, 0.98])
def test_a_client_that_leaves_leaves_nothing(site, share):
    async def talk():
        body = body_of(encoded(chest()) + b"\0" * 200_000)
        body = body[: int(len(body) * share)]
        chunks = [body[n : n + 9000] for n in range(0, len(body), 9000)]
        headers = [
            ("Cookie", f"{COOKIE}={site.token('radiologist')}"),
            ("X-CSRF-Token", site.csrf["radiologist"]),
            ("Content-Type", "multipart/form-data; boundary=b"),
        ]
        wire = Wire(site.app, "POST", "/api/upload", headers, chunks, leaves=True)
        await asyncio.wait_for(site.app(wire.scope, wire.incoming.get, wire.send), 20)

    asyncio.run(talk())
    assert counts(site) == (0, 0, 0)
    assert nothing_half(site)


def test_a_full_disk_refuses_uploads_with_a_reason(site):
    site.tier.now = "refuse_all"
    found = upload(site, ("1", encoded(chest())))
    assert codes(found["refused"]) == ["E2201"]
    assert counts(site) == (0, 0, 0)


def test_no_space_in_the_middle_leaves_nothing(site, monkeypatch):
    import errno

    real = files.FileWriter.finish

    def full(writer):
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(files.FileWriter, "finish", full)
    answer = site.client("radiologist").post("/api/upload", files=[("f", ("1", encoded(chest())))])
    assert answer.status_code == 507
    assert answer.json()["code"] == "E2201"
    assert nothing_half(site)
    monkeypatch.setattr(files.FileWriter, "finish", real)
    assert upload(site, ("1", encoded(chest())))["accepted"] == 1


def held(site, *, code):
    ((identity,),) = site.box.database.query(
        "SELECT id FROM quarantine WHERE state = 'held' AND code = ?", (code,)
    )
    return identity


def test_a_conflict_stays_one_and_deciding_adds_nothing(site):
    site.send(chest(1))
    upload(site, ("1", encoded(chest(1, patient="P999"))))
    client, identity = site.client("radiologist"), held(site, code="E2901")
    before = counts(site)
    for _ in range(2):
        answer = client.post(f"/api/quarantine/{identity}/release", json={"reason": "x"})
        assert (answer.status_code, answer.json()["code"]) == (409, "E6012")
    assert counts(site) == before
    assert (
        client.post(f"/api/quarantine/{identity}/dismiss", json={"reason": ""}).status_code == 422
    )
    done = client.post(f"/api/quarantine/{identity}/dismiss", json={"reason": "重复"})
    assert done.json() == {"state": "dismissed"}
    again = client.post(f"/api/quarantine/{identity}/dismiss", json={"reason": "重复"})
    assert again.status_code == 409
    (row,) = client.get("/api/quarantine", params={"state": "dismissed"}).json()["rows"]
    assert row["reason"] == "重复"
    assert client.post("/api/quarantine/none/dismiss", json={"reason": "x"}).status_code == 404


def test_release_takes_in_what_no_longer_conflicts(site):
    site.send(chest(1))
    upload(site, ("2", encoded(chest(2, patient="P999"))))
    identity = held(site, code="E2902")
    client = site.client("radiologist")
    url = f"/api/quarantine/{identity}/release"
    assert client.post(url, json={"reason": "x"}).status_code == 409
    assert counts(site)[:2] == (1, 1)
    # The PACS corrects the patient of the study: now both are of the same person.
    corrector = replace(MODALITY, traits=frozenset({"pacs", "may-correct"}))
    site.send(chest(1, patient="P999"), peer=corrector)
    assert client.post(url, json={"reason": "已核对"}).json() == {"state": "released"}
    assert counts(site)[0] == 2
    assert client.get("/api/quarantine", params={"state": "held"}).json()["rows"] == []
