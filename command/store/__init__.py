"""Command's tables and the only code of the package that talks to the database."""
