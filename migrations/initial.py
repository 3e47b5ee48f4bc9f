"""Make revision 0001's statements anew from the tables as they are: `python -m migrations.initial`.

Only while nothing is released: from then on a change of tables is a revision of its own.
Written as SQL, one file per database, because that is what an operator can read and compare.
"""

from sqlalchemy import Dialect
from sqlalchemy.engine.url import make_url
from sqlalchemy.schema import CreateIndex, CreateTable

from migrations.models import metadata
from migrations.runner import FOLDER

FILES = {
    "sqlite": FOLDER / "versions" / "0001_sqlite.sql",
    "postgresql": FOLDER / "versions" / "0001_postgresql.sql",
}
SEPARATOR = ";\n\n"


def dialect(name: str) -> Dialect:
    """SQLAlchemy's dialect `sqlite` or `postgresql`."""
    made: Dialect = make_url(f"{name}://").get_dialect()()
    return made


def statements(target: Dialect) -> list[str]:
    """What creates every table and index, tables before those that refer to them."""
    made: list[str] = []
    for table in metadata.sorted_tables:
        made.append(str(CreateTable(table).compile(dialect=target)))
        indexes = sorted(table.indexes, key=lambda index: str(index.name))
        made += [str(CreateIndex(index).compile(dialect=target)) for index in indexes]
    return [_tidy(statement) for statement in made]


def text(target: Dialect) -> str:
    """The content of one of `FILES`."""
    return SEPARATOR.join(statements(target)) + ";\n"


def _tidy(statement: str) -> str:
    lines = (line.rstrip().replace("\t", "  ") for line in statement.strip().splitlines())
    return "\n".join(line for line in lines if line)


def make() -> None:
    """Write both files."""
    for name, file in FILES.items():
        file.write_text(text(dialect(name)), "utf-8")


if __name__ == "__main__":
    make()
