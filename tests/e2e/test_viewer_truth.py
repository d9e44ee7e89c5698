"""What the screen shows equals what went into the file, whatever the encoding and position.

Boards of known values, lengths, angles and directions (tests/viewer_board.py) go in as a modality
sends them; the numbers are read from the page in Chromium, the places from the screenshot.
A few boards that mix encodings and positions run always; the whole table, on an appliance in
processes of its own, runs with ``make soak``.
"""

from __future__ import annotations

import threading
import time

import pytest
import uvicorn
from playwright.sync_api import expect
from pydicom.filereader import read_file_meta_info

from edge.intake.net.sink import Ending, StoreCommand
from provisioning.dcmtk import dcmtk_program
from provisioning.demo_ports import free_ports
from tests.api_site import MODALITY, ApiSite
from tests.api_site import PASSWORD as API_PASSWORD
from tests.browser import SCREEN, WEB, Heard, chromium, needs, shot
from tests.viewer_board import CT_BOARDS, DX_BOARDS, Board, write
from tests.viewer_screen import PANE, Reader
from tests.web_site import PASSWORD, WebSite

pytestmark = [
    *needs("index.html", node=False),
    pytest.mark.skipif(dcmtk_program("dcmcjpeg") is None, reason="DCMTK is not installed"),
]
#: Nobody is signed in yet; the stream of events ends with the appliance.
EXPECTED = ("401 (Unauthorized)", "ERR_INCOMPLETE", "ERR_CONNECTION")
PLACES = [(20, 14), (0, 0), (127, 95), (64, 40), (33, 81), (121, 7)]
RECTANGLE = ((40.5, 30.5), (70.5, 55.5))
ACROSS_THE_PADDING = ((108.5, 30.5), (124.5, 60.5))
#: No pixel's centre is so near to its edge that a hand's tremble would change its side.
ELLIPSE = ((42.8, 32.4), (59.6, 45.6))
#: Keys that turn the picture, and back again.
TURNS = (("r",), ("Shift+H",), ("r", "Shift+V"), ("Shift+R", "Shift+H"))
FEW = ("big endian, signed", "padding, signed", "gantry tilted", "wide pixels, RLE",
       "enhanced, tall pixels")  # fmt: skip


def named(*names: str) -> list[Board]:
    """Return boards by their names."""
    return [one for one in (*CT_BOARDS, *DX_BOARDS) if one.name in names]


class OwnSite:
    """A box behind the real web application in this process: the quick way in."""

    def __init__(self, folder) -> None:
        self.made = ApiSite(folder / "box", WEB / "dist", roles=("radiologist",))
        (port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{port}"
        self.login = ("radiologist", API_PASSWORD)
        config = uvicorn.Config(self.made.app, "127.0.0.1", port, log_level="error", ws="none")
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        while not self.server.started and self.thread.is_alive():
            time.sleep(0.02)

    def study(self, boards, folder, name: str) -> tuple[str, list[str]]:
        """Take a study of boards in; return its opaque id and the SOP Instance UIDs."""
        sops = [write(board, folder, name, n) for n, board in enumerate(boards, start=1)]
        for path in sorted(folder.glob(f"{name}-*.dcm")):
            self._store(path)
        self.made.sink.ended(MODALITY, Ending.RELEASED)
        ((found,),) = self.made.box.database.query(
            "SELECT study FROM instance WHERE sop_instance = ?", (sops[0],)
        )
        return found, sops

    def _store(self, path) -> None:
        data = path.read_bytes()
        meta = read_file_meta_info(path)
        body = data[144 + meta.FileMetaInformationGroupLength :]
        command = StoreCommand(
            meta.MediaStorageSOPClassUID, "", str(meta.TransferSyntaxUID), 1, "CT1"
        )
        receipt = self.made.sink.begin(MODALITY, command)
        receipt.write(memoryview(body))
        assert receipt.commit().status == 0

    def close(self) -> None:
        self.server.should_exit = True
        self.thread.join(10)


@pytest.fixture(scope="module")
def browser():
    with chromium() as running:
        yield running


@pytest.fixture
def open_page(browser):
    """Return a function that signs in at a site and returns the page; complaints fail.

    ``drawn``: "card" (WebGL, here imitated by the browser) or "processor", as the page's own
    setting for this PC says; without it the page decides.
    """
    contexts = []

    def opened(site, drawn):
        context = browser.new_context(viewport=SCREEN, base_url=site.url, locale="zh-CN")
        context.add_init_script(f"localStorage.setItem('xinglin.draw', '{drawn}')")
        page = context.new_page()
        page.set_default_timeout(30_000)
        contexts.append((context, Heard(page, EXPECTED), site.url.split("/")[2]))
        page.goto("/")
        page.locator("#login-user").fill(site.login[0])
        page.locator("#login-password").fill(site.login[1])
        page.get_by_role("button", name="登录").click()
        page.locator("[data-testid=count]").wait_for()
        return page

    yield opened
    for context, heard, host in contexts:
        context.close()
        heard.check(host)


def open_board(page, sops: list[str], number: int) -> None:
    """Show a board of the study that is open, in the window of the file."""
    page.locator("nav.series button").nth(number).click()
    page.locator(f"{PANE}[data-frame='{sops[number]}/1'][data-reduced=false]").wait_for()
    page.keyboard.press("0")


def check_all(page, board: Board) -> None:
    """Everything that the page says of a board."""
    reader = Reader(page, board)
    reader.check_picture()
    reader.check_values(PLACES)
    reader.check_length()
    reader.check_angle()
    reader.check_axes()
    reader.check_region("y", ELLIPSE)
    reader.check_region("g", ACROSS_THE_PADDING if board.padding is not None else RECTANGLE)
    info = page.locator("[data-testid=frame-info]")
    expect(info).not_to_contain_text("已反转")  # nobody did, whatever the file calls white
    where = board.along_normal()
    if where is not None:
        expect(info).to_contain_text(f"位置 {where:.1f} mm")


def check_turned(page, board: Board, keys: tuple[str, ...]) -> None:
    """A turned picture says the same; afterwards it is as before."""
    for key in keys:
        page.keyboard.press(key)
    reader = Reader(page, board)
    reader.check_picture()
    reader.check_values(PLACES[:2])
    reader.check_length(1, 2)
    page.keyboard.press("Space")
    page.keyboard.press("0")


@pytest.fixture(scope="module")
def own_site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("truth")
    site = OwnSite(folder)
    yield site
    site.close()


def show(page, site, boards, folder, name: str, drawn: str) -> list[str]:
    """Open a study of boards; return the SOP Instance UIDs."""
    study, sops = site.study(boards, folder, name)
    page.goto(f"/study/{study}")
    how = {"card": "webgl", "processor": "cpu"}[drawn]
    page.locator(f"[data-painted][data-drawn-by={how}]").wait_for()
    return sops


def test_mixed_encodings_and_positions_show_the_truth(own_site, open_page, tmp_path):
    boards = named(*FEW)
    page = open_page(own_site, "card")
    sops = show(page, own_site, boards, tmp_path, "few", "card")
    for number, board in enumerate(boards):
        open_board(page, sops, number)
        check_all(page, board)
    shot(page, "truth")
    check_turned(page, board, TURNS[2])


@pytest.mark.slow
@pytest.mark.parametrize("drawn", ["card", "processor"])
def test_turned_pictures_show_the_truth(own_site, open_page, tmp_path, drawn):
    boards = named("tall pixels", "gantry tilted", "sagittal", "prone", "oblique", "MONOCHROME1")
    page = open_page(own_site, drawn)
    sops = show(page, own_site, boards, tmp_path, f"turned-{drawn}", drawn)
    for number, board in enumerate(boards):
        open_board(page, sops, number)
        check_all(page, board)
        for keys in TURNS:
            check_turned(page, board, keys)


class SentSite(WebSite):
    """An appliance in processes of its own, to which a modality's ``storescu`` sends."""

    login = ("chen", PASSWORD)

    def study(self, boards, folder, name: str) -> tuple[str, list[str]]:
        """Send a study of boards; return its opaque id and the SOP Instance UIDs."""
        files = folder / name
        files.mkdir()
        sops = [write(board, files, name, n) for n, board in enumerate(boards, start=1)]
        self.send(files)
        patient = f"TRUTH-{name}"
        until = time.monotonic() + 60
        while True:
            rows = [r for r in self.reader.worklist() if r["patient_id"] == patient]
            if rows and rows[0]["instance_count"] == len(boards):
                return rows[0]["study"], sops
            assert time.monotonic() < until, "the boards did not arrive"
            time.sleep(0.2)


@pytest.mark.slow
@pytest.mark.parametrize("drawn", ["card", "processor"])
def test_every_encoding_and_position_shows_the_truth(open_page, tmp_path, drawn):
    site = SentSite(tmp_path)
    try:
        page = open_page(site, drawn)
        for name, boards in (("ct", CT_BOARDS), ("dx", DX_BOARDS)):
            sops = show(page, site, boards, tmp_path, name, drawn)
            for number, board in enumerate(boards):
                open_board(page, sops, number)
                check_all(page, board)
    finally:
        site.close()
