"""The accounts of the region's people, in ordinary tables.

Who they are and what they may do stands here; how they sign in is ``sessions``, the keys that cases
are sealed to are ``keys``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from core.web.access import Passwords, check_language, check_password, check_user
from core.web.errors import InputWrong, NotFound, UserExists
from hub.registry.duty import leave_in
from hub.registry.errors import PersonRevoked
from hub.registry.keys import announce_in, revoke_in
from hub.registry.roles import ROLES
from hub.site import HubSite
from hub.store.database import locked
from hub.store.tables import HOSPITAL, PERSON, PERSON_KEY, SESSION

#: Levels that a request may wish for, the highest first.
TITLES = ("chief", "associate_chief", "attending", "resident", "")
_DEPARTMENT = re.compile(r"[a-z][a-z_]{0,39}|")
_CHANGEABLE = {
    "name", "role", "active", "password", "hospital", "department", "title", "oidc_subject", "otp",
}  # fmt: skip
#: What stands in the directory beside a person's key.
_SHOWN = {"name", "role", "hospital", "department", "title"}
_LEAVES = {"role", "active", "hospital", "department"}
_ENDS_SESSIONS = {"role", "active", "password", "hospital", "otp", "oidc_subject"}


@dataclass(frozen=True, slots=True)
class NewPerson:
    """An account to add; ``password`` may be "" for one that signs in by a provider only."""

    user: str
    name: str
    role: str
    password: str = ""
    hospital: str = ""
    department: str = ""
    title: str = ""
    oidc_subject: str = ""
    must_change: bool = True


class People:
    """The accounts."""

    def __init__(self, site: HubSite, passwords: Passwords) -> None:
        self._site = site
        self._passwords = passwords

    def add(self, new: NewPerson) -> str:
        """Add a person and return the opaque id.

        Raises
        ------
        InputWrong, PasswordWeak, UserExists
        """
        check_user(new.user)
        fields = {"role": new.role, "name": new.name or new.user, "department": new.department,
                  "title": new.title}  # fmt: skip
        _check_fields(fields)
        if new.password or not new.oidc_subject:
            check_password(new.user, new.password)
        identity = f"p_{self._site.outside.randomness(8).hex()}"
        hashed = self._passwords.hashed(new.password) if new.password else ""
        with self._site.database.write() as sql:
            if sql.execute(select(PERSON.c.id).where(PERSON.c.user == new.user)).first():
                raise UserExists
            _check_hospital(sql, new.hospital)
            _check_subject(sql, new.oidc_subject, identity)
            sql.execute(
                insert(PERSON).values(
                    **fields, id=identity, user=new.user, password=hashed,
                    hospital=new.hospital or None, oidc_subject=new.oidc_subject or None,
                    must_change=new.must_change and bool(new.password),
                    created_at=self._site.outside.now_ms(),
                )
            )  # fmt: skip
        return identity

    def change(self, identity: str, fields: dict[str, Any]) -> None:
        """Change an account; what its directory entry says is announced anew.

        Parameters
        ----------
        fields : dict
            Of ``name``, ``role``, ``active``, ``password``, ``hospital``, ``department``,
            ``title``, ``oidc_subject``, and ``otp`` = "" (the second factor is lost).

        Raises
        ------
        NotFound, InputWrong, PasswordWeak, PersonRevoked
        """
        unknown = set(fields) - _CHANGEABLE
        if unknown or fields.get("otp", "") != "":
            raise InputWrong(field=sorted(unknown)[0] if unknown else "otp")
        _check_fields(fields)
        with self._site.database.write() as sql:
            before = person_in(sql, identity)
            kept = self._kept(before, fields)
            _check_hospital(sql, fields.get("hospital", ""))
            _check_subject(sql, fields.get("oidc_subject", ""), identity)
            if fields.get("active") and not before.active:
                self._check_standing(sql, identity)
            values = {**kept, "failures": 0, "locked_until": 0}
            sql.execute(update(PERSON).where(PERSON.c.id == identity).values(values))
            if set(fields) & _ENDS_SESSIONS:
                sql.execute(delete(SESSION).where(SESSION.c.person == identity))
            if set(fields) & _LEAVES:
                leave_in(self._site, sql, identity)
            if fields.get("active") is False:
                revoke_in(self._site, sql, identity)
            elif set(fields) & _SHOWN:
                announce_in(self._site, sql, identity)

    def list(self) -> list[dict[str, Any]]:
        """Return everybody, without secrets."""
        seen = (
            select(SESSION.c.person, func.max(SESSION.c.seen_at).label("seen_at"))
            .group_by(SESSION.c.person)
            .subquery()
        )
        key = select(PERSON_KEY.c.person, PERSON_KEY.c.id).where(PERSON_KEY.c.retired_at.is_(None))
        keys = key.subquery()
        query = (
            select(PERSON, HOSPITAL.c.name.label("hospital_name"), seen.c.seen_at,
                   keys.c.id.label("key"))
            .outerjoin(HOSPITAL, HOSPITAL.c.id == PERSON.c.hospital)
            .outerjoin(seen, seen.c.person == PERSON.c.id)
            .outerjoin(keys, keys.c.person == PERSON.c.id)
            .order_by(PERSON.c.user)
        )  # fmt: skip
        with self._site.database.read() as sql:
            return [_listed(row) for row in sql.execute(query)]

    def has_otp(self, identity: str) -> bool:
        """Say whether a person has a second factor in force."""
        query = select(PERSON.c.otp).where(PERSON.c.id == identity)
        with self._site.database.read() as sql:
            return sql.execute(query).scalar() is not None

    def set_language(self, identity: str, language: str) -> None:
        """Keep a person's language: InputWrong if the page does not speak it."""
        check_language(language)
        with self._site.database.write() as sql:
            sql.execute(update(PERSON).where(PERSON.c.id == identity).values(language=language))

    def _kept(self, before: Row[Any], fields: dict[str, Any]) -> dict[str, Any]:
        kept = dict(fields)
        if "password" in kept:
            check_password(before.user, kept["password"])
            kept["password"] = self._passwords.hashed(kept["password"])
            kept["must_change"] = True
        if "otp" in kept:
            kept["otp"] = None
        for name in ("hospital", "oidc_subject"):
            if name in kept:
                kept[name] = kept[name] or None
        return kept

    def _check_standing(self, sql: Connection, identity: str) -> None:
        if identity in self._site.directory.current_in(sql).contents.revoked:
            raise PersonRevoked


def person_in(sql: Connection, identity: str) -> Row[Any]:
    """Return a person's row, locked.

    Raises
    ------
    NotFound
    """
    row = sql.execute(locked(select(PERSON).where(PERSON.c.id == identity))).first()
    if row is None:
        raise NotFound
    return row


def _check_fields(fields: dict[str, Any]) -> None:
    fine = {
        "role": lambda value: value in ROLES,
        "title": lambda value: value in TITLES,
        "department": lambda value: bool(_DEPARTMENT.fullmatch(value)),
        "name": lambda value: 1 <= len(value.strip()) <= 80 and value.isprintable(),
    }
    for name, check in fine.items():
        if name in fields and not check(fields[name]):
            raise InputWrong(field=name)


def _check_hospital(sql: Connection, hospital: str) -> None:
    if hospital and not sql.execute(select(HOSPITAL.c.id).where(HOSPITAL.c.id == hospital)).first():
        raise InputWrong(field="hospital")


def _check_subject(sql: Connection, subject: str, identity: str) -> None:
    if len(subject) > 200:
        raise InputWrong(field="oidc_subject")
    query = select(PERSON.c.id).where(PERSON.c.oidc_subject == subject, PERSON.c.id != identity)
    if subject and sql.execute(query).first():
        raise UserExists


def _listed(row: Row[Any]) -> dict[str, Any]:
    return {
        "id": row.id, "user": row.user, "name": row.name, "role": row.role,
        "hospital": row.hospital, "hospital_name": row.hospital_name,
        "department": row.department or "", "title": row.title, "active": row.active,
        "otp": row.otp is not None, "oidc": row.oidc_subject is not None, "key": row.key,
        "last_seen_at": row.seen_at, "locked_until": row.locked_until,
    }  # fmt: skip
