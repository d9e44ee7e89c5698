"""Chinese sentences have Chinese punctuation: no ASCII , ; : ( ) ! ? beside a Han character."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from provisioning import errors_doc

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("core", "edge", "hub", "federated", "provisioning")
_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WRONG = re.compile(rf"[{_HAN}][,;:()!?]|[,;:()!?][{_HAN}]|[{_HAN}]\.(?:\s|$)")
_PLACEHOLDER = re.compile(r"\{[^{}]*\}")
#: What a person types as it stands: `host:port` is no sentence.
_TYPED = ("主机:端口",)


def wrong(text: str) -> str | None:
    """Return the first place with ASCII punctuation beside a Han character."""
    for typed in _TYPED:
        text = text.replace(typed, "")
    found = _WRONG.search(text)
    return text[max(0, found.start() - 8) : found.end() + 8] if found else None


def _shown(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Every string of a module but docstrings; of those, the ones that a command's help shows."""
    docstrings = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                text = str(first.value.value)
                docstrings.add(id(first.value))
                if re.match(rf"\s*[{_HAN}]", text):
                    yield first.lineno, text
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = (str(v.value) if isinstance(v, ast.Constant) else "{}" for v in node.values)
            yield node.lineno, "".join(parts)
        elif isinstance(node, ast.Constant) and id(node) not in docstrings:
            yield node.lineno, node.value if isinstance(node.value, str) else ""


@pytest.mark.parametrize("package", PACKAGES)
def test_no_chinese_string_of_the_code_has_ascii_punctuation(package: str) -> None:
    found = []
    for path in sorted((ROOT / package).rglob("*.py")):
        for line, text in _shown(ast.parse(path.read_text(encoding="utf-8"))):
            place = wrong(text)
            if place is not None:
                found.append(f"{path.relative_to(ROOT)}:{line}: {place!r}")
    assert not found, "\n".join(found)


def test_no_refusals_chinese_has_ascii_punctuation_also_beside_a_fact() -> None:
    errors_doc.import_everything()
    found = []
    for one in errors_doc.refusals():
        # 主机 {host}:{port} stays an address; any other fact stands for a word.
        text = one.zh.replace("}:{", "}{")
        place = wrong(_PLACEHOLDER.sub("某", text))
        if place is not None:
            found.append(f"E{one.code}: {place!r}")
    assert not found, "\n".join(found)


def test_the_pages_chinese_has_chinese_punctuation() -> None:
    catalogue = json.loads((ROOT / "web/src/i18n/zh.json").read_text(encoding="utf-8"))
    assert not {key: place for key, text in catalogue.items() if (place := wrong(text))}


@pytest.mark.parametrize("pattern", ["core/models/bundles/*/*.md", "core/models/bundles/*/*.json"])
def test_a_shipped_bundles_text_has_chinese_punctuation(pattern: str) -> None:
    paths = sorted(ROOT.glob(pattern))
    assert paths
    assert not {path.name: place for path in paths if (place := wrong(path.read_text("utf-8")))}


@pytest.mark.parametrize("text", ["失败,重试", "(请设置", "缺少文件:a", "完成.", "是否?", "a;重"])
def test_the_check_can_fail(text: str) -> None:
    assert wrong(text)


@pytest.mark.parametrize(
    "text", ["失败，重试", "评分 0.5：高", "v1.2（试用）", "plain, text", "09:30", "主机:端口"]
)
def test_the_check_lets_good_text_pass(text: str) -> None:
    assert wrong(text) is None
