"""What may become a bundle: ours, ONNX with its facts, MONAI; and what may not."""

from __future__ import annotations

import json
import shutil
from contextlib import suppress

import numpy as np
import pytest
from onnx import TensorProto, helper

from core.errors import XinglinError
from core.models.bundle import shipped
from core.models.candidate import as_bundle, candidate_of, completed
from core.models.errors import (
    BundleAltered,
    BundleGoldenInvalid,
    BundleMetadataInvalid,
    BundleStranger,
    BundleTooLarge,
    LicenceMissing,
    ModelFactsInvalid,
    ModelFactsMissing,
    NotForClinicalUseMissing,
    OnnxRefused,
    PackageUnreadable,
    SlotMismatch,
    SlotUnknown,
    ToleranceLax,
    TorchScriptRefused,
)
from core.models.package import Package, read_package
from tests.model_cases import FACTS, SIDE, network, write_foreign
from tests.tiny_bundle import write_tiny


def candidate(folder):
    return candidate_of(read_package(folder))


def with_steps(**changes):
    return {"preprocessing": {**FACTS["preprocessing"], **changes}}


def test_the_shipped_bundle_is_taken_byte_for_byte():
    found = candidate(shipped("dr_tb"))
    bundle = as_bundle(found, None)
    assert bundle.metadata.slot == "dr_tb"
    assert (
        completed(found, None)["metadata.json"] == (shipped("dr_tb") / "metadata.json").read_bytes()
    )


def test_a_network_with_facts_becomes_a_bundle_once_it_has_a_golden_set(tmp_path):
    found = candidate(write_foreign(tmp_path))
    assert (found.metadata.slot, found.metadata.source) == ("dr_tb", "onnx")
    assert found.metadata.inputs[0].shape == (None, 1, SIDE, SIDE)
    assert found.metadata.tolerance == {"fp32": 1e-3, "fp16": 5e-3, "int8": 2e-2}
    assert b"acme_cxr 1.0.0" in found.files["card.md"]
    with pytest.raises(BundleGoldenInvalid):
        completed(found, None)


def test_facts_may_be_toml_beside_one_file_or_given_apart(tmp_path):
    write_foreign(tmp_path)
    network_file = tmp_path / "model.onnx"
    (tmp_path / "model.json").unlink()
    with pytest.raises(ModelFactsMissing):
        candidate(tmp_path)
    text = "\n".join(
        f"{key} = {json.dumps(value)}"
        for key, value in FACTS.items()
        if not isinstance(value, dict)
    )
    for name in ("licence", "preprocessing", "postprocessing"):
        text += f"\n[{name}]\n"
        text += "\n".join(f"{key} = {json.dumps(value)}" for key, value in FACTS[name].items())
    (tmp_path / "model.toml").write_text(text, encoding="utf-8")
    from_toml = candidate(network_file)
    apart = candidate_of(Package({"x.onnx": network_file.read_bytes()}), (text.encode(), False))
    assert from_toml.metadata == apart.metadata
    assert from_toml.metadata.threshold == 0.5


def test_a_monai_bundle_needs_only_what_monai_does_not_say(tmp_path):
    write_foreign(tmp_path / "models", without=("version", "task", "intended_use"))
    (tmp_path / "configs").mkdir()
    (tmp_path / "models" / "model.json").rename(tmp_path / "configs" / "xinglin.json")
    stated = {
        "version": "0.4.2", "task": "chest", "monai_version": "1.5.0",
        "intended_use": "An example, not to be used for diagnostic purposes",
        "network_data_format": {"inputs": {}, "outputs": {}},
    }  # fmt: skip
    (tmp_path / "configs" / "metadata.json").write_text(json.dumps(stated))
    (tmp_path / "models" / "model.ts").write_bytes(b"torchscript")
    found = candidate(tmp_path)
    assert (found.metadata.source, found.metadata.version) == ("monai", "0.4.2")
    (tmp_path / "models" / "model.onnx").unlink()
    with pytest.raises(TorchScriptRefused):
        candidate(tmp_path)


@pytest.mark.parametrize("name", ["model.ts", "model.pt", "weights.pth"])
def test_weights_that_run_code_are_refused_by_name(tmp_path, name):
    (tmp_path / name).write_bytes(b"anything")
    with pytest.raises(TorchScriptRefused):
        candidate(tmp_path)


def test_a_folder_without_any_network_is_refused(tmp_path):
    (tmp_path / "README.md").write_text("nothing")
    with pytest.raises(PackageUnreadable):
        candidate(tmp_path)


@pytest.mark.parametrize(
    ("facts", "refusal"),
    [
        ({"licence": None}, LicenceMissing),
        ({"licence": {"name": "MIT", "text_zh": "", "text_en": "MIT"}}, LicenceMissing),
        ({"intended_use": "For everybody"}, NotForClinicalUseMissing),
        ({"intended_use": 7}, NotForClinicalUseMissing),
        ({"slot": "mri"}, SlotUnknown),
        ({"slot": None}, SlotUnknown),
        ({"threshold": 1.5}, BundleMetadataInvalid),
        ({"threshold": None}, BundleMetadataInvalid),
        ({"name": "../x"}, BundleMetadataInvalid),
        ({"version": "1"}, BundleMetadataInvalid),
        ({"modalities": ["MR"]}, SlotMismatch),
        ({"surprise": 1}, ModelFactsInvalid),
        ({"tolerance": {"fp32": 0.5}}, ToleranceLax),
        ({"tolerance": {"fp16": 0.006}}, ToleranceLax),
        ({"tolerance": {"int8": 0.03}}, ToleranceLax),
        ({"tolerance": {"fp16.p": 0.04}}, ToleranceLax),
        ({"tolerance": {"fp16.heat": 0.06}}, ToleranceLax),
        ({"tolerance": {"fp8": 1e-9}}, ToleranceLax),
        ({"inputs": {"nobody": {"shape": [1]}}}, ModelFactsInvalid),
        ({"inputs": {"image": {"shape": [0, 3, SIDE, SIDE]}}}, OnnxRefused),
        ({"outputs": {"p": {"shape": "x"}}}, ModelFactsInvalid),
        (with_steps(size=64), SlotMismatch),
        (with_steps(channels=3), SlotMismatch),
        (with_steps(channels=2), SlotMismatch),
        (with_steps(deviation=0), SlotMismatch),
        (with_steps(op="run_this/1"), SlotMismatch),
        ({"postprocessing": {"op": "score/1", "score": "q", "activation": "none", "index": 0}},
         SlotMismatch),
        ({"postprocessing": {"op": "score/1", "score": "p", "activation": "eval", "index": 0}},
         SlotMismatch),
        ({"postprocessing": {"op": "score/1", "score": "p", "activation": "none", "index": 1}},
         SlotMismatch),
        ({"slot": "ct_lesions", "modalities": ["CT"]}, SlotMismatch),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else None,
)  # fmt: skip
def test_facts_that_are_wrong_are_named(tmp_path, facts, refusal):
    with pytest.raises(refusal):
        candidate(write_foreign(tmp_path, **facts))


@pytest.mark.parametrize(
    "key", ["name", "version", "task", "threshold", "calibration_set", "preprocessing", "licence"]
)
def test_facts_that_are_missing_are_named(tmp_path, key):
    with pytest.raises((ModelFactsInvalid, LicenceMissing)):
        candidate(write_foreign(tmp_path, without=(key,)))


@pytest.mark.parametrize(
    "text", ["", "{", "[1]", '{"threshold": NaN}', "[" * 100_000, '"' + "x" * 300_000 + '"'],
    ids=["empty", "cut", "list", "nan", "nested", "giant"],
)  # fmt: skip
def test_facts_that_cannot_be_read_are_refused(tmp_path, text):
    write_foreign(tmp_path)
    (tmp_path / "model.json").write_text(text)
    with pytest.raises(ModelFactsInvalid):
        candidate(tmp_path)


def test_giant_metadata_is_refused_unparsed(tmp_path):
    write_tiny(tmp_path)
    (tmp_path / "metadata.json").write_bytes(b" " * (1024 * 1024 + 1))
    with pytest.raises(BundleTooLarge):
        candidate(tmp_path)
    (tmp_path / "metadata.json").write_bytes(b"[" * 100_000)
    with pytest.raises(BundleMetadataInvalid):
        candidate(tmp_path)


@pytest.mark.parametrize(
    "words",
    ["仅供研究，不得用于临床。", "Not intended for clinical use", "NOT FOR CLINICAL USE",
     "not to be used for diagnostic work"],
    ids=["zh", "intended", "capitals", "diagnostic"],
)  # fmt: skip
def test_either_language_may_say_that_it_is_not_for_the_clinic(tmp_path, words):
    assert candidate(write_foreign(tmp_path, intended_use=words)).metadata.intended_use == words


# -- bundles of ours -------------------------------------------------------------------------------


def own(folder, **changes):
    return write_tiny(folder, slot="dr_tb", **changes)


def test_a_bundle_of_ours_fits_its_slot(tmp_path):
    assert candidate(own(tmp_path)).metadata.name == "tiny"


def test_a_wrong_hash_is_refused(tmp_path):
    own(tmp_path)
    (tmp_path / "card.md").write_text("other words")
    with pytest.raises(BundleAltered):
        candidate(tmp_path)


def test_a_stranger_is_refused_though_it_would_never_be_read(tmp_path):
    own(tmp_path)
    (tmp_path / "setup.py").write_text("import os")
    with pytest.raises(BundleStranger):
        candidate(tmp_path)


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"intended_use": None}, NotForClinicalUseMissing),
        ({"research_only": False}, BundleMetadataInvalid),
        ({"licence": None}, BundleMetadataInvalid),
        ({"tolerance": {"fp32": 1.0}}, ToleranceLax),
        ({"slot": "elsewhere"}, SlotUnknown),
        ({"modalities": ["CT"]}, SlotMismatch),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else None,
)
def test_a_bundle_of_ours_keeps_the_same_rules(tmp_path, changes, refusal):
    with pytest.raises(refusal):
        candidate(write_tiny(tmp_path, **{"slot": "dr_tb", **changes}))


def test_a_golden_set_that_unpacks_beyond_the_limit_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("core.models.bundle._GOLDEN_LIMIT_BYTES", 1000)
    with pytest.raises(BundleTooLarge):
        candidate(own(tmp_path))


# -- networks --------------------------------------------------------------------------------------


def refused(folder, model):
    with pytest.raises(OnnxRefused) as found:
        candidate(write_foreign(folder, model))
    return str(found.value.facts["what"])


@pytest.mark.parametrize("domain", ["com.acme", "com.microsoft", "ai.onnx.preview.training"])
def test_operators_of_others_are_refused(tmp_path, domain):
    nodes = [helper.make_node("Anything", ["image"], ["p"], domain=domain)]
    assert domain in refused(tmp_path, network(nodes, domains=("", domain)))


def test_operators_of_others_are_found_in_branches_and_functions(tmp_path):
    inner = helper.make_graph(
        [helper.make_node("Anything", [], ["y"], domain="com.acme")], "then", [],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ("n", 1))],
    )  # fmt: skip
    nodes = [helper.make_node("If", ["yes"], ["p"], then_branch=inner, else_branch=inner)]
    model = network(nodes, {"yes": np.array(True)})
    assert "com.acme" in refused(tmp_path / "branch", model)
    body = [helper.make_node("Anything", ["a"], ["b"], domain="com.acme")]
    function = helper.make_function(
        "own", "Step", ["a"], ["b"], body, [helper.make_opsetid("com.acme", 1)]
    )
    model = network([helper.make_node("Step", ["image"], ["p"], domain="own")], domains=("", "own"))
    model.functions.append(function)
    assert "com.acme" in refused(tmp_path / "function", model)


def test_a_function_of_the_networks_own_is_fine(tmp_path):
    body = [helper.make_node("ReduceMean", ["a"], ["b"], keepdims=0)]
    function = helper.make_function(
        "own", "Step", ["a"], ["b"], body, [helper.make_opsetid("", 18)]
    )
    model = network([helper.make_node("Step", ["image"], ["p"], domain="own")], domains=("", "own"))
    model.functions.append(function)
    assert candidate(write_foreign(tmp_path, model)).metadata.name == "acme_cxr"


def test_chance_and_training_are_refused(tmp_path):
    nodes = [helper.make_node("RandomUniform", [], ["p"], shape=[1, 1])]
    assert "RandomUniform" in refused(tmp_path / "a", network(nodes))
    model = network()
    model.training_info.add()
    assert refused(tmp_path / "b", model)


def test_graphs_nested_without_end_are_refused(tmp_path):
    out = helper.make_tensor_value_info("y", TensorProto.FLOAT, ("n", 1))
    graph = helper.make_graph([helper.make_node("Identity", ["image"], ["y"])], "g", [], [out])
    for _ in range(12):
        node = helper.make_node("If", ["yes"], ["y"], then_branch=graph, else_branch=graph)
        graph = helper.make_graph([node], "g", [], [out])
        if graph.ByteSize() > 1_000_000:
            break
    model = network(list(graph.node), {"yes": np.array(True)})
    assert "nested" in refused(tmp_path, model)


@pytest.mark.parametrize(
    "data", [b"", b"not a network", b"\x08\x0a"], ids=["empty", "text", "no graph"]
)
def test_what_is_no_network_is_refused(tmp_path, data):
    refused(tmp_path, data)


def test_tensors_of_another_type_or_shape_are_refused(tmp_path):
    assert "axes" in refused(tmp_path / "axes", network(shape=("n", 1, 1, 1, 4, 4)))
    model = network()
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.DOUBLE
    assert "float32" in refused(tmp_path / "type", model)


def outside(location, offset="0", length=""):
    model = network()
    weight = model.graph.initializer[1]
    data = weight.raw_data
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", offset), ("length", length)):
        if value:
            weight.external_data.add(key=key, value=value)
    return model, data


def test_weights_in_a_file_of_the_package_are_taken_inside(tmp_path):
    model, data = outside("weights.bin")
    write_foreign(tmp_path, model)
    (tmp_path / "weights.bin").write_bytes(data)
    found = candidate(tmp_path)
    assert data in found.files["model.onnx"]
    assert b"weights.bin" not in found.files["model.onnx"]


@pytest.mark.parametrize(
    ("location", "offset", "length"),
    [("/etc/passwd", "0", ""), ("../weights.bin", "0", ""), ("", "0", ""),
     ("weights.bin", "2", "4"), ("weights.bin", "-1", "4"), ("weights.bin", "x", "")],
    ids=["root", "above", "unnamed", "beyond", "before", "no number"],
)  # fmt: skip
def test_weights_elsewhere_are_refused(tmp_path, location, offset, length):
    model, data = outside(location, offset, length)
    write_foreign(tmp_path / "in", model)
    (tmp_path / "in" / "weights.bin").write_bytes(data)
    (tmp_path / "weights.bin").write_bytes(data)
    with pytest.raises(OnnxRefused, match="weights"):
        candidate(tmp_path / "in")


def test_a_bundle_of_ours_has_all_weights_inside(tmp_path):
    model, data = outside("weights.bin")
    own(tmp_path)
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    (tmp_path / "weights.bin").write_bytes(data)
    from tests.tiny_bundle import seal

    seal(tmp_path, slot="dr_tb")
    with pytest.raises(OnnxRefused, match="outside"):
        candidate(tmp_path)


def test_bytes_by_chance_are_refused_by_number_and_nothing_else(tmp_path):
    generator = np.random.default_rng(3)
    sound = bytearray(network().SerializeToString())
    for turn in range(60):
        data = bytearray(sound)
        for place in generator.integers(0, len(data), 1 + turn % 6):
            data[place] = int(generator.integers(0, 256))
        folder = tmp_path / str(turn)
        with suppress(XinglinError):  # anything else would be a traceback for a person
            candidate(write_foreign(folder, bytes(data)))
        shutil.rmtree(folder)
