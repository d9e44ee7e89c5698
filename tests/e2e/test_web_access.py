"""WCAG 2.1 AA outside the picture (axe), no fixed strings (the stretched build), own keys.

The development server's data stand for a hospital's. What axe cannot see (order of focus, words
that say nothing) is looked at by eye.
"""

from __future__ import annotations

import json
import re
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.browser import SCREEN, WEB, DevServer, Heard, chromium, needs, shot
from tests.seal_page import OLD

pytestmark = needs("index.html")
EXPECTED = ("401 (Unauthorized)", "404 (Not Found)")
AXE = WEB / "node_modules" / "axe-core" / "axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]
SHOWN = ".page:not(.worklist)"
#: Path, who looks, and what is on the page when it is there.
PAGES = [
    ("/", "physician", "tr[data-study]"),
    ("/study/s0001", "physician", "[data-painted]"),
    ("/screening", "physician", SHOWN),
    ("/room", "physician", "[data-testid=room-sound]"),
    ("/quality", "physician", "[data-testid=quality-table]"),
    ("/keys", "physician", "[data-testid=habits]"),
    ("/upload", "physician", SHOWN),
    ("/quarantine", "physician", SHOWN),
    ("/consults", "physician", SHOWN),
    ("/queue", "it", SHOWN),
    ("/system", "it", SHOWN),
    ("/users", "it", SHOWN),
    ("/region", "it", SHOWN),
]


@pytest.fixture(scope="module")
def browser():
    with chromium() as running:
        yield running


@contextmanager
def opened(browser, url: str, user: str = "physician", prelude: str = ""):
    context = browser.new_context(viewport=SCREEN, base_url=url, locale="zh-CN")
    page = context.new_page()
    if prelude:
        page.add_init_script(prelude)
    page.set_default_timeout(20_000)
    heard = Heard(page, EXPECTED)
    page.goto("/")
    page.locator("#login-user").fill(user)
    page.locator("#login-password").fill("xinglin")
    page.locator("button[type=submit]").click()
    page.locator("[data-testid=user-menu]").wait_for()
    yield page
    context.close()
    heard.check(url.split("/")[2])


@pytest.fixture(scope="module")
def mock():
    server = DevServer("server.mjs")
    yield server
    server.close()


def go(page, path: str, sign: str) -> None:
    """Follow a link of the application, without loading it anew."""
    page.evaluate(
        "(to) => { history.pushState(null, '', to); dispatchEvent(new Event('xinglin:place')) }",
        path,
    )
    page.locator(sign).first.wait_for()
    page.wait_for_load_state("networkidle")


def violations(page) -> list[str]:
    """Return what axe finds on the page, one line for each kind, with the first places."""
    if not page.evaluate("typeof axe !== 'undefined'"):
        page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate(
        "(tags) => axe.run({exclude: [['[data-testid=pane]']]},"
        " {runOnly: {type: 'tag', values: tags}, resultTypes: ['violations']})",
        TAGS,
    )["violations"]
    return [
        f"{one['id']}: {one['help']}: "
        + "; ".join(" ".join(map(str, node["target"])) for node in one["nodes"][:4])
        for one in found
    ]


def by_user():
    users = dict.fromkeys(user for _, user, _ in PAGES)
    return {user: [(path, sign) for path, who, sign in PAGES if who == user] for user in users}


def check_all(browser, mock, language: str) -> None:
    mock.tell("reset")
    found = {}
    for user, pages in by_user().items():
        with opened(browser, mock.url, user) as page:
            if language == "en":
                page.locator("[data-testid=language]").click()
            for path, sign in pages:
                go(page, path, sign)
                if said := violations(page):
                    found[path] = said
            mock.tell("reset")
    assert found == {}, json.dumps(found, indent=1, ensure_ascii=False)


def test_axe_finds_nothing_on_any_page(browser, mock) -> None:
    check_all(browser, mock, "zh")


@pytest.mark.slow
def test_axe_finds_nothing_on_any_page_in_english(browser, mock) -> None:
    check_all(browser, mock, "en")


def test_a_key_of_ones_own_is_in_force_and_comes_back(browser, mock) -> None:
    mock.tell("reset")
    with opened(browser, mock.url) as page:
        go(page, "/keys", "[data-testid=habits]")
        row = page.locator(".commands li", has_text="测长")
        row.get_by_role("button", name="为「测长」添加按键").click()
        page.keyboard.press("w")
        row.get_by_text("W 已用于「调窗」").wait_for()
        page.keyboard.press("5")
        row.locator("kbd", has_text="5").wait_for()
        page.get_by_text("有未保存的修改").wait_for()
        page.locator(".habits .page-head button.ant-btn-primary").click()
        page.get_by_text("已保存 · 第 1 版").wait_for()
        shot(page, "habits")
    with opened(browser, mock.url) as page:
        go(page, "/study/s0001", "[data-painted]")
        page.keyboard.press("5")
        page.get_by_role("button", name="测长", pressed=True).wait_for()
        page.keyboard.press("?")
        page.locator("[data-testid=help] .keymap div", has_text="测长").locator(
            "kbd", has_text="5"
        ).wait_for()


_LETTERS = re.compile(r"[A-Za-z\u4e00-\u9fff]{2,}")
#: Not words of a language: units, names of things, keys.
_NEUTRAL = re.compile(
    r"^([0-9.,:/×±%–<>=≤≥· ()\[\]-]|mm|cm|mL|HU|SUV|[kKMGT]i?B|CT|DR|DX|CR|PT|PET|AI|Xinglin|杏林"
    r"|Enter|Esc|PgUp|PgDn|Home|End|Del|English|中文|Ctrl|AE|PDF|TLS|ID|No|min|x|y|s|h|d|B)+$"
)
_TEXTS = """() => {
  const out = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walk.nextNode(); node; node = walk.nextNode()) {
    const box = node.parentElement;
    const text = node.data.trim();
    if (text && !box.closest("script,style") && box.checkVisibility()) out.push(text);
  }
  // The library's icons name themselves in English beside the texts that say what they are.
  const named = ':not(.anticon):is([aria-label],[title],[placeholder])';
  for (const one of document.querySelectorAll(named))
    for (const name of ['aria-label', 'title', 'placeholder']) out.push(one.getAttribute(name));
  return out.filter(Boolean);
}"""


@pytest.mark.slow
def test_the_stretched_build_shows_no_fixed_string(browser, tmp_path: Path, monkeypatch) -> None:
    """Every word on a page is bracketed by the catalogue, or the server said it."""
    built = tmp_path / "dist"
    subprocess.run(
        ["npx", "vite", "build", "--mode", "pseudo", "--outDir", str(built)],
        cwd=WEB, check=True, capture_output=True,
    )  # fmt: skip
    monkeypatch.setenv("XINGLIN_DIST", str(built))
    server = DevServer("server.mjs")
    fixed: dict[str, list[str]] = {}
    try:
        for user, pages in by_user().items():
            with opened(browser, server.url, user) as page:
                said: list[str] = []
                page.on("response", lambda answer, said=said: said.append(body_of(answer)))
                page.reload()
                for path, sign in pages:
                    go(page, path, sign)
                    told = "\n".join(said)
                    found = [one for one in page.evaluate(_TEXTS) if is_fixed(one, told)]
                    if found:
                        fixed[path] = sorted(set(found))
    finally:
        server.close()
    assert fixed == {}, json.dumps(fixed, indent=1, ensure_ascii=False)


def body_of(answer) -> str:
    if "json" not in answer.headers.get("content-type", ""):
        return ""
    return json.dumps(answer.json(), ensure_ascii=False)


def is_fixed(text: str, told: str) -> bool:
    bare = re.sub(r"⟦[^⟦⟧]*⟧", "", text).strip()
    if "⟦" in text or "⟧" in text or _LETTERS.search(bare) is None or _NEUTRAL.match(bare):
        return False
    return any(word not in told and not _NEUTRAL.match(word) for word in _LETTERS.findall(bare))


#: What the document has that Chromium 109 has not (MDN's compatibility data); more in seal_page.
OLD_PAGE = """
for (const [where, names] of [
  [URL, ['canParse', 'parse']], [AbortSignal, ['any']], [ReadableStream, ['from']],
  [HTMLElement.prototype, ['showPopover', 'hidePopover', 'togglePopover']],
  [Element.prototype, ['setHTMLUnsafe', 'getHTML', 'moveBefore']], [Document, ['parseHTMLUnsafe']],
  [Document.prototype, ['startViewTransition', 'caretPositionFromPoint']],
  [globalThis.Scheduler?.prototype ?? {}, ['yield']], [Intl, ['DurationFormat']],
  [Navigator.prototype, ['gpu', 'scheduling']],
]) for (const name of names) delete where[name];
"""
#: Styles newer than Chromium 109.
NEW_STYLES = re.compile(
    r"color-mix\(|@scope|@starting-style|@property|text-wrap:|:popover-open|[{;]\s*&|light-dark\("
    r"|\b(oklch|oklab|lch|lab)\(|linear\(|\binset-area|anchor\(|field-sizing|:user-valid"
)


@pytest.mark.slow
def test_every_page_works_with_what_chromium_109_has(browser, mock) -> None:
    """Windows 7 PCs end at 109: newer names are taken away before the page's own code runs."""
    mock.tell("reset")
    for user, pages in by_user().items():
        with opened(browser, mock.url, user, OLD + OLD_PAGE) as page:
            assert page.evaluate("typeof [].toSorted + typeof URL.canParse") == "undefined" * 2
            for path, sign in pages:
                go(page, path, sign)
            if user == "physician":
                go(page, "/study/s0001", "[data-painted]")
                page.keyboard.press("e")
                page.keyboard.press("e")
                page.keyboard.press("Shift+P")
                page.locator("[data-cell='1'] [data-painted]").wait_for()


def test_styles_are_none_that_chromium_109_lacks() -> None:
    sheets = list((WEB / "dist" / "assets").glob("*.css"))
    assert sheets
    for sheet in sheets:
        assert NEW_STYLES.findall(sheet.read_text(encoding="utf-8")) == [], sheet.name
