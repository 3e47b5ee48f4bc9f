"""Error codes in plain words, for whoever asks why a text did not arrive (pure).

TS 27.005 §3.2.5, TS 24.011 annex E, TS 23.040 §9.2.3.22; a code nobody explains is told by its
class.
"""

import re
from collections.abc import Mapping

from sms.errors_cms import ErrorClass, ErrorFamily, classify

_CMS: Mapping[int, str] = {
    1: "空号",
    8: "运营商限制",
    10: "呼叫受限",
    17: "网络故障",
    21: "短信被拒绝(也可能欠费)",
    22: "网络拥塞",
    27: "对方停机",
    28: "未知用户",
    29: "业务被拒绝",
    30: "未知用户",
    38: "网络故障(也可能超量)",
    41: "临时故障",
    42: "网络拥塞",
    47: "资源不可用",
    50: "未开通短信业务",
    69: "业务不支持",
    95: "消息无效",
    96: "必填信息无效",
    111: "协议错误",
    127: "网络互通错误",
    193: "短信中心号码未知",
    194: "短信中心拥塞",
    195: "地址无效",
    196: "号码被限制",
    197: "重复短信,网络已有",
    208: "存储已满",
    300: "模块故障",
    302: "操作不允许",
    304: "PDU 参数无效",
    305: "文本参数无效",
    310: "未插SIM卡",
    311: "需要PIN码",
    313: "SIM卡故障",
    314: "SIM卡忙",
    316: "需要PUK码",
    320: "存储故障",
    321: "存储位置无效",
    322: "存储已满",
    330: "短信中心号码缺失",
    331: "无网络服务",
    332: "网络超时,结果不明",
    500: "未知错误,结果不明",
}
_CME: Mapping[int, str] = {
    10: "未插SIM卡",
    11: "需要PIN码",
    12: "需要PUK码",
    13: "SIM卡故障",
    14: "SIM卡忙",
    15: "SIM卡错误",
    16: "密码错误",
    20: "存储已满",
    30: "无网络服务",
    31: "网络超时",
    32: "仅限紧急呼叫",
    100: "未知错误",
}
_CLASSES: Mapping[ErrorClass, str] = {
    ErrorClass.NUMBER: "号码问题",
    ErrorClass.MESSAGE: "短信被拒绝",
    ErrorClass.DUPLICATE: "网络已有这条短信",
    ErrorClass.SIM: "SIM卡问题",
    ErrorClass.NETWORK: "网络问题",
    ErrorClass.STORAGE: "存储问题",
    ErrorClass.MODEM: "模块状态问题",
    ErrorClass.UNKNOWN: "结果不明",
}
_WRITTEN = re.compile(r"\+?(CMS|CME)\D*(\d+)", re.IGNORECASE)


def meaning(error: str) -> tuple[int | None, str]:
    """The code in an attempt's stored error and what it means; (None, "") where there is none."""
    if not error:
        return None, ""
    found = _WRITTEN.search(error)
    if found is None:
        return None, _CLASSES[ErrorClass.UNKNOWN]
    family, code = ErrorFamily(found[1].lower()), int(found[2])
    known = _CMS if family is ErrorFamily.CMS else _CME
    return code, known.get(code) or _CLASSES[classify(family, code)]
