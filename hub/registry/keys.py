"""People's public keys: made in a browser, announced in the directory, retired, never taken back.

The hub keeps the private halves only as the browser wrapped them: under a passphrase, and sealed to
the recovery key of the person's hospital. It can open neither.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from core.records.canonical import Json
from core.seals.attestation import open_attestation
from core.seals.directory_entries import read_entry
from core.seals.errors import (
    DirectoryMalformed,
    PersonKeysBroken,
    PublicKeyInvalid,
    RecipientUnknown,
)
from core.seals.keybook import P256_PUBLIC, p256_public, person_key_id
from core.seals.person import whose
from core.seals.text import from_base64url, from_hex
from hub.registry.errors import (
    KeyNotPresent,
    KeyTaken,
    KeyWrong,
    NoHospital,
    NoKey,
    NotTheBoxsWord,
)
from hub.site import HubSite
from hub.store.database import locked
from hub.store.tables import PERSON, PERSON_KEY

_MOST_WRAPPED = 16 * 1024


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key pair of pairs as the browser sends it.

    Attributes
    ----------
    id : str
        Commits to both public keys (``core.seals.keybook.person_key_id``).
    agree_public, sign_public : bytes
        P-256, uncompressed.
    wrapped, recovery : bytes
        The private halves, under the passphrase and under the hospital's recovery key.
    attested : str
        Signature of a box of the person's hospital (``attestation_bytes``), or "".
    """

    id: str
    agree_public: bytes
    sign_public: bytes
    wrapped: bytes
    recovery: bytes
    attested: str = ""


def read_key(body: dict[str, str]) -> NewKey:
    """Return the key of a form: publics as hex, the wrapped halves as base64url.

    Raises
    ------
    KeyWrong
    """
    fault = "id"
    try:
        from_hex(body["id"], 32)
        fault = "agree_public"
        agree = from_hex(body[fault], P256_PUBLIC)
        fault = "sign_public"
        sign = from_hex(body[fault], P256_PUBLIC)
        fault = "wrapped"
        wrapped = from_base64url(body[fault])
        fault = "recovery"
        recovery = from_base64url(body[fault])
        fault = "attested"
        if body.get(fault):
            from_hex(body[fault], 64)
        fault = "public"
        p256_public(agree)
        p256_public(sign)
    except (ValueError, PublicKeyInvalid):
        raise KeyWrong(fault=fault) from None
    if body["id"] != person_key_id(agree, sign):
        raise KeyWrong(fault="id")
    if agree == sign:
        raise KeyWrong(fault="one key for two uses")
    if not wrapped or max(len(wrapped), len(recovery)) > _MOST_WRAPPED:
        raise KeyWrong(fault="wrapped")
    return NewKey(body["id"], agree, sign, wrapped, recovery, body.get("attested", ""))


class PersonKeys:
    """The keys in force, one of each person."""

    def __init__(self, site: HubSite) -> None:
        self._site = site

    def register(self, person: str, key: NewKey) -> None:
        """Put a key in force; one that was retires with it. The same key again is re-wrapped.

        Raises
        ------
        KeyTaken, NoHospital
        KeyWrong
            If the directory refuses the attestation.
        """
        now = self._site.outside.now_ms()
        with self._site.database.write() as sql:
            who = sql.execute(locked(select(PERSON).where(PERSON.c.id == person))).one()
            if not who.hospital:
                raise NoHospital
            before = current_in(sql, person)
            if before is not None and before.id == key.id:
                again = {"wrapped": key.wrapped, "recovery": key.recovery}
                sql.execute(update(PERSON_KEY).where(PERSON_KEY.c.id == key.id).values(again))
            elif sql.execute(select(PERSON_KEY.c.id).where(PERSON_KEY.c.id == key.id)).first():
                raise KeyTaken
            else:
                if before is not None:
                    self._retire(sql, before, now)
                sql.execute(
                    insert(PERSON_KEY).values(
                        id=key.id, person=person, agree_public=key.agree_public,
                        sign_public=key.sign_public, wrapped=key.wrapped, recovery=key.recovery,
                        created_at=now,
                    )
                )  # fmt: skip
                self._announce(sql, who, key)

    def rewrap(self, person: str, wrapped: bytes) -> str:
        """Keep the private halves under another passphrase, as the browser wrapped them anew.

        Returns the key's id. The recovery blob and the directory stay as they are.

        Raises
        ------
        NoKey
        KeyWrong
            If they are not of this person's key in force, as far as that can be seen unopened.
        """
        with self._site.database.write() as sql:
            sql.execute(locked(select(PERSON.c.id).where(PERSON.c.id == person))).one()
            before = current_in(sql, person)
            if before is None:
                raise NoKey
            try:
                of = whose(wrapped)
            except PersonKeysBroken:
                raise KeyWrong(fault="wrapped") from None
            if of != (person, before.id) or len(wrapped) > _MOST_WRAPPED:
                raise KeyWrong(fault="wrapped")
            mine = PERSON_KEY.c.id == before.id
            sql.execute(update(PERSON_KEY).where(mine).values(wrapped=wrapped))
        return str(before.id)

    def retire(self, person: str) -> str:
        """Retire the key in force and return its id.

        Raises
        ------
        NoKey
        """
        with self._site.database.write() as sql:
            sql.execute(locked(select(PERSON.c.id).where(PERSON.c.id == person))).one()
            before = current_in(sql, person)
            if before is None:
                raise NoKey
            self._retire(sql, before, self._site.outside.now_ms())
        return str(before.id)

    def current(self, person: str) -> Row[Any]:
        """Return the key in force.

        Raises
        ------
        NoKey
        """
        with self._site.database.read() as sql:
            found = current_in(sql, person)
        if found is None:
            raise NoKey
        return found

    def _retire(self, sql: Connection, key: Row[Any], now: int) -> None:
        sql.execute(update(PERSON_KEY).where(PERSON_KEY.c.id == key.id).values(retired_at=now))
        self._site.directory.append_in(sql, "retired", key.person, {"key": key.id})

    def _announce(self, sql: Connection, who: Row[Any], key: NewKey) -> None:
        body = person_body(who, key.id, key.agree_public, key.sign_public) | {
            "attested": key.attested
        }
        try:
            self._site.directory.append_in(sql, "person", who.id, body)
        except DirectoryMalformed as error:
            raise KeyWrong(fault=str(error.facts.get("fault", ""))) from None


def current_in(sql: Connection, person: str) -> Row[Any] | None:
    """Return the key in force as the caller's transaction sees it."""
    query = select(PERSON_KEY).where(
        PERSON_KEY.c.person == person, PERSON_KEY.c.retired_at.is_(None)
    )
    return sql.execute(query).first()


def person_body(who: Row[Any], key: str, agree_public: bytes, sign_public: bytes) -> Json:
    """Return the body of a ``person`` entry, not attested."""
    return {
        "hospital": who.hospital, "name": who.name, "department": who.department or "",
        "title": who.title, "role": who.role, "key": key, "agree_public": agree_public.hex(),
        "sign_public": sign_public.hex(), "attested": "",
    }  # fmt: skip


def announce_in(site: HubSite, sql: Connection, person: str) -> None:
    """Say anew who holds a key, after name, department, title or role changed.

    Under the same name at the same hospital the attestation stands, for it is of the key.
    """
    key = current_in(sql, person)
    if key is None:
        return
    who = sql.execute(select(PERSON).where(PERSON.c.id == person)).one()
    if not who.hospital:
        raise NoHospital
    body = person_body(who, key.id, bytes(key.agree_public), bytes(key.sign_public))
    before = site.directory.current_in(sql)
    known = before.contents.people.get(person)
    if known is not None and (known.hospital, known.name) == (who.hospital, who.name):
        body["attested"] = _attestation(before.entries[known.seq - 1])
    site.directory.append_in(sql, "person", person, body)


def attest_in(site: HubSite, sql: Connection, node: str, data: bytes) -> int:
    """Announce anew a key that a box of its person's hospital vouches for; return the entry's seq.

    The same word again changes nothing. The log is held while it is looked at: a key that was
    retired meanwhile is refused, never attested late.

    Raises
    ------
    core.seals.errors.SealRefusal
        If the statement does not verify, or its box may not sign.
    NotTheBoxsWord
        If another box signed it, or it is not of the box's hospital.
    KeyNotPresent
        If the person has another key, name or hospital by now, or none.
    """
    directory = site.directory.hold_in(sql)
    said = open_attestation(data, directory.book())
    if said.node != node or directory.contents.nodes[node].hospital != said.hospital:
        raise NotTheBoxsWord
    try:
        known = directory.recipient(said.person)
    except RecipientUnknown:
        raise KeyNotPresent from None
    if not said.is_of(known):
        raise KeyNotPresent
    if directory.contents.vouched(known):
        return known.seq
    body = read_entry(directory.entries[known.seq - 1]).body | {"attested": said.signature}
    return site.directory.append_in(sql, "person", said.person, body).seq


def revoke_in(site: HubSite, sql: Connection, person: str) -> None:
    """Revoke a person who ever had a key, for good."""
    sql.execute(
        update(PERSON_KEY)
        .where(PERSON_KEY.c.person == person, PERSON_KEY.c.retired_at.is_(None))
        .values(retired_at=site.outside.now_ms())
    )
    known = site.directory.current_in(sql).contents
    if person in known.people and person not in known.revoked:
        site.directory.append_in(sql, "revoked", person, {"person": person})


def _attestation(entry: bytes) -> str:
    return str(read_entry(entry).body["attested"])
