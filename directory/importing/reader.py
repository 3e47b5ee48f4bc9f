"""The parent's side of the child process: start, feed, read with a deadline, kill."""

import asyncio
import json
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import structlog
from pydantic import TypeAdapter

from core.errors import InvalidInput
from directory.importing.grid import Grid
from directory.importing.model import Field, Limits, Row, Table

log = structlog.get_logger(__name__)

_ROOT = Path(__file__).resolve().parents[2]
_LONGEST_LINE = 4 << 20
_BREATHE_EVERY = 50
_ROWS, _TABLES = TypeAdapter(Row), TypeAdapter(Table)


@dataclass(frozen=True)
class ReadFile:
    """What a file holds."""

    table: Table
    rows: list[Row]


async def read_file(
    content: bytes, limits: Limits, columns: Mapping[int, Field], area_code: str
) -> ReadFile:
    """Read a file in a child process. `columns`: the meaning chosen by hand; empty: guess.

    Raises: InvalidInput: the file cannot be read, or costs more than `limits`.
    """
    if len(content) > limits.max_bytes:
        raise InvalidInput("the file is too large", field="file", code="import_too_large")
    options = {"limits": asdict(limits), "columns": dict(columns), "area_code": area_code}
    table: Table | None = None
    rows: list[Row] = []
    async with aclosing(_lines("read", options, content, limits.timeout_s)) as lines:
        async for line in lines:
            if "refused" in line:
                message, code = line["refused"]
                raise InvalidInput(message, field="file", code=code)
            if "table" in line:
                table = _TABLES.validate_python(line["table"])
            else:
                rows.append(_ROWS.validate_python(line["row"]))
                if len(rows) % _BREATHE_EVERY == 0:
                    await asyncio.sleep(0)
    if table is None:
        raise _unreadable()
    return ReadFile(table, rows)


async def read_grid(content: bytes, limits: Limits) -> Grid:
    """The cells of a file's first sheet that holds anything, read in a child process.

    Raises: InvalidInput: the file cannot be read, or costs more than `limits`.
    """
    if len(content) > limits.max_bytes:
        raise InvalidInput("the file is too large", field="file", code="import_too_large")
    head: dict[str, Any] | None = None
    rows: list[tuple[int, tuple[str, ...]]] = []
    options = {"limits": asdict(limits)}
    async with aclosing(_lines("grid", options, content, limits.timeout_s)) as lines:
        async for line in lines:
            if "refused" in line:
                message, code = line["refused"]
                raise InvalidInput(message, field="file", code=code)
            if "grid" in line:
                head = line["grid"]
            else:
                number, cells = line["row"]
                rows.append((number, tuple(cells)))
                if len(rows) % _BREATHE_EVERY == 0:
                    await asyncio.sleep(0)
    if head is None:
        raise _unreadable()
    return Grid(head["sheet"], head["header_row"], tuple(head["header"]), tuple(rows))


async def annotate(lines: bytes, timeout_s: float) -> bytes:
    """The xlsx that `annotating.annotated` makes of `lines`.

    Raises: InvalidInput: it could not be made in time.
    """
    async with _child("annotate", {}, timeout_s) as process:
        output, _ = await process.communicate(lines)
        if process.returncode != 0:
            raise _unreadable()
        return output


async def _lines(
    action: str, options: Mapping[str, Any], content: bytes, timeout_s: float
) -> AsyncGenerator[dict[str, Any], None]:
    async with _child(action, options, timeout_s) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        with suppress(BrokenPipeError, ConnectionResetError):  # its exit code says more
            process.stdin.write(content)
            await process.stdin.drain()
            process.stdin.close()
        async for line in process.stdout:
            yield json.loads(line)
        if await process.wait() != 0:
            raise _unreadable()


@asynccontextmanager
async def _child(
    action: str, options: Mapping[str, Any], timeout_s: float
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A child that does not outlive the block; a file that takes too long is refused."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "directory.importing.child",
        action,
        json.dumps(options),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=_ROOT,
        limit=_LONGEST_LINE,
    )
    try:
        async with asyncio.timeout(timeout_s):
            yield process
    except TimeoutError as error:
        raise InvalidInput(
            "reading the file takes too long", field="file", code="import_too_slow"
        ) from error
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await asyncio.shield(process.wait())


def _unreadable() -> InvalidInput:
    return InvalidInput("the file cannot be read", field="file", code="import_unreadable")
