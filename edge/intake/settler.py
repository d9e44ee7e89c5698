"""What is in the ledger and not yet in the journal: kept, looked up, settled in batches."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog
from sqlcipher3 import dbapi2 as sqlcipher

from core.errors import XinglinError
from edge.intake.arrival import Arrival
from edge.intake.entries import pack
from edge.intake.ledger import Ledger
from edge.intake.settle import settle_each
from edge.store.box import Box

_log = structlog.get_logger("edge.intake")
FAULTS = (OSError, sqlcipher.Error, XinglinError)


@dataclass(frozen=True, slots=True)
class Pace:
    """When the journal follows the ledger.

    Attributes
    ----------
    batch : int
        Waiting arrivals at which it follows at once.
    window_s : float
        Longest wait of the first of a batch.
    most : int
        Records' instances in one transaction.
    stale_s, crowd : float, int
        The oldest waits this long, or so many wait: nothing new is taken.
    retry_s, retry_most_s : float
        Pause after a failure; it doubles up to the longest.
    """

    batch: int = 64
    window_s: float = 0.08
    most: int = 256
    stale_s: float = 5.0
    crowd: int = 2000
    retry_s: float = 0.1
    retry_most_s: float = 5.0


class Settler:
    """Holds what waits for its record; a thread appends it.

    Parameters
    ----------
    clock : callable
        Monotonic seconds.
    """

    def __init__(
        self, box: Box, ledger: Ledger, clock: Callable[[], float], pace: Pace | None = None
    ) -> None:
        self._box = box
        self._ledger = ledger
        self._clock = clock
        self._pace = pace or Pace()
        self._lock = threading.Lock()
        self._news = threading.Condition(self._lock)
        self._settling = threading.Lock()
        self._waiting: deque[tuple[int, float, Arrival]] = deque()
        self._by_uid: dict[str, Arrival] = {}
        self._patients: dict[str, str] = {}
        self._of_study: Counter[str] = Counter()
        self._endings: dict[str, int] = {}
        self._thread: threading.Thread | None = None
        self._stopping = False
        self._failures = 0

    @property
    def usable(self) -> bool:
        """Whether the ledger takes entries; after a failed write it never does again."""
        return not self._ledger.broken

    @property
    def overdue(self) -> bool:
        """Whether so much or so old waits that nothing new should be taken."""
        with self._lock:
            if not self._waiting:
                return False
            age = self._clock() - self._waiting[0][1]
            return age > self._pace.stale_s or len(self._waiting) >= self._pace.crowd

    def find(self, sop_instance: str) -> Arrival | None:
        """Return what waits under a SOP Instance UID."""
        with self._lock:
            return self._by_uid.get(sop_instance)

    def patient_of(self, study: str) -> str | None:
        """Return the patient id of what waits for a study."""
        with self._lock:
            return self._patients.get(study)

    def write(self, arrivals: Sequence[Arrival]) -> bool:
        """Make arrivals durable; False where the ledger has no room. One caller at a time.

        Raises
        ------
        OSError
            They are not durable.
        KeyDestroyed
            The key of one was destroyed since it arrived; none is written.
        """
        with self._lock:
            needed = self._waiting[0][0] if self._waiting else self._ledger.next_index
        plain = pack(arrivals, self._box.vault, self._box.outside.randomness)
        index = self._ledger.write(plain, needed)
        if index is None:
            return False
        now = self._clock()
        with self._lock:
            before = len(self._waiting)
            for one in arrivals:
                self._waiting.append((index, now, one))
                self._by_uid[one.sop_instance] = one
                self._patients.setdefault(one.study, one.patient_id)
                self._of_study[one.study] += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="settler", daemon=True)
                self._thread.start()
            elif not before or before < self._pace.batch <= len(self._waiting):
                self._news.notify()
        return True

    def ended(self, association: str, released: int) -> None:
        """Note how an association ended and settle what it brought.

        A failure is left to the thread, which tries again.
        """
        with self._lock:
            if not any(one.association == association for _, _, one in self._waiting):
                return
            self._endings[association] = released
        try:
            self.flush()
        except FAULTS as error:
            self._failed(error)

    def flush(self) -> None:
        """Settle all that waits now.

        Raises
        ------
        OSError, sqlcipher3.dbapi2.Error, XinglinError
        """
        with self._settling:
            with self._lock:
                left = len(self._waiting)
            while left > 0:
                left -= self._settle()

    def close(self) -> None:
        """Stop the thread, settle what waits, and remove the ledger if nothing is left in it."""
        with self._lock:
            self._stopping = True
            self._news.notify()
        if self._thread is not None:
            self._thread.join()
        try:
            self.flush()
        except FAULTS as error:
            self._failed(error)
        self._ledger.close(remove=not self._waiting)

    def _settle(self) -> int:
        """Settle up to one transaction's worth; the caller holds the settling lock."""
        with self._lock:
            count = min(len(self._waiting), self._pace.most)
            batch = [self._waiting[n][2] for n in range(count)]
            endings = dict(self._endings)
        if not batch:
            return 1
        settled = settle_each(self._box, batch, endings)
        with self._lock:
            for _ in range(count):
                self._forget(self._waiting.popleft()[2])
            still = {one.association for _, _, one in self._waiting}
            self._endings = {a: r for a, r in self._endings.items() if a in still}
            self._failures = 0
        if settled.held:
            _log.warning("held while settling", count=len(settled.held))
        if settled.erased:
            _log.warning("key destroyed while settling", count=len(settled.erased))
        return count

    def _forget(self, one: Arrival) -> None:
        if self._by_uid.get(one.sop_instance) is one:
            del self._by_uid[one.sop_instance]
        self._of_study[one.study] -= 1
        if not self._of_study[one.study]:
            del self._of_study[one.study]
            del self._patients[one.study]

    def _failed(self, error: BaseException) -> None:
        with self._lock:
            self._failures += 1
            waiting = len(self._waiting)
        _log.error("settling failed", error=type(error).__name__, waiting=waiting)

    def _run(self) -> None:
        while self._wait():
            try:
                self.flush()
            except FAULTS as error:
                self._failed(error)
            except Exception as error:  # noqa: BLE001 edge of the thread: recorded, tried again
                self._failed(error)

    def _wait(self) -> bool:
        """Wait until a batch is due; False when the settler stops."""
        pace = self._pace
        with self._lock:
            while not self._stopping:
                if self._failures:
                    pause = min(pace.retry_s * 2 ** (self._failures - 1), pace.retry_most_s)
                    self._news.wait_for(lambda: self._stopping, pause)
                    return not self._stopping
                if not self._waiting:
                    self._news.wait()
                    continue
                left = self._waiting[0][1] + pace.window_s - self._clock()
                if left <= 0 or len(self._waiting) >= pace.batch:
                    return True
                self._news.wait(left)
        return False
