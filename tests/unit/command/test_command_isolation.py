"""ERG 2024 distances as the book prints them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from command import tables
from command.isolation import (
    LargeContainerRow,
    Question,
    SpillRow,
    SpillSize,
    TimeOfDay,
    Wind,
    Zone,
    containers_of,
    look_up,
)
from core.errors import InvalidInput

SMALL, LARGE = SpillSize.SMALL, SpillSize.LARGE
DAY, NIGHT = TimeOfDay.DAY, TimeOfDay.NIGHT


def ask(question: Question) -> Zone:
    return look_up(tables.spills(), tables.large_containers(), tables.guides(), question)


@pytest.mark.parametrize(
    ("question", "isolate_m", "protect_km"),
    [
        (Question("1017", SMALL, NIGHT), 60, 1.5),
        (Question("UN1017", SMALL, DAY), 60, 0.3),
        (Question("液氯", LARGE, DAY, Wind.LOW, "公路罐车"), 600, 5.6),
        (Question("氯气", LARGE, NIGHT, Wind.HIGH, "多个吨瓶"), 300, 1.3),
        (Question("液氨", LARGE, DAY, Wind.MODERATE, "公路罐车"), 150, 0.5),
        (Question("氨气", SMALL, DAY), 30, 0.1),
        (Question("硫化氢", LARGE, NIGHT), 400, 6.3),
        (Question("7783-06-4", LARGE, DAY), 400, 2.4),
        (Question("氯化亚砜", LARGE, NIGHT, is_into_water=True), 600, 11.0),
        (Question("氯化亚砜", LARGE, NIGHT), 30, 0.5),
    ],
)
def test_as_printed(question: Question, isolate_m: float, protect_km: float) -> None:
    zone = ask(question)
    assert (zone.isolate_m, zone.protect_km) == (isolate_m, protect_km)


def test_eleven_and_more_says_more() -> None:
    assert ask(Question("氯", LARGE, NIGHT, Wind.LOW, "铁路罐车")).is_open_ended
    assert ask(Question("1259", LARGE, DAY)).is_open_ended
    assert not ask(Question("氯", LARGE, DAY, Wind.LOW, "公路罐车")).is_open_ended


def test_fire_and_source_are_named() -> None:
    zone = ask(Question("氯", SMALL, NIGHT))
    assert (zone.fire_tank_m, zone.guide, zone.source) == (800, "124", "ERG 2024 表1")
    assert ask(Question("氯", LARGE, DAY, container="公路罐车")).source == "ERG 2024 表3"


def test_a_large_spill_of_the_six_gases_needs_its_container() -> None:
    with pytest.raises(InvalidInput, match="公路罐车") as refused:
        ask(Question("氯", LARGE, DAY))
    assert refused.value.field == "container"
    assert containers_of(tables.large_containers(), "1017")[0] == "铁路罐车"
    assert containers_of(tables.large_containers(), "1053") == []


def test_what_the_book_does_not_list_is_refused() -> None:
    with pytest.raises(InvalidInput) as refused:
        ask(Question("豆浆", SMALL, DAY))
    assert refused.value.field == "substance"


@given(st.sampled_from([row for row in tables.spills() if row.large and row.small]))
def test_a_large_spill_is_never_smaller_nor_a_night_shorter(row: SpillRow) -> None:
    assert row.small is not None
    assert row.large is not None
    assert row.large[0] >= row.small[0]
    assert row.small[2] >= row.small[1]
    assert row.large[2] >= row.large[1]


@given(st.sampled_from(tables.large_containers()))
def test_more_wind_carries_less_far(row: LargeContainerRow) -> None:
    for time in ("day", "night"):
        low, moderate, high = (row.protect_km[time, wind] for wind in ("low", "moderate", "high"))
        assert low >= moderate >= high
