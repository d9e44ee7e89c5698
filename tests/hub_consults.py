"""A hub with two hospitals, their boxes and people, and consultations between them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from sqlalchemy import insert, select, update

from core.consult.events import DOMAIN
from core.consult.timers import iso_of
from core.seals.consult_key import Wrap, WrapSet, sign_wraps, wrap
from core.seals.directory_entries import node_body
from core.seals.keybook import fingerprint, node_id, raw_public
from core.seals.statements import parse, sign_node, sign_person
from hub.consult.service import ConsultService, Sender
from hub.consult.wraps import take_wraps
from hub.registry.hospitals import add_hospital
from hub.registry.keys import PersonKeys, read_key
from hub.store.tables import EVENT, NODE, OBJECT
from tests.hub_people import BrowserKey

SPOKEN = {"information.asked", "information.given", "message", "opinion", "addendum", "summary",
          "offered"}  # fmt: skip
DEPARTMENTS = ("respiratory", "imaging", "pathology", "thoracic_surgery")


@dataclass
class Node:
    """A box's identity as statements need it."""

    key: Ed25519PrivateKey
    id: str
    hospital: str


class Table:
    """Boxes of two counties and the region's experts, on one hub.

    People are known by user name; ``crew`` holds their ids. Whoever is asked for an event signs it
    as the product does: boxes by their node key, people by their own.
    """

    def __init__(self, site, crew, service=None):
        self.site, self.crew = site, crew
        self.service = service or ConsultService(site)
        self.hospitals = {
            "a": add_hospital(site, "甲县人民医院"),
            "b": add_hospital(site, "乙县人民医院"),
        }
        self.boxes = {name: self.add_box(of) for name, of in self.hospitals.items()}
        self.keys: dict[str, BrowserKey] = {}
        self.count = 0

    def add_box(self, hospital):
        key, seal = Ed25519PrivateKey.generate(), X25519PrivateKey.generate()
        public = raw_public(key.public_key())
        node, sealing = node_id(public), raw_public(seal.public_key())
        with self.site.database.write() as sql:
            sql.execute(
                insert(NODE).values(
                    id=node,
                    hospital=hospital,
                    name="",
                    sign_public=public,
                    seal_public=sealing,
                    software="",
                    joined_at=1,
                )
            )
            self.site.directory.append_in(sql, "node", node, node_body(hospital, public, sealing))
        return Node(key, node, hospital)

    def give_key(self, user):
        """Give a person a key, as their browser does."""
        self.keys[user] = BrowserKey()
        PersonKeys(self.site).register(self.crew.ids[user], read_key(self.keys[user].form))

    def fresh(self, prefix):
        self.count += 1
        return f"{prefix}{self.count:032x}"

    def put_object(self, box="a", committed=True, size=100):
        """Have an object arrive; return its address."""
        self.count += 1
        data = f"sealed {self.count}".encode() * size
        address = hashlib.sha256(data).hexdigest()
        path = self.site.folder / "incoming" / address
        path.write_bytes(data)
        if committed:
            self.site.objects.put(address, path)
        now = self.site.outside.now_ms()
        with self.site.database.write() as sql:
            sql.execute(
                insert(OBJECT).values(
                    address=address,
                    hospital=self.hospitals[box],
                    size=len(data),
                    created_at=now,
                    committed_at=now if committed else None,
                )
            )
        return address

    def body(self, kind, consult, **facts):
        frame = {
            "after": self.last_link(consult), "at": iso_of(self.site.outside.now_ms()),
            "consult": consult, "event": self.fresh("e_"), "kind": kind,
        }  # fmt: skip
        words = {"sealed": "QUJD", "object": self.fresh("o_"), "epoch": 1}
        return {**frame, **(words if kind in SPOKEN else {}), **facts}

    def last_link(self, consult):
        query = select(EVENT.c.link).where(EVENT.c.consult == consult).order_by(EVENT.c.seq.desc())
        with self.site.database.read() as sql:
            return sql.execute(query.limit(1)).scalar() or ""

    def seat(self, user, part="expert", discipline="respiratory"):
        return {"person": self.crew.ids[user], "part": part, "discipline": discipline}

    def request_body(self, seats, box="a", consult="", **more):
        case = more.pop("case", None) or self.put_object(box)
        consult = consult or self.fresh("c_")
        facts = {
            "consult_kind": "consultation", "hospital": self.hospitals[box], "to_hospital": "",
            "to_department": "", "to_level": "chief", "direction": "", "urgency": "routine",
            "deadline_at": "", "case": case, "bytes": 1000, "parties": seats, "epoch": 1,
            "objects": [self.ref(case, "case")],
        }  # fmt: skip
        return self.body("requested", consult, **facts | more)

    def ref(self, address, kind):
        return {"address": address, "object": self.fresh("o_"), "kind": kind, "length": 90}

    def by_box(self, body, box="a"):
        return sign_node(body, DOMAIN, self.boxes[box])

    def by_person(self, body, user):
        key = self.keys[user]
        return sign_person(body, DOMAIN, self.crew.ids[user], key.id, key.sign)

    def box_sender(self, box="a"):
        return Sender(node=self.boxes[box].id, hospital=self.hospitals[box])

    def take(self, data, sender, service=None):
        with self.site.database.write() as sql:
            return (service or self.service).take(sql, data, sender)

    def from_box(self, body, box="a"):
        return self.take(self.by_box(body, box), self.box_sender(box))

    def from_person(self, kind, consult, user, **facts):
        body = self.body(kind, consult, **facts)
        return self.take(self.by_person(body, user), Sender(person=self.crew.ids[user]))

    def request(self, *users, box="a", **more):
        """Request a consultation of people as experts; return its id."""
        body = self.request_body([self.seat(user) for user in users], box, **more)
        return self.from_box(body, box).consult

    def wraps(self, consult, *users, epoch=1, box="a", removed=()):
        """Have the box wrap the key for people."""
        given = tuple(self.wrap_for(consult, user, epoch) for user in users)
        gone = tuple(self.crew.ids[user] for user in removed)
        data = sign_wraps(WrapSet(consult, epoch, given, gone), self.boxes[box])
        return self.send_wraps(data, box)

    def send_wraps(self, data, box="a"):
        with self.site.database.write() as sql:
            return take_wraps(self.site, sql, data, self.box_sender(box))

    def wrap_for(self, consult, user, epoch=1):
        person, public = self.crew.ids[user], raw_public(self.keys[user].agree.public_key())
        sealed = wrap(bytes(32), public, consult=consult, epoch=epoch, recipient=person)
        return Wrap(person, fingerprint(public), sealed)

    def under_way(self, user="expert"):
        """Return a consultation that an expert has accepted and holds the key of."""
        consult = self.request(user)
        self.wraps(consult, user)
        self.from_person("accepted", consult, user)
        return consult

    def row(self, consult):
        from hub.store.tables import CONSULT

        with self.site.database.read() as sql:
            return sql.execute(select(CONSULT).where(CONSULT.c.id == consult)).one()

    def rows(self, table, **where):
        query = select(table)
        for name, value in where.items():
            query = query.where(table.c[name] == value)
        with self.site.database.read() as sql:
            return sql.execute(query).all()

    def change(self, table, condition, **values):
        with self.site.database.write() as sql:
            sql.execute(update(table).where(condition).values(values))

    def chain(self, box="a"):
        """Return the bodies of a hospital's chain."""
        from hub.downlink.chain import rows_after

        rows = rows_after(self.site, self.hospitals[box], 0, 1000)
        return [json.loads(row.sealed[1:]) for row in rows]


def name_of(data):
    """Return a wire statement's name."""
    return parse(data).statement.sha256
