"""The label map for three-dimensional pictures: one small binary document."""

from __future__ import annotations

import io
import json

import numpy as np

from core.blobs.disk import put
from tests.api_site import ApiSite, chest


def test_lungs_airways_and_lesions_come_with_their_planes(tmp_path) -> None:
    site = ApiSite(tmp_path / "box", roles=("physician",))
    site.send(chest())
    client, study = site.client("physician"), site.study()
    path = f"/api/studies/{study}/solids"
    assert client.get(path).status_code == 404
    lungs = np.zeros((4, 6, 200), np.uint8)
    lungs[:, 1:5, :50], lungs[:, 1:5, 100:], lungs[1, 3, 60:80] = 1, 2, 3
    lesions = np.zeros(lungs.shape, np.uint16)
    lesions[2, 2, 11] = 7
    planes = [f"1.2.3.1.{n}" for n in range(4)]

    def kept(name: str, plain: bytes) -> str:
        return put(site.box.blobs, plain, site.box.vault.key(study), name.encode().ljust(32))

    def packed(**arrays: np.ndarray) -> bytes:
        out = io.BytesIO()
        np.savez_compressed(out, **arrays)
        return out.getvalue()

    blobs = {
        "lungs": kept("lungs", packed(lungs=lungs)),
        "label_map": kept("label_map", packed(label_map=lesions)),
        "planes": kept("planes", json.dumps(planes).encode()),
    }
    site.result(blobs=blobs, series={"series_uid": "1.2.3.1"}, lesions=[])
    answer = client.get(path)
    assert answer.status_code == 200
    length = int.from_bytes(answer.content[:4], "little")
    header = json.loads(answer.content[4 : 4 + length])
    assert (header["size"], header["block"], header["planes"]) == ([100, 6, 4], [2, 1, 1], planes)
    assert header["series_uid"] == "1.2.3.1"
    labels = np.frombuffer(answer.content[4 + length :], np.uint8).reshape(4, 6, 100)
    assert [int(labels[at]) for at in ((0, 2, 3), (0, 2, 60), (1, 3, 35), (2, 2, 5))] == [
        1,
        2,
        3,
        4,
    ]
