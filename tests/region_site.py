"""A hub in processes of its own, a county's box and experts who work over HTTP as browsers do."""

from __future__ import annotations

import json
import os
from types import SimpleNamespace

import httpx
import pyotp

from core.consult.events import DOMAIN, sealed_kind
from core.consult.timers import iso_of
from core.records.canonical import to_bytes
from core.seals.consult_key import unwrap
from core.seals.objects import ObjectContext, open_inline, open_whole, seal_inline
from core.seals.person import Cost, PersonSecrets, seal_for_recovery, wrap
from core.seals.statements import parse, sign_person
from core.seals.text import from_base64url, to_base64url
from core.web.access import Passwords
from edge.consult.inbox import confirm
from edge.uplink.certificates import Credentials
from edge.uplink.join import join
from hub.outside import real_outside
from hub.registry.authority import RootKeyFile, create_authority
from hub.registry.hospitals import add_hospital
from hub.registry.invites import invite
from hub.registry.people import NewPerson, People
from hub.registry.sessions import NewOtp, Sessions, Try
from tests.api_site import ApiSite
from tests.enrol_cases import DAY
from tests.hub_cases import make_hub
from tests.hub_people import BrowserKey
from tests.seal_site import x25519_key
from tests.sync_site import now_ms
from tests.turning import TurningBox

PASSWORD = "a long password"
PASSPHRASE = "a passphrase of an expert"
_QUICK = Cost(memory_kib=32 * 1024, passes=1, lanes=1)


class Founded:
    """A hub's folder with an authority, two hospitals and experts; nothing runs yet."""

    def __init__(self, folder, url, users=("expert", "second")):
        outside = real_outside()
        site = make_hub(folder / "hub", url, outside.now_ms)
        self.folder = site.folder
        authority = create_authority(
            site.folder, site.identity.id, "测试", RootKeyFile(folder / "root.key"), outside
        )
        self.hub = site.identity.id
        self.county, self.province = add_hospital(site, "甲县医院"), add_hospital(site, "省医院")
        self.recovery = x25519_key("province").public_key().public_bytes_raw()
        self.code = invite(site, authority.pin, self.county, DAY, "tester").code.text()
        passwords = Passwords(os.urandom)
        people, sessions = People(site, passwords), Sessions(site, passwords)
        self.experts = {
            user: self._expert(people, sessions, user, discipline)
            for user, discipline in zip(users, ("respiratory", "imaging"), strict=False)
        }
        site.close()

    def _expert(self, people, sessions, user, department):
        account = NewPerson(
            user, f"专家 {user}", "expert", PASSWORD, self.province, department, "chief",
            must_change=False,
        )  # fmt: skip
        person = people.add(account)
        token, session = sessions.log_in(Try(user, PASSWORD, "", "test"))
        secret = pyotp.random_base32()
        sessions.confirm_otp(token, NewOtp(secret, pyotp.TOTP(secret).now(), "", "test"))
        return Expert(person, token, session.csrf, self)


class Expert:
    """A person at the portal: holds private keys, sends the hub what a browser sends."""

    def __init__(self, person, token, csrf, region):
        self.id, self.region = person, region
        self._headers = {"X-CSRF-Token": csrf, "Cookie": f"xl_portal={token}"}
        self.key = BrowserKey()
        self.client: httpx.Client | None = None

    def connect(self, url):
        """Work at a hub's process."""
        self.client = httpx.Client(base_url=url, headers=self._headers, timeout=60)

    def close(self):
        self.client.close()

    def get(self, path):
        answer = self.client.get(path)
        assert answer.status_code == 200, answer.text
        return answer

    def make_key(self):
        """Make the keys, as at first sign-in: the private halves leave wrapped only."""
        secrets = PersonSecrets(self.id, self.key.id, self.key.agree, self.key.sign)
        sealed = seal_for_recovery(secrets, self.region.province, self.region.recovery)
        form = self.key.form | {
            "wrapped": to_base64url(wrap(secrets, PASSPHRASE, os.urandom, _QUICK)),
            "recovery": to_base64url(sealed),
        }
        answer = self.client.post("/api/me/key", json=form)
        assert answer.status_code == 201, answer.text

    def case(self, consult):
        return self.get(f"/api/consults/{consult}").json()

    def keys(self, consult):
        """Return the consultation keys that were wrapped for this person, by epoch."""
        return {
            one["epoch"]: unwrap(
                from_base64url(one["sealed"]), self.key.agree, consult=consult,
                epoch=one["epoch"], recipient=self.id,
            )
            for one in self.case(consult)["wraps"]
        }  # fmt: skip

    def index(self, consult):
        """Return the newest case index, opened."""
        bodies = [parse(e["statement"].encode()).statement.body for e in self.events(consult)]
        body = [one for one in bodies if one.get("case")][-1]
        ref = next(one for one in body["objects"] if one["address"] == body["case"])
        return json.loads(
            self.open(consult, {**ref, "epoch": body.get("epoch", 1), "position": {}})
        )

    def events(self, consult):
        return self.case(consult)["events"]

    def open(self, consult, one):
        """Fetch an object over HTTP and open it."""
        sealed = self.get(f"/api/consults/{consult}/objects/{one['address']}").content
        context = ObjectContext(consult, one["epoch"], one["object"], one["kind"], one["position"])
        return open_whole(sealed, self.keys(consult)[one["epoch"]], context, one["address"])

    def say(self, consult, kind, words=None, **facts):
        """Sign an event and send it; return the statement's hash."""
        events = self.events(consult)
        body = {
            "after": events[-1]["link"], "at": iso_of(now_ms()), "consult": consult,
            "event": "e_" + os.urandom(16).hex(), "kind": kind, **facts,
        }  # fmt: skip
        if words is not None:
            epoch, key = max(self.keys(consult).items())
            object_id = "o_" + os.urandom(16).hex()
            context = ObjectContext(consult, epoch, object_id, sealed_kind(kind))
            sealed = seal_inline(to_bytes(words), key, os.urandom(32), context)
            body |= {"epoch": epoch, "object": object_id, "sealed": sealed}
        data = sign_person(body, DOMAIN, self.id, self.key.id, self.key.sign)
        answer = self.client.post(
            f"/api/consults/{consult}/events", json={"statement": data.decode()}
        )
        assert answer.status_code == 201, answer.text
        return parse(data).statement.sha256

    def hear(self, consult, event):
        """Return the words of somebody's event."""
        body = parse(event["statement"].encode()).statement.body
        context = ObjectContext(consult, body["epoch"], body["object"], sealed_kind(body["kind"]))
        return json.loads(open_inline(body["sealed"], self.keys(consult)[body["epoch"]], context))


class County(TurningBox):
    """An appliance with its own web interface; its workers are turned by the test."""

    def __init__(self, folder, address, code, datasets):
        self.api = ApiSite(folder, roles=("physician", "device_it"))
        self.api.clock.at = now_ms()  # certificates are of today
        self.box = self.api.box
        self.api.send(*datasets)
        join(self.box, address, code)
        self.credentials = Credentials(folder / "uplink")
        self.uplink = None
        self.equip()
        self.api.app.state.desks.use(self.desk)

    def trust(self, keys):
        """Wait until the directory has people's keys, and confirm them as somebody here."""
        for person, key in keys.items():

            def known(person=person, key=key):
                found = self.desk.region.directory().contents.people.get(person)
                return found is not None and found.key == key

            self.until(known, "the directory")
            confirm(self.desk, person, key, "physician")

    def events(self, consult):
        rows = self.box.database.query(
            "SELECT kind, actor, opened, fault, digest FROM consult_event WHERE consult = ?"
            " ORDER BY n",
            (consult,),
        )
        return [SimpleNamespace(kind=k, actor=a, opened=json.loads(o) if o else None, fault=f,
                                digest=d) for k, a, o, f, d in rows]  # fmt: skip

    def region(self):
        """Return what the page shows of the region."""
        answer = self.api.client("device_it").get("/api/region")
        assert answer.status_code == 200, answer.text
        return answer.json()
