"""Which models this box knows, which one each slot uses, and who may change that."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from core.errors import XinglinError
from core.models.bundle import Bundle
from core.models.errors import (
    ActiveModelLost,
    ModelActorRefused,
    ModelAmbiguous,
    ModelNotHere,
)
from core.models.slots import SLOTS
from edge.models.store import BUILT_IN, ModelStore, built_in
from edge.store.box import Box

#: Who may change models: who keeps the box, and who answers for the algorithms.
_MAY = ("device_it", "ml_lead")
_HEX = re.compile(r"[0-9a-f]{8,64}")


@dataclass(frozen=True, slots=True)
class Known:
    """One model that a slot can use.

    Attributes
    ----------
    built_in : bool
        It comes with this release.
    detail : dict
        The body of its import; {} for a built-in that was never imported.
    """

    slot: str
    digest: str
    name: str
    version: str
    built_in: bool
    detail: dict[str, Any]

    @property
    def label(self) -> str:
        """Name, version and the digest's beginning."""
        return f"{self.name} {self.version} ({self.digest[:12]})"


def store_of(box: Box) -> ModelStore:
    """Return the box's model store."""
    return ModelStore(box.folder / "models")


def known_models(box: Box) -> list[Known]:
    """Return every built-in and imported model, by slot, name, version."""
    rows = box.database.query("SELECT slot, digest, name, version, detail FROM model_bundle")
    found = {(r[0], r[1]): Known(r[0], r[1], r[2], r[3], False, json.loads(r[4])) for r in rows}
    for slot in BUILT_IN:
        bundle = built_in(slot)
        assert bundle is not None
        key = (slot, bundle.digest)
        stated = bundle.metadata
        detail = found[key].detail if key in found else {}
        found[key] = Known(slot, bundle.digest, stated.name, stated.version, True, detail)
    return sorted(found.values(), key=lambda one: (one.slot, one.name, one.version, one.digest))


def find_model(box: Box, asked: str) -> Known:
    """Return the model of a name, ``name@version`` or the beginning of a digest (8 signs or more).

    Raises
    ------
    ModelNotHere, ModelAmbiguous
    """
    name, _, version = asked.partition("@")
    known = known_models(box)
    found = [one for one in known if one.name == name and version in ("", one.version)]
    if not found and _HEX.fullmatch(asked):
        found = [one for one in known if one.digest.startswith(asked)]
    if not found:
        raise ModelNotHere(model=asked[:64])
    if len(found) > 1:
        raise ModelAmbiguous(model=asked[:64])
    return found[0]


def chosen(box: Box, slot: str) -> str:
    """Return the digest that a person chose for a slot; "" where nobody has."""
    rows = box.database.query("SELECT chosen FROM model_slot WHERE slot = ?", (slot,))
    return str(rows[0][0]) if rows else ""


def history_of(box: Box, slot: str) -> list[str]:
    """Return the digests that were active one after the other; the last is the chosen one."""
    rows = box.database.query("SELECT history FROM model_slot WHERE slot = ?", (slot,))
    return [str(one) for one in json.loads(rows[0][0])] if rows else []


def active(box: Box, slot: str) -> Known | None:
    """Return the model that serves a slot: the chosen one, else the built-in; None without one."""
    digest = chosen(box, slot)
    for one in known_models(box):
        if one.slot == slot and (one.digest == digest if digest else one.built_in):
            return one
    return None


def bundle_of_model(box: Box, slot: str, digest: str) -> Bundle:
    """Load a model from the store, or from the release where it is the built-in.

    Raises
    ------
    XinglinError
        One of `core.models.errors`.
    """
    store = store_of(box)
    if not store.has(slot, digest):
        own = built_in(slot)
        if own is not None and own.digest == digest:
            return own
    return store.load(slot, digest)


def check_actor(box: Box, user: str) -> str:
    """Return the record's actor for an account that may change models.

    Raises
    ------
    ModelActorRefused
    """
    rows = box.database.query("SELECT role, active FROM person WHERE user = ?", (user,))
    if not rows or not rows[0][1] or rows[0][0] not in _MAY:
        raise ModelActorRefused(user=user[:40])
    return f"person:{user}"


class BoxModels:
    """What the analysis asks, study by study: the pointer in the journal's view, and the bundle."""

    def __init__(self, box: Box) -> None:
        self._box = box

    def chosen(self, slot: str) -> str:
        """Return the chosen digest; "" for the built-in."""
        return chosen(self._box, slot)

    def bundle(self, slot: str, digest: str) -> Bundle:
        """Load what serves.

        Raises
        ------
        ActiveModelLost
            It is missing or damaged: another one never takes its place by itself.
        """
        if not digest:
            own = built_in(slot)
            assert own is not None
            return own
        try:
            return bundle_of_model(self._box, slot, digest)
        except (XinglinError, OSError) as cause:
            raise ActiveModelLost(model=f"{slot} {digest[:12]}") from cause


def slot_names() -> list[str]:
    """Return every slot's name."""
    return [slot.name for slot in SLOTS]
