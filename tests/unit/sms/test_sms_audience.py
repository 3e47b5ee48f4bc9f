"""What a text with variables says to each recipient, and who stands in its way."""

import pytest

from core.errors import InvalidInput
from sms.audience import Member, Missing, addressed, known, merged, refuse_missing
from sms.model import Recipient
from sms.numbers import demo_number


def _member(index: int, name: str, **values: str) -> Member:
    return Member(Recipient(demo_number(index), name), merged(known(name, "东镇"), values))


def _texts(text: str, *members: Member) -> list[str | None]:
    return [one.text for one in addressed(text, members) if isinstance(one, Recipient)]


def test_each_recipient_gets_a_text_of_their_own() -> None:
    people = [_member(1, "张三", 时间="八点"), _member(2, "李四", 时间="九点")]
    texts = _texts("{姓名}（{unit}）{时间}到", *people)
    assert texts == ["张三（东镇）八点到", "李四（东镇）九点到"]


def test_a_text_without_variables_stays_everybodys() -> None:
    assert [
        one.text for one in addressed("开会", [_member(1, "张三")]) if isinstance(one, Recipient)
    ] == [None]


def test_what_has_no_value_is_named_and_refused() -> None:
    people = [_member(1, "张三", 时间="八点"), _member(2, "", 时间=" "), _member(3, "王五")]
    missing = [one for one in addressed("{时间}到", people) if isinstance(one, Missing)]
    assert [(one.recipient.number, one.variable) for one in missing] == [
        (demo_number(2), "时间"), (demo_number(3), "时间"),
    ]  # fmt: skip
    with pytest.raises(InvalidInput, match=r"\{时间\}: …0002, 王五"):
        refuse_missing(missing)
    refuse_missing([])


@pytest.mark.parametrize("text", ["{", "}", "{}", "{a b}", "{0.x}", "a{姓名"])
def test_a_brace_that_encloses_no_word_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        list(addressed(text, [_member(1, "张三")]))


def test_a_value_with_braces_is_sent_as_it_is_and_never_filled_again() -> None:
    hostile = Member(Recipient(demo_number(1)), {"a": "{b}", "b": "secret"})
    assert [one.text for one in addressed("{a}", [hostile]) if isinstance(one, Recipient)] == [
        "{b}"
    ]
