"""A hospital's word for a key, from the box through the outbox and the hub into the directory."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace

import pytest

from core.seals.attestation import open_attestation, sign_attestation
from core.seals.directory import Directory
from core.seals.directory_entries import attestation_body
from core.seals.errors import (
    DirectoryMalformed,
    DomainWrong,
    SignatureWrong,
    SignerRevoked,
    StatementMalformed,
)
from core.seals.keybook import spoken
from core.seals.statements import sign_node
from edge.uplink.directory import BoxDirectory
from edge.uplink.link_errors import KeyMoved
from edge.uplink.vouching import own_people, vouch
from hub.registry.errors import KeyNotPresent, NotTheBoxsWord
from hub.registry.keys import PersonKeys, attest_in, read_key
from tests.hub_people import BrowserKey, Crew
from tests.seal_site import EXPERT, MEMBER, A, B, Log, node_key, region
from tests.sync_site import SyncBox, SyncSite, now_ms, running, until


class Clock:
    """The real time, as the accounts' tests want it."""

    @property
    def at(self):
        return now_ms()


@pytest.fixture
def site(hub_url, tmp_path):
    made = SyncSite(tmp_path / "region", hub_url).start()
    with running(made):
        yield made


@pytest.fixture
def crew(site):
    return Crew(site.site, Clock())


@contextmanager
def boxes(site, folder, *hospitals):
    """Boxes that have joined; their links run and are ended whatever happens."""
    made = []
    try:
        for n, hospital in enumerate(hospitals):
            made.append(SyncBox(site, folder / f"box {n}", hospital))
            made[-1].up()
        yield made
    finally:
        for one in made:
            one.close()


def _parts(box):
    return BoxDirectory(box.box, box.credentials.region())


def rows(box):
    return own_people(_parts(box).current(), box.credentials.region().hospital, box.outbox)


def state(box):
    return [row["state"] for row in rows(box)]


def give_key(crew, user):
    key = BrowserKey()
    PersonKeys(crew.site).register(crew.ids[user], read_key(key.form))
    return key


def the_word(box, crew, user):
    directory = _parts(box).current()
    return sign_attestation(box.box.identity, directory.recipient(crew.ids[user]))


def test_a_key_is_vouched_for_at_the_hospital_and_everybody_sees_it(site, crew, tmp_path):
    crew.add("zhang")
    first = give_key(crew, "zhang")
    with boxes(site, tmp_path, crew.hospital, "") as (own, other):
        until(lambda: state(own) == ["unconfirmed"], what="the key at its hospital")
        assert state(other) == []  # nobody of theirs
        (row,) = rows(own)
        assert (row["print"], row["before"]) == (spoken(first.id), "")
        of = (crew.hospital, crew.ids["zhang"], row["key"])
        own.down()
        vouch(own.box, own.outbox, _parts(own).current(), of)
        assert state(own) == ["sending"]  # durable: the line is down
        own.up()
        until(lambda: state(own) == ["confirmed"], what="the entry")
        until(
            lambda: _parts(other).current().recipient(crew.ids["zhang"]).attested == own.node,
            what="the other box",
        )
        second = give_key(crew, "zhang")
        until(lambda: state(own) == ["unconfirmed"], what="another key is confirmed anew")
        (row,) = rows(own)
        assert (row["print"], row["before"]) == (spoken(second.id), spoken(first.id))
        with pytest.raises(KeyMoved):
            vouch(own.box, own.outbox, _parts(own).current(), of)  # what was looked at is gone
        of = (of[0], of[1], second.id)
        with pytest.raises(KeyMoved):
            vouch(other.box, other.outbox, _parts(other).current(), ("h_" + "0" * 16, *of[1:]))


def test_the_hub_takes_the_word_only_of_the_persons_own_hospital(site, crew, tmp_path):
    crew.add("zhang")
    give_key(crew, "zhang")
    with boxes(site, tmp_path, crew.hospital, "") as (own, other):
        until(lambda: state(own) == ["unconfirmed"], what="the key")
        until(lambda: crew.ids["zhang"] in _parts(other).current().contents.people, what="other")
        word, foreign = (the_word(one, crew, "zhang") for one in (own, other))
        size = site.site.directory.current().size

        def take(node, data):
            with site.site.database.write() as sql:
                return attest_in(site.site, sql, node, data)

        for node, data, refusal in (
            (other.node, foreign, NotTheBoxsWord),  # another hospital's box
            (other.node, word, NotTheBoxsWord),  # our box's word, brought by another
            (own.node, word[:-3] + b"0" + word[-2:], (SignatureWrong, StatementMalformed)),
        ):
            with pytest.raises(refusal):
                take(node, data)
        assert site.site.directory.current().size == size
        seq = take(own.node, word)
        assert (seq, take(own.node, word)) == (size + 1, size + 1)  # again changes nothing
        crew.people.change(crew.ids["zhang"], {"title": "associate_chief"})
        known = site.site.directory.current().recipient(crew.ids["zhang"])
        assert (known.title, known.attested) == ("associate_chief", own.node)
        crew.people.change(crew.ids["zhang"], {"name": "别的名字"})
        assert site.site.directory.current().recipient(crew.ids["zhang"]).attested == ""
        with pytest.raises(KeyNotPresent):
            take(own.node, word)  # it was for another name
        PersonKeys(site.site).retire(crew.ids["zhang"])
        with pytest.raises(KeyNotPresent):
            take(own.node, word)


def test_a_word_that_comes_too_late_is_a_dead_letter_that_people_see(site, crew, tmp_path):
    crew.add("zhang")
    key = give_key(crew, "zhang")
    with boxes(site, tmp_path, crew.hospital) as (own,):
        until(lambda: state(own) == ["unconfirmed"], what="the key")
        own.down()
        before = _parts(own).current()
        crew.people.change(crew.ids["zhang"], {"name": "别的名字"})
        vouch(own.box, own.outbox, before, (crew.hospital, crew.ids["zhang"], key.id))
        own.up()
        until(lambda: own.outbox.dead(), what="the refusal")
        assert own.outbox.dead()[0]["error"]["code"] == "E7624"
        until(lambda: [row["name"] for row in rows(own)] == ["别的名字"], what="the new name")
        (row,) = rows(own)
        assert row["state"] == "unconfirmed"  # under this name nobody has vouched


def test_a_word_is_of_one_box_person_name_key():
    log = region()
    known = log_directory(log).recipient(EXPERT.id)
    box, contents = node_key(f"{B} box"), log_directory(log)
    said = open_attestation(sign_attestation(box, known), contents.book())
    assert said.is_of(known)
    assert said.node == box.id
    for change in ({"person": MEMBER.id}, {"name": "x"}, {"hospital": A}, {"key": MEMBER.key}):
        assert not said.is_of(replace(known, **change))
    body = attestation_body(known.person, known.name, known.hospital, known.key)
    with pytest.raises(DomainWrong):
        open_attestation(sign_node(body, "xinglin witness v1", box), contents.book())
    for wrong in (body | {"more": ""}, {**body, "key": 1}, {"person": EXPERT.id}):
        with pytest.raises(StatementMalformed):
            open_attestation(sign_node(wrong, "xinglin person key v1", box), contents.book())
    log.add("revoked", box.id, {"node": box.id})
    after = log_directory(log)
    with pytest.raises(SignerRevoked):
        open_attestation(sign_attestation(box, known), after.book())
    assert contents.contents.vouched(known)
    assert not after.contents.vouched(after.recipient(EXPERT.id))  # the box stands no more
    assert contents.contents.has_box(B)
    assert not after.contents.has_box(B)


def test_an_attested_key_cannot_be_hung_on_another_name():
    log = region()
    entry = next(one for one in log.entries if one.id == EXPERT.id)
    log.add("person", EXPERT.id, entry.body | {"name": "假名"})
    with pytest.raises(DirectoryMalformed):
        log_directory(log)


def log_directory(log: Log) -> Directory:
    return Directory.of(log.hub_public).extend(log.data(), log.head())
