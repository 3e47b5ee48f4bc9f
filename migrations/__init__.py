"""The database's schema over time (alembic); run by `python server.py migrate`.

`runner` does the work, `models` knows every table. While nothing is released there is one revision,
made anew by `python -m migrations.initial`. May import every package's tables.
"""
