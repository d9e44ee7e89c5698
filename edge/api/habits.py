"""Routes: a person's own keys and mouse, kept under a version number.

Kept is only what differs from the page's own map, so that a command added later has its key for
everybody. The page checks for clashes; here only form and size are checked, since which commands
there are is the page's business.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from core.web.errors import HabitsChanged
from edge.api.context import Anyone, Site, TheSite

router = APIRouter(prefix="/api")
Command = Annotated[str, StringConstraints(pattern=r"^[a-z]+(\.[A-Za-z]+){0,3}$", max_length=60)]
#: As ``KeyboardEvent.key``, with ``Shift+`` or ``Ctrl+`` in front.
KeyName = Annotated[str, StringConstraints(pattern=r"^[\x20-\x7e]+$", max_length=20)]
Held = Literal["window", "scroll", "pan", "zoom"]


class Mouse(BaseModel):
    """What a held button and the wheel do to the picture."""

    model_config = ConfigDict(extra="forbid")

    left: Held = "window"
    middle: Held = "pan"
    right: Held = "zoom"
    wheel: Literal["scroll", "zoom"] = "scroll"


class Habits(BaseModel):
    """A person's keys and mouse, made on ``version``."""

    model_config = ConfigDict(extra="forbid")

    version: int = Field(ge=0)
    keys: dict[Command, Annotated[list[KeyName], Field(max_length=4)]] = Field(max_length=200)
    mouse: Mouse = Mouse()


@router.get("/me/habits")
def read_habits(site: TheSite, session: Anyone) -> dict[str, Any]:
    """Return the caller's keys and mouse and their version; 0 where nothing was ever changed."""
    return _kept(site, session.user).model_dump()


@router.put("/me/habits")
def save_habits(site: TheSite, session: Anyone, body: Habits) -> dict[str, Any]:
    """Keep the keys and mouse as they are sent, whole.

    Raises
    ------
    HabitsChanged
        They were saved elsewhere since ``version``; nothing is merged.
    """
    with site.box.database.transaction() as sql:
        version = _kept(site, session.user).version
        if version != body.version:
            raise HabitsChanged(version=version)
        kept = body.model_copy(update={"version": version + 1})
        text = json.dumps(kept.model_dump(exclude={"version"}), ensure_ascii=False)
        sql.execute(
            "INSERT OR REPLACE INTO habits VALUES (?, ?, ?)", (session.user, kept.version, text)
        )
    return kept.model_dump()


def _kept(site: Site, user: str) -> Habits:
    rows = site.box.database.query("SELECT version, body FROM habits WHERE user = ?", (user,))
    if not rows:
        return Habits(version=0, keys={})
    return Habits(version=rows[0][0], **json.loads(rows[0][1]))
