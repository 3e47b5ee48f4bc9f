"""Frames and messages between server and worker survive the trip; anything else is refused."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conf import line
from conf.media import control, model

SLOT = model.SlotFigures(
    "4", model.SlotKind.MAIN, "q", model.SourceKind.CAMERA, 2, 1.5e6, 0.1, 0.004, 7
)


async def read(data: bytes) -> dict[str, object] | None:
    """What the other end makes of these bytes."""
    reader = asyncio.StreamReader()
    reader.feed_data(data)
    reader.feed_eof()
    return await line.read_frame(reader)


async def test_a_frame_comes_out_as_it_went_in() -> None:
    """Chinese included; a clean end is None."""
    message = {"id": 1, "op": "join", "args": {"name": "青石镇"}}
    assert await read(line.encode_frame(message)) == message
    assert await read(b"") is None
    assert line.encode_frame({}) == b"\0\0\0\2{}"  # by the page: the long end first


async def test_a_frame_over_the_limit_is_not_taken_either() -> None:
    """Though all of it comes, and would be an object."""
    most = b"{}".ljust(line.MAX_FRAME)
    assert await read(len(most).to_bytes(4, "big") + most) == {}
    with pytest.raises(line.LineError):
        await read((len(most) + 1).to_bytes(4, "big") + most + b" ")


@pytest.mark.parametrize(
    "data",
    [b"\0", b"\0\0\0\5ab", b"\xff\xff\xff\xff", b"\0\0\0\2[]", b"\0\0\0\1{", b"\0\0\0\1\xff"],
)
async def test_a_broken_frame_ends_the_connection(data: bytes) -> None:
    """Cut, over-long, not JSON, not an object."""
    with pytest.raises(line.LineError):
        await read(data)


def test_too_much_is_not_sent() -> None:
    """A megabyte is the limit on both ends."""
    with pytest.raises(line.LineError):
        line.encode_frame({"x": "y" * line.MAX_FRAME})


@given(
    st.builds(
        model.RoomState,
        st.integers(0, 1 << 40),
        st.dictionaries(
            st.text(max_size=5),
            st.builds(
                model.ParticipantState,
                st.booleans(),
                st.booleans(),
                st.booleans(),
                st.none() | st.text(max_size=3),
                st.booleans(),
            ),
            max_size=3,
        ),
        st.none() | st.text(max_size=3),
    )
)
def test_a_room_state_survives(state: model.RoomState) -> None:
    """Every field."""
    assert control.state_from_wire(control.state_to_wire(state)) == state


@pytest.mark.parametrize(
    "event",
    [
        model.ParticipantConnected("r", "p"),
        model.ParticipantLost("r", "p", "silence"),
        model.PublishingChanged("r", "p", True, False, True),
        model.LayersWanted("r", "p", model.SourceKind.CAMERA, ("q", "h")),
        model.SpeakerChanged("r", None),
        model.SlotMapChanged("r", "p", 3, (model.Slot("3", model.SlotKind.AUDIO),)),
        model.QualityChanged("r", "p", model.Quality.POOR),
        model.StatsReport({"rooms": 1.0}, {"p": {"up_bps": 2.0}}),
        model.StatsReport({}, {}, {"p": (SLOT, SLOT)}),
    ],
)
async def test_an_event_survives(event: model.WorkerEvent) -> None:
    """Through a frame and back."""
    name, data = control.event_to_wire(event)
    message = await read(line.encode_frame(data))
    assert message is not None
    assert control.event_from_wire(name, message) == event


@pytest.mark.parametrize(("name", "data"), [("", {}), ("Nope", {}), ("SpeakerChanged", {"x": 3})])
def test_an_unknown_event_is_refused(name: str, data: dict[str, object]) -> None:
    """Rather than passed on half understood."""
    with pytest.raises(line.LineError):
        control.event_from_wire(name, data)


def test_a_malformed_state_or_slot_map_is_refused() -> None:
    """With a count of faults, not with the data."""
    with pytest.raises(line.LineError):
        control.state_from_wire({"version": "x"})
    with pytest.raises(line.LineError):
        control.slots_from_wire([{"mid": 1}])
