"""The appliance's processes: restarted when they die, stopped within the grace, readiness told."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from edge.main import Supervisor, our_module, prepare
from edge.processes import ROLES, roles_of
from edge.ready import addresses_of, all_answer, tell_manager
from edge.store.settings import parse

ROOT = Path(__file__).parents[3]
OBEDIENT = "import signal, sys; signal.pause()"
STUBBORN = """
import signal, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
open(sys.argv[1], "w").close()
while True:
    signal.pause()
"""


def supervisor(folder, script, roles=("one", "two"), **more):
    return Supervisor(
        folder, roles, lambda where, role: [sys.executable, "-c", script, str(where / role)], **more
    )


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_killed_process_is_started_again_and_the_other_left_alone(tmp_path):
    kept = supervisor(tmp_path, OBEDIENT)
    kept.start()
    try:
        first = {role: child.process.pid for role, child in kept.children.items()}
        kept.children["one"].process.kill()
        kept.children["one"].process.wait(30)
        now = kept.children["one"].started
        kept.look(now + 1)
        assert kept.children["one"].process is None  # not at once: it might die again
        kept.look(now + 10)
        assert kept.children["one"].process.pid != first["one"]
        assert kept.children["two"].process.pid == first["two"]
    finally:
        kept.stop()


def test_one_that_keeps_dying_is_started_ever_more_rarely(tmp_path):
    kept = supervisor(tmp_path, "raise SystemExit(3)", ("one",))
    kept.start()
    child, now, pauses = kept.children["one"], kept.children["one"].started, []
    for _ in range(4):
        child.process.wait(30)
        now += 1
        kept.look(now)
        assert child.process is None
        pauses.append(round(child.not_before - now, 3))
        now = child.not_before
        kept.look(now)
    kept.stop()
    assert pauses == [0.4, 0.8, 1.6, 3.2]
    child.process, child.failures = None, 20
    assert pauses[-1] < 30


def test_all_stop_within_the_grace_also_who_does_not_listen(tmp_path):
    kept = supervisor(tmp_path, STUBBORN, grace_s=0.3)
    kept.start()
    pids = [child.process.pid for child in kept.children.values()]
    while not all((tmp_path / role).exists() for role in kept.roles):
        assert all(child.process.poll() is None for child in kept.children.values())
    kept.stop()
    assert not any(alive(pid) for pid in pids)


def test_no_secret_stands_in_a_command_line(tmp_path):
    prepare(tmp_path / "box", "")
    secrets = [path.read_bytes() for path in (tmp_path / "box" / "keys").iterdir()]
    for role in Supervisor(tmp_path).roles:
        command = " ".join(our_module(tmp_path / "box", role)).encode()
        assert len(our_module(tmp_path, role)) == 5
        for secret in secrets:
            assert secret not in command
            assert secret.hex().encode() not in command


def test_blobs_without_a_record_go_before_anything_runs(tmp_path):
    from core.blobs.disk import put
    from edge.store.box import create_box, real_outside
    from tests.sink_cases import send_one

    box = create_box(tmp_path / "box", "", real_outside())
    send_one(box)
    kept = set(box.blobs.addresses())
    (manifest,) = [put(box.blobs, b"{}", box.vault.key("node"), os.urandom(32)) for _ in range(1)]
    with box.database.transaction() as sql:
        sql.execute("INSERT INTO manifest VALUES ('st_x', 'i', ?)", (manifest,))
    # A crash fell between placing and recording, and one while writing.
    put(box.blobs, b"nobody knows me", box.vault.key("node"), os.urandom(32))
    (tmp_path / "box" / "blobs" / "incoming" / "half").write_bytes(b"half")
    box.close()
    prepare(tmp_path / "box", "")
    box = create_box(tmp_path / "box", "", real_outside())
    assert set(box.blobs.addresses()) == kept | {manifest}
    assert list((tmp_path / "box" / "blobs" / "incoming").iterdir()) == []
    box.close()


def test_ready_is_when_every_port_answers():
    with socket.create_server(("127.0.0.1", 0)) as first:
        there = first.getsockname()
        with socket.create_server(("127.0.0.1", 0)) as second:
            gone = second.getsockname()
            assert all_answer([there, gone])
        assert not all_answer([there, gone])
    settings = parse('[dicom]\nhost = "0.0.0.0"\nport = 4242\n[web]\nport = 8080\n')
    assert ("127.0.0.1", 4242) in addresses_of(settings)
    assert ("127.0.0.1", 8080) in addresses_of(settings)


def test_the_experts_page_runs_where_the_settings_give_it_a_port():
    off, on = parse(""), parse('[portal]\nhost = "0.0.0.0"\nport = 8443\n')
    assert "portal" not in roles_of(off)
    assert roles_of(on) == ROLES
    assert ("127.0.0.1", 8443) in addresses_of(on)
    assert len(addresses_of(on)) == len(addresses_of(off)) + 1


def test_the_service_manager_is_told(tmp_path):
    where = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(where)
        tell_manager("READY=1", where)
        manager.settimeout(5)
        assert manager.recv(100) == b"READY=1"
    tell_manager("READY=1", str(tmp_path / "nobody"))
    tell_manager("READY=1", "")


@pytest.mark.slow
def test_the_whole_appliance_starts_heals_and_stops(tmp_path):
    ports = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
    dicom, dimse, web = (one.getsockname()[1] for one in ports)
    for one in ports:
        one.close()
    folder = tmp_path / "box"
    folder.mkdir()
    (folder / "appliance.toml").write_text(
        f"[dicom]\nport = {dicom}\ndimse_port = {dimse}\n[web]\nport = {web}\n"
    )
    where = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(where)
        manager.settimeout(200)
        process = subprocess.Popen(
            [sys.executable, "-m", "edge.main", str(folder)], cwd=ROOT,
            env=os.environ | {"NOTIFY_SOCKET": where}, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        lines: list[str] = []
        reader = threading.Thread(target=lambda: lines.extend(process.stderr), daemon=True)
        reader.start()
        try:
            assert manager.recv(100) == b"READY=1"
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            (web_pid,) = [
                int(pid) for pid in children
                if Path(f"/proc/{pid}/cmdline").read_bytes().endswith(b"\0web\0")
            ]  # fmt: skip
            os.kill(web_pid, signal.SIGKILL)
            while True:  # the page answers again, from another process
                now = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
                if str(web_pid) not in now and all_answer([("127.0.0.1", web)]):
                    break
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
        finally:
            if process.poll() is None:
                process.kill()
        reader.join(10)
        process.stderr.close()
    assert not any(alive(int(pid)) for pid in children)
    assert any("process ended" in line and "role=web" in line for line in lines)
