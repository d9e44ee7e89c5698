"""The acceptance run: make a phantom, send it, watch the box, judge each stage. Time is a port."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from core.phantom.accept import (
    ENDED,
    SETTLED,
    Step,
    judge_delivery,
    judge_display,
    judge_lesions,
    judge_name,
    judge_quality,
    judge_received,
    judge_score,
    judge_status,
)
from core.phantom.accept_wire import Modality, Page
from core.phantom.errors import PhantomError
from core.phantom.identity import patient_identity
from core.phantom.patients import Case
from core.phantom.studies import Order, Size, StudyKind, make_study

_LOOK_S = 0.5
#: Results leave within this time after the analysis, or nothing is going to be sent.
_GRACE_S = 15.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What is sent and what is asked of the box.

    Attributes
    ----------
    at : datetime
        Study time, now: it makes the UIDs new, so that a box cannot answer from memory.
    timeout_s : float
        For each study, from its last image to its settled delivery.
    min_share : float
        Share of the lesions of 10 mm and more that must be found.
    """

    kinds: tuple[StudyKind, ...]
    seed: int
    case: Case
    size: Size
    at: datetime
    timeout_s: float = 600.0
    min_share: float = 0.7
    delivery_required: bool = False


@dataclass(frozen=True, slots=True)
class Clock:
    """Seconds that only grow, and a way to let some pass."""

    now: Callable[[], float]
    sleep: Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Bench:
    """Everything an acceptance run needs; ``make`` writes a study and returns files and truth."""

    modality: Modality
    page: Page
    clock: Clock
    folder: Path
    say: Callable[[Step], None]
    make: Callable[[Order, Path], tuple[list[Path], dict[str, Any]]] = make_study


def accept(plan: Plan, bench: Bench) -> list[Step]:
    """Run the acceptance test and return the checklist; what cannot be reached is a failed line."""
    steps: list[Step] = []

    def note(step: Step) -> None:
        steps.append(step)
        bench.say(step)

    reached = [
        _try(bench, "echo", "DICOM 连接", "DICOM connection", bench.modality.echo),
        _try(bench, "login", "网页登录", "log in to the page", bench.page.log_in),
    ]
    for step in reached:
        note(step)
    if not all(step.ok for step in reached):
        return steps
    for kind in plan.kinds:
        try:
            for step in _study(plan, bench, kind):
                note(replace(step, study=kind))
        except PhantomError as error:
            facts = (error.sentence("zh"), error.sentence("en"))
            note(Step(kind, "reached", False, "中断", "broken off", *facts))
    return steps


def _try(bench: Bench, key: str, zh: str, en: str, action: Callable[[], None]) -> Step:
    start = bench.clock.now()
    try:
        action()
    except PhantomError as error:
        return Step("", key, False, zh, en, error.sentence("zh"), error.sentence("en"))
    return Step("", key, True, zh, en, seconds=bench.clock.now() - start)


def _study(plan: Plan, bench: Bench, kind: StudyKind) -> Any:
    """Send one study and yield its steps as they are known."""
    # A radiograph of everything at once is no patient; the demo's rule is kept.
    case: Case = "tb" if kind != "ct" and plan.case == "showcase" else plan.case
    order = Order(kind, plan.seed, case, plan.size, plan.at)
    paths, truth = bench.make(order, bench.folder)
    start = bench.clock.now()
    statuses = bench.modality.send(paths)
    sent = bench.clock.now()
    good = sum(1 for status in statuses if status == 0)
    rate = f"{len(paths) / max(sent - start, 1e-3):.0f}/s"
    yield Step(
        "", "sent", good == len(paths), "发送", "sent, each acknowledged",
        f"{good}/{len(paths)} 幅，{rate}", "", sent - start,
    )  # fmt: skip
    watch = _Watch(plan, bench, truth["study"], patient_identity(plan.seed).patient_id, sent)
    yield from watch.received(len(paths))
    yield from watch.judged(truth)


class _Watch:
    """Looks at one study on the page until it has come to rest."""

    def __init__(
        self, plan: Plan, bench: Bench, study_uid: str, patient_id: str, sent: float
    ) -> None:
        self._plan = plan
        self._bench = bench
        self._uid = study_uid
        self._patient_id = patient_id
        self._sent = sent
        self._quality_at: float | None = None

    def received(self, count: int) -> Any:
        """Yield what the list says of the arrival."""
        row = self._until(lambda row: row["completeness"] == "complete")
        yield judge_received(row, count, self._since())
        if row is not None:
            yield judge_name(row, patient_identity(self._plan.seed).name)

    def judged(self, truth: Mapping[str, Any]) -> Any:
        """Yield quality, findings, display, delivery."""
        row = self._until(lambda row: row["ai"] in ENDED)
        ended = self._since()
        if row is None or row["ai"] not in ENDED:
            yield judge_status(None, ended)
            return
        detail = self._bench.page.get(f"/api/studies/{row['study']}")
        analysis = detail["analysis"] or {}
        yield judge_quality(analysis, self._quality_at)
        yield judge_status(analysis, ended)
        if analysis.get("status") == "ok":
            if truth["kind"] == "dr":
                yield judge_score(analysis)
            else:
                yield judge_lesions(truth["lesions"], analysis, self._plan.min_share)
        manifest = self._bench.page.get(f"/api/studies/{row['study']}/manifest")
        yield judge_display(manifest, row["instance_count"])
        yield self._delivery(row, ended)

    def _delivery(self, row: Mapping[str, Any], ended: float) -> Step:
        settled = self._until(
            lambda row: (
                row["delivery"] in SETTLED
                or (row["delivery"] == "none" and self._since() > ended + _GRACE_S)
            )
        )
        now = settled or row
        detail = self._bench.page.get(f"/api/studies/{now['study']}")
        return judge_delivery(
            now, detail["deliveries"], self._plan.delivery_required, self._since()
        )

    def _until(self, enough: Callable[[Mapping[str, Any]], bool]) -> Mapping[str, Any] | None:
        """Return the study's row once it is as wanted, or as it is when time is over."""
        while True:
            row = self._row()
            if row is not None and enough(row):
                return row
            if self._since() > self._plan.timeout_s:
                return row
            self._bench.clock.sleep(_LOOK_S)

    def _row(self) -> Mapping[str, Any] | None:
        answer = self._bench.page.get("/api/worklist", q=self._patient_id, limit="200")
        row = next((one for one in answer["rows"] if one["study_uid"] == self._uid), None)
        if row is not None and self._quality_at is None and row["qc"] not in ("pending", "none"):
            self._quality_at = self._since()
        return row

    def _since(self) -> float:
        return self._bench.clock.now() - self._sent
