"""The appliance's processes: what each one runs. Wiring only; ``edge.main`` starts them.

One process per concern, so that a decoder's crash, a hung peer or a busy CT never stops another:
``receiver`` (storage port), ``dimse`` (query, retrieve, MPPS behind it), three lanes, ``web``,
``uplink`` (the line to the region's hub), ``portal`` where the settings give it a port.
"""

from __future__ import annotations

import gc
import os
import random
import shutil
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from ipaddress import ip_network
from pathlib import Path

from edge.intake.commitments import BoxCommitments
from edge.intake.disk import Tier, Usage, tier_of
from edge.intake.net.processes import Parts, share
from edge.intake.net.settings import PeerRule, ReceiverSettings, TlsFiles
from edge.intake.replay import open_settler, replay_quietly
from edge.intake.sink import JournalSink
from edge.logs import set_up_logs
from edge.stages.queue import Queue
from edge.store.box import Box, open_box, real_outside
from edge.store.settings import Appliance

ROLES = (
    "receiver", "dimse", "worker-urgent", "worker-compute", "worker-delivery", "web", "uplink",
    "portal",
)  # fmt: skip


_THREADS = {"delivery": 3}
#: On a small machine a reader's next frame goes first, then what a modality sends and a
#: radiograph's verdict while the patient is still there; a CT's findings can wait a little.
_NICE = {"receiver": 4, "worker-urgent": 4, "uplink": 7, "worker-delivery": 7, "worker-compute": 12}


def roles_of(settings: Appliance) -> tuple[str, ...]:
    """Return the processes that an appliance runs; pure."""
    return tuple(role for role in ROLES if role != "portal" or settings.portal.port)


def until_told() -> threading.Event:
    """Return an event that SIGTERM and SIGINT set."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def owner() -> str:
    """Return this process's name as a job's owner."""
    return f"{socket.gethostname()}:{os.getpid()}"


def queue_of(box: Box) -> Queue:
    """Return the job queue of a box for this process."""
    return Queue(box.database, box.outside.now_ms, owner())


def usage_of(box: Box) -> Usage:
    """Measure the file system that holds the blobs."""
    total, _, free = shutil.disk_usage(box.folder / "blobs")
    return Usage(total, free)


def tier_source(box: Box, every_s: float = 2.0) -> Callable[[], Tier]:
    """Return a function that gives the disk tier, measured at most every two seconds."""
    last: list[tuple[float, Tier]] = []

    def tier() -> Tier:
        now = time.monotonic()
        if not last or now - last[0][0] > every_s:
            last[:] = [(now, tier_of(usage_of(box), box.settings.intake))]
        return last[0][1]

    return tier


def receiver_settings(box: Box) -> ReceiverSettings:
    """Return the storage receiver's settings from the appliance's."""
    dicom = box.settings.dicom
    rules = tuple(
        PeerRule(
            name=peer.name,
            calling_ae=frozenset({peer.ae_title}),
            networks=tuple(ip_network(one) for one in peer.networks),
            max_associations=peer.max_associations,
            tls_required=peer.tls,
            certificate_names=frozenset(peer.certificate_names),
            traits=frozenset(peer.traits),
            urgent="urgent" in peer.traits,
        )
        for peer in box.settings.peers
    )
    tls = None
    if dicom.certificate:
        tls = TlsFiles(Path(dicom.certificate), Path(dicom.key), Path(dicom.peer_ca))
    return ReceiverSettings(
        ae_titles=frozenset({dicom.ae_title}),
        peers=rules,
        host=dicom.host,
        port=dicom.port,
        tls=tls,
        query_service=("127.0.0.1", dicom.dimse_port),
        processes=dicom.processes,
    )


def settle_memory() -> None:
    """Load what the first image would load, and take it all out of the collector's sight.

    What was imported is never garbage; the pinyin tables alone are a great many objects.
    """
    from core.views.tokens import tokens_of

    tokens_of("杏^林", "", "")
    gc.collect()
    gc.freeze()


def run_receiver(folder: Path) -> None:
    """Receive until told to stop."""
    from edge.intake.net.processes import more_processes
    from edge.intake.net.receiver import Receiver

    stop = until_told()
    box = open_box(folder, real_outside())
    settings, parts = receiver_settings(box), receiver_parts(folder, box)
    with (
        more_processes(settings, partial(receiver_parts, folder)),
        Receiver(share(settings), parts.sink, parts.commitments),
    ):
        stop.wait()
    parts.close()
    box.close()


def receiver_parts(folder: Path, box: Box | None = None) -> Parts:
    """Return what one receiver process needs; each opens the box for itself."""
    set_up_logs()  # also in the processes that a receiver spawns
    box = box or open_box(folder, real_outside())
    # Threads that wake from the disk or the wire wait for the interpreter.
    sys.setswitchinterval(0.0005)
    settle_memory()
    replay_quietly(box)  # of this process's forerunner, if it died
    sink = JournalSink(box, tier_source(box), open_settler(box, time.monotonic))
    return Parts(sink, BoxCommitments(box, queue_of(box), sink.flush), sink.close)


def run_dimse(folder: Path) -> None:
    """Serve query, retrieve and MPPS until told to stop."""
    from edge.intake.dimse.ports import DimseSettings, Peer
    from edge.intake.dimse.service import DimsePorts, start_service
    from edge.store.archive import BoxAnswers, BoxArchive, BoxObserver, BoxSteps
    from edge.store.peer_tls import peer_context

    stop = until_told()
    box = open_box(folder, real_outside())
    peers = {
        peer.ae_title: Peer(
            peer.ae_title,
            peer.host,
            peer.port,
            peer.charset or None,
            tls=peer_context(box.settings.dicom, peer),
            may_query=peer.may_query,
        )
        for peer in box.settings.peers
    }
    settings = DimseSettings(
        ae_title=box.settings.dicom.ae_title,
        port=box.settings.dicom.dimse_port,
        peers=peers,
        known_callers_only=True,
    )
    ports = DimsePorts(
        BoxArchive(box), BoxSteps(box, queue_of(box)), BoxAnswers(box), BoxObserver(box)
    )
    service = start_service(settings, ports)
    stop.wait()
    service.stop()
    box.close()


def run_worker(folder: Path, lane: str) -> None:
    """Do the jobs of one lane until told to stop."""
    from edge.analyze.local_engines import LocalEngines
    from edge.intake.dimse.service import quieten_library
    from edge.models.known import BoxModels
    from edge.stages.models import note_active
    from edge.stages.table import note_dead, stages_of
    from edge.stages.work import Work
    from edge.stages.worker import Worker

    stop = until_told()
    quieten_library()
    box = open_box(folder, real_outside())
    engines = LocalEngines(
        box.folder / "engines", BoxModels(box), lambda changed: note_active(box, changed)
    )
    work = Work(box, queue_of(box), engines, time.perf_counter, random.SystemRandom().random)
    if lane == "compute":
        note_active(box, engines)
    worker = Worker(work, lane, stages_of(lane), note_dead)
    # Delivery waits on the network: one slow object must not hold up the others.
    helpers = [
        threading.Thread(target=worker.run, args=(stop,), name=f"{lane}-{n}")
        for n in range(_THREADS.get(lane, 1) - 1)
    ]
    if lane == "compute":
        trial = Worker(work, "shadow", stages_of("shadow"), note_dead)
        helpers.append(threading.Thread(target=trial.run, args=(stop, 0.5), name="shadow"))
        joining = Worker(work, "joining", stages_of("joining"), note_dead)
        helpers.append(threading.Thread(target=joining.run, args=(stop, 0.5), name="joining"))
    for helper in helpers:
        helper.start()
    worker.run(stop)
    for helper in helpers:
        helper.join()
    box.close()


def run_web(folder: Path) -> None:
    """Serve the hospital's page until told to stop."""
    from edge.api.serve import serve

    serve(open_box(folder, real_outside()))


def run_portal(folder: Path) -> None:
    """Serve the region's experts' page to this hospital's own until told to stop."""
    from edge.portal.app import serve_portal

    serve_portal(folder, os.urandom)


def run_region_link(folder: Path) -> None:
    """Keep the box connected to its region's hub until told to stop; idle before it has joined."""
    from edge.uplink.process import run_uplink

    run_uplink(folder, until_told())


def run(role: str, folder: Path) -> None:
    """Run one process by its role."""
    os.nice(_NICE.get(role, 0))
    set_up_logs()
    if role.startswith("worker-"):
        run_worker(folder, role.removeprefix("worker-"))
        return
    roles = {
        "receiver": run_receiver, "dimse": run_dimse, "web": run_web, "uplink": run_region_link,
        "portal": run_portal,
    }  # fmt: skip
    roles[role](folder)
