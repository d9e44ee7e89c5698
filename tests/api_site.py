"""A real box behind the real web application, for the tests of the HTTP interface."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from starlette.testclient import TestClient

from core.records.record import Draft
from core.web.people import People
from core.web.roles import ROLES
from edge.api.app import create_app
from edge.api.context import COOKIE, Site
from edge.intake.net.sink import Ending, Peer, StoreCommand
from edge.intake.sink import JournalSink
from edge.stages.queue import Queue
from edge.store.box import Outside, create_box
from tests.input_cases import encoded, image

PASSWORD = "a long password"
MODALITY = Peer("ct1", "CT1", "XINGLIN", "127.0.0.1", "a1", traits=frozenset({"modality"}))
SETTINGS = '[[peers]]\nname = "ct1"\nae_title = "CT1"\n'


class Clock:
    """Milliseconds that a test moves; every look is one later, so that records have an order."""

    def __init__(self):
        self.at = 1_700_000_000_000

    def __call__(self):
        self.at += 1
        return self.at


class ApiSite:
    """One appliance with an account for every role; sign-ins are made when they are asked for."""

    def __init__(
        self, folder: Path, dist: Path | None = None, roles=ROLES, settings: str = SETTINGS
    ):
        self.clock = Clock()
        self.box = create_box(folder, settings, Outside(self.clock, os.urandom))
        self.tier = SimpleNamespace(now="ok")
        self.people = People(self.box.database, self.clock, os.urandom)
        queue = Queue(self.box.database, self.clock, "test")
        self.sink = JournalSink(self.box, lambda: self.tier.now)
        self.site = Site(self.box, self.people, queue, self.sink, lambda: self.tier.now)
        self.app = create_app(self.site, dist or folder / "no page")
        for role in roles:
            self.people.add(role, f"{role} 某", role, PASSWORD, must_change=False)
        self.tokens: dict[str, str] = {}
        self.csrf: dict[str, str] = {}

    def token(self, role: str) -> str:
        """Return a session token of a role's account."""
        if role not in self.tokens:
            self.tokens[role], session = self.people.log_in(role, PASSWORD, None)
            self.csrf[role] = session.csrf
        return self.tokens[role]

    def client(self, role: str = "", *, csrf: bool = True) -> TestClient:
        """Return a client that is logged in as a role; anonymous without one."""
        client = TestClient(self.app, raise_server_exceptions=False)
        if role:
            client.cookies.set(COOKIE, self.token(role))
            if csrf:
                client.headers["X-CSRF-Token"] = self.csrf[role]
        return client

    def send(self, *datasets, peer: Peer = MODALITY):
        """Store data sets as a modality does; return what was sent, byte for byte."""
        sent = []
        for one in datasets:
            data = encoded(one)
            syntax = str(one.file_meta.TransferSyntaxUID)
            # The data set alone goes over the wire: everything after the file meta.
            body = data[_meta_length(data) :]
            receipt = self.sink.begin(
                peer, StoreCommand(str(one.SOPClassUID), "", syntax, 1, "CT1")
            )
            receipt.write(memoryview(body))
            outcome = receipt.commit()
            assert outcome.status == 0, outcome
            sent.append(body)
        self.sink.ended(peer, Ending.RELEASED)
        return sent

    def study(self, study_uid: str = "1.2.3") -> str:
        """Return the opaque id of a study."""
        ((found,),) = self.box.database.query(
            "SELECT study FROM study WHERE study_uid = ?", (study_uid,)
        )
        return found

    def result(self, study_uid: str = "1.2.3", blobs: dict | None = None, **result):
        """Append a result as the analysis does."""
        study = self.study(study_uid)
        ((subject,),) = self.box.database.query(
            "SELECT subject FROM study WHERE study = ?", (study,)
        )
        body = {"result": {"status": "ok", **result}, "blobs": blobs or {}, "input": "i"}
        self.box.append([Draft("findings.proposed", body, subject=subject, key=study)])

    def restrict(self, study_uid: str = "1.2.3"):
        """Hide the patient of a study."""
        subject = self.box.vault.study(study_uid).subject
        self.box.vault.restrict(subject, restricted=True)
        body = {"restricted": True}
        self.box.append([Draft("subject.restricted", body, subject=subject, key=subject)])


def _meta_length(data: bytes) -> int:
    assert data[132:140] == b"\x02\x00\x00\x00UL\x04\x00"
    return 144 + int.from_bytes(data[140:144], "little")


def chest(number=1, study="1.2.3", name="ZHANG^SAN=张^三", patient="P001", **more):
    """Return one small CT slice of a patient."""
    settings = {
        "SpecificCharacterSet": "ISO_IR 192",
        "SOPInstanceUID": f"{study}.1.{number}",
        "StudyInstanceUID": study,
        "SeriesInstanceUID": f"{study}.1",
        "PatientName": name,
        "PatientID": patient,
        "PatientSex": "M",
        "StudyDate": "20261122",
        "AccessionNumber": f"ACC{study}",
        "SeriesNumber": 1,
        "InstanceNumber": number,
        **more,
    }
    pixels = np.arange(16 * 20, dtype=np.uint16).reshape(16, 20) + number
    return image(pixels, **settings)


def related(parts, boundary="cut", kind="application/dicom"):
    """Return (body, content type) of a multipart/related request."""
    pieces = []
    for part in parts:
        pieces.append(f"--{boundary}\r\nContent-Type: {kind}\r\n\r\n".encode() + part + b"\r\n")
    body = b"".join(pieces) + f"--{boundary}--\r\n".encode()
    return body, f'multipart/related; type="{kind}"; boundary={boundary}'


def parts_of(response):
    """Return [(content type, bytes)] of a multipart/related answer."""
    media, _, boundary = response.headers["content-type"].rpartition("boundary=")
    assert media.startswith("multipart/related;")
    found = []
    for piece in response.content.split(f"--{boundary}".encode())[1:-1]:
        head, _, data = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        assert int(headers["Content-Length"]) == len(data) - 2
        found.append((headers["Content-Type"], data[:-2]))
    return found


class Wire:
    """One request spoken to the application without a server: the test is the client's side.

    For what an ordinary client cannot do: an answer without end, a body that breaks off.
    """

    def __init__(self, app, method, path, headers=(), chunks=(), *, leaves=False):
        self.app = app
        self.scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method,
            "scheme": "http", "path": path, "raw_path": path.encode(), "query_string": b"",
            "root_path": "", "server": ("testserver", 80), "client": ("127.0.0.1", 5),
            "headers": [(k.lower().encode(), v.encode()) for k, v in headers],
        }  # fmt: skip
        self.incoming = asyncio.Queue()
        for chunk in chunks:
            self.incoming.put_nowait({"type": "http.request", "body": chunk, "more_body": True})
        if leaves:
            self.incoming.put_nowait({"type": "http.disconnect"})
        else:
            self.incoming.put_nowait({"type": "http.request", "body": b"", "more_body": False})
        self.status = None
        self.text = ""
        self.news = asyncio.Event()

    async def send(self, message):
        """Take what the application answers."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
        else:
            self.text += message.get("body", b"").decode()
        self.news.set()

    async def until(self, text):
        """Wait until the answer holds a text."""
        while text not in self.text:
            await asyncio.wait_for(self.news.wait(), 10)
            self.news.clear()

    def leave(self):
        """Close the connection."""
        self.incoming.put_nowait({"type": "http.disconnect"})


def events_of(wire):
    """Return the JSON of each server-sent event so far."""
    return [
        json.loads(line.removeprefix("data: "))
        for line in wire.text.splitlines()
        if line.startswith("data: ")
    ]


def numbered():
    """Return a counter for unique names."""
    return itertools.count(1)
