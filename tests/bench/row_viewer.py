"""The reading room's viewer in a real browser: 600 slices, loopback and a slow line, beside OHIF.

Both viewers read the same appliance's DICOMweb through the same small server
(``viewer_proxy.mjs``), in the same browser, with the same probe of the canvas. OHIF is its own
published build (``@ohif/app``), fetched by npm into ``.setup/ohif``; the product has nothing of it.
"""

from __future__ import annotations

import contextlib
import gzip
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright
from pydicom import Dataset, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from tests.bench.appliance import ROOT, Client, Layout, make, process, storescu, until_web
from tests.bench.bench_store import until_listening
from tests.bench.figure import Figure, percentile
from tests.bench.row_review import analysed
from tests.bench.slow_line import slow_line

BITS_PER_S, RTT_S = 30e6, 0.010
OHIF = "@ohif/app@3.12.10"
STUDY, SERIES = "2.25.600600", "2.25.600600.1"
_PROBE = Path(__file__).with_name("viewer_probe.js")
_PROXY = Path(__file__).with_name("viewer_proxy.mjs")
_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--lang=zh-CN"]
_CONFIG = """window.config = { routerBasename: null, extensions: [], modes: [],
 showStudyList: false, maxNumberOfWebWorkers: 3, showWarningMessageForCrossOrigin: false,
 showLoadingIndicator: true,
 maxNumRequests: { interaction: 100, thumbnail: 75, prefetch: 25 }, defaultDataSourceName: 'box',
 dataSources: [{ namespace: '@ohif/extension-default.dataSourcesModule.dicomweb', sourceName: 'box',
 configuration: { friendlyName: 'box', name: 'box', qidoRoot: '/dicomweb', wadoRoot: '/dicomweb',
 wadoUriRoot: '/dicomweb', qidoSupportsIncludeField: false, imageRendering: 'wadors',
 thumbnailRendering: 'wadors', enableStudyLazyLoad: true, supportsFuzzyMatching: false,
 supportsWildcard: false, omitQuotationForMultipartRequest: true } }] };"""


def write_slices(folder: Path, count: int) -> None:
    """Write a chest-like CT with noise, 512 x 512, stored as most scanners send it."""
    folder.mkdir()
    rng = np.random.default_rng(600)
    rows, columns = np.mgrid[-256:256, -256:256]
    body = np.where((columns / 215) ** 2 + (rows / 165) ** 2 < 1, 40, -1000)
    for side in (-95, 95):
        body[((columns - side) / 75) ** 2 + (rows / 115) ** 2 < 1] = -850
    noise = rng.normal(0, 18, (8, 512, 512))
    for n in range(count):
        stored = (body + noise[n % 8] + 1024 + n % 40).clip(0).astype("<u2")
        dcmwrite(folder / f"{n:04}.dcm", _slice(n, stored), enforce_file_format=True)


def _slice(n: int, stored: np.ndarray) -> Dataset:
    data = Dataset()
    data.SOPClassUID, data.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", f"{SERIES}.{n + 1}"
    data.StudyInstanceUID, data.SeriesInstanceUID = STUDY, SERIES
    data.FrameOfReferenceUID, data.StudyID, data.AccessionNumber = "2.25.601", "1", "A600"
    data.StudyDate, data.StudyTime, data.StudyDescription = "20261123", "080000", "CHEST"
    data.PatientName, data.PatientID, data.PatientSex = "Bench^Mark", "B600", "O"
    data.PatientBirthDate = "19700101"
    data.Modality, data.BodyPartExamined, data.SeriesDescription = "CT", "CHEST", "thin"
    data.SeriesNumber, data.InstanceNumber = 1, n + 1
    data.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    data.ImagePositionPatient = [-180.0, -180.0, -0.6 * n]
    data.ImageOrientationPatient, data.PixelSpacing = [1, 0, 0, 0, 1, 0], [0.7, 0.7]
    data.SliceThickness, data.RescaleIntercept, data.RescaleSlope = 0.6, -1024, 1
    data.WindowCenter, data.WindowWidth = -600, 1500
    data.Rows = data.Columns = 512
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 12, 11, 0
    data.PixelData = stored.tobytes()
    data["PixelData"].VR = "OW"
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return data


def ohif(root: Path = ROOT) -> Path:
    """Return OHIF's published build, fetched once."""
    folder = root / ".setup/ohif"
    found = folder / "package/dist"
    if not found.exists():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["npm", "pack", OHIF, "--silent"], cwd=folder, check=True)
        (archive,) = folder.glob("*.tgz")
        subprocess.run(["tar", "xzf", archive.name], cwd=folder, check=True)
    return found


@contextlib.contextmanager
def served(port: int, cookie: str, dist: Path | None = None) -> Iterator[int]:
    """Return the port of the server in front of the appliance."""
    more = [] if dist is None else [str(dist), _CONFIG]
    command = [shutil.which("node") or "node", str(_PROXY), str(port), cookie, *more]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert running.stdout is not None
        yield int(running.stdout.readline().split()[1])
    finally:
        running.terminate()
        running.wait(20)


def opened(browser: Browser, port: int) -> Page:
    """Return a page of a computer that has been here before (after its first visit)."""
    context = browser.new_context(
        viewport={"width": 1366, "height": 768}, base_url=f"http://127.0.0.1:{port}",
        locale="zh-CN",
    )  # fmt: skip
    context.add_init_script(path=_PROBE)
    page = context.new_page()
    page.set_default_timeout(180_000)
    return page


def until(page: Page, expression: str, seconds: float) -> Any:
    """Return what an expression of the page gives once it gives something; else None."""
    for _ in range(int(seconds / 0.2)):
        found = page.evaluate(expression)
        if found:
            return found
        page.wait_for_timeout(200)
    return None


def visit(page: Page, path: str, count: int, seconds: float) -> dict[str, float | None]:
    """Go to a study's address; seconds to the first picture and to the last frame."""
    page.goto(path, wait_until="commit")
    first = until(page, "window.__bench?.first", seconds)
    last = until(page, f"__bench.frames.size >= {count} && __bench.last", seconds)
    found = {"first": first and first / 1000, "whole": last and last / 1000}
    sys.stderr.write(f"  {path}: {found}\n")  # a minute each: somebody may be waiting
    return found


def click(page: Page) -> float:
    """Open the study from the list; seconds from the click to the first picture."""
    page.goto("/")
    button = page.locator("[data-testid=details]").first
    button.wait_for()
    page.wait_for_timeout(1500)  # a reader looks at the list; the viewer's code comes meanwhile
    button.click()
    found = until(page, "__bench.click && __bench.first && [__bench.click, __bench.first]", 60)
    return float(found[1] - found[0]) / 1000


def bundle_bytes(dist: Path) -> int:
    """Return the gzip size of all scripts that the first page cannot do without."""
    page = (dist / "index.html").read_text("utf-8")
    todo = re.findall(r'(?:src|href)="/(assets/[^"]+\.js)"', page)
    seen: dict[str, int] = {}
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        text = (dist / name).read_bytes()
        seen[name] = len(gzip.compress(text, 9))
        for part in re.findall(rb'(?:from|import)\s*"\./([^"]+\.js)"', text):
            todo.append(f"assets/{part.decode()}")
    return sum(seen.values())


def measure(work: Path, quick: bool) -> list[Figure]:
    count, rounds = (60, 3) if quick else (600, 12)
    write_slices(work / "slices", count)
    layout = Layout.at(work / "box")
    make(layout).close()
    with process(layout, "receiver"):
        until_listening(layout.dicom)
        storescu(layout.dicom, sorted((work / "slices").iterdir()))
    shutil.rmtree(work / "slices")
    with process(layout, "web"), sync_playwright() as driver:
        until_web(layout.web)
        client = Client(layout.web).log_in()
        rows: Any = client.json("/api/worklist?limit=5")["rows"]
        study = f"/study/{rows[0]['study']}"
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=_FLAGS)
        with served(layout.web, client.cookie) as own:
            found = _ours(browser, own, study, count, rounds)
            with served(layout.web, client.cookie, ohif()) as other:
                found |= _beside(browser, own, other, study, count, 2 if quick else 5)
        found["outlines"] = _outlines(browser, work, 60 if quick else 300)
        browser.close()
    found["bundle"] = bundle_bytes(ROOT / "web/dist")
    return figures(found, count)


def _ours(browser: Browser, port: int, study: str, count: int, rounds: int) -> dict[str, Any]:
    page = opened(browser, port)
    page.goto("/")
    clicks = [click(page) for _ in range(rounds + 1)][1:]  # the first visit warms the server
    visit(page, study, count, 300)
    page.wait_for_timeout(1000)
    steady = page.evaluate(f"__bench.scroll(8000, 30, {count})")
    fast = page.evaluate(f"__bench.scroll(5000, 60, {count})")
    drawn = page.locator("[data-drawn-by]").first.get_attribute("data-drawn-by")
    renderer = f"drawn by {drawn}; WebGL here: {page.evaluate('__bench.renderer()')}"
    page.context.close()
    with slow_line(port, BITS_PER_S, RTT_S) as slow:
        page = opened(browser, slow)
        page.goto("/")
        slowly = [click(page) for _ in range(max(3, rounds // 2) + 1)][1:]
        page.context.close()
    return {
        "clicks": clicks, "slowly": slowly, "late": steady["late"], "steady": steady["persecond"],
        "fast": fast["persecond"], "renderer": renderer,
    }  # fmt: skip


def _outlines(browser: Browser, work: Path, slices: int) -> list[float]:
    """Show and hide the outlines of an analysed CT by the key; seconds to the frame after."""
    layout = Layout.at(work / "found")
    study = analysed(layout, slices)
    with process(layout, "web"):
        until_web(layout.web)
        client = Client(layout.web).log_in()
        with served(layout.web, client.cookie) as port:
            page = opened(browser, port)
            page.goto(f"/study/{study}")
            page.locator("[data-testid=overlay] path.dash").first.wait_for(state="attached")
            page.wait_for_timeout(5000)
            times = [page.evaluate("__bench.outlines()") / 1000 for _ in range(20)]
            page.context.close()
    return times


def _beside(
    browser: Browser, own: int, other: int, study: str, count: int, rounds: int
) -> dict[str, Any]:
    """Visit both by turns, each in its own context that has its files already."""
    places = {"own": (own, study), "ohif": (other, f"/viewer?StudyInstanceUIDs={STUDY}")}
    pages = {name: opened(browser, port) for name, (port, _) in places.items()}
    found: dict[str, Any] = {name: [] for name in places}
    for number in range(rounds + 1):
        for name, page in pages.items():
            seen = visit(page, places[name][1], count, 240)
            if number > 0:
                found[name].append(seen)
            page.goto("about:blank")
    for page in pages.values():
        page.context.close()
    return found


def figures(found: dict[str, Any], count: int) -> list[Figure]:
    """Return the figures; detail holds every single time."""
    data = f"{count}-slice CT, 512², 16 bit, {found['renderer']}"
    rows = [
        _clicked("loopback", found["clicks"], 0.8, data),
        _clicked("30 Mbit/s, 10 ms", found["slowly"], 1.5, data),
    ]
    late = percentile(found["late"], 0.95)
    rows.append(Figure(
        "viewer", "scroll: turn of the wheel to its picture, p95; pictures a second",
        "≤ 50 ms; ≥ 30", f"{late:.0f} ms at 30 turns a second; {found['fast']:.0f} a second at 60",
        late <= 50 and found["fast"] >= 30, data,
        detail={"late_ms": found["late"], "steady": found["steady"], "fast": found["fast"]},
    ))  # fmt: skip
    shown = percentile(found["outlines"], 0.95)
    rows.append(Figure(
        "viewer", "outlines on or off by the key, p95", "≤ 0.1 s", f"{shown:.3f} s", shown <= 0.1,
        f"drawn CT with one lesion, {len(found['outlines'])} times, key to the frame after",
        detail={"seconds": found["outlines"]},
    ))  # fmt: skip
    for what, name in (("first picture", "first"), ("whole series there", "whole")):
        own = _median([one[name] for one in found["own"]])
        peer = _median([one[name] for one in found["ohif"]])
        ratio = None if own is None or peer is None else own / peer
        rows.append(Figure(
            "viewer", f"address to the {what}, beside OHIF 3.12, median", "not slower",
            f"{_seconds(own)} against {_seconds(peer)}", ratio is not None and ratio <= 1.05,
            f"{data}, loopback, by turns, {len(found['own'])} rounds",
            ratio=ratio,
            detail={"own": found["own"], "ohif": found["ohif"]},
        ))  # fmt: skip
    size = found["bundle"] / 1000
    rows.append(Figure(
        "viewer", "scripts of the first page, gzip", "≤ 500 kB", f"{size:.0f} kB", size <= 500,
        "web/dist, entry and all that it imports statically",
    ))  # fmt: skip
    return rows


def _median(values: list[float | None]) -> float | None:
    there = [one for one in values if one is not None]
    return percentile(there, 0.5) if len(there) == len(values) and there else None


def _seconds(value: float | None) -> str:
    return "never" if value is None else f"{value:.2f} s"


def _clicked(line: str, times: list[float], target: float, data: str) -> Figure:
    p50, p95 = (percentile(times, share) for share in (0.5, 0.95))
    return Figure(
        "viewer", f"click to the first picture, {line}, p50 / p95", f"p95 ≤ {target} s",
        f"{p50:.2f} / {p95:.2f} s", p95 <= target, f"{data}, {len(times)} openings",
        detail={"seconds": times},
    )  # fmt: skip
