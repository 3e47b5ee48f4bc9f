"""Reading a short answer as people type it: 收到, 1, １, "1 。", 一, 请假 (pure)."""

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


@dataclass(frozen=True)
class Answer:
    """`choice`: "1".."9" where the text names one, else None. `note`: what else was written."""

    choice: str | None
    note: str


def normalise(text: str) -> str:
    """Half-width, lower case, outer blanks and final punctuation removed."""
    return unicodedata.normalize("NFKC", text).strip(_TRAILING).lower()


def read_answer(text: str) -> Answer:
    """The choice a text names. 收到 and its kin mean "1", a refusal means "2"."""
    plain = normalise(text)
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
