"""What `make lint` checks, as tests, so that one summary tells the whole truth."""

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
}


@pytest.mark.lint
@pytest.mark.timeout(300)
@pytest.mark.parametrize("command", TOOLS.values(), ids=TOOLS.keys())
def test_tool_finds_nothing(command: list[str]) -> None:
    done = subprocess.run(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"\n{done.stdout[-6000:]}{done.stderr[-2000:]}"
