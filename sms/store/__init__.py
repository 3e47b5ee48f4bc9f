"""The tables of the SMS platform and the queries on them. Only this package imports SQLAlchemy."""
