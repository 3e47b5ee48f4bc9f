"""Signs that no database, page or handset could take are refused where they come in."""

import pytest
from pydantic import Field

from core.errors import InvalidInput
from signaling.api import ApiModel
from signaling.storable import check_storable, is_storable


@pytest.mark.parametrize("text", ["氯气泄漏", "", "a\tb\n", "🔥", "\u202e"])
def test_what_people_write_may_be_stored(text: str) -> None:
    check_storable({"text": [text, {"more": text}]})


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ({"text": "a\0b"}, "text"),
        ({"sites": [{"name": "x"}, {"name": "\ud800"}]}, "sites.1.name"),
        ({"figures": {"\0": 1}}, "key"),
        ("\0", None),
    ],
)
def test_what_cannot_be_stored_is_named(value: object, field: str | None) -> None:
    with pytest.raises(InvalidInput) as fault:
        check_storable(value)
    assert fault.value.field == field
    assert is_storable(str(fault.value.as_wire()))


def test_depth_costs_no_recursion() -> None:
    value: list[object] = []
    for _ in range(5000):
        value = [value]
    check_storable(value)


@pytest.mark.parametrize("text", ["NaN", "Infinity", "1e999"])
def test_a_number_is_a_number(text: str) -> None:
    class Figure(ApiModel):
        value: float
        more: dict[str, float] = Field(default_factory=dict)

    with pytest.raises(ValueError, match="finite"):
        Figure.model_validate_json(f'{{"value": {text}}}')
    with pytest.raises(ValueError, match="finite"):
        Figure.model_validate_json(f'{{"value": 1, "more": {{"a": {text}}}}}')
