"""Seals between Python and a real browser: each opens what the other sealed, and refuses the rest.

The page is the product's client and worker (web/src/seals) under the product's policies; run in
Chromium as it is, and with everything taken away that Chromium 109 does not have.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from core.seals import consult_key, objects, person
from core.seals.directory import verify_directory
from core.seals.directory_entries import PersonFacts, attestation_bytes, person_body
from core.seals.keybook import fingerprint, raw_public
from core.seals.statements import open_statement
from core.seals.text import from_base64url, to_base64url
from tests.seal_page import WEB, SealPage, build
from tests.seal_site import CONSULT, A, B, node_key, p256_key, region, x25519_key

NODE, CHROMIUM = shutil.which("node"), shutil.which("chromium")
pytestmark = [
    pytest.mark.skipif(NODE is None, reason="Node.js is not installed"),
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
    pytest.mark.skipif(not (WEB / "node_modules/vite").exists(), reason="npm ci was not run"),
]
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
PERSON, PASSPHRASE = "p_" + "5" * 16, "望闻问切 four examinations"
DOMAIN = "xinglin consult event v1"
BOX_A, BOX_B = node_key(f"{A} box"), node_key(f"{B} box")
RECOVERY = x25519_key(f"{B} recovery")
PLACE = {"consult": CONSULT, "epoch": 1}


@pytest.fixture(scope="module")
def dist(tmp_path_factory):
    return build(tmp_path_factory.mktemp("seals"), str(NODE))


@pytest.fixture(scope="module")
def chromium():
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with api.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


class Expert:
    """A person at a browser, and what the rest of the region knows of them."""

    def __init__(self, chromium, server: SealPage) -> None:
        self.server = server
        self.context = chromium.new_context(base_url=server.url)
        self.page = self.context.new_page()
        self.complaints: list[str] = []
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.visit()
        self.log = region()
        recovery = raw_public(RECOVERY.public_key()).hex()
        self.verify_directory()
        owner = {"person": PERSON, "hospital": B}
        self.made = self.run("a => seals.createKeys(...a)", [owner, PASSPHRASE, recovery])
        self.announce()
        self.key = os.urandom(32)
        self.handle = self.open_wraps()

    def visit(self) -> None:
        self.page.goto("/")
        self.page.wait_for_function("document.title === 'ready'")

    def run(self, script: str, given: object = None):
        return self.page.evaluate(script, given)

    def refusal(self, call: str, given: object = None) -> str:
        return self.run(f"a => refusal({call})", given)

    def verify_directory(self) -> dict:
        entries = [entry.decode() for entry in self.log.data()]
        given = [entries, self.log.head().decode(), self.log.hub_public.hex()]
        return self.run("a => seals.verifyDirectory(...a)", given)

    def announce(self) -> None:
        agree, sign = (bytes.fromhex(self.made[name]) for name in ("agree_public", "sign_public"))
        facts = PersonFacts(B, "李医生", "imaging", "副主任医师", "expert")
        said = attestation_bytes(BOX_B.id, PERSON, facts.name, B, self.made["id"])
        attested = BOX_B.key.sign(said).hex()
        self.log.add("person", PERSON, person_body(facts, agree, sign, attested))
        view = self.verify_directory()
        assert view["people"][PERSON]["attested"] == BOX_B.id

    def wraps(self) -> str:
        known = verify_directory(self.log.data(), self.log.head(), self.log.hub_public)
        to = [(PERSON, known.recipient(PERSON).agree_public)]
        wraps = consult_key.wrap_for(self.key, to, **PLACE)
        return consult_key.sign_wraps(consult_key.WrapSet(CONSULT, 1, wraps, ()), BOX_A).decode()

    def open_wraps(self) -> str:
        given = [self.wraps(), {**PLACE, "hospital": A}]
        return self.run("a => seals.openWrapSet(...a)", given)


@pytest.fixture(scope="module", params=["today", "Chromium 109"])
def expert(request, chromium, dist):
    server = SealPage(dist, old=request.param != "today")
    someone = Expert(chromium, server)
    yield someone
    assert someone.complaints == []
    someone.context.close()
    server.close()


def context(**changes) -> objects.ObjectContext:
    whole = {
        "object": "o_" + "1" * 32,
        "kind": "frames",
        "position": {"study": 1, "frames": [0, 2]},
    }
    return objects.ObjectContext(**{**PLACE, **whole, **changes})


def as_json(where: objects.ObjectContext) -> dict:
    return {
        "consult": where.consult, "epoch": where.epoch, "object": where.object,
        "kind": where.kind, "position": dict(where.position),
    }  # fmt: skip


def served(expert: Expert, name: str, data: bytes) -> dict:
    expert.server.objects[name] = data
    return {"url": f"/object/{name}", "size": len(data)}


def test_python_opens_the_persons_keys_and_the_hub_cannot(expert):
    wrapped = from_base64url(expert.made["wrapped"])
    opened = person.unwrap(wrapped, PASSPHRASE)
    recovered = person.recover(from_base64url(expert.made["recovery"]), RECOVERY)
    assert opened.key == recovered.key == expert.made["id"]
    assert json.loads(wrapped)["box"]["kdf"]["memory_kib"] >= 65536
    for blob in (wrapped, from_base64url(expert.made["recovery"])):
        assert secrets_of(opened)[0] not in blob.hex()


def test_the_browser_opens_what_python_sealed(expert):
    plain = os.urandom(700_000)
    sealed = objects.seal(plain, expert.key, os.urandom(32), context())
    source = served(expert, "frames", sealed)
    address = objects.address_of(sealed)
    given = [expert.handle, as_json(context()), source, address]
    whole = expert.run("a => seals.openObject(...a).then(digest)", given)
    assert whole == hashlib.sha256(plain).hexdigest()
    expert.server.ranges.clear()
    given = [expert.handle, as_json(context()), source, 300_000, 300_100]
    assert (
        expert.run("a => seals.openObjectRange(...a).then(hex)", given)
        == plain[300_000:300_100].hex()
    )
    step = (1 << 17) + 16
    assert expert.server.ranges == [("frames", 0, 69), ("frames", 69 + 2 * step, 69 + 3 * step)]
    assert expert.refusal("seals.openObject(...a)", [*given[:3], "0" * 64]) == "AddressMismatch"


def test_the_page_may_read_the_bytes_itself(expert):
    sealed = objects.seal(b"x" * 1000, expert.key, os.urandom(32), context())
    script = """([handle, context, data]) => {
      const bytes = Uint8Array.from(data);
      const read = async (from, to) => bytes.slice(from, to);
      return seals.openObjectRange(handle, context, { read, size: bytes.length }, 10, 20).then(hex);
    }"""
    assert expert.run(script, [expert.handle, as_json(context()), list(sealed)]) == "78" * 10
    broken = script.replace("bytes.slice(from, to)", "{ throw new Error('line') }")
    broken = broken.replace(".then(hex)", ".catch((fault) => fault.message)")
    where = as_json(context(kind="qc"))
    assert "could not read" in expert.run(broken, [expert.handle, where, list(sealed)])


def test_the_browser_refuses_what_was_changed_or_moved(expert):
    sealed = objects.seal(os.urandom(300_000), expert.key, os.urandom(32), context())
    other = objects.seal(os.urandom(300_000), expert.key, os.urandom(32), context())
    at, step = 69, (1 << 17) + 16
    bad = {
        "cut": sealed[: at + 2 * step],
        "flipped": sealed[:200_000] + bytes([sealed[200_000] ^ 1]) + sealed[200_001:],
        "reordered": sealed[:at] + sealed[at + step : at + 2 * step] + sealed[at : at + step]
        + sealed[at + 2 * step :],
        "spliced": sealed[:at] + other[at : at + step] + sealed[at + step :],
        "header": other[:at] + sealed[at:],
        "two keys": objects.seal(b"x", os.urandom(32), os.urandom(32), context()),
    }  # fmt: skip
    for name, data in bad.items():
        source = served(expert, name.replace(" ", "-"), data)
        given = [expert.handle, as_json(context()), source, objects.address_of(data)]
        assert expert.refusal("seals.openObject(...a)", given) == "ObjectDamaged", name
        given = [expert.handle, as_json(context()), source, 0, 10**6]
        assert expert.refusal("seals.openObjectRange(...a)", given) == "ObjectDamaged", name
    suite = served(expert, "suite", sealed[:3] + b"\x02" + sealed[4:])
    given = [expert.handle, as_json(context()), suite, 0, 9]
    assert expert.refusal("seals.openObjectRange(...a)", given) == "SuiteUnknown"
    whole = served(expert, "moved", sealed)
    for changes in ({"kind": "qc"}, {"epoch": 2}, {"consult": "c_" + "9" * 32}, {"position": {}}):
        given = [expert.handle, as_json(context(**changes)), whole, objects.address_of(sealed)]
        assert expert.refusal("seals.openObject(...a)", given) == "ObjectDamaged"


def test_python_opens_and_refuses_what_the_browser_sealed(expert):
    where = context(kind="opinion", position={})
    script = "([h, c, t]) => seals.sealInline(h, c, new TextEncoder().encode(t))"
    text = expert.run(script, [expert.handle, as_json(where), "右上肺空洞，建议痰检"])
    assert objects.open_inline(text, expert.key, where).decode() == "右上肺空洞，建议痰检"
    for other in (
        context(kind="answer", position={}),
        context(kind="opinion", epoch=2, position={}),
    ):
        with pytest.raises(objects.ObjectDamaged):
            objects.open_inline(text, expert.key, other)
    script = """async ([h, c]) => {
      const { sealed, address } = await seals.sealObject(h, c, new Uint8Array(300000).fill(7));
      return [hex(sealed), address];
    }"""
    sealed, address = expert.run(script, [expert.handle, as_json(where)])
    data = bytes.fromhex(sealed)
    assert objects.open_whole(data, expert.key, where, address) == b"\x07" * 300_000
    for bad in (data[:-1], data[: 69 + 2 * ((1 << 17) + 16)], data[:500] + b"\0" + data[501:]):
        with pytest.raises(objects.ObjectDamaged):
            objects.open_whole(bad, expert.key, where)


def test_statements_cross_both_ways(expert):
    body = {"consult": CONSULT, "kind": "opinion", "text": "é\u2028", "n": [0.1, 1e21, -7]}
    made = expert.run("a => seals.signStatement(...a)", [body, DOMAIN])
    known = verify_directory(expert.log.data(), expert.log.head(), expert.log.hub_public)
    statement = open_statement(made["text"].encode(), known.book(), DOMAIN)
    assert (statement.body, statement.sha256) == (body, made["sha256"])
    assert (statement.signer.person, statement.signer.key) == (PERSON, expert.made["id"])
    back = expert.run("a => seals.verifyStatement(...a)", [made["text"], DOMAIN])
    assert back["sha256"] == made["sha256"]
    spoilt = made["text"].replace(CONSULT, "c_" + "2" * 32)
    assert expert.refusal("seals.verifyStatement(...a)", [spoilt, DOMAIN]) == "SignatureWrong"
    assert expert.refusal("seals.verifyStatement(...a)", [made["text"], "other"]) == "DomainWrong"
    assert expert.refusal("seals.verifyStatement(...a)", [expert.wraps(), None]) == "opened"


def test_a_wrap_for_somebody_else_or_by_somebody_else_opens_nothing(expert):
    mine = bytes.fromhex(expert.made["agree_public"])
    other = raw_public(p256_key("stranger").public_key())
    node = raw_public(RECOVERY.public_key())

    def wraps(public: bytes, recipient: str = PERSON, epoch: int = 1, box=BOX_A) -> str:
        place = {**PLACE, "epoch": epoch, "recipient": PERSON}
        sealed = consult_key.wrap(os.urandom(32), public, **place)
        one = consult_key.Wrap(recipient, fingerprint(mine), sealed)
        return consult_key.sign_wraps(consult_key.WrapSet(CONSULT, epoch, (one,), ()), box).decode()

    expected = {**PLACE, "hospital": A}
    later = {**expected, "epoch": 2}
    for text, where, found in [
        (wraps(mine, epoch=2), later, "opened"),
        (wraps(other), expected, "WrapBroken"),
        (wraps(mine, "p_other"), expected, "WrapBroken"),
        (wraps(mine), later, "WrapBroken"),
        (wraps(node), expected, "SuiteUnknown"),
        (wraps(mine, box=BOX_B), expected, "SignerUnknown"),
        (wraps(mine, epoch=2, box=BOX_B), {**later, "hospital": B}, "OwnerChanged"),
    ]:
        assert expert.refusal("seals.openWrapSet(...a)", [text, where]) == found


def secrets_of(opened: person.PersonSecrets) -> list[str]:
    """Hex of the private numbers, as they would stand in any unwrapped form."""
    keys = (opened.agree, opened.sign)
    numbers = [key.private_numbers().private_value.to_bytes(32, "big").hex() for key in keys]
    ders = [
        key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()).hex() for key in keys
    ]
    return numbers + ders


def test_no_key_ever_leaves_the_worker_unwrapped(expert):
    opened = person.unwrap(from_base64url(expert.made["wrapped"]), PASSPHRASE)
    script = "a => seals.changePassphrase(...a)"
    fresh = expert.run(script, [expert.made["wrapped"], PASSPHRASE, "a second passphrase"])
    assert person.unwrap(from_base64url(fresh), "a second passphrase").key == opened.key
    crossed = expert.run("() => crossed()")
    assert expert.made["id"] in crossed
    assert "CRYPTOKEY" not in crossed
    secrets = [*secrets_of(opened), expert.key.hex()]
    secrets += [to_base64url(bytes.fromhex(one)) for one in secrets]
    assert [one for one in secrets if one in crossed] == []


def test_what_stays_on_the_computer_cannot_be_exported(expert):
    script = """() => new Promise((resolve, reject) => {
      const asked = indexedDB.open('xinglin-seals');
      asked.onerror = reject;
      asked.onsuccess = () => {
        const all = asked.result.transaction('keys').objectStore('keys').getAll();
        all.onsuccess = async () => {
          const [kept] = all.result;
          const halves = [kept.agree.privateKey, kept.sign];
          const tries = halves.flatMap((key) =>
            ['pkcs8', 'jwk'].map((form) =>
              crypto.subtle.exportKey(form, key).then(() => 'out', () => 'kept')));
          asked.result.close();
          resolve([await Promise.all(tries), halves.map((key) => key.extractable)]);
        };
      };
    })"""
    assert expert.run(script) == [["kept"] * 4, [False, False]]


def test_a_reload_resumes_and_another_computer_needs_the_passphrase(expert, chromium):
    assert expert.run("() => seals.saveDraft('case', '草稿')") is None
    expert.visit()
    assert expert.refusal("seals.signStatement({}, 'x')") == "KeysLocked"
    who = [PERSON, expert.made["id"]]
    assert expert.run("a => seals.resume(...a)", who)["person"] == PERSON
    assert expert.run("() => seals.loadDraft('case')") == "草稿"
    expert.verify_directory()
    expert.handle = expert.open_wraps()
    elsewhere = chromium.new_context(base_url=expert.server.url)
    page = elsewhere.new_page()
    page.goto("/")
    page.wait_for_function("document.title === 'ready'")
    assert page.evaluate("a => seals.resume(...a)", who) is None
    wrong = "a => refusal(seals.unlock(a, 'the wrong passphrase'))"
    assert page.evaluate(wrong, expert.made["wrapped"]) == "PersonKeysBroken"
    opened = page.evaluate("a => seals.unlock(...a)", [expert.made["wrapped"], PASSPHRASE])
    assert opened == {"person": PERSON, "key": expert.made["id"]}
    made = page.evaluate("() => seals.signStatement({ n: 1 }, 'second computer')")
    known = verify_directory(expert.log.data(), expert.log.head(), expert.log.hub_public)
    assert open_statement(made["text"].encode(), known.book()).body == {"n": 1}
    elsewhere.close()


def test_the_browser_remembers_the_directory(expert):
    evil = region()
    evil.hub = node_key("another hub")
    entries = [entry.decode() for entry in evil.data()]
    pinned = expert.log.hub_public.hex()
    short = [entries, region().head().decode(), pinned]
    assert expert.refusal("seals.verifyDirectory(...a)", short) == "DirectoryRewound"
    other = [entries, evil.head().decode(), evil.hub_public.hex()]
    assert expert.refusal("seals.verifyDirectory(...a)", other) == "HeadUnsigned"
    forged = [[], evil.head().decode(), pinned]
    assert expert.refusal("seals.verifyDirectory(...a)", forged) == "HeadUnsigned"
    fork = region()
    fork.hospital(A, "另一家")
    fork.hospital(A, "再一家")
    given = [[fork.data()[7].decode()], fork.head().decode(), pinned]
    assert expert.refusal("seals.verifyDirectory(...a)", given) == "DirectoryForked"


def test_forgetting_leaves_nothing_to_resume(expert):
    assert expert.run("a => seals.forget(a)", PERSON) is None
    assert expert.run("a => seals.resume(...a)", [PERSON, expert.made["id"]]) is None
    assert expert.refusal("seals.signStatement({}, 'x')") == "KeysLocked"
