"""Progress lines with times, and commands whose output is shown only when they fail."""

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STAMPS = ROOT / ".stamps"
LOG = STAMPS / "prepare.log"
TAIL_LINES = 15
STARTED_AT = time.monotonic()

# What they print when a proxy re-signs TLS and its certificate authority is not known.
CERTIFICATE_SIGNS = ("CERTIFICATE_VERIFY_FAILED", "SELF_SIGNED_CERT", "UNABLE_TO_GET_ISSUER_CERT")

# What pip, npm and apt print when a server cannot be reached.
OFFLINE_SIGNS = (
    "Temporary failure in name resolution",
    "Name or service not known",
    "Network is unreachable",
    "Connection refused",
    "Failed to establish a new connection",
    "No matching distribution found",
    "Could not connect to",
    "Could not resolve",
    "ENOTFOUND",
    "EAI_AGAIN",
    "ECONNREFUSED",
    "ETIMEDOUT",
    "ENETUNREACH",
    "Read timed out",
)


class Stop(Exception):
    """The preparation cannot go on; the text tells a person what to do."""


def say(text: str) -> None:
    """One progress line with the seconds since the start."""
    print(f"[{time.monotonic() - STARTED_AT:6.1f} s] {text}", flush=True)


def run(
    command: Sequence[str | Path],
    *,
    purpose: str,
    cwd: Path = ROOT,
    env: Mapping[str, str] | None = None,
) -> None:
    """Run `command` without a terminal; its output goes to .stamps/prepare.log.

    Raises: Stop: it failed; with the last lines, and plain words when a download was the cause.
    """
    STAMPS.mkdir(exist_ok=True)
    words = [str(word) for word in command]
    done = subprocess.run(
        words,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    output = done.stdout.decode(errors="replace")
    with LOG.open("a") as log:
        log.write(f"$ {' '.join(words)}\n{output}\n")
    if done.returncode:
        raise Stop(_failure(purpose, words, output))


def _failure(purpose: str, words: Sequence[str], output: str) -> str:
    tail = "\n".join(f"    {line}" for line in output.splitlines()[-TAIL_LINES:])
    text = f"{purpose} failed.\n  {' '.join(words)}\n{tail}\n  All of its output: {LOG}"
    if any(sign in output for sign in CERTIFICATE_SIGNS):
        text += (
            "\n\nA download was refused: the server's certificate is not trusted here."
            "\n  A proxy that inspects traffic has an authority of its own. Name its file:"
            "\n  PIP_CERT=/path/ca.pem NODE_EXTRA_CA_CERTS=/path/ca.pem make run"
        )
    elif any(sign in output for sign in OFFLINE_SIGNS):
        text += (
            "\n\nA download did not work: this machine may have no way to the package servers."
            "\n  Behind a proxy:  set https_proxy, then run the same command again."
            "\n  With a mirror:   set PIP_INDEX_URL (and npm_config_registry), then run it again."
            "\n  Without network: see docs/operations.md, section 'Without a network'."
            "\nWhat was already done is kept."
        )
    return text


def fail(text: str) -> None:
    """Print `text` for a person and end with status 1."""
    print(f"\n{text}", file=sys.stderr, flush=True)
    sys.exit(1)
