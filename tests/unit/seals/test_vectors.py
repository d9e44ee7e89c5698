"""The vectors that the browser's tests run too (web/test/seals): same answers, same refusals."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from core.errors import XinglinError
from core.records.canonical import from_bytes, to_bytes
from core.seals import consult_key, errors, objects, person
from core.seals.directory import Directory, check_witness, verify_directory
from core.seals.statements import open_statement, parse
from core.seals.text import from_base64url
from tests.seal_vectors import stream

ROOT = Path(__file__).resolve().parents[3]
GOLDEN = json.loads((ROOT / "tests/golden/seals/seals.json").read_text(encoding="utf-8"))
KEY = bytes.fromhex(GOLDEN["key"])
DIRECTORY = GOLDEN["directory"]
HERE = objects.ObjectContext(**GOLDEN["objects"]["context"])
EXPERT = person.unwrap(from_base64url(GOLDEN["expert"]["wrapped"]), GOLDEN["expert"]["passphrase"])


def encoded(texts: list[str]) -> list[bytes]:
    return [one.encode() for one in texts]


def known() -> Directory:
    hub = bytes.fromhex(DIRECTORY["hub_public"])
    return verify_directory(encoded(DIRECTORY["entries"]), DIRECTORY["head"].encode(), hub)


def refused(name: str):
    return pytest.raises(getattr(errors, name))


def test_canonical_forms():
    for one in GOLDEN["canonical"]:
        assert to_bytes(json.loads(one["value"])) == from_base64url(one["bytes"])
    for text in GOLDEN["not_canonical"]:
        wrapped = '{"signature":"","statement":' + (text or '""') + "}"
        with refused("StatementMalformed"):
            parse(wrapped.encode())


def test_statements():
    book = known().book()
    for one in GOLDEN["statements"]["good"]:
        assert open_statement(one["text"].encode(), book).sha256 == one["sha256"]
    for one in GOLDEN["statements"]["bad"]:
        with refused(one["refusal"]):
            open_statement(one["text"].encode(), book, GOLDEN["domain"])


def test_objects():
    for one in GOLDEN["objects"]["good"]:
        sealed = from_base64url(one["sealed"])
        plain = objects.open_whole(sealed, KEY, HERE, one["address"])
        assert plain == stream(one["length"], "plain")
        for other in GOLDEN["objects"]["other_contexts"]:
            with refused("ObjectDamaged"):
                objects.open_whole(sealed, KEY, objects.ObjectContext(**other))
    for one in GOLDEN["objects"]["bad"]:
        with refused(one["refusal"]):
            objects.open_whole(from_base64url(one["sealed"]), KEY, HERE)


def test_wraps():
    good = GOLDEN["wraps"]["good"]
    sealed = from_base64url(good["sealed"])
    assert consult_key.unwrap(sealed, EXPERT.agree, **good["place"]) == KEY
    for one in GOLDEN["wraps"]["bad"]:
        with refused(one["refusal"]):
            consult_key.unwrap(from_base64url(one["sealed"]), EXPERT.agree, **one["place"])


def test_directory():
    hub = bytes.fromhex(DIRECTORY["hub_public"])
    directory = known()
    assert directory.hub_public == hub
    for who, node in DIRECTORY["attested"].items():
        assert directory.recipient(who).attested == node
    for one in DIRECTORY["extend"]:
        entries, head = encoded(one["entries"]), one["head"].encode()
        if one["refusal"]:
            with refused(one["refusal"]):
                directory.extend(entries, head)
        else:
            assert directory.extend(entries, head).size >= directory.size


def test_witnesses_and_further_boxes():
    directory = known()
    for one in DIRECTORY["witnesses"]:
        if one["refusal"] == "WitnessConflict":
            with refused("WitnessConflict"):
                check_witness(directory, one["text"].encode())
        else:
            _, head = check_witness(directory, one["text"].encode())
            assert (head.size > directory.size) == (one["refusal"] == "ahead")
    second = DIRECTORY["extend"][-1]
    grown = directory.extend(encoded(second["entries"]), second["head"].encode())
    (change,) = grown.changed_keys(6)
    found = {"id": change.id, "old": change.old, "new": change.new}
    assert (change.kind, found) == ("box", DIRECTORY["second_box"])
    assert {one.attested for one in grown.contents.people.values()} == {change.old, ""}


def test_retired_and_revoked():
    grown = DIRECTORY["extend"][0]
    directory = known().extend(encoded(grown["entries"]), grown["head"].encode())
    changed = [{"id": c.id, "old": c.old, "new": c.new} for c in directory.changed_keys(6)]
    assert changed == DIRECTORY["changed"]
    for name, refusal in [
        ("signed_by_retired", "KeyRetired"),
        ("signed_by_revoked", "SignerRevoked"),
    ]:
        data = DIRECTORY[name].encode()
        assert open_statement(data, directory.book(DIRECTORY["before"])).body == {"n": 1}
        for as_of in ("", DIRECTORY["after"]):
            with refused(refusal):
                open_statement(data, directory.book(as_of))


def test_person():
    expert = GOLDEN["expert"]
    assert (EXPERT.person, EXPERT.key) == (expert["person"], expert["key"])
    printed = X25519PrivateKey.from_private_bytes(bytes.fromhex(expert["recovery_private"]))
    assert person.recover(from_base64url(expert["recovery"]), printed).key == expert["key"]


def test_the_browser_says_the_same_sentences():
    ours = {
        name: {"code": one.code, "zh": one.zh, "en": one.en}
        for name, one in vars(errors).items()
        if isinstance(one, type) and issubclass(one, XinglinError) and one is not XinglinError
    }
    theirs = from_bytes((ROOT / "web/src/seals/refusals.json").read_bytes())
    assert theirs == ours
