"""Every parser that is fuzzed: its seeds, what once broke it, and a little noise on each run."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench._fuzz_targets import TARGETS, finds

PARSERS = sorted(TARGETS)


@pytest.mark.parametrize("name", PARSERS)
def test_good_input_and_what_once_broke_a_parser(name: str) -> None:
    seeds = list(TARGETS[name].seeds())
    assert seeds
    for data in (*seeds, *finds(name)):
        TARGETS[name].run(data)


@given(st.sampled_from(PARSERS), st.data())
def test_damaged_input_is_read_or_refused(name: str, data: st.DataObject) -> None:
    good = data.draw(st.sampled_from(list(TARGETS[name].seeds())))
    start = data.draw(st.integers(0, len(good)))
    end = data.draw(st.integers(start, min(len(good), start + 8)))
    TARGETS[name].run(good[:start] + data.draw(st.binary(max_size=8)) + good[end:])
