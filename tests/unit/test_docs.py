"""What the documents name exists: commands, options, settings, files, tests, links, decisions."""

from __future__ import annotations

import re
import shlex
from dataclasses import MISSING, fields, is_dataclass
from importlib.metadata import entry_points
from pathlib import Path
from urllib.parse import unquote

import click
import pytest

from core.cli import GROUP, LazyGroup
from core.records.kinds import KINDS
from core.web.roles import ROLES
from edge.processes import ROLES as PROCESSES
from edge.stages.plans import READERS
from edge.store import settings as settings_module
from edge.store.settings import Appliance, PeerSettings, parse
from hub.settings import HubSettings

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(
    [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        ROOT / "web" / "README.md",
    ]
)
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_OURS = re.compile(
    r"^(?:core|edge|hub|federated|provisioning|tests|docs|web/src)/[\w./-]+(?:::\w+)?$"
)
_SECTIONS = (
    "dicom",
    "web",
    "portal",
    "intake",
    "delivery",
    "backup",
    "peers",
    "uplink",
    "statistics",
    "joining",
    "report",
    "screening",
    "quality",
)


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def code_of(text: str) -> list[str]:
    """Every line of a fenced block and every inline span."""
    fenced = [body for _, body in _FENCE.findall(text)]
    lines = [line for body in fenced for line in body.splitlines()]
    return lines + _SPAN.findall(_FENCE.sub("", text))


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.fixture(params=DOCUMENTS, ids=name_of)
def document(request) -> Path:
    return request.param


# -- commands --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def umbrella() -> click.Group:
    found = {entry.name: entry for entry in entry_points(group=GROUP)}
    return LazyGroup(found, name="xinglin")


def fault_of(command: click.Command, words: list[str]) -> str | None:
    """Say what a command line names that is not there; None if all of it is."""
    context = click.Context(command)
    while words and isinstance(command, click.Group) and not words[0].startswith("-"):
        if not re.fullmatch(r"[a-z][\w-]*", words[0]):
            return None  # a placeholder: what follows is the reader's
        found = command.get_command(context, words[0])
        if found is None:
            return f"no command {words[0]}"
        command, words = found, words[1:]
        context = click.Context(command)
    known = {"--help"}
    for parameter in command.params:
        known |= {*parameter.opts, *parameter.secondary_opts}
    used = {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)}
    return f"no option {sorted(used - known)[0]}" if used - known else None


def words_of(line: str) -> list[str]:
    """The words after `xinglin` of a line of code, without comment and brackets."""
    line = re.split(r"\s#|[|;&]", line)[0].replace("[", " ").replace("]", " ")
    try:
        return shlex.split(line)[1:]
    except ValueError:
        return line.split()[1:]


def test_every_command_line_exists(document, umbrella):
    lines = [line.strip() for line in code_of(text_of(document))]
    lines = [re.sub(r"^(?:\$ |sudo |[A-Z_]+=\S+ )+", "", line) for line in lines]
    faults = {
        line: fault
        for line in lines
        if re.match(r"xinglin( |$)", line) and (fault := fault_of(umbrella, words_of(line)))
    }
    assert not faults


@pytest.mark.parametrize(
    ("line", "right"),
    [
        ("xinglin edge init --folder X", True),
        ("xinglin edge user add --role auditor NAME", True),
        ("xinglin edge begin", False),
        ("xinglin edge init --colour red", False),
        ("xinglin nothing", False),
    ],
)
def test_the_judge_of_command_lines_can_say_no(line, right, umbrella):
    assert (fault_of(umbrella, words_of(line)) is None) is right


def test_every_command_is_in_the_readme(umbrella):
    text = text_of(ROOT / "README.md")
    commands = umbrella.list_commands(click.Context(umbrella))
    assert not [name for name in commands if f"`xinglin {name}`" not in text]


def test_every_make_target_exists(document):
    targets = set(re.findall(r"^([a-z-]+):", text_of(ROOT / "Makefile"), re.MULTILINE))
    named = {
        found[1]
        for line in code_of(text_of(document))
        if (found := re.match(r"make ([a-z-]+)", line.strip()))
    }
    assert named <= targets


# -- settings --------------------------------------------------------------------------------------


def all_keys() -> set[str]:
    keys = {"hospital"} | {f"peers.{field.name}" for field in fields(PeerSettings)}
    for section in fields(Appliance):
        if section.name in _SECTIONS and section.name != "peers":
            kind = type(getattr(Appliance(), section.name))
            keys |= {f"{section.name}.{field.name}" for field in fields(kind)}
    return keys


def hub_keys() -> set[str]:
    """The hub's own settings: one of its sections has the name of one of the box's."""
    return {
        f"{section.name}.{field.name}"
        for section in fields(HubSettings)
        if is_dataclass(kind := type(getattr(HubSettings(), section.name)))
        for field in fields(kind)
    }


def test_every_section_is_known_to_this_test():
    assert {f.name for f in fields(Appliance)} == {"hospital", *_SECTIONS}


def keys_named(text: str) -> set[str]:
    # `portal.html` is a file.
    pattern = re.compile(rf"(?:{'|'.join(_SECTIONS)})\.(?!html\b)[a-z_]+(?![\w/(.])")
    found = {match[0] for span in code_of(text) if (match := pattern.match(span))}
    return found - set(KINDS)  # `report.signed` is a record


def test_every_setting_that_is_named_exists(document):
    assert keys_named(text_of(document)) <= all_keys() | hub_keys()


def test_the_judge_of_settings_can_say_no():
    text = "`delivery.nothing = 1` `core.records` `web.port`\n```\ndicom.aet\n```\n"
    assert keys_named(text) == {"delivery.nothing", "web.port", "dicom.aet"}


def test_the_table_of_settings_is_whole_and_its_defaults_are_true():
    rows = re.findall(
        r"^\| `([a-z._]+)` \| ([^|]+?) \|", text_of(ROOT / "docs/howto/operate.md"), re.MULTILINE
    )
    table = {key: default for key, default in rows if key in all_keys() or "." in key}
    assert set(table) == all_keys()
    wrong = {key: default for key, default in table.items() if not is_default(key, default)}
    assert not wrong


def is_default(key: str, shown: str) -> bool:
    section, _, name = key.rpartition(".")
    if shown == "—":
        return section == "peers" and next(
            f.default is MISSING for f in fields(PeerSettings) if f.name == name
        )
    owner = PeerSettings("", "") if section == "peers" else Appliance()
    value = getattr(getattr(owner, section) if section not in ("", "peers") else owner, name)
    if key == "peers.networks":
        return value == ("0.0.0.0/0", "::/0")
    import tomllib

    found = tomllib.loads(f"value = {shown}")["value"]
    return found == (list(value) if isinstance(value, tuple) else value)


def test_every_settings_file_in_the_documents_can_be_read(document):
    for language, body in _FENCE.findall(text_of(document)):
        if language == "toml":
            parse(body)


def test_traits_are_explained():
    named = set(re.findall(r"``([a-z-]+)``", settings_module.PeerSettings.__doc__ or ""))
    text = text_of(ROOT / "docs/howto/operate.md")
    assert not [trait for trait in named if f"`{trait}`" not in text]


# -- files, tests, links ---------------------------------------------------------------------------


def test_every_file_and_test_that_is_named_exists(document):
    missing = []
    for span in code_of(text_of(document)):
        if not _OURS.match(span):
            continue
        path, _, test = span.partition("::")
        there = (ROOT / path).exists()
        if not there or (test and f"def {test}(" not in text_of(ROOT / path)):
            missing.append(span)
    assert not missing


def test_bare_test_names_in_the_conformance_statement_exist():
    text = text_of(ROOT / "docs/conformance.md")
    sources = "".join(text_of(path) for path in (ROOT / "tests").rglob("test_*.py"))
    named = re.findall(r"`(test_\w+)`", text)
    assert named
    assert not [name for name in named if f"def {name}(" not in sources]


def test_every_relative_link_resolves(document):
    text = _FENCE.sub("", text_of(document))
    broken = []
    for target in _LINK.findall(text):
        if re.match(r"[a-z]+:|#", target):
            continue
        path = unquote(target.partition("#")[0])
        if not (document.parent / path).exists():
            broken.append(target)
    assert not broken


# -- lists that must be whole ----------------------------------------------------------------------


def test_every_decision_is_listed_numbered_and_has_its_parts():
    folder = ROOT / "docs" / "adr"
    files = sorted(path.name for path in folder.glob("[0-9]*.md"))
    listed = re.findall(r"\]\((\d{4}-[\w-]+\.md)\)", text_of(folder / "README.md"))
    assert listed == files
    assert [int(name[:4]) for name in files] == list(range(1, len(files) + 1))
    for name in files:
        headings = re.findall(r"^## (.+)$", text_of(folder / name), re.MULTILINE)
        assert headings == ["Context", "Decision", "Alternatives", "Consequences"], name


def test_the_design_names_every_record_kind_process_and_stage():
    text = text_of(ROOT / "docs" / "design.md")
    names = [*KINDS, *PROCESSES, *(reader.name for reader in READERS)]
    assert not [name for name in names if f"`{name}`" not in text]


def test_every_role_is_in_the_how_to():
    text = text_of(ROOT / "docs" / "howto" / "operate.md")
    assert not [role for role in ROLES if role not in text]


def test_the_figures_of_the_readme_are_those_of_the_model_card():
    text = text_of(ROOT / "README.md")
    box = text[text.index("dr_tb ") : text.index("[`card.md`]")].replace("–", "-")
    card = text_of(ROOT / "core/models/bundles/dr_tb/card.md")
    figures = set(re.findall(r"\b0\.\d{3}\b", box))
    assert len(figures) >= 10
    assert not [figure for figure in figures if figure not in card]
    version = re.search(r"^# dr_tb (\S+)$", card, re.MULTILINE)
    assert version
    assert f"dr_tb {version[1]}" in box


def test_the_changes_name_this_version():
    version = re.search(r'^version = "(.+)"$', text_of(ROOT / "pyproject.toml"), re.MULTILINE)
    assert version
    assert f"## {version[1]}" in text_of(ROOT / "CHANGELOG.md")
