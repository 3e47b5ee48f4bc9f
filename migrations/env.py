"""Alembic's entry: the connection is handed in by migrations.runner."""

from alembic import context

from migrations.models import metadata


def run() -> None:
    """Migrate on the given connection, inside the runner's transaction."""
    context.configure(
        connection=context.config.attributes["connection"],
        target_metadata=metadata,
        compare_type=True,
        render_as_batch=True,
        transaction_per_migration=False,
    )
    context.run_migrations()


run()
