"""The child process that reads and writes tables, so that a bad file can only kill itself.

`python -m directory.importing.child read|grid|annotate OPTIONS`; the file on standard input. `read`
answers with lines of JSON: the table, then one line a row; or one line with a fault of the file.
`grid` answers alike, with the cells as they stand.
"""

import json
import resource
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from core.errors import InvalidInput
from directory.importing import annotating, grid, headers
from directory.importing.model import Field, Limits, Table
from directory.importing.rows import parse_rows
from directory.importing.sheets import Sheet, read, refuse

_MEMORY = 1 << 30
"""Address space the child may take (bytes): 200 MiB unpacked, as cells, and Python itself."""


def main() -> int:
    """Do what the command line says."""
    action, options = sys.argv[1], json.loads(sys.argv[2])
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    content = sys.stdin.buffer.read()
    if action == "annotate":
        sys.stdout.buffer.write(annotating.annotated(content))
        return 0
    try:
        for line in (_grid if action == "grid" else _read)(content, options):
            sys.stdout.write(json.dumps(line, ensure_ascii=True, separators=(",", ":")) + "\n")
    except InvalidInput as error:
        _refuse(error)
    except MemoryError:
        _refuse(refuse("the file needs too much memory", "import_too_large"))
    return 0


def _refuse(error: InvalidInput) -> None:
    sys.stdout.write(json.dumps({"refused": [error.message, error.wire_code]}) + "\n")


def _read(content: bytes, options: dict[str, Any]) -> Iterator[dict[str, Any]]:
    limits = Limits(**options["limits"])
    mapping = {int(index): Field(name) for index, name in options["columns"].items()}
    table, sheet = _find_table(content, limits, mapping)
    yield {"table": asdict(table)}
    for count, row in enumerate(parse_rows(table, sheet.rows, options["area_code"]), start=1):
        if count > limits.max_rows:
            raise refuse("the table has too many rows", "import_too_many_rows")
        yield {"row": asdict(row)}


def _grid(content: bytes, options: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The first sheet that holds anything."""
    limits = Limits(**options["limits"])
    sheet = next((one for one in read(content, limits) if any(map(any, one.rows))), None)
    if sheet is None:
        raise refuse("the file is empty", "import_empty")
    number = grid.header_of(sheet.rows)
    titles = sheet.rows[number - 1] if number else []
    yield {"grid": {"sheet": sheet.name, "header_row": number, "header": titles}}
    for count, row in enumerate(grid.filled_rows(sheet, number), start=1):
        if count > limits.max_rows:
            raise refuse("the table has too many rows", "import_too_many_rows")
        yield {"row": row}


def _find_table(content: bytes, limits: Limits, mapping: dict[int, Field]) -> tuple[Table, Sheet]:
    """The first sheet with a header, its columns replaced by `mapping` where one is given."""
    first: Sheet | None = None
    for sheet in read(content, limits):
        found = headers.find_header(sheet.rows)
        if found is not None:
            number, columns = found
            columns = headers.chosen(mapping) if mapping else columns
            header = tuple(sheet.rows[number - 1])
            return Table(sheet.name, sheet.encoding, header, number, columns), sheet
        first = first or sheet
    if first is None or not any(any(row) for row in first.rows):
        raise refuse("the file is empty", "import_empty")
    if not mapping:
        raise refuse("no row names a column of names and one more", "import_no_header")
    table = Table(first.name, first.encoding, (), 0, headers.chosen(mapping))
    return table, first


if __name__ == "__main__":
    sys.exit(main())
