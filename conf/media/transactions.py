"""Which connectivity checks of a session have come: a captured one shows nobody to be there.

Whoever captured a meeting's checks has as many as the meeting is long. The newest are known by
address and number, all others as come. Pure; the memory is bounded.

Against one who holds checks back, so that none of them has come, no memory helps: an ICE-lite agent
asks nothing of its own (RFC 8445 §2.5) that only the member could answer.
"""

from array import array
from collections import OrderedDict
from typing import Final

TRANSMISSIONS: Final = 8  # of one check: seven by RFC 8489 §6.2.1, and one
RECENT: Final = 128  # a check is repeated for 40 s at most
FILTER_IDS: Final = 10_000  # a check every 2.5 s for seven hours
MAX_FILTERS: Final = 3
_WORDS: Final = 1 << 12  # 32 KiB a filter


class _Filter:
    """A Bloom filter: never forgets an id, and knows one in 500 that have not come when it is full.

    An id's five bits lie in one word, so that a look costs a fraction of a microsecond.
    """

    __slots__ = ("count", "words")

    def __init__(self) -> None:
        self.words = array("Q", bytes(8 * _WORDS))
        self.count = 0

    def add(self, transaction_id: bytes) -> None:
        """Known from now on."""
        mixed = hash(transaction_id)
        self.words[mixed % _WORDS] |= _bits(mixed)
        self.count += 1


def _bits(mixed: int) -> int:
    """An id's bits, by Python's keyed hash."""
    return (
        1 << (mixed >> 12 & 63)
        | 1 << (mixed >> 18 & 63)
        | 1 << (mixed >> 24 & 63)
        | 1 << (mixed >> 30 & 63)
        | 1 << (mixed >> 36 & 63)
    )


class Transactions:
    """Of one session. 96 KiB at most, of a meeting of a day; the first 32 after some minutes."""

    __slots__ = ("_filters", "_recent")

    def __init__(self) -> None:
        self._recent: OrderedDict[bytes, tuple[bytes, int]] = OrderedDict()
        self._filters: list[_Filter] = []

    def is_used_up(self, transaction_id: bytes) -> bool:
        """Can no check with this id be answered any more? Changes nothing."""
        known = self._recent.get(transaction_id)
        if known is not None:
            return known[1] >= TRANSMISSIONS
        if not self._filters:
            return False
        mixed = hash(transaction_id)
        at, bits = mixed % _WORDS, _bits(mixed)
        return any(one.words[at] & bits == bits for one in self._filters)

    def is_fresh(self, transaction_id: bytes) -> bool:
        """Has no check with this id come yet, if it is not used up?

        Only such a one shows that the peer is there.
        """
        return transaction_id not in self._recent

    def is_replayed(self, transaction_id: bytes, key: bytes) -> bool:
        """Has this id been used from another address, or too often? Remembers it.

        Only of an authentic check that is not used up.
        """
        known, times = self._recent.get(transaction_id, (key, 0))
        if known != key or times >= TRANSMISSIONS:
            return True
        self._recent[transaction_id] = known, times + 1
        if len(self._recent) > RECENT:
            self._retire(self._recent.popitem(last=False)[0])
        return False

    def _retire(self, transaction_id: bytes) -> None:
        filters = self._filters
        if not filters or filters[-1].count >= FILTER_IDS:
            filters.append(_Filter())
            del filters[:-MAX_FILTERS]
        filters[-1].add(transaction_id)
