"""The facts about a network of somebody else, as its importer writes them (TOML or JSON). Pure.

They become the metadata of a bundle, which is what is kept, hashed and stored with every result::

    name = "acme_cxr"            # a-z, 0-9, _
    version = "1.0.0"
    slot = "dr_tb"
    task = "suspected tuberculosis on a frontal chest radiograph"
    threshold = 0.5
    calibration_set = "hospital X, 2024, 400 + 400"
    intended_use = "Research only, not for clinical use. 仅供研究，不得用于临床。"
    [licence]                    # name, text_zh, text_en
    [preprocessing]              # op and its parameters: how the input is made
    [postprocessing]             # op and its parameters: how the outputs are read
    [inputs.NAME] [outputs.NAME] # shape = [0, 1, 224, 224], 0 free; else as in the network
    [tolerance]                  # fp32, fp16; else the parity limits

Keys that MONAI's own metadata.json states may be left out where that file is there.
"""

from __future__ import annotations

import json
import re
import tomllib
from typing import Any, cast

from core.models.errors import LicenceMissing, ModelFactsInvalid, NotForClinicalUseMissing
from core.models.metadata import FORMAT, TensorSpec
from core.models.slots import slot_of

#: The parity limits (max |difference| on the golden set) that no bundle may widen.
PARITY_LIMITS = {"fp32": 1e-3, "fp16": 5e-3, "int8": 2e-2}
#: The same for an output that is no score (a heat map), where the bundle states it by name.
OUTPUT_LIMITS = {"fp32": 1e-3, "fp16": 5e-2, "int8": 2e-1}
FACTS_LIMIT_BYTES = 256 * 1024
_KEYS = frozenset(
    {"name", "version", "slot", "task", "modalities", "threshold", "calibration_set",
     "intended_use", "licence", "preprocessing", "postprocessing", "inputs", "outputs",
     "tolerance", "description", "authors", "copyright"}
)  # fmt: skip
_FROM_MONAI = ("version", "task", "intended_use", "description", "authors", "copyright")
_SAYS_SO = re.compile(
    r"not\s+(?:intended\s+)?(?:to\s+be\s+used\s+)?(?:for|in)\s+(?:any\s+)?(?:clinical|diagnos)",
    re.IGNORECASE,
)
_SAYS_SO_ZH = tuple(
    f"{no}{what}"
    for no in ("不得用于", "不可用于", "禁止用于")
    for what in ("临床", "诊断", "任何临床")
)


def parse_facts(data: bytes, *, is_json: bool) -> dict[str, Any]:
    """Return the facts' table.

    Raises
    ------
    ModelFactsInvalid
        Too large, not TOML or JSON, an unknown key.
    """
    if len(data) > FACTS_LIMIT_BYTES:
        raise ModelFactsInvalid(what=f"larger than {FACTS_LIMIT_BYTES} bytes")
    try:
        text = data.decode("utf-8")
        table = json.loads(text, parse_constant=_no_constant) if is_json else tomllib.loads(text)
    except (UnicodeDecodeError, ValueError, RecursionError) as cause:
        raise ModelFactsInvalid(what="not TOML or JSON") from cause
    facts = _table(table, "top level")
    unknown = sorted(facts.keys() - _KEYS)
    if unknown:
        raise ModelFactsInvalid(what=f"unknown key {unknown[0][:40]!r}")
    return facts


def monai_facts(data: bytes) -> dict[str, Any]:
    """Return what a MONAI bundle's configs/metadata.json says that counts here.

    Raises
    ------
    ModelFactsInvalid
    """
    if len(data) > FACTS_LIMIT_BYTES:
        raise ModelFactsInvalid(what=f"metadata.json larger than {FACTS_LIMIT_BYTES} bytes")
    try:
        table = json.loads(data.decode("utf-8"), parse_constant=_no_constant)
    except (UnicodeDecodeError, ValueError, RecursionError) as cause:
        raise ModelFactsInvalid(what="metadata.json is not JSON") from cause
    stated = _table(table, "metadata.json")
    return {key: stated[key] for key in _FROM_MONAI if isinstance(stated.get(key), str)}


def metadata_of(
    facts: dict[str, Any],
    source: str,
    tensors: tuple[dict[str, TensorSpec], dict[str, TensorSpec]],
) -> dict[str, Any]:
    """Return the content of metadata.json, without the hashes of files.

    Parameters
    ----------
    tensors : pair
        Inputs and outputs as the network itself states them.

    Raises
    ------
    ModelFactsInvalid, LicenceMissing, NotForClinicalUseMissing, SlotUnknown
    """
    slot = slot_of(str(facts.get("slot", "")))
    missing = sorted({"name", "version", "task", "threshold", "calibration_set"} - facts.keys())
    if missing:
        raise ModelFactsInvalid(what=f"missing {missing[0]}")
    licence = facts.get("licence")
    if not isinstance(licence, dict) or not _all_told(licence):
        raise LicenceMissing
    check_intended_use(str(facts.get("intended_use", "")))
    inputs, outputs = tensors
    return {
        "format": FORMAT,
        **{key: facts[key] for key in ("name", "version", "task", "threshold", "calibration_set")},
        **{key: facts[key] for key in ("description", "authors", "copyright") if key in facts},
        "slot": slot.name,
        "modalities": facts.get("modalities", list(slot.modalities)),
        "network_data_format": {
            "inputs": _stated(inputs, facts.get("inputs", {})),
            "outputs": _stated(outputs, facts.get("outputs", {})),
        },
        "preprocessing": _table(facts.get("preprocessing"), "preprocessing"),
        "postprocessing": _table(facts.get("postprocessing", {}), "postprocessing"),
        "licence": {key: licence[key] for key in ("name", "text_zh", "text_en")},
        "intended_use": facts["intended_use"],
        "research_only": True,
        "tolerance": {**PARITY_LIMITS, **_table(facts.get("tolerance", {}), "tolerance")},
        "source": source,
    }


def check_intended_use(text: str) -> None:
    """Refuse a model whose stated use does not exclude the clinic.

    Raises
    ------
    NotForClinicalUseMissing
    """
    if not _SAYS_SO.search(text) and not any(words in text for words in _SAYS_SO_ZH):
        raise NotForClinicalUseMissing


def _all_told(licence: dict[str, Any]) -> bool:
    told = (licence.get(key) for key in ("name", "text_zh", "text_en"))
    return all(isinstance(value, str) and value.strip() for value in told)


def _stated(network: dict[str, TensorSpec], told: object) -> dict[str, Any]:
    """Return the tensors as the network has them, with free axes fixed where the facts say so."""
    shapes = _table(told, "inputs or outputs")
    strange = sorted(shapes.keys() - network.keys())
    if strange:
        raise ModelFactsInvalid(what=f"the network has no tensor {strange[0][:40]!r}")
    made: dict[str, Any] = {}
    for name, spec in network.items():
        shape = _table(shapes.get(name, {}), name).get("shape", list(spec.shape))
        if not isinstance(shape, list):
            raise ModelFactsInvalid(what=f"shape of {name[:40]}")
        made[name] = {"dtype": "float32", "shape": [axis or None for axis in shape]}
    return made


def _table(value: object, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ModelFactsInvalid(what=what[:60])
    return cast("dict[str, Any]", value)


def _no_constant(token: str) -> float:
    raise ValueError(token)
