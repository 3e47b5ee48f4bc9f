"""Tests that measure time, and end-to-end tests, never run beside one another."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from services.order import place

TESTS = """
import pytest

@pytest.mark.xdist_group("alone")
@pytest.mark.parametrize("n", range(6))
def test_one(n): pass
"""


def test_a_group_stays_on_one_worker(tmp_path: Path) -> None:
    """pytest 9.2 breaks pytest-xdist's groups without a word (pytest-dev/pytest-xdist#1386)."""
    (tmp_path / "test_group.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-v", "-n", "2", "--dist", "loadgroup", "."]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    workers = re.findall(r"\[(gw\d)\].*PASSED", done.stdout)
    assert len(workers) == 6, done.stdout
    assert len(set(workers)) == 1, done.stdout


def test_rows_begin_early_and_what_is_short_ends(request: pytest.FixtureRequest) -> None:
    """Of whatever is run now; in the whole run this is the whole order."""
    places = [place(item) for item in request.session.items]
    known = ["pages", "lint", "", "unit"]
    told = [known.index(one) for one in places if one != "alone"]
    assert told == sorted(told)
    rest = [one for one in places if one in ("", "alone")]
    if "alone" in rest:
        assert rest.index("alone") == rest.count("") // 2
