"""The three readers of transport feedback, fuzzed side by side (see _fuzz_targets)."""

from typing import Any, Final

from pylibsrtp._binding import ffi as srtp_ffi

from conf.media import compiled, rtcp, twcc
from conf.media.errors import DecodeError
from conf.media.feedback import DUE, KEPT, KeptFeedback
from conf.media.rows import ffi, new_peer
from conf.media.srtp import OK

_NATIVE: Final = compiled.load()
_NAME: Final = ffi.new("char[16]")  # of whoever it is
_CONTEXT: Final = srtp_ffi.new("char *")  # of no keys
_ROOM: Final = 2048


def transport_feedback(data: bytes) -> None:
    """Both readers in Python settle the same packets."""
    slow, fast = _history(), _history()
    try:
        feedback = twcc.parse_feedback(data)
    except DecodeError:
        feedback = None
    try:
        told = fast.settle_at_once(memoryview(data), 0, len(data))
    except DecodeError:  # the shorter way wants a chunk, even to tell of nothing
        assert feedback is None or not feedback.arrivals_us
        return
    if told is not None and feedback is not None:
        assert told == twcc.gather(slow.settle(feedback))
        assert slow.sizes == fast.sizes


def feedback_packet(data: bytes) -> None:
    """What the compiled reader settles, it settles as Python does; all else it leaves as it was."""
    if _NATIVE is None:
        return
    ours, theirs = _history(), _history()
    kept = KeptFeedback(new_peer(theirs))
    outcome = _read_compiled(_NATIVE, kept, data)
    told = kept.take(0)
    assert (told is not None) is (outcome in (KEPT, DUE))
    if told is not None:
        body = rtcp.lone_feedback(data, 0, len(data))
        assert body is not None
        assert told == ours.settle_at_once(data, *body)
    assert ours.sizes == theirs.sizes


def _history() -> twcc.SendHistory:
    history = twcc.SendHistory()
    for number in range(600):
        history.add(number // 3 * 1000, 1000 + number)
    return history


_in_clear: Final = ffi.callback("int(void *, void *, int *)", lambda *_: OK)


def _read_compiled(native: Any, kept: KeptFeedback, data: bytes) -> int:
    """The outcome for a packet of one who has reported under its SSRC before."""
    kept.learn(_CONTEXT, int.from_bytes(data[4:8], "big"))
    memory, messages = ffi.new(f"uint8_t[{_ROOM}]"), ffi.new("struct mmsghdr[1]")
    ffi.memmove(memory, data, min(len(data), _ROOM))
    messages[0].msg_len = len(data)
    messages[0].msg_hdr.msg_name, messages[0].msg_hdr.msg_namelen = _NAME, len(_NAME)
    batch = ffi.new("struct feedback_batch *")
    batch.packets, batch.messages, batch.unprotect = memory, messages, _in_clear
    batch.name_size, batch.count = len(_NAME), 1
    batch.rows[0] = ffi.cast("struct feedback_row *", kept.address)
    batch.rows[0].peer.name = _NAME
    native.read_feedback(batch)
    outcome: int = batch.outcomes[0]
    return outcome
