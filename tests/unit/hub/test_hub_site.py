"""The hub's folder, keys, settings, journals."""

from __future__ import annotations

import os

import pytest

from core.journal.chain import verify
from core.journal.checkpoint import is_signed_by
from core.records.record import Draft
from core.vault.errors import KeyUnknown
from hub.errors import HubSettingsWrong, NoHub, SecretBroken
from hub.outside import Outside
from hub.settings import parse
from hub.site import DATABASE_VARIABLE, create_hub, open_hub


def test_opened_again_it_is_the_same_hub(hub, hub_clock):
    again = open_hub(hub.folder, Outside(hub_clock, os.urandom))
    assert again.identity.id == hub.identity.id
    wrapped = hub.secrets.wrap(b"otp secret", "otp p_1")
    assert b"otp secret" not in wrapped
    assert again.secrets.unwrap(wrapped, "otp p_1") == b"otp secret"
    again.close()


@pytest.mark.parametrize("name", ["hub.toml", "keys/hub.key", "keys/node.key"])
def test_secret_files_are_their_owners(hub, name):
    assert (hub.folder / name).stat().st_mode & 0o077 == 0


def test_a_wrapped_secret_stays_where_it_belongs(hub):
    wrapped = hub.secrets.wrap(b"x", "otp p_1")
    for bad, purpose in ((wrapped, "otp p_2"), (wrapped[:-1], "otp p_1"), (b"", "otp p_1")):
        with pytest.raises(SecretBroken):
            hub.secrets.unwrap(bad, purpose)
    with pytest.raises(KeyUnknown):
        hub.secrets.key("st_0000")


def test_no_hub_is_said(tmp_path, hub_clock):
    with pytest.raises(NoHub):
        open_hub(tmp_path, Outside(hub_clock, os.urandom))


def test_the_environment_names_the_database(tmp_path, hub_clock, monkeypatch):
    monkeypatch.setenv(DATABASE_VARIABLE, f"sqlite:///{tmp_path / 'other.db'}")
    site = create_hub(tmp_path / "hub", "", Outside(hub_clock, os.urandom))
    site.close()
    assert (tmp_path / "other.db").exists()
    assert not (tmp_path / "hub" / "hub.db").exists()


@pytest.mark.parametrize(
    "text",
    ["x = 1", "[portal]\nport = '1'", "[portal]\nnope = 1", "portal = 1", "[", "region = 1",
     "[portal]\nproxies = [1]", "[oidc]\nissuer = 'https://i'", "[enrol]\ndevice_hours = true"],
)  # fmt: skip
def test_settings_are_never_guessed(text):
    with pytest.raises(HubSettingsWrong):
        parse(text)


def test_settings_are_read():
    found = parse('region = "西"\n[enrol]\ndevice_hours = 2\n[portal]\nproxies = ["10.0.0.1"]')
    assert (found.region, found.enrol.device_hours) == ("西", 2.0)
    assert found.portal.proxies == ("10.0.0.1",)


def test_each_hospital_has_a_chain_of_its_own(hub):
    for n in range(3):
        hub.journal("h_a").append([Draft("hub.event", {"n": n}, "c_1")])
        hub.journal("h_b").append([Draft("hub.notice", {"n": n})])
    hub.access.append([Draft("audit.logged", {"action": "x"})])
    for hospital in ("h_a", "h_b"):
        journal = hub.journal(hospital)
        (head,) = list(verify(journal.kept(journal.writer)))
        assert head.seq == 3
        signed = hub.signed_head(hospital)
        assert signed.writer == f"{hub.identity.id}/{hospital}"
        assert (signed.seq, signed.link) == (3, head.link.hex())
        assert is_signed_by(signed, hub.identity.key.public_key())
    assert hub.signed_head("h_c") is None
    assert hub.signed_access_head().seq == 1
    assert hub.access.writers() == [hub.identity.id]


def test_append_takes_part_in_the_callers_transaction(hub):
    def crash():
        with hub.database.write() as sql:
            hub.journal("h_a").append_in(sql, [Draft("hub.event", {})])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        crash()
    assert hub.signed_head("h_a") is None
