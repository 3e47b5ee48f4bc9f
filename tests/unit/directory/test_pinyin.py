"""A name is found by what people type."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.pinyin import readings


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("王小明", "wangxiaoming wxm"),
        ("解晓东", "xiexiaodong xxd jiexiaodong jxd"),
        ("单田", "shantian st dantian dt"),
        ("尉迟恭", "yuchigong ycg"),
        ("曾国", "zengguo zg cengguo cg"),
        ("Anna 李", "annali al"),
        ("买买提·艾力", "maimaitiaili mmtal"),
        ("", ""),
    ],
)
def test_readings_of_names(name: str, keys: str) -> None:
    assert readings(name) == keys


@given(st.text(max_size=60))
def test_any_name_has_readings_that_fit_their_column(name: str) -> None:
    assert len(readings(name)) <= 300
