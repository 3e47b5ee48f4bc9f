"""Transport-wide congestion control feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01).

`FeedbackBuilder` reports to a publisher when its packets arrived; without it a browser falls to
80 kbit/s. `parse_feedback` reads a subscriber's reports and `SendHistory` joins them with what was
sent. Times are integer microseconds of any clock that does not step back.
"""

import struct
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from conf.media.errors import DecodeError

LOST: Final = -1  # in Feedback.arrivals_us
MAX_STATUSES: Final = 16_384
HISTORY: Final = 2_048  # packets to one subscriber that await feedback; a power of two

_TICK_US = 250
_REFERENCE_US = 64_000
_REFERENCE_TICKS = 256
_FIXED = struct.Struct("!HHI")
_FIXED_AND_CHUNK = struct.Struct("!HHIH")
_SHORTEST: Final = _FIXED_AND_CHUNK.size
_ALL_SMALL: Final = 0x2000  # a run of packets that came within 64 ms of each other
_HEADER = struct.Struct("!BBHII")
_MAX_RUN = 0x1FFF
_REPORTED_SPAN = 1_024  # the most numbers one feedback covers
_KEPT: Final = 4_096  # arrivals, told or not; a power of two
_PLACE: Final = _KEPT - 1
_UNTOLD: Final = _KEPT - _REPORTED_SPAN  # at most
_NEVER: Final = -1 << 62
_SMALL, _LARGE = 1, 2
_RUNS: Final = ([0], [1], [2], [3])
_BITS: Final = [[bits >> shift & 1 for shift in range(6, -1, -1)] for bits in range(128)]
_SETTLED: Final = array("i", bytes(4 * HISTORY))


Buffer = bytes | bytearray | memoryview


@dataclass(frozen=True, slots=True)
class Feedback:
    """Arrival of packets base, base+1, …: time or LOST. `number` counts feedbacks, 0..255."""

    base: int
    number: int
    arrivals_us: list[int]


def parse_feedback(body: bytes) -> Feedback:
    """Read the part after the two SSRCs.

    Times are relative to the sender's own zero and wrap every 12 days.
    Raises: DecodeError: chunks or deltas overrun, or more than MAX_STATUSES.
    """
    base, _, packed, at, symbols = _read_head(body, 0, len(body))
    time = (packed >> 8) * _REFERENCE_US
    arrivals = []
    end = len(body)
    for symbol in symbols:
        if symbol == 0 or symbol == 3:  # 3 is reserved and carries no delta
            arrivals.append(LOST)
            continue
        if at + symbol > end:
            raise DecodeError("twcc: delta overruns the packet")
        if symbol == _SMALL:
            delta = body[at]
        else:
            delta = body[at] << 8 | body[at + 1]
            if delta > 0x7FFF:
                delta -= 0x10000
        at += symbol
        time += delta * _TICK_US
        arrivals.append(time)
    return Feedback(base, packed & 0xFF, arrivals)


def _read_head(buffer: Buffer, at: int, end: int) -> tuple[int, int, int, int, list[int]]:
    """Base number, count, reference time and feedback number, where the deltas begin, symbols."""
    if end - at < _FIXED.size:
        raise DecodeError("twcc: shorter than its header")
    base, count, packed = _FIXED.unpack_from(buffer, at)
    if count > MAX_STATUSES:
        raise DecodeError("twcc: too many statuses")
    at += _FIXED.size
    symbols: list[int] = []
    left = count
    while left > 0:
        if at + 2 > end:
            raise DecodeError("twcc: chunk overruns the packet")
        chunk = buffer[at] << 8 | buffer[at + 1]
        at += 2
        if chunk < 0x8000:
            run = chunk & _MAX_RUN
            if not run:
                raise DecodeError("twcc: empty run")
            symbols += _RUNS[chunk >> 13] * (run if run < left else left)
            left -= run
        elif chunk < 0xC000:
            symbols += _BITS[chunk >> 7 & 0x7F]
            symbols += _BITS[chunk & 0x7F]
            left -= 14
        else:
            symbols += [chunk >> shift & 3 for shift in range(12, -2, -2)]
            left -= 7
    del symbols[count:]
    return base, count, packed, at, symbols


Burst = tuple[int, int, int]  # packets sent at one time: when, last arrival, bytes in all


# What one feedback settles: bursts of what arrived, packets received, packets lost, and the latest
# sending time it tells of or -1. A plain tuple: one is made per feedback.
Told = tuple[list[Burst], int, int, int]


def gather(settled: Iterable[tuple[int, int, int]]) -> Told:
    """What `SendHistory.settle` yields, neighbours that were sent at one time taken as one."""
    bursts: list[Burst] = []
    received = lost = size_sum = 0
    newest = burst_sent = burst_arrival = -1
    for sent_us, arrival_us, size in settled:
        newest = max(newest, sent_us)
        if arrival_us == LOST:
            lost += 1
            continue
        received += 1
        if sent_us == burst_sent:
            size_sum += size
            burst_arrival = max(burst_arrival, arrival_us)
            continue
        if size_sum:
            bursts.append((burst_sent, burst_arrival, size_sum))
        burst_sent, burst_arrival, size_sum = sent_us, arrival_us, size
    if size_sum:
        bursts.append((burst_sent, burst_arrival, size_sum))
    return bursts, received, lost, newest


class FeedbackBuilder:
    """What arrived from one publisher, told back every 50 to 100 ms."""

    __slots__ = ("_highest", "_next", "_number", "_numbers", "_ticks")

    def __init__(self) -> None:
        # Rings: which unwrapped number has come, and when. A table to be cleared now and then was
        # cleared for all sites of a meeting at once, half a millisecond each. 64 kB, from the first
        # packet on.
        self._numbers = self._ticks = array("q")
        self._highest = -1
        self._next = 0  # first number the next feedback covers
        self._number = 0

    def add(self, sequence: int, arrival_us: int) -> None:
        """Note packet with transport-wide number `sequence` (16 bits); its first arrival counts."""
        highest = self._highest
        if highest < 0:
            number = sequence
            self._next = sequence
            self._numbers, self._ticks = array("q", [_NEVER]) * _KEPT, array("q", [0]) * _KEPT
        else:
            number = highest + ((sequence - highest + 0x8000) & 0xFFFF) - 0x8000
        if number > highest:
            if number > highest + _REPORTED_SPAN:
                self._next = number  # the sender began anew; nobody waits for what lies between
            elif number - self._next >= _UNTOLD:
                self._next = number - _UNTOLD + 1  # more than is kept: its oldest is not told of
            self._highest = number
        elif number < self._next:
            if number < self._next - _REPORTED_SPAN or number <= highest - _KEPT:
                return
            if self._numbers[number & _PLACE] == number:
                return
            self._next = number  # came late: report from here once more
        place = number & _PLACE
        if self._numbers[place] != number:
            self._numbers[place] = number
            self._ticks[place] = arrival_us // _TICK_US

    def build(self, sender: int, media: int) -> list[bytes]:
        """RTCP packets for all that came since the last call; empty when nothing did."""
        packets = []
        while self._next <= self._highest:
            packets.append(self._build_one(sender, media))
        return packets

    def _build_one(self, sender: int, media: int) -> bytes:
        numbers, ticks = self._numbers, self._ticks
        stop = min(self._highest, self._next + _REPORTED_SPAN - 1)
        base = self._next
        first = next((n for n in range(base, stop + 1) if numbers[n & _PLACE] == n), None)
        if first is None:  # only a sender that numbers as it likes leaves such a hole
            self._next = stop + 1
            return b""
        reference = ticks[first & _PLACE] * _TICK_US // _REFERENCE_US
        last = reference * (_REFERENCE_US // _TICK_US)
        symbols: list[int] = []
        deltas = bytearray()
        number = base
        while number <= stop:
            place = number & _PLACE
            if numbers[place] != number:
                symbols.append(0)
            else:
                delta = ticks[place] - last
                if not -0x8000 <= delta <= 0x7FFF:
                    break  # too far apart for one feedback: the next one begins here
                last += delta
                if 0 <= delta <= 0xFF:
                    symbols.append(_SMALL)
                    deltas.append(delta)
                else:
                    symbols.append(_LARGE)
                    deltas += (delta & 0xFFFF).to_bytes(2, "big")
            number += 1
        self._next = number
        packed = (reference & 0xFFFFFF) << 8 | self._number
        self._number = (self._number + 1) & 0xFF
        head = _FIXED.pack(base & 0xFFFF, len(symbols), packed)
        return _wrap(sender, media, head + _chunks(symbols) + deltas)


def _wrap(sender: int, media: int, body: bytes) -> bytes:
    padding = -len(body) % 4
    first = 0xAF if padding else 0x8F  # version 2, padding bit, FMT 15
    if padding:
        body += bytes(padding - 1) + bytes((padding,))
    return _HEADER.pack(first, 205, len(body) // 4 + 2, sender, media) + body


def _chunks(symbols: list[int]) -> bytes:
    """Greedy: seven or more alike (fourteen of the one-bit kind) as a run, else a vector."""
    out = bytearray()
    at = 0
    while at < len(symbols):
        symbol = symbols[at]
        run = 1
        while at + run < len(symbols) and symbols[at + run] == symbol and run < _MAX_RUN:
            run += 1
        if run >= (14 if symbol < _LARGE else 7) or at + run == len(symbols):
            out += (symbol << 13 | run).to_bytes(2, "big")
            at += run
            continue
        wide = _LARGE in symbols[at : at + 14]
        width, size, chunk = (2, 7, 0xC000) if wide else (1, 14, 0x8000)
        for place, value in enumerate(symbols[at : at + size]):
            chunk |= value << (width * (size - 1 - place))
        out += chunk.to_bytes(2, "big")
        at += size
    return bytes(out)


class Counter(Protocol):
    """Where the next transport-wide number stands: the copy loop counts on in a row of its own."""

    next_sequence: int


class _Count:
    __slots__ = ("next_sequence",)

    def __init__(self, first: int) -> None:
        self.next_sequence = first


class SendHistory:
    """Send time and size of the last HISTORY packets to a subscriber, by transport-wide number.

    `sent_us` and `sizes` never move in memory: copies.c and feedback.c write them too.
    """

    __slots__ = ("counter", "sent_us", "sizes")

    def __init__(self, first_sequence: int = 0) -> None:
        self.counter: Counter = _Count(first_sequence)
        self.sent_us = array("q", bytes(8 * HISTORY))
        self.sizes = array("i", bytes(4 * HISTORY))  # 0: settled; negative: told lost

    @property
    def next_sequence(self) -> int:
        """Unwrapped; the wire carries the low 16 bits."""
        return self.counter.next_sequence

    def add(self, sent_us: int, size: int) -> int:
        """Note a packet of `size` bytes (>0) about to be sent; its number for the wire."""
        sequence = self.counter.next_sequence
        place = sequence & (HISTORY - 1)
        self.sent_us[place] = sent_us
        self.sizes[place] = size
        self.counter.next_sequence = sequence + 1
        return sequence & 0xFFFF

    def first_sent_us(self, number: int) -> int | None:
        """When `number` was sent, or the first after it that is kept; None: it is still to come."""
        following = self.counter.next_sequence
        if number >= following:
            return None
        return self.sent_us[max(number, following - HISTORY) & (HISTORY - 1)]

    def settle_at_once(self, buffer: Buffer, at: int, end: int) -> Told | None:
        """Read the feedback in buffer[at:end], settle and gather it in one pass.

        The same as `gather(settle(parse_feedback(…)))`, but None when it tells of numbers out of
        the history's reach. Raises: DecodeError, and has then changed nothing.
        """
        if end - at < _SHORTEST:
            raise DecodeError("twcc: shorter than its header and a chunk")
        base, count, packed, chunk = _FIXED_AND_CHUNK.unpack_from(buffer, at)
        following = self.counter.next_sequence
        newest = following - 1
        number = newest - ((newest - base) & 0xFFFF)
        if number < max(0, following - HISTORY) or number + count > following:
            return None
        ticks, place = (packed >> 8) * _REFERENCE_TICKS, number & (HISTORY - 1)
        if chunk - _ALL_SMALL >= count and chunk <= _ALL_SMALL + _MAX_RUN:
            if at + _SHORTEST + count > end:
                raise DecodeError("twcc: delta overruns the packet")
            if place + count <= HISTORY:
                return self._settle_all(buffer, at + _SHORTEST, count, place, ticks)
        _, _, _, at, symbols = _read_head(buffer, at, end)
        if at + symbols.count(_SMALL) + 2 * symbols.count(_LARGE) > end:
            raise DecodeError("twcc: delta overruns the packet")
        return self._settle_some(buffer, at, symbols, place, ticks)

    def _settle_all(self, buffer: Buffer, at: int, count: int, place: int, ticks: int) -> Told:
        """Everything arrived, step by step: the usual."""
        sizes, stop = self.sizes, place + count
        bursts: list[Burst] = []
        received, total, newest, burst_sent, burst_ticks = count, 0, -1, -1, 0
        for size, sent_us, delta in zip(
            sizes[place:stop], self.sent_us[place:stop], buffer[at : at + count], strict=True
        ):
            ticks += delta
            if size <= 0:
                if not size:
                    received -= 1  # told before
                    continue
                size = -size
            if sent_us != burst_sent:
                if total:
                    bursts.append((burst_sent, burst_ticks * _TICK_US, total))
                if sent_us > newest:
                    newest = sent_us
                burst_sent, total = sent_us, 0
            burst_ticks = ticks  # small steps never go back
            total += size
        if total:
            bursts.append((burst_sent, burst_ticks * _TICK_US, total))
        sizes[place:stop] = _SETTLED[:count]  # as many: it must not move in memory
        return bursts, received, 0, newest

    def _settle_some(
        self, buffer: Buffer, at: int, symbols: list[int], place: int, ticks: int
    ) -> Told:
        """Packet by packet, for what has holes or long steps."""
        sizes, sent_times = self.sizes, self.sent_us
        bursts: list[Burst] = []
        received = lost = total = burst_ticks = 0
        newest = burst_sent = -1
        for symbol in symbols:
            here = place & (HISTORY - 1)
            place += 1
            size = sizes[here]
            if symbol == _SMALL:
                ticks += buffer[at]
                at += 1
            elif symbol == _LARGE:
                delta = buffer[at] << 8 | buffer[at + 1]
                ticks += delta if delta < 0x8000 else delta - 0x10000
                at += 2
            else:
                if size > 0:
                    sizes[here] = -size
                    lost += 1
                    newest = max(newest, sent_times[here])
                continue
            if not size:
                continue
            sizes[here] = 0
            received += 1
            sent_us = sent_times[here]
            if sent_us == burst_sent:
                burst_ticks = max(burst_ticks, ticks)
            else:
                if total:
                    bursts.append((burst_sent, burst_ticks * _TICK_US, total))
                newest = max(newest, sent_us)
                burst_sent, burst_ticks, total = sent_us, ticks, 0
            total += abs(size)
        if total:
            bursts.append((burst_sent, burst_ticks * _TICK_US, total))
        return bursts, received, lost, newest

    def settle(self, feedback: Feedback) -> Iterator[tuple[int, int, int]]:
        """(sent_us, arrival_us or LOST, size) of each packet the feedback settles, in order.

        A packet is told lost at most once and received at most once; received after lost gives a
        second tuple. Numbers out of the history's reach are skipped. Consume it at once.
        """
        newest = self.next_sequence - 1
        first = newest - ((newest - feedback.base) & 0xFFFF)
        oldest = max(0, self.next_sequence - HISTORY)
        sizes = self.sizes
        for number, arrival in enumerate(feedback.arrivals_us, first):
            if not oldest <= number <= newest:
                continue
            place = number & (HISTORY - 1)
            size = sizes[place]
            if arrival == LOST:
                if size > 0:
                    sizes[place] = -size
                    yield self.sent_us[place], LOST, size
            elif size:
                sizes[place] = 0
                yield self.sent_us[place], arrival, abs(size)
