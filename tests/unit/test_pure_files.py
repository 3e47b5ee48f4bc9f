"""What does no I/O stays so: every such file is in a contract of import-linter, or excused here."""

import ast
import tomllib
from pathlib import Path

from tests.unit.test_house_rules import PACKAGES, ROOT, _tree

OUTSIDE = {
    "aiohttp", "aioice", "aiortc", "alembic", "argon2", "asyncio", "cffi", "click", "concurrent",
    "ctypes", "engineio", "fcntl", "gsmmodem", "importlib", "multiprocessing", "openpyxl", "os",
    "prometheus_client", "pylibsrtp", "python_calamine", "random", "redis", "secrets", "select",
    "serial", "shutil", "signal", "socket", "socketio", "sqlalchemy", "sqlite3", "ssl",
    "structlog", "subprocess", "tempfile", "termios", "threading", "time",
}  # fmt: skip
"""Whoever imports one of these reaches out of the process, or gives another answer each time."""
EXCUSED = {
    "core.errors": "values; everybody's",
    "sms.driver": "the contract of those that do I/O",
    "sms.simulator.journal": "writes its file",
    "signaling.api_page": "text of one page; imports the route table",
    "signaling.openapi": "text of one document; imports the route table",
}


ROLES = (".settings", ".ports")
"""Values with units and ranges; what others do for a package: they decide nothing."""


def _module(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts)


FILES = {
    _module(file): file
    for package in PACKAGES
    for file in (ROOT / package).rglob("*.py")
    if not file.name.startswith("__")
}


def _imports(tree: ast.Module) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def _awaits(tree: ast.Module) -> bool:
    """Whether there is a coroutine; a Protocol only says what another's is like."""
    protocols = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and "Protocol" in map(ast.unparse, node.bases)
    ]
    excused = {id(node) for protocol in protocols for node in ast.walk(protocol)}
    return any(
        isinstance(node, ast.AsyncFunctionDef) and id(node) not in excused
        for node in ast.walk(tree)
    )


def _pure_files() -> set[str]:
    """No I/O of their own, nor by a file of ours they import; `core` hands out types to all."""
    ours: dict[str, set[str]] = {}
    for module, file in FILES.items():
        imported = _imports(_tree(file))
        if not _awaits(_tree(file)) and not {name.partition(".")[0] for name in imported} & OUTSIDE:
            ours[module] = {one for one in imported & FILES.keys() if not one.startswith("core.")}
    while impure := [module for module, imported in ours.items() if imported - ours.keys()]:
        for module in impure:
            del ours[module]
    return set(ours)


def _decides(module: str) -> bool:
    """Whether it does anything: a file of plain shapes needs no contract."""
    return any(isinstance(node, ast.FunctionDef) for node in ast.walk(_tree(FILES[module])))


def _listed() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contracts = project["tool"]["importlinter"]["contracts"]
    return {
        module
        for contract in contracts
        if contract["name"].startswith("pure")
        for module in contract["source_modules"]
    }


def test_every_file_without_io_is_held_to_it() -> None:
    listed = _listed()
    packages = tuple(f"{name}." for name in listed)
    loose = [
        module
        for module in sorted(_pure_files())
        if _decides(module) and not module.endswith(ROLES)
        if module not in listed | EXCUSED.keys() and not module.startswith(packages)
    ]
    assert not loose, f"add to a `pure …` contract in pyproject.toml, or excuse: {loose}"


def test_no_excuse_outlives_its_reason() -> None:
    assert EXCUSED.keys() - {name for name in FILES if name not in _listed()} == set()
