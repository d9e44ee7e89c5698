"""``xinglin edge recover-person``: the printed key and a new passphrase, on the hospital's box."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from core.seals.keybook import raw_public
from core.seals.person import PersonSecrets, seal_for_recovery, unwrap
from edge.audit import Wanted, entries_after
from edge.backup.recovery import public_of, to_text
from edge.cli import app
from edge.store.box import create_box, open_box, real_outside
from tests.seal_site import EXPERT, B, secret, x25519_key

PRINTED = secret(f"{B} recovery")
PASSPHRASE = "春暖花开 spring comes again"


@pytest.fixture
def site(tmp_path):
    box = create_box(tmp_path / "box", "", real_outside())
    (box.folder / "keys" / "recovery.pub").write_bytes(public_of(PRINTED))
    box.close()
    secrets = PersonSecrets(EXPERT.id, EXPERT.key, EXPERT.agree, EXPERT.sign)
    public = raw_public(x25519_key(f"{B} recovery").public_key())
    (tmp_path / "recovery.json").write_bytes(seal_for_recovery(secrets, B, public))
    return tmp_path


def run(site, typed: str):
    arguments = ["recover-person", "--folder", str(site / "box"), "--by", "护士长"]
    arguments += [str(site / "recovery.json"), str(site / "wrapped.json")]
    return CliRunner().invoke(app, arguments, input=typed)


def test_the_person_gets_the_same_keys_under_a_new_passphrase(site):
    done = run(site, f"{to_text(PRINTED).lower()}\n{PASSPHRASE}\n")
    assert done.exit_code == 0, done.output
    opened = unwrap((site / "wrapped.json").read_bytes(), PASSPHRASE)
    assert (opened.person, opened.key) == (EXPERT.id, EXPERT.key)
    box = open_box(site / "box", real_outside())
    entries = entries_after(box, Wanted(), 0)
    (entry,) = (one for one in entries if one["action"] == "person keys recovered")
    assert (entry["user"], entry["detail"]["person"]) == ("护士长", EXPERT.id)
    box.close()
    assert run(site, f"{to_text(PRINTED)}\n{PASSPHRASE}\n").exit_code != 0  # overwrites nothing


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        (f"{to_text(secret('another hospital'))}\n{PASSPHRASE}\n", "E11"),
        (f"not a key\n{PASSPHRASE}\n", "E11"),
        (f"{to_text(PRINTED)}\nshort\n", "E7041"),
    ],
)
def test_another_key_or_a_short_passphrase_recovers_nothing(site, typed, code):
    done = run(site, typed)
    assert done.exit_code == 2
    assert code in done.output
    assert not (site / "wrapped.json").exists()


def test_a_changed_file_recovers_nothing(site):
    data = (site / "recovery.json").read_bytes()
    (site / "recovery.json").write_bytes(data.replace(EXPERT.id.encode(), b"p_" + b"0" * 16))
    done = run(site, f"{to_text(PRINTED)}\n{PASSPHRASE}\n")
    assert done.exit_code == 2
    assert "E7040" in done.output
