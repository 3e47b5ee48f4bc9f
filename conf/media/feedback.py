"""What peers tell of the packets they were sent, read in compiled form, a batch at a time.

Sixteen reports a second from every site are most of what the bridge reads. `feedback.c` decrypts
them and settles them in the peer's history; Python looks at what they tell of at once when
something was lost or a queue may stand, and else every 150 ms or so. Where nothing is compiled,
each is read by `Seat.on_rtcp` (decision 0023).
"""

import struct
from typing import TYPE_CHECKING, Any, Final

from conf.media.mmsg import HEADROOM, RX_SLOTS, RxSlots
from conf.media.rows import Row, ffi
from conf.media.srtp import UNPROTECT_RTCP_ADDRESS, address_of
from conf.media.twcc import Told

if TYPE_CHECKING:
    from conf.media.session import Session

LEFT: Final = 0
KEPT: Final = 1
DUE: Final = 2
OPENED: Final = 3
REFUSED: Final = 4
NEVER_CALM: Final = -(1 << 63)
_TOLD: Final = struct.Struct("=qqIIII")  # from `looked_at_us`
_TOLD_AT: Final = ffi.offsetof("struct feedback_row", "looked_at_us")
_LAST: Final = struct.Struct("=qQ")  # from `came_at_us`
_LAST_AT: Final = ffi.offsetof("struct feedback_row", "came_at_us")
_CALM: Final = struct.Struct("=q")
_CALM_AT: Final = ffi.offsetof("struct feedback_row", "calm_below_us")
_BURSTS_AT: Final = ffi.offsetof("struct feedback_row", "bursts")
_CALL: Final = struct.Struct("=Iq")  # from `count`
_CALL_AT: Final = ffi.offsetof("struct feedback_batch", "count")
_ROWS_AT: Final = ffi.offsetof("struct feedback_batch", "rows")
_SIZES_AT: Final = ffi.offsetof("struct feedback_batch", "sizes")
_OUTCOMES_AT: Final = ffi.offsetof("struct feedback_batch", "outcomes")
_POINTERS: Final = [struct.Struct(f"={count}Q") for count in range(RX_SLOTS + 1)]


class KeptFeedback:
    """What one peer has told that nobody has looked at yet. Owner: its Session."""

    __slots__ = ("_bursts", "_memory", "_row", "_waits_below_us", "address")

    def __init__(self, peer: Row) -> None:
        """`peer`: its row, which the Session keeps alive."""
        self._row = row = ffi.new("struct feedback_row *")
        row.peer, row.calm_below_us, row.newest_us = peer, NEVER_CALM, -1
        self._waits_below_us = NEVER_CALM
        self._memory = memoryview(ffi.buffer(row)).cast("B")
        self._bursts = self._memory[_BURSTS_AT:].cast("q")
        self.address = int(ffi.cast("uintptr_t", row))

    def learn(self, receive: object, ssrc: int) -> None:
        """An authentic report has come under `ssrc`: the next ones need Python no more.

        `receive`: srtp_t, to be kept alive until `forget`.
        """
        self._row.receive = ffi.cast("void *", address_of(receive))
        self._row.ssrc = ssrc

    def forget(self) -> None:
        """Its keys are no more: nothing is read for it."""
        self._row.receive = ffi.NULL

    def pause(self, *, is_paused: bool) -> None:
        """Shall Python read every report, packet by packet?"""
        self._row.is_paused = is_paused

    def wait_below(self, way_us: int) -> None:
        """Nothing that was on its way for less need be looked at at once; by the peer's clock.

        NEVER_CALM: everything must.
        """
        if way_us != self._waits_below_us:
            self._waits_below_us = way_us
            _CALM.pack_into(self._memory, _CALM_AT, way_us)

    def take(self, now_us: int) -> Told | None:
        """All that is kept, as `gather` would give it; None when nothing came."""
        memory = self._memory
        _, newest_us, received, lost, count, feedbacks = _TOLD.unpack_from(memory, _TOLD_AT)
        if not feedbacks:
            return None
        _TOLD.pack_into(memory, _TOLD_AT, now_us, -1, 0, 0, 0, 0)
        flat = self._bursts[: 3 * count].tolist()
        bursts = list(zip(flat[::3], flat[1::3], flat[2::3], strict=True))
        return bursts, received, lost, newest_us

    @property
    def last(self) -> tuple[int, int]:
        """When the last one came, and the first number that had not been sent by then."""
        came_at_us, following = _LAST.unpack_from(self._memory, _LAST_AT)
        return came_at_us, following


class FeedbackReader:
    """Reads for the sessions it knows, by where their reports come from. Owner: the Mux."""

    def __init__(self, reports: RxSlots, native: Any) -> None:
        """`native`: of `compiled.load`."""
        self._read = native.read_feedback
        self._rows: dict[bytes, int] = {}
        self._batch = batch = ffi.new("struct feedback_batch *")
        self._memory = memoryview(ffi.buffer(batch)).cast("B")
        self._sizes = self._memory[_SIZES_AT : _SIZES_AT + 2 * RX_SLOTS].cast("H")
        self._outcomes = self._memory[_OUTCOMES_AT : _OUTCOMES_AT + RX_SLOTS]
        batch.packets = ffi.cast("uint8_t *", reports.first_byte + HEADROOM)
        batch.messages = reports.headers
        batch.unprotect = ffi.cast("int (*)(void *, void *, int *)", UNPROTECT_RTCP_ADDRESS)
        batch.name_size = reports.name_size

    def learn(self, session: "Session", ssrc: int, key: bytes) -> None:
        """An authentic report of `session` has come from `key` under `ssrc`."""
        assert session.srtp is not None
        session.kept.learn(session.srtp.receive, ssrc)
        self._rows[key] = session.kept.address

    def forget(self, key: bytes) -> None:
        """Who has been there is gone, or another is; idempotent."""
        self._rows.pop(key, None)

    def read(self, keys: list[bytes], now: float) -> bytes:
        """An outcome for each of the datagrams received last, which came from `keys`."""
        rows, count, memory = self._rows, len(keys), self._memory
        found = [rows.get(key, 0) for key in keys]
        _POINTERS[count].pack_into(memory, _ROWS_AT, *found)
        _CALL.pack_into(memory, _CALL_AT, count, int(now * 1e6))
        self._read(self._batch)
        return bytes(self._outcomes[:count])

    def size(self, place: int) -> int:
        """Of the datagram there, once decrypted."""
        return self._sizes[place]
