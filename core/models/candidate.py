"""What may become a bundle: recognised, checked as far as that goes without running it. Pure.

Three things are taken: a bundle of ours (kept byte for byte, so that its digest stays), an ONNX
network with its facts, and a MONAI bundle with an ONNX network and the facts that MONAI's format
does not have. The two latter are made into a bundle of ours.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from core.models.bundle import METADATA_LIMIT_BYTES, Bundle, Golden, bundle_of, read_golden
from core.models.errors import (
    BundleGoldenInvalid,
    BundleMetadataInvalid,
    BundleStranger,
    BundleTooLarge,
    ModelFactsMissing,
    OnnxRefused,
    PackageUnreadable,
    ToleranceLax,
    TorchScriptRefused,
)
from core.models.facts import (
    FACTS_LIMIT_BYTES,
    OUTPUT_LIMITS,
    PARITY_LIMITS,
    check_intended_use,
    metadata_of,
    monai_facts,
    parse_facts,
)
from core.models.metadata import FORMAT, Metadata, parse_metadata
from core.models.network import (
    check_network,
    check_tensors,
    parsed,
    tensors_of,
    with_weights_inside,
)
from core.models.package import Package
from core.models.slots import check_slot

_RUNS_CODE = frozenset({".ts", ".pt", ".pth", ".pkl", ".ckpt"})


@dataclass(frozen=True, slots=True)
class Candidate:
    """A checked package: everything of a bundle, perhaps without its golden set.

    Attributes
    ----------
    content : dict
        metadata.json without ``files``; for a bundle of ours it is not used again.
    files : mapping
        What goes into the folder beside metadata.json.
    sealed : bytes or None
        metadata.json of a bundle of ours, as it came.
    """

    metadata: Metadata
    content: dict[str, Any]
    files: Mapping[str, bytes]
    sealed: bytes | None = None

    @property
    def golden(self) -> Golden | None:
        """Return the golden set that came with it."""
        data = self.files.get("golden.npz")
        if data is None:
            return None
        return read_golden(data, self.metadata.inputs, self.metadata.outputs)


def candidate_of(package: Package, facts: tuple[bytes, bool] | None = None) -> Candidate:
    """Recognise and check a package.

    Parameters
    ----------
    facts : (bytes, bool) or None
        The facts given apart from the package, and whether they are JSON.

    Raises
    ------
    XinglinError
        One of `core.models.errors`, saying what is wrong.
    """
    head = package.files.get("metadata.json")
    if head is not None and _is_ours(head):
        candidate = _own(package, head)
    else:
        candidate = _foreign(package, facts)
    check_slot(candidate.metadata)
    score = str(candidate.metadata.postprocessing.get("score", ""))
    check_tolerance(candidate.metadata.tolerance, score)
    check_intended_use(candidate.metadata.intended_use)
    if not candidate.metadata.research_only:
        raise BundleMetadataInvalid(what="research_only: this release takes research models only")
    return candidate


def completed(candidate: Candidate, golden: bytes | None) -> dict[str, bytes]:
    """Return every file of the bundle, sealed; `golden` is the set that was made at import.

    Raises
    ------
    BundleGoldenInvalid
        There is none at all.
    """
    if candidate.sealed is not None:
        return {**candidate.files, "metadata.json": candidate.sealed}
    files = dict(candidate.files)
    if golden is not None:
        files["golden.npz"] = golden
    if "golden.npz" not in files:
        raise BundleGoldenInvalid(what="missing")
    content = {
        **candidate.content,
        "golden_made_here": golden is not None,
        "files": {name: hashlib.sha256(data).hexdigest() for name, data in sorted(files.items())},
    }
    text = json.dumps(content, ensure_ascii=False, indent=2, sort_keys=True) + "\n"
    return {**files, "metadata.json": text.encode()}


def as_bundle(candidate: Candidate, golden: bytes | None) -> Bundle:
    """Return the bundle that :func:`completed` would write."""
    return bundle_of(completed(candidate, golden))


def check_tolerance(stated: Mapping[str, float], score: str = "") -> None:
    """Refuse a bundle that would allow itself more than the parity limits.

    Parameters
    ----------
    stated : mapping
        Tolerances by precision, and by ``precision.output``.
    score : str
        The output that results stand on: a tolerance of its own is held to the precision's limit.

    Raises
    ------
    ToleranceLax
    """
    for name, value in stated.items():
        precision, _, output = name.partition(".")
        limits = OUTPUT_LIMITS if output and output != score else PARITY_LIMITS
        limit = limits.get(precision, 0.0)
        if value > limit:
            raise ToleranceLax(stated=f"{value:g}", limit=f"{limit:g}", precision=name[:64])


def _is_ours(head: bytes) -> bool:
    if len(head) > METADATA_LIMIT_BYTES:
        raise BundleTooLarge(file="metadata.json", bytes=len(head), limit=METADATA_LIMIT_BYTES)
    try:
        told = json.loads(head)
    except (ValueError, RecursionError) as cause:
        raise BundleMetadataInvalid(what="not JSON") from cause
    return isinstance(told, dict) and told.get("format") == FORMAT


def _own(package: Package, head: bytes) -> Candidate:
    if package.unread:
        raise BundleStranger(file=package.unread[0][:64])
    bundle = bundle_of(package.files)
    for data in filter(None, (bundle.model, bundle.model_fp16)):
        model = parsed(data)
        check_network(model)
        with_weights_inside(model, {})
        check_tensors(model, bundle.metadata.inputs, bundle.metadata.outputs)
    files = {name: data for name, data in package.files.items() if name != "metadata.json"}
    return Candidate(bundle.metadata, {}, files, head)


def _foreign(package: Package, given: tuple[bytes, bool] | None) -> Candidate:
    config = package.files.get("configs/metadata.json")
    name, network = _network(package, under="models/" if config is not None else "")
    facts = _facts(package, name, given)
    source = "onnx"
    if config is not None:
        facts, source = {**monai_facts(config), **facts}, "monai"
    model = parsed(network)
    check_network(model)
    folder = str(PurePosixPath(name).parent)
    beside = {
        PurePosixPath(other).name: data
        for other, data in package.files.items()
        if str(PurePosixPath(other).parent) == folder and other != name
    }
    whole = with_weights_inside(model, beside)
    content = metadata_of(facts, source, tensors_of(model))
    metadata = _read_back(content)
    check_tensors(model, metadata.inputs, metadata.outputs)
    files = {"model.onnx": whole, "card.md": _card(package, content)}
    golden = package.files.get(f"{package.stem or 'golden'}.npz")
    if golden is not None:
        files["golden.npz"] = golden
    return Candidate(metadata, content, files)


def _network(package: Package, under: str) -> tuple[str, bytes]:
    found = [name for name in package.files if name.endswith(".onnx") and name.startswith(under)]
    if len(found) > 1:
        named = [name for name in found if PurePosixPath(name).name == "model.onnx"]
        found = named if len(named) == 1 else found
    if len(found) > 1:
        raise OnnxRefused(what="several networks; name one model.onnx")
    if not found:
        if any(PurePosixPath(name).suffix.lower() in _RUNS_CODE for name in package.unread):
            raise TorchScriptRefused
        raise PackageUnreadable(what="no ONNX network in it")
    return found[0], package.files[found[0]]


def _facts(package: Package, network: str, given: tuple[bytes, bool] | None) -> dict[str, Any]:
    if given is not None:
        return parse_facts(given[0], is_json=given[1])
    stem = str(PurePosixPath(network).with_suffix(""))
    for name in _names(stem, "xinglin", "configs/xinglin", "model"):
        data = package.files.get(name)
        if data is not None:
            return parse_facts(data, is_json=name.endswith(".json"))
    raise ModelFactsMissing


def _names(*stems: str) -> Iterable[str]:
    return (f"{stem}{ending}" for stem in stems for ending in (".toml", ".json"))


def _read_back(content: dict[str, Any]) -> Metadata:
    """Hold the made metadata to the same rules as any other bundle's."""
    text = json.dumps({**content, "files": {}}, ensure_ascii=False)
    return parse_metadata(text.encode())


def _card(package: Package, content: dict[str, Any]) -> bytes:
    """Return the model card: the package's own words, else what is known, and no more."""
    for name in (f"{package.stem}.md", "card.md", "README.md", "docs/README.md"):
        own = package.files.get(name)
        if own is not None and len(own) <= FACTS_LIMIT_BYTES:
            return own
    licence = content["licence"]
    lines = [
        f"# {content['name']} {content['version']}",
        "",
        str(content["task"]),
        "",
        f"- {content['intended_use']}",
        f"- 许可 · licence: {licence['name']}. {licence['text_zh']} {licence['text_en']}",
        f"- 校准集 · calibration set: {content['calibration_set']} (≥ {content['threshold']})",
        "- 第三方模型；本机没有它的测试结果。 Third-party model; no measured table came with it.",
    ]
    return ("\n".join(lines) + "\n").encode()
