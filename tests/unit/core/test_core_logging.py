"""Logs: no secret ever, no text and no full number above DEBUG."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from core.logging import mask_number, set_up
from core.settings import LogSettings


@pytest.fixture
def out() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    set_up(LogSettings(level="DEBUG", format="json"), stream=stream)
    yield stream
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def _lines(out: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_secrets_are_masked_at_every_level(out: io.StringIO) -> None:
    log = structlog.get_logger("x")
    log.debug("handshake", token="abc", password="p", pin="1234")
    log.info("handshake", secret="s", cookie="c")
    assert "abc" not in out.getvalue()
    for line in _lines(out):
        assert {line[key] for key in line if key not in {"event", "level", "timestamp"}} == {"***"}


def test_texts_and_numbers_stay_out_of_info(out: io.StringIO) -> None:
    structlog.get_logger("x").info(
        "sms_sent", number="+8610055500012", text="氯气泄漏", cause="no answer from 13800138000"
    )
    (line,) = _lines(out)
    assert line["number"] == "+86…0012"
    assert line["text"] == "…"
    assert line["cause"] == "no answer from 138…8000"


def test_debug_may_show_a_number(out: io.StringIO) -> None:
    structlog.get_logger("x").debug("sms_sent", number="+8610055500012")
    assert _lines(out)[0]["number"] == "+8610055500012"


def test_the_standard_library_logs_in_the_same_form(out: io.StringIO) -> None:
    logging.getLogger("somebody").warning("called %s", "13800138000")
    (line,) = _lines(out)
    assert line["level"] == "warning"


def test_ids_are_not_taken_for_numbers(out: io.StringIO) -> None:
    structlog.get_logger("x").info("opened", meeting_id="01m7zsqd5405em85r2bsd4n5x9")
    assert _lines(out)[0]["meeting_id"] == "01m7zsqd5405em85r2bsd4n5x9"


def test_a_short_number_shows_nothing() -> None:
    assert mask_number("110") == "…"


def test_a_traceback_quotes_no_row(out: io.StringIO) -> None:
    """PostgreSQL and SQLAlchemy quote what a statement carried: texts and whole numbers."""
    try:
        raise RuntimeError(
            "null value in column\nDETAIL:  Failing row contains (氯气泄漏, +8610055500012).\n"
            "[SQL: INSERT …]\n[parameters: ('氯气泄漏', '13800138000')]\nlast 13800138000"
        )
    except RuntimeError as error:
        structlog.get_logger("x").error("handler_failed", exc_info=error)
    told = _lines(out)[0]["exception"]
    assert "INSERT" in told
    for secret in ("氯气", "8610055500012", "13800138000"):
        assert secret not in told
