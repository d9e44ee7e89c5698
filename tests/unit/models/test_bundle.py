"""The bundle loader: strict, typed errors, nothing used before it is checked."""

from __future__ import annotations

import json

import numpy as np
import pytest

from core.models.bundle import load, shipped
from core.models.errors import (
    BundleAltered,
    BundleGoldenInvalid,
    BundleMetadataInvalid,
    BundleMissing,
    BundleStranger,
)
from core.models.metadata import parse_metadata
from tests.tiny_bundle import golden, metadata, seal, write_tiny


def test_loads_what_it_states(tmp_path):
    bundle = load(write_tiny(tmp_path))
    assert bundle.metadata.name == "tiny"
    assert bundle.metadata.threshold == 0.4
    assert bundle.metadata.research_only is True
    assert bundle.golden.cases == 3
    assert bundle.model_fp16 is None
    assert len(bundle.digest) == 64


@pytest.mark.parametrize("name", ["model.onnx", "card.md", "golden.npz"])
def test_a_flipped_bit_is_named(tmp_path, name):
    write_tiny(tmp_path)
    data = bytearray((tmp_path / name).read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / name).write_bytes(bytes(data))
    with pytest.raises(BundleAltered) as refused:
        load(tmp_path)
    assert refused.value.facts["file"] == name


@pytest.mark.parametrize("name", ["model.onnx", "card.md", "golden.npz", "metadata.json"])
def test_a_missing_file_is_named(tmp_path, name):
    write_tiny(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(BundleMissing) as refused:
        load(tmp_path)
    assert refused.value.facts["file"] == name


def test_a_required_file_must_be_listed(tmp_path):
    write_tiny(tmp_path)
    (tmp_path / "card.md").unlink()
    seal(tmp_path)
    with pytest.raises(BundleMissing):
        load(tmp_path)


def test_strangers_links_and_folders_are_refused(tmp_path):
    for index, make in enumerate(
        (
            lambda f: (f / "extra.py").write_text("x"),
            lambda f: (f / "folder").mkdir(),
            lambda f: (f / "link.md").symlink_to("/etc/passwd"),
        )
    ):
        folder = write_tiny(tmp_path / str(index))
        make(folder)
        with pytest.raises(BundleStranger):
            load(folder)


def test_a_listed_file_may_not_be_a_link(tmp_path):
    folder = write_tiny(tmp_path / "bundle")
    (folder / "card.md").rename(tmp_path / "elsewhere.md")
    (folder / "card.md").symlink_to(tmp_path / "elsewhere.md")
    with pytest.raises(BundleStranger):
        load(folder)


@pytest.mark.parametrize(
    "changes",
    [
        {"format": "other/1"},
        {"threshold": 0.0},
        {"threshold": True},
        {"threshold": "0.5"},
        {"threshold": None},
        {"research_only": 1},
        {"licence": None},
        {"licence": {"name": "x"}},
        {"name": "../evil"},
        {"version": "1"},
        {"modalities": []},
        {"tolerance": {"fp16": 1e-3}},
        {"tolerance": {"fp32": -1}},
        {"files": {"../../etc/passwd": "0" * 64}},
        {"files": {"model.onnx": "abc"}},
        {"surprise": 1},
        {"network_data_format": {"inputs": {}, "outputs": {}}},
        {"network_data_format": {"inputs": {"a": {"dtype": "int8", "shape": [1]}}, "outputs": {}}},
        {"network_data_format": {"inputs": {"a": {"dtype": "float32", "shape": [0]}}}},
    ],
)
def test_metadata_is_strict(changes):
    content = metadata() | {"files": {"model.onnx": "0" * 64}} | changes
    content = {key: value for key, value in content.items() if value is not None}
    with pytest.raises(BundleMetadataInvalid):
        parse_metadata(json.dumps(content).encode())


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b"[1]", b'{"threshold": NaN}', b"[" * 100_000])
def test_metadata_that_is_no_json_object(data):
    with pytest.raises(BundleMetadataInvalid):
        parse_metadata(data)


@pytest.mark.parametrize(
    "change",
    [
        lambda g: g.pop("out.heat"),
        lambda g: g.update({"out.more": np.zeros(3, np.float32)}),
        lambda g: g.update({"out.score": g["out.score"].astype(np.float64)}),
        lambda g: g.update({"out.score": g["out.score"][:2]}),
        lambda g: g.update({"out.score": np.full_like(g["out.score"], np.nan)}),
        lambda g: g.update({"in.image": g["in.image"][..., :5]}),
        lambda g: g.update({k: v[:0] for k, v in g.items()}),
        lambda g: g.update({"out.score": np.array([{}], object)}),
    ],
)
def test_golden_set_must_fit(tmp_path, change):
    folder = write_tiny(tmp_path)
    arrays = golden()
    change(arrays)
    np.savez(folder / "golden.npz", **arrays)
    seal(folder)
    with pytest.raises(BundleGoldenInvalid):
        load(folder)


def test_golden_set_that_is_no_archive(tmp_path):
    folder = write_tiny(tmp_path)
    (folder / "golden.npz").write_bytes(b"PK\x03\x04 not really")
    seal(folder)
    with pytest.raises(BundleGoldenInvalid):
        load(folder)


def test_the_shipped_bundle_is_whole_small_and_research_only():
    folder = shipped("dr_tb")
    bundle = load(folder)
    assert bundle.metadata.research_only
    assert "Research" in bundle.metadata.licence.name
    assert sum(f.stat().st_size for f in folder.iterdir()) < 10e6
    assert "Not for clinical use" in bundle.card
    assert "不得用于临床" in bundle.card
    assert 0 < bundle.metadata.threshold < 1
