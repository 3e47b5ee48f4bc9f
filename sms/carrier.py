"""Prefix → carrier for mainland mobiles (pure).

Only a guess since number portability (11/2019): what reports and people taught us about a number
overrides it. Resellers' prefixes (162, 165, 167, 170, 171) cannot be ported; the fourth digit
says whose network they use.
"""

from collections.abc import Mapping
from enum import StrEnum

from sms.numbers import is_demo_number


class Carrier(StrEnum):
    MOBILE = "mobile"  # 中国移动
    UNICOM = "unicom"  # 中国联通
    TELECOM = "telecom"  # 中国电信
    BROADNET = "broadnet"  # 中国广电
    DEMO = "demo"  # the simulator
    UNKNOWN = "unknown"


_PREFIXES: Mapping[Carrier, tuple[str, ...]] = {
    Carrier.MOBILE: (
        *(f"134{digit}" for digit in range(9)),  # 1349 was satellite service of Telecom
        "135", "136", "137", "138", "139", "147", "150", "151", "152", "157", "158", "159",
        "172", "178", "182", "183", "184", "187", "188", "195", "197", "198",
        "165", "1703", "1705", "1706",
    ),
    Carrier.UNICOM: (
        "130", "131", "132", "145", "155", "156", "166", "175", "176", "185", "186", "196",
        "167", "1704", "1707", "1708", "1709", "171",
    ),
    Carrier.TELECOM: (
        "133", "1349", "153", "173", "177", "180", "181", "189", "190", "191", "193", "199",
        "162", "1700", "1701", "1702", "1740",
    ),
    Carrier.BROADNET: ("192",),
}  # fmt: skip
_BY_PREFIX: Mapping[str, Carrier] = {
    prefix: carrier for carrier, prefixes in _PREFIXES.items() for prefix in prefixes
}
_NETWORKS: Mapping[str, Carrier] = {
    **dict.fromkeys(("46000", "46002", "46004", "46007", "46008"), Carrier.MOBILE),
    **dict.fromkeys(("46001", "46006", "46009"), Carrier.UNICOM),
    **dict.fromkeys(("46003", "46005", "46011", "46012"), Carrier.TELECOM),
    "46015": Carrier.BROADNET,
}


def carrier_of(number: str, ported: Mapping[str, Carrier] | None = None) -> Carrier:
    """Who probably serves `number` (E.164). `ported`: what is known better, by E.164 number."""
    if ported and number in ported:
        return ported[number]
    if is_demo_number(number):
        return Carrier.DEMO
    digits = number.removeprefix("+86")
    if digits == number or len(digits) != 11:
        return Carrier.UNKNOWN
    return _BY_PREFIX.get(digits[:4]) or _BY_PREFIX.get(digits[:3]) or Carrier.UNKNOWN


def carrier_of_sim(imsi: str) -> Carrier:
    """Whose SIM it is, by MCC and MNC of the IMSI; it takes its own carrier's numbers first."""
    return _NETWORKS.get(imsi[:5], Carrier.UNKNOWN)
