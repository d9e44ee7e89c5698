"""Activate and roll back: one record each, after the model was verified on this machine.

Both take two steps: the first says what would change and returns the words that confirm it; only
with those words the second does it. The words follow from what serves now and what shall serve, so
that they confirm nothing once either has changed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from core.models.errors import (
    AlreadyActive,
    ConfirmationWrong,
    ModelNotHere,
    NothingToRollBack,
    SlotNotRead,
)
from core.models.slots import slot_of
from core.records.record import Draft
from edge.models.golden import check_golden
from edge.models.importing import keep_built_in
from edge.models.known import (
    Known,
    active,
    bundle_of_model,
    check_actor,
    find_model,
    history_of,
    known_models,
    store_of,
)
from edge.models.shadow_runs import end_run, running
from edge.store.box import Box

Said = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Change:
    """What would be done: a record kind, from which model to which."""

    kind: str
    now: Known | None
    then: Known

    @property
    def words(self) -> str:
        """What confirms exactly this change."""
        facts = f"{self.kind}|{self.now.digest if self.now else ''}|{self.then.digest}"
        check = hashlib.sha256(facts.encode()).hexdigest()[:6]
        return f"{self.then.name}-{self.then.version}-{check}"


def activation(box: Box, asked: str) -> Change:
    """Return the change that activating a model would be.

    Raises
    ------
    ModelNotHere, ModelAmbiguous, SlotNotRead, AlreadyActive
    """
    then = find_model(box, asked)
    if not slot_of(then.slot).read:
        raise SlotNotRead(slot=then.slot)
    now = active(box, then.slot)
    if now is not None and now.digest == then.digest:
        raise AlreadyActive(model=then.label)
    return Change("model.activated", now, then)


def going_back(box: Box, slot: str) -> Change:
    """Return the change that a rollback would be.

    Raises
    ------
    SlotUnknown, NothingToRollBack, ModelNotHere
    """
    slot_of(slot)
    history = history_of(box, slot)
    if len(history) < 2:
        raise NothingToRollBack(slot=slot)
    by_digest = {one.digest: one for one in known_models(box) if one.slot == slot}
    then = by_digest.get(history[-2])
    if then is None:
        raise ModelNotHere(model=f"{slot} {history[-2][:12]}")
    return Change("model.rolled_back", by_digest.get(history[-1]), then)


def carry_out(
    box: Box,
    planned: Callable[[], Change],
    who: tuple[str, str],
    words: str,
    said: Said = lambda _step: None,
) -> Change:
    """Verify the model and append the record; effective for the next study.

    Parameters
    ----------
    planned : callable
        Returns the change; asked again under the lock.
    who : (str, str)
        The account, and its reason ("" where none is given).

    Raises
    ------
    ModelActorRefused, ConfirmationWrong, ModelsBusy, GoldenFailed
    XinglinError
        The bundle on the disk is not sound.
    """
    user, reason = who
    actor = check_actor(box, user)
    with store_of(box).only_one():
        change = planned()
        if words != change.words:
            raise ConfirmationWrong(expected=change.words)
        then = change.then
        bundle = bundle_of_model(box, then.slot, then.digest)
        check_golden(bundle)
        said("verified")
        for one in (change.now, then):
            # The next release may bring another built-in: this one must stay to be gone back to.
            if one is not None and one.built_in:
                kept = bundle_of_model(box, one.slot, one.digest)
                keep_built_in(box, kept, user, actor)
        said("kept")
        stated = bundle.metadata
        now = change.now
        body = {
            "slot": then.slot, "name": then.name, "version": then.version, "digest": then.digest,
            "task": stated.task, "research_only": stated.research_only, "by": user,
            "reason": reason,
            "previous": {
                "digest": now.digest if now else "", "name": now.name if now else "",
                "version": now.version if now else "",
            },
        }  # fmt: skip
        box.append([Draft(change.kind, body, subject=f"m_{then.slot}", actor=actor)])
        # A run compares with one model: now another serves.
        tried = running(box, then.slot)
        if tried is not None:
            end_run(box, tried, "ended", user, actor)
        said("recorded")
    return change
