"""People of a hub for tests: accounts that are ready to work, and keys as a browser makes them."""

from __future__ import annotations

import os

import pyotp
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from core.seals.keybook import person_key_id, raw_public
from core.seals.person import Cost, PersonSecrets, wrap
from core.seals.text import to_base64url
from core.web.access import Passwords
from hub.registry.hospitals import add_hospital
from hub.registry.people import NewPerson, People
from hub.registry.sessions import NewOtp, Sessions, Try

PASSWORD = "a long password"
ADDRESS = "192.0.2.1"


class Crew:
    """Accounts of a hub; a person is known by user name."""

    def __init__(self, site, clock):
        self.site, self.clock = site, clock
        self.passwords = Passwords(site.outside.randomness)
        self.people = People(site, self.passwords)
        self.sessions = Sessions(site, self.passwords)
        self.hospital = add_hospital(site, "省胸科医院")
        self.ids, self.secrets = {}, {}

    def add(self, user, role="expert", **more):
        """Add an account without a second factor yet."""
        new = {"name": f"{user} 某", "hospital": self.hospital, "department": "respiratory",
               "title": "chief", "must_change": False, "password": PASSWORD}  # fmt: skip
        self.ids[user] = self.people.add(NewPerson(user=user, role=role, **new | more))
        return self.ids[user]

    def ready(self, user, role="expert", **more):
        """Add an account that has its second factor; return a session token and the session."""
        self.add(user, role, **more)
        token, _ = self.log_in(user)
        secret = pyotp.random_base32()
        self.sessions.confirm_otp(token, NewOtp(secret, self.code(secret), "", ADDRESS))
        self.secrets[user] = secret
        return token, self.sessions.session(token)

    def code(self, secret):
        """Return the code of this half minute."""
        return pyotp.TOTP(secret).at(self.clock.at // 1000)

    def log_in(self, user, password=PASSWORD, otp=None, address=ADDRESS):
        """Log in as a browser does; a right code of a fresh half minute where there is a factor."""
        if otp is None and user in self.secrets:
            self.clock.at += 30_000
            otp = self.code(self.secrets[user])
        return self.sessions.log_in(Try(user, password, otp or "", address))


class BrowserKey:
    """A person's key as the browser makes and sends it."""

    def __init__(self):
        self.agree, self.sign = (generate_private_key(SECP256R1()) for _ in range(2))
        agree, sign = (raw_public(one.public_key()) for one in (self.agree, self.sign))
        self.id = person_key_id(agree, sign)
        self.form = {
            "id": self.id, "agree_public": agree.hex(), "sign_public": sign.hex(),
            "wrapped": to_base64url(b"wrapped " * 20), "recovery": to_base64url(b"recovery"),
        }  # fmt: skip

    def wrapped_for(self, person, passphrase):
        """Return the private halves as the browser wraps them."""
        secrets = PersonSecrets(person, self.id, self.agree, self.sign)
        return wrap(secrets, passphrase, os.urandom, Cost(19 * 1024, 1, 1))
