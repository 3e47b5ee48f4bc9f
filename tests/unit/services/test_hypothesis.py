"""Property tests judge what is computed, not how long a busy machine takes for it."""

from hypothesis import HealthCheck, settings


def test_an_example_has_no_deadline() -> None:
    assert settings().deadline is None
    assert HealthCheck.too_slow in settings().suppress_health_check
