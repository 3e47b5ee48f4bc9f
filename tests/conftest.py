"""Fixtures for all tests live in tests/services; see docs/decisions/0001-one-command-tests.md."""

pytest_plugins = [
    "services.fixtures",
    "services.browsers",
    "services.guards",
    "services.order",
]
