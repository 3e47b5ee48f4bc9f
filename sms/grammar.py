"""Reading what people type: answers (收到, 1, １, 一, A1, 请假), reports, stop words (pure)."""

import re
import unicodedata
from dataclasses import dataclass

_CHINESE_DIGITS = {"一": "1", "二": "2", "三": "3", "四": "4", "五": "5", "六": "6", "七": "7",
                   "八": "8", "九": "9", "两": "2", "壹": "1", "贰": "2", "叁": "3"}  # fmt: skip
_YES = (
    "收到",
    "好的",
    "好",
    "可以",
    "参加",
    "确认",
    "明白",
    "知道了",
    "ok",
    "yes",
    "是",
    "同意",
    "行",
)
_NO = ("不能", "不参加", "请假", "无法", "去不了", "不行", "no", "拒绝", "不同意")
# A digit of its own: "13点到" names no choice.
_NUMBERED = re.compile(r"(?:回复|选|答)?\s*([1-9])(?!\d)号?[\s.。,，、:：]*(.*)", re.DOTALL)
_TRAILING = " \t\r\n.。,，!！~～;；:：、…"


# A1, a 1, Ａ１, "A: 收到", "AB2": the letters say which question is meant. "ok", "no" are words.
_CODED = re.compile(r"([a-hj-np-z]{1,2})\s*[.。,，、:：-]?\s*(?=[^a-z\s])(.+)", re.DOTALL)
_STOP = frozenset({"td", "t", "退订", "退定", "拒收", "回复td", "stop", "unsubscribe"})
_START = frozenset({"恢复", "恢复接收", "订阅", "start"})
_FORMS = {
    "水情": "water_level", "水位": "water_level", "雨情": "rainfall", "雨量": "rainfall",
    "灾情": "disaster", "险情": "danger", "路况": "road", "道路": "road",
}  # fmt: skip
_MEASURED = frozenset({"water_level", "rainfall"})
_REPORT = re.compile("(" + "|".join(_FORMS) + r")[\s:：,，]*(.*)", re.DOTALL)
_FIGURE = re.compile(
    r"([0-9]{1,4}(?:\.[0-9]{1,2})?)(?![\d.点:])\s*(?:米|毫米|mm|m)?(.*)", re.DOTALL
)


@dataclass(frozen=True)
class Answer:
    """`choice`: "1".."9" where the text names one, else None. `note`: what else was written.

    `code`: the one or two letters in front, upper case, where there are any.
    """

    choice: str | None
    note: str
    code: str | None = None


@dataclass(frozen=True)
class Report:
    """A village report form. `value`: metres of water, millimetres of rain; None: words only."""

    kind: str
    value: float | None
    note: str


def is_stop_word(text: str) -> bool:
    """退订, TD and their kin: no more notices to this number."""
    return normalise(text) in _STOP


def is_start_word(text: str) -> bool:
    """Takes a stop word back."""
    return normalise(text) in _START


def read_report(text: str) -> Report | None:
    """A report form (水情 3.2, 雨量45毫米, 灾情 房屋倒塌一间); None if it is none.

    A measurement without a figure, and a form word without anything, is none: a person reads it.
    """
    found = _REPORT.fullmatch(normalise(text))
    if found is None:
        return None
    kind, rest = _FORMS[found[1]], found[2].strip(_TRAILING)
    if kind not in _MEASURED:
        return Report(kind, None, rest) if rest else None
    figure = _FIGURE.fullmatch(rest)
    return Report(kind, float(figure[1]), figure[2].strip(_TRAILING)) if figure else None


def normalise(text: str) -> str:
    """Half-width, lower case, outer blanks and final punctuation removed."""
    return unicodedata.normalize("NFKC", text).strip(_TRAILING).lower()


def read_answer(text: str) -> Answer:
    """The choice a text names. 收到 and its kin mean "1", a refusal means "2"."""
    plain = normalise(text)
    coded = _CODED.fullmatch(plain)
    if coded:
        answer = _read_plain(coded[2].strip())
        if answer.choice is not None:
            return Answer(answer.choice, answer.note, coded[1].upper())
    return _read_plain(plain)


def _read_plain(plain: str) -> Answer:
    numbered = _NUMBERED.fullmatch(plain)
    if numbered:
        return Answer(numbered[1], numbered[2].strip())
    head = plain[:1]
    if head in _CHINESE_DIGITS and (len(plain) == 1 or plain[1] in _TRAILING):
        return Answer(_CHINESE_DIGITS[head], plain[1:].strip(_TRAILING))
    for words, choice in ((_NO, "2"), (_YES, "1")):  # 不参加 begins like neither; refusals first
        for word in words:
            if plain.startswith(word):
                return Answer(choice, plain[len(word) :].strip(_TRAILING))
    return Answer(None, plain)
