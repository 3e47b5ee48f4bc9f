"""All tables, made from the statements beside this file (see migrations.initial)."""

import re
from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make every table."""
    for statement in _statements():
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    """Drop every table, those that refer to others first."""
    for statement in reversed(_statements()):
        if found := re.match(r"CREATE TABLE (\S+)", statement):
            op.get_bind().exec_driver_sql(f"DROP TABLE {found[1]}")


def _statements() -> list[str]:
    file = Path(__file__).with_name(f"0001_{op.get_bind().dialect.name}.sql")
    return [part.strip() for part in file.read_text("utf-8").split(";\n") if part.strip()]
