"""Makes tests/golden/seals/seals.json: ``python -m tests.seal_vectors``.

What both languages must accept and must refuse, and with which refusal. Secrets are derived from
names and protect nothing. HPKE and ECDSA draw their own randomness, so that the file differs in
those places each time it is made; it is made once.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from core.records.canonical import to_bytes
from core.seals import consult_key, objects, person
from core.seals.directory import Directory, verify_directory, witness
from core.seals.directory_entries import node_body
from core.seals.keybook import raw_public
from core.seals.statements import join, open_statement, parse, sign_node, sign_person
from core.seals.text import to_base64url
from tests.seal_site import (
    CONSULT,
    EXPERT,
    MEMBER,
    P256_ORDER,
    A,
    B,
    Log,
    PersonPair,
    at_time,
    node_key,
    region,
    secret,
    x25519_key,
)

TARGET = Path(__file__).parent / "golden/seals/seals.json"
DOMAIN = "xinglin consult event v1"
KEY = secret("consult key")
PASSPHRASE = "杏林春暖 correct horse"
CHEAP = person.Cost(19 * 1024, 1, 1)  # the least that is accepted: the tests open it often
BOX_A, BOX_B = node_key(f"{A} box"), node_key(f"{B} box")


def stream(length: int, name: str) -> bytes:
    """Bytes that both languages can make: SHA-256 of name ‖ counter."""
    blocks = (
        hashlib.sha256(name.encode() + n.to_bytes(4, "big")).digest()
        for n in range(-(-length // 32))
    )
    return b"".join(blocks)[:length]


def b64(data: bytes) -> str:
    return to_base64url(data)


def pkcs8(key) -> str:
    return b64(key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))


def context_json(context: objects.ObjectContext) -> dict:
    return {**dataclasses.asdict(context), "position": dict(context.position)}


# -- canonical JSON --------------------------------------------------------------------------------


def canonical_cases() -> list[dict]:
    values = [
        {"z": 1, "a": [True, None, -0.5, 1e-7, 1e21, 123456.75], "é": '\u20ac\\"\n\u0007'},
        {"\U0001f600": 1, "\ufb33": 2, "patient": "张三", "__proto__": {"x": 1}},
        {"n": 9007199254740991, "m": -9007199254740991, "": {"": []}},
        {"study": 0.1, "mm": 12.0, "tiny": 5e-324, "big": 1.7976931348623157e308},
    ]
    return [{"value": json.dumps(one), "bytes": b64(to_bytes(one))} for one in values]


NOT_CANONICAL = [
    '{"b":1,"a":2}',
    '{"a": 1}',
    '{"a":1.0}',
    '{"a":1,"a":1}',
    '{"a":9007199254740992}',
    '{"a":1e2}',
    '{"a":-0}',
    '{"a":"\\u0061"}',
    '{"a":"\\ud800"}',
    '{"a":NaN}',
    "[1]",
    "1",
    "",
    '{"a":' * 80 + "1" + "}" * 80,
]


# -- statements ------------------------------------------------------------------------------------


def statement_cases() -> tuple[list[dict], list[dict]]:
    body = {"consult": CONSULT, "kind": "opinion", "text": "右上肺 suspected, 0.5", "n": [1, 2.5]}
    node = sign_node(body, DOMAIN, BOX_A)
    hub = sign_node({"at": at_time(1)}, "xinglin notice v1", node_key("hub"))
    expert = sign_person(body, DOMAIN, EXPERT.id, EXPERT.key, EXPERT.sign)
    outer = json.loads(expert)
    twin_s = P256_ORDER - int(outer["signature"][64:], 16)
    twin = to_bytes({**outer, "signature": outer["signature"][:64] + f"{twin_s:064x}"})
    good = [
        {"text": data.decode(), "sha256": parse(data).statement.sha256}
        for data in (node, hub, expert, twin)
    ]
    stranger = node_key("stranger")
    swapped = parse(node).statement
    spoilt = dataclasses.replace(swapped, body={**body, "text": "无"})
    zero = join(parse(expert).statement, bytes(64))
    bad = [
        (sign_node(body, "xinglin wraps v1", BOX_A), "DomainWrong"),
        (sign_node(body, DOMAIN, stranger), "SignerUnknown"),
        (sign_person(body, DOMAIN, EXPERT.id, MEMBER.key, MEMBER.sign), "SignerUnknown"),
        (sign_person(body, DOMAIN, EXPERT.id, EXPERT.key, MEMBER.sign), "SignatureWrong"),
        (sign_person(body, DOMAIN, EXPERT.id, EXPERT.key, EXPERT.agree), "SignatureWrong"),
        (join(spoilt, parse(node).signature), "SignatureWrong"),
        (join(swapped, bytes(64)), "SignatureWrong"),
        (join(swapped, b"\xff" * 64), "SignatureWrong"),
        (zero, "SignatureWrong"),
        (node + b" ", "StatementMalformed"),
        (node.replace(b'"n":[1', b'"n":[1.0'), "StatementMalformed"),
        (to_bytes({**json.loads(node), "more": 1}), "StatementMalformed"),
        (to_bytes({**outer, "signature": outer["signature"][:126]}), "StatementMalformed"),
        (to_bytes({**outer, "signature": outer["signature"].upper()}), "StatementMalformed"),
        (b'{"signature":"","statement":[]}', "StatementMalformed"),
        (b"", "StatementMalformed"),
        (b"[" * 1000, "StatementMalformed"),
    ]
    return good, [{"text": data.decode(), "refusal": name} for data, name in bad]


# -- objects ---------------------------------------------------------------------------------------

HERE = objects.ObjectContext(
    CONSULT, 1, "o_" + "2" * 32, "frames", {"study": 1, "series": 2, "frames": [0, 8]}
)


def sealed_as(plain: bytes, context=HERE, salt: str = "salt", key: bytes = KEY) -> bytes:
    sealer = objects.Sealer(key, secret(salt), context, 10)
    return b"".join([sealer.header, *sealer.update(plain), sealer.final()])


def object_cases() -> tuple[list[dict], list[dict]]:
    good = []
    for length in (0, 1, 1023, 1024, 1025, 2048, 3000):
        sealed = sealed_as(stream(length, "plain"))
        good.append(
            {"length": length, "sealed": b64(sealed), "address": objects.address_of(sealed)}
        )
    sealed, other = sealed_as(stream(3000, "plain")), sealed_as(stream(3000, "x"), salt="other")
    there = dataclasses.replace(HERE, object="o_" + "9" * 32)
    moved = sealed_as(stream(3000, "plain"), there, "there")
    header, step = 69, 1040
    one, two = header + step, header + 2 * step
    bad = {
        "cut to whole chunks": sealed[:two],
        "cut within a chunk": sealed[:-7],
        "cut to the header": sealed[:header],
        "cut in the header": sealed[: header - 1],
        "nothing": b"",
        "chunks swapped": sealed[:header] + sealed[one:two] + sealed[header:one] + sealed[two:],
        "chunk twice": sealed[:one] + sealed[header:one] + sealed[one:],
        "chunk of another object": sealed[:header] + other[header:one] + sealed[one:],
        "chunk of another place": sealed[:header] + moved[header:one] + sealed[one:],
        "header of another object": other[:header] + sealed[header:],
        "another context": moved,
        "another key": sealed_as(stream(3000, "plain"), key=secret("another key")),
        "chunk size changed": sealed[:4] + b"\x0b" + sealed[5:],
        "chunk size absurd": sealed[:4] + b"\x3f" + sealed[5:],
        "magic": b"YLB" + sealed[3:],
        "appended": sealed + b"\0",
    }
    for at in (5, 36, 37, 68, 69, 100, one - 1, two + 3, len(sealed) - 1):
        bad[f"bit of byte {at}"] = sealed[:at] + bytes([sealed[at] ^ 4]) + sealed[at + 1 :]
    cases = [
        {"what": what, "sealed": b64(data), "refusal": "ObjectDamaged"}
        for what, data in bad.items()
    ]
    suite = sealed[:3] + b"\x02" + sealed[4:]
    cases.append({"what": "suite", "sealed": b64(suite), "refusal": "SuiteUnknown"})
    return good, cases


def context_cases() -> list[dict]:
    others = [
        dataclasses.replace(HERE, object="o_" + "3" * 32),
        dataclasses.replace(HERE, kind="report"),
        dataclasses.replace(HERE, position={}),
        dataclasses.replace(HERE, position={"study": 1, "series": 2, "frames": [8, 8]}),
        dataclasses.replace(HERE, epoch=2),
        dataclasses.replace(HERE, consult="c_" + "0" * 32),
    ]
    return [context_json(one) for one in others]


# -- wraps -----------------------------------------------------------------------------------------


def wrap_cases() -> tuple[dict, list[dict]]:
    place = {"consult": CONSULT, "epoch": 1, "recipient": EXPERT.id}
    sealed = consult_key.wrap(KEY, EXPERT.agree_public, **place)
    recovery = raw_public(x25519_key(f"{A} recovery").public_key())
    bad = [
        (sealed, {**place, "epoch": 2}, "WrapBroken"),
        (sealed, {**place, "recipient": MEMBER.id}, "WrapBroken"),
        (sealed, {**place, "consult": "c_" + "0" * 32}, "WrapBroken"),
        (consult_key.wrap(KEY, MEMBER.agree_public, **place), place, "WrapBroken"),
        (consult_key.wrap(KEY, recovery, **place), place, "SuiteUnknown"),
        (b"\x07" + sealed[1:], place, "SuiteUnknown"),
        (b"", place, "SuiteUnknown"),
        (sealed[:-1], place, "WrapBroken"),
        (sealed[:30], place, "WrapBroken"),
        (sealed[:1] + b"\x04" * 65 + sealed[66:], place, "WrapBroken"),
        (sealed[:-1] + bytes([sealed[-1] ^ 1]), place, "WrapBroken"),
        (sealed[:5] + bytes([sealed[5] ^ 1]) + sealed[6:], place, "WrapBroken"),
    ]
    cases = [{"sealed": b64(data), "place": where, "refusal": name} for data, where, name in bad]
    return {"sealed": b64(sealed), "place": place}, cases


def wrap_sets() -> dict:
    people = [(one.id, one.agree_public) for one in (EXPERT, MEMBER)]
    own = consult_key.WrapSet(
        CONSULT, 1, consult_key.wrap_for(KEY, people, consult=CONSULT, epoch=1), ()
    )
    without = dataclasses.replace(own, wraps=own.wraps[1:])
    good = consult_key.sign_wraps(own, BOX_A)
    later = consult_key.WrapSet(
        CONSULT, 2, consult_key.wrap_for(secret("hub's own"), people, consult=CONSULT, epoch=2), ()
    )
    return {
        "other_owner": consult_key.sign_wraps(later, BOX_B).decode(),
        "good": good.decode(),
        "expected": {"consult": CONSULT, "epoch": 1, "hospital": A},
        "bad": [
            {"text": text.decode(), "refusal": name}
            for text, name in [
                (consult_key.sign_wraps(own, BOX_B), "SignerUnknown"),
                (consult_key.sign_wraps(own, node_key("hub")), "SignerUnknown"),
                (consult_key.sign_wraps(own, node_key("stranger")), "SignerUnknown"),
                (consult_key.sign_wraps(without, BOX_A), "WrapBroken"),
                (consult_key.sign_wraps(dataclasses.replace(own, epoch=2), BOX_A), "WrapBroken"),
                (good.replace(b'"epoch":1', b'"epoch":3'), "SignatureWrong"),
            ]
        ],
    }


# -- directory -------------------------------------------------------------------------------------


def texts(data: list[bytes]) -> list[str]:
    return [one.decode() for one in data]


def opened(log: Log, size: int | None = None) -> Directory:
    return verify_directory(log.data(size), log.head(size), log.hub_public)


def directory_cases() -> dict:
    log = region()
    cases: list[dict] = []

    def case(what: str, entries: list[bytes], head: bytes, refusal: str) -> None:
        cases.append(
            {"what": what, "entries": texts(entries), "head": head.decode(), "refusal": refusal}
        )

    grown = region()
    grown.person(PersonPair.of(EXPERT.id, "2"), B, BOX_B)
    grown.add("retired", EXPERT.id, {"key": EXPERT.key})
    grown.add("revoked", MEMBER.id, {"person": MEMBER.id})
    grown.add("revoked", BOX_A.id, {"node": BOX_A.id})
    case("grown", grown.data(), grown.head(), "")
    case("grown, only what is new", grown.data()[6:], grown.head(), "")
    case("the same", [], log.head(), "")
    evil = Log()
    evil.hospital(A, "甲县人民医院")
    evil.hospital(B, "市胸科医院")
    evil.node(A)
    evil.node(B)
    evil.person(PersonPair.of(EXPERT.id, "hub's own"), B)
    evil.person(MEMBER, B)
    case("key swapped", evil.data(), evil.head(), "DirectoryForked")
    case("key swapped, head only", [], evil.head(), "DirectoryForked")
    evil.node(B)
    case("key swapped, later entries", evil.data()[6:], evil.head(), "DirectoryForked")
    case("shorter and another", [], evil.head(5), "DirectoryForked")
    case("rewound", log.data(4), log.head(4), "DirectoryRewound")
    case("too few", grown.data()[6:8], grown.head(), "DirectoryIncomplete")
    case("too many", grown.data(), log.head(), "DirectoryIncomplete")
    other = Log(node_key("another hub"))
    case("another hub", [], other.head(), "HeadUnsigned")
    seen = witness(opened(log), at_time(9), log.hub)
    case("a witness is no head", [], seen, "HeadUnsigned")
    case("no head", [], b"{}", "HeadUnsigned")
    for what, changes in {
        "unknown hospital": {"hospital": "h_x"},
        "key id": {"key": "0" * 64},
        "no point": {"agree_public": "04" + "11" * 64},
        "compressed point": {"sign_public": "02" + "11" * 32},
        "false attestation": {"attested": "0" * 128},
        "surplus field": {"more": ""},
    }.items():
        bad = region()
        bad.add("person", EXPERT.id, {**bad.entries[4].body, **changes})
        case(what, bad.data()[6:], bad.head(), "DirectoryMalformed")
    for kind, subject, body in [
        ("node", "0" * 64, log.entries[2].body),
        ("node", BOX_A.id, {**log.entries[2].body, "hospital": B}),
        ("retired", EXPERT.id, {"key": "0" * 64}),
        ("revoked", "p_nobody", {"person": "p_nobody"}),
        ("revoked", EXPERT.id, {"person": MEMBER.id}),
        ("gossip", EXPERT.id, {}),
    ]:
        bad = region()
        bad.add(kind, subject, body)
        case(f"{kind} {subject[:8]}", bad.data()[6:], bad.head(), "DirectoryMalformed")
    second = region()
    new_box = node_key("second box")
    seal = raw_public(x25519_key("second seal").public_key())
    sign = raw_public(new_box.key.public_key())
    second.add("node", new_box.id, node_body(B, sign, seal))
    second.add("revoked", BOX_B.id, {"node": BOX_B.id})
    second.person(MEMBER, B, BOX_B)
    case("a further box; attested by a revoked one", second.data(), second.head(), "")
    witnesses = [
        {"text": witness(seen_by, at_time(9), BOX_B).decode(), "refusal": refusal}
        for seen_by, refusal in [
            (opened(log), ""),
            (opened(grown), "ahead"),
            (opened(evil), "ahead"),
            (opened(evil, 5), "WitnessConflict"),
        ]
    ]
    return {
        "witnesses": witnesses,
        "second_box": {"id": B, "old": BOX_B.id, "new": new_box.id},
        "hub_public": log.hub_public.hex(),
        "entries": texts(log.data()),
        "head": log.head().decode(),
        "extend": cases,
        "changed": [{"id": EXPERT.id, "old": EXPERT.key, "new": PersonPair.of(EXPERT.id, "2").key}],
        "attested": {EXPERT.id: BOX_B.id, MEMBER.id: ""},
        "signed_by_retired": sign_person(
            {"n": 1}, DOMAIN, EXPERT.id, EXPERT.key, EXPERT.sign
        ).decode(),
        "signed_by_revoked": sign_person(
            {"n": 1}, DOMAIN, MEMBER.id, MEMBER.key, MEMBER.sign
        ).decode(),
        "before": at_time(6),
        "after": at_time(9),
    }


def main() -> None:
    """Write the file."""
    secrets = person.PersonSecrets(EXPERT.id, EXPERT.key, EXPERT.agree, EXPERT.sign)
    recovery = raw_public(x25519_key(f"{B} recovery").public_key())
    good_statements, bad_statements = statement_cases()
    good_objects, bad_objects = object_cases()
    good_wrap, bad_wraps = wrap_cases()
    log = region()
    book = verify_directory(log.data(), log.head(), log.hub_public).book()
    for one in good_statements:
        open_statement(one["text"].encode(), book)
    whole = {
        "note": "made by python -m tests.seal_vectors; the secrets protect nothing",
        "key": KEY.hex(),
        "domain": DOMAIN,
        "expert": {
            "person": EXPERT.id,
            "hospital": B,
            "key": EXPERT.key,
            "agree": pkcs8(EXPERT.agree),
            "agree_public": EXPERT.agree_public.hex(),
            "sign": pkcs8(EXPERT.sign),
            "sign_public": EXPERT.sign_public.hex(),
            "passphrase": PASSPHRASE,
            "wrapped": b64(person.wrap(secrets, PASSPHRASE, lambda n: stream(n, "wrap"), CHEAP)),
            "recovery": b64(person.seal_for_recovery(secrets, B, recovery)),
            "recovery_private": secret(f"{B} recovery").hex(),
        },
        "canonical": canonical_cases(),
        "not_canonical": NOT_CANONICAL,
        "statements": {"good": good_statements, "bad": bad_statements},
        "objects": {
            "context": context_json(HERE),
            "good": good_objects,
            "bad": bad_objects,
            "other_contexts": context_cases(),
        },
        "wraps": {"good": good_wrap, "bad": bad_wraps, "sets": wrap_sets()},
        "directory": directory_cases(),
    }
    text = json.dumps(whole, ensure_ascii=False, indent=1) + "\n"
    TARGET.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
