"""Which checks have come: the newest by address and number, all others for a meeting's time."""

import random

from conf.media.transactions import (
    FILTER_IDS,
    MAX_FILTERS,
    RECENT,
    TRANSMISSIONS,
    Transactions,
)


def ids(count: int, seed: int) -> list[bytes]:
    rng = random.Random(seed)
    return [rng.randbytes(12) for _ in range(count)]


def come(it: Transactions, *numbers: bytes) -> None:
    for number in numbers:
        assert not it.is_replayed(number, b"here")


def test_a_check_is_repeated_by_its_sender_alone_and_not_for_ever() -> None:
    it, number = Transactions(), bytes(12)
    assert it.is_fresh(number)
    come(it, number)
    assert not it.is_fresh(number)
    assert it.is_replayed(number, b"there")
    come(it, *[number] * (TRANSMISSIONS - 2))
    assert not it.is_used_up(number)
    come(it, number)
    assert it.is_used_up(number)
    assert it.is_replayed(number, b"here")


def test_no_check_of_fourteen_hours_is_taken_for_new() -> None:
    """A check every 2.5 s; of those that are new hardly one is taken for an old one."""
    it, old, new = Transactions(), ids(2 * FILTER_IDS, 1), ids(5000, 2)
    come(it, *old)
    assert all(it.is_used_up(number) for number in old[:-RECENT])
    assert not any(it.is_fresh(number) for number in old[-RECENT:])
    assert sum(it.is_used_up(number) for number in new) < len(new) / 100
    assert all(it.is_fresh(number) for number in new)


def test_what_is_remembered_has_a_bound() -> None:
    """Whatever a member sends; what is newer is kept."""
    it, sent = Transactions(), ids((MAX_FILTERS + 1) * FILTER_IDS + RECENT, 3)
    come(it, *sent)
    assert sum(one.words.itemsize * len(one.words) for one in it._filters) == 96 * 1024
    assert all(it.is_used_up(number) for number in sent[FILTER_IDS:-RECENT])
    assert sum(it.is_used_up(number) for number in sent[:FILTER_IDS]) < FILTER_IDS / 50
