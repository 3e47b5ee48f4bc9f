"""How bench/bridge_links.py judges: from sizes on the wire to switches and hasty rises."""

from bench.bridge_links import LAYERS, Cell, hasty_rises, switches_of

Q, H, F = (LAYERS[rid][0] for rid in "qhf")


def test_switches_are_read_off_the_wire() -> None:
    """Seconds since the first packet, layer before and after."""
    sizes = [(10.0, Q), (10.5, Q), (12.0, H), (12.1, H), (20.0, Q)]
    assert switches_of(sizes) == [(2.0, "q", "h"), (10.0, "h", "q")]
    assert switches_of([]) == []


def test_a_rise_must_wait_after_a_fall() -> None:
    """Before the first fall a newcomer may rise as the link proves itself."""
    climb = [(1.0, "q", "h"), (3.0, "h", "f")]
    assert hasty_rises(climb) == []
    assert hasty_rises([*climb, (20.0, "f", "q"), (24.0, "q", "h")]) == [4.0]
    assert hasty_rises([*climb, (20.0, "f", "q"), (31.0, "q", "h"), (33.0, "h", "f")]) == [2.0]


def test_swings_are_rises_taken_back() -> None:
    """And a link says which targets it missed."""
    cell = Cell(0.3, 300_000, 120, voices=0.9, others=0.94)
    cell.switches = [(1.0, "q", "h"), (5.0, "h", "q"), (16.0, "q", "h"), (19.0, "h", "q")]
    assert cell.swings == 2
    assert cell.missed() == ["voices 90.0%", "others at 94.0%"]
    assert Cell(0.3, 300_000, 400, voices=0.9).missed() == []
