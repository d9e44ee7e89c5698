"""Who can be asked: the directory's people by hospital and department, with their keys' state."""

from __future__ import annotations

import json
from typing import Any

from core.consult.events import LEVELS
from core.consult.roster import Candidate, suggest
from core.seals.directory import Directory
from core.seals.directory_state import PersonKey
from core.seals.errors import RecipientUnknown
from edge.consult.keys import key_state
from edge.store.box import Box

_ASKED = frozenset({"expert"})
_MOST = 24
_TITLES = {"主任": "chief", "副主任": "associate_chief", "主治": "attending"}


def roster(box: Box, directory: Directory) -> list[dict[str, Any]]:
    """Return departments with who is on duty there, for the request dialog."""
    places: dict[tuple[str, str], list[dict[str, Any]]] = {}
    duty = _duty(box)
    for key in _people(directory):
        place = (key.hospital, key.department)
        places.setdefault(place, []).append(
            {
                "person": key.person, "name": key.name, "title": key.title,
                "level": level_of(key.title), "key": key.key,
                "key_state": key_state(box, directory, key),
                "attested": directory.contents.vouched(key),
                "on_duty": key.person in duty.get(place, ()),
            }
        )  # fmt: skip
    hospitals = directory.contents.hospitals
    return [
        {
            "hospital": hospital,
            "hospital_name": hospitals[hospital].name if hospital in hospitals else "",
            "department": department,
            "people": sorted(people, key=lambda one: (not one["on_duty"], one["name"])),
        }
        for (hospital, department), people in sorted(places.items())
    ]


def suggested(box: Box, directory: Directory) -> list[dict[str, str]]:
    """Return the seats of an MDT, filled in from the directory."""
    duty = {person for people in _duty(box).values() for person in people}
    found = suggest(
        Candidate(key.person, key.department, key.hospital, level_of(key.title), key.person in duty)
        for key in _people(directory)
    )
    names = directory.contents.people
    return [
        {
            "person": one.person, "discipline": one.discipline, "part": one.part,
            "name": names[one.person].name if one.person else "",
            "reason_zh": one.reason_zh, "reason_en": one.reason_en,
        }
        for one in found
    ]  # fmt: skip


def on_duty(box: Box, directory: Directory, hospital: str, department: str) -> list[str]:
    """Return whom a request to a department is sealed to: its duty roster.

    Where the hub has told no roster, every expert of the department.
    """
    duty = _duty(box)
    of_it = [k for k in _people(directory) if (k.hospital, k.department) == (hospital, department)]
    told = [k.person for k in of_it if k.person in duty.get((hospital, department), ())]
    return (told or [k.person for k in of_it])[:_MOST]


def name_of(directory: Directory | None, person: str) -> str:
    """Return a person's name as the directory has it; "" where it does not."""
    found = directory.contents.people.get(person) if directory else None
    return found.name if found else ""


def level_of(title: str) -> str:
    """Return the level of a title, the hub's word or a Chinese one; "" where it says none."""
    if title in LEVELS:
        return title
    for word in ("副主任", "主任", "主治"):
        if word in title:
            return _TITLES[word]
    return ""


def keep_duty(box: Box, notice: dict[str, Any]) -> None:
    """Keep a duty roster as the hub told it: who would be asked, not who may read."""
    people = [one for one in notice.get("people") or [] if isinstance(one, str)]
    task = f"duty:{notice.get('hospital', '')}:{notice.get('department', '')}"[:200]
    with box.database.transaction() as sql:
        sql.execute(
            "INSERT INTO house VALUES (?, ?) ON CONFLICT (task) DO UPDATE SET"
            " value = excluded.value",
            (task, json.dumps(people)),
        )


def _duty(box: Box) -> dict[tuple[str, str], list[str]]:
    found = {}
    for task, value in box.database.query("SELECT task, value FROM house WHERE task LIKE 'duty:%'"):
        _, hospital, department = task.split(":", 2)
        found[hospital, department] = json.loads(value)
    return found


def _people(directory: Directory) -> list[PersonKey]:
    found = []
    for person, key in directory.contents.people.items():
        if key.role not in _ASKED:
            continue
        try:
            found.append(directory.recipient(person))
        except RecipientUnknown:
            continue
    return found
