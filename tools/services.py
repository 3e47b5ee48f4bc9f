"""What the tests need from the machine: Redis, PostgreSQL, Chromium, Chinese fonts.

Programs only: the tests start private instances of their own. As root on Debian or Ubuntu the
missing ones are installed, with apt kept from starting services and from creating a cluster.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools.steps import Stop, run, say

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
POLICY = Path("/usr/sbin/policy-rc.d")
CLUSTERS = Path("/etc/postgresql-common/createcluster.conf")


def postgres_bin() -> Path | None:
    """The folder with initdb and postgres, the newest release first."""
    folders = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: -float(path.parent.name)
    )
    on_path = shutil.which("initdb")
    if on_path:
        folders.append(Path(on_path).resolve().parent)
    complete = (f for f in folders if (f / "initdb").exists() and (f / "postgres").exists())
    return next(complete, None)


def chromium_path() -> str | None:
    """The Chromium of the machine; TEST_CHROMIUM names another one."""
    names = (os.environ.get("TEST_CHROMIUM", ""), *CHROMIUM_NAMES)
    return next((path for name in names if name and (path := shutil.which(name))), None)


def has_chinese_fonts() -> bool:
    """Whether a screenshot would show Chinese text instead of boxes."""
    if shutil.which("fc-list"):
        listed = subprocess.run(["fc-list", ":lang=zh-cn"], capture_output=True, check=False)
        return bool(listed.stdout.strip())
    return any(Path("/usr/share/fonts").rglob("*CJK*"))


def missing() -> dict[str, str]:
    """Debian package → what it is for, of everything that is not here."""
    needs = {
        "redis-server": ("Redis", shutil.which("redis-server") is not None),
        "postgresql": ("PostgreSQL", postgres_bin() is not None),
        "chromium": ("Chromium", chromium_path() is not None),
        "fonts-noto-cjk": ("Chinese fonts", has_chinese_fonts()),
    }
    return {package: name for package, (name, is_here) in needs.items() if not is_here}


def prepare() -> None:
    """See to it that every program the tests need is here.

    Raises: Stop: something is missing and may not be installed by us; says what to type.
    """
    lacking = missing()
    if lacking:
        if os.geteuid() != 0 or shutil.which("apt-get") is None:
            raise Stop(_advice(lacking))
        say(f"Services: installing {', '.join(lacking.values())} with apt-get")
        _install(list(lacking))
        if missing():
            raise Stop(_advice(missing()))
    say("Services: Redis, PostgreSQL, Chromium and Chinese fonts are here")


def _advice(lacking: dict[str, str]) -> str:
    return (
        f"The tests need {', '.join(lacking.values())}, which is not on this machine.\n"
        f"  Debian:  sudo apt-get install {' '.join(lacking)}\n"
        "  Others:  install these programs; nothing of theirs has to run, the tests start\n"
        "           private instances. A Chromium elsewhere: TEST_CHROMIUM=/path/to/it\n"
        "Run as root on Debian, `make test` installs them itself."
    )


def _install(packages: list[str]) -> None:
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "UCF_FORCE_CONFFOLD": "1"}
    options = ["-y", "-q", "--no-install-recommends", "-o", "Dpkg::Options::=--force-confold"]
    with _replaced(POLICY, "#!/bin/sh\nexit 101\n", 0o755), _no_cluster(packages):
        run(["apt-get", "update", "-q"], purpose="Reading the list of packages", env=env)
        run(["apt-get", "install", *options, *packages], purpose="apt-get install", env=env)


@contextmanager
def _no_cluster(packages: list[str]) -> Iterator[None]:
    """PostgreSQL's package makes and starts a cluster of its own unless told not to."""
    if "postgresql" not in packages:
        yield
        return
    is_new = not CLUSTERS.parent.exists()
    CLUSTERS.parent.mkdir(exist_ok=True)
    before = CLUSTERS.read_text() if CLUSTERS.exists() else ""
    with _replaced(CLUSTERS, f"{before}\ncreate_main_cluster = false\n", 0o644):
        yield
    if is_new and not any(CLUSTERS.parent.iterdir()):
        CLUSTERS.parent.rmdir()


@contextmanager
def _replaced(path: Path, text: str, mode: int) -> Iterator[None]:
    """`path` holds `text` meanwhile; afterwards it is as it was, or gone if it was not there."""
    before = (path.read_bytes(), path.stat().st_mode) if path.exists() else None
    try:
        path.write_text(text)
        path.chmod(mode)
        yield
    finally:
        if before is None:
            path.unlink(missing_ok=True)
        else:
            path.write_bytes(before[0])
            path.chmod(before[1] & 0o7777)
