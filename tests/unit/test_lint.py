"""What `make lint` checks, as tests, so that one summary tells the whole truth."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tools.steps import ROOT

BIN = Path(sys.executable).parent
TOOLS = {
    "format": [BIN / "ruff", "format", "--check", "."],
    "lint": [BIN / "ruff", "check", "."],
    "types": [BIN / "mypy"],
    "contracts": [BIN / "lint-imports"],
    "types-of-the-pages": [sys.executable, "tools/prepare.py", "npm", "typecheck"],
    "tests-of-the-pages": [sys.executable, "tools/prepare.py", "npm", "test"],
}


@pytest.mark.lint
@pytest.mark.timeout(300)
@pytest.mark.parametrize("tool", TOOLS)
def test_tool_finds_nothing(tool: str) -> None:
    done = subprocess.run(
        TOOLS[tool],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        print(done.stdout[-8000:])
        pytest.fail(f"`make lint` would fail: {tool}, its output is below", pytrace=False)


def test_make_lint_runs_the_same_tools() -> None:
    makefile = (ROOT / "Makefile").read_text()
    recipe = re.findall(r"^\t@?(.+)", makefile.partition("\nlint:")[2].partition("\n\n")[0], re.M)
    wanted = [
        " ".join(str(word) for word in words)
        .replace(f"{BIN}/", "$(BIN)/")
        .replace(f"{sys.executable} tools/prepare.py", "$(PREPARE)")
        for words in TOOLS.values()
    ]
    assert recipe == [
        line.replace("$(BIN)/python tools/prepare.py", "$(PREPARE)") for line in wanted
    ]
