"""The rules of docs/decisions and the style that no linter knows."""

import ast
import gc
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("core", "directory", "sms", "conf", "plans", "command", "signaling")
FILE_LINES = 500
FUNCTION_LINES = 60
INIT_DOCSTRING_LINES = 8
DEPENDENCIES = 25
USELESS_NAMES = {"utils", "util", "common", "helpers", "helper", "manager", "misc"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def _files(*folders: str) -> list[Path]:
    return sorted(file for folder in folders for file in (ROOT / folder).rglob("*.py"))


PRODUCT = [*_files(*PACKAGES, "migrations"), *ROOT.glob("server.py")]
EVERYTHING = [*PRODUCT, *_files("tests", "tools", "bench")]


def _name(file: Path) -> str:
    return str(file.relative_to(ROOT))


@cache
def _tree(file: Path) -> ast.Module:
    gc.disable()  # a finalizer that runs inside the parser makes Python 3.11 raise SystemError
    try:
        return ast.parse(file.read_text(), filename=str(file))
    finally:
        gc.enable()


def _functions(tree: ast.AST) -> Iterator[Function]:
    yield from (node for node in ast.walk(tree) if isinstance(node, Function))


def _imports(file: Path) -> set[str]:
    """Top-level names of all that `file` imports at run time."""
    found: set[str] = set()
    for node in ast.walk(_tree(file)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


def _project() -> dict[str, list[str]]:
    project: dict[str, list[str]] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return project


def _dependencies() -> list[str]:
    names = (re.match(r"[A-Za-z0-9_.-]+", line) for line in _project()["dependencies"])
    return [name[0].lower() for name in names if name]


def _pins(file: str) -> dict[str, set[str]]:
    """Package → the lines `==version ; marker` that requirements/`file` has for it."""
    pins: dict[str, set[str]] = {}
    for line in (ROOT / "requirements" / file).read_text().splitlines():
        if found := re.match(r"([A-Za-z0-9_.-]+)(==.*)", line):
            pins.setdefault(found[1], set()).add(found[2].strip())
    return pins


def test_no_file_is_longer_than_500_lines() -> None:
    long = {_name(file): n for file in EVERYTHING if (n := _lines(file)) > FILE_LINES}
    assert not long, f"cut by meaning: {long}"


def _lines(file: Path) -> int:
    return len(file.read_text().splitlines())


def test_no_function_is_longer_than_60_lines() -> None:
    long = {
        f"{_name(file)}:{function.lineno} {function.name}": length
        for file in EVERYTHING
        for function in _functions(_tree(file))
        if (length := (function.end_lineno or function.lineno) - function.lineno + 1)
        > FUNCTION_LINES
    }
    assert not long, f"decide in one function, act in another: {long}"


def test_only_store_files_import_sqlalchemy() -> None:
    allowed = re.compile(r"^(core|migrations)/|(^|/)store(\.py$|/)")
    wrong = [
        _name(file)
        for file in PRODUCT
        if "sqlalchemy" in _imports(file) and not allowed.search(_name(file))
    ]
    assert not wrong, f"move the queries to the package's store: {wrong}"


def test_only_settings_read_the_environment() -> None:
    wrong = [
        f"{_name(file)}:{node.lineno}"
        for file in PRODUCT
        if file.stem != "settings"
        for node in ast.walk(_tree(file))
        if _reads_environment(node)
    ]
    assert not wrong, f"every setting comes from Settings: {wrong}"


def _reads_environment(node: ast.AST) -> bool:
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return node.value.id == "os" and node.attr in {"environ", "environb", "getenv", "putenv"}
    if isinstance(node, ast.ImportFrom) and node.module == "os":
        return any(alias.name in {"environ", "environb", "getenv"} for alias in node.names)
    return False


def test_every_package_says_what_it_is_in_a_few_lines() -> None:
    wrong = {}
    for file in _files(*PACKAGES):
        if file.name == "__init__.py":
            text = ast.get_docstring(_tree(file)) or ""
            if not text or len(text.splitlines()) > INIT_DOCSTRING_LINES:
                wrong[_name(file)] = len(text.splitlines())
    assert not wrong, f"1 to {INIT_DOCSTRING_LINES} lines of docstring each: {wrong}"


@pytest.mark.parametrize("package", PACKAGES)
def test_every_folder_with_code_is_a_package(package: str) -> None:
    folders = {file.parent for file in _files(package)}
    assert (ROOT / package) in folders, f"{package} is missing"
    assert [_name(folder) for folder in folders if not (folder / "__init__.py").exists()] == []


def test_no_file_has_a_name_that_says_nothing() -> None:
    assert [_name(file) for file in PRODUCT if file.stem in USELESS_NAMES] == []


def test_todos_name_their_issue() -> None:
    loose = re.compile(r"#.*\b(TODO(?!\(#\d+\))|FIXME|XXX|HACK)\b")
    wrong = [
        f"{_name(file)}:{number}"
        for file in PRODUCT
        for number, line in enumerate(file.read_text().splitlines(), 1)
        if loose.search(line)
    ]
    assert not wrong, f"write TODO(#issue): {wrong}"


def test_dependencies_are_few() -> None:
    assert len(_dependencies()) <= DEPENDENCIES


def test_every_dependency_is_defended_in_a_decision() -> None:
    text = (ROOT / "docs" / "decisions" / "0002-dependencies.md").read_text().lower()
    assert [name for name in _dependencies() if f"| {name} |" not in text] == []


def test_every_dependency_is_locked() -> None:
    pins = _pins("run.txt")
    assert [name for name in _dependencies() if name not in pins] == []


def test_the_tests_run_with_the_versions_that_are_shipped() -> None:
    """`make test` installs dev.txt over run.txt: what both name must be the same."""
    run, dev = _pins("run.txt"), _pins("dev.txt")
    assert {name: run[name] for name in run if dev.get(name) != run[name]} == {}


def test_changelog_has_a_part_for_what_comes_next() -> None:
    assert "## [Unreleased]" in (ROOT / "CHANGELOG.md").read_text()


def test_each_decision_has_its_own_number_and_fits_a_page() -> None:
    files = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    numbers = [int(file.name[:4]) for file in files]
    assert len(set(numbers)) == len(numbers)
    assert {_name(file): _lines(file) for file in files if _lines(file) > 80} == {}


def test_the_test_files_have_unique_names() -> None:
    names = [file.name for file in _files("tests") if file.name.startswith("test_")]
    assert sorted({name for name in names if names.count(name) > 1}) == []


def test_every_file_named_in_pyproject_is_there() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    named = re.findall(r"\b((?:tests|docs|conf|core|sms|signaling)/[\w/.-]+\.\w+)", text)
    assert len(named) >= 4
    assert [name for name in named if not (ROOT / name).exists()] == []
