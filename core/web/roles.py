"""Roles inside one hospital and what each may do: one table, pure."""

from __future__ import annotations

from typing import Literal, get_args

Role = Literal[
    "radiographer", "physician", "radiologist", "surgeon", "data_officer", "ml_lead",
    "device_it", "auditor", "township",
]  # fmt: skip
Permission = Literal[
    "worklist.read", "study.read", "study.open", "study.override", "upload", "quarantine.read",
    "quarantine.release", "queue.read", "queue.resend", "users.manage", "system.read",
    "audit.read", "subject.manage", "region.read", "region.manage",
    "consult.read", "consult.request", "township.send", "report.write", "report.sign",
    "report.phrases", "room.use", "repeat.ask", "quality.read", "quality.staff",
]  # fmt: skip

ROLES: tuple[Role, ...] = get_args(Role)
PERMISSIONS: tuple[Permission, ...] = get_args(Permission)

_READERS: frozenset[Permission] = frozenset({"worklist.read", "study.read", "study.open"})
#: Device IT keeps the box running and sees no patient's images; a surgeon sees the cases of the own
#: operating list only, and lists do not exist yet, so a surgeon sees the in-house meetings they sit
#: in, opens those studies while the meeting is open (``study.open`` without ``study.read``), and
#: nothing else.
MAY: dict[Role, frozenset[Permission]] = {
    "radiographer": _READERS
    | {"upload", "quarantine.read", "queue.read", "room.use", "quality.read"},
    "physician": _READERS
    | {"study.override", "upload", "quarantine.read", "queue.read", "region.read",
       "consult.read", "consult.request", "report.write", "room.use", "repeat.ask",
       "quality.read"},
    "radiologist": _READERS
    | {"study.override", "upload", "quarantine.read", "quarantine.release", "queue.read",
       "region.read", "consult.read", "consult.request", "report.write", "report.sign",
       "report.phrases", "room.use", "repeat.ask", "quality.read", "quality.staff"},
    "surgeon": frozenset({"consult.read", "study.open"}),
    "data_officer": _READERS
    | {"quarantine.read", "quarantine.release", "queue.read", "audit.read", "subject.manage",
       "system.read", "region.read", "quality.read", "quality.staff"},
    "ml_lead": frozenset({"system.read", "queue.read"}),
    "device_it": frozenset({"queue.read", "queue.resend", "users.manage", "system.read",
                            "region.read", "region.manage"}),
    "auditor": frozenset({"audit.read", "system.read", "region.read"}),
    # Of a township hospital without a box: sends what it made, sees what became of that.
    "township": frozenset({"township.send"}),
}  # fmt: skip


def may(role: Role, permission: Permission) -> bool:
    """Return whether a role has a permission."""
    return permission in MAY[role]
