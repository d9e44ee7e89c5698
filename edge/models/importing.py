"""Import: read, check, try apart, place whole, then say so in the journal; in this order.

Whatever interrupts it, the box has the old state or the new one: a bundle appears by one rename,
and counts only once its record is there. An import that is repeated completes what is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from core.models.bundle import Bundle, bundle_of
from core.models.candidate import as_bundle, candidate_of, completed
from core.models.errors import PackageUnreadable, VersionTaken
from core.models.facts import FACTS_LIMIT_BYTES
from core.models.package import PackageLimits, read_package
from core.records.record import Draft
from edge.infer.isolated import Limits
from edge.models.golden import check_golden, made_golden
from edge.models.known import Known, check_actor, known_models, store_of
from edge.models.store import built_in_files
from edge.store.box import Box

Said = Callable[[str], None]


def import_model(
    box: Box,
    path: Path,
    user: str,
    meta: Path | None = None,
    said: Said = lambda _step: None,
    limits: tuple[PackageLimits, Limits] | None = None,
) -> Known:
    """Import a bundle, an ONNX network with its facts, or a MONAI bundle.

    Parameters
    ----------
    user : str
        The account that asks.
    meta : Path or None
        The facts, where they are not beside the network.
    said : callable
        Told each step as it is reached.

    Raises
    ------
    XinglinError
        One of `core.models.errors` or `core.dicom.input_errors`; nothing was changed then.
    """
    actor = check_actor(box, user)
    reading, running = limits or (PackageLimits(), Limits())
    store = store_of(box)
    with store.only_one():
        store.sweep()
        said("read")
        candidate = candidate_of(read_package(path, reading), _facts(meta))
        said("checked")
        golden = None if "golden.npz" in candidate.files else made_golden(candidate, running)
        bundle = as_bundle(candidate, golden)
        refuse_taken(box, bundle)
        check_golden(bundle, running)
        said("tried")
        known = settle(box, completed(candidate, golden), (user, actor), said)
        store.sweep()
    return known


def settle(
    box: Box, files: Mapping[str, bytes], who: tuple[str, str], said: Said = lambda _step: None
) -> Known:
    """Place a checked bundle and record it: the two steps that change the box, in this order.

    The caller holds the store's lock.

    Parameters
    ----------
    who : (str, str)
        The account, and the record's actor.
    """
    bundle = bundle_of(files)
    store_of(box).place(bundle.metadata.slot, bundle.digest, files, said)
    known = record_import(box, bundle, *who)
    said("recorded")
    return known


def keep_built_in(box: Box, bundle: Bundle, user: str, actor: str) -> None:
    """Take a bundle of this release into the store, so that it can be gone back to after the next.

    The caller holds the store's lock.
    """
    slot = bundle.metadata.slot
    store_of(box).place(slot, bundle.digest, built_in_files(slot))
    record_import(box, bundle, user, actor, source="built-in")


def record_import(box: Box, bundle: Bundle, user: str, actor: str, source: str = "") -> Known:
    """Append ``model.imported`` unless it is there; return the model."""
    stated = bundle.metadata
    slot = stated.slot
    body: dict[str, Any] = {
        "slot": slot, "name": stated.name, "version": stated.version, "digest": bundle.digest,
        "by": user, "source": source or stated.source or "xinglin",
        "golden": "made here" if stated.golden_made_here else "given",
        "calibration_set": stated.calibration_set, "licence": stated.licence.name,
        "threshold": f"{stated.threshold:g}",
    }  # fmt: skip
    rows = box.database.query(
        "SELECT 1 FROM model_bundle WHERE slot = ? AND digest = ?", (slot, bundle.digest)
    )
    if not rows:
        box.append([Draft("model.imported", body, subject=f"m_{slot}", actor=actor)])
    return Known(slot, bundle.digest, stated.name, stated.version, False, body)


def refuse_taken(box: Box, bundle: Bundle) -> None:
    """Refuse a name and version that stand for other content: results name them.

    Raises
    ------
    VersionTaken
    """
    stated = bundle.metadata
    for one in known_models(box):
        same = (one.name, one.version) == (stated.name, stated.version)
        if same and (one.slot, one.digest) != (stated.slot, bundle.digest):
            raise VersionTaken(model=stated.name, version=stated.version)


def _facts(meta: Path | None) -> tuple[bytes, bool] | None:
    if meta is None:
        return None
    try:
        with meta.open("rb") as stream:
            return stream.read(FACTS_LIMIT_BYTES + 1), meta.suffix.lower() == ".json"
    except OSError as cause:
        raise PackageUnreadable(what=meta.name[:60]) from cause
