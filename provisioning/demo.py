"""A region on one machine: a hub, two counties with a real PACS (Orthanc) and an appliance each.

``python -m provisioning.demo [--studies DIR] [--once]``. Studies are sent to the first county as a
modality would; a consultation goes to the experts of the hub and comes back. Everything lives
in a folder that is made afresh; all ports are on the loopback address.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from provisioning.demo_client import Appliance, Pacs
from provisioning.demo_county import County, say
from provisioning.demo_hub import Hub
from provisioning.demo_input import prepare
from provisioning.demo_send import send

COUNTIES = (("杏林示范县人民医院", "a.localhost"), ("青囊县人民医院", "b.localhost"))


def watch(appliance: Appliance, expected: int, stop: threading.Event, limit_s: float) -> list[str]:
    """Show progress until every study has a result and its delivery is settled.

    Returns
    -------
    list of str
        Opaque ids of the studies that were not settled when the time was up.
    """
    shown: dict[str, str] = {}
    quiet: dict[str, int] = {}
    ends = time.monotonic() + limit_s
    while not stop.is_set():
        rows, busy = appliance.worklist(), appliance.busy()
        for row in rows:
            line = (
                f"{row['modality']:<3} {row['patient_name']:<8} 图像 {row['instance_count']:>4}"
                f"  质控 {row['qc']:<7} AI {row['ai']:<14} 送达 {row['delivery']}"
            )
            if shown.get(row["study"]) != line:
                shown[row["study"]] = line
                say("  " + line)
            # Nothing to wait for and nothing in the queue, three looks long: it is over.
            over = appliance.ended(row) and row["study"] not in busy
            quiet[row["study"]] = quiet.get(row["study"], 0) + 1 if over else 0
        open_ = [r["study"] for r in rows if not appliance.settled(r) and quiet[r["study"]] < 3]
        if (len(rows) >= expected and not open_) or time.monotonic() > ends:
            return open_
        stop.wait(0.7)
    return []


def report(appliance: Appliance, pacs: Pacs) -> dict[str, Any]:
    """Return what happened to each study, objects as the PACS itself lists them."""
    return {
        "studies": [appliance.outcome(row, pacs) for row in appliance.worklist()],
        "quarantine": appliance.quarantine(),
    }


def main() -> None:
    """Run the demo."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=Path)
    parser.add_argument("--once", action="store_true")
    parser.add_argument("--report", type=Path, default=Path("demo-report.json"))
    options = parser.parse_args()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with tempfile.TemporaryDirectory(prefix="xinglin-demo-") as name, contextlib.ExitStack() as up:
        folder = Path(name)
        say("准备检查 / preparing the studies …")
        studies = prepare(options.studies, folder / "input", say)
        hub, counties = start(folder, up, stop)
        introduce(hub, counties)
        unsettled = process(counties[0], studies, stop)
        found = report(counties[0].appliance, counties[0].pacs)
        show(found)
        if options.once:
            found["consultation"] = consultation(hub, counties[0], stop)
            text = json.dumps(found, ensure_ascii=False, indent=1)
            options.report.write_text(text, encoding="utf-8")
            say(f"→ {options.report}")
            if unsettled or found["consultation"]["state"] != "completed":
                sys.exit(3)
            return
        say("回车显示动态口令，Ctrl-C 结束 / Enter shows one-time codes, Ctrl-C ends")
        threading.Thread(target=codes, args=(hub,), daemon=True).start()
        while not stop.is_set():
            time.sleep(0.2)


def start(
    folder: Path, up: contextlib.ExitStack, stop: threading.Event
) -> tuple[Hub, list[County]]:
    """Set a hub and two counties up, join them, run them until ``up`` closes."""
    say("设立区域中心与两家县医院 / setting up a hub and two county hospitals …")
    hub = Hub(folder / "hub", "hub.localhost")
    counties = [County(folder / host[0], name, host) for name, host in COUNTIES]
    with ThreadPoolExecutor(2) as pool:
        for made in [pool.submit(make) for make in (hub.make, *(one.make for one in counties))]:
            made.result()
    up.enter_context(hub.running())
    hub.wait(120)
    hub.set_up_second_factors()
    for county in counties:
        county.join(hub.boxes, hub.invite(county.name))
        up.enter_context(county.running())
    hub.add_own_expert(counties[0].name, "guan", "关医师")
    for county in counties:
        county.pacs.wait(120, stop)
        county.appliance.wait(180, stop)
    return hub, counties


def process(county: County, studies: list[Path], stop: threading.Event) -> list[str]:
    """Send studies as a modality would; return what was not settled in time."""
    for study in studies:
        for complaint in send(study, county.ports.dicom):
            say(f"  ! {complaint}")
    unsettled = watch(county.appliance, len(studies), stop, 300 + 300 * len(studies))
    if unsettled:
        say(f"! {len(unsettled)} 份检查未完成 / studies not settled in time")
    return unsettled


def introduce(hub: Hub, counties: list[County]) -> None:
    """Print every page's address and log-ins."""
    for county in counties:
        say(f"{county.name}  网页 / page: {county.address}")
        for role, password in county.accounts.items():
            say(f"  用户 / user {role:<13} 口令 / password {password}")
        say(f"  本院专家的会诊页面 / the experts' page for its own: {county.portal}")
    say(f"区域中心 / hub  网页 / page: {hub.address}")
    for one in hub.people:
        say(f"  {one.name} 用户 / user {one.user:<8} 口令 / password {one.password}"
            f"  动态口令密钥 / TOTP {one.otp_secret}")  # fmt: skip
    say(f"  guan 在 / guan works at {counties[0].portal}（{counties[0].name}）")


def codes(hub: Hub) -> None:
    """Print the one-time codes of the moment at each Enter."""
    for _ in sys.stdin:
        say("  " + "   ".join(f"{one.user} {one.code()}" for one in hub.people))


def consultation(hub: Hub, county: County, stop: threading.Event) -> dict[str, Any]:
    """Have the pages used, without anybody, and return what came of it."""
    from provisioning.demo_consult import run_round

    say("远程会诊往返 / a consultation goes and comes back …")
    return run_round(hub, county, say, stop)


def show(found: dict[str, Any]) -> None:
    """Print what happened to each study."""
    for study in found["studies"]:
        objects = study["objects"]
        confirmed = sum(1 for one in objects if one["confirmed"])
        finding = (
            f"TB {study['tb']['score']:.2f} {'疑似' if study['tb']['positive'] else '阴性'}"
            if study.get("tb")
            else f"病灶 {len(study['lesions'])}"
            if study.get("lesions") is not None
            else "—"
        )
        qc = (study["qc"] or {}).get("verdict", "—")
        say(
            f"✓ {study['modality']:<3} …{study['study'][-12:]}  {study['status']:<14} 质控 {qc:<6}"
            f" {finding:<14} PACS {confirmed}/{len(objects)}"
        )
    for one in found["quarantine"]:
        say(f"! 隔离 / quarantine {one['code']} {one['message_zh']}")


if __name__ == "__main__":
    main()
