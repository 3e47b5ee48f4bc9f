"""Every code the platform sorts by is told in words."""

import pytest

from sms.driver import ModemError
from sms.errors_cms import ErrorFamily
from sms.meanings import meaning


@pytest.mark.parametrize(
    ("family", "code", "words"),
    [
        (ErrorFamily.CMS, 1, "空号"),
        (ErrorFamily.CMS, 21, "短信被拒绝(也可能欠费)"),
        (ErrorFamily.CMS, 98, "短信被拒绝"),
        (ErrorFamily.CMS, 515, "模块状态问题"),
        (ErrorFamily.CMS, 255, "结果不明"),
        (ErrorFamily.CME, 10, "未插SIM卡"),
        (ErrorFamily.CME, 515, "模块状态问题"),
    ],
)
def test_a_stored_error_is_read_back_with_its_meaning(
    family: ErrorFamily, code: int, words: str
) -> None:
    assert meaning(str(ModemError(family, code))) == (code, words)


def test_without_a_code_there_is_none() -> None:
    assert meaning("") == (None, "")
    assert meaning(str(ModemError(ErrorFamily.PLAIN, 0))) == (None, "结果不明")
