"""Roles at the hub and what each may do: one table, pure.

What a permission says is only who may knock: that an expert opens *this* consultation is decided by
the parties of the consultation, and that anything in it can be read by whom the key was sealed to.
"""

from __future__ import annotations

from typing import Literal, get_args

Role = Literal["expert", "coordinator", "hub_admin", "device_it", "auditor"]
Permission = Literal[
    "consult.list", "consult.read", "consult.act", "consult.assign", "key.own", "directory.read",
    "roster.read", "duty.manage", "people.manage", "hospitals.manage", "devices.manage",
    "statistics.read", "audit.read",
]  # fmt: skip

ROLES: tuple[Role, ...] = get_args(Role)
PERMISSIONS: tuple[Permission, ...] = get_args(Permission)

#: A coordinator routes and sees no case; who runs the hub sees neither routing nor case.
MAY: dict[Role, frozenset[Permission]] = {
    "expert": frozenset({"consult.list", "consult.read", "consult.act", "key.own",
                         "directory.read", "roster.read"}),
    "coordinator": frozenset({"consult.list", "consult.act", "consult.assign", "key.own",
                              "directory.read", "roster.read", "duty.manage",
                              "statistics.read"}),
    "hub_admin": frozenset({"directory.read", "roster.read", "duty.manage", "people.manage",
                            "hospitals.manage", "devices.manage", "statistics.read"}),
    "device_it": frozenset({"directory.read", "devices.manage"}),
    "auditor": frozenset({"directory.read", "audit.read", "statistics.read"}),
}  # fmt: skip


def may(role: Role, permission: Permission) -> bool:
    """Return whether a role has a permission."""
    return permission in MAY[role]
