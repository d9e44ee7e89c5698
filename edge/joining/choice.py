"""Which analysed studies of a patient are brought together. Pure.

Three tasks, each carried by a CT: ``follow_up`` with the nearest earlier CT, ``joint`` with the
radiograph nearest in time, ``fusion`` with a PET of another study. Who somebody is comes from
Patient ID and its issuer alone, never from a name; sex and birth date may contradict it, and then
nothing is computed. A Patient ID that stands for nobody ("0000", "UNKNOWN") joins nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

Task = Literal["follow_up", "joint", "fusion"]
#: Grows when the same two results would be brought together in another way.
EDITION = "1"
FILMS = frozenset({"DX", "CR", "DR"})
_NOBODY = frozenset(
    {
        "anon", "anonymous", "anonymized", "anonymised", "unknown", "unkown", "none", "null", "nil",
        "na", "n/a", "noid", "no id", "test", "temp", "patient", "id", "pid", "patientid",
        "未知", "无", "無", "无名", "无名氏", "不详", "测试", "匿名", "急诊", "临时", "体检",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Exam:
    """One study as the choice sees it.

    Attributes
    ----------
    study, subject : str
        Opaque ids.
    patient_id, issuer, sex, birth_date : str
        As the list has them, corrections included.
    on : date or None
        Study date.
    at : str
        Study date and time as digits, YYYYMMDDHHMMSS; shorter where the time is not stated.
    modality : str
        What was analysed: "CT", "DX" …, "PT".
    modalities : frozenset of str
        All that the study holds.
    status : str
        Of the newest result.
    result : str
        Names the newest result; "" where there is none whose draft is written.
    frames : frozenset of str
        Frame of Reference UIDs of its CT or PET series.
    """

    study: str
    subject: str
    patient_id: str
    issuer: str = ""
    sex: str = ""
    birth_date: str = ""
    on: date | None = None
    at: str = ""
    modality: str = ""
    modalities: frozenset[str] = frozenset()
    status: str = "ok"
    result: str = ""
    frames: frozenset[str] = frozenset()

    @property
    def usable(self) -> bool:
        """Whether its analysis ended well."""
        return self.status == "ok"


@dataclass(frozen=True, slots=True)
class Rules:
    """What a site sets: whether studies are joined, and how far radiograph and CT may lie apart."""

    automatic: bool = True
    film_ct_days: int = 90


@dataclass(frozen=True, slots=True)
class Pair:
    """Two studies to bring together.

    Attributes
    ----------
    study : str
        The CT that carries the comparison.
    other : str
        Prior CT, radiograph or PET.
    refusal : str
        Code of what contradicts that they are one person's; "" where nothing does.
    days : int or None
        From the other study to this one.
    left_out : int
        Nearer studies under the same Patient ID that contradict this one's sex or birth date.
    shared_frame : bool
        Both have a Frame of Reference in common.
    id : str
        The same two results brought together in the same way give the same id.
    """

    task: Task
    study: str
    other: str
    refusal: str
    days: int | None
    left_out: int
    shared_frame: bool
    id: str


def is_nobody(patient_id: str) -> bool:
    """Say whether a Patient ID stands for nobody in particular, so that many people may have it."""
    bare = "".join(patient_id.split()).casefold().strip("-_.*#")
    return not bare or bare in _NOBODY or len(set(bare)) == 1


def contradiction(one: Exam, other: Exam) -> str:
    """Return the code of what says that two studies are not one person's; "" for nothing."""
    if {one.sex, other.sex} == {"M", "F"}:
        return "JOIN_SEX_DIFFERS"
    dates = {one.birth_date, other.birth_date}
    if len(dates) == 2 and all(len(text) == 8 and text.isdigit() for text in dates):
        return "JOIN_BIRTH_DATE_DIFFERS"
    return ""


def pairs_of(exams: Iterable[Exam], rules: Rules) -> tuple[Pair, ...]:
    """Return every pair that is to be brought together.

    Parameters
    ----------
    exams : iterable of Exam
        Of any number of people.
    rules : Rules
    """
    if not rules.automatic:
        return ()
    known = sorted(
        (e for e in exams if e.result and not is_nobody(e.patient_id)), key=lambda e: e.study
    )
    people: dict[tuple[str, str, str], list[Exam]] = {}
    for exam in known:
        people.setdefault((exam.subject, exam.issuer, exam.patient_id), []).append(exam)
    return tuple(
        pair
        for own in people.values()
        for ct in own
        if ct.modality == "CT" and ct.status != "not_applicable"
        for pair in _of_ct(ct, own, rules)
    )


def _of_ct(ct: Exam, own: Sequence[Exam], rules: Rules) -> list[Pair]:
    found = [_follow_up(ct, own)]
    if ct.usable:
        found.append(_joint(ct, own, rules.film_ct_days))
        found += _fusions(ct, own)
    return [pair for pair in found if pair is not None]


def _follow_up(ct: Exam, own: Sequence[Exam]) -> Pair | None:
    """Pair a CT with the nearest earlier CT; with a failed one only where there is no other."""
    if ct.on is None:
        return None
    earlier = [
        e for e in own if e.modality == "CT" and e.status != "not_applicable" and _before(e, ct)
    ]
    usable = [e for e in earlier if e.usable] or earlier
    return _picked("follow_up", ct, sorted(usable, key=lambda e: (e.at, e.study), reverse=True))


def _joint(ct: Exam, own: Sequence[Exam], most_days: int) -> Pair | None:
    """Pair a CT with the radiograph nearest in time, within the site's limit."""
    near = []
    for film in own:
        apart = _apart(film, ct)
        if film.modality in FILMS and film.usable and apart is not None and apart <= most_days:
            near.append((apart, film.at, film.study, film))
    # Of two that are equally near the later one: it shows what is now.
    ordered = sorted(near, key=lambda x: x[1:3], reverse=True)
    return _picked("joint", ct, [x[3] for x in sorted(ordered, key=lambda x: x[0])])


def _fusions(ct: Exam, own: Sequence[Exam]) -> list[Pair | None]:
    """Pair the CT with each PET-only study that has no better CT."""
    return [
        _picked("fusion", ct, [pet])
        for pet in own
        if "PT" in pet.modalities and "CT" not in pet.modalities and _best_ct(pet, own) == ct.study
    ]


def _best_ct(pet: Exam, own: Sequence[Exam]) -> str:
    """Return the CT that a PET goes with: of its frame of reference, else of its day; "" = none."""
    found = [
        (not _shared(e, pet), bool(contradiction(e, pet)), abs(_clock(e.at) - _clock(pet.at)), e)
        for e in own
        if e.modality == "CT" and e.usable and (_shared(e, pet) or _apart(e, pet) == 0)
    ]
    return min(found, key=lambda x: (*x[:3], x[3].study))[3].study if found else ""


def _picked(task: Task, ct: Exam, nearest_first: Sequence[Exam]) -> Pair | None:
    """Return the pair with the first that nothing contradicts; else with the first, refused."""
    if not nearest_first:
        return None
    doubts = [contradiction(ct, one) for one in nearest_first]
    at = doubts.index("") if "" in doubts else 0
    other, refusal = nearest_first[at], doubts[at]
    days = None if ct.on is None or other.on is None else (ct.on - other.on).days
    left_out = at if not refusal else len(doubts) - 1
    shared = _shared(ct, other)
    facts = [
        EDITION, task, ct.study, other.study, ct.result, other.result, ct.subject, refusal, days,
        left_out, shared,
    ]  # fmt: skip
    name = hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]
    return Pair(task, ct.study, other.study, refusal, days, left_out, shared, name)


def _shared(one: Exam, other: Exam) -> bool:
    return bool(one.frames & other.frames)


def _before(one: Exam, other: Exam) -> bool:
    """Say whether one study is known to be earlier; two of one day need a time each."""
    if one.on is None or other.on is None or one.on != other.on:
        return one.on is not None and other.on is not None and one.on < other.on
    return len(one.at) == len(other.at) == 14 and one.at < other.at


def _apart(one: Exam, other: Exam) -> int | None:
    return None if one.on is None or other.on is None else abs((one.on - other.on).days)


def _clock(at: str) -> int:
    """Return seconds of the day of a time as digits (YYYYMMDDHHMMSS); 0 where none is stated."""
    text = at[8:14].ljust(6, "0")
    return int(text[:2]) * 3600 + int(text[2:4]) * 60 + int(text[4:]) if text.isdigit() else 0
