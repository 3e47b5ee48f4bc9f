"""How a name is typed on a Latin keyboard: full reading and initials, surnames read as surnames."""

import importlib
from functools import cache
from typing import Any

_SURNAMES = {
    "尉迟": ("yu", "chi"),
    "万俟": ("mo", "qi"),
    "长孙": ("zhang", "sun"),
    "单于": ("chan", "yu"),
    "澹台": ("tan", "tai"),
    "仇": ("qiu",),
    "单": ("shan",),
    "解": ("xie",),
    "曾": ("zeng",),
    "查": ("zha",),
    "朴": ("piao",),
    "任": ("ren",),
    "华": ("hua",),
    "乐": ("yue",),
    "盖": ("ge",),
    "区": ("ou",),
    "翟": ("zhai",),
    "缪": ("miao",),
    "种": ("chong",),
    "燕": ("yan",),
    "宁": ("ning",),
    "那": ("na",),
    "繁": ("po",),
    "召": ("shao",),
    "秘": ("bi",),
    "冼": ("xian",),
    "员": ("yun",),
    "逄": ("pang",),
    "覃": ("qin",),
}
"""Surnames whose reading differs from the character's usual one, or is often taken wrongly."""
_LONGEST = 300


def readings(name: str) -> str:
    """Search keys of a person's name, separated by spaces: `wangxiaoming wxm`.

    A surname with a reading of its own gives both, since people type either (解 xie, jie).
    """
    library = _library()
    plain = library.lazy_pinyin(name, style=library.Style.NORMAL, errors=_letters)
    variants = [plain]
    for length in (2, 1):
        surname = _SURNAMES.get(name[:length])
        if surname is not None:
            variants.insert(0, [*surname, *plain[length:]])
            break
    keys: list[str] = []
    for syllables in variants:
        keys += ["".join(syllables), "".join(syllable[:1] for syllable in syllables)]
    return " ".join(dict.fromkeys(key for key in keys if key))[:_LONGEST]


@cache
def _library() -> Any:
    """Pypinyin, when the first name is written: its dictionary is a tenth of a server's start."""
    return importlib.import_module("pypinyin")


def _letters(text: str) -> str:
    """What is not Chinese: its letters and digits, in lower case."""
    return "".join(sign for sign in text.lower() if sign.isalnum())
